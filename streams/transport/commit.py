"""One transaction of a worker, and the stages that fill it."""

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

import msgspec

from domain.time import Micros
from streams.headers import Header
from streams.topics import DEAD_LETTER, Topic, TopicRole
from streams.transport.batch import Batch, TopicPartition

ANY_PARTITION = -1
"""The producer's partitioner chooses: murmur2 of the key, as Java clients do."""

DeadRecord: TypeAlias = tuple[bytes | None, bytes | None, list[Header]]
"""A record of the dead-letter topic: key, value, headers."""


class StateChange(msgspec.Struct, frozen=True, gc=False):
    """A key's new state, and the deadline that the store's index has for it (to be removed)."""

    key: str
    value: bytes
    deadline: Micros
    old_deadline: Micros


class TableWrite(NamedTuple):
    """What a commit changes in one partition of a table; the local store applies it after the commit."""

    table_id: bytes
    changelog: Topic
    partition: int
    changes: list[StateChange]
    aggregates: bytes | None
    """The packed aggregates of the partition (`domain.tally`); None where the commit does not change them."""


@dataclass(slots=True)
class CommitCounts:
    """What happened in a transaction, by label values. It counts once the transaction is committed."""

    events: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    """Records of the inputs, by topic, record type and outcome."""
    decisions: Counter[tuple[str]] = field(default_factory=Counter)
    """Decisions about breaks that were read, by action."""
    facts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Facts by table and outcome: `learned` or `repeated`."""
    dead_letters: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By source topic and error class."""
    outputs: Counter[tuple[str]] = field(default_factory=Counter)
    """Records written to output topics, by topic."""
    break_transitions: Counter[tuple[str, str]] = field(default_factory=Counter)
    """By break class and lifecycle."""
    late_alert_transitions: Counter[tuple[str]] = field(default_factory=Counter)
    """By lifecycle."""

    def add(self, other: "CommitCounts") -> None:
        """Add the counts of a stage."""
        self.events.update(other.events)
        self.decisions.update(other.decisions)
        self.facts.update(other.facts)
        self.dead_letters.update(other.dead_letters)
        self.outputs.update(other.outputs)
        self.break_transitions.update(other.break_transitions)
        self.late_alert_transitions.update(other.late_alert_transitions)


class Commit:
    """Everything that becomes visible at once: records, input offsets, and what the local store applies after it."""

    __slots__ = (
        "changelog_ends", "counts", "dead_letters", "occurred", "offsets", "records", "stamped_ms", "table_writes",
    )  # fmt: skip

    def __init__(self) -> None:
        self.records: dict[tuple[Topic, int], list[dict[str, bytes | None]]] = {}
        """By topic and partition, in the shape that librdkafka's batch call takes: `key` and `value`."""
        self.dead_letters: list[DeadRecord] = []
        self.offsets: dict[TopicPartition, int] = {}
        self.changelog_ends: dict[tuple[Topic, int], int] = {}
        """Set by the writer: the offset after the last record written to each changelog partition."""
        self.table_writes: list[TableWrite] = []
        self.counts = CommitCounts()
        self.occurred: list[Micros] = []
        """`occurred_at` of the first and the last good event of each batch read from an input."""
        self.stamped_ms: list[int] = []
        """Timestamps of the first and the last record of each such batch, milliseconds since 1970."""

    def send(self, topic: Topic, partition: int, key: bytes | None, value: bytes | None) -> None:
        """Add a record."""
        place = (topic, partition)
        records = self.records.get(place)
        if records is None:
            records = self.records[place] = []
        records.append({"key": key, "value": value})

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.records or self.dead_letters)

    def __len__(self) -> int:
        """The number of records to write."""
        return sum(map(len, self.records.values())) + len(self.dead_letters)

    @property
    def keys(self) -> int:
        """The number of states that it writes."""
        return sum(len(write.changes) for write in self.table_writes)

    def count_outputs(self) -> None:
        """Count the records for output topics, for when the transaction is committed."""
        for (topic, _), records in self.records.items():
            if topic.role is TopicRole.OUTPUT:
                self.counts.outputs[topic.name,] += len(records)
        if self.dead_letters:
            self.counts.outputs[DEAD_LETTER.name,] += len(self.dead_letters)


class StageTable(Protocol):
    """The keyed state of a stage, as far as the engine drives it."""

    def assigned(self, partitions: Iterable[int]) -> None:
        """Own these partitions from now on; their recovered state is in the store."""

    def revoked(self) -> None:
        """Forget everything that is not in the store."""

    def fire_deadlines(self, partition: int, until: Micros, *, upgrade: bool = True) -> Generator[None, None, bool]:
        """Let the keys wait whose view changes by the clock alone up to `until` (inclusive), in steps.

        With `upgrade` also those that version 1 had a part in.

        Returns:
            Whether more keys are due than one commit should hold. Called while no transaction is in flight.

        """

    def committed(self) -> None:
        """The transaction is committed, and the local store has applied it."""


class Stage(Protocol):
    """A step of the pipeline: handles whole batches into a buffer, and flushes the buffer into a commit."""

    @property
    def inputs(self) -> tuple[Topic, ...]:
        """The topics whose batches it handles."""

    @property
    def table(self) -> StageTable | None:
        """Its keyed state, if it has any."""

    def handle(self, batch: Batch) -> None:
        """Buffer a batch. Synchronous: the batch is in the open buffer whole, or the worker stops."""

    def buffered(self) -> int:
        """The number of records and keys in the open buffer."""

    def buffered_bytes(self) -> int:
        """About the memory that the open buffer takes: the measure for backpressure."""

    def flush(self, commit: Commit, watermarks: Mapping[int, Micros]) -> Iterator[None]:
        """Derive, encode and hand over all that is buffered, in steps; the buffer is empty after the last.

        Between two steps the event loop may do other work, but no batch is handled. A step takes a few milliseconds at
        most, unless a single key takes longer.

        Args:
            commit: filled in place.
            watermarks: the caught-up time of each partition of its table (contract section 9).

        """

    def discard(self) -> None:
        """Drop the buffer: it is not committed, and its records will be read again."""
