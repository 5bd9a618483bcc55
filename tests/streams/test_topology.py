"""The graph is data: what rentmatch declares, what follows from it, and how a wrong declaration is refused."""

from dataclasses import replace

import msgspec
import pytest

from domain.facts import PaymentInitiated, ProcessorSettled
from domain.payments.view import PaymentState
from domain.records import MismatchAlert, PaymentReconciliation
from streams import topics
from streams.broker.provisioning import desired_topics
from streams.settings import Settings
from streams.topics import DAY_MS, Topic, TopicRole
from streams.topology import (
    ALLOCATE_INSTALLMENTS,
    BANK_ENTRIES,
    MATCH_DEPOSITS,
    MATCH_PAYMENTS,
    MATCHES,
    NAME_PAYOUTS,
    OBLIGATIONS,
    PAYMENTS,
    PAYOUTS,
    RECONCILE_PAYOUTS,
    REFERENCES,
    RESOLVE_REFERENCES,
    ROUTE_INPUTS,
    TOPOLOGY,
    Processor,
    Table,
    TopicShare,
    Topology,
    TopologyError,
    share_by_type,
)


class Unregistered(msgspec.Struct):
    payment_id: str


class Untagged(msgspec.Struct, array_like=True):
    payment_id: str


def topic(name, role, key="payment_id", records=(PaymentInitiated,), retention_ms=DAY_MS, **more):
    return Topic(name, role, key=key, records=records, retention_ms=retention_ms, meaning="a test's", **more)


def output(name, records=(PaymentReconciliation,), key="payment_id"):
    return topic(name, TopicRole.OUTPUT, key, records, None)


ORDERS = topic("orders", TopicRole.INPUT)
FACTS = topic("facts", TopicRole.INTERNAL)
CHANGELOG = topic("changelog", TopicRole.CHANGELOG, records=(PaymentState,), retention_ms=None)
VIEWS = output("views")
ALERTS = output("alerts", (MismatchAlert,), "break_id")
DEAD = topic("dead", TopicRole.OUTPUT, "any", ())
TABLE = Table("things", b"t", CHANGELOG, PaymentState, PaymentState, "payment_id")
ROUTE = Processor("route", (ORDERS,), (FACTS,))
MATCH = Processor("match", (FACTS,), (VIEWS, ALERTS), TABLE)


def build(topics=(), tables=(TABLE,), processors=(ROUTE, MATCH), without=(), runtime=(DEAD,)):
    declared = (ORDERS, FACTS, CHANGELOG, VIEWS, ALERTS, DEAD)
    return Topology(tuple(t for t in declared if t not in without) + tuple(topics), tables, processors, runtime)


def test_derived_properties_of_a_topology():
    assert TOPOLOGY.in_flow_order == (
        *(ROUTE_INPUTS, MATCH_PAYMENTS, RESOLVE_REFERENCES, ALLOCATE_INSTALLMENTS),
        *(NAME_PAYOUTS, RECONCILE_PAYOUTS, MATCH_DEPOSITS),
    )
    assert TOPOLOGY.inputs == topics.INPUTS
    assert TOPOLOGY.outputs == topics.OUTPUTS
    assert TOPOLOGY.sources == (
        *topics.INPUTS,
        topics.PAYMENT_FACTS,
        topics.PAYMENT_RESOLUTIONS,
        topics.REFERENCE_FACTS,
        topics.OBLIGATION_FACTS,
        topics.BANK_ENTRY_FACTS,
        topics.ENTRY_MATCHES,
        topics.PAYOUT_FACTS,
        topics.PAYOUT_MATCHES,
        topics.MATCH_FACTS,
    )
    assert TOPOLOGY.by_id == {
        **{b"p": PAYMENTS, b"r": REFERENCES, b"o": OBLIGATIONS},
        **{b"b": BANK_ENTRIES, b"y": PAYOUTS, b"m": MATCHES},
    }
    assert TOPOLOGY.processor_of(topics.LEDGER_EVENTS) is ROUTE_INPUTS
    assert TOPOLOGY.processor_of(topics.OBLIGATION_FACTS) is ALLOCATE_INSTALLMENTS
    assert TOPOLOGY.table_of(topics.PAYMENT_FACTS) is PAYMENTS
    assert TOPOLOGY.table_of(topics.PAYMENT_RESOLUTIONS) is PAYMENTS
    assert TOPOLOGY.table_of(topics.LEDGER_EVENTS) is None
    assert TOPOLOGY.changelog_of(topics.OBLIGATION_FACTS) is topics.OBLIGATIONS_CHANGELOG
    assert TOPOLOGY.changelog_of(topics.MISMATCH_ALERTS) is None
    assert TOPOLOGY.writers(topics.OBLIGATION_FACTS) == (ROUTE_INPUTS, MATCH_PAYMENTS)
    assert TOPOLOGY.sources_of == {
        PAYMENTS: (topics.PAYMENT_FACTS, topics.PAYMENT_RESOLUTIONS),
        REFERENCES: (topics.REFERENCE_FACTS,),
        OBLIGATIONS: (topics.OBLIGATION_FACTS,),
        BANK_ENTRIES: (topics.BANK_ENTRY_FACTS, topics.ENTRY_MATCHES),
        PAYOUTS: (topics.PAYOUT_FACTS, topics.PAYOUT_MATCHES),
        MATCHES: (topics.MATCH_FACTS,),
    }
    assert TOPOLOGY.late == {
        topics.PAYMENT_RESOLUTIONS: topics.PAYMENT_FACTS,
        topics.ENTRY_MATCHES: topics.BANK_ENTRY_FACTS,
        topics.PAYOUT_MATCHES: topics.PAYOUT_FACTS,
    }
    kinds = ["payment", "reference", "obligation", "bank_entry", "payout", "match"]
    assert [table.key_kind for table in TOPOLOGY.tables] == kinds


def test_a_watermark_waits_for_the_nearest_topics_only():
    """Ledger facts go from the inputs to obligation-facts directly; payment-facts waits for the inputs already."""
    assert TOPOLOGY.upstream == {
        topics.PAYMENT_FACTS: topics.INPUTS,
        topics.REFERENCE_FACTS: (topics.PAYMENT_FACTS,),
        topics.PAYMENT_RESOLUTIONS: (topics.REFERENCE_FACTS,),
        topics.OBLIGATION_FACTS: (topics.PAYMENT_RESOLUTIONS,),
        topics.BANK_ENTRY_FACTS: topics.INPUTS,
        topics.PAYOUT_FACTS: (topics.BANK_ENTRY_FACTS,),
        topics.MATCH_FACTS: (topics.PAYOUT_FACTS,),
        topics.ENTRY_MATCHES: (topics.MATCH_FACTS,),
        topics.PAYOUT_MATCHES: (topics.MATCH_FACTS,),
    }
    assert TOPOLOGY.sinks == (topics.OBLIGATION_FACTS, topics.ENTRY_MATCHES, topics.PAYOUT_MATCHES)


def test_a_worker_can_process_the_partition_of_a_table_that_it_has_of_all_its_topics():
    complete = {(topics.PAYMENT_FACTS, 0), (topics.PAYMENT_RESOLUTIONS, 0), (topics.REFERENCE_FACTS, 1)}
    inputs = {(topics.LEDGER_EVENTS, 2)}
    assert TOPOLOGY.complete(complete | inputs) == complete | inputs
    assert TOPOLOGY.complete(complete | {(topics.PAYMENT_FACTS, 1), (topics.PAYMENT_RESOLUTIONS, 2)}) == complete
    assert TOPOLOGY.complete([]) == set()


def answering(late_inputs=()):
    """`ask` keeps a table and asks through QUESTIONS; ANSWERS come back by way of `pass_on`, two processors later."""
    changelog = topic("asked", TopicRole.CHANGELOG, records=(PaymentState,), retention_ms=None)
    table = Table("asked", b"u", changelog, PaymentState, PaymentState, "payment_id")
    return build(
        (QUESTIONS, HALFWAY, ANSWERS, changelog),
        (TABLE, table),
        (
            Processor("route", (ORDERS,), (FACTS, QUESTIONS), shares=(share_by_type(QUESTIONS, PaymentInitiated),)),
            Processor(
                "match",
                (FACTS, ANSWERS),
                (VIEWS, ALERTS, QUESTIONS),
                TABLE,
                (share_by_type(QUESTIONS, ProcessorSettled),),
                late_inputs,
            ),
            Processor("ask", (QUESTIONS,), (HALFWAY,), table),
            Processor("pass_on", (HALFWAY,), (ANSWERS,)),
        ),
    )


QUESTIONS = topic("questions", TopicRole.INTERNAL, records=(PaymentInitiated, ProcessorSettled))
HALFWAY = topic("halfway", TopicRole.INTERNAL)
ANSWERS = topic("answers", TopicRole.INTERNAL)


def test_a_late_input_closes_no_circle_however_long_the_way_back_is():
    topology = answering((ANSWERS,))
    assert [processor.name for processor in topology.in_flow_order] == ["route", "match", "ask", "pass_on"]
    assert topology.upstream == {FACTS: (ORDERS,), QUESTIONS: (FACTS,), HALFWAY: (QUESTIONS,), ANSWERS: (HALFWAY,)}
    assert topology.sinks == (ANSWERS,)
    assert topology.late == {ANSWERS: FACTS}


def test_a_pipeline_with_two_ends_has_two_sinks():
    other = topic("other-facts", TopicRole.INTERNAL)
    changelog = topic("other-changelog", TopicRole.CHANGELOG, records=(PaymentState,), retention_ms=None)
    table = Table("others", b"u", changelog, PaymentState, PaymentState, "payment_id")
    second = Processor("second", (other,), (), table)
    topology = build((other, changelog), (TABLE, table), (second, replace(ROUTE, outputs=(FACTS, other)), MATCH))
    assert topology.sinks == (other, FACTS)
    assert topology.upstream == {FACTS: (ORDERS,), other: (ORDERS,)}
    assert [processor.name for processor in topology.in_flow_order] == ["route", "second", "match"]


def test_the_runtime_writes_watermarks_and_dead_letters():
    assert TOPOLOGY.runtime == (topics.PROGRESS, topics.DEAD_LETTER)
    assert TOPOLOGY.writers(topics.DEAD_LETTER) == ()


def test_each_processor_has_its_own_records_of_a_shared_topic():
    sent, counted = (TOPOLOGY.written_by(each, topics.OBLIGATION_FACTS) for each in (ROUTE_INPUTS, MATCH_PAYMENTS))
    assert set(sent) & set(counted) == set()
    assert {*sent, *counted} == set(topics.OBLIGATION_FACTS.records)
    assert TOPOLOGY.written_by(ROUTE_INPUTS, topics.PAYMENT_FACTS) == topics.PAYMENT_FACTS.records


def test_the_audit_trail_is_kept_for_ever():
    (decisions,) = (desired for desired in desired_topics(Settings()) if desired.topic is topics.DECISIONS)
    kept = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": "-1"}
    assert kept.items() <= decisions.configs.items()
    others = [desired for desired in desired_topics(Settings()) if desired.topic is not topics.DECISIONS]
    assert not any(desired.configs.get("retention.ms") == "-1" for desired in others)


INNER = topic("inner", TopicRole.INTERNAL)
UNCOMPACTED = topic("uncompacted", TopicRole.CHANGELOG, records=(PaymentState,))
BY_EVENT = topic("by-event", TopicRole.CHANGELOG, "event_id", (PaymentState,), None)
ONE_PARTITION = topic("one-partition", TopicRole.CHANGELOG, records=(PaymentState,), retention_ms=None, partitions=1)
OTHER_STATE = topic("other-state", TopicRole.CHANGELOG, records=(PaymentInitiated,), retention_ms=None)
COMPACTED = topic("compacted", TopicRole.INTERNAL, retention_ms=None)
SECOND = Processor("second", (INNER,), (VIEWS,))
ALSO_FACTS = replace(ROUTE, outputs=(FACTS, INNER))
WRONG = {
    "two topics of one name": (
        lambda: build([replace(VIEWS)]),
        "two topics are called views: rename one",
    ),
    "two tables of one id": (
        lambda: build([UNCOMPACTED], (TABLE, replace(TABLE, name="others", changelog=UNCOMPACTED))),
        "two table ids are called b't': rename one",
    ),
    "a long id": (
        lambda: build(tables=(long := replace(TABLE, id=b"tt"),), processors=(ROUTE, replace(MATCH, table=long))),
        "table things: the id b'tt' must be one byte, since the store's keys have room for one",
    ),
    "two processors of one name": (
        lambda: build(processors=(ROUTE, replace(MATCH, name="route"))),
        "two processors are called route: rename one",
    ),
    "an undeclared topic": (
        lambda: build(without=(VIEWS,)),
        "match uses the topic views, which is not declared: add it to the topics",
    ),
    "an undeclared table": (
        lambda: build(tables=()),
        "match keeps the table things, which is not declared: add it to the tables",
    ),
    "an undeclared changelog": (
        lambda: build(without=(CHANGELOG,)),
        "the changelog changelog of table things is not declared: add it to the topics",
    ),
    "an undeclared topic of the runtime": (
        lambda: build(without=(DEAD,)),
        "the runtime writes the topic dead, which is not declared: add it to the topics",
    ),
    "a changelog that is none": (
        lambda: build(tables=(odd := replace(TABLE, changelog=FACTS),), processors=(ROUTE, replace(MATCH, table=odd))),
        "table things: facts is an internal topic; name a changelog",
    ),
    "a changelog of another state": (
        lambda: build(
            [OTHER_STATE],
            (odd := replace(TABLE, changelog=OTHER_STATE),),
            (ROUTE, replace(MATCH, table=odd)),
            (CHANGELOG,),
        ),
        "table things: the records of other-state are PaymentInitiated, the table's state is PaymentState; make them "
        "the same",
    ),
    "a changelog without a table": (
        lambda: build([topic("spare", TopicRole.CHANGELOG, records=(PaymentState,), retention_ms=None)]),
        "spare is the changelog of no table: declare the table, or remove the topic",
    ),
    "a changelog of two tables": (
        lambda: build(tables=(TABLE, replace(TABLE, name="others", id=b"u"))),
        "changelog is the changelog of things and others: give each table its own",
    ),
    "a table without a processor": (
        lambda: build(processors=(ROUTE, replace(MATCH, table=None))),
        "no processor keeps the table things: give it to one, or remove it",
    ),
    "a table of two processors": (
        lambda: build([INNER], processors=(ALSO_FACTS, MATCH, Processor("second", (INNER,), (), TABLE))),
        "the table things is kept by match and second: a table has one processor",
    ),
    "a table kept from two topics": (
        lambda: build([INNER], processors=(ALSO_FACTS, replace(MATCH, inputs=(FACTS, INNER)))),
        "match keeps the table things from facts and inner: keep it from one topic, beside late inputs, since "
        "deadlines of the table wait for that topic and for what answers it",
    ),
    "a table kept from late inputs alone": (
        lambda: build(processors=(ROUTE, replace(MATCH, late_inputs=(FACTS,)))),
        "match keeps the table things from no topic: keep it from one topic, beside late inputs, since deadlines of "
        "the table wait for that topic and for what answers it",
    ),
    "a late input that is none": (
        lambda: build([INNER], processors=(ALSO_FACTS, replace(MATCH, late_inputs=(INNER,)), SECOND)),
        "match declares the late input inner, which is none of its inputs: add it to the inputs, or remove it from "
        "the late ones",
    ),
    "a late input that answers nothing": (
        lambda: build([INNER], processors=(ALSO_FACTS, replace(MATCH, inputs=(FACTS, INNER), late_inputs=(INNER,)))),
        "match declares the late input inner, but nothing that it writes leads there: remove it from the late inputs, "
        "so that its records are handed over within a commit",
    ),
    "a late input without a table": (
        lambda: build(processors=(replace(ROUTE, late_inputs=(ORDERS,)), MATCH)),
        "route declares the late input orders, but keeps no table: nothing of it waits for an answer; remove it from "
        "the late inputs",
    ),
    "an answer that is not declared late": (
        answering,
        "match keeps the table things from facts and answers: keep it from one topic, beside late inputs, since "
        "deadlines of the table wait for that topic and for what answers it",
    ),
    "an input that nobody reads": (
        lambda: build([topic("more", TopicRole.INPUT)]),
        "no processor reads more: add it to a processor's inputs, or remove the topic",
    ),
    "a topic that two read": (
        lambda: build(processors=(ROUTE, MATCH, Processor("spy", (ORDERS,), ()))),
        "orders is read by route and spy: its offsets belong to one processor; let that one route the facts to an "
        "internal topic for each other",
    ),
    "an output that is read": (
        lambda: build(processors=(replace(ROUTE, inputs=(ORDERS, VIEWS)), MATCH)),
        "route reads views, an output topic: only inputs and internal topics of facts are read",
    ),
    "an output that nobody writes": (
        lambda: build([output("more")]),
        "no processor writes more: add it to a processor's outputs, or remove the topic",
    ),
    "an input that is written": (
        lambda: build(processors=(ROUTE, replace(MATCH, outputs=(VIEWS, ALERTS, ORDERS)))),
        "match declares the output orders, an input topic: others write it; remove it from the outputs",
    ),
    "a changelog among the outputs": (
        lambda: build(processors=(ROUTE, replace(MATCH, outputs=(VIEWS, ALERTS, CHANGELOG)))),
        "match declares the output changelog, a changelog: its table writes it; remove it from the outputs",
    ),
    "a topic of the runtime among the outputs": (
        lambda: build(processors=(ROUTE, replace(MATCH, outputs=(VIEWS, ALERTS, DEAD)))),
        "match declares the output dead: the runtime writes it; remove it from the outputs",
    ),
    "two writers": (
        lambda: build([INNER], processors=(ALSO_FACTS, MATCH, SECOND)),
        "views is written by match and second, but match and second declares no share of it: a topic has one writer, "
        "or each writer declares the records that it alone writes",
    ),
    "two writers that divide differently": (
        lambda: build(
            [INNER],
            processors=(
                ALSO_FACTS,
                replace(MATCH, shares=(TopicShare(VIEWS, "status", ("settled",)),)),
                replace(SECOND, shares=(TopicShare(VIEWS, "currency", ("USD",)),)),
            ),
        ),
        "the writers of views divide it by different fields (currency, status): divide it by one",
    ),
    "two writers of one record": (
        lambda: build(
            [INNER],
            processors=(
                ALSO_FACTS,
                replace(MATCH, shares=(share_by_type(VIEWS, PaymentReconciliation),)),
                replace(SECOND, shares=(share_by_type(VIEWS, PaymentReconciliation),)),
            ),
        ),
        "match and second both write type PaymentReconciliation to views: let one do it",
    ),
    "a record without a writer": (
        lambda: build(
            [INNER],
            processors=(
                ALSO_FACTS,
                replace(MATCH, shares=(share_by_type(VIEWS),)),
                replace(SECOND, shares=(share_by_type(VIEWS, ProcessorSettled),)),
            ),
        ),
        "the shares of views are ProcessorSettled, its records are PaymentReconciliation: each record needs one writer",
    ),
    "a share of a topic of one's own": (
        lambda: build(processors=(ROUTE, replace(MATCH, shares=(share_by_type(VIEWS, PaymentReconciliation),)))),
        "match is the only writer of views: remove its share",
    ),
    "a share of a topic of others": (
        lambda: build(processors=(replace(ROUTE, shares=(share_by_type(VIEWS, PaymentReconciliation),)), MATCH)),
        "route declares a share of views, which is none of its outputs: remove it",
    ),
    "a table kept from an input": (
        lambda: build(without=(FACTS,), processors=(Processor("match", (ORDERS,), (VIEWS, ALERTS), TABLE),)),
        "match keeps the table things from the input orders, whose partitions its producers choose: route its facts to "
        "an internal topic, and keep the table from that",
    ),
    "a changelog with another number of partitions": (
        lambda: build(
            [ONE_PARTITION],
            (odd := replace(TABLE, changelog=ONE_PARTITION),),
            (ROUTE, replace(MATCH, table=odd)),
            (CHANGELOG,),
        ),
        "facts (by payment_id, RENTMATCH_PARTITIONS partitions) feeds table things, whose changelog one-partition is "
        "partitioned otherwise (by payment_id, 1 partitions): a key's facts and its state belong in the same "
        "partition; declare the same key and number for both",
    ),
    "a table with another key than its changelog": (
        lambda: build(tables=(odd := replace(TABLE, key="event_id"),), processors=(ROUTE, replace(MATCH, table=odd))),
        "table things is keyed by event_id, its changelog changelog by payment_id: make them the same",
    ),
    "a record without its key": (
        lambda: build([output("more", key="lease_id")], processors=(ROUTE, replace(MATCH, outputs=(VIEWS, ALERTS)))),
        "more is keyed by lease_id, but PaymentReconciliation has no such field: change one of them",
    ),
    "a topic without records": (
        lambda: build([output("more", ())]),
        "more declares no records: name the types that are on it",
    ),
    "a record without a schema": (
        lambda: build([output("more", (Unregistered,))]),
        "Unregistered on more has no Avro schema: write it to schemas/avro/unregistered.avsc",
    ),
    "records that cannot be told apart": (
        lambda: build([topic("more", TopicRole.INTERNAL, records=(PaymentInitiated, Untagged))]),
        "the records of more (PaymentInitiated, Untagged) cannot be packed together: give each a tag of its own",
    ),
    "a changelog that forgets": (
        lambda: build(
            [UNCOMPACTED],
            (odd := replace(TABLE, changelog=UNCOMPACTED),),
            (ROUTE, replace(MATCH, table=odd)),
            (CHANGELOG,),
        ),
        "uncompacted is a changelog and forgets records after a time: make it compacted (retention_ms=None)",
    ),
    "compacted facts": (
        lambda: build(
            [COMPACTED], processors=(replace(ROUTE, outputs=(COMPACTED,)), replace(MATCH, inputs=(COMPACTED,)))
        ),
        "compacted holds facts, and compaction drops facts that share a key: give it a retention_ms",
    ),
    "a cycle": (
        lambda: build(
            [INNER], processors=(ROUTE, replace(MATCH, inputs=(FACTS, INNER), outputs=(VIEWS, ALERTS, INNER)))
        ),
        "the processors match feed each other in a cycle, so no watermark could advance: remove an output, or "
        "declare the topic that leads back a late input of its reader, if it answers what that has written",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_declaration_is_refused_with_what_to_change(case):
    make, message = WRONG[case]
    with pytest.raises(TopologyError) as refusal:
        make()
    assert any(line.startswith(message) for line in str(refusal.value).splitlines()), str(refusal.value)


def test_the_declarations_that_the_cases_start_from_are_right():
    assert build().sources == (ORDERS, FACTS)
