"""How often somebody may ask: token buckets in this process's memory."""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

KEYS_MAX = 10_000
"""Buckets in memory. The one that was unused for the longest makes room for a new one."""


class Rate(NamedTuple):
    """A limit: `burst` at once, and `per_second` in the long run."""

    burst: float
    per_second: float


class RateLimit:
    """A limit for each key.

    Args:
        rate: the limit.
        clock: seconds; any origin, never back.

    """

    def __init__(self, rate: Rate, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_s(self, key: str) -> float:
        """Count one for a key. 0 if it is allowed; else the seconds until it will be, and nothing is counted."""
        level, missing = self._level(key)
        if missing > 0:
            return missing
        self._set(key, level - 1)
        return 0.0

    def is_exhausted(self, key: str) -> float:
        """The seconds until one is allowed; 0 if it is now. Nothing is counted."""
        return max(0.0, self._level(key)[1])

    def _level(self, key: str) -> tuple[float, float]:
        level, at = self._buckets.get(key, (self._rate.burst, self._clock()))
        level = min(self._rate.burst, level + (self._clock() - at) * self._rate.per_second)
        return level, (1 - level) / self._rate.per_second

    def _set(self, key: str, level: float) -> None:
        self._buckets[key] = (level, self._clock())
        self._buckets.move_to_end(key)
        if len(self._buckets) > KEYS_MAX:
            self._buckets.popitem(last=False)
