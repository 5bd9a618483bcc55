"""What is known of a key, in the order of time, in sentences."""

from domain.explain.context import BankEntryContext, Context, ObligationContext, PaymentContext, PayoutContext, State
from domain.explain.deadlines import ExplainedDeadline
from domain.explain.decided import decisions_on
from domain.explain.entries import TimelineEntry, in_time
from domain.explain.obligation_story import obligation_story
from domain.explain.payment_story import payment_story
from domain.explain.payout_story import bank_entry_story, payout_story
from domain.explain.reference_story import reference_story
from domain.obligations.state import ObligationState
from domain.payments.state import PaymentState
from domain.payouts.state import lines
from domain.references.state import claims, holder
from domain.time import Micros

__all__ = ["TimelineEntry", "property_of", "related_payment_ids", "timeline_of"]


PAYMENTS_MAX = 20
"""Of a payout with more lines no payments are named: they are nearly all fine."""


def property_of(state: State) -> str | None:
    """Give the property that a payment or an obligation is about; None where that is not known, as of a reference."""
    if isinstance(state, PaymentState):
        return None if state.initiation is None else state.initiation.property_id
    if isinstance(state, ObligationState):
        return None if state.charge is None else state.charge.property_id
    return None


def related_payment_ids(context: Context) -> tuple[str, ...]:
    """Give the payments whose own timelines say more about another key's break; none for a payment's break."""
    if isinstance(context, PaymentContext):
        return ()
    if isinstance(context, ObligationContext):
        return _payments_of_obligation(context)
    if isinstance(context, PayoutContext):
        return _payments_of_payout(context)
    if isinstance(context, BankEntryContext):
        return ()
    found = {payment_id for _, _, payment_id in claims(context.state)}
    held_by = holder(context.state)
    return tuple(sorted(found if held_by is None else found | {held_by}))


def _payments_of_obligation(context: ObligationContext) -> tuple[str, ...]:
    subject = context.mismatch.subject
    if subject[0] == "payment":
        return (subject[1],)
    if subject[0] != "balance":
        return ()
    events = set(context.mismatch.event_ids)
    return tuple(sorted(key for key, one in context.state.applications.items() if events.intersection(one.event_ids)))


def _payments_of_payout(context: PayoutContext) -> tuple[str, ...]:
    """The payments of its lines, where the break is about them and they can be looked at one by one."""
    events = set(context.mismatch.event_ids)
    of_lines = [line.payment_id for line in lines(context.state) if line.event_id in events and line.payment_id]
    return tuple(sorted(set(of_lines))) if len(of_lines) <= PAYMENTS_MAX else ()


def timeline_of(
    context: Context,
    deadlines: tuple[ExplainedDeadline, ...],
    *,
    opened_at: Micros | None,
    resolved_at: Micros | None,
) -> tuple[TimelineEntry, ...]:
    """Give what is known of a key and bears on a break, in the order of time.

    A payment's or a reference's timeline is all that is known of it; an obligation's leaves out payments that the break
    is not about. Decisions are those about the break.
    """
    if isinstance(context, PaymentContext):
        entries = list(payment_story(context))
    elif isinstance(context, ObligationContext):
        entries = list(obligation_story(context))
    elif isinstance(context, PayoutContext):
        entries = list(payout_story(context))
    elif isinstance(context, BankEntryContext):
        entries = list(bank_entry_story(context))
    else:
        entries = list(reference_story(context))
    entries += [
        TimelineEntry(at=one.decision.occurred_at, source="people", text=f"{one.text}.", event_id=one.decision.event_id)
        for one in decisions_on(context.state.decisions, context.mismatch)
    ]
    entries += [
        TimelineEntry(
            at=deadline.at,
            source="the clock",
            text=f"{deadline.name} passed: {deadline.requirement}.",
            is_evidence=deadline.at == context.mismatch.due_at,
        )
        for deadline in deadlines
        if deadline.passed
    ]
    if opened_at is not None:
        entries.append(TimelineEntry(at=opened_at, source="rentmatch", text="Break opened."))
    if resolved_at is not None:
        entries.append(TimelineEntry(at=resolved_at, source="rentmatch", text="Break resolved."))
    return tuple(sorted(entries, key=in_time))
