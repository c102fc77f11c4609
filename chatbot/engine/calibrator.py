"""From the scores of a ranked list to the probability that its first candidate answers the question.

Logistic regression on a few features of the list (Platt, Probabilistic outputs for support vector machines, 1999).
The features are of the list's shape rather than of raw similarity, so that what is learned on some FAQs holds on others.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatbot.engine.encoder import Vectors
from chatbot.engine.index import Signals

FEATURES = ("log_odds", "lead", "prototype", "size")
# The list's shape is judged by its first candidates: further down it depends on how many were retrieved.
FIELD = 12


@dataclass(frozen=True, kw_only=True)
class Calibrator:
    """Logistic regression over `FEATURES`."""

    intercept: float
    weights: Mapping[str, float]

    def probability(self, features: NDArray[np.float64]) -> float:
        """Return P(the first candidate answers) for features [len(FEATURES)]."""
        logit = self.intercept + sum(self.weights[name] * float(x) for name, x in zip(FEATURES, features, strict=True))
        return float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))


def posterior(ordered: Vectors) -> Vectors:
    """Return the softmax over the first `FIELD` scores, highest first; the rest get 0."""
    shares = np.zeros(len(ordered))
    shares[:FIELD] = np.exp(ordered[:FIELD] - ordered[0])
    return shares / shares.sum()


def features_of(ordered: Vectors, signals: Signals, best: int) -> NDArray[np.float64]:
    """Return `FEATURES` of a ranked list: its scores, highest first, and its best candidate's place in the signals.

    `log_odds` of the best against the others, `lead` of its score over the mean of the field, its `prototype`
    cosine, and the FAQ's `size`.
    """
    share = float(posterior(ordered)[0])
    return np.array(
        [
            np.log((share + 1e-6) / (1 - share + 1e-6)),
            float(ordered[0] - ordered[:FIELD].mean()),
            float(signals.prototype[best]),
            signals.shape.size,
        ]
    )
