"""What would resolve a break: each remedy is tried on a copy of the state before it is given."""

from typing import TypeAlias, assert_never

import msgspec

from domain.breaks.model import Break
from domain.calendar import later
from domain.explain.context import Context
from domain.explain.corrective_events import Candidate, CorrectiveEvent, sample_event
from domain.explain.descriptions import form_of
from domain.facts import (
    InputFact,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    PaymentApplication,
    PaymentInitiated,
    PaymentPosted,
    PlanChanged,
    PostingReversed,
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

LONG_AFTER = 366 * DAY
"""A remedy must still hold this much later; merely restarting a deadline does not count."""

State: TypeAlias = PaymentState | ObligationState

_AMOUNTS = frozenset(("amount_minor", "gross_minor", "amount_delta_minor"))


class Remedy(msgspec.Struct, frozen=True):
    """Events that together resolve a break."""

    action: str
    """What happens, in a clause."""
    by: str
    """Who sends the events: `the app`, `the ledger`, a processor."""
    events: tuple[CorrectiveEvent, ...]
    consequences: tuple[tuple[BreakClass, Micros | None], ...]
    """The breaks that open next unless further events come, each with its deadline; None: at once."""


def remedies_of(context: Context, now: Micros) -> tuple[Remedy, ...]:
    """Give what would resolve an open break, the likeliest first; each alone does.

    Args:
        context: the break and the state of its key; it is not changed.
        now: the instant to look from.

    """
    state, policy, break_id = context.state, context.policy, context.mismatch.break_id
    candidates = form_of(context.key_kind, context.mismatch).remedies
    if candidates is None:
        return ()
    open_before = {one.break_id for at in (now, later(now, LONG_AFTER)) for one in _breaks(state, at, policy)}
    found = []
    for candidate in candidates(context):
        after = _after(state, candidate.events, now)
        lasting = _breaks(after, later(now, LONG_AFTER), policy)
        if break_id not in {one.break_id for one in (*_breaks(after, now, policy), *lasting)}:
            opened = [one for one in lasting if one.break_id not in open_before]
            found.append(
                Remedy(candidate.action, candidate.by, tuple(candidate.events), _consequences(candidate, opened))
            )
    return tuple(found)


def _consequences(candidate: Candidate, opened: list[Break]) -> tuple[tuple[BreakClass, Micros | None], ...]:
    """Give what opens next. What only follows from a sample's amount is left out."""
    has_open_amount = any(_AMOUNTS & event.open_fields.keys() for event in candidate.events)
    found = [
        (one.break_class, one.due_at)
        for one in opened
        if not has_open_amount or one.break_class is BreakClass.CONFLICTING_FACT
    ]
    is_correction = any(event.must_precede is not None for event in candidate.events)
    if is_correction and all(break_class is not BreakClass.CONFLICTING_FACT for break_class, _ in found):
        found.append((BreakClass.CONFLICTING_FACT, None))  # at the key of the corrected record
    return tuple(found)


def _breaks(state: State, at: Micros, policy: Policy) -> tuple[Break, ...]:
    if isinstance(state, PaymentState):
        return payment.view(state, at, policy).breaks
    return obligation.view(state, at, policy).breaks


def _after(state: State, events: list[CorrectiveEvent], now: Micros) -> State:
    """Give the state as it would be after these events."""
    known = payment_identities(state) if isinstance(state, PaymentState) else obligation_identities(state)
    # They occur after the known facts, even after those stamped in the future.
    at = max([now, *(accepted.occurred_at for _, accepted in known)]) + 1
    copy = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))
    for number, event in enumerate(events):
        _apply(copy, sample_event(event, number, at))
    return copy


def _apply(state: State, fact: InputFact) -> None:
    """Apply an event to the state; to an obligation, a payment's event as the application that would follow from it."""
    match fact:
        case ObligationCharged() | PlanChanged() | ObligationAdjusted() | ObligationCancelled():
            if isinstance(state, ObligationState):
                obligation.apply(state, fact)
        case PaymentInitiated() | ProcessorSettled() | PaymentPosted() | PostingReversed():
            if isinstance(state, PaymentState):
                payment.apply(state, fact)
            else:
                obligation.apply(state, _application_after(state, fact))
        case _:
            assert_never(fact)


def _application_after(
    state: ObligationState, fact: PaymentInitiated | ProcessorSettled | PaymentPosted | PostingReversed
) -> PaymentApplication:
    known = state.applications[fact.payment_id]
    values = msgspec.structs.asdict(known) | {"revision": known.revision + 1, "in_flight_minor": 0}
    if isinstance(fact, PaymentInitiated):
        values |= {"currency": fact.currency, "installment_id": fact.installment_id}
        values["in_flight_minor"] = known.in_flight_minor
    elif isinstance(fact, ProcessorSettled):
        values["standing_minor"] = max(0, known.standing_minor - fact.gross_minor)
    return PaymentApplication(payment_id=fact.payment_id, obligation_id=state.obligation_id, **values)
