"""Asks the broker every few seconds how much there is still to read, and when the last record came.

For metrics and health alone; nothing that is reconciled depends on it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, cast

from confluent_kafka import IsolationLevel
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.topics import INPUTS, Topic
from streams.transport.batch import TopicPartition
from streams.transport.engine import Engine

log = logging.getLogger(__name__)

INTERVAL_S = 10.0
"""How often the broker is asked."""

FRESH_S = 3 * INTERVAL_S
"""An answer that is older says nothing about now."""

_ANSWER_S = 10


class LagSnapshot(NamedTuple):
    """What the broker answered."""

    ends: Mapping[TopicPartition, int]
    """The end offsets of what this worker reads, records of open transactions included."""
    readable: Mapping[TopicPartition, int]
    """The end offsets of what can be read now: behind the first open transaction nothing can."""
    newest_ms: Mapping[Topic, int]
    """The timestamp of the newest record of each input that holds any, milliseconds since 1970."""


def look(
    admin: AdminClient, names: Mapping[Topic, str], read: Iterable[TopicPartition], inputs: Mapping[Topic, int]
) -> LagSnapshot:
    """Ask the broker. Blocking.

    Args:
        admin: a client.
        names: of the topics, as they are called here.
        read: the partitions that this worker reads.
        inputs: how many partitions each input topic has.

    Raises:
        KafkaException: it does not answer, or not everything.

    """
    asked = {KafkaPartition(names[source.topic], source.number): source for source in read}
    all_ = {KafkaPartition(names[topic], number): topic for topic in INPUTS for number in range(inputs[topic])}
    ends = _poll_end_offsets(admin, asked, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)
    readable = _poll_end_offsets(admin, asked, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
    newest = _poll_end_offsets(admin, all_, OffsetSpec.max_timestamp(), IsolationLevel.READ_UNCOMMITTED)
    newest_ms: dict[Topic, int] = {}
    for partition, topic in all_.items():
        at = newest[_place(partition)].timestamp
        if at is not None and at > newest_ms.get(topic, -1):
            newest_ms[topic] = at
    return LagSnapshot(
        {source: ends[_place(partition)].offset for partition, source in asked.items()},
        {source: readable[_place(partition)].offset for partition, source in asked.items()},
        newest_ms,
    )


def _poll_end_offsets(
    admin: AdminClient, partitions: Iterable[KafkaPartition], what: OffsetSpec, isolation: IsolationLevel
) -> dict[tuple[str, int], Any]:
    wanted = dict.fromkeys(partitions, what)
    if not wanted:
        return {}
    futures = admin.list_offsets(wanted, isolation_level=isolation, request_timeout=_ANSWER_S)
    return {_place(partition): future.result(_ANSWER_S + 5) for partition, future in futures.items()}


def _place(partition: KafkaPartition) -> tuple[str, int]:
    return cast(str, partition.topic), cast(int, partition.partition)


class LagMonitor:
    """Keeps the last answer, and when there was last nothing to read."""

    def __init__(self, engine: Engine, ask: Callable[[list[TopicPartition], Mapping[Topic, int]], LagSnapshot]) -> None:
        self._engine = engine
        self._poll_end_offsets = ask
        self.snapshot = LagSnapshot({}, {}, {})
        self._answered_at: float | None = None
        self.idle_at = time.monotonic()
        """When there was last nothing to read."""

    async def poll_forever(self) -> None:
        """Ask, and ask again, until the worker ends. What the broker does not answer is asked again later."""
        while True:
            await self.observe()
            await asyncio.sleep(INTERVAL_S)

    async def observe(self) -> None:
        """Ask once."""
        read, partitions = list(self._engine.expected), self._engine.watermarks.partitions
        try:
            self.snapshot = await asyncio.to_thread(self._poll_end_offsets, read, partitions)
        except Exception as error:
            log.warning("the broker does not say how much there is to read: %s", error)
        else:
            self._answered_at = time.monotonic()
            if not self.unread():
                self.idle_at = self._answered_at

    def silent_s(self) -> float | None:
        """Seconds since the broker last answered; None before it first did."""
        return None if self._answered_at is None else time.monotonic() - self._answered_at

    def lag(self) -> dict[Topic, int]:
        """Records (offsets, to be exact) that were there at the last answer and are not processed, by topic."""
        found: dict[Topic, int] = {}
        for source, expected in self._engine.expected.items():
            behind = max(0, self.snapshot.ends.get(source, expected) - expected)
            found[source.topic] = found.get(source.topic, 0) + behind
        return found

    def unread(self) -> int:
        """Records that could be read at the last answer and are not processed; 0 if that answer is old."""
        silent_s = self.silent_s()
        if silent_s is None or silent_s > FRESH_S:
            return 0
        readable = self.snapshot.readable
        return sum(max(0, readable.get(source, at) - at) for source, at in self._engine.expected.items())
