"""The longest gaps in the outputs, as a consumer downstream sees them, while workers are killed or restarted.

A steady load touches every partition many times a second. A gap is the time between two outputs that follow each other
of the keys of one partition of a table (of those that one worker keeps together); the longest is what counts.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple

from confluent_kafka import OFFSET_END, Consumer, KafkaError, Message, Producer, TopicPartition

from benchmarks.deployment import MeasuredDeployment
from benchmarks.latency import LEAD_S, TICK_S, plan
from domain.time import SECOND
from streams import topics
from streams.partitioning import partition_of

KINDS = {topics.PAYMENT_RECONCILIATIONS: "payments", topics.OBLIGATION_RECONCILIATIONS: "obligations"}

Place = tuple[str, int]
"""A table and the number of one of its partitions."""


class Gap(NamedTuple):
    """A time without outputs of a partition, in seconds on the clock of `time.monotonic`."""

    place: Place
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.ended - self.began


class Load(threading.Thread):
    """Sends rents at a steady rate, open loop, until `stop`."""

    def __init__(self, deployment: MeasuredDeployment, rate: int, seconds: int) -> None:
        super().__init__(name="load", daemon=True)
        self._names = {topic: deployment.topic(topic) for topic in topics.INPUTS}
        self._producer = Producer(deployment.kafka({"linger.ms": 20, "partitioner": "murmur2_random"}))
        self._planned, _ = plan(time.time_ns() // 1_000 + LEAD_S * SECOND, rate, seconds)
        self._stopping = threading.Event()
        self._failed: list[KafkaError] = []
        self.sent = 0

    def run(self) -> None:
        """Send each event when it is due."""
        for at, topic, key, value in self._planned:
            while (now := time.time_ns() // 1_000) < at:
                self._producer.poll(0)
                time.sleep(min(TICK_S, (at - now) / SECOND))
            if self._stopping.is_set():
                break
            self._producer.produce(self._names[topic], value, key, on_delivery=self._note)
            self.sent += 1
        self._producer.flush(60)

    def _note(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed.append(error)

    def stop(self) -> None:
        """End it.

        Raises:
            RuntimeError: an event was not delivered, or the plan ended before the measurement did.

        """
        ended_early = not self.is_alive()
        self._stopping.set()
        self.join(90)
        if self._failed or ended_early:
            raise RuntimeError(f"the load did not last: {self._failed[:3] or 'the plan was too short'}")


class GapReader(threading.Thread):
    """Reads both reconciliation topics read_committed, from their ends, and notes when each partition had an output."""

    def __init__(self, deployment: MeasuredDeployment) -> None:
        super().__init__(name="reader", daemon=True)
        self._partitions = deployment.settings.partitions
        self._kinds = {deployment.topic(topic): kind for topic, kind in KINDS.items()}
        self._consumer = Consumer(
            deployment.kafka(
                {"group.id": f"{deployment.name}-reader", "enable.auto.commit": False, "fetch.wait.max.ms": 20}
                | {"isolation.level": "read_committed", "auto.offset.reset": "error"}
            )
        )
        self._consumer.assign(
            [TopicPartition(name, number, OFFSET_END) for name in self._kinds for number in range(self._partitions)]
        )
        self._stopping = threading.Event()
        self._outputs_at: dict[Place, list[float]] = {place: [] for place in self.places()}

    def places(self) -> Iterable[Place]:
        """Return the partitions that are read."""
        return [(kind, number) for kind in KINDS.values() for number in range(self._partitions)]

    def run(self) -> None:
        """Read until `stop`."""
        while not self._stopping.is_set():
            for message in self._consumer.consume(1_000, 0.02):
                if message.error() is None:
                    kind = self._kinds[message.topic() or ""]
                    # Not the output's own partition: the one in which a worker keeps the key.
                    number = partition_of((message.key() or b"").decode(), self._partitions)
                    self._outputs_at[kind, number].append(time.monotonic())
        self._consumer.close()

    def stop(self) -> None:
        """Stop reading."""
        self._stopping.set()
        self.join(30)

    def has_output_everywhere(self, since: float) -> bool:
        """Return whether every partition has had an output since then."""
        return all(times and times[-1] > since for times in self._outputs_at.values())

    def longest(self, since: float, until: float) -> list[Gap]:
        """Return the longest gap of each partition that overlaps this span, the longest first."""
        return sorted((self._longest(place, since, until) for place in self._outputs_at), key=lambda gap: -gap.seconds)

    def _longest(self, place: Place, since: float, until: float) -> Gap:
        times = self._outputs_at[place]
        # A gap that was open at `since` began before, with the last output before.
        first = max((at for at in times if at <= since), default=since)
        edges = [
            first,
            *(at for at in times if since < at < until),
            min((at for at in times if at >= until), default=until),
        ]
        began, ended = max(pairwise(edges), key=lambda gap: gap[1] - gap[0])
        return Gap(place, began, ended)


@contextmanager
def under_load(deployment: MeasuredDeployment, rate: int, seconds: int) -> Iterator[GapReader]:
    """Run the load and a reader of its outputs; yield once every partition has had an output.

    Raises:
        TimeoutError: some partitions have no output.

    """
    reader = GapReader(deployment)
    reader.start()
    load = Load(deployment, rate, seconds)
    load.start()
    try:
        wait_for_outputs(reader, time.monotonic(), 60)
        yield reader
        load.stop()
    finally:
        load._stopping.set()
        reader.stop()


def wait_for_outputs(reader: GapReader, since: float, timeout_s: float) -> None:
    """Wait until every partition has had an output since then.

    Raises:
        TimeoutError: a partition had none.

    """
    until = time.monotonic() + timeout_s
    while not reader.has_output_everywhere(since):
        if time.monotonic() > until:
            raise TimeoutError(f"some partitions had no output for {timeout_s:.0f} s")
        time.sleep(0.02)
