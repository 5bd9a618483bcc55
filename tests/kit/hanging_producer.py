"""A producer whose calls hang as librdkafka's do in its issue 5511: for ever, whatever their timeout."""

import threading
from collections.abc import Callable
from enum import Enum
from typing import Any

from confluent_kafka import Producer


class Hang(Enum):
    """Where a producer hangs."""

    BEFORE_OFFSETS = "before-offsets"
    """In `send_offsets_to_transaction`, and nothing was sent: what issue 5511 does."""
    AFTER_OFFSETS = "after-offsets"
    """The group's coordinator has the offsets."""
    BEFORE_COMMIT = "before-commit"
    """In `commit_transaction`, and nothing was sent."""
    AFTER_COMMIT = "after-commit"
    """The transaction is committed, and nobody says so."""


def hang() -> None:
    """Never return."""
    threading.Event().wait()


class HangingProducer(Producer):  # type: ignore[misc]
    """Asks `hangs` at each of those points whether to hang there."""

    hangs: Callable[[Hang], bool]

    def __init__(self, conf: dict[str, Any], hangs: Callable[[Hang], bool]) -> None:
        super().__init__(conf)
        self.hangs = hangs

    def send_offsets_to_transaction(self, *args: Any) -> None:
        """Send offsets, or hang."""
        self._maybe(Hang.BEFORE_OFFSETS)
        super().send_offsets_to_transaction(*args)
        self._maybe(Hang.AFTER_OFFSETS)

    def commit_transaction(self, *args: Any) -> None:
        """Commit, or hang."""
        self._maybe(Hang.BEFORE_COMMIT)
        super().commit_transaction(*args)
        self._maybe(Hang.AFTER_COMMIT)

    def _maybe(self, here: Hang) -> None:
        if self.hangs(here):
            hang()
