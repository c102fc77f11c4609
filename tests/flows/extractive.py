"""How much shorter extracts are, and whether what was asked for stays: narrow questions on long answers, labelled.

`python -m tests.flows.extractive DATA` prints it for the questions in `tests/extractive`, whose answers are in
`DATA/<locale>/faq.jsonl`. Half of the FAQs, the same ones in every locale, are for tuning, the others are held out.
With `--fit` it prints the weights that fit the tuning half; with `--generator` the installed generator reads along.
"""

import argparse
import asyncio
import contextlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chatbot.answering.composition import extractive, writer
from chatbot.answering.composition.text import units_of
from chatbot.answering.composition.writer import Writer
from chatbot.engine import weights
from chatbot.engine.index import Entry
from chatbot.learning.encoding import LocalEncoder
from tests.flows.isolation import BatchEncoder

LABELS = Path(__file__).parent.parent / "extractive"
HALVES = ("tuning", "held out")
Numbers = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Labelled:
    """A question about an entry; `fact` are the phrases that its answer must keep, none where it asks for all."""

    locale: str
    entry: Entry
    question: str
    fact: tuple[str, ...]

    @property
    def half(self) -> str:
        return HALVES[zlib.crc32(self.entry.key.encode()) % 2]


@dataclass(frozen=True, kw_only=True)
class Figures:
    """Of the narrow questions: how much shorter on average, and the share whose fact stays; of the broad, untouched."""

    questions: int
    shorter: float
    kept: float
    extracted: float
    broad: int
    broad_whole: float
    lost: tuple[str, ...]


def labelled(data: Path) -> list[Labelled]:
    """Read the labels, with the entries that they speak of."""
    found = []
    for path in sorted(LABELS.glob("*.jsonl")):
        entries = {row["id"]: row for row in _rows(data / path.stem / "faq.jsonl")}
        for row in _rows(path):
            entry = entries[row["faq"]]
            found.append(
                Labelled(
                    locale=row["locale"],
                    entry=Entry(
                        key=entry["id"],
                        questions=(entry["question"], *entry.get("alternates", ())),
                        answer=entry["answer"],
                    ),
                    question=row["question"],
                    fact=tuple(row["fact"]),
                )
            )
    return found


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


async def answers(
    questions: Sequence[Labelled], encoder: BatchEncoder, reader: extractive.Reader | None = None
) -> list[str | None]:
    """Extract as served: the text of each part, None where the whole answer is shown."""
    found = [
        await extractive.extract(one.question, one.entry, locale=one.locale, encoder=encoder, reader=reader)
        for one in questions
    ]
    return [part.text if part else None for part in found]


def figures_of(pairs: Sequence[tuple[Labelled, str | None]]) -> Figures:
    """Count what was extracted for each question."""
    shorter, kept, whole, lost = [], [], [], []
    for one, part in pairs:
        text = part or one.entry.answer
        if not one.fact:
            whole.append(part is None)
            continue
        shorter.append(1 - len(text) / len(one.entry.answer))
        kept.append(all(phrase in text for phrase in one.fact))
        if not kept[-1]:
            lost.append(f"{one.locale} {one.entry.key}: {one.question}")
    return Figures(
        questions=len(kept),
        shorter=float(np.mean(shorter)),
        kept=float(np.mean(kept)),
        extracted=float(np.mean(np.array(shorter) > 0)),
        broad=len(whole),
        broad_whole=float(np.mean(whole)),
        lost=tuple(lost),
    )


# ---------------------------------------------------------------- fitting


async def fit(questions: Sequence[Labelled], encoder: BatchEncoder) -> dict[str, dict[str, float]]:
    """Return the weights under which the facts' units are likeliest, and those that tell broad questions apart."""
    unit_rows, broad_rows = [], []
    for one in questions:
        units = units_of(one.entry.answer)
        signals = await extractive.signals_of(one.question, one.entry, units, encoder=encoder)
        choosable = np.array([unit.may_be_chosen for unit in units])
        gold = np.array([any(phrase in unit.markdown for phrase in one.fact) for unit in units])
        if gold.any():
            unit_rows.append((signals.matrix[choosable], gold[choosable]))
        broad_rows.append((one, signals, choosable))
    found = _listwise(unit_rows)
    inputs = [
        (signals.title, float(_softmax(signals.matrix[choosable] @ found).max()))
        for _one, signals, choosable in broad_rows
    ]
    broad = _logistic(np.array(inputs), np.array([not one.fact for one in questions]))
    return {
        "relevance": dict(zip(("meaning", "words", "length"), map(float, found), strict=True)),
        "broad": dict(zip(("title", "peak", "bias"), map(float, broad), strict=True)),
    }


def _softmax(scores: Numbers) -> Numbers:
    powers: Numbers = np.exp(scores - scores.max())
    return powers / powers.sum()


def _listwise(rows: Sequence[tuple[Numbers, Numbers]], ridge: float = 1e-3) -> Numbers:
    """Fit a softmax over each answer's units by gradient descent (Adam), signals scaled to their spread."""
    scale = 1 / np.concatenate([matrix - matrix.mean(0) for matrix, _gold in rows]).std(0)
    centred = [((matrix - matrix.mean(0)) * scale, gold) for matrix, gold in rows]

    def gradient(weight: Numbers) -> Numbers:
        total = ridge * weight
        for matrix, gold in centred:
            shares = _softmax(matrix @ weight)
            total += (shares - shares * gold / (shares * gold).sum()) @ matrix / len(centred)
        return total

    return descend(gradient, np.zeros(len(scale))) * scale


def _logistic(inputs: Numbers, is_broad: Numbers, ridge: float = 1e-2) -> Numbers:
    """Fit a logistic regression, both classes weighing the same; the last weight is the bias."""
    middle, spread = inputs.mean(0), inputs.std(0)
    design = np.c_[(inputs - middle) / spread, np.ones(len(inputs))]
    share = is_broad.mean()
    counts = np.where(is_broad, 0.5 / share, 0.5 / (1 - share))

    def gradient(weight: Numbers) -> Numbers:
        error = (1 / (1 + np.exp(-design @ weight)) - is_broad) * counts
        return design.T @ error / len(design) + ridge * np.append(weight[:-1], 0.0)

    found = descend(gradient, np.zeros(design.shape[1]))
    slopes = found[:-1] / spread
    return np.append(slopes, found[-1] - slopes @ middle)


def descend(
    gradient: Callable[[Numbers], Numbers], weight: Numbers, *, steps: int = 3000, rate: float = 0.03
) -> Numbers:
    first = second = np.zeros_like(weight)
    for step in range(1, steps + 1):
        slope = gradient(weight)
        first, second = 0.9 * first + 0.1 * slope, 0.99 * second + 0.01 * slope**2
        weight = weight - rate * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.99**step)) + 1e-8)
    return weight


def main() -> None:
    """Print the figures of both halves and of every locale, or the weights."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chatbot.settings")
    from django.conf import settings

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--fit", action="store_true")
    parser.add_argument("--generator", action="store_true")
    options = parser.parse_args()
    questions = labelled(options.data)
    encoder = BatchEncoder(LocalEncoder(weights.prepare(None, Path(settings.MODEL_DIR))), [])
    if options.fit:
        tuning = [one for one in questions if one.half == HALVES[0]]
        print(json.dumps(asyncio.run(fit(tuning, encoder))))
        return
    with _reading() if options.generator else contextlib.nullcontext() as reader:
        _print(questions, encoder, reader)


@contextlib.contextmanager
def _reading() -> Iterator[Writer]:
    """Load the installed generator; it may take its time, so that the machine's load decides nothing."""
    from chatbot import generation

    writer.LIKELIHOOD_SECONDS = 600.0
    generator = generation.load()
    assert generator is not None
    generator.start()
    try:
        yield Writer(generator, detector=None, max_tokens=1, seconds=600.0)
    finally:
        generator.stop()


def _print(questions: Sequence[Labelled], encoder: BatchEncoder, reader: Writer | None) -> None:
    pairs = list(zip(questions, asyncio.run(answers(questions, encoder, reader)), strict=True))
    groups = {half: [(one, part) for one, part in pairs if one.half == half] for half in HALVES}
    groups |= {
        locale: [(one, part) for one, part in pairs if one.locale == locale]
        for locale in sorted({q.locale for q in questions})
    }
    for name, group in {"all": pairs, **groups}.items():
        figures = figures_of(group)
        print(
            f"{name:9} {figures.questions:4} narrow: {figures.shorter:.1%} shorter, fact kept {figures.kept:.1%}, "
            f"extracted {figures.extracted:.1%}; {figures.broad:3} broad: {figures.broad_whole:.1%} as approved"
        )
        if name == "all":
            print(*("  lost: " + line for line in figures.lost), sep="\n")


if __name__ == "__main__":
    main()
