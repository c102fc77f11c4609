"""The part of a long approved answer that a question asks for: whole units, in their order, nothing else.

A unit is as relevant as a softmax over three signals says, whose weights are fitted (`tests.flows.extractive`): how
near it is to the question, read below its entry's question; the question's words in it, weighed by how few other units
hold them (Robertson & Sparck Jones 1976, as BM25 does); and its length. Where a generator is loaded, the likeliest
units are weighed again by how likely it is that somebody would ask the question where the unit is what is known (query
likelihood, Ponte & Croft 1998). Units are taken, the most relevant first, each
with what it cannot be understood without, until what is left hardly answers. Where a question asks for the whole
answer, or no part of it stands out, there is no extract.
"""

import functools
import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from chatbot.answering.composition.conditions import Companions
from chatbot.answering.composition.text import ITEM, SENTENCE, Unit, units_of
from chatbot.answering.pipeline import ComposingEncoder
from chatbot.answering.retrieve import prepare
from chatbot.engine.arrays import Vectors
from chatbot.engine.errors import EngineError
from chatbot.engine.index import Entry
from chatbot.engine.ngrams import fold
from customers.culture import language_of

logger = logging.getLogger(__name__)

WEIGHTS = Path(__file__).with_name("extractive.json")
# An extract that leaves out less than this of its answer is not worth the reader's doubt about what is missing.
LEAST_SHORTER = 0.25
# Beyond this many units an answer is a manual; it is shown as it is, rather than embedded while somebody waits.
MOST_UNITS = 150
# So many units the generator weighs, the most relevant: each costs what reading it costs.
READ_UNITS = 5


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What counts for how much: the signals of a unit's relevance, and those of a question for the whole answer.

    `enough` is the share of relevance at which no more units are taken.
    """

    meaning: float
    words: float
    length: float
    title: float
    peak: float
    bias: float
    enough: float
    likelihood: float


@dataclass(frozen=True, kw_only=True)
class Signals:
    """What is known of an answer's units: `matrix` [units, 3] of nearness in meaning, shared words and length.

    `likelihoods` [units] are the question's mean log-probabilities behind each unit, less the highest; None without a
    generator. `vectors` [units, dim] are the units' meanings; `title` is how near the question is to the one that is
    shown for the entry: what its answer as a whole is about, while other wordings may ask for a part of it.
    """

    matrix: Vectors
    vectors: Vectors
    title: float
    likelihoods: Vectors | None = None


@dataclass(frozen=True, kw_only=True)
class Relevance:
    """How relevant each unit of an answer is to a question: `shares` [units] add up to 1, 0 for mere context.

    `whole` is P(the question asks for the whole answer).
    """

    shares: Vectors
    whole: float


@dataclass(frozen=True, kw_only=True)
class Extract:
    """The units of an answer that were chosen for a question, in their order, and their Markdown put together."""

    units: tuple[Unit, ...]
    text: str


class Reader(Protocol):
    """Who can say for each text how likely a question is to be asked of it. Raises EngineError."""

    async def likelihoods(self, question: str, texts: Sequence[str]) -> list[float]: ...


async def extract(
    question: str,
    entry: Entry,
    *,
    locale: str,
    encoder: ComposingEncoder,
    reader: Reader | None = None,
    must_be_narrow: bool = True,
) -> Extract | None:
    """Return the part of an entry's answer that a question asks for; None where that is all of it, or unclear.

    Without `must_be_narrow`, a part is looked for though the question may be for all. Raises EngineError where the
    encoder fails; a `reader` that does is done without.
    """
    units = units_of(entry.answer)
    if sum(unit.may_be_chosen for unit in units) < 2 or len(units) > MOST_UNITS:
        return None
    if any(fold(question) == fold(wording) for wording in entry.questions):
        return None
    signals = await signals_of(question, entry, units, encoder=encoder)
    found = relevance(signals, units)
    if must_be_narrow and found.whole > 0.5:
        return None
    if reader is not None:
        found = relevance(await _read(signals, found, units, question, reader=reader), units)
    companions = Companions(units, signals.vectors, language=language_of(locale), question=question)
    kept = companions.of(taken(found.shares, weights().enough))
    chosen = tuple(unit for unit in units if unit.place in kept)
    text = joined(chosen)
    return Extract(units=chosen, text=text) if is_shorter(text, entry.answer) else None


async def signals_of(
    question: str, entry: Entry, units: Sequence[Unit], *, encoder: ComposingEncoder
) -> Signals:
    """Return what is known of the units of an entry's answer, for a question. Raises EngineError."""
    shown = entry.questions[0]
    read = [prepare(f"{shown} {unit.heading} {_lead(unit, units)} {unit.text}") for unit in units]
    texts = [prepare(question), prepare(shown), *read]
    vectors = await encoder.embed_queries(texts, upper=encoder.base)
    asked, title, meanings = vectors[0], vectors[1], vectors[2:]
    tokens = encoder.tokens([texts[0], *(prepare(unit.text) for unit in units)])
    lengths = np.log([len(unit.text) + 1 for unit in units])
    return Signals(
        matrix=np.stack([meanings @ asked, shared_words(tokens[0], tokens[1:]), lengths], axis=1),
        vectors=meanings,
        title=float(title @ asked),
    )


async def _read(
    signals: Signals, found: Relevance, units: Sequence[Unit], question: str, *, reader: Reader
) -> Signals:
    """Add the likelihoods of the most relevant units; the others are as unlikely as the least likely of these."""
    places = np.argsort(-found.shares, kind="stable")[:READ_UNITS]
    try:
        read = np.array(await reader.likelihoods(question, [units[place].text for place in places]))
    except EngineError as error:
        logger.info("A part is chosen without the generator: %r", error)
        return signals
    likelihoods = np.full(len(units), read.min() - read.max())
    likelihoods[places] = read - read.max()
    return replace(signals, likelihoods=likelihoods)


def _lead(unit: Unit, units: Sequence[Unit]) -> str:
    """Return the line that an item stands below."""
    return "" if unit.leads is None or unit.kind != ITEM else units[unit.leads].text


def relevance(signals: Signals, units: Sequence[Unit]) -> Relevance:
    """Return how relevant each unit is, and whether all of them are asked for."""
    model = weights()
    scores = signals.matrix @ np.array([model.meaning, model.words, model.length])
    if signals.likelihoods is not None:
        scores += model.likelihood * signals.likelihoods
    scores[[not unit.may_be_chosen for unit in units]] = -np.inf
    shares = np.exp(scores - scores.max())
    shares /= shares.sum()
    logit = model.title * signals.title + model.peak * float(shares.max()) + model.bias
    return Relevance(shares=shares, whole=1 / (1 + math.exp(-logit)))


def taken(shares: Vectors, enough: float) -> list[int]:
    """Return the places of the most relevant units, as many as together reach `enough` of all relevance."""
    places: list[int] = []
    reached = 0.0
    for place in np.argsort(-shares, kind="stable"):
        if reached >= enough:
            break
        places.append(int(place))
        reached += float(shares[place])
    return places


def is_shorter(text: str, whole: str) -> bool:
    """Say whether a part leaves out enough of the whole to be worth showing instead."""
    return bool(text) and len(text) <= (1 - LEAST_SHORTER) * len(whole)


def joined(units: Sequence[Unit]) -> str:
    """Return the Markdown of chosen units; what was left out between them leaves no trace but its line's end."""
    parts: list[str] = []
    for before, unit in zip((None, *units), units, strict=False):
        if before is not None and unit.place != before.place + 1:
            parts[-1] = parts[-1].rstrip() + _gap(before, unit)
        parts.append(unit.markdown)
    return "".join(parts).strip()


def _gap(before: Unit, unit: Unit) -> str:
    """Return what stands between two units that were apart: as in between sentences, lines or blocks."""
    if before.block != unit.block:
        return "\n\n"
    if unit.kind != SENTENCE:
        return "\n"
    space = before.markdown[len(before.markdown.rstrip()) :]
    return "\n" if "\n" in space else space


def shared_words(question: Sequence[int], units: Sequence[Sequence[int]]) -> Vectors:
    """Return the share of a question's words that each unit holds, the rarer a word the more it counts."""
    words, held = set(question), [set(unit) for unit in units]
    counts = {word: sum(word in unit for unit in held) for word in words}
    weigh = {word: math.log(1 + len(held) / (0.5 + count)) for word, count in counts.items()}
    total = sum(weigh.values()) or 1.0
    return np.array([sum(weigh[word] for word in words & unit) / total for unit in held], np.float32)


@functools.cache
def weights() -> Weights:
    """Return the weights that Kefu ships."""
    data = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return Weights(**data["relevance"], **data["broad"], enough=data["enough"], likelihood=data["likelihood"])
