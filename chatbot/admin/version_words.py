"""Versions in words: what the gate said, what each metric means, and how it moved."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.template.defaultfilters import filesizeformat
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chatbot.learning import gate
from chatbot.learning.gate import Finding, Verdict
from chatbot.models import ModelVersion

METRICS: Mapping[str, str | Promise] = {
    "hit@1": gettext_lazy("Right answer first"),
    "hit@5": gettext_lazy("Right answer among the first five"),
    "mrr@10": gettext_lazy("How high the right answer stands"),
    "ndcg@10": gettext_lazy("How well the first ten are ordered"),
    "recall@10": gettext_lazy("Right answers among the first ten"),
    "auroc": gettext_lazy("Tells what it can answer from what it cannot"),
    "coverage@p95": gettext_lazy("Answerable with 95 of 100 right"),
    "ece": gettext_lazy("How far its confidence is off"),
    "embed_ms": gettext_lazy("Time to read a question"),
    "rank_ms": gettext_lazy("Time to rank the FAQs"),
    "version_bytes": gettext_lazy("Size of the version"),
    "reply_loss": gettext_lazy("Surprise at approved replies"),
}
# What a version learned from, by the names of `ModelVersion.data`.
DATA: Mapping[str, str | Promise] = {
    "entries": gettext_lazy("FAQs"),
    "wordings": gettext_lazy("Wordings"),
    "confirmed": gettext_lazy("Confirmed answers"),
    "held_out": gettext_lazy("Wordings held back"),
    "tests": gettext_lazy("Saved test questions"),
}
# Where a question of the comparison comes from, by `chatbot.learning.judging.ORIGINS`.
ORIGINS: Mapping[str, str | Promise] = {
    "held_out": gettext_lazy("wordings held back"),
    "absent": gettext_lazy("the same, asked as if their FAQ did not exist"),
    "test": gettext_lazy("saved test questions"),
    "known_test": gettext_lazy("test questions nearly as it learned them"),
}
TITLES: Mapping[str, str | Promise] = {
    gate.BETTER: gettext_lazy("Better than before"),
    gate.WORSE: gettext_lazy("Refused: something got worse"),
    gate.NO_GAIN: gettext_lazy("No better than before"),
    gate.TOO_FEW_QUESTIONS: gettext_lazy("Too few questions to tell"),
}
TONES: Mapping[str, str] = {gate.BETTER: "good", gate.WORSE: "bad"}


@dataclass(frozen=True, kw_only=True)
class VerdictShown:
    """What the gate said: `tone` is good, bad or neutral."""

    tone: str
    title: str
    sentences: Sequence[str]
    passed: bool


def number(value: float, decimals: int = 0) -> str:
    """Return a rounded number as the page's language writes it; Django's own formatting cuts off."""
    return number_format(round(value, decimals), decimals)


def metric_name(name: str) -> str:
    """Return what a metric measures, in words."""
    return str(METRICS.get(name, name))


def place_of(name: str) -> int:
    """Return where a metric stands among the others: the database keeps no order."""
    return list(METRICS).index(name) if name in METRICS else len(METRICS)


def origin_name(name: str) -> str:
    """Return where a question comes from, in words."""
    return str(ORIGINS.get(name, name))


def figure(value: float | None, name: str = "") -> str:
    """Return a metric's value: a time, a size, a loss, or else a share."""
    if value is None:
        return "–"
    if name.endswith("_loss"):
        return number(value, 2)
    if name.endswith("_bytes"):
        return filesizeformat(value)
    if name.endswith("_ms"):
        return _("%(number)s ms") % {"number": number(value, 1)}
    return _("%(number)s%%") % {"number": number(100 * value, 1)}


def points(difference: float | None) -> str:
    """Return a difference of shares in percentage points, with its sign."""
    if difference is None:
        return "–"
    rounded = round(100 * difference, 1)
    sign = "−" if rounded < 0 else "+" if rounded > 0 else "±"
    return f"{sign}{number(abs(rounded), 1)}"


def verdict_of(version: ModelVersion) -> Verdict | None:
    """Return what the gate said of a version; None where it never saw it, or nobody can read it any more."""
    try:
        return Verdict.from_json(version.verdict) if version.verdict else None
    except ValueError:
        return None


def verdict_shown(version: ModelVersion) -> VerdictShown:
    """Put a version's verdict into words."""
    verdict = verdict_of(version)
    if verdict is None:
        why = _(
            "This version was not trained here, so nothing is known of how it answers this locale's questions. It "
            "goes live only with a reason."
        )
        return VerdictShown(tone="neutral", title=_("Not compared"), sentences=[why], passed=False)
    sentences = [_fall(found) for found in verdict.falls] + [_rise(found) for found in verdict.rises]
    if verdict.code == gate.TOO_FEW_QUESTIONS:
        sentences.append(_too_few())
    if verdict.code == gate.NO_GAIN:
        sentences.append(
            _("Nothing rose by more than chance explains, so there is no reason to change what is live.")
        )
    return VerdictShown(
        tone=TONES.get(verdict.code, "neutral"),
        title=str(TITLES[verdict.code]),
        sentences=sentences,
        passed=verdict.passed,
    )


def _too_few() -> str:
    return _(
        "A comparison needs at least %(count)s questions that have an answer. Save questions of customers as test "
        "questions, or add other ways to ask, and train again."
    ) % {"count": gate.FEWEST_QUESTIONS}


def _fall(found: Finding) -> str:
    if found.p is None:
        said = _("“%(metric)s” went from %(before)s to %(after)s, which is too much more.")
    else:
        said = _(
            "“%(metric)s” went from %(before)s to %(after)s: worse by more than the margin of %(margin)s points."
        )
    return said % _words(found)


def _rise(found: Finding) -> str:
    return _("“%(metric)s” went from %(before)s to %(after)s, which is better.") % _words(found)


def _words(found: Finding) -> dict[str, str]:
    return {
        "metric": metric_name(found.metric),
        "before": figure(found.before, found.metric),
        "after": figure(found.after, found.metric),
        "margin": number(100 * found.margin, 1),
    }
