"""Moves money by facts: gives a reference to a payment, and a payment's money to other obligations.

What these make are `ReferenceAssigned` and `PaymentReassigned` (contract sections 2 and 10), checked against the states
that workers have committed, with what they will change.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from domain.breaks.model import Break
from domain.commands.decisions import after_all
from domain.commands.refusal import Author, RefusalKind, Refused
from domain.facts import Allocation, PaymentReassigned, ReferenceAssigned
from domain.formatting import amount_text, counted, listed
from domain.ids import parts_of_key
from domain.obligations.state import ObligationState
from domain.payments import view as payment
from domain.payments.view import PaymentState, PaymentView
from domain.policy import Policy
from domain.records import AllocationView
from domain.references import view as reference
from domain.references.view import ReferenceState
from domain.time import Micros

S = TypeVar("S", bound=msgspec.Struct)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a part of a payment's money is to go."""

    obligation_id: str
    installment_id: str | None
    amount_minor: int | None
    """None: the rest."""


def give_reference(
    state: ReferenceState | None, key: str, payment_id: str, author: Author, now: Micros
) -> ReferenceAssigned:
    """Give a reference to a payment.

    Args:
        state: the reference; None where nothing is known of it.
        key: its key.
        payment_id: the payment.
        author: who decides.
        now: the instant of the decision.

    Raises:
        Refused: it would change nothing.

    """
    assigned = None if state is None else state.assigned
    if assigned is not None and assigned.payment_id == payment_id:
        who = "somebody" if assigned.actor is None else assigned.actor
        raise Refused(f"{who} has given reference {key} to payment {payment_id} already", RefusalKind.CHANGED)
    processor, processor_reference = parts_of_key(key)
    return ReferenceAssigned(
        event_id=author.record_id,
        occurred_at=after_all(now, () if assigned is None else (assigned.occurred_at,)),
        payment_id=payment_id,
        processor=processor,
        processor_reference=processor_reference,
        actor=author.actor,
        reason=author.reason,
    )


def forecast_of_reference(
    state: ReferenceState | None, holder: PaymentState | None, fact: ReferenceAssigned, now: Micros, policy: Policy
) -> list[str]:
    """Say what will become of a reference, in sentences.

    Args:
        state: the reference; None where nothing is known of it.
        holder: the payment that gets it; None where nothing is known of it.
        fact: the decision.
        now: the instant to look from.
        policy: the deadlines.

    """
    before = state or reference.new_reference(fact.reference_key)
    after = _copy(before)
    reference.apply(after, fact)
    old, new = reference.view(before, now, policy), reference.view(after, now, policy)
    found = new.reconciliation
    if found is None or not found.records:
        said = [f"Settlement records of {fact.reference_key} that name no payment will count for {fact.payment_id}."]
    else:
        gross = listed(amount_text(minor, currency) for currency, minor in found.gross_minor.items())
        what = f"{counted(found.records, 'settlement record')} of {fact.reference_key}"
        what += f", {gross} settled," if gross else ""
        held_by = None if old.reconciliation is None else old.reconciliation.payment_id
        instead = "" if held_by in (None, fact.payment_id) else f" instead of payment {held_by}"
        said = [f"{what} will count for payment {fact.payment_id}{instead}."]
        initiation = None if holder is None else holder.initiation
        if initiation is not None and found.gross_minor not in ({}, {initiation.currency: initiation.amount_minor}):
            initiated = amount_text(initiation.amount_minor, initiation.currency)
            said.append(f"Payment {fact.payment_id} was initiated with {initiated}: the amounts differ.")
    return said + changes_of_breaks(old.breaks, new.breaks)


def move_payment(state: PaymentState, targets: Sequence[Target], author: Author, now: Micros) -> PaymentReassigned:
    """Give a payment's money to other obligations.

    Args:
        state: the payment.
        targets: where it goes, in that order; at most one without an amount, which takes the rest.
        author: who decides.
        now: the instant of the decision.

    Raises:
        Refused: the targets do not make allocations, or it would change nothing.

    """
    initiation = state.initiation
    if initiation is None:
        raise Refused(f"payment {state.payment_id} is not initiated, so there is no amount to move yet")
    allocations = _allocations(targets, initiation.amount_minor, initiation.currency)
    # To reassign what is in force confirms an initiation (property_mismatch); after that, it changes nothing.
    if state.assignments and state.assignments[max(state.assignments)].allocations == allocations:
        raise Refused(f"payment {state.payment_id} is assigned so already", RefusalKind.CHANGED)
    return PaymentReassigned(
        event_id=author.record_id,
        occurred_at=now,
        payment_id=state.payment_id,
        assignment_version=max(state.assignments, default=0) + 1,
        allocations=allocations,
        reason=author.reason,
        actor=author.actor,
    )


def _allocations(targets: Sequence[Target], amount_minor: int, currency: str) -> tuple[Allocation, ...]:
    pairs = [(target.obligation_id, target.installment_id) for target in targets]
    if len(set(pairs)) < len(pairs):
        raise Refused("an obligation, or an installment of it, is named twice")
    open_ended = [target for target in targets if target.amount_minor is None]
    if len(open_ended) > 1:
        raise Refused("at most one may be without an amount: it takes the rest")
    given = sum(target.amount_minor or 0 for target in targets)
    rest = amount_minor - given
    if (rest < 1) if open_ended else rest:
        amounts = f"the amounts add up to {amount_text(given, currency)}"
        whole = amount_text(amount_minor, currency)
        raise Refused(
            f"{amounts}, and the payment is {whole}: {'nothing is left for' if open_ended else 'give the rest to'} "
            "the one without an amount"
        )
    return tuple(
        Allocation(
            target.obligation_id,
            target.installment_id,
            rest if target.amount_minor is None else target.amount_minor,
        )
        for target in targets
    )


def forecast_of_payment(
    state: PaymentState,
    obligations: dict[str, ObligationState | None],
    fact: PaymentReassigned,
    now: Micros,
    policy: Policy,
) -> list[str]:
    """Say where a payment's money will go, in sentences.

    Args:
        state: the payment.
        obligations: the obligations that it goes to, None where nothing is known of one.
        fact: the decision.
        now: the instant to look from.
        policy: the deadlines.

    """
    after = _copy(state)
    payment.apply(after, fact)
    old, new = payment.view(state, now, policy), payment.view(after, now, policy)
    said = [_allocation_text(one, _currency(new)) for one in _in_force(new)]
    for allocation in fact.allocations:
        said += _doubts(allocation, obligations[allocation.obligation_id], _currency(new))
    return said + changes_of_breaks(old.breaks, new.breaks)


def _in_force(view: PaymentView) -> tuple[AllocationView, ...]:
    return () if view.reconciliation is None else view.reconciliation.allocations


def _currency(view: PaymentView) -> str:
    return "" if view.reconciliation is None else view.reconciliation.currency


def _allocation_text(one: AllocationView, currency: str) -> str:
    installment = "" if one.installment_id is None else f", installment {one.installment_id}"
    pending = f", {amount_text(one.pending_minor, currency)} on its way" if one.pending_minor else ""
    return (
        f"{amount_text(one.amount_minor, currency)} will be for obligation {one.obligation_id}{installment}: "
        f"{amount_text(one.standing_minor, currency)} of it is net settled{pending}."
    )


def _doubts(allocation: Allocation, state: ObligationState | None, currency: str) -> list[str]:
    where = f"obligation {allocation.obligation_id}"
    if state is None or state.charge is None:
        return [f"No charge of {where} is known: its money waits for one (obligation_unknown)."]
    if state.charge.currency != currency:
        return [f"The charge of {where} is in {state.charge.currency}: the money will not be allocated there."]
    return []


def changes_of_breaks(before: Iterable[Break], after: Iterable[Break]) -> list[str]:
    """Say which breaks of a key close and open, one sentence each."""
    open_before = {one.break_id: one for one in before if not one.is_accepted}
    open_after = {one.break_id: one for one in after if not one.is_accepted}
    closed = [one for break_id, one in open_before.items() if break_id not in open_after]
    opened = [one for break_id, one in open_after.items() if break_id not in open_before]
    return [
        f"It {verb} {one.break_class} on {' '.join(one.subject)}."
        for verb, changed in (("resolves", closed), ("opens", opened))
        for one in sorted(changed, key=lambda one: one.subject)
    ]


def _copy(state: S) -> S:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))
