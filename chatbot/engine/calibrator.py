"""From the scores of a ranked list to the probability that its first candidate answers the question.

The list competes with "nothing here answers it" in one softmax, whose log-odds are corrected by Platt scaling (Platt,
Probabilistic outputs for support vector machines, 1999).
"""

from dataclasses import dataclass
from itertools import pairwise

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


# The thresholds that a risk curve knows. An answer below a half is likelier wrong than right, so none is lower.
THRESHOLDS = tuple(hundredths / 100 for hundredths in range(50, 100))


@dataclass(frozen=True, kw_only=True)
class Risk:
    """What thresholds on the probability lead to: the risk-coverage trade-off of El-Yaniv and Wiener, JMLR 2010.

    `wrong` is the share of wrong ones among the answers given from each of `THRESHOLDS` on; it never rises.
    `clarify_from`: from here on the right answer is more often than not among the few that are offered. Raises
    ValueError for anything else.
    """

    wrong: tuple[float, ...]
    clarify_from: float

    def __post_init__(self) -> None:
        shares = (1.0, *self.wrong, 0.0)
        if len(self.wrong) != len(THRESHOLDS) or not all(one >= other for one, other in pairwise(shares)):
            raise ValueError(f"A risk curve needs {len(THRESHOLDS)} shares between 1 and 0 that never rise.")
        if not 0 <= self.clarify_from <= THRESHOLDS[0]:
            raise ValueError(f"Asking back cannot begin at {self.clarify_from}: 0 to {THRESHOLDS[0]} can be.")

    def answer_from(self, most_wrong: float) -> float:
        """Return the smallest threshold whose answers are wrong at most so often, the highest if none is."""
        fitting = [at for at, wrong in zip(THRESHOLDS, self.wrong, strict=True) if wrong <= most_wrong]
        return fitting[0] if fitting else THRESHOLDS[-1]


# Of answers that are right with at least some probability, no more are wrong than that leaves.
CAUTIOUS = Risk(wrong=tuple(1 - threshold for threshold in THRESHOLDS), clarify_from=0.25)


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
