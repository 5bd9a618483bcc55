"""The same work as a competent user of stock Faust writes it: a record at a time, at least once.

Three input topics; each fact is decoded with fastavro, checked, and sent on by its key, because the inputs'
partitioning cannot be trusted. Two agents keep a Faust table each, learn with the domain's functions, derive the view
at each record, and send what changed. One awaited send an output. No deadlines are fired and nothing is exactly once:
it does a little less than rentmatch does.

Run by benchmarks/naive_run.py: `python -m benchmarks.naive worker`, configured by variables BENCH_….
"""

import io
import json
import os
import time
from collections.abc import Callable
from enum import Enum
from typing import Any

import fastavro
import faust
import msgspec

from domain import facts, publishing, records
from domain.facts import InputFact, PaymentApplication
from domain.obligations import view as obligation
from domain.payments import view as payment
from domain.policy import Policy
from domain.publishing import Published
from domain.time import NOT_CAUGHT_UP
from streams import topics
from streams.codec import avro_schemas
from streams.codec.validation import check
from streams.topics import Topic

BY_PAYMENT = (
    facts.PaymentInitiated,
    facts.PaymentReassigned,
    facts.ProcessorSettled,
    facts.PaymentPosted,
    facts.PostingReversed,
)
LEFT_OUT = (
    facts.ReferenceAssigned,
    facts.PayoutReported,
    facts.BankEntryBooked,
    facts.EntryMatched,
    facts.BreakDecided,
)
"""It resolves no references, so that settlement records without a payment id are left out too, knows no payouts and
takes no decisions: less work than rentmatch does."""

TOPIC_OF: dict[type, Topic] = {
    records.PaymentReconciliation: topics.PAYMENT_RECONCILIATIONS,
    records.ObligationReconciliation: topics.OBLIGATION_RECONCILIATIONS,
    records.MismatchAlert: topics.MISMATCH_ALERTS,
    records.LatePaymentAlert: topics.LATE_PAYMENT_ALERTS,
}


def without_logical_types(schema: Any) -> Any:
    """A schema whose dates and instants are plain numbers, as the domain has them: which is faster in fastavro."""
    if isinstance(schema, list):
        return [without_logical_types(one) for one in schema]
    if isinstance(schema, dict):
        return {name: without_logical_types(value) for name, value in schema.items() if name != "logicalType"}
    return schema


class Avro:
    """Decodes inputs and encodes outputs with fastavro, in single-object encoding."""

    def __init__(self) -> None:
        self._readers: dict[bytes, tuple[Any, Callable[[dict[str, Any]], InputFact]]] = {}
        self._writers: dict[type, tuple[bytes, Any]] = {}
        for struct in (*avro_schemas.INPUT_TYPES, *avro_schemas.OUTPUT_TYPES):
            ours = avro_schemas.OURS[struct.__name__]
            plain = fastavro.parse_schema(without_logical_types(json.loads(ours.text)))
            frame = b"\xc3\x01" + ours.fingerprint
            self._readers[frame] = (plain, fact_maker(struct))
            self._writers[struct] = (frame, plain)

    def decode(self, value: bytes) -> InputFact:
        """The fact in a value; any exception is bad input."""
        schema, make = self._readers[value[:10]]
        stream = io.BytesIO(value)
        stream.seek(10)
        fields: Any = fastavro.schemaless_reader(stream, schema, None)
        fact = make(fields)
        if stream.read(1):
            raise ValueError("trailing bytes")
        check(fact)
        return fact

    def encode(self, record: msgspec.Struct) -> bytes:
        """The value of an output."""
        frame, schema = self._writers[type(record)]
        stream = io.BytesIO()
        stream.write(frame)
        fastavro.schemaless_writer(stream, schema, as_plain(record))
        return stream.getvalue()


def fact_maker(struct: type[Any]) -> Callable[[dict[str, Any]], InputFact]:
    """Return the conversion of a decoded dict into the domain's fact."""
    if "installments" not in struct.__struct_fields__:
        return lambda fields: struct(**fields)

    def make(fields: dict[str, Any]) -> InputFact:
        fields["installments"] = tuple([facts.Installment(**each) for each in fields["installments"]])
        return struct(**fields)  # type: ignore[no-any-return]

    return make


def as_plain(value: Any) -> Any:
    """A record as fastavro takes it: dicts, lists, text and numbers."""
    if isinstance(value, msgspec.Struct):
        return {
            "class" if name == "break_class" else name: as_plain(getattr(value, name))
            for name in value.__struct_fields__
        }
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple):
        return [as_plain(one) for one in value]
    return value


def create_app(broker: str, name: str, inputs: str, partitions: int) -> faust.App:
    """Build the job; the topics must exist."""
    app = faust.App(
        name,
        broker=f"kafka://{broker}",
        store="memory://",
        processing_guarantee="at_least_once",
        topic_partitions=partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        autodiscover=False,
        web_enabled=False,
        broker_commit_interval=0.5,
        origin="benchmarks.naive",
    )
    avro = Avro()
    policy = Policy()
    pack = msgspec.msgpack.Encoder().encode
    unpack_payment_fact = msgspec.msgpack.Decoder(facts.PaymentFact).decode
    unpack_obligation_fact = msgspec.msgpack.Decoder(facts.ObligationFact | PaymentApplication).decode
    unpack_payment = msgspec.msgpack.Decoder(tuple[payment.PaymentState, Published]).decode
    unpack_obligation = msgspec.msgpack.Decoder(tuple[obligation.ObligationState, Published]).decode

    def raw(topic: Topic, owner: str = name) -> Any:
        return app.topic(f"{owner}-{topic.name}", key_serializer="raw", value_serializer="raw")

    payment_facts, obligation_facts = raw(topics.PAYMENT_FACTS), raw(topics.OBLIGATION_FACTS)
    dead_letter = raw(topics.DEAD_LETTER)
    outputs = {struct: raw(topic) for struct, topic in TOPIC_OF.items()}
    table_of = {"key_type": bytes, "value_type": bytes}
    payments = app.Table("payments", partitions=partitions, changelog_topic=raw(topics.PAYMENTS_CHANGELOG), **table_of)
    obligations = app.Table(
        "obligations", partitions=partitions, changelog_topic=raw(topics.OBLIGATIONS_CHANGELOG), **table_of
    )

    async def route(stream: Any) -> None:
        async for event in stream.events():
            try:
                fact = avro.decode(event.value)
            except Exception:
                await dead_letter.send(key=event.key, value=event.value)
                continue
            if isinstance(fact, BY_PAYMENT):
                if fact.payment_id is not None:
                    await payment_facts.send(key=fact.payment_id.encode(), value=pack(fact))
            elif not isinstance(fact, LEFT_OUT):
                await obligation_facts.send(key=fact.obligation_id.encode(), value=pack(fact))

    for topic in topics.INPUTS:
        app.agent(raw(topic, inputs), name=f"route_{topic.name}")(route)

    async def publish(view: Any, published: Published) -> publishing.Changes:
        now = time.time_ns() // 1_000
        changes = publishing.diff(published, view, now, max(published.version + 1, now))
        for output in changes.outputs:
            await outputs[type(output)].send(
                key=getattr(output, TOPIC_OF[type(output)].key).encode(), value=avro.encode(output)
            )
        return changes

    @app.agent(payment_facts)  # type: ignore[untyped-decorator]
    async def match_payments(stream: Any) -> None:
        async for key, value in stream.items():
            fact = unpack_payment_fact(value)
            packed = payments.get(key)
            state, published = (
                (payment.new_payment(fact.payment_id), Published()) if packed is None else unpack_payment(packed)
            )
            if payment.apply(state, fact):
                changes = await publish(payment.view(state, NOT_CAUGHT_UP, policy), published)
                for fact in changes.facts:
                    if isinstance(fact, facts.PaymentApplication):
                        await obligation_facts.send(key=fact.obligation_id.encode(), value=pack(fact))
                payments[key] = pack((state, published))

    @app.agent(obligation_facts)  # type: ignore[untyped-decorator]
    async def allocate_installments(stream: Any) -> None:
        async for key, value in stream.items():
            fact = unpack_obligation_fact(value)
            packed = obligations.get(key)
            state, published = (
                (obligation.new_obligation(fact.obligation_id), Published())
                if packed is None
                else unpack_obligation(packed)
            )
            if obligation.apply(state, fact):
                await publish(obligation.view(state, NOT_CAUGHT_UP, policy), published)
                obligations[key] = pack((state, published))

    return app


if __name__ == "__main__":
    create_app(
        os.environ["BENCH_BROKER"],
        os.environ["BENCH_NAME"],
        os.environ["BENCH_INPUTS"],
        int(os.environ["BENCH_PARTITIONS"]),
    ).main()
