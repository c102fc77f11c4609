"""What the pages of exams show of each trap and of each kind of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _

from chatbot.admin.composition_words import LEVELS, WHYS, SentenceShown, sentence_shown, word
from chatbot.exam import results
from chatbot.exam.grading import Why
from chatbot.models import ExamResult


@dataclass(frozen=True, kw_only=True)
class KindShown:
    """How many of a kind's traps were replied to rightly."""

    label: str
    right: int
    total: int


@dataclass(frozen=True, kw_only=True)
class RowShown:
    """One trap as it was replied to and marked; `marked` says what is wrong, naming phrases, or is empty."""

    key: str
    kind: str
    question: str
    sources: Sequence[str]
    shown: str
    level: str
    level_why: str
    label: str
    is_right: bool
    marked: str
    phrases: Sequence[str]
    sentences: Sequence[SentenceShown]


def kinds_shown(totals: Mapping[str, int], right: Mapping[str, int]) -> list[KindShown]:
    """Put the numbers of right replies and of traps, by kind, into words."""
    return [
        KindShown(label=str(kind.label), right=right.get(kind, 0), total=totals[kind])
        for kind in ExamResult.Kind
        if totals.get(kind)
    ]


def row_shown(result: ExamResult) -> RowShown:
    """Put a stored reply into words."""
    return RowShown(
        key=result.key,
        kind=result.get_kind_display(),
        question=result.question,
        sources=result.sources,
        shown=result.shown,
        level=word(LEVELS, result.level),
        level_why=word(WHYS, result.level_why),
        label=result.get_why_display(),
        is_right=result.why == Why.RIGHT,
        marked=_marked(result.why),
        phrases=result.phrases,
        sentences=[sentence_shown(said) for said in result.said],
    )


def shipped_row(failure: results.Failure, sources: Sequence[str]) -> RowShown:
    """Put a shipped failure into words, beside the sources of its trap."""
    return RowShown(
        key=failure.key,
        kind=str(ExamResult.Kind(failure.kind).label),
        question=failure.question,
        sources=sources,
        shown=failure.shown,
        level=word(LEVELS, failure.level),
        level_why="",
        label=str(ExamResult.Why(failure.why).label),
        is_right=False,
        marked=_marked(failure.why),
        phrases=failure.phrases,
        sentences=(),
    )


def _marked(why: str) -> str:
    """Say what a reply did wrong; the phrases follow it."""
    if why == Why.FORBIDDEN:
        return _("It says what is false:")
    if why == Why.MISSING:
        return _("It says none of:")
    return _("The sources do not say this, and it is not said that nobody knows.") if why != Why.RIGHT else ""
