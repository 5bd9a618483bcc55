"""What one transaction carries, and the part a stage plays in it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, Protocol, TypeAlias

from domain.time import Micros
from streams.topics import DEAD_LETTER, Role, Topic
from streams.transport.batch import Batch, TopicPartition

ANY_PARTITION = -1
"""The producer's partitioner chooses (murmur2 of the key, as Java clients do)."""

DeadRecord: TypeAlias = tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]
"""A record of the dead-letter topic: key, value, headers."""


class Commit:
    """Everything that becomes visible at once: records, input offsets, and what the local stores learn after it."""

    __slots__ = (
        "changelog_ends", "counts", "dead_letters", "occurred", "offsets", "records", "stamped_ms", "stored",
    )  # fmt: skip

    def __init__(self) -> None:
        self.records: dict[tuple[Topic, int], list[dict[str, bytes | None]]] = {}
        """By topic and partition, in the shape that librdkafka's batch call takes: `key` and `value`."""
        self.dead_letters: list[DeadRecord] = []
        self.offsets: dict[TopicPartition, int] = {}
        self.changelog_ends: dict[tuple[Topic, int], int] = {}
        """Filled by the writer: the offset behind the last record written to each changelog partition."""
        self.stored: list[Any] = []
        """What each table writes to its store once the transaction holds (opaque to the transport)."""
        self.counts: Counter[tuple[str, ...]] = Counter()
        """What counts once it holds, by a name and labels (streams/transport/commit_listener.py)."""
        self.occurred: list[Micros] = []
        """`occurred_at` of the first and the last good event of each batch read from an input."""
        self.stamped_ms: list[int] = []
        """Timestamps of the first and the last record of each such batch, milliseconds since 1970."""

    def send(self, topic: Topic, partition: int, key: bytes | None, value: bytes | None) -> None:
        """Add a record."""
        place = (topic, partition)
        held = self.records.get(place)
        if held is None:
            held = self.records[place] = []
        held.append({"key": key, "value": value})

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.records or self.dead_letters)

    def __len__(self) -> int:
        """How many records there are to write."""
        return sum(map(len, self.records.values())) + len(self.dead_letters)

    def count_outputs(self) -> None:
        """Count what it writes to output topics, once it holds."""
        for (topic, _), records in self.records.items():
            if topic.role is Role.OUTPUT:
                self.counts["outputs", topic.name] += len(records)
        if self.dead_letters:
            self.counts["outputs", DEAD_LETTER.name] += len(self.dead_letters)


class Stage(Protocol):
    """A step of the pipeline: takes whole batches, keeps what it learns in a buffer, settles it at the commit."""

    @property
    def sources(self) -> tuple[Topic, ...]:
        """The topics whose batches it handles."""

    def handle(self, batch: Batch) -> None:
        """Learn a batch. Synchronous: a batch is in the open buffer whole, or the worker stops."""

    def fire_deadlines(self, partition: int, until: Micros) -> bool:
        """Mark keys whose view changes by the clock alone up to `until` (inclusive), to be settled.

        Whether there may be more of them than one commit should hold. Called while no transaction is on its way.
        """

    def buffered(self) -> int:
        """How many things the open buffer holds: the measure for backpressure."""

    def flush(self, commit: Commit, now: dict[int, Micros]) -> None:
        """Derive, encode and hand over all that is buffered; the buffer is empty after it.

        `now` is the caught-up time of each partition (contract section 9).
        """

    def committed(self, commit: Commit) -> None:
        """The transaction holds: make it the local truth."""

    def assigned(self, partitions: Iterable[int]) -> None:
        """From now on this worker keeps these partitions, and their recovered state is in the store."""

    def revoked(self) -> None:
        """Forget everything that is not in the store."""
