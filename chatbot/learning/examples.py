"""Examples to learn ranking and calibration from: what the served search finds for questions whose answer is known."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chatbot.answering.rank import OUT_OF_SCOPE, Weights, order
from chatbot.engine.calibrator import log_odds
from chatbot.engine.index import Index, Signals
from chatbot.learning.material import Asked, Material

# What out-of-scope questions count: more where "nothing answers" is learned, for they are what it is learned from;
# where probabilities are, about as many as data sets and most visitors ask.
LEARNED_OUT_OF_SCOPE = 0.15
CALIBRATED_OUT_OF_SCOPE = OUT_OF_SCOPE

ABSENT = "absent"


@dataclass(frozen=True, kw_only=True)
class Example:
    """A question's candidates and which of them answer it: `right` [candidates].

    `source` says where an out-of-scope question is from: those of each source count the same.
    """

    signals: Signals
    right: NDArray[np.bool_]
    source: str = "asked"

    def without_right(self) -> "Example":
        """Return the same question as if the FAQ did not hold its answer."""
        return Example(
            signals=select(self.signals, ~self.right), right=self.right[~self.right], source=ABSENT
        )


@dataclass(frozen=True, kw_only=True)
class Group:
    """Examples of one index; `weight` is what all of them together count in a fit.

    `out_of_scope`: at least so much of what visitors ask of this kind of FAQ is out of scope.
    """

    examples: Sequence[Example]
    weight: float = 1.0
    out_of_scope: float = 0.0


def examine(
    index: Index, questions: Iterable[tuple[Asked, frozenset[str]]], *, source: str = "asked"
) -> list[Example]:
    """Search for questions, each with the keys of the entries that answer it."""
    examples = []
    for asked, relevant in questions:
        signals = index.search(asked.vector, asked.tokens, text=asked.text)
        right = np.array([index.entries[entry].key in relevant for entry in signals.entry], bool)
        examples.append(Example(signals=signals, right=right, source=source))
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


def split(group: Group, *, out_of_scope: float) -> Iterator[tuple[list[Example], float, bool]]:
    """Yield a group's in-scope and out-of-scope examples, what each part counts of the group, and which it is.

    Every question counts a second time as out of scope: with its right candidates taken away. All that is out of
    scope, be it so or made so, counts `out_of_scope` of its group or what the group says, for how much of it a data
    set holds says little about how much of it visitors ask. Of that, each of its sources counts the same.
    """
    out_of_scope = max(out_of_scope, group.out_of_scope)
    inside = [example for example in group.examples if example.right.any()]
    outside: dict[str, list[Example]] = {}
    for example in group.examples:
        absent = example.without_right() if example.right.any() else example
        if len(absent.right):
            outside.setdefault(absent.source, []).append(absent)
    if inside:
        yield inside, 1 - out_of_scope, True
    for examples in outside.values():
        yield examples, out_of_scope / len(outside), False


def calibration_rows(
    groups: Sequence[Group], weights: Weights
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Return the log-odds of each list's best [n], which lists begin rightly [n], and what each counts [n]."""
    odds: list[float] = []
    right: list[bool] = []
    counts: list[float] = []
    for group in groups:
        for examples, share, _ in split(group, out_of_scope=CALIBRATED_OUT_OF_SCOPE):
            for example in examples:
                ranked = order(example.signals, weights)
                odds.append(log_odds(float(ranked.shares[0])))
                right.append(bool(example.right[ranked.order[0]]))
                counts.append(group.weight * share / len(examples))
    return np.array(odds), np.array(right, bool), np.array(counts)


def select(signals: Signals, rows: NDArray[np.bool_]) -> Signals:
    """Return the signals of some of the candidates [candidates]."""
    arrays = ("entry", "question", "prototype", "passage", "words", "characters", "matched", "verbatim")
    return replace(signals, **{name: getattr(signals, name)[rows] for name in arrays})
