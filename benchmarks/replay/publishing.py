"""Publishes events as they are made, and remembers only how many there were."""

from collections import defaultdict
from collections.abc import Iterable

from confluent_kafka import KafkaError, Message, Producer

from benchmarks.deployment import MeasuredDeployment
from benchmarks.replay.year import Event
from streams.codec.codec import Codec
from streams.topics import Topic

FLUSH_S = 120

QUEUE_MAX = 200_000
"""Records that the producer holds at most."""


class Publisher:
    """A producer to the inputs of a deployment, with the partitioner of Java clients."""

    def __init__(self, deployment: MeasuredDeployment) -> None:
        self.published = 0
        self.largest = 0
        """Bytes of the largest record, key and value."""
        self._deployment = deployment
        self._encode = Codec().encode
        self._failures: list[KafkaError] = []
        self._producer = Producer(
            deployment.kafka(
                {
                    "partitioner": "murmur2_random",
                    "compression.type": "none",  # as in the other benchmarks
                    "linger.ms": 20,
                    "enable.idempotence": True,
                    "max.in.flight": 1,  # into topics that were just made (KAFKA-15591)
                    "queue.buffering.max.messages": QUEUE_MAX,
                }
            )
        )

    def publish(self, events: Iterable[Event]) -> int:
        """Hand events to the producer; return how many.

        Raises:
            RuntimeError: one was refused.

        """
        by_topic: dict[Topic, list[dict[str, object]]] = defaultdict(list)
        for topic, key, fact in events:
            value = self._encode(fact, topic.name)
            self.largest = max(self.largest, len(key) + len(value))
            by_topic[topic].append({"key": key.encode(), "value": value, "callback": self._delivered})
        count = 0
        for topic, messages in by_topic.items():
            taken = self._producer.produce_batch(self._deployment.topic(topic), messages)
            if taken != len(messages):
                raise RuntimeError(f"{len(messages) - taken} records were refused: the queue is full")
            count += taken
        while len(self._producer) > QUEUE_MAX // 2:
            self._producer.poll(0.05)
        self._producer.poll(0)
        self.published += count
        return count

    def flush(self) -> None:
        """Wait until the broker has everything.

        Raises:
            RuntimeError: it does not take it.

        """
        left = self._producer.flush(FLUSH_S)
        if left or self._failures:
            raise RuntimeError(f"{left} records were not delivered: {self._failures[:3]}")

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failures.append(error)
