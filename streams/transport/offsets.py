"""Offsets and timestamps of partitions, from the broker. Blocking."""

import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import IsolationLevel
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.topics import Topic
from streams.transport.batch import TopicPartition

log = logging.getLogger(__name__)

ANSWER_S = 10
"""How long the broker may take to answer."""


def request_offsets(
    admin: AdminClient, partitions: Iterable[KafkaPartition], spec: OffsetSpec, isolation: IsolationLevel
) -> dict[tuple[str, int], "Future[Any]"]:
    """Request offsets.

    Args:
        admin: a client.
        partitions: of which partitions.
        spec: which offset of each: `OffsetSpec.latest()`, `OffsetSpec.max_timestamp()`, ….
        isolation: READ_UNCOMMITTED includes the records of open transactions.

    Returns:
        A future of librdkafka's ListOffsetsResultInfo by topic name and partition; wait for it `ANSWER_S` + 5 seconds.

    """
    specs = dict.fromkeys(partitions, spec)
    if not specs:
        return {}
    futures = admin.list_offsets(specs, isolation_level=isolation, request_timeout=ANSWER_S)
    return {(partition.topic, partition.partition): future for partition, future in futures.items()}


def list_offsets(
    admin: AdminClient, partitions: Iterable[KafkaPartition], spec: OffsetSpec, isolation: IsolationLevel
) -> dict[tuple[str, int], Any]:
    """The offsets of all these partitions.

    Raises:
        KafkaException: the broker did not answer for one of them.

    """
    futures = request_offsets(admin, partitions, spec, isolation)
    return {place: future.result(ANSWER_S + 5) for place, future in futures.items()}


def end_offsets(
    admin: AdminClient, names: Mapping[Topic, str], sources: Iterable[TopicPartition]
) -> dict[TopicPartition, int]:
    """The end offsets now, open transactions included; partitions that do not answer are left out."""
    source_at = {(names[source.topic], source.number): source for source in sources}
    futures = request_offsets(
        admin, [KafkaPartition(*place) for place in source_at], OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED
    )
    ends = {}
    for place, future in futures.items():
        try:
            ends[source_at[place]] = int(future.result(ANSWER_S + 5).offset)
        except Exception as error:
            log.warning("the end offset of %s[%d] is not known: %s", *place, error)
    return ends
