"""An agent with a table: facts change states, and at the commit the difference to what was last published is published.

A subclass states its edges and three steps, each a pure function of the domain:

- `apply(state, fact)` takes a fact into a state;
- `view(state, now, policy, clock)` derives what is true at an instant;
- `publish(published, state, view, stamp, tally)` returns the difference to what was last published.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import Any, ClassVar, Generic, Protocol, TypeVar

import msgspec

from agents.agent import Agent, AgentContext
from agents.router import KeyedTarget, Origin
from domain.facts import InputFact
from domain.policy import Policy
from domain.publishing import Changes, Published, send_again
from domain.records import LatePaymentAlert, MismatchAlert, Output
from domain.tally import Tally
from domain.time import DAY, FAR_FUTURE, NOT_CAUGHT_UP, Day, Micros
from streams.codec import bundles
from streams.codec.dead_letters import BadInput, DeadLetter, DeadLetterClass, quoted
from streams.topics import TopicRole
from streams.topology import Table
from streams.transport.batch import Batch, TopicPartition
from streams.transport.commit import ANY_PARTITION, Commit, CommitCounts, DeadRecord
from tables.keyed import KeyedTable, KeyEntry


class View(Protocol):
    """A key at an instant."""

    @property
    def next_deadline(self) -> Micros | None:
        """The earliest later instant at which the view changes by the clock alone."""


S = TypeVar("S")
V = TypeVar("V", bound=View)

KEY_BYTES_MAX = 6 << 20
"""A key whose packed state is larger takes no more facts: its state and its snapshots must fit into a record of
16 MiB. A plan of 10,000 installments with ids of 512 bytes fits."""

ORDINARY_FACT_BYTES = 400
"""About what a fact adds to a state, until the next commit measures it."""

BYTES_OF_A_PACKED_BYTE = 6
"""About what each packed byte of a large fact takes once it is decoded."""

APPLIED_AT_ONCE = 500
"""The facts of one key that are applied before the event loop may go on."""

ROUTED_AT_ONCE = 2_000
"""The facts that are routed before the event loop may go on."""


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """The time of a publication."""

    at: Micros
    """By the service's clock: for `opened_at`, `resolved_at` and `ended_at`."""
    version: int
    """Higher than any version published for the key before."""
    today: Day
    """The day of `at`, in UTC."""


class KeyedAgent(Agent, Generic[S, V]):
    """The shape of an agent with a table."""

    spec: ClassVar[Table]
    apply: ClassVar["staticmethod[[Any, Any], bool]"]
    """Takes a fact into a state; whether it was new."""
    view: ClassVar["staticmethod[[Any, Micros, Policy, Micros], Any]"]
    """Derives what is true at an instant from a state, the instant, the policy and the wall clock."""
    publish: ClassVar["staticmethod[[Published, Any, Any, Stamp, Tally], Changes]"]
    """The difference between a view and what was last published. Updates `published` and the partition's tally."""
    large_facts: ClassVar[Mapping[type, Callable[[Any], int]]] = {}
    """The types of facts that may be large, each with a function that gives the bytes that such a fact adds."""
    replacing_facts: ClassVar[frozenset[type]] = frozenset()
    """The types of facts that replace their predecessor: a full key takes these, too. Every type that an agent makes,
    and no producer, has to be among them: it has no dead letter."""

    def __init__(self, context: AgentContext, targets: Mapping[Any, KeyedTarget]) -> None:
        super().__init__(context, targets)
        self.table: KeyedTable[S] = KeyedTable(self.spec, context.store)
        self._key: Callable[[Any], str] = attrgetter(self.spec.key)
        self._unpack = {topic: bundles.decoder_of(topic) for topic in self.inputs}
        self._routes = self.routes()
        self._encode = context.codec.encode
        self._outputs = {
            record: (topic, context.names[topic], attrgetter(topic.key))
            for topic in self.outputs
            if topic.role is TopicRole.OUTPUT
            for record in topic.records
        }
        self._begin()

    def facts_of_version_1(self, state: S, stamp: Stamp) -> Sequence[Any]:
        """The facts for keys of other kinds that follow from a state that version 1 had a part in."""
        return ()

    def owns(self, partition: int) -> bool:
        """Whether this worker owns that partition."""
        return self.table.owns(partition)

    def handle(self, batch: Batch) -> None:
        """Take the facts that another worker routed here."""
        unpack = self._unpack[batch.source.topic]
        facts = [fact for record in batch.records for fact in unpack(record.value or b"")]
        self.add_facts(batch.source.number, list(map(self._key, facts)), facts, Origin(batch.source, batch.start))

    def add_facts(self, partition: int, keys: Sequence[str], facts: Sequence[Any], origin: Origin) -> None:
        """Let facts wait for the commit, each with its key."""
        self.table.add(partition, keys, facts, origin)
        large = self.large_facts
        if large and not large.keys().isdisjoint(map(type, facts)):
            self.table.waiting_bytes += BYTES_OF_A_PACKED_BYTE * sum(
                [large[type(fact)](fact) for fact in facts if type(fact) in large]
            )

    def _learn(self, entry: KeyEntry[S], facts: Sequence[Any], begin: int) -> bool:
        """Apply the next facts, each behind its origin, to their key, unless it is full; whether any was new."""
        apply, large = self.apply, self.large_facts
        learned = refused = 0
        end = min(begin + 2 * APPLIED_AT_ONCE, len(facts))
        for number in range(begin, end, 2):
            fact = facts[number + 1]
            if (entry.packed_bytes > KEY_BYTES_MAX or type(fact) in large) and not self._fits(entry, fact):
                self._refuse(facts[number], entry.key, fact)
                refused += 1
            elif apply(entry.state, fact):
                entry.packed_bytes += ORDINARY_FACT_BYTES
                learned += 1
        self._learned += learned
        self._repeated += (end - begin) // 2 - learned - refused
        return learned > 0

    def _fits(self, entry: KeyEntry[S], fact: Any) -> bool:
        if type(fact) in self.replacing_facts:
            return True  # refusing it would lose money between two keys
        size = self.large_facts.get(type(fact))
        if size is not None:
            entry.packed_bytes += size(fact)
        return entry.packed_bytes <= KEY_BYTES_MAX

    def _refuse(self, origin: Origin, key: str, fact: InputFact) -> None:
        reason = BadInput(
            DeadLetterClass.KEY_FULL,
            f"{quoted(key)} holds more than {KEY_BYTES_MAX} bytes of facts and takes no more; the value is this fact, "
            f"encoded again: the original record is on its input topic",
        )
        topic = origin.source.topic
        self._counts.dead_letters[topic.name, reason.error_class] += 1
        source = self._context.names[topic]
        letter = DeadLetter.of(reason, source, origin.source.number, origin.offset, self._context.version)
        self._dead.append((key.encode(), self._context.codec.encode(fact, source), letter.headers()))

    def buffered(self) -> int:
        """The number of keys that wait for the commit."""
        return self.table.waiting()

    def buffered_bytes(self) -> int:
        """About the memory that their facts take."""
        return self.table.waiting_bytes

    def flush(self, commit: Commit, watermarks: Mapping[int, Micros]) -> Iterator[None]:
        """Apply what waits to each key, derive its view and publish the difference; a step for each key."""
        view, publish, policy = self.view, self.publish, self._context.policy
        at = self._context.clocks.service()
        today = at // DAY
        version_floor = self._context.clocks.version()
        facts: dict[type, list[Any]] = {}
        for partition, entries in self.table.settle():
            watermark = watermarks.get(partition, NOT_CAUGHT_UP)
            tally = self.table.tallies.open(partition)
            tally.ach.forget(today)
            writer = self.table.writer(commit, partition)
            for entry, waiting in entries:
                is_changed = entry.is_due
                for begin in range(0, len(waiting), 2 * APPLIED_AT_ONCE):
                    if begin:
                        yield
                    is_changed |= self._learn(entry, waiting, begin)
                if not is_changed:
                    yield
                    continue
                seen = view(entry.state, watermark, policy, at)
                stamp = Stamp(at, max(entry.published.version + 1, version_floor), today)
                anew = entry.is_outdated and self.table.is_settled(partition, entry.key)
                if anew:
                    send_again(entry.published)
                changes = publish(entry.published, entry.state, seen, stamp, tally)
                for output in changes.outputs:
                    self._send(commit, output)
                if changes.withdrawn is not None:
                    topic, _, _ = self._outputs[changes.withdrawn]
                    commit.send(topic, ANY_PARTITION, entry.key.encode(), None)
                if anew:
                    changes.facts = (*changes.facts, *self.facts_of_version_1(entry.state, stamp))
                for fact in changes.facts:
                    facts.setdefault(type(fact), []).append(fact)
                writer.write(entry, FAR_FUTURE if seen.next_deadline is None else seen.next_deadline)
                yield
            writer.close()
        yield from self._route(commit, facts)
        self._counts.facts[self.spec.name, "learned"] += self._learned
        self._counts.facts[self.spec.name, "repeated"] += self._repeated
        commit.dead_letters += self._dead
        commit.counts.add(self._counts)
        self._begin()

    def _send(self, commit: Commit, output: Output) -> None:
        if isinstance(output, MismatchAlert):
            self._counts.break_transitions[output.break_class, output.lifecycle] += 1
        elif isinstance(output, LatePaymentAlert):
            self._counts.late_alert_transitions[output.lifecycle,] += 1
        topic, name, key = self._outputs[type(output)]
        commit.send(topic, ANY_PARTITION, key(output).encode(), self._encode(output, name))

    def _route(self, commit: Commit, facts: Mapping[type, list[Any]]) -> Iterator[None]:
        """Route what is published for other keys, by type; it comes from no record of its own."""
        origin = Origin(TopicPartition(self.inputs[0], -1), -1)
        for kind, some in facts.items():
            for router in self._routes[kind]:
                for begin in range(0, len(some), ROUTED_AT_ONCE):
                    router.route(some[begin : begin + ROUTED_AT_ONCE], origin)
                    yield
        for router in self.routers.values():
            yield from router.flush(commit)

    def _begin(self) -> None:
        self._dead: list[DeadRecord] = []
        self._counts = CommitCounts()
        self._learned = self._repeated = 0

    def discard(self) -> None:
        """Drop what is not committed: whoever reads it next applies it again."""
        for router in self.routers.values():
            router.discard()
        self._begin()
