"""Records for the codec's tests: valid samples of each, and their bytes as fastavro writes them."""

import io
from typing import Any

import fastavro
import msgspec

from domain.facts import (
    Allocation,
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    Installment,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PayoutReported,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)
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

PAID_OUT = PayoutReported(
    event_id="e13",
    occurred_at=AT,
    processor="acme",
    payout_id="po_1",
    status="PAID",
    amount_minor=149_550,
    other_minor=-100,
    currency="USD",
    arrival_date=DAY + 2,
    account_id="checking",
    bank_reference="ACME 4711",
)
BOOKED = BankEntryBooked(
    event_id="e14",
    occurred_at=AT,
    account_id="checking",
    entry_id="20260705-1",
    amount_minor=149_550,
    currency="USD",
    booking_date=DAY + 2,
    reference="ACME 4711",
)
MATCHED = EntryMatched("e15", AT, "checking", "20260705-1", "acme", "po_1", "ana", "the amount and the day")

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
TAKEN = msgspec.structs.replace(PAID_OUT, amount_minor=-1, account_id=None, bank_reference=None)
NAMED = msgspec.structs.replace(
    BOOKED, amount_minor=-1, value_date=DAY + 3, processor="acme", payout_id="po_1", reference=None, text="PAYOUT po_1"
)
CANCELLED_AGAIN = msgspec.structs.replace(CANCELLED, cancellation_id="x2")

TOPIC_BY_TYPE: dict[type, topics.Topic] = {record: topic for topic in topics.INPUTS for record in topic.records}
FACTS: tuple[Any, ...] = (
    *(INITIATED, SETTLED, CHARGED, PLAN_CHANGED, ADJUSTED, CANCELLED, POSTED, REVERSED),
    *(REASSIGNED, ASSIGNED, REINSTATED, DECIDED),
    *(PAID_OUT, BOOKED, MATCHED, TAKEN, NAMED),
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
