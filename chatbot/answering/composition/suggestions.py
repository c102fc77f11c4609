"""What a visitor may ask next: what the entry names to follow, then its neighbours in the FAQ."""

from collections.abc import Sequence

import numpy as np

from chatbot.answering import compose
from chatbot.answering.events import Answer, Question, Source
from chatbot.answering.pipeline import Bundle, QueryEncoder
from chatbot.answering.retrieve import prepare
from chatbot.engine.arrays import Vectors
from chatbot.engine.index import Entry, Signals

MOST = 3
# Neighbours are at least this near, by the cosine in the FAQ's own space; of another category they are nearer.
NEAR, NEAR_ELSEWHERE = 0.2, 0.35


async def suggestions(
    decided: Answer, question: Question, *, bundle: Bundle, encoder: QueryEncoder
) -> tuple[Source, ...]:
    """Return at most three questions to go on with, none asked or answered before.

    Raises EngineError.
    """
    known = _known(decided, question)
    found = {source.key: source for source in decided.suggestions if source.key not in known}
    if len(found) < MOST and decided.sources:
        entry = bundle.index.entries[bundle.index.by_key[decided.sources[-1].key]]
        for source in await _neighbours(entry, bundle=bundle, encoder=encoder):
            if source.key not in known:
                found.setdefault(source.key, source)
    return tuple(found.values())[:MOST]


def _known(decided: Answer, question: Question) -> frozenset[str]:
    """Return the ids that the conversation has been through."""
    answered = [key for turn in question.history for key in turn.answered]
    return frozenset((*answered, *(source.key for source in decided.sources), question.chosen_key))


async def _neighbours(entry: Entry, *, bundle: Bundle, encoder: QueryEncoder) -> Sequence[Source]:
    """Return the entries that are about the same as one, the nearest first."""
    text = prepare(entry.questions[0])
    vector = await encoder.embed_query(text, upper=bundle.upper)
    found = bundle.index.search(vector, encoder.tokens([text])[0])
    near = _nearness(found)
    sources = []
    for row in np.argsort(-near, kind="stable"):
        number = int(found.entry[row])
        other = bundle.index.entries[number]
        if other.category == compose.SMALLTALK or other.key == entry.key:
            continue
        is_akin = bool(entry.category) and other.category == entry.category
        if near[row] >= (NEAR if is_akin else NEAR_ELSEWHERE):
            sources.append(bundle.source(number, float(near[row])))
    return sources


def _nearness(signals: Signals) -> Vectors:
    """Return how near each candidate is: by what its questions ask, or by its question with the answer."""
    near: Vectors = np.maximum(signals.prototype, signals.passage)
    return near
