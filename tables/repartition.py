"""Gives the internal topics and their changelogs another number of partitions: every state to its new place.

A key's place follows from the number of partitions, so a topic that holds keys cannot simply grow. Instead the states
are copied into new topics, while no worker runs. Nothing is deleted, and no worker ever meets anything half done: the
new `progress` topic, without which none starts, is made last.

1. The states of the old changelogs are read as in a recovery, up to the high watermark behind stable offsets.
2. Each goes to the new changelog, with the tally of each new partition, counted anew from what its keys contribute.
3. Facts that nobody has read yet go to the new internal topics.
4. A mark in the old `progress` topic says where everything has moved to: a worker of the old topics refuses to start.
5. The new `progress` topic is made and gets the marks: of the inputs as they were, of the internal topics the earliest
   of all partitions, for a time that was told must not go back.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, Message, Producer

from domain.obligations.view import ObligationState
from domain.payments.view import PaymentState
from domain.tally import Tally, recounted
from domain.time import NOT_CAUGHT_UP, Day
from streams import topics
from streams.broker.cluster import CHANGELOG_OF
from streams.codec import bundles
from streams.partitioning import partition_of
from streams.settings import Settings
from streams.topics import Topic
from streams.transport import watermarks
from streams.transport.batch import TopicPartition
from streams.transport.watermarks import Watermark
from tables.packing import Unpacker, unpack_obligation, unpack_payment
from tables.recovery import Changelog, Recovery, Watermarks
from tables.store import TALLY_KEY, Store, TablePartition
from tables.tallies import pack_tally, unpack_tally

MOVED = (topics.PAYMENT_FACTS, topics.OBLIGATION_FACTS, topics.PAYMENTS_CHANGELOG, topics.OBLIGATIONS_CHANGELOG)
"""The topics whose partitions are ours to choose, besides `progress`."""


class RepartitionFailed(RuntimeError):
    """The states were not moved, or not all; the message says why and what to do. The old topics are as they were."""


class _Kind(NamedTuple):
    """What there is to know of a table, by the topic whose facts it learns."""

    letter: bytes
    state: type[Any]
    unpack: Unpacker[Any]
    read: Callable[[bytes], list[Any]]
    key: Callable[[Any], str]


_KINDS: Mapping[Topic, _Kind] = {
    topics.PAYMENT_FACTS: _Kind(b"p", PaymentState, unpack_payment, bundles.payment_facts, attrgetter("payment_id")),
    topics.OBLIGATION_FACTS: _Kind(
        b"o", ObligationState, unpack_obligation, bundles.obligation_facts, attrgetter("obligation_id")
    ),
}


class Outcome(NamedTuple):
    """What was moved."""

    keys: dict[str, int]
    """States, by the default name of their changelog."""
    facts: int
    """Facts that nobody had read yet."""


class Repartition:
    """One move. Blocking, and long where there are many keys.

    Args:
        old: the settings of the topics that are.
        new: the same with the names of those to be.
        partitions: how many the internal topics have now, and how many the new ones have.
        scratch: a store to sort in; the size of all states.
        step: called for each key.

    """

    def __init__(
        self,
        old: Settings,
        new: Settings,
        partitions: tuple[Mapping[Topic, int], int],
        scratch: Store,
        step: Callable[[], None],
    ) -> None:
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
                    # The topics are new: with more on the way the first records could be lost (KAFKA-15591).
                    "max.in.flight": 1,
                    "message.max.bytes": 16 << 20,
                    "linger.ms": 20,
                    "compression.type": "lz4",
                    "queue.buffering.max.kbytes": 256 << 10,
                }
            )
        )

    def copy(self) -> Outcome:
        """Steps 1 to 3.

        Raises:
            RepartitionFailed: a record was not written, or the new tallies are not the old ones.
            RecoveryFailed: the old topics cannot be read.

        """
        names = {topic: self._old.topic(topic) for topic in topics.ALL}
        recovery = Recovery(self._old.kafka(), self._old.application_id, names, lambda: False)
        watermarks = Watermarks(self._old.kafka(), self._old.application_id)
        try:
            unread = recovery.positions(self._sources())
            changelogs = [
                Changelog(names[CHANGELOG_OF[facts]], number, TablePartition(kind.letter, number))
                for facts, kind in _KINDS.items()
                for number in range(self._before[facts])
            ]
            recovery.read_state(self._scratch, changelogs)
            keys = {CHANGELOG_OF[facts].name: self._copy_states(facts, kind) for facts, kind in _KINDS.items()}
            facts_moved = self._copy_facts(recovery, watermarks, unread)
        finally:
            recovery.close()
            watermarks.close()
        self._flush()
        return Outcome(keys, facts_moved)

    def retire(self, marks: Mapping[bytes, Watermark]) -> dict[bytes, Watermark]:
        """Step 4, and the marks for step 5.

        Args:
            marks: the last of each key of the old progress topic.

        """
        told = ", ".join(self._new.topic(topic) for topic in (*MOVED, topics.PROGRESS))
        nothing = watermarks.encode_watermark(Watermark(NOT_CAUGHT_UP, 0, NOT_CAUGHT_UP, 0))
        self._send(self._old.topic(topics.PROGRESS), 0, watermarks.MOVED + told.encode(), nothing)
        self._flush()
        internal = {watermarks.key_of(source) for source in self._sources()}
        kept = {
            key: mark for key, mark in marks.items() if key not in internal and not key.startswith(watermarks.MOVED)
        }
        for facts in _KINDS:
            of_topic = [marks.get(watermarks.key_of(source)) for source in self._sources() if source.topic is facts]
            known = [mark for mark in of_topic if mark is not None]
            if len(known) < len(of_topic):
                continue  # never caught up: the new ones are not either
            mark = Watermark(min(m.caught_up for m in known), 0, min(m.passed for m in known), self._after)
            for number in range(self._after):
                kept[watermarks.key_of(TopicPartition(facts, number))] = mark
        return kept

    def mark(self, marks: Mapping[bytes, Watermark]) -> None:
        """Step 5, once the new progress topic is there."""
        for key, mark in marks.items():
            self._send(self._new.topic(topics.PROGRESS), 0, key, watermarks.encode_watermark(mark))
        self._flush()

    def _sources(self) -> list[TopicPartition]:
        return [TopicPartition(facts, number) for facts in _KINDS for number in range(self._before[facts])]

    def _copy_states(self, facts: Topic, kind: _Kind) -> int:
        changelog = self._new.topic(CHANGELOG_OF[facts])
        tallies = [Tally() for _ in range(self._after)]
        places = [TablePartition(kind.letter, number) for number in range(self._before[facts])]
        old_tallies = [unpack_tally(packed) for place in places if (packed := self._scratch.tally(place)) is not None]
        forgotten = max((tally.forgotten for tally in old_tallies), default=0)
        count = 0
        for place in places:
            for key, value in self._scratch.items(place):
                _, history = kind.unpack(value)
                target = partition_of(key, self._after)
                tallies[target].add(recounted(kind.state, [history], forgotten))
                self._send(changelog, target, key.encode(), value)
                count += 1
                self._step()
        for target, tally in enumerate(tallies):
            tally.forgotten = forgotten
            self._send(changelog, target, TALLY_KEY, pack_tally(tally))
        before, after = _flat(old_tallies, forgotten), _flat(tallies, forgotten)
        if before != after:
            raise RepartitionFailed(
                f"the tallies of {self._old.topic(CHANGELOG_OF[facts])} do not come to what its keys contribute; "
                f"nothing was switched over. Differences: {_differences(before, after)}"
            )
        return count

    def _copy_facts(self, recovery: Recovery, watermarks: Watermarks, unread: Mapping[TopicPartition, int]) -> int:
        moved = 0
        for facts, kind in _KINDS.items():
            name = self._old.topic(facts)
            starts = {(name, source.number): at for source, at in unread.items() if source.topic is facts}
            ends = {place: watermarks.of(*place)[1] for place in starts}
            starts = {place: at for place, at in starts.items() if at < ends[place]}
            elsewhere: dict[int, list[Any]] = {}

            def take(
                place: tuple[str, int],
                records: Iterable[tuple[bytes, bytes | None]],
                end: int,
                kind: _Kind = kind,
                elsewhere: dict[int, list[Any]] = elsewhere,
            ) -> None:
                for _, value in records:
                    for fact in kind.read(value or b""):
                        elsewhere.setdefault(partition_of(kind.key(fact), self._after), []).append(fact)

            recovery.read_to(starts, {place: ends[place] for place in starts}, take)
            for target, some in elsewhere.items():
                moved += len(some)
                for value in bundles.pack(some):
                    self._send(self._new.topic(facts), target, None, value)
        return moved

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
    """Tallies added up, as numbers by name; days that one of them has forgotten are none."""
    total = Tally(forgotten=forgotten)
    for tally in tallies:
        total.add(tally)
    numbers = {f"{name}[{at}]": amount for name, vector in total.sums.items() for at, amount in enumerate(vector)}
    return numbers | {f"ach/{day}[{at}]": n for day, vector in total.ach.items() for at, n in enumerate(vector)}


def _differences(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    names = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return "; ".join(f"{name} was {before.get(name, 0)}, is {after.get(name, 0)}" for name in names[:5])
