"""Put an answer into words: the approved text, or the persona's own phrases where there is none to give."""

import re
from collections.abc import Sequence

from chatbot.answering import events
from chatbot.answering.events import Answer, Source, Trace
from chatbot.engine.index import Entry
from customers.culture import Manners

# What Markdown would read as more than a character within a heading.
ESCAPED = re.compile(r"[\\`*_\[\]<>~|&!]")
SMALLTALK = "smalltalk"


def approved(
    entries: Sequence[Entry],
    *,
    sources: Sequence[Source],
    suggestions: Sequence[Source],
    lang: str,
    model: str,
    traces: tuple[Trace, ...] = (),
) -> Answer:
    """Answer with entries' texts as they were approved; several are headed by their questions."""
    (first, *others) = entries
    parts = [headed(entry.questions[0], entry.answer) for entry in entries]
    return Answer(
        outcome=events.SMALLTALK if first.category == SMALLTALK else events.ANSWERED,
        text="\n\n".join(parts) if others else first.answer,
        lang=lang,
        model=model,
        composed=events.VERBATIM,
        confidence=min(source.score for source in sources),
        sources=tuple(sources),
        suggestions=tuple(suggestions),
        traces=traces,
    )


def headed(question: str, text: str) -> str:
    """Return a Markdown text under the question that it answers."""
    return f"**{ESCAPED.sub(_escape, question)}**\n\n{text}"


def _escape(found: re.Match[str]) -> str:
    return f"\\{found[0]}"


def clarify(choices: Sequence[Source], *, manners: Manners, model: str) -> Answer:
    """Ask which of two or three questions was meant."""
    return Answer(
        outcome=events.CLARIFY,
        text=manners.phrase("clarify"),
        lang=manners.locale,
        model=model,
        confidence=choices[0].score,
        suggestions=tuple(choices),
    )


def decline(*, manners: Manners, model: str, confidence: float | None, phrase: str = "decline") -> Answer:
    """Say honestly, in the persona's words, that there is no answer."""
    return Answer(
        outcome=events.DECLINED,
        text=manners.phrase(phrase),
        lang=manners.locale,
        model=model,
        confidence=confidence,
    )
