"""A broker and a disk in memory, fast enough for thousands of histories a minute.

They keep the rules that the transport leans on: a transaction is whole or not at all; while it is open its records have
offsets and nobody reads past the first of them; its markers take offsets and hold nothing; offsets are fenced by the
group's generation when they are sent, and by nothing later; a disk without a commit does not contain it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum

from domain.time import FAR_FUTURE, Micros
from streams.headers import Header, Headers
from streams.partitioning import partition_of
from streams.topics import DEAD_LETTER, Topic
from streams.transport.batch import Batch, RawRecord, TopicPartition
from streams.transport.commit import ANY_PARTITION, Commit, StateChange
from tables.packing import deadline_of
from tables.store import TALLY_KEY, Store, TablePartition


class FencedError(Exception):
    """The offsets came from a former member of the group."""


MARKER = None
"""A control record: an offset without a record."""


class State(Enum):
    """The state of a transaction."""

    OPEN = 1
    COMMITTED = 2
    ABORTED = 3


class AbortedError(Exception):
    """The transaction has been aborted: it was open for too long."""


@dataclass(eq=False)
class Transaction:
    """Records and offsets that take effect when it is committed."""

    state: State = State.OPEN
    places: set[tuple[Topic, int]] = field(default_factory=set)
    offsets: dict[TopicPartition, int] = field(default_factory=dict)


@dataclass
class LogRecord:
    """A record in a log."""

    key: bytes | None
    value: bytes | None
    headers: list[Header] = field(default_factory=list)
    transaction: Transaction | None = None

    @property
    def state(self) -> State:
        """The state of its transaction."""
        return State.COMMITTED if self.transaction is None else self.transaction.state


class MemoryBroker:
    """Logs, the group's offsets and its generation."""

    def __init__(self, partitions: dict[Topic, int]) -> None:
        self.partitions = partitions
        self.logs: dict[tuple[Topic, int], list[LogRecord | None]] = {
            (topic, number): [] for topic, count in partitions.items() for number in range(count)
        }
        self.offsets: dict[TopicPartition, int] = {}
        self.generation = 0
        self.open: list[Transaction] = []
        self.wait_for: Callable[[Transaction], None] = lambda transaction: self.finish(transaction, State.ABORTED)
        """Called by readers that must wait for a transaction: its owner continues, or the broker aborts it."""

    def publish(
        self,
        topic: Topic,
        key: bytes | None,
        value: bytes | None,
        partition: int | None = None,
        headers: Headers = (),
    ) -> None:
        """Append a record of a producer outside of rentmatch."""
        if partition is None:
            partition = partition_of((key or b"").decode(errors="replace"), self.partitions[topic])
        self.logs[topic, partition].append(LogRecord(key, value, list(headers)))

    def end(self, source: TopicPartition) -> int:
        """Return the high watermark: the end offset, open transactions included."""
        return len(self.logs[source.topic, source.number])

    def _stable_end(self, topic: Topic, number: int) -> int:
        """Return the last stable offset: the first record of an open transaction, else the end."""
        log = self.logs[topic, number]
        if not any((topic, number) in transaction.places for transaction in self.open):
            return len(log)
        return next(at for at, record in enumerate(log) if record is not None and record.state is State.OPEN)

    def read(self, source: TopicPartition, epoch: int, start: int, most: int) -> Batch:
        """Read up to `most` offsets from `start`."""
        log = self.logs[source.topic, source.number]
        end = max(start, min(self._stable_end(source.topic, source.number), start + most))
        held = [
            (offset, record)
            for offset, record in enumerate(log[start:end], start)
            if record is not None and record.state is State.COMMITTED
        ]
        records = [RawRecord(record.key, record.value, offset) for offset, record in held]
        headers = {offset: record.headers for offset, record in held if record.headers}
        return Batch(source, epoch, start, end, records, headers=headers or None)

    def read_to_the_end(self, source: TopicPartition, start: int) -> Batch:
        """Read from `start` to the current high watermark, after all transactions before it have ended."""
        end = self.end(source)
        while self._stable_end(source.topic, source.number) < end:
            self.wait_for(next(t for t in self.open if (source.topic, source.number) in t.places))
        return self.read(source, 0, start, end - start)

    def stable_offsets(self, sources: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """Return the group's offsets, after all transactions that would change them have ended; 0 if there is none."""
        asked = list(sources)
        for transaction in list(self.open):
            if transaction.state is State.OPEN and not transaction.offsets.keys().isdisjoint(asked):
                self.wait_for(transaction)
        return {source: self.offsets.get(source, 0) for source in asked}

    def begin(self) -> Transaction:
        """Open a transaction."""
        transaction = Transaction()
        self.open.append(transaction)
        return transaction

    def append(self, transaction: Transaction, commit: Commit) -> None:
        """Add the records of a commit to a transaction."""
        self._refuse_aborted(transaction)
        for (topic, partition), records in commit.records.items():
            for record in records:
                key, value = record["key"], record["value"]
                number = partition
                if partition == ANY_PARTITION:
                    number = partition_of((key or b"").decode(), self.partitions[topic])
                transaction.places.add((topic, number))
                self.logs[topic, number].append(LogRecord(key, value, transaction=transaction))
                commit.changelog_ends[topic, partition] = len(self.logs[topic, number])
        for key, value, headers in commit.dead_letters:
            transaction.places.add((DEAD_LETTER, 0))
            self.logs[DEAD_LETTER, 0].append(LogRecord(key, value, headers, transaction))

    def send_offsets(self, transaction: Transaction, generation: int, commit: Commit) -> None:
        """Add the offsets of a commit to a transaction, if they are of the group's current generation (fencing)."""
        self._refuse_aborted(transaction)
        assert commit.offsets, "a transaction without offsets is fenced by nobody"
        if generation != self.generation:
            raise FencedError
        transaction.offsets = commit.offsets

    def finish(self, transaction: Transaction, state: State) -> None:
        """Commit or abort."""
        self._refuse_aborted(transaction)
        transaction.state = state
        self.open.remove(transaction)
        for place in transaction.places:
            self.logs[place].append(MARKER)
        if state is State.COMMITTED:
            self.offsets.update(transaction.offsets)

    def _refuse_aborted(self, transaction: Transaction) -> None:
        if transaction.state is State.ABORTED:
            raise AbortedError

    def transact(self, generation: int, commit: Commit, *, aborted: bool = False) -> None:
        """Write a whole commit, or an aborted one."""
        transaction = self.begin()
        self.append(transaction, commit)
        if aborted:
            self.finish(transaction, State.ABORTED)
            return
        try:
            self.send_offsets(transaction, generation, commit)
        except FencedError:
            self.finish(transaction, State.ABORTED)
            raise
        self.finish(transaction, State.COMMITTED)

    def records(self, topic: Topic) -> Iterator[LogRecord]:
        """Return all records of a topic, partition by partition."""
        for number in range(self.partitions[topic]):
            for record in self.logs[topic, number]:
                if record is not None and record.state is State.COMMITTED:
                    yield record

    def last(self, topic: Topic) -> dict[bytes, bytes]:
        """Return the last value of each key, but for keys whose last record is a tombstone."""
        last = {record.key or b"": record.value for record in self.records(topic)}
        return {key: value for key, value in last.items() if value is not None}


class MemoryStore(Store):
    """The store with a dict for its disk; tests/tables/test_store.py tests both."""

    def __init__(self) -> None:
        self._values: dict[TablePartition, dict[str, bytes]] = defaultdict(dict)
        self._index: dict[TablePartition, set[tuple[Micros, str]]] = defaultdict(set)
        self._offsets: dict[TablePartition, int] = {}
        self._tallies: dict[TablePartition, bytes] = {}

    def get_many(self, place: TablePartition, keys: list[str]) -> list[bytes | None]:
        values = self._values[place]
        return [values.get(key) for key in keys]

    def get(self, place: TablePartition, key: str) -> bytes | None:
        return self._values[place].get(key)

    def tally(self, place: TablePartition) -> bytes | None:
        return self._tallies.get(place)

    def due(self, place: TablePartition, until: Micros, most: int) -> list[tuple[Micros, str]]:
        return sorted(entry for entry in self._index[place] if entry[0] <= until)[:most]

    def first_deadline(self, place: TablePartition) -> Micros:
        return min((deadline for deadline, _ in self._index[place]), default=FAR_FUTURE)

    def drop_due(self, place: TablePartition, entries: Iterable[tuple[Micros, str]]) -> None:
        self._index[place].difference_update(entries)

    def offset(self, place: TablePartition) -> int:
        return self._offsets.get(place, 0)

    def write(
        self,
        changes: Iterable[tuple[TablePartition, Iterable[StateChange], int]],
        tallies: Mapping[TablePartition, bytes] | None = None,
    ) -> None:
        for place, written, offset in changes:
            for change in written:
                self._values[place][change.key] = change.value
                if change.deadline != change.old_deadline:
                    self._index[place].discard((change.old_deadline, change.key))
                    if change.deadline != FAR_FUTURE:
                        self._index[place].add((change.deadline, change.key))
            self._offsets[place] = offset
        self._tallies.update(tallies or {})

    def recover(
        self,
        place: TablePartition,
        records: Iterable[tuple[bytes, bytes | None]],
        offset: int,
        *,
        is_logged: bool = True,
    ) -> None:
        for key, value in records:
            if key == TALLY_KEY:
                assert value is not None
                self._tallies[place] = value
                continue
            name = key.decode()
            if value is None:
                self._values[place].pop(name, None)
                continue
            self._values[place][name] = value
            deadline = deadline_of(value)
            if deadline != FAR_FUTURE:
                self._index[place].add((deadline, name))
        self._offsets[place] = offset

    def flush(self) -> None:
        pass

    def forget(self, place: TablePartition) -> None:
        self._values.pop(place, None)
        self._index.pop(place, None)
        self._offsets.pop(place, None)
        self._tallies.pop(place, None)

    def items_after(self, place: TablePartition, after: str, most: int) -> list[tuple[str, bytes]]:
        return [(key, value) for key, value in sorted(self._values[place].items()) if key > after][:most]

    def items(self, place: TablePartition) -> Iterator[tuple[str, bytes]]:
        yield from sorted(self._values[place].items())

    def close(self) -> None:
        pass
