"""A compacted topic with one partition, on which a process beside the workers keeps what it must not forget."""

import time
from collections.abc import Iterator
from typing import Any

import stamina
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from streams.broker.cluster import ANSWER_SECONDS_MAX, BrokerError, connect, is_mock, look_up
from streams.settings import Settings

KNOWN_AFTER_S = 15.0
"""How long every broker may take to know a new topic."""
SILENCE_S = 30.0
"""How long the broker may return nothing before it counts as unreachable."""


def ensure_topic(settings: Settings, name: str, lost: str) -> None:
    """Create the topic if it is missing, and check that the broker deletes nothing of it.

    Args:
        settings: the broker, and how many replicas.
        name: the topic's full name.
        lost: what would happen if the broker deleted old records, for the message.

    Raises:
        BrokerError: no broker answers, or the topic cannot be created or used.

    """
    admin, cluster = connect(AdminClient, settings)
    if is_mock(cluster):
        admin.list_topics(name, timeout=ANSWER_SECONDS_MAX)
        return
    if name not in {known for known, topic in cluster.topics.items() if topic.error is None}:
        replication = settings.replication_factor or min(3, len(cluster.brokers))
        config = {"cleanup.policy": "compact", "min.insync.replicas": "2" if replication >= 3 else "1"}
        try:
            admin.create_topics([NewTopic(name, 1, replication, config=config)])[name].result(3 * ANSWER_SECONDS_MAX)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise BrokerError(
                    f"{name} cannot be created: {error.args[0].str()}; create it with one partition and "
                    "cleanup.policy=compact"
                ) from None
    policy = _policy(admin, name)
    if policy != "compact":
        raise BrokerError(f"{name} has cleanup.policy={policy}: {lost}; set it to compact")


def _policy(admin: Any, name: str) -> str:
    """The topic's cleanup policy. A broker may not know a topic yet that another has just created."""
    resource = ConfigResource(ResourceType.TOPIC, name)
    try:
        for attempt in stamina.retry_context(on=_is_unknown, attempts=None, timeout=KNOWN_AFTER_S, wait_max=0.5):
            with attempt:
                found = admin.describe_configs([resource])[resource].result(ANSWER_SECONDS_MAX)
    except KafkaException as error:
        raise BrokerError(f"the settings of {name} cannot be read: {error.args[0].str()}") from None
    return str(found["cleanup.policy"].value)


def _is_unknown(error: Exception) -> bool:
    return isinstance(error, KafkaException) and error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def read_state(settings: Settings, name: str, group: str) -> Iterator[tuple[bytes, bytes]]:
    """The committed records of the topic, to its end, as keys and values.

    Args:
        settings: the broker.
        name: the topic's full name.
        group: names the reader, as the client requires; nothing is committed to it.

    Raises:
        BrokerError: no broker answers, or the topic cannot be read.

    """
    consumer, _ = connect(
        Consumer,
        settings,
        group_id=group,
        enable_auto_commit=False,
        enable_partition_eof=True,
        isolation_level="read_committed",
    )
    try:
        look_up(consumer, {name})
        consumer.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])
        heard_at, at_end = time.monotonic(), False
        while not at_end:
            for message in consumer.consume(10_000, timeout=0.1):
                heard_at, error = time.monotonic(), message.error()
                if error is None:
                    key, value = message.key(), message.value()
                    if key is not None and value is not None:
                        yield key, value
                elif error.code() == KafkaError._PARTITION_EOF:
                    at_end = True
                else:
                    raise BrokerError(f"{name} cannot be read: {error.str()}")
            if time.monotonic() - heard_at > SILENCE_S:
                raise BrokerError(f"{settings.broker} has been silent for {SILENCE_S:.0f} s; is it still up?")
    finally:
        consumer.close()
