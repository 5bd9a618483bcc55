"""The hook for whoever observes a worker, on frozen details: the transport knows no metrics library."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from domain.time import Micros
from streams.transport.commit import CommitCounts


@dataclass(frozen=True, slots=True)
class CommitDetails:
    """A committed transaction."""

    counts: CommitCounts
    records: int
    """The number of records it wrote."""
    keys: int
    """The number of states it wrote."""
    seconds: float
    """How long writing it took."""
    occurred: Sequence[Micros]
    """`occurred_at` of the first and the last good event of each batch that it read from an input."""
    stamped_ms: Sequence[int]
    """The timestamps (milliseconds since 1970) of the first and the last record of each such batch."""


class CommitListener(Protocol):
    """Called in the event loop, so it must be quick."""

    def committed(self, details: CommitDetails) -> None:
        """A transaction was committed."""

    def failed(self) -> None:
        """A transaction failed, or its outcome is unknown."""

    def rebalanced(self) -> None:
        """Partitions were assigned."""


class NullListener:
    """Ignores everything."""

    def committed(self, details: CommitDetails) -> None:
        """Ignore it."""

    def failed(self) -> None:
        """Ignore it."""

    def rebalanced(self) -> None:
        """Ignore it."""
