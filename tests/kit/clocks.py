"""A clock for tests."""

from domain.time import Micros
from streams.codec.json_form import instant_from_text


class Clock:
    """Stands still until a test moves it."""

    def __init__(self, at: str = "2026-07-10T12:00:00Z") -> None:
        self.now: Micros = instant_from_text(at)

    def __call__(self) -> Micros:
        """The time, microseconds since 1970."""
        return self.now
