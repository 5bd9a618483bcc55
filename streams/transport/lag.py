"""Polls the broker every few seconds for how much there is still to read, and when the newest record came.

For metrics and health alone; nothing that is reconciled depends on it.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import IsolationLevel
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from streams.topics import INPUTS, Topic
from streams.transport.batch import TopicPartition
from streams.transport.engine import Engine
from streams.transport.offsets import list_offsets

log = logging.getLogger(__name__)

INTERVAL_S = 10.0
"""How often the broker is polled."""

FRESH_S = 3 * INTERVAL_S
"""An older answer says nothing about now."""


class LagSnapshot(NamedTuple):
    """The broker's answer to one poll."""

    ends: Mapping[TopicPartition, int]
    """The end offsets of the partitions that this worker reads, records of open transactions included."""
    readable: Mapping[TopicPartition, int]
    """The end offsets of what can be read now: nothing after the first open transaction."""
    newest_ms: Mapping[Topic, int]
    """The timestamp of the newest record of each input that holds any, milliseconds since 1970."""


def fetch_offsets(
    admin: AdminClient, names: Mapping[Topic, str], read: Iterable[TopicPartition], partitions: Mapping[Topic, int]
) -> LagSnapshot:
    """Poll the broker once. Blocking.

    Args:
        admin: a client.
        names: of the topics on this installation.
        read: the partitions that this worker reads.
        partitions: the number of partitions of each topic.

    Raises:
        KafkaException: it did not answer, or not for all of them.

    """
    own = {(names[source.topic], source.number): source for source in read}
    inputs = {(names[topic], number): topic for topic in INPUTS for number in range(partitions[topic])}
    own_partitions = [KafkaPartition(*place) for place in own]
    ends = list_offsets(admin, own_partitions, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)
    readable = list_offsets(admin, own_partitions, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
    newest = list_offsets(
        admin,
        [KafkaPartition(*place) for place in inputs],
        OffsetSpec.max_timestamp(),
        IsolationLevel.READ_UNCOMMITTED,
    )
    newest_ms: dict[Topic, int] = {}
    for place, topic in inputs.items():
        at = newest[place].timestamp
        if at is not None and at > newest_ms.get(topic, -1):
            newest_ms[topic] = at
    return LagSnapshot(
        ends={source: ends[place].offset for place, source in own.items()},
        readable={source: readable[place].offset for place, source in own.items()},
        newest_ms=newest_ms,
    )


class LagMonitor:
    """Keeps the last answer, and when there was last nothing to read."""

    def __init__(
        self, engine: Engine, fetch: Callable[[list[TopicPartition], Mapping[Topic, int]], LagSnapshot]
    ) -> None:
        self._engine = engine
        self._fetch = fetch
        self.snapshot = LagSnapshot({}, {}, {})
        self._answered_at: float | None = None
        self.idle_at = time.monotonic()
        """When there was last nothing to read."""

    async def poll_forever(self) -> None:
        """Poll until the worker ends. What the broker does not answer is requested again later."""
        while True:
            await self.poll()
            await asyncio.sleep(INTERVAL_S)

    async def poll(self) -> None:
        """Poll once."""
        read, partitions = list(self._engine.expected), self._engine.watermarks.partitions
        try:
            self.snapshot = await asyncio.to_thread(self._fetch, read, partitions)
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
        """Offsets that were there at the last answer and are not processed, by topic."""
        lags: dict[Topic, int] = {}
        for source, expected in self._engine.expected.items():
            lag = max(0, self.snapshot.ends.get(source, expected) - expected)
            lags[source.topic] = lags.get(source.topic, 0) + lag
        return lags

    def unread(self) -> int:
        """Records that could be read at the last answer and are not processed; 0 if that answer is old."""
        silent_s = self.silent_s()
        if silent_s is None or silent_s > FRESH_S:
            return 0
        readable = self.snapshot.readable
        return sum(max(0, readable.get(source, at) - at) for source, at in self._engine.expected.items())
