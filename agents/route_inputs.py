"""Routes the inputs: decodes and validates each record, and routes it by its key, or writes it to the dead letters.

A fact goes to each internal topic that declares its type. Two types need a look into the record: a settlement record
goes to its payment, whose claim on the attempt's reference goes beside it, or without a payment id to the reference
itself (contract section 10), and to the payout that it names (section 11); a decision goes to the key that it is about
(section 12).
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from agents.agent import Agent, AgentContext
from agents.router import KeyedTarget, Origin, Router
from domain.facts import AttemptClaim, BreakDecided, InputFact, ProcessorSettled
from domain.time import Micros
from streams.codec.dead_letters import BadInput, DeadLetter
from streams.topics import PAYMENT_FACTS, PAYOUT_FACTS, REFERENCE_FACTS
from streams.topology import ROUTE_INPUTS
from streams.transport.batch import Batch, RawRecord
from streams.transport.commit import Commit, CommitCounts, DeadRecord
from streams.transport.faust_group import BatchStream

DEAD_LETTER_BYTES = 1_000
"""About the memory that a dead letter takes beside its value."""


async def route_inputs(batches: BatchStream) -> None:
    """Decode, validate and route the inputs: each batch in the worker's open transaction."""
    async for batch in batches:
        await batches.app.process(batch)


class RouteInputs(Agent):
    """The first stage. It keeps no state: what it reads in a transaction leaves in the same one."""

    function = staticmethod(route_inputs)
    processor = ROUTE_INPUTS
    inputs = ROUTE_INPUTS.inputs
    outputs = ROUTE_INPUTS.outputs

    def __init__(self, context: AgentContext, targets: Mapping[Any, KeyedTarget]) -> None:
        super().__init__(context, targets)
        self._payments, self._references = self.routers[PAYMENT_FACTS], self.routers[REFERENCE_FACTS]
        self._payouts = self.routers[PAYOUT_FACTS]
        tables = context.topology.tables_by_source
        self._decided = {
            tables[topic].key_kind: router for topic, router in self.routers.items() if BreakDecided in topic.records
        }
        """The router for decisions about each kind of key."""
        routes = self.routes()
        special: dict[type, Sequence[Router]] = {
            ProcessorSettled: (self._payments, self._references, self._payouts),
            BreakDecided: tuple(self._decided.values()),
        }
        self._ways = [
            (
                router,
                frozenset(
                    record
                    for record, reached in routes.items()
                    if router in reached and router not in special.get(record, ())
                ),
            )
            for router in self.routers.values()
        ]
        """Each router, with the types of the facts of which it takes all."""
        self._begin()

    def handle(self, batch: Batch) -> None:
        """Route each record of a batch, or dead-letter it with the reason."""
        topic, headers = batch.source.topic, batch.headers
        decode = self._context.codec.decode_input
        facts: list[InputFact] = []
        for record in batch.records:
            try:
                if headers is None:
                    facts.append(decode(topic, record.value))
                else:
                    facts.append(decode(topic, record.value, headers.get(record.offset)))
            except BadInput as reason:
                self._dead_letter(batch, record, reason)
        self._stamped_ms += batch.stamped_ms
        if not facts:
            return
        self._occurred += (facts[0].occurred_at, facts[-1].occurred_at)
        types = Counter(map(type, facts))
        for kind, number in types.items():
            self._counts.events[topic.name, kind.__name__, "routed"] += number
        origin = Origin(batch.source, batch.start)
        for router, taken in self._ways:
            if taken.issuperset(types):
                router.route(facts, origin)
            elif not taken.isdisjoint(types):
                router.route([fact for fact in facts if type(fact) in taken], origin)
        if ProcessorSettled in types:
            self._route_settled([fact for fact in facts if isinstance(fact, ProcessorSettled)], origin)
        if BreakDecided in types:
            self._route_decided([fact for fact in facts if isinstance(fact, BreakDecided)], origin)

    def _route_settled(self, facts: Sequence[ProcessorSettled], origin: Origin) -> None:
        keyed: list[ProcessorSettled] = []
        of_references: list[AttemptClaim | ProcessorSettled] = []
        for fact in facts:
            payment_id = fact.payment_id
            if payment_id is None:
                of_references.append(fact)
                continue
            keyed.append(fact)
            of_references.append(
                AttemptClaim(fact.processor, fact.attempt_reference, payment_id, fact.occurred_at, fact.event_id)
            )
        self._payments.route(keyed, origin)
        self._references.route(of_references, origin)
        lines = [fact for fact in facts if fact.payout_id is not None]
        if lines:
            self._payouts.route(lines, origin)

    def _route_decided(self, facts: Sequence[BreakDecided], origin: Origin) -> None:
        for fact in facts:
            self._counts.decisions[fact.action,] += 1
        for kind, router in self._decided.items():
            router.route([fact for fact in facts if fact.key_kind == kind], origin)

    def _dead_letter(self, batch: Batch, record: RawRecord, reason: BadInput) -> None:
        topic = batch.source.topic
        headers = () if batch.headers is None else batch.headers.get(record.offset, ())
        name = self._context.codec.record_name(record.value, headers)
        self._counts.events[topic.name, name, "dead_letter"] += 1
        self._counts.dead_letters[topic.name, reason.error_class] += 1
        letter = DeadLetter.of(
            reason, self._context.names[topic], batch.source.number, record.offset, self._context.version, headers
        )
        self._dead.append((record.key, record.value, letter.headers()))
        self._dead_bytes += DEAD_LETTER_BYTES + len(record.value or b"")

    def buffered(self) -> int:
        """The number of facts and dead letters that wait for the commit."""
        return sum(router.buffered() for router in self.routers.values()) + len(self._dead)

    def buffered_bytes(self) -> int:
        """About the memory that they take."""
        return sum(router.buffered_bytes() for router in self.routers.values()) + self._dead_bytes

    def flush(self, commit: Commit, watermarks: Mapping[int, Micros]) -> Iterator[None]:
        """Bundle the facts that other workers own."""
        for router in self.routers.values():
            yield from router.flush(commit)
        commit.dead_letters += self._dead
        commit.counts.add(self._counts)
        commit.occurred += self._occurred
        commit.stamped_ms += self._stamped_ms
        self._begin()

    def _begin(self) -> None:
        self._dead: list[DeadRecord] = []
        self._dead_bytes = 0
        self._counts = CommitCounts()
        self._occurred: list[Micros] = []
        self._stamped_ms: list[int] = []

    def discard(self) -> None:
        """Drop what is not committed: whoever reads it next routes it again."""
        for router in self.routers.values():
            router.discard()
        self._begin()
