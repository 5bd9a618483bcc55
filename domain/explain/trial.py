"""Corrective events tried on a copy of a key's state."""

from typing import assert_never

import msgspec

from domain.bank_entries import view as bank_entry
from domain.bank_entries.state import BankEntryState
from domain.breaks.model import Break
from domain.explain.context import State
from domain.explain.corrective_events import CorrectiveEvent
from domain.explain.samples import sample_event
from domain.facts import (
    AttemptClaim,
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    InputFact,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentApplication,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PayoutReported,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
    ReferenceClaim,
    Share,
)
from domain.ids import two_part_key
from domain.obligations import view as obligation
from domain.obligations.state import ObligationState
from domain.obligations.state import identities as obligation_identities
from domain.payments import view as payment
from domain.payments.state import PaymentState
from domain.payments.state import identities as payment_identities
from domain.payouts import view as payout
from domain.payouts.state import PayoutState
from domain.payouts.state import identities as payout_identities
from domain.payouts.totals import open_to
from domain.policy import Policy
from domain.records import MatchedBy
from domain.references import view as reference
from domain.references.state import ReferenceState, claims
from domain.snapshots import EntryOfPayout, PayoutEntry, PayoutMatch
from domain.time import FAR_PAST, Micros

_LATEST_REVISION = 1 << 62


def breaks_of(state: State, at: Micros, policy: Policy) -> tuple[Break, ...]:
    """Give the breaks of a key whose condition holds, accepted ones included."""
    if isinstance(state, PaymentState):
        return payment.view(state, at, policy).breaks
    if isinstance(state, ObligationState):
        return obligation.view(state, at, policy).breaks
    if isinstance(state, PayoutState):
        return payout.view(state, at, policy).breaks
    if isinstance(state, BankEntryState):
        return bank_entry.view(state, at, policy).breaks
    return reference.view(state, at, policy).breaks


def state_after(state: State, events: list[CorrectiveEvent], now: Micros) -> State:
    """Give the state as it would be after these events. They occur after what is known, even of the future."""
    at = max(now, _latest(state)) + 1
    copy = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=type(state))
    for number, event in enumerate(events):
        fact = sample_event(event, number, at)
        if isinstance(copy, PayoutState) and isinstance(fact, EntryMatched):
            _match(copy, fact, event.entry_minor, event.currency)
        else:
            _apply(copy, fact)
    return copy


def _latest(state: State) -> Micros:
    if isinstance(state, PaymentState):
        instants = [accepted.occurred_at for _, accepted in payment_identities(state)]
    elif isinstance(state, ObligationState):
        instants = [accepted.occurred_at for _, accepted in obligation_identities(state)]
    elif isinstance(state, PayoutState):
        instants = [accepted.occurred_at for _, accepted in payout_identities(state)]
    elif isinstance(state, BankEntryState):
        instants = [match.occurred_at for match in state.matches]
        if state.booking is not None:
            instants.append(state.booking.occurred_at)
    else:
        instants = [telling.occurred_at for some in state.tellings.values() for telling in some]
        instants += [occurred_at for occurred_at, _, _ in claims(state)]
        if state.assigned is not None:
            instants.append(state.assigned.occurred_at)
    return max(instants, default=FAR_PAST)


def _apply(state: State, fact: InputFact) -> None:
    if isinstance(state, PaymentState):
        _apply_to_payment(state, fact)
    elif isinstance(state, ObligationState):
        _apply_to_obligation(state, fact)
    elif isinstance(state, PayoutState):
        _apply_to_payout(state, fact)
    elif isinstance(state, BankEntryState):
        if isinstance(fact, BankEntryBooked | EntryMatched):
            bank_entry.apply(state, fact)
    else:
        _apply_to_reference(state, fact)


def _apply_to_payout(state: PayoutState, fact: InputFact) -> None:
    """Apply an event to a payout; a bank entry that names it as what the entry would send."""
    if isinstance(fact, PayoutReported | ProcessorSettled):
        payout.apply(state, fact)
    elif isinstance(fact, BankEntryBooked):
        entry = EntryOfPayout(
            fact.amount_minor, fact.currency, fact.booking_date, fact.occurred_at, fact.event_id, MatchedBy.NAMED
        )
        payout.apply(state, PayoutEntry(state.payout_key, fact.bank_entry_key, _LATEST_REVISION, entry))


def _match(state: PayoutState, fact: EntryMatched, entry_minor: int | None, currency: str) -> None:
    """Apply a match to a payout: as the entry would send it, or withdraw it, where it is matched to another one.

    Args:
        state: the payout's.
        fact: the match.
        entry_minor: the amount of the entry, where the payout does not know it.
        currency: of that amount.

    """
    key = fact.bank_entry_key
    group = open_to(state)
    matched = None if group is None else state.matches.get(group[0])
    if two_part_key(fact.processor, fact.payout_id) != state.payout_key:
        if group is not None and matched is not None and matched.bank_entry_key == key:
            payout.apply(state, PayoutMatch(state.payout_key, group[0], _LATEST_REVISION, key))
        else:
            payout.apply(state, PayoutEntry(state.payout_key, key, _LATEST_REVISION, None))
        return
    if matched is not None and matched.bank_entry_key == key:
        entry = matched.entry
    elif key in state.entries:
        entry = state.entries[key].entry
    else:
        entry = EntryOfPayout(entry_minor or 0, currency, 0, fact.occurred_at, fact.event_id, MatchedBy.PERSON)
    payout.apply(state, PayoutEntry(state.payout_key, key, _LATEST_REVISION, entry))


def _apply_to_payment(state: PaymentState, fact: InputFact) -> None:
    match fact:
        case PaymentInitiated() | PaymentReassigned() | ProcessorSettled() | PaymentPosted() | PostingReversed():
            payment.apply(state, fact)
        case (
            ReferenceAssigned()
            | ObligationCharged()
            | PlanChanged()
            | ObligationAdjusted()
            | ObligationCancelled()
            | ObligationReinstated()
            | PayoutReported()
            | BankEntryBooked()
            | EntryMatched()
            | BreakDecided()
        ):
            pass  # of another key
        case _:
            assert_never(fact)


def _apply_to_obligation(state: ObligationState, fact: InputFact) -> None:
    """Apply an event to an obligation; a payment's event as the application that would follow from it."""
    match fact:
        case ObligationCharged() | PlanChanged() | ObligationAdjusted() | ObligationCancelled():
            obligation.apply(state, fact)
        case ObligationReinstated():
            obligation.apply(state, fact)
        case PaymentInitiated() | PaymentReassigned() | ProcessorSettled():
            obligation.apply(state, _application_after(state, fact))
        case PaymentPosted() | PostingReversed() | ReferenceAssigned() | BreakDecided():
            pass
        case PayoutReported() | BankEntryBooked() | EntryMatched():
            pass
        case _:
            assert_never(fact)


def _apply_to_reference(state: ReferenceState, fact: InputFact) -> None:
    """Apply an event to a reference; an initiation or a record with a payment id as the claim that follows from it."""
    match fact:
        case ReferenceAssigned():
            reference.apply(state, fact)
        case PaymentInitiated():
            claim = ReferenceClaim(
                processor=fact.processor,
                processor_reference=fact.processor_reference or "",
                payment_id=fact.payment_id,
                revision=_LATEST_REVISION,
                claimed=True,
                occurred_at=fact.occurred_at,
                event_id=fact.event_id,
            )
            reference.apply(state, claim)
        case ProcessorSettled():
            if fact.payment_id is None:
                reference.apply(state, fact)
            else:
                reference.apply(state, AttemptClaim(fact.processor, fact.attempt_reference, fact.payment_id,
                                                    fact.occurred_at, fact.event_id))  # fmt: skip
        case (
            PaymentReassigned()
            | PaymentPosted()
            | PostingReversed()
            | ObligationCharged()
            | PlanChanged()
            | ObligationAdjusted()
            | ObligationCancelled()
            | ObligationReinstated()
            | PayoutReported()
            | BankEntryBooked()
            | EntryMatched()
            | BreakDecided()
        ):
            pass
        case _:
            assert_never(fact)


def _application_after(
    state: ObligationState, fact: PaymentInitiated | PaymentReassigned | ProcessorSettled
) -> PaymentApplication:
    known = state.applications[fact.payment_id or ""]
    shares, currency, property_id = known.shares, known.currency, known.property_id
    if isinstance(fact, PaymentInitiated):
        shares = (Share(0, fact.installment_id, known.standing_minor, known.in_flight_minor),)
        currency, property_id = fact.currency, fact.property_id
    elif isinstance(fact, PaymentReassigned):
        property_id = None
        shares = _reassigned(state.obligation_id, known.standing_minor, known.in_flight_minor, fact)
    else:
        shares = _after_outcome(shares, fact)
    return PaymentApplication(
        payment_id=fact.payment_id or "",
        obligation_id=state.obligation_id,
        revision=known.revision + 1,
        initiated=bool(shares),
        initiated_at=known.initiated_at,
        currency=currency,
        installment_id=None,
        standing_minor=sum(share.standing_minor for share in shares),
        in_flight_minor=sum(share.in_flight_minor for share in shares),
        pending_until=known.pending_until,
        posted=known.posted,
        rests_on=known.rests_on,
        initiation_event_id=known.initiation_event_id,
        shares=shares,
        assigned_at=fact.occurred_at if isinstance(fact, PaymentReassigned) else known.assigned_at,
        assignment_event_id=fact.event_id if isinstance(fact, PaymentReassigned) else known.assignment_event_id,
        property_id=property_id,
    )


def _reassigned(
    obligation_id: str, standing_minor: int, in_flight_minor: int, fact: PaymentReassigned
) -> tuple[Share, ...]:
    """Give what an obligation gets of its own money by another assignment. What is left goes to the last allocation."""
    shares = []
    last = len(fact.allocations) - 1
    for place, one in enumerate(fact.allocations):
        stands = standing_minor if place == last else min(standing_minor, one.amount_minor)
        flies = in_flight_minor if place == last else min(in_flight_minor, one.amount_minor - stands)
        standing_minor -= stands
        in_flight_minor -= flies
        if one.obligation_id == obligation_id:
            shares.append(Share(place, one.installment_id, stands, flies))
    return tuple(shares)


def _after_outcome(shares: tuple[Share, ...], fact: ProcessorSettled) -> tuple[Share, ...]:
    """Give the shares after a refund, which takes from the last first, or after a failure of what is in flight."""
    if fact.outcome == "FAILED":
        return tuple(msgspec.structs.replace(share, in_flight_minor=0) for share in shares)
    left = fact.gross_minor
    found = []
    for share in reversed(shares):
        taken = min(left, share.standing_minor)
        left -= taken
        found.append(msgspec.structs.replace(share, standing_minor=share.standing_minor - taken))
    return tuple(reversed(found))
