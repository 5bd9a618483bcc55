"""The projector's side of Kafka: a member of its group that commits only what it is told is written.

Every method may block for a moment and is called from one thread at a time, but for `lags`.
"""

import logging
from collections.abc import Iterable
from typing import Any

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from read_model.documents import PROJECTED
from streams.broker.cluster import ANSWER_SECONDS_MAX, BrokerError, connect
from streams.broker.reading import missing_topic
from streams.settings import Settings
from streams.topics import Topic

log = logging.getLogger(__name__)

BATCH_RECORDS = 1_000
QUEUED_KIB = 16 * 1024
"""What librdkafka may fetch ahead. Together with a batch in hand this bounds the projector's memory."""
FETCH_SECONDS = 0.1

Partition = tuple[str, int]


def group_of(settings: Settings) -> str:
    """The projectors' consumer group."""
    return f"{settings.application_id}-read-model"


class OutputConsumer:
    """The output topics, as one member of the group reads them.

    Raises:
        BrokerError: no broker answers, or a topic is missing.

    """

    def __init__(self, settings: Settings) -> None:
        self.topics: dict[str, Topic] = {settings.topic(topic): topic for topic in PROJECTED}
        self._admin, cluster = connect(AdminClient, settings)
        for name in self.topics:
            if name not in cluster.topics:
                raise BrokerError(missing_topic(settings, name))
        self._read: dict[Partition, int] = {}
        """The offset behind what was handed out and is not yet written."""
        self._written: dict[Partition, int] = {}
        self._committed: dict[Partition, int] = {}
        self._assigned: set[Partition] = set()
        self._held: list[Any] = []
        self._paused = False
        self.joined = False
        """Whether the group has given us partitions, or has told us that there are none for us."""
        self.trouble: str | None = None
        """What librdkafka last complained of, until the broker answers again."""
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
                    "error_cb": self._complained,
                }
            )
        )
        self._consumer.subscribe(
            list(self.topics), on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def fetch(self) -> list[Any]:
        """The next records, at most a batch; after a moment without any, none.

        Raises:
            KafkaException: the client can never read again.

        """
        if self._paused:
            self._paused = False
            self._consumer.resume(self._consumer.assignment())
        messages, self._held = self._held, []
        messages += self._consumer.consume(BATCH_RECORDS - len(messages), FETCH_SECONDS)
        records = []
        for message in messages:
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                self._failed(error)
                continue
            partition = message.topic(), message.partition()
            if partition in self._assigned:
                # The end of a partition has the offset behind it, and behind markers of transactions.
                self._read[partition] = message.offset() + (error is None)
            if error is None:
                records.append(message)
        return records

    def keep_alive(self) -> None:
        """Stay in the group while what was handed out cannot be written; nothing more is fetched meanwhile."""
        self._paused = True
        self._consumer.pause(self._consumer.assignment())
        message = self._consumer.poll(0)
        if message is not None:
            self._held.append(message)

    def written(self) -> None:
        """All that was handed out is written."""
        self._written |= self._read
        self._read.clear()

    def commit(self) -> None:
        """Commit what is written. What cannot be committed now is tried again the next time, or read again."""
        behind = {p: offset for p, offset in self._written.items() if self._committed.get(p) != offset}
        if not behind:
            return
        try:
            done = self._consumer.commit(
                offsets=[TopicPartition(topic, number, offset) for (topic, number), offset in behind.items()],
                asynchronous=False,
            )
        except KafkaException as error:
            log.warning("offsets are not committed, and will be tried again: %s", error.args[0].str())
            return
        for partition in done:
            if partition.error is None:
                self._committed[partition.topic, partition.partition] = partition.offset
            else:
                log.warning("the offset of %s is not committed: %s", partition.topic, partition.error.str())

    def lags(self) -> dict[str, int]:
        """How far it is from what is written to the end, in offsets, by full topic name; for what is assigned to us.

        Raises:
            KafkaException: the broker does not tell.

        """
        assigned = sorted(self._assigned)
        lags = dict.fromkeys(self.topics, 0)
        ends = self._offsets(assigned, OffsetSpec.latest())
        unknown = [partition for partition in assigned if partition not in self._written]
        begins = self._begins(unknown) if unknown else {}
        for partition, end in ends.items():
            at = self._written.get(partition, begins.get(partition, end))
            lags[partition[0]] += max(0, end - at)
        self.trouble = None
        return lags

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _begins(self, partitions: list[Partition]) -> dict[Partition, int]:
        """Where reading begins: at what is committed, else at the first record."""
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
        # What is in hand will still be written, which does no harm; who reads these partitions next commits them.
        self._forget()

    def _forget(self) -> None:
        self._assigned = set()
        for offsets in (self._read, self._written, self._committed):
            offsets.clear()

    def _complained(self, error: KafkaError) -> None:
        if error.fatal():
            return  # comes again from `consume`
        self.trouble = error.str()
        log.warning("Kafka: %s", error.str())

    def _failed(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        self.trouble = error.str()
        log.warning("Kafka: %s", error.str())
