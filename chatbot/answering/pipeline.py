"""The path of one message: read it in its conversation, embed, retrieve, rank, decide, compose."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from chatbot.answering.decision import Decision, rank_all
from chatbot.answering.events import Answer, Question, Source
from chatbot.answering.rank import Candidate, Ranker
from chatbot.engine.arrays import Vectors
from chatbot.engine.index import Index
from chatbot.engine.upper import Upper
from customers.culture import Manners

if TYPE_CHECKING:
    # Importing it takes torch.
    from chatbot.engine.generator.adapters import Adapter


class QueryEncoder(Protocol):
    """What answering needs of the engine."""

    async def embed_query(self, text: str, *, upper: Upper) -> Vectors: ...

    async def embed_queries(self, texts: Sequence[str], *, upper: Upper) -> Vectors: ...

    def tokens(self, texts: list[str]) -> list[list[int]]: ...


class ComposingEncoder(QueryEncoder, Protocol):
    """What composing needs of the engine besides: the layers of the shipped model, which know every text alike."""

    @property
    def base(self) -> Upper: ...


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Everything that answers for one locale profile; a question leases one bundle and keeps it to its end.

    `version` is the model that answers name; `upper` makes the vectors that the index can be searched with.
    `may_generate`: this installation's generator has passed its exam in the profile's locale, with the `adapter` that
    is the profile's own, if it has one.
    """

    profile_id: int
    revision: int
    version: str
    upper: Upper
    index: Index
    ranker: Ranker
    manners: Manners
    may_generate: bool = False
    adapter: "Adapter | None" = None

    def source(self, entry: int, score: float) -> Source:
        """Name an entry of the index as a source."""
        found = self.index.entries[entry]
        return Source(key=found.key, question=found.questions[0], score=score)

    def offered(self, keys: tuple[str, ...]) -> tuple[Source, ...]:
        """Return the entries with these keys that are in the index, to be offered as buttons."""
        known = [self.index.by_key[key] for key in keys if key in self.index.by_key]
        return tuple(self.source(entry, 1.0) for entry in known)


async def decide(question: Question, *, bundle: Bundle, encoder: QueryEncoder) -> Answer:
    """Find what to say to a message. Raises EngineError."""
    return await Decision(question, bundle=bundle, encoder=encoder).make()


async def rank(text: str, *, bundle: Bundle, encoder: QueryEncoder) -> list[Candidate]:
    """Return the candidates for a visitor's text, best first."""
    (ranked,) = await rank_all([text], bundle=bundle, encoder=encoder)
    return ranked.candidates
