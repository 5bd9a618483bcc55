"""Builds single facts for hand-written cases, with defaults for everything that a case does not specify."""

from datetime import date, datetime
from itertools import count
from typing import Any

from domain.facts import (
    InputFact,
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
from domain.time import Micros
from simulator.banking import day_of, instant_of
from simulator.truth import Truth, truth_of_facts

numbers = count(1)

MONDAY = "2026-06-01T14:00Z"
"""Monday 1 June 2026, 10:00 in New York."""


def at(text: str) -> Micros:
    return instant_of(datetime.fromisoformat(text))


def day(text: str) -> int:
    return day_of(date.fromisoformat(text))


def event() -> str:
    return f"E-{next(numbers)}"


def initiated(payment: str = "P-1", when: str = MONDAY, amount: int = 85_000, **other: Any) -> PaymentInitiated:
    fields: dict[str, Any] = {
        "event_id": event(),
        "tenant_id": "T-1",
        "property_id": "PR-1",
        "obligation_id": "O-1",
        "installment_id": None,
        "currency": "USD",
        "method": "ACH_DEBIT",
        "processor": "bank",
        "processor_reference": None,
    }
    return PaymentInitiated(occurred_at=at(when), payment_id=payment, amount_minor=amount, **(fields | other))


def outcome(
    kind: str = "SETTLED", when: str = "2026-06-03T15:00Z", amount: int = 85_000, payment: str = "P-1", **other: Any
) -> ProcessorSettled:
    fields: dict[str, Any] = {
        "event_id": event(),
        "processor": "bank",
        "processor_reference": "R-1",
        "fee_minor": 0,
        "net_minor": amount - other.get("fee_minor", 0),
        "currency": "USD",
        "reason_code": None,
        "payout_id": None,
        "value_date": None,
    }
    fields |= other
    return ProcessorSettled(occurred_at=at(when), payment_id=payment, outcome=kind, gross_minor=amount, **fields)  # type: ignore[arg-type]


def posted(
    posting: str = "G-1", when: str = "2026-06-03T16:00Z", amount: int = 85_000, payment: str = "P-1", **other: Any
) -> PaymentPosted:
    fields: dict[str, Any] = {"event_id": event(), "obligation_id": "O-1", "installment_id": None, "currency": "USD"}
    return PaymentPosted(
        occurred_at=at(when), posting_id=posting, payment_id=payment, amount_minor=amount, **(fields | other)
    )


def reversed_posting(
    posting: str = "G-1", when: str = "2026-06-05T16:00Z", amount: int = 85_000, payment: str = "P-1", **other: Any
) -> PostingReversed:
    fields: dict[str, Any] = {
        "event_id": event(),
        "obligation_id": "O-1",
        "reversal_id": f"V-{posting}",
        "currency": "USD",
        "reason": "money came back",
    }
    return PostingReversed(
        occurred_at=at(when), posting_id=posting, payment_id=payment, amount_minor=amount, **(fields | other)
    )


def part(name: str, due: str, amount: int, sequence: int = 1) -> Installment:
    return Installment(name, sequence, amount, day(due))


def charged(amount: int = 85_000, *parts: Installment, due: str = "2026-06-01", **other: Any) -> ObligationCharged:
    fields: dict[str, Any] = {
        "event_id": event(),
        "occurred_at": at("2026-05-25T12:00Z"),
        "obligation_id": "O-1",
        "lease_id": "L-1",
        "tenant_id": "T-1",
        "property_id": "PR-1",
        "period": "2026-06",
        "currency": "USD",
        "time_zone": "America/New_York",
        "grace_days": 5,
    }
    return ObligationCharged(amount_minor=amount, due_date=day(due), installments=parts, **(fields | other))


def plan(version: int, *parts: Installment, when: str = "2026-05-26T12:00Z") -> PlanChanged:
    return PlanChanged(event(), at(when), "O-1", version, parts)


def adjusted(delta: int, name: str = "A-1", when: str = "2026-05-27T12:00Z", **other: Any) -> ObligationAdjusted:
    fields: dict[str, Any] = {"event_id": event(), "currency": "USD", "reason": "repair"}
    return ObligationAdjusted(
        occurred_at=at(when), obligation_id="O-1", adjustment_id=name, amount_delta_minor=delta, **(fields | other)
    )


def cancelled(when: str = "2026-05-28T12:00Z") -> ObligationCancelled:
    return ObligationCancelled(event(), at(when), "O-1", "void")


def seen(when: str, *facts: InputFact) -> Truth:
    return truth_of_facts(facts, at(when))


def breaks(truth: Truth) -> dict[str, tuple[int, int]]:
    """Return open breaks as class -> (expected, actual); for two breaks of a class use the rows."""
    found = {row["class"]: (row["expected_minor"], row["actual_minor"]) for row in truth.open_breaks.values()}
    assert len(found) == len(truth.open_breaks)
    return found
