"""Whether two systems differ on the same questions by more than chance: paired tests and paired intervals."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Interval = tuple[float, float]
# A figure of some of the questions, given by their row numbers; None where it is undefined for them.
Measure = Callable[[NDArray[np.int64]], float | None]

SAMPLES = 1000
PERMUTATIONS = 4000
BLOCK = 1 << 22
LEVELS = (2.5, 97.5)


@dataclass(frozen=True, kw_only=True)
class Resampled:
    """95% intervals of both sides and of their difference, and the two-sided p of no difference.

    None where the figure is undefined.
    """

    before: Interval | None
    after: Interval | None
    difference: Interval | None
    p: float | None


def mcnemar(before: Floats, after: Floats) -> float:
    """Return the exact two-sided p of as many questions [n] of 0 or 1 won as lost.

    McNemar, Psychometrika 1947, exact by the binomial; for classifiers: Dietterich, Neural Computation 1998.
    """
    won, lost = int((after > before).sum()), int((after < before).sum())
    tail = sum(math.comb(won + lost, k) for k in range(min(won, lost) + 1))
    return min(1.0, 2 * tail / 2 ** (won + lost))


def permutation(before: Floats, after: Floats, *, seed: int) -> float:
    """Return the two-sided p of no difference between the means of scores [n], by exchanging sides at random.

    Fisher's randomisation test; for retrieval: Smucker, Allan and Carterette, CIKM 2007. The observed case counts as
    one of the permutations (Davison and Hinkley, Bootstrap Methods, 1997, chapter 4).
    """
    differences = (after - before)[after != before]
    if not len(differences):
        return 1.0
    random = np.random.default_rng(seed)
    observed = abs(differences.sum()) - 1e-9
    block = max(1, BLOCK // len(differences))
    as_far = 0
    for start in range(0, PERMUTATIONS, block):
        rows = min(block, PERMUTATIONS - start)
        signs = random.integers(0, 2, (rows, len(differences)), dtype=np.int8) * 2.0 - 1.0
        as_far += int((np.abs(signs @ differences) >= observed).sum())
    return (as_far + 1) / (PERMUTATIONS + 1)


def bootstrap(before: Measure, after: Measure, count: int, *, seed: int) -> Resampled:
    """Resample `count` questions, the same for both sides.

    The percentile intervals of Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13, drawn as in
    `metrics.bootstrap`; p is twice the smaller share of differences on one side of 0 (Davison and Hinkley 1997).
    """
    random = np.random.default_rng(seed)
    drawn = []
    for _ in range(SAMPLES if count else 0):
        rows = random.integers(0, count, count)
        one, other = before(rows), after(rows)
        if one is not None and other is not None:
            drawn.append((one, other))
    if not drawn:
        return Resampled(before=None, after=None, difference=None, p=None)
    values = np.array(drawn)
    differences = values[:, 1] - values[:, 0]
    side = min(int((differences <= 1e-12).sum()), int((differences >= -1e-12).sum()))
    return Resampled(
        before=_interval(values[:, 0]),
        after=_interval(values[:, 1]),
        difference=_interval(differences),
        p=min(1.0, 2 * (side + 1) / (len(values) + 1)),
    )


def _interval(values: Floats) -> Interval:
    low, high = np.percentile(values, LEVELS)
    return float(low), float(high)
