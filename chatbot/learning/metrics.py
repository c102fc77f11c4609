"""Measures of retrieval, ranking and confidence, each with its source, and bootstrap intervals for any of them."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def hit_at(ranked: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """Return 1 if any of the first k is relevant, else 0 (success at k; Voorhees and Harman, TREC, 2005)."""
    return float(any(key in relevant for key in ranked[:k]))


def reciprocal_rank(ranked: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """Return 1 / the place of the first relevant within k, else 0 (Voorhees, The TREC-8 QA Track Report, 1999)."""
    return next((1 / place for place, key in enumerate(ranked[:k], start=1) if key in relevant), 0.0)


def ndcg_at(ranked: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """Return discounted gain over the ideal order's, with gain 2^grade - 1.

    Jarvelin and Kekalainen, Cumulated gain-based evaluation of IR techniques, 2002; exponential gain as in Burges et
    al., Learning to rank using gradient descent, 2005.
    """

    def gain(grades: Sequence[int]) -> float:
        return sum((2**grade - 1) / float(np.log2(place + 1)) for place, grade in enumerate(grades, start=1))

    ideal = gain(sorted(relevant.values(), reverse=True)[:k])
    return gain([relevant.get(key, 0) for key in ranked[:k]]) / ideal if ideal else 0.0


def recall_at(ranked: Sequence[str], relevant: Mapping[str, int], k: int) -> float:
    """Return the share of the relevant that are within k (Manning, Raghavan and Schuetze 2008, chapter 8)."""
    return sum(key in relevant for key in ranked[:k]) / len(relevant)


def auroc(confidence: Floats, positive: Bools) -> float | None:
    """Return P(a positive's confidence is above a negative's), ties half; None without both kinds.

    The Mann-Whitney form (Hanley and McNeil, The meaning and use of the area under a ROC curve, 1982).
    """
    above, below = confidence[positive], np.sort(confidence[~positive])
    if not len(above) or not len(below):
        return None
    wins = np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")
    return float(wins.sum() / (2 * len(above) * len(below)))


def coverage_at_precision(confidence: Floats, correct: Bools, precision: float) -> float:
    """Return the largest share of queries answerable by a threshold with at least this precision.

    Risk-coverage trade-off of selective classification (El-Yaniv and Wiener, JMLR 2010). Equal confidences cannot be
    told apart by a threshold, so they are answered together or not at all.
    """
    if not len(confidence):
        return 0.0
    order = np.argsort(-confidence, kind="stable")
    answered = np.arange(1, len(order) + 1)
    right = np.cumsum(correct[order])
    cut = np.append(np.diff(confidence[order]) != 0, True)
    fits = np.flatnonzero(cut & (right >= precision * answered - 1e-9))
    return float(answered[fits[-1]] / len(order)) if len(fits) else 0.0


def expected_calibration_error(confidence: Floats, correct: Bools, bins: int = 10) -> float:
    """Return the mean gap between confidence and accuracy over equal-width bins, weighted by their queries.

    Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., On calibration of modern neural networks, ICML 2017.
    """
    if not len(confidence):
        return 0.0
    of = np.minimum((confidence * bins).astype(int), bins - 1)
    gaps = np.bincount(of, confidence, bins) - np.bincount(of, correct, bins)
    return float(np.abs(gaps).sum() / len(confidence))


def bootstrap(
    measure: Callable[[NDArray[np.int64]], float | None], count: int, *, seed: int, samples: int = 1000
) -> tuple[float, float] | None:
    """Return the 95% percentile interval of a measure of row numbers, or None where it is undefined.

    Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    if not count:
        return None
    random = np.random.default_rng(seed)
    drawn = [measure(random.integers(0, count, count)) for _ in range(samples)]
    values = [value for value in drawn if value is not None]
    if not values:
        return None
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)
