"""Hypothesis strategies for the codec's tests: every input record that is valid, every output, at their boundaries."""

from typing import Any

from hypothesis import strategies as st

from domain.currencies import EXPONENTS
from domain.facts import (
    Allocation,
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    Installment,
    Method,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PayoutOutcome,
    PayoutReported,
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
from streams.codec import validation
from tests.kit.avro_samples import AT, DAY

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
methods: st.SearchStrategy[Method] = st.sampled_from(["ACH_DEBIT", "CARD", "INSTANT", "CHECK", "CASH"])
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
payout_outcomes: st.SearchStrategy[PayoutOutcome] = st.sampled_from(["PAID", "FAILED", "CANCELLED"])
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
    """Decisions; `needs` makes what an acceptance needs nullable, where it is none."""
    return st.builds(
        BreakDecided,
        event_id=ids,
        occurred_at=instants,
        decision_id=ids,
        key_kind=key_kind,
        key=key,
        break_id=ids,
        action=action,
        actor=ids,
        reason=texts,
        break_class=needs(st.text(min_size=1, max_size=40)),
        drift_minor=needs(longs),
        evidence=needs(ids),
        assignee=st.none() | ids,
        until=st.none() | instants,
        refers_to=refers_to,
    )


def _booked(processor: Any, payout_id: Any) -> Any:
    return st.builds(
        BankEntryBooked,
        *[ids, instants, ids, ids, signed.filter(bool), currencies, days],
        st.none() | days,
        processor,
        payout_id,
        st.none() | st.text(max_size=70),
        st.none() | texts,
    )


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
    st.builds(
        PayoutReported,
        *[ids, instants, ids, ids, payout_outcomes, signed.filter(bool), signed, currencies, days, st.none() | ids],
        st.none() | st.text(max_size=70),
    ),
    _booked(st.none(), st.none()),
    _booked(ids, ids),
    st.builds(EntryMatched, ids, instants, ids, ids, ids, ids, ids, texts),
    _decisions(st.sampled_from(["payment", "obligation"]), ids),
    _decisions(
        st.sampled_from(["reference", "payout", "bank_entry"]), st.builds(two_part_key, ids | st.just("a/b%2F"), ids)
    ),
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
