"""Facts for Hypothesis: few ids, few amounts and few instants, so that facts often collide."""

from hypothesis import strategies as st

from domain.facts import (
    AdjustmentKind,
    Installment,
    Method,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    Outcome,
    PaymentInitiated,
    PaymentPosted,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
)
from domain.time import HOUR, NOT_CAUGHT_UP
from tests.kit.domain_world import Fact
from tests.kit.scenario_tables import day, instant

START = instant("2026-06-30 12:00")
FIRST_DUE = day("2026-06-25")

event_ids = st.integers(0, 40).map("e{}".format)
instants = st.integers(0, 24 * 12).map(lambda hours: START + hours * HOUR)
amounts = st.integers(1, 4).map(lambda n: n * 50)
currencies = st.sampled_from(["USD", "USD", "USD", "USD", "USD", "CAD"])
payments = st.sampled_from(["P1", "P1", "P2", "P3"])
obligations = st.sampled_from(["O1", "O1", "O2"])
names = st.sampled_from([None, None, "A1", "A2", "O1", "Z"])
methods: st.SearchStrategy[Method] = st.sampled_from(["ACH_DEBIT", "CARD", "INSTANT", "CHECK", "CASH"])
outcomes = st.sampled_from(
    ["SETTLED", "SETTLED", "SETTLED", "FAILED", "RETURNED", "REFUNDED", "CHARGEBACK", "CHARGEBACK_REVERSED"]
)
processors = st.sampled_from(["acme", "acme", "other"])

due_dates = st.integers(FIRST_DUE, FIRST_DUE + 20)
graces = st.sampled_from([None, None, None, 0, 2, 50])
"""Days from a due date to the last day of its grace."""


def _installment(name: str, sequence: int, amount: int, due: int, grace: int | None) -> Installment:
    return Installment(name, sequence, amount, due, None if grace is None else due + grace)


plans = st.lists(
    st.builds(_installment, st.sampled_from(["A1", "A2", "A3", "A4"]), st.integers(0, 2), amounts, due_dates, graces),
    max_size=4,
    unique_by=lambda installment: installment.installment_id,
).map(tuple)

payment_facts = st.one_of(
    st.builds(
        PaymentInitiated, event_ids, instants, payments, st.sampled_from(["T", "T", "U"]), st.just("H"), obligations,
        names, amounts, currencies, methods, processors, st.sampled_from([None, "R1"]),
    ),
    st.builds(
        ProcessorSettled, event_ids, instants, payments, processors, st.sampled_from(["R1", "R2"]), outcomes, amounts,
        st.sampled_from([0, 3]), st.sampled_from([50, 97, 100]), currencies, st.sampled_from([None, "R01"]),
        st.none(), st.sampled_from([None, FIRST_DUE]),
    ),
    st.builds(
        PaymentPosted, event_ids, instants, obligations, st.sampled_from(["L1", "L2", "L3"]), payments, names, amounts,
        currencies,
    ),
    st.builds(
        PostingReversed, event_ids, instants, obligations, st.sampled_from(["V1", "V2"]),
        st.sampled_from(["L1", "L2", "L3"]), payments, amounts, currencies, st.sampled_from(["error", "fraud"]),
    ),
)  # fmt: skip


@st.composite
def charges(draw: st.DrawFn, obligation_id: st.SearchStrategy[str]) -> ObligationCharged:
    due, grace = draw(due_dates), draw(graces)
    return ObligationCharged(
        event_id=draw(event_ids),
        occurred_at=draw(instants),
        obligation_id=draw(obligation_id),
        lease_id="lease",
        tenant_id=draw(st.sampled_from(["T", "T", "U"])),
        property_id=draw(st.sampled_from(["H", "H", "H", "I"])),
        period=draw(st.sampled_from(["2026-06", "2026-06", "2026-07"])),
        amount_minor=draw(amounts),
        currency=draw(currencies),
        due_date=due,
        time_zone=draw(st.sampled_from(["America/New_York", "Asia/Beirut"])),
        grace_days=draw(st.sampled_from([0, 3, 40])),
        installments=draw(plans),
        grace_ends_on=None if grace is None else due + grace,
    )


@st.composite
def adjustments(draw: st.DrawFn, obligation_id: st.SearchStrategy[str]) -> ObligationAdjusted:
    """Draw an adjustment that contract section 2 allows; its name may be that of an installment."""
    amount = draw(st.sampled_from([-100, -50, -7, 50, 120]))
    kind, installment_id, due = draw(adjustment_kinds), draw(adjustment_targets), None
    if amount < 0 or installment_id is not None:
        kind = None if kind == "FEE" else kind
    else:
        due = draw(st.one_of(st.none(), due_dates))
    return ObligationAdjusted(
        event_id=draw(event_ids),
        occurred_at=draw(instants),
        obligation_id=draw(obligation_id),
        adjustment_id=draw(st.sampled_from(["D1", "D2", "D3", "A1"])),
        amount_delta_minor=amount,
        currency=draw(currencies),
        reason=draw(st.sampled_from(["credit", "error"])),
        installment_id=installment_id,
        due_date=due,
        kind=kind,
    )


adjustment_kinds: st.SearchStrategy[AdjustmentKind | None] = st.sampled_from([None, None, "RENT", "FEE"])
adjustment_targets = st.sampled_from([None, None, None, "A1", "A2", "D1", "O1", "Z"])


def facts_of_obligations(obligation_id: st.SearchStrategy[str]) -> st.SearchStrategy[Fact]:
    return st.one_of(
        charges(obligation_id),
        st.builds(PlanChanged, event_ids, instants, obligation_id, st.integers(1, 3), plans),
        adjustments(obligation_id),
        adjustments(obligation_id),
        st.builds(
            ObligationCancelled, event_ids, instants, obligation_id, st.just("moved out"),
            st.sampled_from([None, None, "C1"]),
        ),
        st.builds(
            ObligationReinstated, event_ids, instants, obligation_id, st.sampled_from(["R1", "R2"]), st.just("stays")
        ),
    )  # fmt: skip


obligation_facts = facts_of_obligations(obligations)

facts = st.one_of(payment_facts, payment_facts, obligation_facts)
noise = st.lists(facts, max_size=6)


@st.composite
def lives(draw: st.DrawFn) -> list[Fact]:
    """Draw typical obligations and payments, with event ids of their own, and a little noise."""
    facts_: list[Fact] = []

    def event_id() -> str:
        return f"own{len(facts_)}"

    for name in draw(st.sampled_from([["O1"], ["O1", "O2"]])):
        installments = draw(plans)
        owed = sum(one.amount_minor for one in installments) or draw(amounts)
        due = draw(due_dates)
        zone, grace = draw(st.sampled_from(["America/New_York", "Asia/Beirut"])), draw(st.sampled_from([0, 3, 40]))
        facts_.append(
            ObligationCharged(
                event_id=event_id(),
                occurred_at=draw(instants),
                obligation_id=name,
                lease_id="lease",
                tenant_id="T",
                property_id="H",
                period="2026-06",
                amount_minor=owed,
                currency="USD",
                due_date=due,
                time_zone=zone,
                grace_days=grace,
                installments=installments,
            )
        )
    for name in draw(st.sampled_from([["P1"], ["P1", "P2"], ["P1", "P2", "P3"]])):
        at, amount, home = draw(instants), draw(amounts), draw(obligations)
        steps = draw(st.sets(st.sampled_from(["initiated", "settled", "posted", "back", "reversed", "again"])))
        if steps != {"reversed"}:
            steps.add("initiated")
        if "initiated" in steps:
            facts_.append(
                PaymentInitiated(
                    event_id=event_id(),
                    occurred_at=at,
                    payment_id=name,
                    tenant_id="T",
                    property_id="H",
                    obligation_id=home,
                    installment_id=draw(names),
                    amount_minor=amount,
                    currency="USD",
                    method=draw(methods),
                    processor="acme",
                    processor_reference=None,
                )
            )
        if "settled" in steps:
            facts_.append(_leg(event_id(), at + 30 * HOUR, name, "R1", "SETTLED", amount))
        if "posted" in steps:
            facts_.append(
                PaymentPosted(
                    event_id=event_id(),
                    occurred_at=at + 31 * HOUR,
                    obligation_id=home,
                    posting_id=f"{name}L1",
                    payment_id=name,
                    installment_id=None,
                    amount_minor=amount,
                    currency="USD",
                )
            )
        if "back" in steps:
            outcome: Outcome = draw(st.sampled_from(["FAILED", "RETURNED", "REFUNDED", "CHARGEBACK"]))
            hours = draw(st.sampled_from([29, 30, 100]))
            facts_.append(_leg(event_id(), at + hours * HOUR, name, "R1", outcome, amount))
        if "reversed" in steps:
            facts_.append(
                PostingReversed(
                    event_id=event_id(),
                    occurred_at=at + 130 * HOUR,
                    obligation_id=home,
                    reversal_id=f"{name}V1",
                    posting_id=f"{name}L1",
                    payment_id=name,
                    amount_minor=amount,
                    currency="USD",
                    reason="back",
                )
            )
        if "again" in steps:
            facts_.append(_leg(event_id(), at + 120 * HOUR, name, "R2", "SETTLED", amount))
            facts_.append(
                PaymentPosted(
                    event_id=event_id(),
                    occurred_at=at + 121 * HOUR,
                    obligation_id=home,
                    posting_id=f"{name}L2",
                    payment_id=name,
                    installment_id=None,
                    amount_minor=amount,
                    currency="USD",
                )
            )
    return facts_ + draw(st.one_of(st.just([]), noise))


def _leg(event_id: str, at: int, payment_id: str, reference: str, outcome: Outcome, gross: int) -> ProcessorSettled:
    return ProcessorSettled(
        event_id=event_id,
        occurred_at=at,
        payment_id=payment_id,
        processor="acme",
        processor_reference=reference,
        outcome=outcome,
        gross_minor=gross,
        fee_minor=0,
        net_minor=gross,
        currency="USD",
        reason_code=None,
        payout_id=None,
        value_date=None,
    )


histories = st.one_of(st.lists(facts, min_size=1, max_size=30), lives(), lives())
instants_to_look_at = st.one_of(
    st.just(NOT_CAUGHT_UP), st.integers(0, 24 * 130).map(lambda hours: START + hours * HOUR)
)
