"""What changed between what a person saw and what is known now, in sentences."""

from collections.abc import Iterable

from domain.breaks.model import Break
from domain.formatting import amount_text, counted, listed
from domain.records import PaymentReconciliation

EVENTS_NAMED_MAX = 5


def changes_of_break(before: Break | None, now: Break) -> str:
    """Say what is different about a break.

    Args:
        before: the break as the person saw it; None where that version is not known any more.
        now: the break as it is.

    """
    is_now = f"It is {now.break_class} with a difference of {_drift(now)} now"
    if before is None:
        return f"{is_now}."
    said = []
    if before.break_class != now.break_class:
        said.append(f"it was {before.break_class} and is {now.break_class}")
    for name, old, new in (
        ("expected", before.expected_minor, now.expected_minor),
        ("actual", before.actual_minor, now.actual_minor),
    ):
        if (old, before.currency) != (new, now.currency):
            old_text, new_text = amount_text(old, before.currency), amount_text(new, now.currency)
            said.append(f"the {name} amount was {old_text} and is {new_text}")
    said += _events("it also rests on", set(now.event_ids) - set(before.event_ids))
    said += _events("it no longer rests on", set(before.event_ids) - set(now.event_ids))
    return f"{is_now}: {listed(said)}." if said else f"{is_now}."


def changes_of_payment(before: PaymentReconciliation | None, now: PaymentReconciliation) -> str:
    """Say what is different about a payment.

    Args:
        before: the payment as the person saw it; None where that version is not known any more.
        now: the payment as it is.

    """
    if before is None:
        return f"It is {now.status} now."
    said = []
    if before.status != now.status:
        said.append(f"it was {before.status} and is {now.status}")
    for name, old, new in (
        ("net settled amount", before.settled.standing_minor, now.settled.standing_minor),
        ("posted amount", before.posted.net_minor, now.posted.net_minor),
    ):
        if old != new:
            said.append(f"the {name} was {amount_text(old, now.currency)} and is {amount_text(new, now.currency)}")
    old_parts, new_parts = _parts(before), _parts(now)
    if old_parts != new_parts:
        said.append(f"it was for {listed(old_parts)} and is for {listed(new_parts)}")
    opened = len(set(now.open_breaks) - set(before.open_breaks))
    closed = len(set(before.open_breaks) - set(now.open_breaks))
    said += [
        f"{counted(number, 'break')} {verb}" for number, verb in ((opened, "opened"), (closed, "closed")) if number
    ]
    return f"Since then {listed(said)}." if said else "What it rests on has changed."


def _drift(one: Break) -> str:
    return amount_text(one.actual_minor - one.expected_minor, one.currency)


def _events(verb: str, events: Iterable[str]) -> list[str]:
    named = sorted(events)
    if not named:
        return []
    if len(named) > EVENTS_NAMED_MAX:
        return [f"{verb} {counted(len(named), 'other event')}"]
    return [f"{verb} event {listed(named)}" if len(named) == 1 else f"{verb} events {listed(named)}"]


def _parts(payment: PaymentReconciliation) -> list[str]:
    return [
        f"{amount_text(one.amount_minor, payment.currency)} of obligation {one.obligation_id}"
        + ("" if one.installment_id is None else f", installment {one.installment_id}")
        for one in payment.allocations
    ] or ["no obligation"]
