"""A version's report as it is shown: every figure of both sides, the questions that changed, plots, time and size."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.urls import reverse
from django.utils.translation import gettext as _

from chatbot.admin import training_charts, version_words
from chatbot.admin.training_charts import Chart, percent
from chatbot.admin.version_words import figure, number, points
from chatbot.engine.calibrator import THRESHOLDS
from chatbot.learning import gate
from chatbot.learning.compare import Change, Changes, Comparison, Metric, Part
from chatbot.models import ModelVersion
from customers.models import FaqEntry

# A difference less likely than this by chance is called one.
SURE = 0.05


@dataclass(frozen=True, kw_only=True)
class MetricShown:
    """One figure of both sides in words; `tone` is good or bad where the difference is more than chance."""

    code: str
    label: str
    before: str
    before_interval: str
    after: str
    after_interval: str
    difference: str
    difference_interval: str
    p: str
    tone: str


@dataclass(frozen=True, kw_only=True)
class PartShown:
    """Some of the questions: how many, and the share of both sides that was right."""

    name: str
    count: int
    before: str
    after: str
    difference: str
    tone: str


@dataclass(frozen=True, kw_only=True)
class KeyShown:
    """An FAQ by its id; without one no answer. `url` and `question` are empty where it is gone."""

    key: str
    url: str = ""
    question: str = ""


@dataclass(frozen=True, kw_only=True)
class ChangeShown:
    """A question that only one side got right, and what each answered with which confidence."""

    text: str
    origin: str
    expected: Sequence[KeyShown]
    before: KeyShown
    before_confidence: str
    after: KeyShown
    after_confidence: str


@dataclass(frozen=True, kw_only=True)
class ChangesShown:
    """The questions of one direction; `more` says how many there are beyond those shown."""

    name: str
    count: int
    shown: Sequence[ChangeShown]

    @property
    def more(self) -> int:
        return self.count - len(self.shown)


@dataclass(frozen=True, kw_only=True)
class CostShown:
    """Time or size of both sides."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, kw_only=True)
class ReportShown:
    """All of a report."""

    count: int
    in_scope: int
    out_of_scope: int
    metrics: Sequence[MetricShown]
    categories: Sequence[PartShown]
    origins: Sequence[PartShown]
    changes: Sequence[ChangesShown]
    charts: Sequence[Chart]
    costs: Sequence[CostShown]


def comparison_of(version: ModelVersion) -> Comparison | None:
    """Return what a version's report holds; None where it has none, or one of another release that cannot be read."""
    try:
        return Comparison.from_json(version.report) if version.report else None
    except ValueError:
        return None


def report_of(version: ModelVersion) -> ReportShown | None:
    """Put a version's report into what its page shows; one query. None where it has no report."""
    found = comparison_of(version)
    if found is None:
        return None
    keys = _keys(version, [*found.worse.shown, *found.better.shown])
    wanted = 1 - version.profile.max_wrong_percent / 100
    return ReportShown(
        count=found.n,
        in_scope=found.in_scope,
        out_of_scope=found.out_of_scope,
        metrics=metrics_shown(found.metrics),
        categories=[_part(part, part.name or _("without a category")) for part in found.categories],
        origins=[_part(part, version_words.origin_name(part.name)) for part in found.origins],
        changes=[_changes("worse", found.worse, keys), _changes("better", found.better, keys)],
        charts=[
            training_charts.calibration_chart(found.before, found.after),
            training_charts.abstention_chart(found.before, found.after, wanted=wanted),
        ],
        costs=[_cost(name, cost.before, cost.after) for name, cost in found.speed.items()],
    )


def metrics_shown(metrics: Mapping[str, Metric]) -> list[MetricShown]:
    """Return the metrics that are defined on either side, in words."""
    return [
        MetricShown(
            code=name,
            label=version_words.metric_name(name),
            before=figure(metric.before),
            before_interval=_interval(metric.interval_before),
            after=figure(metric.after),
            after_interval=_interval(metric.interval_after),
            difference=points(metric.difference),
            difference_interval=_difference_interval(metric),
            p=_p(metric.p),
            tone=tone_of(name, metric),
        )
        for name, metric in sorted(metrics.items(), key=lambda item: version_words.place_of(item[0]))
        if metric.before is not None or metric.after is not None
    ]


def tone_of(name: str, metric: Metric) -> str:
    """Say whether a metric is better or worse by more than chance: good, bad, or nothing."""
    if not metric.difference or metric.p is None or metric.p >= SURE:
        return ""
    return "good" if (metric.difference > 0) != (name in gate.LOWER_IS_BETTER) else "bad"


def _interval(span: tuple[float, float] | None) -> str:
    if span is None:
        return ""
    low, high = (number(100 * end, 1) for end in span)
    return f"{low}–{high}"


def _difference_interval(metric: Metric) -> str:
    if metric.interval_difference is None:
        return ""
    low, high = (points(end) for end in metric.interval_difference)
    return f"{low} … {high}"


def _p(value: float | None) -> str:
    if value is None:
        return ""
    return "< " + number(0.001, 3) if value < 0.001 else number(value, 3)


def _part(part: Part, name: str) -> PartShown:
    moved = part.after - part.before if part.after is not None and part.before is not None else None
    return PartShown(
        name=name,
        count=part.n,
        before=figure(part.before),
        after=figure(part.after),
        difference=points(moved),
        tone="" if not moved else "good" if moved > 0 else "bad",
    )


def _changes(name: str, changes: Changes, keys: Mapping[str, KeyShown]) -> ChangesShown:
    def shown(key: str | None) -> KeyShown:
        return keys.get(key, KeyShown(key=key)) if key is not None else KeyShown(key="")

    def given(change: Change, key: str | None, confidence: float) -> KeyShown:
        # What has no answer is right for not being answered: the best candidate is below every threshold.
        return shown(key if change.expected or confidence >= THRESHOLDS[0] else None)

    return ChangesShown(
        name=name,
        count=changes.count,
        shown=[
            ChangeShown(
                text=change.text,
                origin=version_words.origin_name(change.origin),
                expected=[shown(key) for key in change.expected],
                before=given(change, change.before_key, change.before_confidence),
                before_confidence=percent(change.before_confidence),
                after=given(change, change.after_key, change.after_confidence),
                after_confidence=percent(change.after_confidence),
            )
            for change in changes.shown
        ],
    )


def _keys(version: ModelVersion, changes: Iterable[Change]) -> dict[str, KeyShown]:
    """Return the FAQs that are named, by id."""
    named = {key for it in changes for key in (*it.expected, it.before_key, it.after_key) if key is not None}
    rows = FaqEntry.objects.filter(profile_id=version.profile_id, key__in=named, questions__position=0)
    return {
        key: KeyShown(key=key, question=question, url=reverse("admin:customers_faqentry_change", args=[pk]))
        for pk, key, question in rows.values_list("pk", "key", "questions__text")
    }


def _cost(name: str, before: float | None, after: float | None) -> CostShown:
    return CostShown(
        label=version_words.metric_name(name), before=figure(before, name), after=figure(after, name)
    )
