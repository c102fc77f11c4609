"""From the scores of a ranked list to the probability that its first candidate answers the question.

Logistic regression on a few features of the list (Platt, Probabilistic outputs for support vector machines, 1999).
The features are of the list's shape rather than of raw similarity, so that what is learned on some FAQs holds on others.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chatbot.engine.encoder import Vectors
from chatbot.engine.index import Shape

FEATURES = ("log_odds", "prototype", "prototype_wordings", "prototype_answers", "wordings", "answers")
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


def posterior(ordered: Vectors, nothing: float) -> Vectors:
    """Return the softmax of the first `FIELD` scores, highest first, with "nothing answers" beside them.

    The rest get 0, so the shares add up to one less that of "nothing answers".
    """
    top = max(float(ordered[0]), nothing)
    shares = np.zeros(len(ordered))
    shares[:FIELD] = np.exp(ordered[:FIELD] - top)
    return shares / (shares.sum() + np.exp(nothing - top))


def features_of(share: float, prototype: float, shape: Shape) -> NDArray[np.float64]:
    """Return `FEATURES` of a ranked list: of its best candidate's share of the softmax and `prototype` cosine.

    What a cosine means depends on how many wordings and how much of an answer the FAQ's entries have.
    """
    context = np.array([1.0, shape.wordings, shape.answers])
    log_odds = np.log((share + 1e-6) / (1 - share + 1e-6))
    return np.concatenate([[log_odds], prototype * context, context[1:]])
