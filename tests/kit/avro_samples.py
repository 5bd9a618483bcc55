"""Records for the codec's tests: a valid sample of each, and Hypothesis strategies for boundary values."""

import io
from typing import Any

import fastavro
import msgspec
from hypothesis import strategies as st

from domain.currencies import EXPONENTS
from domain.facts import (
    Installment,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    PaymentInitiated,
    PaymentPosted,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
)
from domain.records import (
    AgeingBucket,
    BreakClass,
    BreakLifecycle,
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

TOPIC_OF: dict[Any, topics.Topic] = {
    INITIATED: topics.PAYMENT_INITIATED,
    SETTLED: topics.PROCESSOR_SETTLED,
    CHARGED: topics.LEDGER_EVENTS,
    PLAN_CHANGED: topics.LEDGER_EVENTS,
    ADJUSTED: topics.LEDGER_EVENTS,
    CANCELLED: topics.LEDGER_EVENTS,
    POSTED: topics.LEDGER_EVENTS,
    REVERSED: topics.LEDGER_EVENTS,
}
FACTS = tuple(TOPIC_OF)
TOPIC_BY_TYPE = {type(fact): topic for fact, topic in TOPIC_OF.items()}

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
other_outcomes = st.sampled_from(["SETTLED", "RETURNED", "REFUNDED", "CHARGEBACK", "CHARGEBACK_REVERSED"])
periods = st.builds("{:04}-{:02}".format, st.integers(1, 9_999), st.integers(1, 12))
plans = st.lists(
    st.builds(Installment, ids, longs, amounts, days), max_size=5, unique_by=lambda part: part.installment_id
).map(tuple)


def _settled(outcomes: Any, gross: Any) -> Any:
    return st.builds(
        ProcessorSettled,
        ids,
        instants,
        ids,
        ids,
        ids,
        outcomes,
        gross,
        amounts_from_0,
        signed,
        currencies,
        st.none() | st.text(max_size=12),
        st.none() | ids,
        st.none() | days,
    )


facts = st.one_of(
    st.builds(
        PaymentInitiated,
        ids,
        instants,
        ids,
        ids,
        ids,
        ids,
        st.none() | ids,
        amounts,
        currencies,
        methods,
        ids,
        st.none() | ids,
    ),
    _settled(other_outcomes, amounts),
    _settled(st.just("FAILED"), amounts_from_0),
    st.builds(
        ObligationCharged,
        ids,
        instants,
        ids,
        ids,
        ids,
        ids,
        periods,
        amounts_from_0,
        currencies,
        days,
        st.sampled_from(sorted(validation.TIME_ZONES)),
        st.integers(0, validation.GRACE_DAYS_MAX),
        plans,
    ),
    st.builds(PlanChanged, ids, instants, ids, st.integers(1, (1 << 63) - 1), plans),
    st.builds(ObligationAdjusted, ids, instants, ids, ids, signed.filter(bool), currencies, texts),
    st.builds(ObligationCancelled, ids, instants, ids, texts),
    st.builds(PaymentPosted, ids, instants, ids, ids, ids, st.none() | ids, amounts, currencies),
    st.builds(PostingReversed, ids, instants, ids, ids, ids, ids, amounts, currencies, texts),
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
