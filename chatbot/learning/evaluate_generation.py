"""How answers of a data set are put into words: by the served composition, on files alone.

Figures, as in the README: `shown` are the queries that the served ranker answers; of them so many are `verbatim`,
`extractive` and `generated` (which counts both composed levels' answers that differ from the approved text).
`unsupported` are shown sentences that the guard, asked anew, finds no source for; `unsupported_before_guard` those that
a generator wrote and that were not shown. Times run from the question to the first piece of text and to the last.
"""

import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chatbot.answering import events, pipeline
from chatbot.answering.composition.prompt import Prompt
from chatbot.answering.composition.stream import Writer, compose
from chatbot.answering.composition.writer import TextGenerator
from chatbot.answering.events import Answer, Question
from chatbot.answering.guard.folding import normal
from chatbot.answering.guard.guard import audit
from chatbot.answering.guard.language import is_in_language
from chatbot.answering.language import Detector
from chatbot.answering.pipeline import Bundle
from chatbot.answering.rank import Ranker
from chatbot.answering.retrieve import wording_of
from chatbot.engine.index import Entry
from chatbot.exam.lane import Lane
from chatbot.exam.manners import plain_manners
from chatbot.learning.dataset import Dataset
from chatbot.learning.material import embed_entries

LEVELS = ("verbatim", "extractive", "generative")
# What is said of a sentence that holds no claim, a true one that was not asked for, or one that is counted elsewhere.
NO_CLAIM = frozenset({"ok", "empty", "repeated", "language", "aside", "partial"})


@dataclass(frozen=True, kw_only=True)
class Shown:
    """One answered query: its answer, the approved text, what the guard says of each shown sentence, and the times."""

    query: str
    answer: Answer
    approved: str
    unsupported: tuple[events.Said, ...]
    supports: tuple[float, ...]
    is_wrong_language: bool
    first_ms: float
    total_ms: float

    @property
    def is_composed(self) -> bool:
        """Say whether it is other than what was approved."""
        return self.answer.text != self.approved


class Metered:
    """A `TextGenerator` that counts what another writes, a piece for a token, and the seconds that it takes."""

    def __init__(self, generator: TextGenerator) -> None:
        self._generator = generator
        self._pieces, self._seconds = 0, 0.0

    @property
    def version(self) -> str:
        """Return the generator's version."""
        return self._generator.version

    @property
    def rate(self) -> float | None:
        """Tokens a second, reading the prompts included; None where nothing was written."""
        return self._pieces / self._seconds if self._pieces else None

    def render(self, prompt: Prompt) -> str:
        """Return a prompt as the generator reads it."""
        return self._generator.render(prompt)

    async def generate(
        self, text: str, *, max_tokens: int, stop: Sequence[str] = (), prefix: str = "", deadline: float
    ) -> AsyncIterator[str]:
        """Yield what the generator writes."""
        started = time.perf_counter()
        try:
            async for piece in self._generator.generate(
                text, max_tokens=max_tokens, stop=stop, prefix=prefix, deadline=deadline
            ):
                self._pieces += 1
                yield piece
        finally:
            self._seconds += time.perf_counter() - started

    async def likelihoods(
        self, text: str, pairs: Sequence[tuple[str, str]], *, deadline: float
    ) -> list[float]:
        """Return what the generator says."""
        return await self._generator.likelihoods(text, pairs, deadline=deadline)


def bundle_of(dataset: Dataset, *, lane: Lane, level: str, may_generate: bool = False) -> Bundle:
    """Return what answers from a data set's FAQ for a profile of plain manners, composed up to a level."""
    encoder = lane.encoder
    material = embed_entries(
        dataset.entries, embed=lambda texts, kind: encoder.encode(texts, kind=kind), tokenize=lane.tokens
    )
    return Bundle(
        profile_id=0,
        revision=0,
        version=encoder.version,
        upper=lane.base,
        index=material.index(wording=wording_of(dataset.entries)),
        ranker=Ranker(),
        manners=plain_manners(dataset.locale, level=level),
        may_generate=may_generate,
    )


async def evaluate_generation(
    dataset: Dataset,
    *,
    bundle: Bundle,
    lane: Lane,
    detector: Detector,
    writer: Writer | None = None,
) -> list[Shown]:
    """Answer the queries as they are served and return those that got an answer. Raises EngineError."""
    shown = []
    for query in dataset.queries:
        found = await _answered(query.text, bundle=bundle, lane=lane, detector=detector, writer=writer)
        if found is not None:
            shown.append(found)
    return shown


def figures(shown: Sequence[Shown], *, tokens_per_s: float | None = None) -> dict[str, Any]:
    """Sum up, under the names that the README documents, rounded to what is meaningful."""
    levels = Counter(one.answer.composed for one in shown)
    supports = [support for one in shown for support in one.supports]
    ratios = [len(one.answer.text) / len(one.approved) for one in shown if one.approved]
    return {
        "shown": len(shown),
        "verbatim": levels[events.VERBATIM],
        "extractive": levels[events.EXTRACTIVE],
        "generated": sum(one.is_composed for one in shown),
        "unsupported": sum(len(one.unsupported) for one in shown),
        "unsupported_before_guard": sum(_refused(one.answer) for one in shown),
        "wrong_language": sum(one.is_wrong_language for one in shown),
        "support_mean": round(statistics.fmean(supports), 4) if supports else None,
        "length_ratio": round(statistics.fmean(ratios), 4) if ratios else None,
        "first_token_ms_p50": _median(one.first_ms for one in shown),
        "total_ms_p50": _median(one.total_ms for one in shown),
        "tokens_per_s": None if tokens_per_s is None else round(tokens_per_s, 2),
    }


async def _answered(
    text: str, *, bundle: Bundle, lane: Lane, detector: Detector, writer: Writer | None
) -> Shown | None:
    """Ask one query; None where it gets no answer."""
    question = Question(text=text)
    started = time.perf_counter()
    decided = await pipeline.decide(question, bundle=bundle, encoder=lane)
    if decided.outcome != events.ANSWERED:
        return None
    first: float | None = None
    answer = decided
    async for item in compose(decided, question=question, bundle=bundle, encoder=lane, writer=writer):
        first = time.perf_counter() if first is None else first
        if isinstance(item, Answer):
            answer = item
    ended = time.perf_counter()
    entries = [bundle.index.entries[bundle.index.by_key[source.key]] for source in answer.sources]
    said = await audit(
        answer.text,
        sources=_sources(entries),
        question=text,
        locale=bundle.manners.locale,
        encoder=lane,
        detector=detector,
        level=answer.composed,
    )
    return Shown(
        query=text,
        answer=answer,
        approved=decided.text,
        unsupported=tuple(one for one in said if one.verdict not in NO_CLAIM),
        supports=tuple(one.support for one in said if one.support is not None),
        is_wrong_language=_is_wrong_language(answer.text, decided.text, bundle.manners.locale, detector),
        first_ms=1000 * ((first or ended) - started),
        total_ms=1000 * (ended - started),
    )


def _sources(entries: Sequence[Entry]) -> list[str]:
    """Return what was approved: the answers, and the questions that head them where there are several."""
    return [entry.answer for entry in entries] + [entry.questions[0] for entry in entries]


def _is_wrong_language(text: str, approved: str, locale: str, detector: Detector) -> bool:
    """Say whether a text is not in its locale's language though the approved one is; names quoted from it may be."""
    if not locale or not is_in_language(approved, locale=locale, detector=detector):
        return False
    return not is_in_language(text, locale=locale, detector=detector, approved=normal(approved).casefold())


def _refused(answer: Answer) -> int:
    """Return how many sentences a generator wrote for an answer that nobody saw."""
    said = answer.composition.said if answer.composition else ()
    return sum(not one.shown and one.level == events.GENERATED for one in said)


def _median(values: Iterable[float]) -> float | None:
    found = list(values)
    return round(statistics.median(found), 1) if found else None
