"""What the answering pipeline takes and what it yields."""

from collections.abc import Mapping
from dataclasses import dataclass

ANSWERED = "answered"
CLARIFY = "clarify"
DECLINED = "declined"
SMALLTALK = "smalltalk"
STOPPED = "stopped"
FAILED = "failed"

VERBATIM = "verbatim"


@dataclass(frozen=True, kw_only=True)
class Turn:
    """An earlier exchange of the conversation: what the visitor said and how it was answered.

    `answered` and `offered` are FAQ ids of the profile of `lang`, in their order; `switch` is the locale that was
    offered.
    """

    text: str
    lang: str
    outcome: str
    answered: tuple[str, ...] = ()
    offered: tuple[str, ...] = ()
    switch: str = ""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One visitor message to answer; `chosen_key` names the FAQ when a suggestion was pressed.

    `history` holds the conversation's last exchanges, oldest first.
    """

    text: str
    chosen_key: str = ""
    history: tuple[Turn, ...] = ()


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
class Weighed:
    """One candidate as it was weighed: `signals` gives each signal's value and what that added to `score`.

    `matched` is the one of its wordings that is nearest.
    """

    key: str
    question: str
    matched: str
    probability: float
    score: float
    signals: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Trace:
    """Why an answer is what it is: what was searched for, in whose FAQ, what was found, and the thresholds.

    `read_as` is what was searched for, which differs from the message where earlier turns are read along with it;
    `language` is the message's language as detected, empty where that is uncertain.
    """

    read_as: str
    locale: str
    revision: int
    answer_from: float
    clarify_from: float
    candidates: tuple[Weighed, ...]
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The final answer to one question; its text replaces all deltas.

    `confidence` is a probability, or None where nothing was retrieved; `text` is Markdown in `lang`. `switch` is a
    locale of the tenant that the visitor is offered to go on in; `traces` holds one per question in the message.
    """

    outcome: str
    text: str
    lang: str
    model: str
    composed: str = ""
    confidence: float | None = None
    sources: tuple[Source, ...] = ()
    suggestions: tuple[Source, ...] = ()
    switch: str = ""
    traces: tuple[Trace, ...] = ()
