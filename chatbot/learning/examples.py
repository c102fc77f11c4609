"""Examples to learn ranking and calibration from: what the served search finds for questions whose answer is known."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chatbot.answering.rank import Weights, order
from chatbot.engine.index import Index, Signals
from chatbot.learning.material import Asked, Material

# Of 100 questions to calibrate for, so many are taken to be out of scope.
OUT_OF_SCOPE = 0.05


@dataclass(frozen=True, kw_only=True)
class Example:
    """A question's candidates and which of them answer it: `right` [candidates]."""

    signals: Signals
    right: NDArray[np.bool_]

    def without_right(self) -> "Example":
        """Return the same question as if the FAQ did not hold its answer."""
        return Example(signals=select(self.signals, ~self.right), right=self.right[~self.right])


@dataclass(frozen=True, kw_only=True)
class Group:
    """Examples of one index; `weight` is what all of them together count in a fit."""

    examples: Sequence[Example]
    weight: float = 1.0


def examine(index: Index, questions: Iterable[tuple[Asked, frozenset[str]]]) -> list[Example]:
    """Search for questions, each with the keys of the entries that answer it."""
    examples = []
    for asked, relevant in questions:
        signals = index.search(asked.vector, asked.tokens, text=asked.text)
        right = np.array([index.entries[entry].key in relevant for entry in signals.entry], bool)
        examples.append(Example(signals=signals, right=right))
    return examples


def hold_out(material: Material, *, folds: int, most: int, random: np.random.Generator) -> list[Example]:
    """Ask an FAQ's alternates of the FAQ without them: at most about `most`, a fold at a time.

    What is shown stays; so does an entry whose alternates are all asked.
    """
    alternates = random.permutation(np.flatnonzero(~material.shown))
    examples = []
    for fold in np.array_split(alternates, folds):
        if not len(fold):
            continue
        rows = np.ones(len(material.questions), bool)
        rows[fold] = False
        owners = material.owners
        examples += examine(
            material.keep(rows).index(),
            [
                (material.asked(int(row)), frozenset({material.entries[owners[row]].key}))
                for row in fold[: max(1, most // folds)]
            ],
        )
    return examples


def calibration_rows(
    groups: Sequence[Group], weights: Weights
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return the calibrator's features [n, FEATURES], which lists begin rightly [n], and what each counts [n].

    Every question counts a second time, a little, as out of scope: with its right candidates taken away.
    """
    features, right, counts = [], [], []
    for group in groups:
        share = group.weight / max(len(group.examples), 1)
        for example in group.examples:
            absent = example.without_right() if example.right.any() else None
            parts = [(example, share * (1 - OUT_OF_SCOPE)), (absent, share * OUT_OF_SCOPE)]
            for part, weight in parts:
                if part is None or not len(part.right):
                    continue
                ranked = order(part.signals, weights)
                features.append(ranked.features)
                right.append(bool(part.right[ranked.order[0]]))
                counts.append(weight)
    return np.array(features), np.array(right, bool), np.array(counts)


def select(signals: Signals, rows: NDArray[np.bool_]) -> Signals:
    """Return the signals of some of the candidates [candidates]."""
    arrays = ("entry", "question", "prototype", "passage", "words", "characters", "matched")
    return replace(signals, **{name: getattr(signals, name)[rows] for name in arrays})
