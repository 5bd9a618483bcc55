"""Reads any topic of rentmatch: from its beginning to its current end, or further, or one key or record of it.

Only committed records are read, and no consumer group is joined: reading leaves no trace on the broker.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    TIMESTAMP_NOT_AVAILABLE,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)

from streams import topics
from streams.broker.cluster import ANSWER_SECONDS_MAX, BrokerError, connect
from streams.headers import Header, headers_of
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics import Topic

SILENCE_SECONDS_MAX = 30.0
"""How long a partition with more records may return none before the broker counts as unreachable."""


class UnknownTopicError(ValueError):
    """No topic of rentmatch has this name; the message lists those that exist."""


@dataclass(frozen=True, slots=True)
class ConsumedRecord:
    """A record with its place on the broker."""

    topic: Topic
    name: str
    """The topic's full name on this installation."""
    partition: int
    offset: int
    timestamp_ms: int | None
    """Milliseconds since 1970, UTC."""
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


def resolve(settings: Settings, name: str, among: Iterable[Topic] = topics.ALL) -> Topic:
    """Find a topic by its name on the broker or by its default name.

    Raises:
        UnknownTopicError: none of `among` has it.

    """
    among = tuple(among)
    for topic in among:
        if settings.topic(topic) == name:
            return topic
    for topic in among:
        if topic.name == name:
            return topic
    raise UnknownTopicError(f"there is no topic {name!r}; there are: {', '.join(topic.name for topic in among)}")


def records(settings: Settings, topic: Topic, *, follow: bool = False) -> Iterator[ConsumedRecord]:
    """Every committed record of a topic, in order within each partition.

    Ends at the end offsets that the partitions had at the start; with `follow`, never.

    Raises:
        BrokerError: no broker answers, the topic does not exist or may not be read, or the broker falls silent.

    """
    with _reader(settings, topic) as reader:
        ends = {partition: high for partition, (low, high) in reader.bounds().items() if high > low}
        assigned = reader.partitions if follow else list(ends)
        yield from reader.read(dict.fromkeys(assigned, OFFSET_BEGINNING), ends, follow=follow)


def last_of_key(settings: Settings, topic: Topic, key: str) -> ConsumedRecord | None:
    """The last committed record of a key on a topic that rentmatch partitions itself; None if there is none.

    Reads the whole partition of the key, and no other.

    Raises:
        BrokerError: no broker answers, or the topic does not exist or may not be read.

    """
    with _reader(settings, topic) as reader:
        partition = partition_of(key, len(reader.partitions))
        low, high = reader.watermarks(partition)
        found, key_bytes = None, key.encode()
        if high > low:
            for record in reader.read({partition: OFFSET_BEGINNING}, {partition: high}):
                if record.key == key_bytes:
                    found = record
        return found


def bounds(settings: Settings, topic: Topic) -> dict[int, tuple[int, int]]:
    """The first offset of each partition, and the end offset as a reader of committed records sees it.

    Raises:
        BrokerError: no broker answers, or the topic does not exist or may not be read.

    """
    with _reader(settings, topic) as reader:
        return reader.bounds()


def records_between(
    settings: Settings, topic: Topic, begins: Mapping[int, int], ends: Mapping[int, int]
) -> Iterator[ConsumedRecord]:
    """Every committed record from the offsets in `begins` up to those in `ends`, both by partition.

    Raises:
        BrokerError: no broker answers, the topic does not exist or may not be read, or the broker falls silent.

    """
    with _reader(settings, topic) as reader:
        left = {partition: end for partition, end in ends.items() if end > begins[partition]}
        yield from reader.read({partition: begins[partition] for partition in left}, left)


def record_at(settings: Settings, topic: Topic, partition: int, offset: int) -> ConsumedRecord | None:
    """The committed record at an offset; None if there is none (expired, compacted away, not yet written).

    Raises:
        BrokerError: no broker answers, or the topic does not exist or may not be read.

    """
    with _reader(settings, topic) as reader:
        if partition not in reader.partitions:
            return None
        low, high = reader.watermarks(partition)
        if not low <= offset < high:
            return None
        first = next(reader.read({partition: offset}, {partition: offset + 1}), None)
        return first if first is not None and first.offset == offset else None


@contextmanager
def _reader(settings: Settings, topic: Topic) -> Iterator["_Reader"]:
    consumer, cluster = connect(
        Consumer,
        settings,
        group_id=f"{settings.application_id}-read",  # the client requires one; nothing is committed to it
        enable_auto_commit=False,
        enable_partition_eof=True,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    try:
        name = settings.topic(topic)
        found = cluster.topics.get(name)
        if found is None or found.error is not None:
            raise BrokerError(missing_topic(settings, name))
        yield _Reader(settings, consumer, topic, name, sorted(found.partitions))
    finally:
        consumer.close()


@dataclass(frozen=True, slots=True)
class _Reader:
    """A consumer without a group, for one topic."""

    settings: Settings
    consumer: Any
    topic: Topic
    name: str
    partitions: list[int]

    def bounds(self) -> dict[int, tuple[int, int]]:
        return {partition: self.watermarks(partition) for partition in self.partitions}

    def watermarks(self, partition: int) -> tuple[int, int]:
        """The first offset of a partition, and its end offset."""
        place = TopicPartition(self.name, partition)
        try:
            low, high = self.consumer.get_watermark_offsets(place, timeout=ANSWER_SECONDS_MAX)
        except KafkaException as error:
            raise self._unreadable(f"{self.name}[{partition}]", error.args[0]) from None
        return low, high

    def read(
        self, starts: Mapping[int, int], ends: Mapping[int, int], *, follow: bool = False
    ) -> Iterator[ConsumedRecord]:
        """Yield records until every partition of `ends` has been read up to its offset there; with `follow`, for ever.

        A partition is also done once the broker reports its end: the last offsets before `ends` may be transaction
        markers or records of an aborted transaction, which are never returned.
        """
        self.consumer.assign([TopicPartition(self.name, partition, start) for partition, start in starts.items()])
        left = dict(ends)
        received_at = time.monotonic()
        while left or follow:
            for message in self.consumer.consume(1000, timeout=0.1):
                received_at = time.monotonic()
                partition, error = message.partition(), message.error()
                if error is not None:
                    if error.code() != KafkaError._PARTITION_EOF:
                        raise self._unreadable(message.topic(), error)
                    left.pop(partition, None)
                    continue
                if not follow:
                    end = left.get(partition)
                    if end is None or message.offset() >= end:
                        left.pop(partition, None)
                        continue
                    if message.offset() == end - 1:
                        del left[partition]
                yield consumed(self.topic, message)
                received_at = time.monotonic()  # the caller may have been slow with the record
            if not follow and left and time.monotonic() - received_at > SILENCE_SECONDS_MAX:
                raise BrokerError(
                    f"{self.settings.broker} has been silent for {SILENCE_SECONDS_MAX:.0f} s; is it still up?"
                )

    def _unreadable(self, place: str, error: KafkaError) -> BrokerError:
        return BrokerError(f"{place} on {self.settings.broker} cannot be read: {error.str()}")


def missing_topic(settings: Settings, name: str) -> str:
    """The message to an operator about a topic that the broker does not have."""
    return (
        f"the topic {name} does not exist on {settings.broker}. `rentmatch provision` creates what is missing; if it "
        "has another name there, set RENTMATCH_TOPIC_PREFIX or the topic's own setting (`rentmatch settings`)."
    )


def consumed(topic: Topic, message: Any) -> ConsumedRecord:
    """A message of confluent-kafka, without an error, as a record."""
    kind, timestamp_ms = message.timestamp()
    return ConsumedRecord(
        topic=topic,
        name=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        timestamp_ms=None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms,
        key=message.key(),
        value=message.value(),
        headers=tuple(headers_of(message) or ()),
    )


def last_of_each_key(
    found: Iterable[ConsumedRecord], version_of: Callable[[ConsumedRecord], int | None]
) -> list[ConsumedRecord]:
    """Keep the last record of each key, keys in order of their first appearance.

    Within a partition the later offset is the last, as it is for compaction. A key found in several partitions (the
    topic was filled under another partitioner or count) is decided by the version where both records have one, else
    by the time at which they were written.
    """
    in_partition: dict[tuple[bytes | None, int], ConsumedRecord] = {}
    for record in found:
        in_partition[record.key, record.partition] = record
    last: dict[bytes | None, ConsumedRecord] = {}
    for record in in_partition.values():
        known = last.get(record.key)
        if known is None or _is_later(record, known, version_of):
            last[record.key] = record
    return list(last.values())


def _is_later(
    record: ConsumedRecord, known: ConsumedRecord, version_of: Callable[[ConsumedRecord], int | None]
) -> bool:
    version, known_version = version_of(record), version_of(known)
    if version is not None and known_version is not None:
        return version > known_version
    return (record.timestamp_ms or 0) >= (known.timestamp_ms or 0)


def timestamp_text(timestamp_ms: int) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC: `2026-07-03T12:00:00.000Z`."""
    seconds, ms = divmod(timestamp_ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ms:03d}Z"
