"""Plots as geometry: what the templates draw as SVG, and the same numbers for a table beside it.

Every plot has the same frame, so that the script that follows a training moves lines and rewrites labels, no more.
Numbers that go into the drawing are texts with a decimal point, whatever the page's language writes.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from chatbot.admin.version_words import number
from chatbot.learning.side import Bin, Curves

# The frame in the template's drawing, which is 360 by 228.
LEFT, RIGHT, TOP, BOTTOM = 42.0, 348.0, 10.0, 184.0
PARTS = 4
DOT_LARGEST = 7.0
DOT_SMALLEST = 2.5
# Tops of an axis whose quarters are round numbers.
ROUND = (1.0, 1.2, 1.6, 2.0, 2.4, 3.2, 4.0, 6.0, 8.0)
# The lowest precision that a plot of precisions begins with, in steps of.
FLOOR_STEP = 0.2


@dataclass(frozen=True, kw_only=True)
class Tick:
    """A label of an axis and where it stands."""

    at: str
    label: str


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of a plot; `name` chooses its style."""

    name: str
    label: str
    path: str


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One dot of a plot; `name` chooses its style."""

    name: str
    x: str
    y: str
    radius: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A plot with its table: `columns` are the heads, `rows` the cells."""

    name: str
    title: str
    description: str
    x_label: str
    y_label: str
    x_ticks: Sequence[Tick]
    y_ticks: Sequence[Tick]
    lines: Sequence[Line]
    dots: Sequence[Dot] = field(default=())
    columns: Sequence[str] = field(default=())
    rows: Sequence[Sequence[str]] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return what changes while a training runs."""
        return {
            "x": [tick.label for tick in self.x_ticks],
            "y": [tick.label for tick in self.y_ticks],
            "lines": {line.name: line.path for line in self.lines},
        }


def loss_chart(curve: Sequence[Sequence[float | None]]) -> Chart:
    """Draw the loss over the steps: `curve` holds [step, loss, loss on held-out wordings or None]."""
    points = [(float(step or 0), loss, held) for step, loss, held in curve]
    last = max((step for step, _loss, _held in points), default=1.0) or 1.0
    losses = [(step, loss) for step, loss, _held in points if _is_number(loss)]
    held = [(step, value) for step, _loss, value in points if _is_number(value)]
    top = _round_top(max((float(value or 0) for _step, value in [*losses, *held]), default=1.0))
    decimals = 0 if top >= 10 * PARTS else 2

    def path(of: Sequence[tuple[float, float | None]]) -> str:
        return _path([(step / last, float(value or 0) / top) for step, value in of])

    return Chart(
        name="loss",
        title=_("Loss"),
        description=_loss_description(losses, held),
        x_label=_("Step"),
        y_label="",
        x_ticks=_x_ticks([number(last * part / PARTS) for part in range(PARTS + 1)]),
        y_ticks=_y_ticks([number(top * part / PARTS, decimals) for part in range(PARTS + 1)]),
        lines=[
            Line(name="before", label=_("on the wordings that it learns"), path=path(losses)),
            Line(name="after", label=_("on wordings held back"), path=path(held)),
        ],
        columns=[_("Step"), _("Loss"), _("Loss on wordings held back")],
        rows=[[number(step), _number(loss), _number(value)] for step, loss, value in points],
    )


def calibration_chart(before: Curves, after: Curves) -> Chart:
    """Draw the share that was right over the confidence."""
    most = max((bin_.n for bin_ in [*before.calibration, *after.calibration]), default=1) or 1
    lines, dots, rows = [], [], []
    for name, label, side in _sides(before, after):
        filled = [(bin_, bin_.confidence or 0.0, bin_.right or 0.0) for bin_ in side.calibration if bin_.n]
        lines.append(Line(name=name, label=label, path=_path([(sure, right) for _b, sure, right in filled])))
        dots += [_dot(name, label, bin_, sure, right, most) for bin_, sure, right in filled]
        rows += [[label, percent(sure), percent(right), number(b.n)] for b, sure, right in filled]
    ideal = Line(name="ideal", label=_("as sure as it is right"), path=_path([(0.0, 0.0), (1.0, 1.0)]))
    return Chart(
        name="calibration",
        title=_("Confidence and truth"),
        description=_(
            "How often the first answer was right where the version was so sure. Below the dashed line it is too sure. "
            "The larger a dot, the more questions it stands for."
        ),
        x_label=_("Confidence"),
        y_label=_("Share that was right"),
        x_ticks=_x_ticks(_shares(0.0)),
        y_ticks=_y_ticks(_shares(0.0)),
        lines=[ideal, *lines],
        dots=dots,
        columns=[_("Version"), _("Confidence"), _("Right"), _("Questions")],
        rows=rows,
    )


def abstention_chart(before: Curves, after: Curves, *, wanted: float) -> Chart:
    """Draw the share of right answers (precision) over the share of questions answered (coverage).

    `wanted` is the precision that the locale asks for.
    """
    sides = _sides(before, after)
    lowest = min((point.precision for _n, _l, side in sides for point in side.abstention), default=0.0)
    floor = max(0.0, math.floor(min(lowest, wanted) / FLOOR_STEP) * FLOOR_STEP)

    def height(precision: float) -> float:
        return (precision - floor) / (1 - floor)

    lines = [
        Line(name=name, label=label, path=_path([(p.coverage, height(p.precision)) for p in side.abstention]))
        for name, label, side in sides
    ]
    asked = Line(
        name="ideal",
        label=_("asked for: %(share)s right") % {"share": percent(wanted)},
        path=_path([(0.0, height(wanted)), (1.0, height(wanted))]),
    )
    return Chart(
        name="abstention",
        title=_("Answered and right"),
        description=_(
            "The more questions a version answers, the less sure are those that it adds. The further its line stays "
            "above the dashed one, the more it can answer."
        ),
        x_label=_("Share of questions answered"),
        y_label=_("Share of those that is right"),
        x_ticks=_x_ticks(_shares(0.0)),
        y_ticks=_y_ticks(_shares(floor)),
        lines=[asked, *lines],
        columns=[_("Version"), _("Answered"), _("Right")],
        rows=[
            [label, percent(point.coverage), percent(point.precision)]
            for _n, label, side in sides
            for point in side.abstention
        ],
    )


def _sides(before: Curves, after: Curves) -> list[tuple[str, str, Curves]]:
    return [("before", _("what was live"), before), ("after", _("this version"), after)]


def _dot(name: str, label: str, of: Bin, sure: float, right: float, most: int) -> Dot:
    words = {
        "label": label,
        "count": number(of.n),
        "right": percent(right),
        "confidence": percent(sure),
    }
    return Dot(
        name=name,
        x=_x(sure),
        y=_y(right),
        radius=f"{max(DOT_SMALLEST, DOT_LARGEST * math.sqrt(of.n / most)):.1f}",
        title=_("%(label)s: %(right)s right where it was %(confidence)s sure (%(count)s questions)") % words,
    )


def percent(share: float, decimals: int = 0) -> str:
    """Return a share as a percentage in words of the page's language."""
    return _("%(number)s%%") % {"number": number(100 * share, decimals)}


def _loss_description(
    losses: Sequence[tuple[float, float | None]], held: Sequence[tuple[float, float | None]]
) -> str:
    if not losses:
        return _("Nothing has been learned yet.")
    said = _("The loss went from %(first)s to %(last)s.") % {
        "first": _number(losses[0][1]),
        "last": _number(losses[-1][1]),
    }
    if held:
        said += " " + _("On wordings that were held back it is %(last)s.") % {"last": _number(held[-1][1])}
    return said


def _number(value: float | None) -> str:
    return number(value, 3) if value is not None and math.isfinite(value) else "–"


def _is_number(value: float | None) -> bool:
    return value is not None and math.isfinite(value)


def _round_top(highest: float) -> float:
    """Return the lowest round number from which on everything fits under."""
    if highest <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return power * next((top for top in ROUND if top * power >= highest), 10.0)


def _shares(floor: float) -> list[str]:
    return [percent(floor + (1 - floor) * part / PARTS) for part in range(PARTS + 1)]


def _x_ticks(labels: Sequence[str]) -> list[Tick]:
    return [Tick(at=_x(part / PARTS), label=label) for part, label in enumerate(labels)]


def _y_ticks(labels: Sequence[str]) -> list[Tick]:
    return [Tick(at=_y(part / PARTS), label=label) for part, label in enumerate(labels)]


def _path(points: Sequence[tuple[float, float]]) -> str:
    """Return the `d` of a line through points from 0 to 1 on both axes."""
    return " ".join(f"{'L' if place else 'M'}{_x(x)} {_y(y)}" for place, (x, y) in enumerate(points))


def _x(share: float) -> str:
    return f"{LEFT + (RIGHT - LEFT) * min(max(share, 0.0), 1.0):.1f}"


def _y(share: float) -> str:
    return f"{BOTTOM - (BOTTOM - TOP) * min(max(share, 0.0), 1.0):.1f}"
