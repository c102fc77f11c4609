"""How well the core of sources is found, and whether they answer at all: fitted on examples, measured on traps.

`python -m tests.flows.core` measures the shipped weights on the exam's traps; with `--fit` it prints the weights that
fit the rewriting examples, of which a reply's evidence tells the units that were asked for.
"""

import argparse
import asyncio
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatbot.answering.composition import core
from chatbot.answering.composition.text import Unit, sentences, units_of
from chatbot.answering.guard.evidence import ground_of, nearest, passage_of
from chatbot.answering.guard.lexicon import lexicon_for
from chatbot.engine import weights
from chatbot.exam import traps
from chatbot.exam.grading import mark
from chatbot.learning.encoding import LocalEncoder
from chatbot.learning.rewriting.examples import SHIPPED, Example, read_examples
from tests.flows.extractive import descend
from tests.flows.isolation import BatchEncoder

Numbers = NDArray[Any]
RIDGE = 1e-3


@dataclass(frozen=True, kw_only=True)
class Read:
    """An example as the core reads it; `used` [units] says which units its reply rests on."""

    signals: core.Signals
    parts: list[tuple[Unit, ...]]
    used: Numbers
    is_known: bool


async def read(example: Example, encoder: BatchEncoder) -> Read:
    """Read an example."""
    parts = [units_of(source) for source in example.sources]
    signals = await core.signals_of(
        example.question, example.sources, parts, locale=example.locale, encoder=encoder
    )
    used = _used(example)
    return Read(
        signals=signals,
        parts=parts,
        used=np.array([unit.text in used for units in parts for unit in units]),
        is_known=bool(example.reply),
    )


def _used(example: Example) -> set[str]:
    lexicon = lexicon_for(example.locale)
    ground = ground_of(example.sources, lexicon)
    said = [passage_of(part.strip(), lexicon) for part in sentences(example.reply)]
    return {passage.unit for one in said for passage in nearest(one, ground, lexicon)}


def fit(found: Sequence[Read]) -> dict[str, dict[str, float]]:
    """Return the weights: a softmax over the units of each source, and a logistic regression over sources."""
    lists = list(_lists(found))
    rows = np.concatenate([row for row, _used in lists])
    middle, spread = rows.mean(axis=0), rows.std(axis=0)
    scaled = [((row - middle) / spread, used) for row, used in lists]

    def of_units(at: Numbers) -> Numbers:
        slope = 2 * RIDGE * at
        for row, used in scaled:
            scores = np.exp(row @ at - (row @ at).max())
            slope += row.T @ (scores / scores.sum() - used) / len(scaled)
        return slope

    sources = np.stack([one.signals.source for one in found])[:, :-1]
    centre, wide = sources.mean(axis=0), sources.std(axis=0)
    design = np.column_stack([(sources - centre) / wide, np.ones(len(sources))])
    known = np.array([one.is_known for one in found], float)

    def of_sources(at: Numbers) -> Numbers:
        error = 1 / (1 + np.exp(-design @ at)) - known
        return design.T @ error / len(known) + 2 * RIDGE * np.append(at[:-1], 0.0)

    unit = descend(of_units, np.zeros(rows.shape[1])) / spread
    fitted = descend(of_sources, np.zeros(design.shape[1]))
    slopes = fitted[:-1] / wide
    return {
        "unit": _named(core.UNIT_SIGNALS, unit),
        "source": _named(core.SOURCE_SIGNALS, [*slopes, fitted[-1] - slopes @ centre]),
    }


def _lists(found: Sequence[Read]) -> Iterator[tuple[Numbers, Numbers]]:
    """Yield the units of each source of which a reply used some, and not all."""
    for one in found:
        start = 0
        for units in one.parts:
            here = slice(start, start + len(units))
            start += len(units)
            used = one.used[here]
            if used.any() and not used.all():
                yield one.signals.units[here], used / used.sum()


def _named(names: Sequence[str], values: Any) -> dict[str, float]:
    return {name: round(float(value), 3) for name, value in zip(names, values, strict=True)}


async def measure(encoder: BatchEncoder) -> None:
    """Print, for each exam, how often the core has what a right reply says, and how much of the sources it is."""
    for locale in traps.locales():
        kept: list[bool] = []
        share: list[float] = []
        answered: list[bool] = []
        unknown: list[bool] = []
        for trap in traps.load(locale):
            found = await core.core_of(trap.question, trap.sources, locale=locale, encoder=encoder)
            if found is None:
                continue
            (unknown if trap.unknown else answered).append(found.is_answered)
            if not trap.unknown:
                text = "\n".join(found.sources)
                kept.append(mark(trap, text).is_right)
                share.append(len(text) / sum(map(len, trap.sources)))
        print(
            f"{locale}: kept {np.mean(kept):.3f} in {np.mean(share):.2f} of the text; taken for answered: "
            f"{np.mean(answered):.3f} of those that are, {np.mean(unknown):.3f} of those that are not"
        )


async def fitted(encoder: BatchEncoder) -> dict[str, dict[str, float]]:
    """Return the weights that fit the shipped examples."""
    return fit([await read(one, encoder) for one in read_examples(SHIPPED)])


def main() -> None:
    """Print the figures, or new weights."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    from django.conf import settings

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", action="store_true")
    options = parser.parse_args()
    encoder = BatchEncoder(LocalEncoder(weights.prepare(None, Path(settings.MODEL_DIR))), [])
    if options.fit:
        print(json.dumps(asyncio.run(fitted(encoder))))
    else:
        asyncio.run(measure(encoder))


if __name__ == "__main__":
    main()
