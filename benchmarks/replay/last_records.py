"""What is in the compacted topics after a run: the last record of each key, a partition at a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, TopicPartition

from benchmarks.deployment import MeasuredDeployment
from benchmarks.peers import rentmatch
from benchmarks.versus_input import Outcomes
from domain.records import LatePaymentAlert, MismatchAlert
from streams import topics
from streams.broker.cluster import look_up
from streams.codec.codec import Codec
from streams.topics import Topic

RECONCILIATIONS = (topics.PAYMENT_RECONCILIATIONS, topics.OBLIGATION_RECONCILIATIONS)

_CODEC = Codec()


@dataclass
class LastRecords:
    """The last record of each key of a topic."""

    keys: int = 0
    size: int = 0
    """Bytes of their keys and values, not compressed."""


def read_last_records(deployment: MeasuredDeployment) -> tuple[Outcomes, dict[str, LastRecords]]:
    """Read the outputs and changelogs of a deployment whose workers have ended.

    Each partition is read twice, for the last offset of each key and for the records there. So memory holds the keys of
    one partition at a time, and no values.

    Returns:
        What the last snapshots and alerts say, and how much is live in each topic, by its default name.

    """
    found, live = Outcomes(), {}
    compacted = [topic for topic in topics.ALL if topic.compacted and topic is not topics.PROGRESS]
    written = {place for place, end in deployment.ends(*compacted).items() if end}
    consumer = Consumer(
        deployment.kafka(
            {"group.id": "unused", "enable.auto.commit": False, "enable.partition.eof": True,
             "isolation.level": "read_committed", "fetch.wait.max.ms": 10,
             "fetch.queue.backoff.ms": 2}  # not the default of 1 s: one partition fills the queue again and again
        )
    )  # fmt: skip
    try:
        look_up(consumer, map(deployment.topic, compacted))
        for topic in compacted:
            of_topic = live[topic.name] = LastRecords()
            for number in range(deployment.settings.partitions):
                if (topic.name, number) not in written:
                    continue
                partition = TopicPartition(deployment.topic(topic), number, 0)
                last = {key: offset for offset, key, _ in _records(consumer, partition)}
                for offset, key, value in _records(consumer, partition):
                    if value is None or last[key] != offset:
                        continue
                    of_topic.keys += 1
                    of_topic.size += len(key) + len(value)
                    read(found, topic, key, value)
    finally:
        consumer.close()
    return found, live


def read(found: Outcomes, topic: Topic, key: bytes, value: bytes) -> None:
    """Add what the last record of a key says: amounts, an open break, a late alert."""
    if topic is topics.MISMATCH_ALERTS:
        alert = _CODEC.decode_output(value)
        if isinstance(alert, MismatchAlert) and alert.lifecycle in ("opened", "updated"):
            found.add_break(alert.key, alert.break_class)
    elif topic is topics.LATE_PAYMENT_ALERTS:
        late = _CODEC.decode_output(value)
        if isinstance(late, LatePaymentAlert) and late.lifecycle in ("opened", "escalated"):
            found.add("late", late.installment_id)
    elif topic in RECONCILIATIONS:
        rentmatch.read(found, topic, key, value)


def _records(consumer: Consumer, partition: TopicPartition) -> Iterator[tuple[int, bytes, bytes | None]]:
    """Yield offset, key and value of each committed record of a partition.

    Raises:
        RuntimeError: the broker answers with an error.

    """
    consumer.assign([partition])
    while True:
        for message in consumer.consume(1_000, 0.02):
            error = message.error()
            if error is None:
                yield message.offset() or 0, message.key() or b"", message.value()
            elif error.code() == KafkaError._PARTITION_EOF:
                return
            else:
                raise RuntimeError(str(error))
