"""The measured backlog: a simulated month of rent, encoded as its sources would, published in order."""

import gc
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from confluent_kafka import KafkaError, Message, Producer

from benchmarks.deployment import MeasuredDeployment
from domain.time import Micros
from simulator.deliver import value_of
from simulator.scenario import simulate
from streams import topics
from streams.codec.codec import Codec

EVENTS_AN_OBLIGATION = 13.18
"""Events that the simulator makes for an obligation on average, bad input and redeliveries included."""

CHUNK = 5_000

TOPIC_OF = {topic.name: topic for topic in topics.INPUTS}


InputRecord = tuple[str, bytes, bytes]
"""Default name of the topic, key, value."""


@dataclass(frozen=True)
class Backlog:
    """Records in the order of their arrival."""

    records: list[InputRecord]
    closes_at: Micros
    """The end of the recording: the instant for a fixed clock."""

    def first(self, events: int) -> "Backlog":
        """Return the first `count` of them."""
        return Backlog(self.records[:events], self.closes_at)


def make_backlog(events: int, seed: int = 1) -> Backlog:
    """Simulate about `count` events and cut off the surplus."""
    gc.disable()  # millions of records that stay: every collection would look at all of them in vain
    try:
        scenario = simulate(seed, round(events / EVENTS_AN_OBLIGATION * 1.01) + 20)
        codec = Codec()
        records: list[InputRecord] = [
            (delivery.topic, delivery.key.encode(), value_of(delivery, codec.encode))
            for delivery in scenario.deliveries[:events]
        ]
    finally:
        gc.enable()
    return Backlog(records, scenario.closes_at)


def publish(deployment: MeasuredDeployment, records: Iterable[InputRecord]) -> int:
    """Write records to the inputs in their order, with the partitioner of Java clients.

    They may be made on the way: only some of them are in memory at a time.

    Returns:
        How many there were.

    Raises:
        RuntimeError: a record was not delivered.

    """
    failures: list[KafkaError] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None:
            failures.append(error)

    producer = Producer(
        deployment.kafka(
            {
                "partitioner": "murmur2_random",
                "compression.type": "none",  # the naive job reads the same, and its client has fewer codecs
                "linger.ms": 20,
                "enable.idempotence": True,
                "max.in.flight": 1,  # into topics that were just made (KAFKA-15591)
                "queue.buffering.max.messages": 500_000,
            },
        )
    )
    source, count = iter(records), 0
    while chunk := list(islice(source, CHUNK)):
        count += len(chunk)
        by_topic: dict[str, list[dict[str, bytes]]] = defaultdict(list)
        for topic, key, value in chunk:
            by_topic[topic].append({"key": key, "value": value})
        for topic, messages in by_topic.items():
            messages[-1]["callback"] = delivered  # type: ignore[assignment]
            taken = producer.produce_batch(deployment.topic(TOPIC_OF[topic]), messages)
            if taken != len(messages):
                raise RuntimeError(f"{len(messages) - taken} records were refused: the queue is full")
        while len(producer) > 200_000:
            producer.poll(0.05)
        producer.poll(0)
    left = producer.flush(300)
    if failures or left:
        raise RuntimeError(f"{left} records were not delivered: {failures[:3]}")
    return count
