"""Small statistics for benchmarks: medians and percentiles, never means of a noisy machine."""

import math
import statistics
import time
from collections.abc import Callable, Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile (`share` 0..1) of at least one value."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def seconds(function: Callable[[], object]) -> float:
    """Return how long one call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def paired(
    ours: Callable[[], object], theirs: Callable[[], object], *, rounds: int
) -> tuple[float, float, float]:
    """Time both in turn; return our median, their median, and the median of the ratios theirs / ours.

    Pairs share the machine's mood, so the ratio holds when its speed drifts.
    """
    ours()
    theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    mine, other = zip(*pairs, strict=True)
    return statistics.median(mine), statistics.median(other), statistics.median(b / a for a, b in pairs)
