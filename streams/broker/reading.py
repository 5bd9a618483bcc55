"""Reading any topic of ours from its beginning: to its end, on and on, or only the last record of each key.

Reads what is committed, as every consumer of rentmatch's outputs should, and joins no consumer group: a look leaves no
trace on the broker.
"""

import base64
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
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
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput
from streams.codec.json_form import fact_to_json, output_to_json
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics import Role, Topic

Describer = Callable[[bytes | None, bytes | None], Iterable[dict[str, Any]]]
"""Takes the key and the value of a record, gives what it holds as JSON objects. Any exception: cannot be decoded."""

DESCRIBERS: dict[str, Describer] = {}
"""How to show the records of internal and changelog topics, by default topic name. Whoever writes them fills it."""

SILENCE_SECONDS_MAX = 30.0
"""How long a partition that has more may give nothing before the broker counts as gone."""


class UnknownTopicError(ValueError):
    """No topic of rentmatch has this name; the message lists those that there are."""


class UndecodableError(ValueError):
    """A record is not what its topic should hold; the message says why."""


@dataclass(frozen=True, slots=True)
class RawRecord:
    """A record as the broker has it. `name` is the topic's full name; `timestamp_ms` is since 1970."""

    topic: Topic
    name: str
    partition: int
    offset: int
    timestamp_ms: int | None
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def resolve(settings: Settings, name: str, among: Iterable[Topic] = topics.ALL) -> Topic:
    """Find the topic of a name, which is its name on the broker or its default name.

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


def records(settings: Settings, topic: Topic, *, follow: bool = False) -> Iterator[RawRecord]:
    """Every committed record of a topic, each partition in its order.

    Ends at what was the end of each partition at the start, or with `follow` never.

    Raises:
        BrokerError: no broker answers, the topic does not exist or may not be read, or the broker falls silent.

    """
    consumer, name, partitions = _consumer(settings, topic)
    try:
        ends = {}
        for partition in partitions:
            low, high = _watermarks(consumer, name, partition, settings)
            if high > low:
                ends[partition] = high
        consumer.assign([TopicPartition(name, p, OFFSET_BEGINNING) for p in (partitions if follow else ends)])
        yield from _consume(consumer, settings, topic, ends, follow)
    finally:
        consumer.close()


def last_of_key(settings: Settings, topic: Topic, key: str) -> RawRecord | None:
    """Read the last committed record of a key on a topic that we partition ourselves; None where there is none.

    Reads the whole partition of the key, and no other.

    Raises:
        BrokerError: no broker answers, or the topic does not exist or may not be read.

    """
    consumer, name, partitions = _consumer(settings, topic)
    try:
        partition = partition_of(key, len(partitions))
        low, high = _watermarks(consumer, name, partition, settings)
        if low == high:
            return None
        consumer.assign([TopicPartition(name, partition, OFFSET_BEGINNING)])
        wanted, found = key.encode(), None
        for record in _consume(consumer, settings, topic, {partition: high}, False):
            if record.key == wanted:
                found = record
        return found
    finally:
        consumer.close()


def bounds(settings: Settings, topic: Topic) -> dict[int, tuple[int, int]]:
    """Where each partition begins and, for a reader of what is committed, ends now.

    Raises:
        BrokerError: no broker answers, or the topic does not exist or may not be read.

    """
    consumer, name, partitions = _consumer(settings, topic)
    try:
        return {partition: _watermarks(consumer, name, partition, settings) for partition in partitions}
    finally:
        consumer.close()


def records_between(
    settings: Settings, topic: Topic, begins: Mapping[int, int], ends: Mapping[int, int]
) -> Iterator[RawRecord]:
    """Every committed record from the offsets in `begins` up to those in `ends`, by partition.

    Raises:
        BrokerError: no broker answers, the topic does not exist or may not be read, or the broker falls silent.

    """
    consumer, name, _ = _consumer(settings, topic)
    try:
        left = {partition: end for partition, end in ends.items() if end > begins[partition]}
        consumer.assign([TopicPartition(name, partition, begins[partition]) for partition in left])
        yield from _consume(consumer, settings, topic, left, False)
    finally:
        consumer.close()


def record_at(settings: Settings, topic: Topic, partition: int, offset: int) -> RawRecord | None:
    """Read the committed record at an offset; None where there is none (expired, compacted away, not yet written).

    Raises:
        BrokerError: no broker answers, or the topic does not exist or may not be read.

    """
    consumer, name, partitions = _consumer(settings, topic)
    try:
        if partition not in partitions:
            return None
        low, high = _watermarks(consumer, name, partition, settings)
        if not low <= offset < high:
            return None
        consumer.assign([TopicPartition(name, partition, offset)])
        first = next(_consume(consumer, settings, topic, {partition: offset + 1}, False), None)
        return first if first is not None and first.offset == offset else None
    finally:
        consumer.close()


def _consumer(settings: Settings, topic: Topic) -> tuple[Any, str, list[int]]:
    consumer, cluster = connect(
        Consumer,
        settings,
        group_id=f"{settings.application_id}-read",  # the client insists on one; nothing is committed to it
        enable_auto_commit=False,
        enable_partition_eof=True,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
    )
    name = settings.topic(topic)
    found = cluster.topics.get(name)
    if found is None or found.error is not None:
        consumer.close()
        raise BrokerError(missing_topic(settings, name))
    return consumer, name, sorted(found.partitions)


def missing_topic(settings: Settings, name: str) -> str:
    """Say what to tell an operator about a topic that the broker does not have."""
    return (
        f"the topic {name} does not exist on {settings.broker}. `rentmatch provision` creates what is missing; if it "
        "has another name there, set RENTMATCH_TOPIC_PREFIX or the topic's own setting (`rentmatch settings`)."
    )


def _watermarks(consumer: Any, name: str, partition: int, settings: Settings) -> tuple[int, int]:
    try:
        low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), timeout=ANSWER_SECONDS_MAX)
    except KafkaException as error:
        raise BrokerError(f"{name}[{partition}] on {settings.broker} cannot be read: {error.args[0].str()}") from None
    return low, high


def _consume(
    consumer: Any, settings: Settings, topic: Topic, ends: dict[int, int], follow: bool
) -> Iterator[RawRecord]:
    """Yield records until every partition of `ends` has been read up to its offset there.

    A partition is also at its end when the broker says so: what stands before `ends` may be transaction markers, or
    records of a transaction that was aborted, and never come.
    """
    left = dict(ends)
    heard_at = time.monotonic()
    while left or follow:
        for message in consumer.consume(1000, timeout=0.1):
            heard_at = time.monotonic()
            partition, error = message.partition(), message.error()
            if error is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise BrokerError(f"{message.topic()} on {settings.broker} cannot be read: {error.str()}")
                left.pop(partition, None)
                continue
            if not follow:
                end = left.get(partition)
                if end is None or message.offset() >= end:
                    left.pop(partition, None)
                    continue
                if message.offset() == end - 1:
                    del left[partition]
            yield _raw(topic, message)
            heard_at = time.monotonic()  # whoever took the record may have been slow with it
        if not follow and left and time.monotonic() - heard_at > SILENCE_SECONDS_MAX:
            raise BrokerError(f"{settings.broker} has been silent for {SILENCE_SECONDS_MAX:.0f} s; is it still up?")


def _raw(topic: Topic, message: Any) -> RawRecord:
    kind, timestamp_ms = message.timestamp()
    return RawRecord(
        topic,
        message.topic(),
        message.partition(),
        message.offset(),
        None if kind == TIMESTAMP_NOT_AVAILABLE else timestamp_ms,
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
    )


def last_of_each_key(found: Iterable[RawRecord], version_of: Callable[[RawRecord], int | None]) -> list[RawRecord]:
    """Keep the last record of each key, keys in order of their first appearance.

    Within a partition the later offset is the last, as it is for compaction. A key found in several partitions (the
    topic was filled under another partitioner or count) is decided by the version where both records have one, else
    by the time at which they were written.
    """
    in_partition: dict[tuple[bytes | None, int], RawRecord] = {}
    for record in found:
        in_partition[record.key, record.partition] = record
    last: dict[bytes | None, RawRecord] = {}
    for record in in_partition.values():
        known = last.get(record.key)
        if known is None or _is_later(record, known, version_of):
            last[record.key] = record
    return list(last.values())


def _is_later(record: RawRecord, known: RawRecord, version_of: Callable[[RawRecord], int | None]) -> bool:
    version, known_version = version_of(record), version_of(known)
    if version is not None and known_version is not None:
        return version > known_version
    return (record.timestamp_ms or 0) >= (known.timestamp_ms or 0)


def describe(codec: Codec, record: RawRecord) -> list[dict[str, Any]]:
    """Give what a record holds, as JSON objects: one, or for internal topics as many facts as it carries.

    Raises:
        UndecodableError: it is not what the topic should hold.

    """
    topic = record.topic
    if topic is topics.DEAD_LETTER:
        return [_dead_letter(record)]
    try:
        if topic.role is Role.INPUT:
            return [fact_to_json(codec.decode_input(topic, record.value))]
        if record.value is None:
            return [{"type": "_deleted"}]
        if topic.role is Role.OUTPUT:
            return [output_to_json(codec.decode_output(record.value))]
    except BadInput as error:
        raise UndecodableError(f"{error.error_class}: {error.message}") from None
    describer = DESCRIBERS.get(topic.name)
    if describer is None:
        raise UndecodableError("no describer is registered for this topic")
    try:
        return list(describer(record.key, record.value))
    except Exception as error:  # a describer meets bytes of any kind; what it makes of them is told, not fatal
        raise UndecodableError(f"{type(error).__name__}: {error}") from None


def _dead_letter(record: RawRecord) -> dict[str, Any]:
    headers = {name: None if value is None else value.decode("utf-8", "replace") for name, value in record.headers}
    return {"type": "_dead_letter", "headers": headers, **raw_value(record.value)}


def raw_value(value: bytes | None) -> dict[str, Any]:
    """Bytes as JSON: `{"base64": …}`, null for a record without a value."""
    return {"base64": None if value is None else base64.b64encode(value).decode("ascii")}


def text_or_hex(key: bytes | None) -> str | None:
    """Write a key as a person reads it: text where it is UTF-8, else `hex:` and its bytes."""
    if key is None:
        return None
    try:
        return key.decode("utf-8")
    except UnicodeDecodeError:
        return "hex:" + key.hex()


def kafka_metadata(record: RawRecord) -> dict[str, Any]:
    """Where a record stands on the broker, as `rentmatch read --metadata` shows it under `_kafka`."""
    return {
        "topic": record.name,
        "partition": record.partition,
        "offset": record.offset,
        "timestamp": None if record.timestamp_ms is None else timestamp_text(record.timestamp_ms),
        "key": text_or_hex(record.key),
    }


def timestamp_text(timestamp_ms: int) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC: `2026-07-03T12:00:00.000Z`."""
    seconds, ms = divmod(timestamp_ms, 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ms:03d}Z"
