"""Fit what thresholds lead to: how many of the answers are wrong, and from where on asking back pays.

Groups count by their weight, so the curve is that of an FAQ of the average kind, asked much out of scope. Where a
higher threshold happens to be worse than a lower one, the lower one's share holds for both.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from chatbot.answering.rank import OFFERED, TOGETHER, Ranker, Weights
from chatbot.engine.calibrator import THRESHOLDS, Risk
from chatbot.learning.examples import Group, split

# Some visitors ask out of scope far more often than data sets do, and thresholds must hold for them too.
CAUTIOUS_OUT_OF_SCOPE = 0.2


def with_risk(weights: Weights, groups: Sequence[Group]) -> Weights:
    """Return the weights with the risk curve that they have on the groups' examples."""
    return replace(weights, risk=fit_risk(groups, weights))


@dataclass(frozen=True, kw_only=True)
class Outcomes:
    """What ranking lists leads to, all [lists]: how likely the best is, and those that would be offered together,
    whether the best is right, whether one that is offered is, and what each list counts.
    """

    best: NDArray[np.float64]
    together: NDArray[np.float64]
    right: NDArray[np.bool_]
    offered: NDArray[np.bool_]
    counts: NDArray[np.float64]


def fit_risk(groups: Sequence[Group], weights: Weights) -> Risk:
    """Return the risk curve of ranking the groups' examples. Raises ValueError without examples."""
    found = outcomes(groups, weights)
    if not len(found.best):
        raise ValueError("There is no example, so there is nothing to learn thresholds from.")
    wrong, least = [], 1.0
    for threshold in THRESHOLDS:
        answered = found.counts * (found.best >= threshold)
        if answered.sum() > 0:
            least = min(least, float(answered @ ~found.right / answered.sum()))
        wrong.append(round(least, 4))
    return Risk(wrong=tuple(wrong), clarify_from=_asking_pays(found))


def outcomes(groups: Sequence[Group], weights: Weights) -> Outcomes:
    """Rank the groups' examples, `CAUTIOUS_OUT_OF_SCOPE` of them out of scope."""
    ranker = Ranker(weights=weights)
    rows: list[tuple[float, float, bool, bool, float]] = []
    for group in groups:
        for examples, share, _ in split(group, out_of_scope=CAUTIOUS_OUT_OF_SCOPE):
            for example in examples:
                places = {int(entry): place for place, entry in enumerate(example.signals.entry)}
                ranked = ranker.rank(example.signals)[:OFFERED]
                right = [bool(example.right[places[candidate.entry]]) for candidate in ranked]
                together = sum(candidate.probability for candidate in ranked)
                count = group.weight * share / len(examples)
                rows.append((ranked[0].probability, together, right[0], any(right), count))
    table = np.array(rows, float).reshape(len(rows), 5)
    return Outcomes(
        best=table[:, 0],
        together=table[:, 1],
        right=table[:, 2].astype(bool),
        offered=table[:, 3].astype(bool),
        counts=table[:, 4],
    )


def _asking_pays(found: Outcomes) -> float:
    """Return from where on to ask back, if a right offer gains as much as a vain one costs."""
    steps = np.arange(round(THRESHOLDS[0] * 100) + 1) / 100
    asked = found.counts * (found.together >= TOGETHER)
    gains = [float((asked * (found.best >= step)) @ (found.offered - 0.5)) for step in steps]
    return float(steps[int(np.argmax(gains))])
