"""From the scores of a ranked list to the probability that its first candidate answers the question.

The list competes with "nothing here answers it" in one softmax, whose log-odds are corrected by Platt scaling (Platt,
Probabilistic outputs for support vector machines, 1999).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Only the first candidates share the softmax: how many follow depends on how many were retrieved.
FIELD = 12


@dataclass(frozen=True, kw_only=True)
class Calibrator:
    """Logistic regression on the log-odds of the best candidate's share."""

    intercept: float
    slope: float

    def probability(self, share: float) -> float:
        """Return P(the best candidate answers), given its share of the softmax."""
        logit = self.intercept + self.slope * log_odds(share)
        return float(1 / (1 + np.exp(-np.clip(logit, -30, 30))))


def posterior(ordered: NDArray[np.float64], nothing: float) -> NDArray[np.float64]:
    """Return the softmax of the first `FIELD` scores, highest first, with "nothing answers" beside them.

    The rest get 0, so the shares add up to one less that of "nothing answers".
    """
    top = max(float(ordered[0]), nothing)
    shares = np.zeros(len(ordered))
    shares[:FIELD] = np.exp(ordered[:FIELD] - top)
    return shares / (shares.sum() + np.exp(nothing - top))


def log_odds(share: float) -> float:
    """Return ln(share / (1 - share)), kept finite."""
    return float(np.log((share + 1e-6) / (1 - share + 1e-6)))
