"""What became of a version's adapter of the generator, in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chatbot.admin.training_words import duration
from chatbot.admin.version_words import number
from chatbot.learning.rewriting import gate
from chatbot.learning.rewriting.gate import Sitting, Teaching
from chatbot.models import ModelVersion

TITLES: Mapping[str, str | Promise] = {
    gate.PASSED: gettext_lazy("The generator's adapter goes with this version"),
    gate.LOSS: gettext_lazy("Refused: the generator learned nothing"),
    gate.FORBIDDEN: gettext_lazy("Refused: with the adapter the generator says what is false"),
    gate.FEWER_RIGHT: gettext_lazy("Refused: with the adapter fewer replies are right"),
    gate.NO_GENERATOR: gettext_lazy("The generator was not taught"),
    gate.NO_EXAM: gettext_lazy("The generator was not taught"),
    gate.TOO_FEW: gettext_lazy("The generator was not taught"),
    gate.UNFIT: gettext_lazy("The generator was not taught"),
    gate.FAILED: gettext_lazy("The generator was not taught"),
}
WHYS: Mapping[str, str | Promise] = {
    gate.LOSS: gettext_lazy("Replies that were held back surprised it no less than before."),
    gate.FORBIDDEN: gettext_lazy("In the exam, no reply may say what is false."),
    gate.FEWER_RIGHT: gettext_lazy("In the exam, it may do no worse than what is live."),
    gate.NO_GENERATOR: gettext_lazy("No language model is installed."),
    gate.NO_EXAM: gettext_lazy(
        "There is no exam in this language, so nobody could tell whether it got better."
    ),
    gate.TOO_FEW: gettext_lazy("The FAQ is too small to teach how to reply. Add FAQs, and train again."),
    gate.UNFIT: gettext_lazy("No adapter can be trained for the language model that is installed."),
    gate.FAILED: gettext_lazy("It ended with an error, which the worker's log names."),
}
REFUSED = frozenset({gate.LOSS, gate.FORBIDDEN, gate.FEWER_RIGHT})


@dataclass(frozen=True, kw_only=True)
class FigureShown:
    """One figure of both sides."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class TeachingShown:
    """What became of it: `tone` is good, bad or neutral; `names` are the generators that sat the exam."""

    tone: str
    title: str
    sentences: Sequence[str]
    figures: Sequence[FigureShown]
    names: Sequence[str]


def teaching_figures(version: ModelVersion) -> list[FigureShown]:
    """Return how a version's adapter fared beside what was live; nothing where none was trained."""
    found = _read(version)
    return _figures(found) if found else []


def teaching_shown(version: ModelVersion) -> TeachingShown | None:
    """Put what became of a version's adapter into words; None where none was to be trained."""
    found = _read(version)
    if found is None:
        return None
    sentences = [str(WHYS[found.code])] if found.code in WHYS else []
    if found.is_live_kept:
        sentences.append(_("The adapter of what was live stays with this version."))
    if found.steps:
        said = _("It learned from %(count)s replies in %(time)s.")
        sentences.append(said % {"count": number(found.examples), "time": duration(found.seconds)})
    return TeachingShown(
        tone="good" if found.passed else "bad" if found.code in REFUSED else "neutral",
        title=str(TITLES[found.code]),
        sentences=sentences,
        figures=_figures(found),
        names=[one.generator for one in (found.before, found.after) if one is not None],
    )


def _read(version: ModelVersion) -> Teaching | None:
    try:
        return Teaching.from_json(version.teaching) if version.teaching else None
    except ValueError:
        return None


def _figures(found: Teaching) -> list[FigureShown]:
    rows = []
    if found.loss_before is not None and found.loss_after is not None:
        rows.append(
            FigureShown(
                label=_("Surprise at approved replies"),
                before=number(found.loss_before, 2),
                after=number(found.loss_after, 2),
            )
        )
    if found.before is not None and found.after is not None:
        rows += [_figure(label, found.before, found.after, name) for label, name in _counts()]
    return rows


def _counts() -> list[tuple[str, str]]:
    """Return the figures of an exam, by the names of a score's fields."""
    return [
        (_("Right replies in the exam"), "right"),
        (_("False claims in the exam"), "forbidden"),
        (_("Replies in its own words"), "own"),
    ]


def _figure(label: str, before: Sitting, after: Sitting, name: str) -> FigureShown:
    def shown(one: Sitting) -> str:
        counts = {"number": number(getattr(one.score, name)), "all": number(one.score.total)}
        return _("%(number)s of %(all)s") % counts

    return FigureShown(label=label, before=shown(before), after=shown(after))
