"""Reads a topic to its end, as a consumer downstream sees it: committed records only."""

import time
import uuid
from dataclasses import dataclass
from typing import cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition


@dataclass(frozen=True, slots=True)
class Read:
    """One record of a topic."""

    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]


def read_all(bootstrap: str, topic: str, *, isolation: str = "read_committed", timeout_s: float = 60) -> list[Read]:
    """Return every record of every partition, in order within a partition, up to the end at the time of reading.

    Under read_committed the end of a partition is its last stable offset: what follows a transaction that is still open
    is not there yet.

    Raises:
        KafkaException: the topic is unknown or a partition cannot be read.
        TimeoutError: the end was not met within `timeout_s`.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": f"read-{uuid.uuid4().hex}",
            "isolation.level": isolation,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 50,
        }
    )
    try:
        known = consumer.list_topics(topic, timeout=timeout_s).topics[topic]
        if known.error is not None:
            raise KafkaException(known.error)
        waiting = set(known.partitions)
        consumer.assign([TopicPartition(topic, partition, OFFSET_BEGINNING) for partition in sorted(waiting)])
        found: list[Read] = []
        until = time.monotonic() + timeout_s
        while waiting:
            if time.monotonic() > until:
                raise TimeoutError(f"{topic}: partitions {sorted(waiting)} did not end within {timeout_s} s")
            for message in consumer.consume(10_000, timeout=0.2):
                error = message.error()
                if error is None:
                    found.append(_record(message))
                elif error.code() == KafkaError._PARTITION_EOF:
                    waiting.discard(_record(message).partition)
                else:
                    raise KafkaException(error)
        return found
    finally:
        consumer.close()


def read_last(bootstrap: str, topic: str, *, timeout_s: float = 60) -> dict[bytes, Read]:
    """Return the last committed record of each key.

    Raises:
        ValueError: a record has no key, or a key lies in two partitions, where no record is the last.
        KafkaException, TimeoutError: as `read_all`.
    """
    last: dict[bytes, Read] = {}
    for record in read_all(bootstrap, topic, timeout_s=timeout_s):
        if record.key is None:
            raise ValueError(f"{topic}: partition {record.partition} offset {record.offset} has no key")
        before = last.get(record.key)
        if before is not None and before.partition != record.partition:
            raise ValueError(
                f"{topic}: key {record.key!r} lies in partitions {before.partition} and {record.partition}"
            )
        last[record.key] = record
    return last


def _record(message: Message) -> Read:
    partition, offset = message.partition(), message.offset()
    if partition is None or offset is None:
        raise ValueError("a consumed record without a place in its topic")
    # The binding's type also allows the forms in which a producer takes headers; a consumer gives pairs with bytes.
    headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return Read(
        partition, offset, message.timestamp()[1], _bytes(message.key()), _bytes(message.value()), tuple(headers)
    )


def _bytes(given: str | bytes | None) -> bytes | None:
    return given.encode() if isinstance(given, str) else given
