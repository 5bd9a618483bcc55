"""What is known of a payment's money, and the events that move it: what remedies are made of."""

from typing import Any, NamedTuple

from domain.explain.context import PaymentContext
from domain.explain.corrective_events import CorrectiveEvent
from domain.facts import Allocation, Outcome, PaymentPosted, PaymentReassigned, PostingReversed, ProcessorSettled
from domain.payments.movements import ORDER_WITHIN_INSTANT, Movement, go_through_attempt
from domain.payments.state import OutcomeId, PaymentState, Posting, SettlementOutcome, outcomes
from domain.payments.totals import attempt_key, live_postings
from domain.time import FAR_PAST, Micros

_OF_ATTEMPTS = frozenset(("SETTLED", "FAILED", "RETURNED", "RETURN_REVERSED"))


class KnownAttempt(NamedTuple):
    """An attempt, in the payment's currency."""

    processor: str
    reference: str
    live_minor: int
    """What it collected and still has."""
    back_minor: int
    """What a return or a failure took back."""
    settled_at: Micros
    """When it last settled; FAR_PAST if it never did."""


def reported(context: PaymentContext, *kinds: Outcome) -> list[tuple[OutcomeId, SettlementOutcome]]:
    """Give the outcomes of these kinds in the payment's currency, in the order of contract section 4."""
    found = [
        (identity, each)
        for identity, each in outcomes(context.whole)
        if identity[2] in kinds and each.currency == context.totals.currency
    ]
    return sorted(found, key=lambda one: _movement(*one))


def _movement(identity: OutcomeId, each: SettlementOutcome) -> Movement:
    _, reference, outcome, movement_id = identity
    return each.occurred_at, ORDER_WITHIN_INSTANT[outcome], reference, movement_id, each.gross_minor


def attempts_of(context: PaymentContext) -> list[KnownAttempt]:
    """Give the attempts, the one that settled last first."""
    movements: dict[tuple[str, str], list[Movement]] = {}
    settled_at: dict[tuple[str, str], Micros] = {}
    for identity, each in reported(context, "SETTLED", "FAILED", "RETURNED", "RETURN_REVERSED"):
        key = attempt_key(identity, each)
        movements.setdefault(key, []).append(_movement(identity, each))
        if identity[2] == "SETTLED":
            settled_at[key] = each.occurred_at
    found = []
    for key, of_attempt in movements.items():
        came_to = go_through_attempt(of_attempt)
        found.append(KnownAttempt(*key, came_to.live_minor, came_to.back_minor, settled_at.get(key, FAR_PAST)))
    return sorted(found, key=lambda each: (each.settled_at, each.processor, each.reference), reverse=True)


def outcome_event(
    context: PaymentContext, outcome: Outcome, gross_minor: int, processor: str, reference: str | None = None
) -> CorrectiveEvent:
    """Describe a processor's report, in the payment's currency; without a reference it is a new attempt's."""
    attempt = {} if reference is None else {"processor_reference": reference}
    fields = {
        "payment_id": context.state.payment_id,
        "processor": processor,
        "outcome": outcome,
        "gross_minor": gross_minor,
        "currency": context.totals.currency,
    }
    return CorrectiveEvent(ProcessorSettled, fields | attempt)


def corrected_outcome(payment_id: str, identity: OutcomeId, known: SettlementOutcome, **fields: Any) -> CorrectiveEvent:
    """Describe a record that counts instead of the reported one, with other `fields`."""
    processor, reference, outcome, movement_id = identity
    kept: dict[str, Any] = {
        "payment_id": payment_id,
        "processor": processor,
        "processor_reference": reference,
        "outcome": outcome,
        "movement_id": movement_id or None,
        "original_reference": known.original_reference,
        "currency": known.currency,
        "value_date": known.value_date,
    }
    if "currency" not in fields:
        kept["gross_minor"] = known.gross_minor
    return CorrectiveEvent(ProcessorSettled, kept | fields, must_precede=known.occurred_at)


def processor_of(context: PaymentContext) -> str:
    """Give the processor that the payment was initiated with, or one that reported on it."""
    if context.state.initiation is not None:
        return context.state.initiation.processor
    return next(iter(context.whole.attempts), "the processor")


# Postings


def live_postings_of(context: PaymentContext, *, foreign: bool = False) -> list[tuple[str, Posting, int]]:
    """Give the live postings in the payment's currency, or those in others: the latest first."""
    currency = context.totals.currency
    live = [each for each in live_postings(context.state) if (each[1].currency != currency) == foreign]
    return sorted(live, key=lambda each: (each[1].occurred_at, each[0]), reverse=True)


def only_obligation(state: PaymentState) -> dict[str, str]:
    """Give the obligation that was posted to, if there is only one."""
    obligations = {posting.obligation_id for posting in state.postings.values()}
    return {"obligation_id": obligations.pop()} if len(obligations) == 1 else {}


def postable(context: PaymentContext) -> int:
    """Give what should be posted by what is known now, in minor units."""
    totals, initiation = context.totals, context.state.initiation
    if totals.settled or totals.went_back or initiation is None:
        return totals.standing_minor
    return initiation.amount_minor


def posted_to(context: PaymentContext) -> dict[str, int]:
    """Give what is posted in the payment's currency, by obligation, without zeros."""
    currency = context.totals.currency
    return {each: by[currency] for each, by in context.totals.posted.items() if by.get(currency)}


def given_to(context: PaymentContext) -> dict[str, int]:
    """Give the standing money that each obligation gets, in the order of the allocations."""
    given: dict[str, int] = {}
    for one in context.allocations:
        given[one.obligation_id] = given.get(one.obligation_id, 0) + one.standing_minor
    return given


def posting_events(
    context: PaymentContext, amount_minor: int, posted: dict[str, int] | None = None
) -> list[CorrectiveEvent]:
    """Describe postings of an amount, to the obligations that the payment is for: where something lacks, in order.

    Args:
        context: the break of the payment.
        amount_minor: above 0.
        posted: what is posted to each obligation; None: as it is.

    """
    posted = posted_to(context) if posted is None else posted
    given = given_to(context)
    if len(given) < 2:
        return [_posting(context, next(iter(given), None), amount_minor)]
    events = []
    last = list(given)[-1]
    for obligation_id, minor in given.items():
        lacks = max(0, minor - posted.get(obligation_id, 0))
        part = amount_minor if obligation_id == last else min(amount_minor, lacks)
        if part:
            amount_minor -= part
            events.append(_posting(context, obligation_id, part))
    return events


def _posting(context: PaymentContext, obligation_id: str | None, amount_minor: int) -> CorrectiveEvent:
    fields: dict[str, Any] = {
        "payment_id": context.state.payment_id,
        "amount_minor": amount_minor,
        "currency": context.totals.currency,
    }
    if obligation_id is None:
        fields |= only_obligation(context.state)
    else:
        named = [one.installment_id for one in context.allocations if one.obligation_id == obligation_id]
        fields |= {"obligation_id": obligation_id, "installment_id": named[0] if len(named) == 1 else None}
    return CorrectiveEvent(PaymentPosted, fields)


def reversal_event(state: PaymentState, posting_id: str, posting: Posting, amount_minor: int) -> CorrectiveEvent:
    """Describe a reversal of a posting."""
    fields = {
        "payment_id": state.payment_id,
        "obligation_id": posting.obligation_id,
        "posting_id": posting_id,
        "amount_minor": amount_minor,
        "currency": posting.currency,
    }
    return CorrectiveEvent(PostingReversed, fields)


def reversals(
    context: PaymentContext, excess_minor: int, only_of: frozenset[str] | None = None
) -> list[CorrectiveEvent]:
    """Reverse `excess_minor`: a posting of exactly that amount if there is one, else the latest postings.

    Postings to obligations that the payment is not for are reversed first, then those where too much is posted.

    Args:
        context: the break of the payment.
        excess_minor: above 0.
        only_of: only postings to these obligations; None: to all.

    """
    state = context.state
    live = [each for each in live_postings_of(context) if only_of is None or each[1].obligation_id in only_of]
    given, posted = given_to(context), posted_to(context)
    excess = {each: minor - given.get(each, 0) for each, minor in posted.items()}
    live.sort(key=lambda each: (each[1].obligation_id in given, excess[each[1].obligation_id] <= 0))
    for posting_id, posting, amount in live:
        if amount == excess_minor:
            return [reversal_event(state, posting_id, posting, amount)]
    events = []
    for posting_id, posting, amount in live:
        reversed_minor = min(amount, excess_minor)
        if reversed_minor:
            excess_minor -= reversed_minor
            events.append(reversal_event(state, posting_id, posting, reversed_minor))
    return events


def reassignment(context: PaymentContext, amounts: dict[str, int]) -> CorrectiveEvent:
    """Describe how a person moves a payment's money: so much to each obligation, in order."""
    fields = {
        "payment_id": context.state.payment_id,
        "assignment_version": max(context.state.assignments, default=0) + 1,
        "allocations": tuple(Allocation(each, None, minor) for each, minor in amounts.items()),
    }
    return CorrectiveEvent(PaymentReassigned, fields, currency=context.totals.currency)
