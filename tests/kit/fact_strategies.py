"""Facts for Hypothesis: few ids, few amounts and few instants, so that facts often collide. All are valid input."""

from hypothesis import strategies as st

from domain.breaks.model import Break
from domain.facts import (
    Allocation,
    BreakDecided,
    DecisionAction,
    InputFact,
    Installment,
    Method,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    Outcome,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)
from domain.ids import break_id, evidence_of, two_part_key
from domain.records import BreakClass
from domain.time import HOUR, NOT_CAUGHT_UP, Day
from tests.kit.scenario_words import day, instant

START = instant("2026-06-30 12:00")
FIRST_DUE = day("2026-06-25")

event_ids = st.integers(0, 40).map("e{}".format)
instants = st.integers(0, 24 * 12).map(lambda hours: START + hours * HOUR)
amounts = st.integers(1, 4).map(lambda n: n * 50)
currencies = st.sampled_from(["USD", "USD", "USD", "USD", "USD", "CAD"])
payments = st.sampled_from(["P1", "P1", "P2", "P3"])
obligations = st.sampled_from(["O1", "O1", "O2"])
tenants = st.sampled_from(["T", "T", "U"])
properties = st.sampled_from(["H", "H", "H", "H", "I"])
names = st.sampled_from([None, None, "A1", "A2", "O1", "D1", "Z"])
"""Of installments, as money names them: those of plans, an obligation's own, an adjustment's, and one that is none."""
methods: st.SearchStrategy[Method] = st.sampled_from(["ACH_DEBIT", "CARD", "INSTANT", "CHECK", "CASH"])
outcomes: st.SearchStrategy[Outcome] = st.sampled_from(
    [
        *("SETTLED", "SETTLED", "SETTLED", "SETTLED", "FAILED", "RETURNED", "RETURN_REVERSED"),
        *("REFUNDED", "REFUND_REVERSED", "CHARGEBACK", "CHARGEBACK_REVERSED"),
    ]
)
processors = st.sampled_from(["acme", "acme", "other"])
references = st.sampled_from(["R1", "R1", "R2"])
movements = st.sampled_from([None, None, None, "m1", "m2"])
days = st.integers(FIRST_DUE, FIRST_DUE + 20)
people = st.sampled_from(["ana", "bo"])


def ends_of_grace(due_date: Day) -> st.SearchStrategy[Day | None]:
    return st.one_of(st.none(), st.none(), st.none(), st.integers(due_date, due_date + 9))


@st.composite
def installments(draw: st.DrawFn) -> Installment:
    due_date = draw(days)
    return Installment(
        installment_id=draw(st.sampled_from(["A1", "A2", "A3", "A4"])),
        sequence=draw(st.integers(0, 2)),
        amount_minor=draw(amounts),
        due_date=due_date,
        grace_ends_on=draw(ends_of_grace(due_date)),
    )


plans = st.lists(installments(), max_size=4, unique_by=lambda installment: installment.installment_id).map(tuple)
allocations = st.lists(
    st.builds(Allocation, obligations, names, amounts),
    min_size=1,
    max_size=3,
    unique_by=lambda allocation: (allocation.obligation_id, allocation.installment_id),
).map(tuple)


@st.composite
def initiations(draw: st.DrawFn) -> PaymentInitiated:
    parts = draw(st.one_of(st.none(), st.none(), allocations))
    first = parts[0] if parts else Allocation(draw(obligations), draw(names), draw(amounts))
    return PaymentInitiated(
        event_id=draw(event_ids),
        occurred_at=draw(instants),
        payment_id=draw(payments),
        tenant_id=draw(tenants),
        property_id=draw(properties),
        obligation_id=first.obligation_id,
        installment_id=first.installment_id,
        amount_minor=sum(part.amount_minor for part in parts or (first,)),
        currency=draw(currencies),
        method=draw(methods),
        processor=draw(processors),
        processor_reference=draw(st.sampled_from([None, "R1", "R2"])),
        allocations=parts,
    )


def settlements(payment_ids: st.SearchStrategy[str] | st.SearchStrategy[None]) -> st.SearchStrategy[ProcessorSettled]:
    """Records of a processor: of payments, or without one."""
    return st.builds(
        ProcessorSettled, event_ids, instants, payment_ids, processors, references, outcomes, amounts,
        st.sampled_from([None, 0, 3, -1]), st.sampled_from([None, 50, 97, 100, -50]), currencies,
        st.sampled_from([None, "R01"]), st.sampled_from([None, None, "po1", "po2"]),
        st.sampled_from([None, FIRST_DUE]), st.sampled_from([None, None, None, "R1", "R2"]), movements,
        st.sampled_from([None, None, None, "USD", "CAD"]),
    )  # fmt: skip


payment_facts: st.SearchStrategy[InputFact] = st.one_of(
    initiations(),
    settlements(payments),
    settlements(payments),
    st.builds(
        PaymentPosted, event_ids, instants, obligations, st.sampled_from(["L1", "L2", "L3"]), payments, names, amounts,
        currencies,
    ),
    st.builds(
        PostingReversed, event_ids, instants, obligations, st.sampled_from(["V1", "V2"]),
        st.sampled_from(["L1", "L2", "L3"]), payments, amounts, currencies, st.sampled_from(["error", "fraud"]),
    ),
    st.builds(
        PaymentReassigned, event_ids, instants, payments, st.integers(1, 3), allocations, st.just("the wrong lease"),
        st.one_of(st.none(), people),
    ),
)  # fmt: skip

reference_facts: st.SearchStrategy[InputFact] = st.one_of(
    settlements(st.none()),
    settlements(st.none()),
    st.builds(ReferenceAssigned, event_ids, instants, payments, processors, references, people),
)
"""What decides whose a settlement record without a payment id is, beside the claims of payments."""


@st.composite
def charges(draw: st.DrawFn, obligation_ids: st.SearchStrategy[str] = obligations) -> ObligationCharged:
    due_date = draw(days)
    return ObligationCharged(
        event_id=draw(event_ids),
        occurred_at=draw(instants),
        obligation_id=draw(obligation_ids),
        lease_id="lease",
        tenant_id=draw(tenants),
        property_id=draw(properties),
        period=draw(st.sampled_from(["2026-06", "2026-06", "2026-07"])),
        amount_minor=draw(amounts),
        currency=draw(currencies),
        due_date=due_date,
        time_zone=draw(st.sampled_from(["America/New_York", "Asia/Beirut"])),
        grace_days=draw(st.sampled_from([0, 3, 40])),
        installments=draw(plans),
        grace_ends_on=draw(ends_of_grace(due_date)),
    )


@st.composite
def adjustments(draw: st.DrawFn, obligation_ids: st.SearchStrategy[str] = obligations) -> ObligationAdjusted:
    """Credits and charges: to the balance, to an installment, of their own, and fees."""
    amount = draw(st.sampled_from([-100, -50, -7, 50]))
    shape = draw(st.sampled_from(["balance", "installment", "dated", "fee"]))
    is_own = shape in {"dated", "fee"}
    return ObligationAdjusted(
        event_id=draw(event_ids),
        occurred_at=draw(instants),
        obligation_id=draw(obligation_ids),
        adjustment_id=draw(st.sampled_from(["D1", "D2", "D3", "A1"])),
        amount_delta_minor=abs(amount) if is_own else amount,
        currency=draw(currencies),
        reason=draw(st.sampled_from(["credit", "error"])),
        installment_id=draw(st.sampled_from(["A1", "A2", "D1", "O1", "Z"])) if shape == "installment" else None,
        due_date=draw(days) if shape == "dated" or (shape == "fee" and draw(st.booleans())) else None,
        kind="FEE" if shape == "fee" else draw(st.sampled_from([None, None, "RENT"])),
    )


def facts_of_obligations(obligation_ids: st.SearchStrategy[str]) -> st.SearchStrategy[InputFact]:
    """What the ledger reports of these obligations, without postings."""
    return st.one_of(
        charges(obligation_ids),
        st.builds(PlanChanged, event_ids, instants, obligation_ids, st.integers(1, 3), plans),
        adjustments(obligation_ids),
        adjustments(obligation_ids),
        st.builds(ObligationCancelled, event_ids, instants, obligation_ids, st.just("moved out"), movements),
        st.builds(
            ObligationReinstated, event_ids, instants, obligation_ids, st.sampled_from(["x1", "x2"]), st.just("error")
        ),
    )


obligation_facts = facts_of_obligations(obligations)

ACTIONS: tuple[DecisionAction, ...] = ("ACKNOWLEDGE", "ASSIGN", "COMMENT", "ACCEPT", "ACCEPT", "APPROVE", "WITHDRAW")


@st.composite
def decisions_about(draw: st.DrawFn, key_kind: str, key: str, one: Break) -> BreakDecided:
    """A decision about a break as it is; an acceptance of it is now and then of what it was not."""
    action = draw(st.sampled_from(ACTIONS))
    accepts = action == "ACCEPT"
    drift = one.actual_minor - one.expected_minor + draw(st.sampled_from([0, 0, 0, 1]))
    return BreakDecided(
        event_id=draw(event_ids),
        occurred_at=draw(instants),
        decision_id=draw(st.sampled_from(["d1", "d2", "d3", "d4"])),
        key_kind=key_kind,
        key=key,
        break_id=one.break_id,
        action=action,
        actor=draw(people),
        reason="as agreed",
        break_class=one.break_class.value if accepts else None,
        drift_minor=drift if accepts else None,
        evidence=evidence_of(one.break_class, one.event_ids) if accepts else None,
        assignee=draw(st.one_of(st.none(), people)) if action == "ASSIGN" else None,
        until=draw(st.one_of(st.none(), instants)) if action == "ACKNOWLEDGE" else None,
        refers_to=draw(st.sampled_from(["d1", "d2", "d3"])) if action in {"APPROVE", "WITHDRAW"} else None,
    )


@st.composite
def decisions(draw: st.DrawFn) -> BreakDecided:
    """A decision about a break that a key may have, by its id: what is accepted seldom fits."""
    key_kind, key, subject = draw(
        st.one_of(
            st.tuples(st.just("payment"), payments, st.sampled_from([("settlement",), ("posting",), ("payment",)])),
            st.tuples(
                st.just("obligation"), obligations, st.sampled_from([("balance",), ("payment", "P1"), ("plan",)])
            ),
            st.tuples(
                st.just("reference"),
                st.builds(two_part_key, processors, references),
                st.sampled_from([("reference",), ("claim",)]),
            ),
        )
    )
    found = Break(
        break_id=break_id(key_kind, key, subject),
        subject=subject,
        break_class=draw(st.sampled_from([BreakClass.OVERPAYMENT, BreakClass.POSTING_MISSING])),
        expected_minor=0,
        actual_minor=draw(st.sampled_from([0, 50, -50])),
        currency="USD",
        due_at=None,
        event_ids=(draw(event_ids),),
    )
    return draw(decisions_about(key_kind, key, found))


facts: st.SearchStrategy[InputFact] = st.one_of(
    payment_facts, payment_facts, payment_facts, obligation_facts, obligation_facts, reference_facts, decisions()
)
noise = st.lists(facts, max_size=6)

STEPS = ("initiated", "settled", "unnamed", "posted", "back", "undone", "reversed", "again", "refunded", "moved")


@st.composite
def lives(draw: st.DrawFn) -> list[InputFact]:
    """Draw typical obligations and payments, with event ids of their own, and a little noise."""
    told = draw(owed())
    for name in draw(st.sampled_from([["P1"], ["P1", "P2"], ["P1", "P2", "P3"]])):
        told += draw(paid(name))
    return told + draw(st.one_of(st.just([]), noise))


@st.composite
def owed(draw: st.DrawFn) -> list[InputFact]:
    """One or two obligations, and what becomes of them."""
    found: list[InputFact] = []
    for name in draw(st.sampled_from([["O1"], ["O1", "O2"]])):
        parts = draw(plans)
        due_date = draw(days)
        found.append(
            ObligationCharged(
                event_id=f"{name}-charged",
                occurred_at=draw(instants),
                obligation_id=name,
                lease_id="lease",
                tenant_id="T",
                property_id="H",
                period="2026-06",
                amount_minor=sum(one.amount_minor for one in parts) or draw(amounts),
                currency="USD",
                due_date=due_date,
                time_zone=draw(st.sampled_from(["America/New_York", "Asia/Beirut"])),
                grace_days=draw(st.sampled_from([0, 3, 40])),
                installments=parts,
                grace_ends_on=draw(ends_of_grace(due_date)),
            )
        )
        if draw(st.integers(0, 3)) == 0:
            at = draw(instants)
            found.append(ObligationCancelled(f"{name}-cancelled", at, name, "moved out", draw(movements)))
            if draw(st.booleans()):
                found.append(ObligationReinstated(f"{name}-reinstated", at + HOUR, name, "x1", "by mistake"))
    return found


@st.composite
def paid(draw: st.DrawFn, name: str) -> list[InputFact]:
    """One payment, and what becomes of it. Its records have the reference `R1`, as those of other payments."""
    at, home, parts = draw(instants), draw(obligations), draw(st.one_of(st.none(), st.none(), allocations))
    first = parts[0] if parts else Allocation(home, draw(names), draw(amounts))
    home, amount = first.obligation_id, sum(part.amount_minor for part in parts or (first,))
    steps = draw(st.sets(st.sampled_from(STEPS)))
    if steps != {"reversed"}:
        steps.add("initiated")
    payment_id = None if "unnamed" in steps else name
    reference = f"R{name}" if "unnamed" in steps else "R1"
    found: list[InputFact] = []

    def leg(hours: int, outcome: Outcome, gross: int, reference: str = reference, movement: str | None = None) -> None:
        event_id = f"{name}-{len(found)}"
        found.append(_leg(event_id, at + hours * HOUR, payment_id, reference, outcome, gross, movement))

    def post(hours: int, posting: str) -> None:
        posted = f"{name}-{posting}", at + hours * HOUR, home, f"{name}{posting}", name, None, amount, "USD"
        found.append(PaymentPosted(*posted))

    if "initiated" in steps:
        found.append(
            PaymentInitiated(
                event_id=f"{name}-initiated",
                occurred_at=at,
                payment_id=name,
                tenant_id="T",
                property_id="H",
                obligation_id=home,
                installment_id=first.installment_id,
                amount_minor=amount,
                currency="USD",
                method=draw(methods),
                processor="acme",
                processor_reference=reference if "unnamed" in steps else None,
                allocations=parts,
            )
        )
    if "settled" in steps:
        leg(30, "SETTLED", amount)
    if "posted" in steps:
        post(31, "L1")
    if "back" in steps:
        hours = draw(st.sampled_from([29, 30, 100]))
        leg(hours, draw(st.sampled_from(["FAILED", "RETURNED", "REFUNDED", "CHARGEBACK"])), amount)
    if "undone" in steps:
        leg(110, draw(st.sampled_from(["RETURN_REVERSED", "REFUND_REVERSED", "CHARGEBACK_REVERSED"])), amount)
    if "refunded" in steps:
        leg(112, "REFUNDED", 50, movement="a")
        leg(113, "REFUNDED", draw(st.sampled_from([50, 100])), movement="b")
    if "reversed" in steps:
        back = f"{name}-V1", at + 130 * HOUR, home, f"{name}V1", f"{name}L1", name, amount, "USD", "back"
        found.append(PostingReversed(*back))
    if "again" in steps:
        leg(120, "SETTLED", amount, reference="R2")
        post(121, "L2")
    if "moved" in steps:
        moved = f"{name}-moved", at + 140 * HOUR, name, 1, draw(allocations), "the wrong lease", "ana"
        found.append(PaymentReassigned(*moved))
    return found


def _leg(
    event_id: str, at: int, payment_id: str | None, reference: str, outcome: Outcome, gross: int, movement: str | None
) -> ProcessorSettled:
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
        movement_id=movement,
    )


histories: st.SearchStrategy[list[InputFact]] = st.one_of(st.lists(facts, min_size=1, max_size=30), lives(), lives())
instants_to_look_at = st.one_of(
    st.just(NOT_CAUGHT_UP), st.integers(0, 24 * 130).map(lambda hours: START + hours * HOUR)
)
