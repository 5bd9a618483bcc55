"""Corrective events with a plain value in each open field, to try what they would do."""

from typing import Any

from domain.explain.corrective_events import CorrectiveEvent
from domain.facts import (
    Allocation,
    BankEntryBooked,
    EntryMatched,
    InputFact,
    Installment,
    ObligationCharged,
    PaymentReassigned,
    ProcessorSettled,
)
from domain.time import MINUTE, Micros

_SAMPLE_DAY = 0
_NULLABLE = (
    "reason_code",
    "payout_id",
    "value_date",
    "installment_id",
    "original_reference",
    "settlement_currency",
    "grace_ends_on",
    "kind",
    "cancellation_id",
    "account_id",
    "bank_reference",
    "reference",
    "text",
)


def sample_event(one: CorrectiveEvent, number: int, at: Micros) -> InputFact:
    """Make such an event.

    Args:
        one: the event.
        number: makes its ids differ from those of other samples.
        at: when it happens, unless it has to precede a record.

    """
    occurred_at = at
    if one.must_precede is not None:
        # A record that was missing comes right before what it explains; a correction may be dated long before.
        occurred_at = one.must_precede - (MINUTE if one.is_correction else 1)
    values: dict[str, Any] = {
        "event_id": f"\0event {number}",
        "occurred_at": occurred_at,
        "amount_minor": 1,
        "amount_delta_minor": 1,
        "gross_minor": 1,
        "fee_minor": 0,
        "currency": "USD",
        "method": "CARD",
        "outcome": "SETTLED",
        "due_date": _SAMPLE_DAY if one.struct is ObligationCharged else None,
        "time_zone": "UTC",
        "grace_days": 0,
        "status": "PAID",
        "other_minor": 0,
        "arrival_date": _SAMPLE_DAY,
        "booking_date": _SAMPLE_DAY,
        "plan_version": 1 << 30,
        "assignment_version": 1 << 30,
        "installments": _sample_plan(one),
        "allocations": _sample_allocations(one) if one.struct is PaymentReassigned else None,
        **dict.fromkeys(_NULLABLE),
    }
    if one.struct is ObligationCharged and values["installments"]:
        values["amount_minor"] = sum(installment.amount_minor for installment in values["installments"])
    if one.net_sum_minor is not None:
        values["net_minor"] = 0 if number else one.net_sum_minor
    values |= one.fields
    if one.struct in {BankEntryBooked, EntryMatched} and values["account_id"] is None:
        values["account_id"] = "\0account"
    if one.struct in {BankEntryBooked, EntryMatched} and values["payout_id"] is None:
        values["payout_id"] = f"\0payout_id {number}"
    if one.struct is ProcessorSettled and "net_minor" not in values:
        values["net_minor"] = values["gross_minor"] - (values["fee_minor"] or 0)
    return one.struct(**{name: values.get(name, f"\0{name} {number}") for name in one.struct.__struct_fields__})


def _sample_plan(one: CorrectiveEvent) -> tuple[Installment, ...]:
    names = one.required_installment_ids or (("\0plan",) if one.plan_sum_minor else ())
    amounts = [1] * len(names)
    if one.plan_sum_minor is not None:
        amounts[0] = one.plan_sum_minor - len(names) + 1
    return tuple(
        Installment(name, number, amount, _SAMPLE_DAY)
        for number, (name, amount) in enumerate(zip(names, amounts, strict=True))
    )


def _sample_allocations(one: CorrectiveEvent) -> tuple[Allocation, ...]:
    elsewhere = Allocation("\0obligation", None, 1)
    if one.keeps is None or not one.keeps.amount_minor:
        return (elsewhere,)
    return Allocation(one.keeps.obligation_id, None, one.keeps.amount_minor), elsewhere
