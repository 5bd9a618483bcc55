"""Copies the state into internal topics and changelogs with another number of partitions.

The number of partitions decides the partition of a key, so a topic that holds keys cannot simply grow. Instead the
states are copied to new topics while no worker runs. Nothing is deleted, and no worker can see a half-finished copy:
the new `progress` topic, without which no worker starts, is created last.

1. Read the states of the old changelogs as in a recovery, up to the high watermark after stable offsets.
2. Write each to the new changelog, with the tally of each new partition, recounted from its keys' contributions.
3. Write facts that no worker has processed yet to the new internal topics.
4. Write to the old `progress` topic where everything has moved: a worker of the old topics refuses to start.
5. Create the new `progress` topic and write the watermarks: those of inputs unchanged, for an internal topic the
   earliest of its old partitions, because a published time must not go back.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from domain.ach_returns import AchReturns
from domain.tally import Tally, recounted
from domain.time import NOT_CAUGHT_UP, Day
from streams import topics
from streams.codec import bundles
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics import Topic
from streams.topology import TOPOLOGY, Table, Topology
from streams.transport import watermarks
from streams.transport.batch import TopicPartition
from streams.transport.watermarks import Watermark
from tables.packing import FORMAT, Unpacker
from tables.recovery import Changelog, LogOffsets, Recovery
from tables.store import TALLY_KEY, Store, TablePartition
from tables.tallies import pack_tally, unpack_tally


def moved(topology: Topology) -> tuple[Topic, ...]:
    """The topics that move: those whose facts feed a table, and the changelogs. `progress` is written last."""
    return (*topology.changelogs, *dict.fromkeys(topology.changelogs.values()))


class RepartitionFailed(RuntimeError):
    """Not all states were copied. The message says why and what to do. The old topics are unchanged."""


class Outcome(NamedTuple):
    """The numbers of copied items."""

    keys: dict[str, int]
    """States, by the default name of their changelog."""
    facts: int
    """Facts that no worker had processed yet."""


class Repartition:
    """One repartitioning. Its methods block, for long where there are many keys.

    Args:
        old: the settings with the names of the existing topics.
        new: the same with the names of the new topics.
        partitions: of each existing topic, and of the new ones.
        scratch: a store for sorting; it takes as much disk as all states.
        step: called for each key.
        topology: which tables there are.

    """

    def __init__(
        self,
        old: Settings,
        new: Settings,
        partitions: tuple[Mapping[Topic, int], int],
        scratch: Store,
        step: Callable[[], None],
        topology: Topology = TOPOLOGY,
    ) -> None:
        self._topology = topology
        self._old = old
        self._new = new
        self._before, self._after = partitions
        self._scratch = scratch
        self._step = step
        self._failures: list[str] = []
        self._producer = Producer(
            old.kafka(
                **{
                    "enable.idempotence": True,
                    # The topics are new: with more in flight the first records could be lost (KAFKA-15591).
                    "max.in.flight": 1,
                    "message.max.bytes": 16 << 20,
                    "linger.ms": 20,
                    "compression.type": "lz4",
                    "queue.buffering.max.kbytes": 256 << 10,
                }
            )
        )

    def copy(self) -> Outcome:
        """Copy states and unprocessed facts: steps 1 to 3.

        Raises:
            RepartitionFailed: a record was not written, or the new tallies differ from the old ones.
            RecoveryFailed: the old topics cannot be read.

        """
        tables = self._topology.sources_of
        names = {topic: self._old.topic(topic) for topic in self._topology.topics}
        recovery = Recovery(self._old.kafka(), self._old.application_id, names, lambda: False)
        log_offsets = LogOffsets(self._old.kafka(), self._old.application_id)
        try:
            unread = recovery.positions(self._sources())
            changelogs = [
                Changelog(names[table.changelog], number, TablePartition(table.id, number))
                for table, sources in tables.items()
                for number in range(self._before[sources[0]])
            ]
            recovery.read_state(self._scratch, changelogs)
            keys = {table.changelog.name: self._copy_states(sources[0], table) for table, sources in tables.items()}
            facts_moved = self._copy_facts(recovery, log_offsets, unread)
        finally:
            recovery.close()
            log_offsets.close()
        self._flush()
        return Outcome(keys, facts_moved)

    def retire(self, published: Mapping[bytes, Watermark]) -> dict[bytes, Watermark]:
        """Retire the old topics: step 4.

        Args:
            published: the last watermark of each key of the old progress topic.

        Returns:
            The watermarks for step 5.

        """
        names = ", ".join(self._new.topic(topic) for topic in (*moved(self._topology), topics.PROGRESS))
        nothing = watermarks.encode_watermark(Watermark(NOT_CAUGHT_UP, 0, NOT_CAUGHT_UP, 0))
        self._send(self._old.topic(topics.PROGRESS), 0, watermarks.MOVED + names.encode(), nothing)
        self._flush()
        internal = {watermarks.key_of(source) for source in self._sources()}
        kept = {
            key: watermark
            for key, watermark in published.items()
            if key not in internal and not key.startswith(watermarks.MOVED)
        }
        for facts in self._topology.tables_by_source:
            of_topic = [published.get(watermarks.key_of(source)) for source in self._sources() if source.topic is facts]
            known = [watermark for watermark in of_topic if watermark is not None]
            if len(known) < len(of_topic):
                continue  # one has no watermark yet, so the new ones start without one
            earliest = Watermark(
                min(each.caught_up for each in known), 0, min(each.passed for each in known), self._after
            )
            for number in range(self._after):
                kept[watermarks.key_of(TopicPartition(facts, number))] = earliest
        return kept

    def publish(self, new_watermarks: Mapping[bytes, Watermark]) -> None:
        """Publish the watermarks: step 5, once the new progress topic exists."""
        for key, watermark in new_watermarks.items():
            self._send(self._new.topic(topics.PROGRESS), 0, key, watermarks.encode_watermark(watermark))
        self._flush()

    def _sources(self) -> list[TopicPartition]:
        return [
            TopicPartition(facts, number)
            for facts in self._topology.tables_by_source
            for number in range(self._before[facts])
        ]

    def _copy_states(self, facts: Topic, table: Table) -> int:
        changelog = self._new.topic(table.changelog)
        unpack = Unpacker(table.state)
        tallies = [Tally() for _ in range(self._after)]
        places = [TablePartition(table.id, number) for number in range(self._before[facts])]
        old_tallies = [unpack_tally(packed) for place in places if (packed := self._scratch.tally(place)) is not None]
        forgotten = max((tally.ach.forgotten for tally in old_tallies), default=0)
        count = 0
        for place in places:
            for key, value in self._scratch.items(place):
                _, published = unpack(value)
                target = partition_of(key, self._after)
                tallies[target].add(recounted(table.state, [published], forgotten))
                self._send(changelog, target, key.encode(), value)
                count += 1
                self._step()
        written_in = min((tally.format for tally in old_tallies), default=FORMAT)
        for target, tally in enumerate(tallies):
            tally.ach.forgotten = forgotten
            tally.format = written_in
            self._send(changelog, target, TALLY_KEY, pack_tally(tally))
        before, after = _flat(old_tallies, forgotten), _flat(tallies, forgotten)
        if before != after:
            raise RepartitionFailed(
                f"the tallies of {self._old.topic(table.changelog)} are not the sum of its keys' contributions; "
                f"nothing was switched over. Differences: {_differences(before, after)}"
            )
        return count

    def _copy_facts(self, recovery: Recovery, log_offsets: LogOffsets, unread: Mapping[TopicPartition, int]) -> int:
        count = 0
        for facts, table in self._topology.tables_by_source.items():
            unpack, key = bundles.decoder_of(facts), attrgetter(table.key)
            name = self._old.topic(facts)
            starts = {(name, source.number): at for source, at in unread.items() if source.topic is facts}
            ends = {place: log_offsets.of(*place)[1] for place in starts}
            starts = {place: at for place, at in starts.items() if at < ends[place]}
            by_target: dict[int, list[Any]] = {}

            def take(
                place: tuple[str, int],
                records: Iterable[tuple[bytes, bytes | None]],
                end: int,
                unpack: Callable[[bytes], list[Any]] = unpack,
                key: Callable[[Any], str] = key,
                by_target: dict[int, list[Any]] = by_target,
            ) -> None:
                for _, value in records:
                    for fact in unpack(value or b""):
                        by_target.setdefault(partition_of(key(fact), self._after), []).append(fact)

            recovery.read_to(starts, {place: ends[place] for place in starts}, take)
            for target, some in by_target.items():
                count += len(some)
                for value in bundles.pack(some):
                    self._send(self._new.topic(facts), target, None, value)
        return count

    def _send(self, name: str, partition: int, key: bytes | None, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(name, value, key, partition, on_delivery=self._delivered)
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failures.append(f"{message.topic()}[{message.partition()}]: {error.str()}")

    def _flush(self) -> None:
        left = self._producer.flush(120)
        if left or self._failures:
            why = self._failures[0] if self._failures else "the broker has not confirmed them in two minutes"
            raise RepartitionFailed(f"{left + len(self._failures)} records were not written: {why}")


def _flat(tallies: Iterable[Tally], forgotten: Day) -> dict[str, int]:
    """The sum of tallies, as numbers by name, without the days that one of them has forgotten."""
    total = Tally(ach=AchReturns(forgotten=forgotten))
    for tally in tallies:
        total.add(tally)
    packed = total.packed()
    numbers = {f"{name}[{at}]": amount for name, vector in packed.sums.items() for at, amount in enumerate(vector)}
    return numbers | {f"ach/{day}[{at}]": n for day, vector in packed.ach.items() for at, n in enumerate(vector)}


def _differences(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return "; ".join(f"{name} was {before.get(name, 0)}, is {after.get(name, 0)}" for name in names[:5])
