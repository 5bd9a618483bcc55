"""Bulk production from the command line: every record is delivered or reported as undelivered."""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from streams.broker.cluster import BrokerError, connect
from streams.broker.provisioning import INPUT_BYTES_MAX
from streams.broker.reading import missing_topic
from streams.headers import Header
from streams.settings import Settings

DELIVERY_SECONDS_MAX = 60
"""After this, a record that no broker acknowledged counts as undelivered."""


@dataclass(slots=True)
class Undelivered:
    """A record that the broker did not acknowledge."""

    label: str
    """The caller's name for it: `line 17`, `dead letter 3:41`."""
    reason: str


@dataclass(slots=True)
class BulkProducer:
    """An idempotent producer that waits when librdkafka's queue is full.

    One request is in flight at a time: with two, a broker that becomes the partition's leader between them may accept
    the second and lose the first for good (KAFKA-15591), and librdkafka reports it as delivered. Keys are hashed with
    murmur2, as Java clients do.
    """

    settings: Settings
    sent: int = 0
    undelivered: list[Undelivered] = field(default_factory=list)
    _producer: Any = None
    _topics: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Connect.

        Raises:
            BrokerError: no broker answers.

        """
        self._producer, cluster = connect(
            Producer,
            self.settings,
            enable_idempotence=True,
            max_in_flight=1,
            partitioner="murmur2_random",
            linger_ms=20,
            message_max_bytes=INPUT_BYTES_MAX + 1024 * 1024,
            message_timeout_ms=DELIVERY_SECONDS_MAX * 1000,
            delivery_report_only_error=True,
        )
        self._topics = frozenset(name for name, found in cluster.topics.items() if found.error is None)

    def require(self, name: str) -> None:
        """Check that a topic exists, before the first record is sent to it.

        Raises:
            BrokerError: it does not.

        """
        if name not in self._topics:
            raise BrokerError(missing_topic(self.settings, name))

    def send(
        self,
        topic_name: str,
        key: bytes | None,
        value: bytes | None,
        *,
        label: str,
        headers: list[Header] | None = None,
        partition: int = -1,
    ) -> None:
        """Queue a record; returns before it is delivered.

        Args:
            topic_name: the topic.
            key: decides on the partition.
            value: the record.
            label: names it in `undelivered`.
            headers: of the record.
            partition: of a topic that is not partitioned by key.

        """
        on_delivery = partial(self._delivery_failed, label)
        self.sent += 1
        while True:
            try:
                self._producer.produce(topic_name, value, key, partition, on_delivery=on_delivery, headers=headers)
                break
            except BufferError:
                self._producer.poll(0.1)  # the queue is full: wait for acknowledgements
            except KafkaException as error:
                # Refused before it was queued: too large.
                self.undelivered.append(Undelivered(label, error.args[0].str()))
                break
        if self.sent % 1000 == 0:
            self._producer.poll(0)

    def _delivery_failed(self, label: str, error: KafkaError | None, _message: Any) -> None:
        if error is not None:
            self.undelivered.append(Undelivered(label, error.str()))

    def finish(self) -> int:
        """Wait until every record is delivered or given up.

        Returns:
            The number of delivered records; the others are in `undelivered`.

        """
        left: int = self._producer.flush(DELIVERY_SECONDS_MAX + 5)
        if left:
            self.undelivered.append(Undelivered(f"{left} records", "the broker has not confirmed them"))
        return self.sent - len(self.undelivered) - max(0, left - 1)
