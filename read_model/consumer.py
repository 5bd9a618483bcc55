"""The projector's consumer: a member of its group that commits only offsets of records that are written.

Every method may block for a moment. All but `lags` are called from one thread at a time.
"""

import logging
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from read_model.documents import READ
from streams.broker.cluster import ANSWER_SECONDS_MAX, BrokerError, connect
from streams.broker.reading import missing_topic
from streams.settings import Settings
from streams.topics import Topic

log = logging.getLogger(__name__)

BATCH_RECORDS = 1_000
QUEUED_KIB = 16 * 1024
"""The records that librdkafka may prefetch. With the batch that is being written, it bounds the projector's memory."""
FETCH_SECONDS = 0.1

Partition = tuple[str, int]


def group_of(settings: Settings) -> str:
    """The projectors' consumer group."""
    return f"{settings.application_id}-read-model"


class OutputConsumer:
    """Reads the output topics and `decisions` as a member of the projectors' group.

    Raises:
        BrokerError: no broker answers, or a topic is missing.

    """

    def __init__(self, settings: Settings) -> None:
        self.topics: dict[str, Topic] = {settings.topic(topic): topic for topic in READ}
        self._admin, cluster = connect(AdminClient, settings)
        for name in self.topics:
            if name not in cluster.topics:
                raise BrokerError(missing_topic(settings, name))
        self._read: dict[Partition, int] = {}
        """The offsets after the records that `fetch` returned and that are not written yet."""
        self._written: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._assigned: set[Partition] = set()
        self._polled: list[Any] = []
        self._paused = False
        self.joined = False
        """Whether the group has assigned partitions, possibly none."""
        self.error: str | None = None
        """The last error of librdkafka, until the broker answers again."""
        self._consumer = Consumer(
            settings.kafka(
                **{
                    "group.id": group_of(settings),
                    "client.id": group_of(settings),
                    "isolation.level": "read_committed",
                    "enable.auto.commit": False,
                    "enable.auto.offset.store": False,
                    "auto.offset.reset": "earliest",
                    "enable.partition.eof": True,
                    "queued.max.messages.kbytes": QUEUED_KIB,
                    "session.timeout.ms": settings.session_timeout_ms,
                    "heartbeat.interval.ms": min(3_000, settings.session_timeout_ms // 3),
                    "log_level": 2,
                    "error_cb": self._on_error,
                }
            )
        )
        self._consumer.subscribe(
            list(self.topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def fetch(self) -> list[Any]:
        """The next records, at most a batch; none after a moment without any.

        Raises:
            KafkaException: the consumer has failed for good.

        """
        if self._paused:
            self._paused = False
            self._consumer.resume(self._consumer.assignment())
        messages, self._polled = self._polled, []
        messages += self._consumer.consume(BATCH_RECORDS - len(messages), FETCH_SECONDS)
        records = []
        for message in messages:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                self._failed(error)
                continue
            partition = message.topic(), message.partition()
            if partition in self._assigned:
                # The EOF event has the offset after the last record and after the markers of transactions.
                self._read[partition] = message.offset() + (error is None)
            if error is None:
                records.append(message)
        return records

    def keep_alive(self) -> None:
        """Stay in the group while the fetched records cannot be written. Nothing is fetched until the next `fetch`."""
        self._paused = True
        self._consumer.pause(self._consumer.assignment())
        message = self._consumer.poll(0)
        if message is not None:
            self._polled.append(message)

    def mark_written(self) -> None:
        """Mark all fetched records as written."""
        self._written |= self._read
        self._read.clear()

    def commit(self) -> None:
        """Commit the offsets of written records. A failed commit is retried at the next call."""
        pending = {p: offset for p, offset in self._written.items() if self._committed.get(p) != offset}
        if not pending:
            return
        try:
            done = self._consumer.commit(
                offsets=[TopicPartition(topic, number, offset) for (topic, number), offset in pending.items()],
                asynchronous=False,
            )
        except KafkaException as error:
            log.warning("offsets are not committed yet, will retry: %s", error.args[0].str())
            return
        for partition in done:
            if partition.error is None:
                self._committed[partition.topic, partition.partition] = partition.offset
            else:
                log.warning("the offset of %s is not committed: %s", partition.topic, partition.error.str())

    def lags(self) -> dict[str, int]:
        """The offsets between the last written record and the end, over the assigned partitions, by full topic name.

        Raises:
            KafkaException: the broker does not answer.

        """
        assigned = sorted(self._assigned)
        lags = dict.fromkeys(self.topics, 0)
        ends = self._offsets(assigned, OffsetSpec.latest())
        unknown = [partition for partition in assigned if partition not in self._written]
        begins = self._begins(unknown) if unknown else {}
        for partition, end in ends.items():
            at = self._written.get(partition, begins.get(partition, end))
            lags[partition[0]] += max(0, end - at)
        self.error = None
        return lags

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _begins(self, partitions: list[Partition]) -> dict[Partition, int]:
        """The offsets at which reading starts: the committed ones, else the first."""
        begins = self._offsets(partitions, OffsetSpec.earliest())
        asked = [TopicPartition(topic, number) for topic, number in partitions]
        for found in self._consumer.committed(asked, timeout=ANSWER_SECONDS_MAX):
            if found.offset >= 0:
                begins[found.topic, found.partition] = found.offset
        return begins

    def _offsets(self, partitions: Iterable[Partition], where: Any) -> dict[Partition, int]:
        asked = {TopicPartition(topic, number): where for topic, number in partitions}
        if not asked:
            return {}
        futures = self._admin.list_offsets(
            asked, isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=ANSWER_SECONDS_MAX
        )
        return {(p.topic, p.partition): future.result(ANSWER_SECONDS_MAX + 1).offset for p, future in futures.items()}

    def _on_assign(self, _: Any, partitions: list[TopicPartition]) -> None:
        self._forget()
        self._assigned = {(p.topic, p.partition) for p in partitions}
        # librdkafka keeps a partition paused through a rebalance: the next `fetch` resumes those of the new assignment.
        self._paused = True
        self.joined = True
        log.info("reading %d partitions", len(partitions))

    def _on_revoke(self, *_: Any) -> None:
        # The batch is still written, which is harmless. The next owner of the partitions reads and commits it.
        self._forget()

    def _forget(self) -> None:
        self._assigned = set()
        for offsets in (self._read, self._written, self._committed):
            offsets.clear()

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            return  # `consume` raises it
        self.error = error.str()
        log.warning("Kafka: %s", error.str())

    def _failed(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        self.error = error.str()
        log.warning("Kafka: %s", error.str())
