"""What may resolve the breaks of what the ledger posted of a payment, the likeliest first."""

from collections.abc import Iterator
from typing import Any

from domain.explain.context import PaymentContext
from domain.explain.corrective_events import Candidate, CorrectiveEvent
from domain.explain.money import (
    given_to,
    live_postings_of,
    outcome_event,
    postable,
    posted_to,
    posting_events,
    processor_of,
    reassignment,
    reversal_event,
    reversals,
)
from domain.explain.payment_remedies import return_is_taken_back
from domain.facts import PaymentPosted, PostingReversed
from domain.payments.state import Reversal
from domain.payments.totals import reversed_by_posting


def posted_amount_is_corrected(context: PaymentContext) -> Iterator[Candidate]:
    """Reverse the excess, or post the shortfall."""
    if context.totals.posted_minor > postable(context):
        return _excess_is_reversed(context)
    return _shortfall_is_posted(context)


def _excess_is_reversed(context: PaymentContext) -> Iterator[Candidate]:
    state, totals = context.state, context.totals
    right = postable(context)
    yield Candidate("the ledger reverses the excess", "the ledger", reversals(context, totals.posted_minor - right))
    live = live_postings_of(context)
    if right and len(live) == 1:
        events = [reversal_event(state, *live[0]), *posting_events(context, right, {})]
        yield Candidate("the ledger reverses its posting, and posts the right amount", "the ledger", events)
    if state.initiation is not None and totals.posted_minor <= state.initiation.amount_minor:
        processor = processor_of(context)
        lacking = totals.posted_minor - totals.collected_minor + totals.reversed_minor
        # A further settlement lets chargebacks count that were above all that settled.
        settled = outcome_event(context, "SETTLED", lacking + totals.chargeback_excess_minor, processor)
        yield Candidate(f"{processor} collects the money again in a new attempt", processor, [settled])
        yield from return_is_taken_back(context, lacking)


def _shortfall_is_posted(context: PaymentContext) -> Iterator[Candidate]:
    totals = context.totals
    shortfall = totals.standing_minor - totals.posted_minor
    if shortfall > 0:
        what = "the rest of what is net settled" if totals.posted_minor else "what is net settled"
        yield Candidate(f"the ledger posts {what}", "the ledger", posting_events(context, shortfall))


def over_reversal_is_corrected(context: PaymentContext) -> Iterator[Candidate]:
    """Correct the reversals or the postings, and post what is net settled."""
    state, totals = context.state, context.totals
    undone = reversed_by_posting(state)
    corrected_reversals, corrected_postings = [], []
    for posting_id in totals.over_reversed:
        posting = state.postings[posting_id]
        excess = undone[posting_id] - posting.amount_minor
        corrected_reversals += _less_reversed(context, posting_id, posting.currency, excess)
        fields = {
            "payment_id": state.payment_id,
            "obligation_id": posting.obligation_id,
            "posting_id": posting_id,
            "installment_id": posting.installment_id,
            "amount_minor": undone[posting_id],
            "currency": posting.currency,
        }
        corrected_postings.append(CorrectiveEvent(PaymentPosted, fields, must_precede=posting.occurred_at))
    right = postable(context)
    repaired: list[CorrectiveEvent] = []
    if right > totals.posted_minor:
        repaired = posting_events(context, right - totals.posted_minor)
    elif right < totals.posted_minor:
        repaired = reversals(context, totals.posted_minor - right)
    then = ", and posts what is net settled" if right > totals.posted_minor else ""
    action = f"the ledger corrects the reversal that was too much{then}"
    yield Candidate(action, "the ledger", [*corrected_reversals, *repaired])
    yield Candidate(
        f"the ledger corrects its posting, if more was posted{then}", "the ledger", [*corrected_postings, *repaired]
    )


def _less_reversed(context: PaymentContext, posting_id: str, currency: str, excess_minor: int) -> list[CorrectiveEvent]:
    """Correct the latest reversals of a posting by the excess. One that was all excess was of another posting."""
    known: list[tuple[str, Reversal]] = [
        (reversal_id, each)
        for reversal_id, each in context.state.reversals.items()
        if each.posting_id == posting_id and each.currency == currency
    ]
    events = []
    for reversal_id, each in sorted(known, key=lambda one: (one[1].occurred_at, one[0]), reverse=True):
        if not excess_minor:
            break
        fields: dict[str, Any] = {
            "payment_id": context.state.payment_id,
            "obligation_id": each.obligation_id,
            "reversal_id": reversal_id,
            "amount_minor": each.amount_minor,
            "currency": each.currency,
        }
        if each.amount_minor > excess_minor:
            fields |= {"posting_id": posting_id, "amount_minor": each.amount_minor - excess_minor}
        excess_minor -= min(excess_minor, each.amount_minor)
        events.append(CorrectiveEvent(PostingReversed, fields, must_precede=each.occurred_at))
    return events


def posting_is_reported(context: PaymentContext) -> Iterator[Candidate]:
    """Report the posting, or correct the reversal."""
    state = context.state
    reversal_id = context.mismatch.subject[1]
    reversal = state.reversals[reversal_id]
    amount = sum(
        each.amount_minor
        for each in state.reversals.values()
        if each.posting_id == reversal.posting_id and each.currency == reversal.currency
    )
    fields: dict[str, Any] = {
        "payment_id": state.payment_id,
        "obligation_id": reversal.obligation_id,
        "posting_id": reversal.posting_id,
        "amount_minor": amount,
        "currency": reversal.currency,
    }
    action = "the ledger reports the posting (its event was lost, or is among the dead letters)"
    yield Candidate(action, "the ledger", [CorrectiveEvent(PaymentPosted, fields)])
    for posting_id, posting, live in live_postings_of(context, foreign=reversal.currency != context.totals.currency):
        if posting.currency == reversal.currency and live >= reversal.amount_minor:
            fields = {
                "payment_id": state.payment_id,
                "obligation_id": posting.obligation_id,
                "reversal_id": reversal_id,
                "posting_id": posting_id,
                "amount_minor": reversal.amount_minor,
                "currency": reversal.currency,
            }
            event = CorrectiveEvent(PostingReversed, fields, must_precede=reversal.occurred_at)
            yield Candidate(f"the ledger corrects its reversal, if it is of {posting_id}", "the ledger", [event])
            return


def posting_is_moved(context: PaymentContext) -> Iterator[Candidate]:
    """Reverse what is posted to the wrong obligation and post it to the right one, or move the payment's money."""
    wrong = context.mismatch.subject[1]
    if context.state.initiation is None:
        return
    misposted = [each for each in live_postings_of(context) if each[1].obligation_id == wrong]
    amount = sum(live for _, _, live in misposted)
    events = [reversal_event(context.state, *each) for each in misposted]
    action = f"the ledger reverses what it posted to {wrong}"
    repost = min(amount, postable(context) - (context.totals.posted_minor - amount))
    if repost > 0:
        reposted = posting_events(context, repost)
        events += reposted
        action += f", and posts it to {' and '.join(each.fields['obligation_id'] for each in reposted)}"
    yield Candidate(action, "the ledger", events)
    yield _money_follows_the_ledger(context)


def postings_follow_the_allocations(context: PaymentContext) -> Iterator[Candidate]:
    """Move what is posted to where the money is, or the money to where it is posted."""
    posted, given = posted_to(context), given_to(context)
    events: list[CorrectiveEvent] = []
    for obligation_id, minor in posted.items():
        excess = minor - given.get(obligation_id, 0)
        if excess > 0:
            events += reversals(context, excess, frozenset((obligation_id,)))
            posted[obligation_id] = minor - excess
    lacking = context.totals.standing_minor - sum(posted.values())
    if lacking > 0:
        events += posting_events(context, lacking, posted)
    yield Candidate("the ledger moves the difference", "the ledger", events)
    yield _money_follows_the_ledger(context)


def _money_follows_the_ledger(context: PaymentContext) -> Candidate:
    event = reassignment(context, posted_to(context))
    return Candidate("a person moves the payment's money, if the ledger is right", "a person", [event])
