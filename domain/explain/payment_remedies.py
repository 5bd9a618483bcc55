"""What may resolve the breaks of a payment, the likeliest first (named in the catalogue; tried by `remedies`)."""

from collections.abc import Iterator
from typing import Any

from domain.explain.context import PaymentContext
from domain.explain.corrective_events import Candidate, CorrectiveEvent
from domain.facts import Outcome, PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from domain.payments.state import Attempt, PaymentState, Posting, SettlementOutcome
from domain.payments.totals import live_postings, live_settlement

# The events that remedies are made of


def _outcome(
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


def _posting(context: PaymentContext, amount_minor: int) -> CorrectiveEvent:
    """Describe a posting to the obligation that the payment is for."""
    state = context.state
    fields: dict[str, Any] = {
        "payment_id": state.payment_id,
        "amount_minor": amount_minor,
        "currency": context.totals.currency,
    }
    if state.initiation is not None:
        fields["obligation_id"] = state.initiation.obligation_id
        fields["installment_id"] = state.initiation.installment_id
    else:
        fields |= _only_obligation(state)
    return CorrectiveEvent(PaymentPosted, fields)


def _reversal(state: PaymentState, posting_id: str, posting: Posting, amount_minor: int) -> CorrectiveEvent:
    fields = {
        "payment_id": state.payment_id,
        "obligation_id": posting.obligation_id,
        "posting_id": posting_id,
        "amount_minor": amount_minor,
        "currency": posting.currency,
    }
    return CorrectiveEvent(PostingReversed, fields)


def _reversals(context: PaymentContext, excess_minor: int) -> list[CorrectiveEvent]:
    """Reverse `excess_minor`: a posting of exactly that amount if there is one, else the latest postings.

    Postings to other obligations than the payment is for are reversed first.
    """
    state = context.state
    live = _live_postings(context)
    for posting_id, posting, amount in live:
        if amount == excess_minor:
            return [_reversal(state, posting_id, posting, amount)]
    obligation_id = None if state.initiation is None else state.initiation.obligation_id
    events = []
    for posting_id, posting, amount in sorted(live, key=lambda each: each[1].obligation_id == obligation_id):
        reversed_minor = min(amount, excess_minor)
        if reversed_minor:
            excess_minor -= reversed_minor
            events.append(_reversal(state, posting_id, posting, reversed_minor))
    return events


def _corrected_outcome(
    state: PaymentState, processor: str, reference: str, outcome: Outcome, reported: SettlementOutcome, **fields: Any
) -> CorrectiveEvent:
    """Describe a record that counts instead of the reported one, with other `fields`."""
    kept: dict[str, Any] = {
        "payment_id": state.payment_id,
        "processor": processor,
        "processor_reference": reference,
        "outcome": outcome,
        "currency": reported.currency,
        "value_date": reported.value_date,
    }
    if "currency" not in fields:
        kept["gross_minor"] = reported.gross_minor
    return CorrectiveEvent(ProcessorSettled, kept | fields, must_precede=reported.occurred_at)


# What is known of the payment


def _attempts(state: PaymentState) -> Iterator[tuple[str, str, Attempt]]:
    """Give the attempts with their processors and references."""
    for processor, references in state.attempts.items():
        for reference, attempt in references.items():
            yield processor, reference, attempt


def _collected(context: PaymentContext) -> list[tuple[str, str, Attempt, int]]:
    """Give the attempts that settled and were neither voided nor returned, with their gross, the latest first."""
    found = []
    for processor, reference, attempt in _attempts(context.state):
        settled = live_settlement(attempt, context.totals.currency)
        if settled is not None:
            found.append((settled.occurred_at, processor, reference, attempt, settled.gross_minor))
    return [each[1:] for each in sorted(found, key=lambda each: each[:3], reverse=True)]


def _processor(state: PaymentState) -> str:
    """Give the processor that the payment was initiated with, or one that reported on it."""
    if state.initiation is not None:
        return state.initiation.processor
    return next(iter(state.attempts), "the processor")


def _live_postings(context: PaymentContext, *, foreign: bool = False) -> list[tuple[str, Posting, int]]:
    """Give the live postings in the payment's currency, or those in others: the latest first."""
    currency = context.totals.currency
    live = [each for each in live_postings(context.state) if (each[1].currency != currency) == foreign]
    return sorted(live, key=lambda each: (each[1].occurred_at, each[0]), reverse=True)


def _only_obligation(state: PaymentState) -> dict[str, str]:
    """Give the obligation that was posted to, if there is only one."""
    obligations = {posting.obligation_id for posting in state.postings.values()}
    return {"obligation_id": obligations.pop()} if len(obligations) == 1 else {}


def _postable(context: PaymentContext) -> int:
    """Give what should be posted by what is known now, in minor units."""
    totals, initiation = context.totals, context.state.initiation
    if totals.settled or totals.went_back or initiation is None:
        return totals.standing_minor
    return initiation.amount_minor


# The remedies


def outcome_is_reported(context: PaymentContext) -> Iterator[Candidate]:
    """Report the outcome: settled or failed."""
    initiation = context.state.initiation
    if initiation is None:
        return
    processor, amount = initiation.processor, initiation.amount_minor
    settled = _outcome(context, "SETTLED", amount, processor)
    yield Candidate(f"{processor} reports the settlement", processor, [settled])
    action, events = f"{processor} reports a failure", [_outcome(context, "FAILED", amount, processor)]
    if context.totals.posted_minor:
        action += ", and the ledger reverses its posting"
        events += _reversals(context, context.totals.posted_minor)
    yield Candidate(action, processor, events)


def settled_amount_is_corrected(context: PaymentContext) -> Iterator[Candidate]:
    """Refund the excess, or collect the shortfall."""
    if context.totals.standing_minor > context.mismatch.expected_minor:
        return _excess_is_refunded(context)
    return _shortfall_is_collected(context)


def _excess_is_refunded(context: PaymentContext) -> Iterator[Candidate]:
    excess = context.totals.standing_minor - context.mismatch.expected_minor
    collected = _collected(context)
    refundable = next((each for each in collected if each[2].refunded is None), None)
    processor, reference = (_processor(context.state), None) if refundable is None else refundable[:2]
    refund = _outcome(context, "REFUNDED", excess, processor, reference)
    yield Candidate(f"{processor} refunds the excess", processor, [refund])
    for processor, reference, _, gross in collected:
        if gross == excess:
            returned = _outcome(context, "RETURNED", excess, processor, reference)
            yield Candidate(f"attempt {reference} is returned", processor, [returned])
            return


def _shortfall_is_collected(context: PaymentContext) -> Iterator[Candidate]:
    processor = _processor(context.state)
    shortfall = context.mismatch.expected_minor - context.totals.collected_minor
    settled = _outcome(context, "SETTLED", shortfall, processor)
    yield Candidate(f"{processor} collects the shortfall in a new attempt", processor, [settled])
    returned = [
        _outcome(context, "RETURNED", gross, who, reference) for who, reference, _, gross in _collected(context)
    ]
    yield Candidate("everything that was collected is returned", processor, returned)


def over_reversal_is_recovered(context: PaymentContext) -> Iterator[Candidate]:
    """Win the dispute, or collect again."""
    totals, initiation = context.totals, context.state.initiation
    excess = totals.reversed_minor - totals.collected_minor
    for processor, reference, attempt in _attempts(context.state):
        disputable = attempt.chargeback is not None and attempt.chargeback_reversed is None
        if disputable and excess <= totals.charged_back_minor:
            won = _outcome(context, "CHARGEBACK_REVERSED", excess, processor, reference)
            yield Candidate("the dispute is won: the chargeback is reversed", processor, [won])
            break
    processor = _processor(context.state)
    shortfall = 0 if initiation is None else initiation.amount_minor - totals.collected_minor
    settled = _outcome(context, "SETTLED", max(excess, shortfall), processor)
    yield Candidate(f"{processor} collects the over-reversed amount in a new attempt", processor, [settled])


def posted_amount_is_corrected(context: PaymentContext) -> Iterator[Candidate]:
    """Reverse the excess, or post the shortfall."""
    if context.totals.posted_minor > _postable(context):
        return _excess_is_reversed(context)
    return _shortfall_is_posted(context)


def _excess_is_reversed(context: PaymentContext) -> Iterator[Candidate]:
    state, totals = context.state, context.totals
    postable = _postable(context)
    reversals = _reversals(context, totals.posted_minor - postable)
    yield Candidate("the ledger reverses the excess", "the ledger", reversals)
    live = _live_postings(context)
    if postable and len(live) == 1:
        events = [_reversal(state, *live[0]), _posting(context, postable)]
        yield Candidate("the ledger reverses its posting, and posts the right amount", "the ledger", events)
    if state.initiation is not None and totals.posted_minor <= state.initiation.amount_minor:
        processor = _processor(state)
        lacking = totals.posted_minor - totals.collected_minor + totals.reversed_minor
        settled = _outcome(context, "SETTLED", lacking, processor)
        yield Candidate(f"{processor} collects the money again in a new attempt", processor, [settled])


def _shortfall_is_posted(context: PaymentContext) -> Iterator[Candidate]:
    totals = context.totals
    shortfall = totals.standing_minor - totals.posted_minor
    if shortfall > 0:
        what = "the rest of what is net settled" if totals.posted_minor else "what is net settled"
        yield Candidate(f"the ledger posts {what}", "the ledger", [_posting(context, shortfall)])


def initiation_is_reported(context: PaymentContext) -> Iterator[Candidate]:
    """Report the initiation."""
    state, totals = context.state, context.totals
    amount = totals.gross_minor or totals.posted_minor
    fields: dict[str, Any] = {"payment_id": state.payment_id, "currency": totals.currency}
    if amount:
        fields["amount_minor"] = amount
    fields |= _only_obligation(state)
    if len(state.attempts) == 1:
        fields["processor"] = next(iter(state.attempts))
    action = "the app reports the initiation (its event was lost, or is among the dead letters)"
    yield Candidate(action, "the app", [CorrectiveEvent(PaymentInitiated, fields)])


def posting_is_moved(context: PaymentContext) -> Iterator[Candidate]:
    """Reverse what is posted to the wrong obligation, and post it to the right one."""
    wrong = context.mismatch.subject[1]
    initiation = context.state.initiation
    if initiation is None:
        return
    misposted = [each for each in _live_postings(context) if each[1].obligation_id == wrong]
    amount = sum(live for _, _, live in misposted)
    events = [_reversal(context.state, *each) for each in misposted]
    action = f"the ledger reverses what it posted to {wrong}"
    repost = min(amount, _postable(context) - (context.totals.posted_minor - amount))
    if repost > 0:
        events.append(_posting(context, repost))
        action += f", and posts it to {initiation.obligation_id}"
    yield Candidate(action, "the ledger", events)


def fee_or_net_is_corrected(context: PaymentContext) -> Iterator[Candidate]:
    """Correct the net by the fee, or the fee by the net."""
    _, processor, reference = context.mismatch.subject
    reported = context.state.attempts[processor][reference].settled
    if reported is None:
        return
    gross = reported.gross_minor
    for wrong, fee, net in (
        ("net", reported.fee_minor, gross - reported.fee_minor),
        ("fee", gross - reported.net_minor, reported.net_minor),
    ):
        if fee >= 0:
            event = _corrected_outcome(
                context.state, processor, reference, "SETTLED", reported, fee_minor=fee, net_minor=net
            )
            yield Candidate(f"{processor} corrects its record, if the {wrong} is wrong", processor, [event])


def currency_is_corrected(context: PaymentContext) -> Iterator[Candidate]:
    """Reverse or correct what is in another currency, or correct the initiation."""
    state, currency = context.state, context.totals.currency
    by = "the source"
    events = []
    for processor, reference, attempt in _attempts(state):
        for outcome, reported in attempt.outcomes():
            if reported.currency != currency:
                events.append(_corrected_outcome(state, processor, reference, outcome, reported, currency=currency))
                by = processor
    for reversal_id, reversal in state.reversals.items():
        posting = state.postings.get(reversal.posting_id)
        right = currency if posting is None else posting.currency
        if reversal.currency != right:
            fields = {
                "payment_id": state.payment_id,
                "obligation_id": reversal.obligation_id,
                "reversal_id": reversal_id,
                "posting_id": reversal.posting_id,
                "currency": right,
            }
            events.append(CorrectiveEvent(PostingReversed, fields, must_precede=reversal.occurred_at))
            by = "the ledger"
    foreign = _live_postings(context, foreign=True)
    events += [_reversal(state, *each) for each in foreign]
    if foreign:
        shortfall = _postable(context) - context.totals.posted_minor
        if shortfall > 0:
            events.append(_posting(context, shortfall))
        by = by if by in state.attempts else "the ledger"
    yield Candidate(f"amounts in another currency are reversed, or corrected to {currency}", by, events)
    yield from _initiation_in_the_other_currency(state)


def _initiation_in_the_other_currency(state: PaymentState) -> Iterator[Candidate]:
    """Correct the initiation, if all else is in one other currency."""
    initiation = state.initiation
    others = {reported.currency for _, _, attempt in _attempts(state) for _, reported in attempt.outcomes()}
    others |= {posting.currency for posting in state.postings.values()}
    others |= {reversal.currency for reversal in state.reversals.values()}
    if initiation is None or len(others) != 1:
        return
    other = others.pop()
    fields = {
        "payment_id": state.payment_id,
        "tenant_id": initiation.tenant_id,
        "property_id": initiation.property_id,
        "obligation_id": initiation.obligation_id,
        "installment_id": initiation.installment_id,
        "currency": other,
        "method": initiation.method,
        "processor": initiation.processor,
    }
    event = CorrectiveEvent(PaymentInitiated, fields, must_precede=initiation.occurred_at)
    yield Candidate(f"the app corrects its record, if {other} is right", "the app", [event])
