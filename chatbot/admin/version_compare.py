"""Two versions side by side: their figures, how they were made, and from what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chatbot.admin import version_report, version_words
from chatbot.admin.teaching_words import teaching_figures
from chatbot.admin.version_report import MetricShown
from chatbot.admin.version_rows import HASH_SHOWN
from chatbot.admin.version_words import number
from chatbot.learning.compare import Comparison
from chatbot.models import ModelVersion

Names = Mapping[str, str | Promise] | None


@dataclass(frozen=True, kw_only=True)
class Pair:
    """One line of the comparison: what it is of and its value on both sides."""

    label: str
    one: str
    other: str

    @property
    def differs(self) -> bool:
        return self.one != self.other


@dataclass(frozen=True, kw_only=True)
class PairShown:
    """Two versions, the older one first.

    `metrics` are those of one paired comparison, where the newer was measured against the older; else `figures` are
    what each was measured with by itself. `caution` says what must be thought of when reading them. `adapters` is empty
    where none of the generator was trained.
    """

    one: ModelVersion
    other: ModelVersion
    metrics: Sequence[MetricShown]
    figures: Sequence[Pair]
    caution: str
    data: Sequence[Pair]
    recipe: Sequence[Pair]
    adapters: Sequence[Pair]

    @property
    def versions(self) -> Sequence[ModelVersion]:
        return (self.one, self.other)


def pair_of(one: ModelVersion, other: ModelVersion) -> PairShown:
    """Put two versions of a locale side by side."""
    one, other = sorted((one, other), key=lambda version: version.number)
    first, second = version_report.comparison_of(one), version_report.comparison_of(other)
    paired = second is not None and other.judged_against == one.name
    hashes = (version.data_sha256[:HASH_SHOWN] or "–" for version in (one, other))
    fingerprint = Pair(label=_("Fingerprint of the data"), one=next(hashes), other=next(hashes))
    return PairShown(
        one=one,
        other=other,
        metrics=version_report.metrics_shown(second.metrics) if second and paired else [],
        figures=[] if paired else _figures(first, second),
        caution="" if paired else _caution(one, other, first, second),
        data=[*_pairs(one.data, other.data, names=version_words.DATA), fingerprint],
        recipe=[
            *_pairs(_flat(one.recipe), _flat(other.recipe)),
            Pair(label=_("Seed"), one=str(one.seed), other=str(other.seed)),
        ],
        adapters=_adapters(one, other),
    )


def _caution(
    one: ModelVersion, other: ModelVersion, first: Comparison | None, second: Comparison | None
) -> str:
    """Say why the figures of two versions may not be held against each other, or on what grounds they may."""
    for version, report in ((one, first), (other, second)):
        if report is None:
            return _(
                "Version %(number)s has no report of its own, so there is nothing to hold the other's figures against."
            ) % {"number": version.number}
    if first is None or second is None:
        return ""
    if one.data_sha256 and (one.data_sha256, one.seed) == (other.data_sha256, other.seed):
        return _("Both were measured on the same questions, each against what was live at its time.")
    return _(
        "They were measured on different questions (%(one)s and %(other)s), so a difference between these figures says "
        "little. Promote one and train again to compare them on the same."
    ) % {"one": _asked(first), "other": _asked(second)}


def _asked(report: Comparison) -> str:
    said = ngettext("%(count)s question", "%(count)s questions", report.n)
    return said % {"count": number(report.n)}


def _figures(first: Comparison | None, second: Comparison | None) -> list[Pair]:
    """Return the metrics that either side has."""
    one, other = (
        {name: metric.after for name, metric in side.metrics.items()} if side else {}
        for side in (first, second)
    )
    return [
        Pair(
            label=version_words.metric_name(name),
            one=version_words.figure(one.get(name)),
            other=version_words.figure(other.get(name)),
        )
        for name in sorted({*one, *other}, key=version_words.place_of)
        if one.get(name) is not None or other.get(name) is not None
    ]


def _adapters(one: ModelVersion, other: ModelVersion) -> list[Pair]:
    """Return the adapters of the generator, and how each fared when it was trained; nothing where none was made."""
    first, second = ({row.label: row.after for row in teaching_figures(version)} for version in (one, other))
    if not (one.adapter_sha256 or other.adapter_sha256 or first or second):
        return []
    hashes = [version.adapter_sha256[:HASH_SHOWN] or "–" for version in (one, other)]
    return [
        Pair(label=_("Fingerprint of the adapter"), one=hashes[0], other=hashes[1]),
        *(
            Pair(label=label, one=first.get(label, "–"), other=second.get(label, "–"))
            for label in dict.fromkeys([*first, *second])
        ),
    ]


def _pairs(one: Mapping[str, Any], other: Mapping[str, Any], *, names: Names = None) -> list[Pair]:
    return [
        Pair(label=_label(name, names), one=_value(one.get(name)), other=_value(other.get(name)))
        for name in _ordered({*one, *other}, names)
    ]


def named_values(values: Mapping[str, Any], *, names: Names = None) -> list[tuple[str, str]]:
    """Return the data or the recipe of a version as words; without `names` what a value is called is shown as it is."""
    flat = _flat(values)
    return [(_label(name, names), _value(flat[name])) for name in _ordered(flat, names)]


def _ordered(found: Iterable[str], names: Names) -> list[str]:
    """Return the names in the order of their words, and what has none by the alphabet: the database keeps no order."""
    known = list(names or ())
    return sorted(found, key=lambda name: (known.index(name) if name in known else len(known), name))


def _label(name: str, names: Names) -> str:
    return str((names or {}).get(name, name))


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested values by dotted names."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {f"{prefix}{name}": value}
    return flat


def _value(value: object) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, int):
        return number(value)
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 0.001 else number(value, 3).rstrip("0").rstrip(".,")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
