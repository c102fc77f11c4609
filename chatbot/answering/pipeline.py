"""The path of one question: prepare, embed, retrieve, rank, decide, compose."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from chatbot.answering import compose
from chatbot.answering.events import Answer, Delta, Question, Source
from chatbot.answering.rank import Candidate, Ranker
from chatbot.answering.retrieve import has_words, prepare, search
from chatbot.engine.encoder import Vectors
from chatbot.engine.index import Index
from customers.culture import Manners

CHOICES = 3


class QueryEncoder(Protocol):
    """What answering needs of the engine."""

    async def embed_query(self, text: str) -> Vectors: ...

    def tokens(self, texts: list[str]) -> list[list[int]]: ...


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Everything that answers for one locale profile; a question leases one bundle and keeps it to its end."""

    profile_id: int
    revision: int
    version: str
    index: Index
    ranker: Ranker
    manners: Manners

    def source(self, entry: int, score: float) -> Source:
        """Name an entry of the index as a source."""
        found = self.index.entries[entry]
        return Source(key=found.key, question=found.questions[0], score=score)

    def offered(self, keys: tuple[str, ...]) -> tuple[Source, ...]:
        """Return the entries with these keys that are in the index, to be offered as buttons."""
        known = [self.index.by_key[key] for key in keys if key in self.index.by_key]
        return tuple(self.source(entry, 1.0) for entry in known)


async def answer(
    question: Question, *, bundle: Bundle, encoder: QueryEncoder
) -> AsyncIterator[Delta | Answer]:
    """Yield the answer's text piece by piece, then the whole `Answer`. Raises EngineError."""
    final = await decide(question, bundle=bundle, encoder=encoder)
    for piece in compose.pieces(final.text):
        yield Delta(text=piece)
    yield final


async def decide(question: Question, *, bundle: Bundle, encoder: QueryEncoder) -> Answer:
    """Find what to say to a question. Raises EngineError."""
    manners = bundle.manners
    if question.chosen_key in bundle.index.by_key:
        return _approved(bundle, bundle.index.by_key[question.chosen_key], probability=1.0)
    if not has_words(question.text):
        return compose.decline(manners=manners, model=bundle.version, confidence=None, phrase="only_symbols")
    candidates = await rank(question.text, bundle=bundle, encoder=encoder)
    best = candidates[0] if candidates else None
    if best is None or best.probability < bundle.ranker.clarify_from:
        return compose.decline(
            manners=manners, model=bundle.version, confidence=best.probability if best else None
        )
    if best.probability < bundle.ranker.answer_from:
        return compose.clarify(_choices(candidates, bundle), manners=manners, model=bundle.version)
    return _approved(bundle, best.entry, probability=best.probability)


async def rank(text: str, *, bundle: Bundle, encoder: QueryEncoder) -> list[Candidate]:
    """Return the candidates for a visitor's text, best first."""
    prepared = prepare(text)
    vector = await encoder.embed_query(prepared)
    return bundle.ranker.rank(search(bundle.index, prepared, vector, tokenize=encoder.tokens))


def _choices(candidates: list[Candidate], bundle: Bundle) -> list[Source]:
    """Return what to ask back with: the best candidates, and small talk only if it is the best."""
    best, others = candidates[0], candidates[1:]
    serious = [c for c in others if bundle.index.entries[c.entry].category != compose.SMALLTALK]
    return [bundle.source(c.entry, c.probability) for c in (best, *serious[: CHOICES - 1])]


def _approved(bundle: Bundle, number: int, *, probability: float) -> Answer:
    """Answer with an entry's approved text, offering its follow-ups."""
    entry = bundle.index.entries[number]
    follow_ups = bundle.offered(tuple(key for key in entry.follow_ups if key != entry.key))
    return compose.approved(
        entry,
        source=bundle.source(number, probability),
        suggestions=follow_ups[:CHOICES],
        lang=bundle.manners.locale,
        model=bundle.version,
    )
