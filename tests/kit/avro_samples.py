"""Records for the codec's tests: a valid sample of each, and Hypothesis strategies for boundary values."""

import io
from typing import Any

import fastavro
import msgspec
from hypothesis import strategies as st

from domain.currencies import EXPONENTS
from domain.facts import (
    Allocation,
    BreakDecided,
    Installment,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)
from domain.ids import two_part_key
from domain.records import (
    AgeingBucket,
    AllocationView,
    BreakClass,
    BreakLifecycle,
    DecisionOnBreak,
    DecisionState,
    Initiated,
    InstallmentView,
    LateLifecycle,
    LatePaymentAlert,
    LateStage,
    MismatchAlert,
    ObligationReconciliation,
    ObligationStatus,
    PaymentReconciliation,
    PaymentStatus,
    Posted,
    ReferenceReconciliation,
    ReferenceStatus,
    Settled,
)
from streams import topics
from streams.codec import validation
from streams.codec.avro_schemas import RENAMED

AT = 1_783_080_000_123_456
"""2026-07-03T12:00:00.123456Z."""
DAY = 20_637
"""2026-07-03."""

PLAN = (Installment("i1", 1, 50_000, DAY), Installment("i2", 2, 100_000, DAY + 14))

INITIATED = PaymentInitiated(
    event_id="e1",
    occurred_at=AT,
    payment_id="p1",
    tenant_id="t1",
    property_id="h1",
    obligation_id="o1",
    installment_id="i1",
    amount_minor=150_000,
    currency="USD",
    method="ACH_DEBIT",
    processor="acme",
    processor_reference=None,
)
SETTLED = ProcessorSettled(
    event_id="e2",
    occurred_at=AT,
    payment_id="p1",
    processor="acme",
    processor_reference="ch_1",
    outcome="SETTLED",
    gross_minor=150_000,
    fee_minor=450,
    net_minor=149_550,
    currency="USD",
    reason_code=None,
    payout_id="po_1",
    value_date=DAY,
)
CHARGED = ObligationCharged(
    event_id="e3",
    occurred_at=AT,
    obligation_id="o1",
    lease_id="l1",
    tenant_id="t1",
    property_id="h1",
    period="2026-07",
    amount_minor=150_000,
    currency="USD",
    due_date=DAY,
    time_zone="America/New_York",
    grace_days=5,
    installments=PLAN,
)
PLAN_CHANGED = PlanChanged("e4", AT, "o1", 1, PLAN)
ADJUSTED = ObligationAdjusted(
    event_id="e5",
    occurred_at=AT,
    obligation_id="o1",
    adjustment_id="a1",
    amount_delta_minor=-2_500,
    currency="USD",
    reason="goodwill",
)
CANCELLED = ObligationCancelled("e6", AT, "o1", "moved out")
POSTED = PaymentPosted(
    event_id="e7",
    occurred_at=AT,
    obligation_id="o1",
    posting_id="g1",
    payment_id="p1",
    installment_id=None,
    amount_minor=150_000,
    currency="USD",
)
REVERSED = PostingReversed(
    event_id="e8",
    occurred_at=AT,
    obligation_id="o1",
    reversal_id="r1",
    posting_id="g1",
    payment_id="p1",
    amount_minor=150_000,
    currency="USD",
    reason="returned R01",
)

REASSIGNED = PaymentReassigned(
    event_id="e9",
    occurred_at=AT,
    payment_id="p1",
    assignment_version=1,
    allocations=(Allocation("o2", None, 100_000), Allocation("o2", "i1", 50_000)),
    reason="the wrong lease",
    actor="ana",
)
ASSIGNED = ReferenceAssigned("e10", AT, "p1", "acme", "ch_1", "ana", None)
REINSTATED = ObligationReinstated("e11", AT, "o1", "x1", "cancelled by mistake")
DECIDED = BreakDecided(
    event_id="e12",
    occurred_at=AT,
    decision_id="d1",
    key_kind="reference",
    key="acme/ch_1",
    break_id="b" * 32,
    action="ACCEPT",
    actor="ana",
    reason="the processor wrote it off",
    break_class="reference_unknown",
    drift_minor=-150_000,
    evidence="f" * 32,
)

# The same records with everything that a version 1 record lacks.
SPLIT = msgspec.structs.replace(
    INITIATED,
    allocations=(Allocation("o1", "i1", 50_000), Allocation("o1", None, 40_000), Allocation("o2", "i1", 60_000)),
)
REFERENCED = msgspec.structs.replace(
    SETTLED,
    payment_id=None,
    outcome="RETURN_REVERSED",
    fee_minor=None,
    net_minor=-149_550,
    reason_code="R61",
    original_reference="ch_1",
    movement_id="m1",
    settlement_currency="EUR",
)
GRACED = msgspec.structs.replace(
    CHARGED,
    installments=(Installment("i1", 1, 50_000, DAY, DAY + 3), Installment("i2", 2, 100_000, DAY + 14)),
    grace_ends_on=DAY + 5,
)
FEE = msgspec.structs.replace(ADJUSTED, amount_delta_minor=2_500, due_date=DAY, kind="FEE")
CREDITED = msgspec.structs.replace(ADJUSTED, installment_id="i1", kind="RENT")
CANCELLED_AGAIN = msgspec.structs.replace(CANCELLED, cancellation_id="x2")

TOPIC_BY_TYPE: dict[type, topics.Topic] = {record: topic for topic in topics.INPUTS for record in topic.records}
FACTS: tuple[Any, ...] = (
    *(INITIATED, SETTLED, CHARGED, PLAN_CHANGED, ADJUSTED, CANCELLED, POSTED, REVERSED),
    *(REASSIGNED, ASSIGNED, REINSTATED, DECIDED),
    *(SPLIT, REFERENCED, GRACED, FEE, CREDITED, CANCELLED_AGAIN),
)
"""At least one of each record; those of version 1 first."""
TOPIC_OF: dict[Any, topics.Topic] = {fact: TOPIC_BY_TYPE[type(fact)] for fact in FACTS}

OUTPUTS: tuple[Any, ...] = (
    PaymentReconciliation(
        payment_id="p1",
        version=3,
        status=PaymentStatus.RECONCILED,
        currency="USD",
        initiated=Initiated("o1", None, 150_000, "CARD"),
        settled=Settled(
            gross_minor=150_000,
            fee_minor=450,
            net_minor=149_550,
            returned_minor=0,
            refunded_minor=0,
            charged_back_minor=0,
            standing_minor=150_000,
        ),
        posted=Posted(150_000, {"o1": 100_000, "o2": 50_000}),
        open_breaks=("b" * 32,),
        rests_on=AT,
    ),
    ObligationReconciliation(
        obligation_id="o1",
        version=7,
        lease_id="l1",
        tenant_id="t1",
        property_id="h1",
        period="2026-07",
        status=ObligationStatus.PARTIALLY_PAID,
        currency="USD",
        charged_minor=150_000,
        adjusted_minor=-2_500,
        balance_minor=147_500,
        installments=(
            InstallmentView("i1", DAY, 50_000, {"p1": 50_000}, {}),
            InstallmentView("i2", DAY + 14, 97_500, {}, {"p2": 1}),
        ),
        paid_minor=50_000,
        pending_minor=1,
        posted_minor=50_000,
        overpaid_minor=0,
        next_due_date=DAY + 14,
        oldest_late_due_date=None,
        ageing_bucket=AgeingBucket.CURRENT,
        open_breaks=(),
        rests_on=AT,
    ),
    MismatchAlert(
        break_id="b" * 32,
        version=1,
        key_kind="payment",
        key="p1",
        subject=("obligation", "o2"),
        break_class=BreakClass.OBLIGATION_MISMATCH,
        priority=3,
        lifecycle=BreakLifecycle.OPENED,
        expected_minor=0,
        actual_minor=50_000,
        drift_minor=50_000,
        currency="XXX",
        due_at=None,
        opened_at=AT,
        resolved_at=None,
        event_ids=("e1", "e7"),
    ),
    LatePaymentAlert(
        alert_id="c" * 32,
        version=2,
        obligation_id="o1",
        installment_id="i2",
        lease_id="l1",
        tenant_id="t1",
        property_id="h1",
        period="2026-07",
        currency="USD",
        due_date=DAY,
        amount_due_minor=97_500,
        paid_minor=0,
        pending_minor=1,
        due_at=AT,
        stage=LateStage.FEE_ELIGIBLE,
        lifecycle=LateLifecycle.ESCALATED,
        opened_at=AT - 1,
        ended_at=None,
    ),
    ReferenceReconciliation(
        processor="acme",
        processor_reference="ch_1",
        version=4,
        payment_id=None,
        status=ReferenceStatus.SUSPENSE,
        records=2,
        gross_minor={"USD": 150_000, "CAD": 1},
        open_breaks=("b" * 32,),
    ),
)
OUTPUTS += (
    msgspec.structs.replace(
        OUTPUTS[0],
        in_flight_minor=1,
        allocations=(AllocationView("o1", None, 100_000, 100_000, 0), AllocationView("o2", "i1", 50_000, 50_000, 1)),
    ),
    msgspec.structs.replace(
        OUTPUTS[2],
        break_class=BreakClass.REFERENCE_CLAIMED_TWICE,
        lifecycle=BreakLifecycle.ACCEPTED,
        evidence="f" * 32,
        decision=DecisionOnBreak(DecisionState.ACCEPTED, "ana", AT, "bo", "as agreed", None, AT + 1),
        candidates=("acme/ch_2", "p1"),
    ),
)

# Short, around the one-byte length (63 bytes), around the limit, with characters of one to four bytes.
ids = st.text(min_size=1, max_size=12) | st.text(min_size=60, max_size=70) | st.just("x" * 512) | st.just("é" * 256)
texts = st.text(max_size=80) | st.just("z" * 8_192)
instants = st.integers(validation.INSTANT_MIN, validation.INSTANT_MAX) | st.integers(AT - 10**12, AT + 10**12)
days = st.integers(validation.DAY_MIN, validation.DAY_MAX) | st.integers(DAY - 90, DAY + 90)
amounts = st.integers(1, validation.AMOUNT_MAX) | st.integers(1, 300_000)
amounts_from_0 = st.just(0) | amounts
signed = st.integers(-validation.AMOUNT_MAX, validation.AMOUNT_MAX)
longs = st.integers(-1 << 63, (1 << 63) - 1) | st.integers(-70, 70)
currencies = st.sampled_from(sorted(EXPONENTS))
methods = st.sampled_from(["ACH_DEBIT", "CARD", "INSTANT", "CHECK", "CASH"])
other_outcomes = st.sampled_from(
    [
        "SETTLED",
        "RETURNED",
        "REFUNDED",
        "CHARGEBACK",
        "CHARGEBACK_REVERSED",
        "RETURN_REVERSED",
        "REFUND_REVERSED",
    ]
)
periods = st.builds("{:04}-{:02}".format, st.integers(1, 9_999), st.integers(1, 12))
versions = st.integers(1, (1 << 63) - 1)
people = st.none() | st.text(max_size=12)


@st.composite
def _graced(draw: st.DrawFn, day: int) -> int | None:
    """Draw the end of the grace of what is due on a day."""
    return draw(st.none() | st.integers(day, min(day + 30, validation.DAY_MAX)))


@st.composite
def _installments(draw: st.DrawFn) -> Installment:
    due = draw(days)
    return Installment(draw(ids), draw(longs), draw(amounts), due, draw(_graced(due)))


plans = st.lists(_installments(), max_size=5, unique_by=lambda part: part.installment_id).map(tuple)
allocations = st.lists(
    st.builds(Allocation, ids, st.none() | ids, amounts),
    min_size=1,
    max_size=4,
    unique_by=lambda part: (part.obligation_id, part.installment_id),
).map(tuple)


@st.composite
def _initiated(draw: st.DrawFn) -> PaymentInitiated:
    parts = draw(
        st.none() | allocations.filter(lambda parts: sum(p.amount_minor for p in parts) <= validation.AMOUNT_MAX)
    )
    first = parts[0] if parts else Allocation(draw(ids), draw(st.none() | ids), draw(amounts))
    return PaymentInitiated(
        event_id=draw(ids),
        occurred_at=draw(instants),
        payment_id=draw(ids),
        tenant_id=draw(ids),
        property_id=draw(ids),
        obligation_id=first.obligation_id,
        installment_id=first.installment_id,
        amount_minor=sum(part.amount_minor for part in parts or (first,)),
        currency=draw(currencies),
        method=draw(methods),
        processor=draw(ids),
        processor_reference=draw(st.none() | ids),
        allocations=parts,
    )


def _settled(outcomes: Any, gross: Any) -> Any:
    return st.builds(
        ProcessorSettled,
        ids,
        instants,
        st.none() | ids,
        ids,
        ids,
        outcomes,
        gross,
        st.none() | signed,
        st.none() | signed,
        currencies,
        st.none() | st.text(max_size=12) | st.sampled_from(["R01", "C1", "C123", "C08x", "c01"]),
        st.none() | ids,
        st.none() | days,
        *[st.none() | ids, st.none() | ids],
        st.none() | currencies,
    )


@st.composite
def _charged(draw: st.DrawFn) -> ObligationCharged:
    due = draw(days)
    return ObligationCharged(
        event_id=draw(ids),
        occurred_at=draw(instants),
        obligation_id=draw(ids),
        lease_id=draw(ids),
        tenant_id=draw(ids),
        property_id=draw(ids),
        period=draw(periods),
        amount_minor=draw(amounts_from_0),
        currency=draw(currencies),
        due_date=due,
        time_zone=draw(st.sampled_from(sorted(validation.TIME_ZONES))),
        grace_days=draw(st.integers(0, validation.GRACE_DAYS_MAX)),
        installments=draw(plans),
        grace_ends_on=draw(_graced(due)),
    )


def _adjusted(amount: Any, installment: Any, due: Any, kind: Any) -> Any:
    return st.builds(ObligationAdjusted, ids, instants, ids, ids, amount, currencies, texts, installment, due, kind)


def _decided(key_kind: Any, key: Any, action: Any, needs: Any, refers_to: Any) -> Any:
    return st.builds(
        lambda head, kind, key, decision, what, rest: BreakDecided(
            head[0], head[1], decision[0], kind, key, decision[1], what, decision[2], decision[3], *rest
        ),
        st.tuples(ids, instants),
        key_kind,
        key,
        st.tuples(ids, ids, ids, texts),
        action,
        st.tuples(needs(st.text(min_size=1, max_size=40)), needs(longs), needs(ids), st.none() | ids,
                  st.none() | instants, refers_to),
    )  # fmt: skip


def _or_none(given: Any) -> Any:
    return st.none() | given


def _decisions(key_kind: Any, key: Any) -> Any:
    return st.one_of(
        _decided(key_kind, key, st.sampled_from(["ACKNOWLEDGE", "ASSIGN", "COMMENT"]), _or_none, st.none() | ids),
        _decided(key_kind, key, st.just("ACCEPT"), lambda given: given, st.none() | ids),
        _decided(key_kind, key, st.sampled_from(["APPROVE", "WITHDRAW"]), _or_none, ids),
    )


facts = st.one_of(
    _initiated(),
    st.builds(PaymentReassigned, ids, instants, ids, versions, allocations, texts, people),
    st.builds(ReferenceAssigned, ids, instants, ids, ids, ids, people, st.none() | texts),
    _settled(other_outcomes, amounts),
    _settled(st.just("FAILED"), amounts_from_0),
    _charged(),
    st.builds(PlanChanged, ids, instants, ids, versions, plans),
    _adjusted(signed.filter(bool), st.none() | ids, st.none(), st.sampled_from([None, "RENT"])),
    _adjusted(amounts, st.none(), st.none() | days, st.sampled_from([None, "RENT", "FEE"])),
    st.builds(ObligationCancelled, ids, instants, ids, texts, st.none() | ids),
    st.builds(ObligationReinstated, ids, instants, ids, ids, texts),
    st.builds(PaymentPosted, ids, instants, ids, ids, ids, st.none() | ids, amounts, currencies),
    st.builds(PostingReversed, ids, instants, ids, ids, ids, ids, amounts, currencies, texts),
    _decisions(st.sampled_from(["payment", "obligation"]), ids),
    _decisions(st.just("reference"), st.builds(two_part_key, ids | st.just("a/b%2F"), ids)),
)

_short = st.text(max_size=70)
_any_day = st.integers(-1 << 31, (1 << 31) - 1) | days
_any_instant = longs | instants
_money_by_id = st.dictionaries(_short, longs, max_size=3)
_short_tuples = st.lists(_short, max_size=3).map(tuple)

outputs = st.one_of(
    st.builds(
        PaymentReconciliation,
        _short,
        longs,
        st.sampled_from(PaymentStatus),
        _short,
        st.none() | st.builds(Initiated, _short, st.none() | _short, longs, methods),
        st.builds(Settled, *[longs] * 7),
        st.builds(Posted, longs, _money_by_id),
        _short_tuples,
        _any_instant,
        st.none() | longs,
        st.lists(st.builds(AllocationView, _short, st.none() | _short, longs, longs, longs), max_size=3).map(tuple),
    ),
    st.builds(
        ReferenceReconciliation,
        *[_short, _short, longs, st.none() | _short],
        st.sampled_from(ReferenceStatus),
        longs,
        _money_by_id,
        _short_tuples,
    ),
    st.builds(
        ObligationReconciliation,
        *[_short, longs, _short, _short, _short, _short],
        st.sampled_from(ObligationStatus),
        *[_short, longs, longs, longs],
        st.lists(st.builds(InstallmentView, _short, _any_day, longs, _money_by_id, _money_by_id), max_size=3).map(
            tuple
        ),
        *[longs, longs, longs, longs],
        st.none() | _any_day,
        st.none() | _any_day,
        st.sampled_from(AgeingBucket),
        _short_tuples,
        _any_instant,
    ),
    st.builds(
        MismatchAlert,
        *[_short, longs, _short, _short, _short_tuples],
        st.sampled_from(BreakClass),
        longs,
        st.sampled_from(BreakLifecycle),
        *[longs, longs, longs, _short],
        st.none() | _any_instant,
        _any_instant,
        st.none() | _any_instant,
        _short_tuples,
        st.none() | _short,
        st.none()
        | st.builds(
            DecisionOnBreak,
            st.sampled_from(DecisionState),
            _short,
            _any_instant,
            st.none() | _short,
            _short,
            st.none() | _short,
            st.none() | _any_instant,
        ),
        _short_tuples,
    ),
    st.builds(
        LatePaymentAlert,
        *[_short, longs, _short, _short, _short, _short, _short, _short, _short, _any_day, longs, longs, longs],
        _any_instant,
        st.sampled_from(LateStage),
        st.sampled_from(LateLifecycle),
        _any_instant,
        st.none() | _any_instant,
    ),
)


def plain(value: Any) -> Any:
    """Convert a Struct to fastavro's dicts and lists, by Avro's field names."""
    if isinstance(value, msgspec.Struct):
        avro = {field: name for name, field in RENAMED.items()}
        return {avro.get(field, field): plain(getattr(value, field)) for field in value.__struct_fields__}
    if isinstance(value, tuple):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def without_logical_types(schema: Any) -> Any:
    """Return the schema with plain numbers: fastavro's datetimes would end at the year 9999."""
    if isinstance(schema, dict):
        return {key: without_logical_types(part) for key, part in schema.items() if key != "logicalType"}
    if isinstance(schema, list):
        return [without_logical_types(part) for part in schema]
    return schema


def written(schema: Any, value: Any) -> bytes:
    """Encode a value with fastavro, the reference."""
    out = io.BytesIO()
    fastavro.schemaless_writer(out, without_logical_types(schema), value)
    return out.getvalue()


def number(value: int) -> bytes:
    """Encode a long with fastavro."""
    return written("long", value)
