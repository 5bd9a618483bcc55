"""A broker and a disk in memory, for histories that no broker would run thousands of in a minute.

They keep the rules that the transport leans on: a transaction is whole or not at all, its markers take offsets and
hold nothing, offsets are fenced by the group's generation, and a disk that was not told of a commit does not know it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from domain.facts import Micros
from streams.batch import Batch, RawRecord, TopicPartition
from streams.commit import ANY_PARTITION, Commit
from streams.partitioning import partition_of
from streams.topics import DEAD_LETTER, Topic
from tables.packing import deadline_of
from tables.store import NO_DEADLINE, TALLY_KEY, Place, Written


class FencedError(Exception):
    """The offsets came from a former member of the group."""


MARKER = None
"""A control record: an offset without a record."""


@dataclass
class LogRecord:
    """A record in a log."""

    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] = field(default_factory=list)


class MemoryBroker:
    """Logs, the group's offsets, and who is a member."""

    def __init__(self, partitions: dict[Topic, int]) -> None:
        self.partitions = partitions
        self.logs: dict[tuple[Topic, int], list[LogRecord | None]] = {
            (topic, number): [] for topic, count in partitions.items() for number in range(count)
        }
        self.offsets: dict[TopicPartition, int] = {}
        self.generation = 0

    def publish(self, topic: Topic, key: bytes | None, value: bytes | None, partition: int | None = None) -> None:
        """What a producer outside of rentmatch writes."""
        if partition is None:
            partition = partition_of((key or b"").decode(errors="replace"), self.partitions[topic])
        self.logs[topic, partition].append(LogRecord(key, value))

    def end(self, source: TopicPartition) -> int:
        """The end offset."""
        return len(self.logs[source.topic, source.number])

    def read(self, source: TopicPartition, epoch: int, start: int, most: int) -> Batch:
        """Up to `most` offsets from `start`."""
        log = self.logs[source.topic, source.number]
        end = min(len(log), start + most)
        records = [
            RawRecord(record.key, record.value, start + index)
            for index, record in enumerate(log[start:end])
            if record is not None
        ]
        return Batch(source, epoch, start, end, records)

    def transact(self, generation: int, commit: Commit, *, aborted: bool = False) -> None:
        """Write a commit whole; or, aborted, only the markers that an aborted transaction leaves."""
        assert commit.offsets, "a transaction without offsets is fenced by nobody"
        if not aborted and generation != self.generation:
            raise FencedError
        touched = set()
        for (topic, partition), records in commit.records.items():
            for record in records:
                key, value = record["key"], record["value"]
                number = partition
                if partition == ANY_PARTITION:
                    number = partition_of((key or b"").decode(), self.partitions[topic])
                touched.add((topic, number))
                self.logs[topic, number].append(MARKER if aborted else LogRecord(key, value))
                commit.changelog_ends[topic, partition] = len(self.logs[topic, number])
        for key, value, headers in commit.dead_letters:
            touched.add((DEAD_LETTER, 0))
            self.logs[DEAD_LETTER, 0].append(MARKER if aborted else LogRecord(key, value, headers))
        for place in touched:
            self.logs[place].append(MARKER)
        if not aborted:
            self.offsets.update(commit.offsets)

    def records(self, topic: Topic) -> Iterator[LogRecord]:
        """All records of a topic, partition by partition."""
        for number in range(self.partitions[topic]):
            for record in self.logs[topic, number]:
                if record is not None:
                    yield record

    def last(self, topic: Topic) -> dict[bytes, bytes]:
        """The last value of each key."""
        return {record.key or b"": record.value or b"" for record in self.records(topic)}


class MemoryStore:
    """What tables/store.py does, on a disk that is a dict; tests/tables/test_store.py tests both."""

    def __init__(self) -> None:
        self._values: dict[Place, dict[str, bytes]] = defaultdict(dict)
        self._index: dict[Place, set[tuple[Micros, str]]] = defaultdict(set)
        self._offsets: dict[Place, int] = {}
        self._tallies: dict[Place, bytes] = {}

    def get_many(self, place: Place, keys: list[str]) -> list[bytes | None]:
        values = self._values[place]
        return [values.get(key) for key in keys]

    def get(self, place: Place, key: str) -> bytes | None:
        return self._values[place].get(key)

    def tally(self, place: Place) -> bytes | None:
        return self._tallies.get(place)

    def due(self, place: Place, until: Micros, most: int) -> list[tuple[Micros, str]]:
        return sorted(entry for entry in self._index[place] if entry[0] <= until)[:most]

    def first_deadline(self, place: Place) -> Micros:
        return min((deadline for deadline, _ in self._index[place]), default=NO_DEADLINE)

    def drop_due(self, place: Place, entries: Iterable[tuple[Micros, str]]) -> None:
        self._index[place].difference_update(entries)

    def offset(self, place: Place) -> int:
        return self._offsets.get(place, 0)

    def write(
        self, changes: Iterable[tuple[Place, Iterable[Written], int]], tallies: Mapping[Place, bytes] | None = None
    ) -> None:
        for place, written, offset in changes:
            for key, value, deadline, old_deadline in written:
                self._values[place][key] = value
                if deadline != old_deadline:
                    self._index[place].discard((old_deadline, key))
                    if deadline != NO_DEADLINE:
                        self._index[place].add((deadline, key))
            self._offsets[place] = offset
        self._tallies.update(tallies or {})

    def recover(self, place: Place, records: Iterable[tuple[bytes, bytes | None]], offset: int) -> None:
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
            if deadline != NO_DEADLINE:
                self._index[place].add((deadline, name))
        self._offsets[place] = offset

    def forget(self, place: Place) -> None:
        self._values.pop(place, None)
        self._index.pop(place, None)
        self._offsets.pop(place, None)
        self._tallies.pop(place, None)

    def items(self, place: Place) -> Iterator[tuple[str, bytes]]:
        yield from sorted(self._values[place].items())

    def close(self) -> None:
        pass
