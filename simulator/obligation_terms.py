"""Obligations with terms of their own: dated charges, fees, credits for an installment, grace, reinstatement.

Also the payments for two obligations at once, whose facts are those of both.
"""

import msgspec

from domain.facts import Allocation, Installment, ObligationReinstated, PaymentReassigned
from domain.time import DAY, HOUR, Micros
from simulator.banking import start_of_day
from simulator.leases import Draft, spread
from simulator.obligations import Ledger, ObligationCase, Parts
from simulator.payments import Intent, PaymentScript


def credit_for_installment(ledger: Ledger, draft: Draft) -> Parts:
    """A credit is for one installment: the plan follows without a new version."""
    first, *others = ledger.replan(draft, 0, draft.amount_minor, spread(draft.due_date, 3))
    at = ledger.charge(draft, parts=(first, *others)).occurred_at
    credit = max(1, first.amount_minor // 3)
    ledger.adjust(draft, at, -credit, installment_id=first.installment_id)
    return (msgspec.structs.replace(first, amount_minor=first.amount_minor - credit), *others)


def dated_adjustment(ledger: Ledger, draft: Draft) -> Parts:
    """A further charge has a due date of its own, and sometimes a credit of its own."""
    at = ledger.charge(draft).occurred_at
    due, amount = draft.due_date + ledger.rng.randint(10, 40), max(2, draft.amount_minor // 30)
    extra = ledger.adjust(draft, at, amount, due_date=due)
    if ledger.rng.random() < 0.4:
        amount -= amount // 2
        ledger.adjust(draft, at, amount - extra.amount_delta_minor, number=2, installment_id=extra.adjustment_id)
    return (*draft.parts, Installment(extra.adjustment_id, 1, amount, due))


def late_fee(ledger: Ledger, draft: Draft) -> Parts:
    """A fee falls due in the middle of the month, and is paid by those who name it only."""
    ledger.charge(draft)
    charged_at = start_of_day(draft.due_date + draft.lease.grace_days, draft.lease.time_zone)
    dated = draft.due_date + 20 if ledger.rng.random() < 0.4 else None
    fee = ledger.adjust(draft, charged_at, max(1, draft.amount_minor // 20), kind="FEE", due_date=dated)
    if dated is None or ledger.rng.random() < 0.5:
        return draft.parts
    return (*draft.parts, Installment(fee.adjustment_id, 1, fee.amount_delta_minor, dated))


def adjustment_told_in_parts(ledger: Ledger, draft: Draft) -> Parts:
    """A further charge is told without its due date first: it is filled in."""
    at = ledger.charge(draft).occurred_at
    due, amount = draft.due_date + 25, max(1, draft.amount_minor // 40)
    first = ledger.adjust(draft, at, amount)
    ledger.recording.record(
        msgspec.structs.replace(
            first,
            event_id=ledger.recording.event_id(),
            occurred_at=first.occurred_at + ledger.recording.between(1 * HOUR, 3 * DAY),
            due_date=due,
            kind="RENT",
        )
    )
    return (*draft.parts, Installment(first.adjustment_id, 1, amount, due))


def grace_by_date(ledger: Ledger, draft: Draft) -> Parts:
    """The grace ends on a given day, of the charge or of its installments; sometimes it is told a day later."""

    def end(due: int) -> int:
        return due + draft.lease.grace_days + ledger.rng.randint(1, 9)

    parts = tuple(msgspec.structs.replace(part, grace_ends_on=end(part.due_date)) for part in draft.installments)
    if ledger.rng.random() < 0.5:
        ledger.charge(draft, parts=parts, grace_ends_on=end(draft.due_date))
        return draft.parts
    first = ledger.charge(draft)
    ledger.recording.record(
        msgspec.structs.replace(
            first,
            event_id=ledger.recording.event_id(),
            occurred_at=first.occurred_at + 1 * DAY,
            installments=parts,
            grace_ends_on=end(draft.due_date),
        )
    )
    return draft.parts


def reinstate(ledger: Ledger, draft: Draft, after: Micros, number: int = 1) -> Micros:
    """Record that the latest cancellation was a mistake; returns when."""
    at = after + ledger.recording.between(1 * HOUR, 2 * DAY)
    reinstatement_id = f"REI-{draft.obligation_id}-{number}"
    ledger.recording.record(
        ObligationReinstated(ledger.recording.event_id(), at, draft.obligation_id, reinstatement_id, "lease begun")
    )
    return at


def reinstated(ledger: Ledger, draft: Draft) -> Parts:
    """A cancellation was a mistake."""
    at = ledger.charge(draft).occurred_at
    reinstate(ledger, draft, ledger.cancel(draft, at))
    return draft.parts


def cancelled_again(ledger: Ledger, draft: Draft) -> Parts:
    """An obligation is cancelled, reinstated and cancelled once more."""
    at = ledger.charge(draft).occurred_at
    at = reinstate(ledger, draft, ledger.cancel(draft, at))
    ledger.cancel(draft, at, f"CAN-{draft.obligation_id}-2")
    return ()


def told_again_after_cancellation(ledger: Ledger, draft: Draft) -> Parts:
    """A charge is told once more after it was cancelled: it may be a second one."""
    charge = ledger.charge(draft)
    at = ledger.cancel(draft, charge.occurred_at) + ledger.recording.between(1 * HOUR, 2 * DAY)
    ledger.recording.record(msgspec.structs.replace(charge, event_id=ledger.recording.event_id(), occurred_at=at))
    ledger.recording.inject("conflicting_fact", draft.obligation_id)
    return ()


def owed_back(ledger: Ledger, draft: Draft) -> Parts:
    """A credit is larger than the rent: the difference is owed back."""
    at = ledger.charge(draft, parts=()).occurred_at
    ledger.adjust(draft, at, -draft.amount_minor - max(1, draft.amount_minor // 10))
    ledger.recording.inject("overpayment", draft.obligation_id)
    return ()


def with_parking(ledger: Ledger, draft: Draft) -> Draft:
    """Charge the rent and, as an obligation of its own, a parking lot; return that one."""
    ledger.charge(draft)
    parking = msgspec.structs.replace(
        draft,
        obligation_id=f"{draft.obligation_id}-parking",
        amount_minor=max(10, draft.amount_minor // 25),
        installments=(),
    )
    ledger.charge(parking)
    return parking


def intent_for(ledger: Ledger, draft: Draft, amount: int) -> Intent:
    """Return a payment for an obligation, which names no installment."""
    lease = draft.lease
    return Intent(
        payment_id=f"P-{draft.obligation_id}",
        tenant_id=lease.tenant_id,
        property_id=lease.property_id,
        obligation_id=draft.obligation_id,
        installment_id=None,
        amount_minor=amount,
        currency=lease.currency,
        method=lease.method,
        at=start_of_day(draft.due_date, lease.time_zone) - ledger.recording.between(10 * HOUR, 60 * HOUR),
        other_obligation_id=draft.obligation_id,
    )


def for_both(draft: Draft, parking: Draft) -> tuple[Allocation, ...]:
    """Return the allocations of a payment for the rent and the parking lot."""
    return (
        Allocation(draft.obligation_id, None, draft.amount_minor),
        Allocation(parking.obligation_id, None, parking.amount_minor),
    )


def paid_at_once(ledger: Ledger, draft: Draft) -> Parts:
    """One payment is for two obligations, and the ledger posts to both."""
    parking, script = with_parking(ledger, draft), PaymentScript(ledger.recording)
    intent = intent_for(ledger, draft, draft.amount_minor + parking.amount_minor)
    script.initiate(intent, allocations=for_both(draft, parking))
    at = script.settle(intent)
    script.post(intent, at, amount=draft.amount_minor)
    script.post(intent, at, amount=parking.amount_minor, obligation_id=parking.obligation_id, number=2)
    return ()


def posting_misallocated(ledger: Ledger, draft: Draft) -> Parts:
    """One payment is for two obligations, and the ledger posts all of it to one of them."""
    parking, script = with_parking(ledger, draft), PaymentScript(ledger.recording)
    intent = intent_for(ledger, draft, draft.amount_minor + parking.amount_minor)
    script.initiate(intent, allocations=for_both(draft, parking))
    script.post(intent, script.settle(intent))
    ledger.recording.inject("posting_misallocated", intent.payment_id)
    return ()


def moved(ledger: Ledger, draft: Draft) -> Parts:
    """A payment was for the parking lot and is moved there; the ledger had known it. The rent is paid by another."""
    parking, script = with_parking(ledger, draft), PaymentScript(ledger.recording)
    intent = intent_for(ledger, draft, parking.amount_minor)
    script.initiate(intent)
    at = script.settle(intent)
    script.post(intent, at, obligation_id=parking.obligation_id)
    to_parking = (Allocation(parking.obligation_id, None, parking.amount_minor),)
    later = ledger.recording.between(1 * HOUR, 4 * DAY)
    # The first move is wrong and arrives after the second, which holds by its version.
    reassign(ledger, intent, at + later, 1, (Allocation(draft.obligation_id, None, 1), *to_parking), 3 * DAY)
    reassign(ledger, intent, at + later + HOUR, 2, to_parking)
    return draft.parts


def reassign(
    ledger: Ledger,
    intent: Intent,
    at: Micros,
    version: int,
    allocations: tuple[Allocation, ...],
    arrives_later: Micros = 0,
) -> None:
    """Record that a person moved a payment."""
    ledger.recording.record(
        PaymentReassigned(
            event_id=ledger.recording.event_id(),
            occurred_at=at,
            payment_id=intent.payment_id,
            assignment_version=version,
            allocations=allocations,
            reason="the tenant meant the parking lot",
            actor="treasury",
        ),
        arrives_later,
    )


HARMLESS_TERMS: dict[str, ObligationCase] = {
    "credit_for_installment": credit_for_installment,
    "dated_adjustment": dated_adjustment,
    "late_fee": late_fee,
    "adjustment_told_in_parts": adjustment_told_in_parts,
    "grace_by_date": grace_by_date,
    "reinstated": reinstated,
    "cancelled_again": cancelled_again,
    "paid_at_once": paid_at_once,
    "moved": moved,
}
BROKEN_TERMS: dict[str, ObligationCase] = {
    "told_again_after_cancellation": told_again_after_cancellation,
    "owed_back": owed_back,
    "posting_misallocated": posting_misallocated,
}
"""Cases that end in a break. Their tenants pay in full, plainly and on time, so that nothing hides it."""
