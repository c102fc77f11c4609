"""What a free reply has to bear out: the approved units that a question asks for, and whether any of them answers it.

Of each source, units are taken as in an extract (see `extractive.py`), by other weights: a source has no title here, so
that its first unit stands for one, and a free reply leaves out less readily than an extract: nothing of what is short,
or would hardly be shorter. Whether the sources answer the question at all is a logistic regression over how near the
nearest unit and the whole are to it, how far that one stands out, the share of the question's words that the sources
have, and the number of units. Both are fitted on the rewriting examples, a seventh of which have no answer in their
sources (`tests.flows.core`).
"""

import functools
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chatbot.answering.composition.conditions import Companions, cues_for
from chatbot.answering.composition.extractive import is_shorter, joined, shared_words, taken
from chatbot.answering.composition.level import SHORTEST_WITH_PARTS, length_of
from chatbot.answering.composition.text import Unit, units_of
from chatbot.answering.guard.evidence import content, covered, ground_of
from chatbot.answering.guard.lexicon import lexicon_for
from chatbot.answering.pipeline import ComposingEncoder
from chatbot.answering.retrieve import prepare
from chatbot.engine.arrays import Vectors
from customers.culture import language_of

WEIGHTS = Path(__file__).with_name("core.json")
# So many units are embedded while somebody waits; what is longer is said as it was approved.
MOST_UNITS = 60
UNIT_SIGNALS = ("meaning", "context", "words", "length")
SOURCE_SIGNALS = ("nearest", "whole", "peak", "words", "units", "bias")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What counts for how much: the signals of a unit, and those of P(the sources answer).

    `enough` is the share of relevance at which no more units are taken, `answered` the least probability.
    """

    unit: Vectors
    source: Vectors
    enough: float
    answered: float


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A unit that a reply has to bear out.

    `relevance` is its share of its source's, 0 for what only comes along; `after` are the places, in the core, of those
    that it refers back to.
    """

    unit: Unit
    source: int
    relevance: float
    after: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Core:
    """The units that a question asks for, in the order of their sources; `answered` is P(they answer it)."""

    asked: tuple[Asked, ...]
    answered: float

    @property
    def is_answered(self) -> bool:
        """Say whether the sources answer the question, as far as can be told."""
        return self.answered >= weights().answered

    @property
    def sources(self) -> tuple[str, ...]:
        """Return the Markdown of each source's part of the core."""
        numbers = sorted({one.source for one in self.asked})
        return tuple(joined([one.unit for one in self.asked if one.source == number]) for number in numbers)


@dataclass(frozen=True, kw_only=True)
class Signals:
    """What is known of sources' units for a question: `units` [units, 4] and `source` [6], by the names above.

    `vectors` [units, dim] are the units' meanings.
    """

    units: Vectors
    source: Vectors
    vectors: Vectors


async def core_of(
    question: str, sources: Sequence[str], *, locale: str, encoder: ComposingEncoder
) -> Core | None:
    """Return what a reply to a question has to bear out of approved texts (Markdown); None where they are too long.

    Raises EngineError.
    """
    parts = [units_of(source) for source in sources]
    if not any(unit.may_be_chosen for units in parts for unit in units):
        return None
    if sum(map(len, parts)) > MOST_UNITS:
        return None
    signals = await signals_of(question, sources, parts, locale=locale, encoder=encoder)
    asked: list[Asked] = []
    start = 0
    for number, units in enumerate(parts):
        here = slice(start, start + len(units))
        start += len(units)
        shares = shares_of(signals.units[here], units)
        if not shares.any():
            continue
        companions = Companions(units, signals.vectors[here], language=language_of(locale), question=question)
        kept = companions.of(taken(shares, weights().enough))
        kept |= companions.speaking_of(kept)
        chosen = [unit for unit in units if unit.place in kept]
        is_part = length_of(sources[number]) > SHORTEST_WITH_PARTS and is_shorter(
            joined(chosen), sources[number]
        )
        asked += _asked(chosen if is_part else units, shares, number, len(asked), locale)
    logit = float(signals.source @ weights().source)
    return Core(asked=tuple(asked), answered=1 / (1 + math.exp(-logit)))


async def signals_of(
    question: str,
    sources: Sequence[str],
    parts: Sequence[Sequence[Unit]],
    *,
    locale: str,
    encoder: ComposingEncoder,
) -> Signals:
    """Return what is known of the units of sources, for a question. Raises EngineError."""
    flat = [unit for units in parts for unit in units]
    alone = [prepare(f"{unit.heading} {unit.text}") for unit in flat]
    below = [
        prepare(f"{units[0].text if place else ''} {unit.text}")
        for units in parts
        for place, unit in enumerate(units)
    ]
    texts = [prepare(question), *alone, *below, *map(prepare, sources)]
    vectors = await encoder.embed_queries(texts, upper=encoder.base)
    asked, meanings = vectors[0], vectors[1 : 1 + len(flat)]
    contexts, wholes = vectors[1 + len(flat) : 1 + 2 * len(flat)], vectors[1 + 2 * len(flat) :]
    tokens = encoder.tokens([texts[0], *(prepare(unit.text) for unit in flat)])
    near = meanings @ asked
    units = np.stack(
        [
            near,
            contexts @ asked,
            shared_words(tokens[0], tokens[1:]),
            np.log([len(unit.text) + 1 for unit in flat]),
        ],
        axis=1,
    )
    lexicon = lexicon_for(locale)
    words = content(question, lexicon)
    held = covered(words, ground_of(sources, lexicon).stems, lexicon) if words else 0.0
    source = [near.max(), (wholes @ asked).max(), near.max() - near.mean(), held, math.log(len(flat)), 1.0]
    return Signals(units=units, source=np.array(source), vectors=meanings)


def shares_of(signals: Vectors, units: Sequence[Unit]) -> Vectors:
    """Return how relevant each unit of a source is, adding up to 1; all 0 where none says anything by itself."""
    may = np.array([unit.may_be_chosen for unit in units], bool)
    if not may.any():
        return np.zeros(len(units), np.float32)
    scores = np.where(may, signals @ weights().unit, -np.inf)
    shares: Vectors = np.exp(scores - scores.max()).astype(np.float32)
    return shares / shares.sum()


def _asked(units: Sequence[Unit], shares: Vectors, source: int, start: int, locale: str) -> list[Asked]:
    """Return a source's part of the core, whose first place in the core is `start`."""
    cues = cues_for(language_of(locale))
    found: list[Asked] = []
    for number, unit in enumerate(units):
        before = units[number - 1] if number else None
        is_next = before is not None and before.place == unit.place - 1 and before.block == unit.block
        refers = is_next and bool(cues.anaphora.match(unit.text) or cues.contrast.match(unit.text))
        after = (*found[-1].after, start + number - 1) if refers else ()
        found.append(Asked(unit=unit, source=source, relevance=float(shares[unit.place]), after=after))
    return found


@functools.cache
def weights() -> Weights:
    """Return the weights that Kefu ships."""
    data = json.loads(WEIGHTS.read_text(encoding="utf-8"))
    return Weights(
        unit=np.array([data["unit"][name] for name in UNIT_SIGNALS]),
        source=np.array([data["source"][name] for name in SOURCE_SIGNALS]),
        enough=data["enough"],
        answered=data["answered"],
    )
