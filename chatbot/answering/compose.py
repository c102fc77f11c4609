"""Put an answer into words: the approved text, or the persona's own phrases where there is none to give."""

import re
from collections.abc import Iterator, Sequence

from chatbot.answering import events
from chatbot.answering.events import Answer, Source
from chatbot.engine.index import Entry
from customers.culture import Manners

# A sentence ends at a terminator of any script that is followed by a space, a line break, or (in scripts
# without spaces) by anything.
SENTENCE = re.compile(r".+?(?:[.!?…؟।](?=\s)|[。！？]+[」』）]?|\n+|$)\s*", re.DOTALL)
SMALLTALK = "smalltalk"


def pieces(text: str) -> Iterator[str]:
    """Split a text into the sentences in which it is streamed; joined, they are the text."""
    yield from SENTENCE.findall(text)


def approved(entry: Entry, *, source: Source, suggestions: Sequence[Source], lang: str, model: str) -> Answer:
    """Answer with an entry's text as it was approved."""
    return Answer(
        outcome=events.SMALLTALK if entry.category == SMALLTALK else events.ANSWERED,
        text=entry.answer,
        lang=lang,
        model=model,
        composed=events.VERBATIM,
        confidence=source.score,
        sources=(source,),
        suggestions=tuple(suggestions),
    )


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
