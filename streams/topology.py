"""The graph as data: which processor reads and writes which topics, and which table it keeps.

Topics flow to processors and processors to topics. A processor reads its topics in batches; one with a table keeps a
state for each key of an internal topic, and the table's changelog is that state. A topology is validated when it is
built, so a wrong edge fails at import, with a message that says what to change. Everything that depends on the
shape of the graph is derived from here: topics to create, the group's tables, watermarks, codecs, metric labels.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import msgspec

from domain.bank_entries.view import BankEntryState, new_bank_entry
from domain.facts import (
    AttemptClaim,
    BreakDecided,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentApplication,
    PayoutReported,
    PlanChanged,
    ProcessorSettled,
    ReferenceAssigned,
    ReferenceClaim,
)
from domain.matching.view import MatchState, new_match
from domain.obligations.view import ObligationState, new_obligation
from domain.payments.view import PaymentState, new_payment
from domain.payouts.view import PayoutState, new_payout
from domain.references.view import ReferenceState, new_reference
from domain.snapshots import OpenEntry, OpenPayout, PayoutEntry
from streams import topics, topology_rules
from streams.topics import Topic, TopicRole


class TopologyError(ValueError):
    """The declared graph cannot work. The message lists every violation and what to change."""


@dataclass(frozen=True, eq=False)
class Table:
    """A state by key, kept in memory and in a local store, and durable in its changelog."""

    name: str
    id: bytes
    """One letter: the table's prefix in every local store. It never changes."""
    changelog: Topic
    state: type[Any]
    new: Callable[[str], Any]
    """Makes the state of a key of which nothing is known."""
    key: str
    """The field that holds a fact's key: `payment_id`."""

    @property
    def key_kind(self) -> str:
        """The kind of its keys, as in outputs and in the API: `payment` for `payment_id`."""
        return self.key.removesuffix("_id").removesuffix("_key")


class TopicShare(NamedTuple):
    """The records that one processor alone writes to a topic with several writers.

    No two processors have a record in common, so each record still has a single writer. `field` is the field that
    decides, the same for all writers of the topic; `type` is the record's type.
    """

    topic: Topic
    field: str
    values: tuple[str, ...]


def share_by_type(topic: Topic, *records: type[msgspec.Struct]) -> TopicShare:
    """The share of a topic that consists of all records of these types."""
    return TopicShare(topic, "type", tuple(record.__name__ for record in records))


@dataclass(frozen=True, eq=False)
class Processor:
    """A step of the pipeline. Its agent is in `agents/<name>.py`."""

    name: str
    inputs: tuple[Topic, ...]
    outputs: tuple[Topic, ...]
    """Without the changelog and without the topics that the runtime writes."""
    table: Table | None = None
    shares: tuple[TopicShare, ...] = ()
    """One for each output that other processors write to as well."""
    late_inputs: tuple[Topic, ...] = ()
    """Those of its inputs that come from processors behind it: answers to what it has written itself.

    By declaring them it promises that neither their records nor its deadlines change what it writes to the topics that
    lead back to them. So no watermark waits in a circle: that of a topic that leads back waits for the other inputs
    alone, that of a late input waits for those topics, and deadlines wait for all inputs. A late input is always read
    from the broker, since within a commit its reader has been flushed before its writer.
    """


@dataclass(frozen=True, eq=False)
class Topology:
    """The whole graph, validated.

    Raises:
        TopologyError: the graph cannot work.

    """

    topics: tuple[Topic, ...]
    tables: tuple[Table, ...]
    processors: tuple[Processor, ...]
    runtime: tuple[Topic, ...] = ()
    """Topics that the runtime itself writes, on behalf of every processor: watermarks and dead letters."""

    def __post_init__(self) -> None:
        """Validate."""
        self.validate()

    def validate(self) -> None:
        """Check every rule of `streams/topology_rules.py`.

        Raises:
            TopologyError: one is broken.

        """
        found = topology_rules.violations(self)
        if found:
            raise TopologyError("\n".join(found))

    @cached_property
    def sources(self) -> tuple[Topic, ...]:
        """Every topic that is read in batches, in the order in which records flow."""
        return tuple(topic for processor in self.in_flow_order for topic in processor.inputs)

    @cached_property
    def inputs(self) -> tuple[Topic, ...]:
        """The topics that producers outside write."""
        return tuple(topic for topic in self.topics if topic.role is TopicRole.INPUT)

    @cached_property
    def outputs(self) -> tuple[Topic, ...]:
        """The topics for consumers outside, without those that the runtime writes."""
        return tuple(topic for topic in self.topics if topic.role is TopicRole.OUTPUT and topic not in self.runtime)

    @cached_property
    def in_flow_order(self) -> tuple[Processor, ...]:
        """The processors, each after those whose records it reads; else as declared."""
        return tuple(topology_rules.flow_order(self.processors)[0])

    @cached_property
    def by_id(self) -> Mapping[bytes, Table]:
        """The tables by their letters."""
        return {table.id: table for table in self.tables}

    def processor_of(self, topic: Topic) -> Processor:
        """The processor that reads a topic.

        Raises:
            KeyError: none reads it.

        """
        return self._processors[topic]

    def table_of(self, topic: Topic) -> Table | None:
        """The table that is fed by a topic; None where there is none."""
        processor = self._processors.get(topic)
        return None if processor is None else processor.table

    @cached_property
    def sources_of(self) -> Mapping[Table, tuple[Topic, ...]]:
        """The topics that feed each table: first the one that is not late, by which its partitions are named."""
        return {
            processor.table: tuple(sorted(processor.inputs, key=processor.late_inputs.__contains__))
            for processor in self.in_flow_order
            if processor.table is not None
        }

    @cached_property
    def late(self) -> Mapping[Topic, Topic]:
        """For each late input the topic that is first among the sources of the same table."""
        return {late: sources[0] for sources in self.sources_of.values() for late in sources[1:]}

    def complete(self, partitions: Collection[tuple[Topic, int]]) -> set[tuple[Topic, int]]:
        """Those partitions of topics that one worker can process.

        The partition of a table has one owner, who reads it from all of the table's topics. Where a worker is given it
        of some of them only, it leaves it alone, until the group gives it all of them.
        """
        given = set(partitions)
        found = set()
        for topic, number in given:
            table = self.table_of(topic)
            if table is None or all((source, number) in given for source in self.sources_of[table]):
                found.add((topic, number))
        return found

    def changelog_of(self, topic: Topic) -> Topic | None:
        """The changelog of the table that is fed by a topic; a key has the same partition in both."""
        return self.changelogs.get(topic)

    @cached_property
    def changelogs(self) -> Mapping[Topic, Topic]:
        """The changelog of the table fed by a topic, for each topic that feeds one, in the order of flow."""
        return {topic: table.changelog for topic, table in self.tables_by_source.items()}

    @cached_property
    def tables_by_source(self) -> Mapping[Topic, Table]:
        """The table fed by a topic, for each topic that feeds one, in the order of flow."""
        return {topic: table for topic in self.sources if (table := self.table_of(topic)) is not None}

    def writers(self, topic: Topic) -> tuple[Processor, ...]:
        """The processors that write a topic, in the order of flow."""
        return tuple(processor for processor in self.in_flow_order if topic in processor.outputs)

    def written_by(self, processor: Processor, topic: Topic) -> tuple[type[msgspec.Struct], ...]:
        """The types of the records that a processor may write to one of its outputs."""
        for share in processor.shares:
            if share.topic is topic and share.field == "type":
                return tuple(record for record in topic.records if record.__name__ in share.values)
        return topic.records

    @cached_property
    def upstream(self) -> Mapping[Topic, tuple[Topic, ...]]:
        """The topics whose watermarks an internal topic's own watermark waits for.

        These are the topics that its writers read, without those that another of them waits for already: inputs write
        to `obligation-facts` directly, but the watermark of `payment-facts` waits for all inputs. A late input is none
        of them where the topic leads back to it.
        """
        read = {
            topic: [source for writer in self.writers(topic) for source in self._causes(writer, topic)]
            for topic in self.sources
            if topic.role is TopicRole.INTERNAL
        }

        def waits_for(topic: Topic, other: Topic) -> bool:
            return any(source is other or waits_for(source, other) for source in read.get(topic, ()))

        return {
            topic: tuple(source for source in found if not any(waits_for(other, source) for other in found))
            for topic, found in read.items()
        }

    def _causes(self, writer: Processor, topic: Topic) -> list[Topic]:
        """The inputs of a writer whose records may give rise to records on a topic."""
        behind = self._behind(topic)
        return [source for source in writer.inputs if source not in writer.late_inputs or source not in behind]

    def _behind(self, topic: Topic) -> set[Topic]:
        """The topics to which records go on from a topic, however far."""
        return topology_rules.behind(self.processors, topic)

    @cached_property
    def sinks(self) -> tuple[Topic, ...]:
        """The topics that no other watermark waits for: the minimum of theirs is that of the whole pipeline."""
        waited_for = {topic for before in self.upstream.values() for topic in before}
        return tuple(topic for topic in self.sources if topic not in waited_for)

    @cached_property
    def _processors(self) -> Mapping[Topic, Processor]:
        return {topic: processor for processor in self.processors for topic in processor.inputs}


PAYMENTS = Table("payments", b"p", topics.PAYMENTS_CHANGELOG, state=PaymentState, new=new_payment, key="payment_id")
REFERENCES = Table(
    "references", b"r", topics.REFERENCES_CHANGELOG, state=ReferenceState, new=new_reference, key="reference_key"
)
OBLIGATIONS = Table(
    "obligations", b"o", topics.OBLIGATIONS_CHANGELOG, state=ObligationState, new=new_obligation, key="obligation_id"
)
BANK_ENTRIES = Table(
    "bank-entries",
    b"b",
    topics.BANK_ENTRIES_CHANGELOG,
    state=BankEntryState,
    new=new_bank_entry,
    key="bank_entry_key",
)
PAYOUTS = Table("payouts", b"y", topics.PAYOUTS_CHANGELOG, state=PayoutState, new=new_payout, key="payout_key")
MATCHES = Table("matches", b"m", topics.MATCHES_CHANGELOG, state=MatchState, new=new_match, key="match_key")

ROUTE_INPUTS = Processor(
    "route_inputs",
    inputs=(
        topics.PAYMENT_INITIATED,
        topics.PROCESSOR_SETTLED,
        topics.LEDGER_EVENTS,
        topics.PAYOUTS,
        topics.BANK_ENTRIES,
        topics.DECISIONS,
    ),
    outputs=(
        topics.PAYMENT_FACTS,
        topics.REFERENCE_FACTS,
        topics.OBLIGATION_FACTS,
        topics.BANK_ENTRY_FACTS,
        topics.PAYOUT_FACTS,
    ),
    shares=(
        share_by_type(topics.REFERENCE_FACTS, ProcessorSettled, ReferenceAssigned, AttemptClaim, BreakDecided),
        share_by_type(
            topics.OBLIGATION_FACTS,
            ObligationCharged,
            PlanChanged,
            ObligationAdjusted,
            ObligationCancelled,
            ObligationReinstated,
            BreakDecided,
        ),
        share_by_type(topics.PAYOUT_FACTS, PayoutReported, ProcessorSettled, BreakDecided),
    ),
)
MATCH_PAYMENTS = Processor(
    "match_payments",
    inputs=(topics.PAYMENT_FACTS, topics.PAYMENT_RESOLUTIONS),
    late_inputs=(topics.PAYMENT_RESOLUTIONS,),
    outputs=(
        topics.PAYMENT_RECONCILIATIONS,
        topics.MISMATCH_ALERTS,
        topics.REFERENCE_FACTS,
        topics.OBLIGATION_FACTS,
    ),
    table=PAYMENTS,
    shares=(
        share_by_type(topics.REFERENCE_FACTS, ReferenceClaim),
        share_by_type(topics.OBLIGATION_FACTS, PaymentApplication),
        TopicShare(topics.MISMATCH_ALERTS, "key_kind", ("payment",)),
    ),
)
RESOLVE_REFERENCES = Processor(
    "resolve_references",
    inputs=(topics.REFERENCE_FACTS,),
    outputs=(topics.REFERENCE_RECONCILIATIONS, topics.MISMATCH_ALERTS, topics.PAYMENT_RESOLUTIONS),
    table=REFERENCES,
    shares=(TopicShare(topics.MISMATCH_ALERTS, "key_kind", ("reference",)),),
)
ALLOCATE_INSTALLMENTS = Processor(
    "allocate_installments",
    inputs=(topics.OBLIGATION_FACTS,),
    outputs=(topics.OBLIGATION_RECONCILIATIONS, topics.MISMATCH_ALERTS, topics.LATE_PAYMENT_ALERTS),
    table=OBLIGATIONS,
    shares=(TopicShare(topics.MISMATCH_ALERTS, "key_kind", ("obligation",)),),
)
NAME_PAYOUTS = Processor(
    "name_payouts",
    inputs=(topics.BANK_ENTRY_FACTS, topics.ENTRY_MATCHES),
    late_inputs=(topics.ENTRY_MATCHES,),
    outputs=(topics.MISMATCH_ALERTS, topics.PAYOUT_FACTS, topics.MATCH_FACTS),
    table=BANK_ENTRIES,
    shares=(
        TopicShare(topics.MISMATCH_ALERTS, "key_kind", ("bank_entry",)),
        share_by_type(topics.PAYOUT_FACTS, PayoutEntry),
        share_by_type(topics.MATCH_FACTS, OpenEntry),
    ),
)
RECONCILE_PAYOUTS = Processor(
    "reconcile_payouts",
    inputs=(topics.PAYOUT_FACTS, topics.PAYOUT_MATCHES),
    late_inputs=(topics.PAYOUT_MATCHES,),
    outputs=(topics.PAYOUT_RECONCILIATIONS, topics.MISMATCH_ALERTS, topics.MATCH_FACTS),
    table=PAYOUTS,
    shares=(
        TopicShare(topics.MISMATCH_ALERTS, "key_kind", ("payout",)),
        share_by_type(topics.MATCH_FACTS, OpenPayout),
    ),
)
MATCH_DEPOSITS = Processor(
    "match_deposits",
    inputs=(topics.MATCH_FACTS,),
    outputs=(topics.ENTRY_MATCHES, topics.PAYOUT_MATCHES),
    table=MATCHES,
)

TOPOLOGY = Topology(
    topics=topics.ALL,
    tables=(PAYMENTS, REFERENCES, OBLIGATIONS, BANK_ENTRIES, PAYOUTS, MATCHES),
    processors=(
        ROUTE_INPUTS,
        MATCH_PAYMENTS,
        RESOLVE_REFERENCES,
        ALLOCATE_INSTALLMENTS,
        NAME_PAYOUTS,
        RECONCILE_PAYOUTS,
        MATCH_DEPOSITS,
    ),
    runtime=(topics.PROGRESS, topics.DEAD_LETTER),
)
"""What rentmatch runs."""
