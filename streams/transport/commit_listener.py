"""What whoever watches a worker is told, as plain values: nobody here knows who that is, or of any metrics library."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from domain.time import Micros


class CommitListener(Protocol):
    """Told in the event loop, so it must be quick."""

    def committed(
        self,
        counts: Mapping[tuple[str, ...], int],
        records: int,
        seconds: float,
        occurred: Sequence[Micros],
        stamped_ms: Sequence[int],
    ) -> None:
        """A transaction holds.

        Args:
            counts: what happened in it, by a name and labels: `events` topic, type, outcome; `facts` table, outcome;
                `dead_letters` topic, class; `outputs` topic; `break_transitions` class, lifecycle;
                `late_alert_transitions` lifecycle.
            records: how many it wrote.
            seconds: how long writing it took.
            occurred: `occurred_at` of the first and the last good event of each batch that it read from an input.
            stamped_ms: the timestamps (milliseconds since 1970) of the first and the last record of each such batch.

        """

    def failed(self) -> None:
        """A transaction did not hold, or nobody knows whether it did."""

    def rebalanced(self) -> None:
        """Partitions were assigned."""


class NullListener:
    """Nobody watches."""

    def committed(
        self,
        counts: Mapping[tuple[str, ...], int],
        records: int,
        seconds: float,
        occurred: Sequence[Micros],
        stamped_ms: Sequence[int],
    ) -> None:
        """Do nothing."""

    def failed(self) -> None:
        """Do nothing."""

    def rebalanced(self) -> None:
        """Do nothing."""
