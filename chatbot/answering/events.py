"""What the answering pipeline takes and what it yields."""

from dataclasses import dataclass

ANSWERED = "answered"
CLARIFY = "clarify"
DECLINED = "declined"
SMALLTALK = "smalltalk"
STOPPED = "stopped"
FAILED = "failed"

VERBATIM = "verbatim"


@dataclass(frozen=True, kw_only=True)
class Question:
    """One visitor message to answer; `chosen_key` names the FAQ when a suggestion was pressed."""

    text: str
    chosen_key: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """An FAQ that an answer rests on or that is offered; `score` is P(it answers the question)."""

    key: str
    question: str
    score: float


@dataclass(frozen=True, kw_only=True)
class Delta:
    """More text of the answer that is being written."""

    text: str


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The final answer to one question; its text replaces all deltas.

    `confidence` is a probability, or None where nothing was retrieved; `text` is Markdown in `lang`.
    """

    outcome: str
    text: str
    lang: str
    model: str
    composed: str = ""
    confidence: float | None = None
    sources: tuple[Source, ...] = ()
    suggestions: tuple[Source, ...] = ()
