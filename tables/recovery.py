"""Brings the local store up to the changelog, and finds where to read on.

The order matters (docs/decisions/0013-records-before-offsets.md): wait until no transaction of a dead owner is open on
the group's offsets, then take the changelog's end as the high watermark, and read up to it with read_committed. If the
target were the last stable offset, records that a dead owner committed after its open transaction would be missed.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import stamina
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka import TopicPartition as KafkaPartition

from streams.broker.cluster import look_up
from streams.topics import Topic
from streams.transport.batch import TopicPartition
from tables.store import Store, TablePartition

log = logging.getLogger(__name__)

CHUNK_RECORDS = 10_000
"""Records read at a time; one write per partition puts them into the store."""


POLL_S = 0.05
"""Timeout of one bulk poll; the last poll always waits all of it."""


LEADER_S = 30.0
"""A partition that was just made, or whose broker stopped, may have no leader for this long."""


def _has_no_leader(error: Exception) -> bool:
    codes = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
    return isinstance(error, KafkaException) and error.args[0].code() in codes


class RecoveryFailed(RuntimeError):
    """The state cannot be brought up to date; the message says why and what to do."""


class Changelog(NamedTuple):
    """A changelog partition, and the store's partition for it."""

    name: str
    number: int
    place: TablePartition


def consumer_conf(conf: Mapping[str, Any], group: str) -> dict[str, Any]:
    """A consumer that joins no group; the group id is for asking its committed offsets."""
    return dict(conf) | {
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 50,
        "fetch.max.bytes": 16 << 20,
        "max.partition.fetch.bytes": 4 << 20,
        "queued.max.messages.kbytes": 32 << 10,
        "queued.min.messages": 20_000,
        # A partition whose queue was full is fetched again this long after. The default of 1 s starves recovery.
        "fetch.queue.backoff.ms": 2,
    }


class LogOffsets:
    """The first and last offsets of partitions, records of open transactions included.

    To a read_committed consumer the broker reports the last stable offset as the end, so this uses one that is not.
    """

    def __init__(self, conf: Mapping[str, Any], group: str) -> None:
        self._consumer = Consumer(consumer_conf(conf, group) | {"isolation.level": "read_uncommitted"})

    def of(self, name: str, number: int) -> tuple[int, int]:
        """The first offset, and the one after the last (the high watermark).

        Raises:
            KafkaException: the broker does not answer, or the partition has had no leader for `LEADER_S`.

        """
        for attempt in stamina.retry_context(on=_has_no_leader, attempts=None, timeout=LEADER_S, wait_max=1.0):
            with attempt:
                low, high = self._consumer.get_watermark_offsets(KafkaPartition(name, number), 30)
        return int(low), int(high)

    def committed(self, places: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The group's offsets as they are now, whatever transaction is open on them; 0 where there is none.

        Raises:
            KafkaException: the broker does not answer.

        """
        found = self._consumer.committed([KafkaPartition(*place) for place in places], 30) if places else []
        return {(partition.topic, partition.partition): max(0, partition.offset) for partition in found}

    def close(self) -> None:
        """Release the connection."""
        self._consumer.close()


class Recovery:
    """One recovery after one assignment. Blocking: it runs in a thread, and checks `cancelled` between steps."""

    def __init__(
        self, conf: Mapping[str, Any], group: str, names: Mapping[Topic, str], cancelled: Callable[[], bool]
    ) -> None:
        self._consumer = Consumer(consumer_conf(conf, group))
        self._log_offsets = LogOffsets(conf, group)
        self._names = names
        self._cancelled = cancelled
        self.remaining = 0
        """Offsets that are still to be read; other threads may read this."""

    def close(self) -> None:
        """Release the connections."""
        self._consumer.close()
        self._log_offsets.close()

    def positions(self, sources: Iterable[TopicPartition], timeout_s: float = 120.0) -> dict[TopicPartition, int]:
        """Where to read on: the committed offsets, once no transaction on them is open; else the beginning.

        Raises:
            RecoveryFailed: the broker does not answer in time, or has deleted records that were never read.

        """
        by_name = {(self._names[source.topic], source.number): source for source in sources}
        found: dict[TopicPartition, int] = {}
        deadline = time.monotonic() + timeout_s
        while True:
            try:
                asked = [KafkaPartition(*place) for place in by_name]
                committed = self._consumer.committed(asked, 10) if asked else []
                break
            except KafkaException as error:
                # A dead owner's transaction is open (the broker says so by timing out), or the broker is away.
                if time.monotonic() > deadline or self._cancelled():
                    raise RecoveryFailed(f"the group's committed offsets cannot be read: {error}") from error
                log.info("waiting for the group's offsets to be stable: %s", error)
        for partition in committed:
            if partition.error is not None:
                raise RecoveryFailed(f"the offset of {partition.topic} cannot be read: {partition.error}")
            low, high = self._log_offsets.of(partition.topic, partition.partition)
            offset = partition.offset
            if 0 <= offset < low:
                raise RecoveryFailed(
                    f"{partition.topic}[{partition.partition}]: the broker has deleted offsets {offset} to {low - 1} "
                    f"before they were read (retention); once the loss is accounted for, set the group's offset to "
                    f"{low} with kafka-consumer-groups --reset-offsets and start again"
                )
            if offset > high:
                raise RecoveryFailed(
                    f"{partition.topic}[{partition.partition}]: committed offset {offset} is after its end {high}: "
                    f"the topic was created again; use a new RENTMATCH_APPLICATION_ID, or reset the group's offsets"
                )
            found[by_name[partition.topic, partition.partition]] = offset if offset >= 0 else low
        return found

    def ends(self, sources: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The ends of these partitions, open transactions included."""
        return {source: self._log_offsets.of(self._names[source.topic], source.number)[1] for source in sources}

    def group_offsets(self, sources: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        """The group's offsets of partitions that others may be reading now: it does not wait for them to be stable."""
        by_name = {(self._names[source.topic], source.number): source for source in sources}
        return {by_name[place]: offset for place, offset in self._log_offsets.committed(list(by_name)).items()}

    def read_state(self, store: Store, changelogs: Iterable[Changelog]) -> int:
        """Bring the store up to the end of these changelogs; the number of records applied.

        Raises:
            RecoveryFailed: cancelled by another rebalance, or the broker cannot be read.

        """
        places = {(changelog.name, changelog.number): changelog.place for changelog in changelogs}
        starts = {}
        targets = {}
        for (name, number), place in places.items():
            low, high = self._log_offsets.of(name, number)
            offset = store.offset(place)
            if offset > high:
                log.warning("the local state of %s[%d] is of another topic of that name and is rebuilt", name, number)
                store.forget(place)
                offset = 0
            if offset < high:
                starts[name, number] = max(offset, low)
                targets[name, number] = high
        taken = 0

        def take(place: tuple[str, int], records: list[tuple[bytes, bytes | None]], end: int) -> None:
            nonlocal taken
            taken += len(records)
            store.recover(places[place], records, end, is_logged=False)

        try:
            self.read_to(starts, targets, take)
        finally:
            if taken:
                store.flush()
        return taken

    def read_all(self, name: str) -> tuple[list[tuple[bytes, bytes]], int]:
        """The records of a topic's only partition, without tombstones, and the offset after them.

        Raises:
            RecoveryFailed: cancelled by another rebalance, or the broker cannot be read.

        """
        low, high = self._log_offsets.of(name, 0)
        found: list[tuple[bytes, bytes]] = []

        def take(place: tuple[str, int], records: list[tuple[bytes, bytes | None]], end: int) -> None:
            found.extend((key, value) for key, value in records if value is not None)

        if low < high:
            self.read_to({(name, 0): low}, {(name, 0): high}, take)
        return found, high

    def read_to(
        self,
        starts: dict[tuple[str, int], int],
        targets: dict[tuple[str, int], int],
        take: Callable[[tuple[str, int], list[tuple[bytes, bytes | None]], int], None],
    ) -> None:
        """Read committed records until each partition's position is at its target.

        Control records count and hold no data. `take` receives a partition, its next records, and the position
        after them.

        Raises:
            RecoveryFailed: cancelled by another rebalance, or the broker cannot be read.

        """
        waiting = set(starts)
        if not waiting:
            return
        at = dict(starts)
        consumer = self._consumer
        look_up(consumer, (name for name, _ in starts))
        consumer.assign([KafkaPartition(name, number, offset) for (name, number), offset in starts.items()])
        try:
            while waiting:
                if self._cancelled():
                    raise RecoveryFailed("another rebalance began")
                records: dict[tuple[str, int], list[tuple[bytes, bytes | None]]] = {}
                ends: dict[tuple[str, int], int] = {}
                for message in consumer.consume(CHUNK_RECORDS, POLL_S):
                    place = (message.topic(), message.partition())
                    error = message.error()
                    if error is None:
                        records.setdefault(place, []).append((message.key(), message.value()))
                        ends[place] = message.offset() + 1
                    elif error.code() == KafkaError._PARTITION_EOF:
                        ends[place] = max(message.offset(), ends.get(place, 0))
                    elif error.fatal():
                        raise RecoveryFailed(f"{place} cannot be read: {error}")
                    else:
                        log.warning("recovering %s: %s", place, error)
                for place, end in ends.items():
                    take(place, records.get(place, []), end)
                    at[place] = end
                    if place in waiting and end >= targets[place]:
                        waiting.discard(place)
                self.remaining = sum(max(0, targets[place] - at[place]) for place in at)
        finally:
            self.remaining = 0
            consumer.unassign()
