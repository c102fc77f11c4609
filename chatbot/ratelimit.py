"""A token bucket per key: a burst is fine, a flood is not."""

import time
from collections import OrderedDict
from collections.abc import Callable

KEYS_MAX = 50_000


class RateLimiter:
    """Allows `per_minute` acts a minute per key, and that many at once at the start."""

    def __init__(self, per_minute: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._clock = clock
        self._buckets: OrderedDict[object, tuple[float, float]] = OrderedDict()

    def wait_seconds(self, key: object) -> float:
        """Count one act: 0 if it may happen now, else the seconds after which it may."""
        now = self._clock()
        tokens, at = self._buckets.pop(key, (float(self._per_minute), now))
        tokens = min(self._per_minute, tokens + (now - at) * self._per_minute / 60)
        allowed = tokens >= 1
        self._buckets[key] = (tokens - 1 if allowed else tokens, now)
        while len(self._buckets) > KEYS_MAX:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1 - tokens) * 60 / self._per_minute
