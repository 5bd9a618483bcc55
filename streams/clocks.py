"""The clocks that the composition root passes to the service; no other module reads the time of day."""

import time
from collections.abc import Callable

from domain.time import Micros
from streams.settings import Settings


def system_clock() -> Micros:
    """The wall clock, in microseconds since 1970."""
    return time.time_ns() // 1_000


def clock_of(settings: Settings) -> Callable[[], Micros]:
    """The service's clock: the system's, or one that stands still."""
    standing = settings.standing_clock
    return system_clock if standing is None else lambda: standing
