"""The gate: whether a version may go live by itself, from its comparison with the one that is.

A metric falls or rises if it moves by more than its margin and chance hardly explains it. A version passes if nothing
falls and something rises. Most FAQs have some fifty questions to judge with, on which even ten points more could be
chance once in ten times: so the gate asks for less certainty than a paper would, for falls as for rises. Words for the
codes are made where they are shown.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from chatbot.learning.compare import Comparison
from chatbot.learning.rewriting.gate import Teaching

BETTER, WORSE, NO_GAIN, TOO_FEW_QUESTIONS = "better", "worse", "no_gain", "too_few_questions"
CODES = (BETTER, WORSE, NO_GAIN, TOO_FEW_QUESTIONS)

# The declared metrics and how far each may fall, or has to rise. Coverage hangs on the few surest mistakes and ece on
# how questions fall into bins, so both move more than hits do without anybody noticing.
MARGINS: dict[str, float] = {"hit@1": 0.01, "mrr@10": 0.01, "auroc": 0.02, "coverage@p95": 0.05, "ece": 0.05}
LOWER_IS_BETTER = frozenset({"ece"})
# The loss of held-out replies, of which a version with an adapter of the generator has less.
REPLY_LOSS = "reply_loss"
# Speed and size: after may be so many times before, and so much more (ms, ms, bytes). Times are measured on a machine
# that has other work, so only what a visitor would notice counts.
SPEED_FACTOR = 2.0
SPEED_SLACK: dict[str, float] = {"embed_ms": 20.0, "rank_ms": 20.0, "version_bytes": 64 * 2**20}
# Two-sided p below which a difference is no chance. Whoever looks at five metrics finds one that rose by chance more
# often than at one, so those that move most by themselves need more.
LEVEL = 0.15
RISE_LEVELS: dict[str, float] = {
    "hit@1": LEVEL,
    "mrr@10": LEVEL,
    "auroc": 0.01,
    "coverage@p95": 0.01,
    "ece": 0.01,
}
# Fewer in-scope questions than this may show that a version is worse, but not that it is better for all the others.
FEWEST_QUESTIONS = 30


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A metric that fell or rose; `margin` is how far it may move unnoticed. `p` is None for what is measured once."""

    metric: str
    before: float
    after: float
    margin: float
    p: float | None


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the gate decided; `code` is one of CODES, and only "better" passes."""

    passed: bool
    code: str
    falls: tuple[Finding, ...]
    rises: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as values that JSON knows."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` made values of. Raises ValueError for anything else."""
        try:
            code = str(values["code"])
            found = {name: tuple(Finding(**row) for row in values[name]) for name in ("falls", "rises")}
        except (KeyError, TypeError) as error:
            raise ValueError(f"This is no verdict of the gate ({error}); train again.") from error
        if code not in CODES or values.get("passed") is not (code == BETTER):
            raise ValueError(f"The gate knows no verdict {code!r} that passed: {values.get('passed')!r}.")
        return cls(passed=code == BETTER, code=code, **found)


def judge(comparison: Comparison) -> Verdict:
    """Decide whether the version after may replace the one before."""
    falls, rises = [], []
    for name, margin in MARGINS.items():
        metric = comparison.metrics[name]
        if metric.before is None or metric.after is None or metric.p is None:
            continue
        gain = (metric.after - metric.before) * (-1 if name in LOWER_IS_BETTER else 1)
        finding = Finding(metric=name, before=metric.before, after=metric.after, margin=margin, p=metric.p)
        if gain < -margin and metric.p < LEVEL:
            falls.append(finding)
        if gain > margin and metric.p < RISE_LEVELS[name]:
            rises.append(finding)
    falls += _slower(comparison)
    code = _code(comparison, falls=bool(falls), rises=bool(rises))
    return Verdict(passed=code == BETTER, code=code, falls=tuple(falls), rises=tuple(rises))


def with_adapter(verdict: Verdict, teaching: Teaching) -> Verdict:
    """Return the verdict on a version that brings an adapter: where nothing fell, one that passed is a rise."""
    if not teaching.passed or verdict.code not in (BETTER, NO_GAIN):
        return verdict
    assert teaching.loss_before is not None  # it could not have passed
    assert teaching.loss_after is not None
    rise = Finding(
        metric=REPLY_LOSS, before=teaching.loss_before, after=teaching.loss_after, margin=0.0, p=None
    )
    return replace(verdict, passed=True, code=BETTER, rises=(*verdict.rises, rise))


def _slower(comparison: Comparison) -> list[Finding]:
    """Return what the version needs too much more of."""
    findings = []
    for name, slack in SPEED_SLACK.items():
        cost = comparison.speed.get(name)
        if cost is None or cost.before is None or cost.after is None:
            continue
        margin = (SPEED_FACTOR - 1) * cost.before + slack
        if cost.after > cost.before + margin:
            findings.append(Finding(metric=name, before=cost.before, after=cost.after, margin=margin, p=None))
    return findings


def _code(comparison: Comparison, *, falls: bool, rises: bool) -> str:
    if falls:
        return WORSE
    if comparison.in_scope < FEWEST_QUESTIONS:
        return TOO_FEW_QUESTIONS
    return BETTER if rises else NO_GAIN
