"""Fit what thresholds lead to: how many of the answers are wrong, and from where on asking back pays.

Groups count by their weight, so the curve is that of an FAQ of the average kind, asked as much out of scope as visitors
do. Where a higher threshold happens to be worse than a lower one, the lower one's share holds for both.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from chatbot.answering.rank import Ranker, Weights
from chatbot.engine.calibrator import THRESHOLDS, Risk
from chatbot.learning.examples import CALIBRATED_OUT_OF_SCOPE, Group, split

# So many questions are offered when asking back.
OFFERED = 3
# What is asked back about is out of scope more often than what visitors ask altogether.
UNSURE_OUT_OF_SCOPE = 0.2


def with_risk(weights: Weights, groups: Sequence[Group]) -> Weights:
    """Return the weights with the risk curve that they have on the groups' examples."""
    return replace(weights, risk=fit_risk(groups, weights))


def fit_risk(groups: Sequence[Group], weights: Weights) -> Risk:
    """Return the risk curve of ranking the groups' examples. Raises ValueError without examples."""
    probability, right, _, counts = outcomes(groups, weights, out_of_scope=CALIBRATED_OUT_OF_SCOPE)
    if not len(probability):
        raise ValueError("There is no example, so there is nothing to learn thresholds from.")
    wrong, least = [], 1.0
    for threshold in THRESHOLDS:
        answered = counts * (probability >= threshold)
        if answered.sum() > 0:
            least = min(least, float(answered @ ~right / answered.sum()))
        wrong.append(round(least, 4))
    probability, _, offered, counts = outcomes(groups, weights, out_of_scope=UNSURE_OUT_OF_SCOPE)
    return Risk(wrong=tuple(wrong), clarify_from=_asking_pays(probability, offered, counts))


def outcomes(
    groups: Sequence[Group], weights: Weights, *, out_of_scope: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
    """Return per list the best one's probability, whether it is right, whether a right one is offered, its weight."""
    ranker = Ranker(weights=weights)
    rows: list[tuple[float, bool, bool, float]] = []
    for group in groups:
        for examples, share, _ in split(group, out_of_scope=out_of_scope):
            for example in examples:
                places = {int(entry): place for place, entry in enumerate(example.signals.entry)}
                ranked = ranker.rank(example.signals)[:OFFERED]
                right = [bool(example.right[places[candidate.entry]]) for candidate in ranked]
                rows.append(
                    (ranked[0].probability, right[0], any(right), group.weight * share / len(examples))
                )
    probability, first, offered, counts = zip(*rows, strict=True) if rows else ((), (), (), ())
    return np.array(probability), np.array(first, bool), np.array(offered, bool), np.array(counts)


def _asking_pays(
    probability: NDArray[np.float64], offered: NDArray[np.bool_], counts: NDArray[np.float64]
) -> float:
    """Return from where on to ask back, if a right offer gains as much as a vain one costs."""
    steps = np.arange(round(THRESHOLDS[0] * 100) + 1) / 100
    gains = [float((counts * (probability >= step)) @ (offered - 0.5)) for step in steps]
    return float(steps[int(np.argmax(gains))])
