"""Facts that lie on the broker and that no worker has committed yet: what the state of a key does not say."""

from collections.abc import Iterator
from typing import Any

from confluent_kafka import KafkaException

from streams.broker import reading
from streams.broker.cluster import BrokerError
from streams.codec import bundles
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics import Topic, TopicRole
from tables.recovery import LogOffsets

RECORDS_MAX = 100_000
"""Offsets that are looked through at most."""


class TooFarBehind(Exception):
    """The workers have more to read than can be looked through while a person waits. The message says how much."""


def unread(
    settings: Settings, codec: Codec, topic: Topic, key: str | None = None, *, records_max: int | None = None
) -> Iterator[Any]:
    """Give the facts of a topic after the offsets that the workers have committed.

    Args:
        settings: where.
        codec: decodes inputs.
        topic: an input, or an internal topic of facts.
        key: of an internal topic only the partition of this key; None: all partitions.
        records_max: offsets to look through at most; None: all.

    Raises:
        BrokerError: no broker answers, or the topic does not exist.
        TooFarBehind: there are more than `records_max`.

    """
    bounds = reading.bounds(settings, topic)
    if key is not None and topic.role is TopicRole.INTERNAL:
        number = partition_of(key, len(bounds))
        bounds = {number: bounds[number]}
    name = settings.topic(topic)
    log_offsets = LogOffsets(settings.kafka(), settings.application_id)
    try:
        committed = log_offsets.committed([(name, number) for number in bounds])
    except KafkaException as error:
        raise BrokerError(
            f"the broker does not give the offsets of the group {settings.application_id}: {error.args[0].str()}"
        ) from None
    finally:
        log_offsets.close()
    begins = {number: max(low, committed.get((name, number), 0)) for number, (low, _) in bounds.items()}
    ends = {number: high for number, (_, high) in bounds.items()}
    behind = sum(max(0, ends[number] - begin) for number, begin in begins.items())
    if records_max is not None and behind > records_max:
        raise TooFarBehind(f"{behind} records of {name} are not read yet")
    if not behind:
        return
    for record in reading.records_between(settings, topic, begins, ends):
        yield from _facts(codec, record)


def _facts(codec: Codec, record: reading.ConsumedRecord) -> list[Any]:
    if record.topic.role is TopicRole.INTERNAL:
        return [] if record.value is None else bundles.decoder_of(record.topic)(record.value)
    try:
        return [codec.decode_input(record.topic, record.value, record.headers)]
    except BadInput:
        return []  # the workers make it a dead letter
