"""Builds the records that version 2 of the contract added, and the shorthand of its cases."""

from typing import Any

from domain.facts import (
    Allocation,
    BreakDecided,
    DecisionAction,
    InputFact,
    ObligationReinstated,
    PaymentReassigned,
    ReferenceAssigned,
)
from simulator.truth import Truth
from simulator.truth_facts import Row
from tests.kit.build_scenario import at, charged, event, initiated, outcome, posted, seen

RENT = 150_000
LATE = "2026-06-20T12:00Z"
"""20 June: past every deadline of a rent due on 1 June."""


def given(obligation: str, amount: int, installment: str | None = None) -> Allocation:
    return Allocation(obligation, installment, amount)


def reassigned(
    version: int, *allocations: Allocation, payment: str = "P-1", when: str = "2026-06-10T12:00Z"
) -> PaymentReassigned:
    return PaymentReassigned(event(), at(when), payment, version, allocations, "moved")


def assigned(
    reference: str, payment: str = "P-1", when: str = "2026-06-10T12:00Z", processor: str = "bank"
) -> ReferenceAssigned:
    return ReferenceAssigned(event(), at(when), payment, processor, reference)


def unnamed(kind: str = "SETTLED", when: str = "2026-06-01T15:00Z", amount: int = RENT, **other: Any) -> InputFact:
    """A settlement record without a payment id."""
    return outcome(kind, when, amount, None, **other)  # type: ignore[arg-type]


def reinstated(name: str = "N-1", when: str = "2026-06-03T12:00Z") -> ObligationReinstated:
    return ObligationReinstated(event(), at(when), "O-1", name, "charged by mistake")


def decided(
    action: DecisionAction, row: Row, name: str = "D-1", when: str = "2026-06-15T12:00Z", **other: Any
) -> BreakDecided:
    """A decision about a break; an acceptance is of the break as it is."""
    if action == "ACCEPT":
        other = {
            "break_class": row["class"],
            "drift_minor": row["drift_minor"],
            "evidence": row["evidence"],
        } | other
    fields: dict[str, Any] = {"actor": "ann", "reason": "known", "break_id": row["break_id"]}
    return BreakDecided(
        event_id=event(),
        occurred_at=at(when),
        decision_id=name,
        key_kind=row["key_kind"],
        key=row["key"],
        action=action,
        **(fields | other),
    )


def the_charge(**other: Any) -> InputFact:
    """C: 150,000 due on 1 June in New York, five days of grace."""
    return charged(RENT, **other)


def the_initiation(**other: Any) -> InputFact:
    """I: 150,000 for O-1 on 29 May."""
    return initiated(when="2026-05-29T14:00Z", amount=RENT, **other)


def settled(reference: str = "R-1", when: str = "2026-06-01T15:00Z", amount: int = RENT, **other: Any) -> InputFact:
    """S(r): 150,000 of that reference on 1 June."""
    return outcome("SETTLED", when, amount, processor_reference=reference, **other)


def then(kind: str, when: str, amount: int = RENT, **other: Any) -> InputFact:
    """A later record of the payment, without a fee."""
    return outcome(kind, when, amount, **other)


def the_posting(name: str = "G-1", when: str = "2026-06-01T16:00Z", amount: int = RENT, **other: Any) -> InputFact:
    """P: 150,000 posted to O-1."""
    return posted(name, when, amount, **other)


def classes(truth: Truth) -> dict[str, tuple[int, int]]:
    """The open breaks as class -> (expected, actual)."""
    return {row["class"]: (row["expected_minor"], row["actual_minor"]) for row in truth.open_breaks.values()}


def outcome_of(*facts: InputFact, when: str = LATE) -> tuple[int, str, str, dict[str, tuple[int, int]]]:
    """What stands, the statuses of payment and obligation, and the open breaks."""
    truth = seen(when, *facts)
    payment, obligation = truth.payments["P-1"], truth.obligations["O-1"]
    return payment["settled"]["standing_minor"], payment["status"], obligation["status"], classes(truth)
