"""What would resolve a break: every piece of advice is tried on a copy of the state before it is given."""

from collections.abc import Iterator

import msgspec

from domain.breaks.model import Break
from domain.calendar import later
from domain.explain import obligation_remedies, payment_remedies
from domain.explain.corrective_events import CorrectiveEvent, Remedy, sample
from domain.facts import (
    InputFact,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    PaymentApplication,
    PaymentInitiated,
    PlanChanged,
    ProcessorSettled,
)
from domain.obligations import view as obligation
from domain.obligations.state import identities as obligation_identities
from domain.obligations.view import ObligationState
from domain.payments import view as payment
from domain.payments.state import identities as payment_identities
from domain.payments.view import PaymentState
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import DAY, Micros

__all__ = ["CorrectiveEvent", "Remedy", "remedies_of"]

LONG_AFTER = 366 * DAY
"""What only lets a deadline begin anew does not count as resolved: the break must still be gone so much later."""

_OF_OBLIGATIONS = ObligationCharged | PlanChanged | ObligationAdjusted | ObligationCancelled
_AMOUNTS = frozenset(("amount_minor", "gross_minor", "amount_delta_minor"))


def remedies_of(state: PaymentState | ObligationState, one: Break, now: Micros, policy: Policy) -> tuple[Remedy, ...]:
    """Give what would resolve an open break, the likeliest first; each alone does.

    Args:
        state: the key that the break is of; it is not changed.
        one: the break.
        now: the instant to look from.
        policy: the deadlines.

    """
    if isinstance(state, PaymentState):
        candidates = payment_remedies.candidates(state, one)
    else:
        candidates = obligation_remedies.candidates(state, one)
    before = {each.break_id for at in (now, later(now, LONG_AFTER)) for each in _breaks(state, at, policy)}
    found = []
    for what, by, events in candidates:
        after = _after(state, events, now)
        lasting = _breaks(after, later(now, LONG_AFTER), policy)
        if one.break_id in {each.break_id for each in (*_breaks(after, now, policy), *lasting)}:
            continue
        made_up = any(_AMOUNTS & event.open_fields.keys() for event in events)
        consequences = tuple(
            (each.break_class, each.due_at)
            for each in lasting
            if each.break_id not in before
            # What follows from an amount that was only made up for the trial says nothing.
            and (not made_up or each.break_class is BreakClass.CONFLICTING_FACT)
        )
        conflicts = any(name is BreakClass.CONFLICTING_FACT for name, _ in consequences)
        if any(event.must_precede is not None for event in events) and not conflicts:
            consequences = (*consequences, (BreakClass.CONFLICTING_FACT, None))  # at the key of the corrected record
        found.append(Remedy(what, by, tuple(events), consequences))
    return tuple(found)


def _breaks(state: PaymentState | ObligationState, at: Micros, policy: Policy) -> tuple[Break, ...]:
    if isinstance(state, PaymentState):
        return payment.view(state, at, policy).breaks
    return obligation.view(state, at, policy).breaks


def _after(
    state: PaymentState | ObligationState, events: list[CorrectiveEvent], now: Micros
) -> PaymentState | ObligationState:
    """Give the state as it would be after these events."""
    packed = msgspec.msgpack.encode(state)
    # What answers to facts comes after them, also where they are stamped in the future.
    known = payment_identities(state) if isinstance(state, PaymentState) else obligation_identities(state)
    at = max([now, *(held.occurred_at for _, held in known)]) + 1
    facts = [sample(event, number, at) for number, event in enumerate(events)]
    if isinstance(state, PaymentState):
        paid = msgspec.msgpack.decode(packed, type=PaymentState)
        for fact in facts:
            if not isinstance(fact, _OF_OBLIGATIONS):
                payment.apply(paid, fact)
        return paid
    owed = msgspec.msgpack.decode(packed, type=ObligationState)
    for fact in facts:
        for told in _told_to_the_obligation(owed, fact):
            obligation.apply(owed, told)
    return owed


def _told_to_the_obligation(
    state: ObligationState, fact: InputFact
) -> Iterator[ObligationCharged | PlanChanged | ObligationAdjusted | ObligationCancelled | PaymentApplication]:
    """Give what an obligation learns of an event: a payment's keeper would tell it a new part."""
    if isinstance(fact, _OF_OBLIGATIONS):
        yield fact
        return
    part = state.applications[fact.payment_id]
    currency, installment_id, standing, in_flight = part.currency, part.installment_id, part.standing_minor, 0
    if isinstance(fact, PaymentInitiated):
        currency, installment_id, in_flight = fact.currency, fact.installment_id, part.in_flight_minor
    elif isinstance(fact, ProcessorSettled):
        standing = max(0, standing - fact.gross_minor)
    yield PaymentApplication(
        fact.payment_id,
        state.obligation_id,
        part.revision + 1,
        part.initiated,
        part.initiated_at,
        currency,
        installment_id,
        standing,
        in_flight,
        part.pending_until,
        part.posted,
        part.rests_on,
        part.initiation_event_id,
    )
