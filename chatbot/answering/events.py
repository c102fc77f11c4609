"""What the answering pipeline takes and what it yields."""

from collections.abc import Mapping
from dataclasses import dataclass

ANSWERED = "answered"
CLARIFY = "clarify"
DECLINED = "declined"
SMALLTALK = "smalltalk"
STOPPED = "stopped"
FAILED = "failed"

# The levels of composing an answer, lowest first: the approved text, whole sentences of it, free text under the guard.
VERBATIM = "verbatim"
EXTRACTIVE = "extractive"
GENERATED = "generated"


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
class Said:
    """One sentence as the guard judged it: `evidence` is what was approved that it rests on.

    `verdict` is "ok" or the reason it failed: number, date, money, url, email, phone, code, name, polarity, modality,
    support, language, leak, forbidden, repeated, empty, aside (not asked for), partial (of what it rests on).
    `support` is how near the evidence is in meaning, None where that was not measured; `shown`: whether the visitor saw
    it.
    """

    sentence: str
    level: str
    evidence: str
    verdict: str
    shown: bool
    support: float | None = None


@dataclass(frozen=True, kw_only=True)
class Composition:
    """How an answer was put into words: its level, why that one, and every sentence that was judged for it.

    `why`: short, narrow, joined, part, passed, pressed, foreign, smalltalk, not_allowed, no_pass, no_generator, busy,
    failed, failed_guard, unknown, deadline or whole (nothing stood out). `generator` is the version that wrote, if one
    did.
    """

    level: str
    why: str
    said: tuple[Said, ...] = ()
    generator: str = ""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The final answer to one question; its text replaces all deltas.

    `confidence` is a probability, or None where nothing was retrieved; `text` is Markdown in `lang`. `switch` is a
    locale of the tenant that the visitor is offered to go on in; `traces` holds one per question in the message.
    `composition` says how it was put into words, None where nothing was: a decline, a clarification.
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
    composition: Composition | None = None
