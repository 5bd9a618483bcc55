"""How far a reader of a ledger is, for its health pages and metrics: written by the reader, read by other threads."""

import time
from dataclasses import dataclass, field
from enum import StrEnum

from domain.time import Micros


class ReaderState(StrEnum):
    """What a reader does."""

    STARTING = "starting"
    """It reads its own state."""
    WAITING = "waiting"
    """There is no topic to read yet."""
    SNAPSHOT = "snapshot"
    """It reads all rows."""
    FOLLOWING = "following"
    """It reads changes as they come."""
    DISCONNECTED = "disconnected"
    """The connection to the source is lost, and is opened again."""


@dataclass(slots=True)
class ReaderProgress:
    """The progress of a reader. Counters are of committed work."""

    state: ReaderState = ReaderState.STARTING
    why: str = ""
    """Of `disconnected`: what was wrong."""
    changes: int = 0
    """Changes of rows that were read."""
    published: int = 0
    """Facts that were written."""
    refused: int = 0
    """Dead letters."""
    disconnections: int = 0
    last_change: Micros | None = None
    """When the last change that was read was committed, by the ledger's clock."""
    caught_up: Micros | None = None
    """The time up to which every change is read, by the ledger's clock; None until it is known."""
    position: str = ""
    """The last committed one, in the source's own form."""
    stepped_at: float = field(default_factory=time.monotonic)
    """When the reader last finished a step, by a clock that never goes back."""

    def stepped(self) -> None:
        """A step is done: the reader is alive."""
        self.stepped_at = time.monotonic()

    def enter(self, state: ReaderState, why: str = "") -> None:
        """The reader does something else now."""
        self.state, self.why = state, why
        self.disconnections += state is ReaderState.DISCONNECTED
        self.stepped()

    def read_up_to(self, at: Micros) -> None:
        """Every change up to an instant is read. It never goes back: a server's clock may."""
        if self.caught_up is None or at > self.caught_up:
            self.caught_up = at

    def committed(self, changes: int, published: int, refused: int, last_change: Micros | None) -> None:
        """A transaction is written.

        Args:
            changes: of rows, that were read for it.
            published: the facts in it.
            refused: the dead letters in it.
            last_change: when the last of the changes was committed; None: there is none.

        """
        self.changes += changes
        self.published += published
        self.refused += refused
        if last_change is not None and (self.last_change is None or last_change > self.last_change):
            self.last_change = last_change
