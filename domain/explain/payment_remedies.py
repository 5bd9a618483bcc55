"""What may resolve the breaks of a payment's money, the likeliest first (named in the catalogue; tried by `remedies`).

What the ledger posted of it is in `posting_remedies`.
"""

from collections.abc import Iterator
from typing import Any

from domain.explain.context import PaymentContext
from domain.explain.corrective_events import Candidate, CorrectiveEvent
from domain.explain.money import (
    KnownAttempt,
    attempts_of,
    corrected_outcome,
    live_postings_of,
    only_obligation,
    outcome_event,
    postable,
    posting_events,
    processor_of,
    reported,
    reversal_event,
    reversals,
)
from domain.facts import Outcome, PaymentInitiated, PostingReversed, ProcessorSettled
from domain.payments.movements import ORDER_WITHIN_INSTANT, Movement, go_through_attempt
from domain.payments.state import OutcomeId, SettlementOutcome, outcomes
from domain.payments.totals import attempt_key


def outcome_is_reported(context: PaymentContext) -> Iterator[Candidate]:
    """Report the outcome: settled or failed."""
    initiation = context.state.initiation
    if initiation is None:
        return
    processor, amount = initiation.processor, initiation.amount_minor
    settled = outcome_event(context, "SETTLED", amount, processor)
    given_back = _given_back(context, amount)
    also = ", and takes back what exceeds it of refunds and chargebacks" if given_back else ""
    yield Candidate(f"{processor} reports the settlement{also}", processor, [settled, *given_back])
    action, events = f"{processor} reports a failure", [outcome_event(context, "FAILED", amount, processor)]
    if context.totals.posted_minor:
        action += ", and the ledger reverses its posting"
        events += reversals(context, context.totals.posted_minor)
    yield Candidate(action, processor, events)


def _given_back(context: PaymentContext, settled_minor: int) -> list[CorrectiveEvent]:
    """Describe how refunds and chargebacks are taken back as far as they exceed what settles; mostly nothing does."""
    totals = context.totals
    charged_back = min(totals.charged_back_minor, settled_minor)
    excess = totals.refunded_minor + charged_back - settled_minor
    events = []
    kinds: tuple[tuple[Outcome, Outcome, int], ...] = (
        ("REFUNDED", "REFUND_REVERSED", totals.refunded_minor),
        ("CHARGEBACK", "CHARGEBACK_REVERSED", charged_back),
    )
    for taken, reversal, minor in kinds:
        part = min(excess, minor)
        if part > 0:
            excess -= part
            processor, reference = reported(context, taken)[-1][0][:2]
            events.append(outcome_event(context, reversal, part, processor, reference))
    return events


def settled_amount_is_corrected(context: PaymentContext) -> Iterator[Candidate]:
    """Refund the excess, or collect the shortfall."""
    if context.totals.standing_minor > context.mismatch.expected_minor:
        return _excess_is_refunded(context)
    return _shortfall_is_collected(context)


def _live(context: PaymentContext) -> list[KnownAttempt]:
    return [each for each in attempts_of(context) if each.live_minor]


def _excess_is_refunded(context: PaymentContext) -> Iterator[Candidate]:
    excess = context.totals.standing_minor - context.mismatch.expected_minor
    live = _live(context)
    processor, reference = (live[0].processor, live[0].reference) if live else (processor_of(context), None)
    refund = outcome_event(context, "REFUNDED", excess, processor, reference)
    yield Candidate(f"{processor} refunds the excess", processor, [refund])
    for attempt in live:
        if attempt.live_minor >= excess:
            returned = outcome_event(context, "RETURNED", excess, attempt.processor, attempt.reference)
            part = "" if attempt.live_minor == excess else " in part"
            yield Candidate(f"attempt {attempt.reference} is returned{part}", attempt.processor, [returned])
            return


def _shortfall_is_collected(context: PaymentContext) -> Iterator[Candidate]:
    processor = processor_of(context)
    shortfall = context.mismatch.expected_minor - context.totals.collected_minor
    settled = outcome_event(context, "SETTLED", shortfall, processor)
    yield Candidate(f"{processor} collects the shortfall in a new attempt", processor, [settled])
    yield from return_is_taken_back(context, shortfall)
    returned = [
        outcome_event(context, "RETURNED", each.live_minor, each.processor, each.reference) for each in _live(context)
    ]
    yield Candidate("everything that was collected is returned", processor, returned)


def return_is_taken_back(context: PaymentContext, amount_minor: int) -> Iterator[Candidate]:
    """Take a return back, of an attempt of which so much was returned."""
    for attempt in attempts_of(context):
        if attempt.back_minor >= amount_minor:
            event = outcome_event(context, "RETURN_REVERSED", amount_minor, attempt.processor, attempt.reference)
            action = f"{attempt.processor} takes the return of attempt {attempt.reference} back"
            yield Candidate(action, attempt.processor, [event])
            return


def over_reversal_is_recovered(context: PaymentContext) -> Iterator[Candidate]:
    """Win the dispute, take the refund or the return back, or collect again."""
    totals, initiation = context.totals, context.state.initiation
    excess = totals.reversed_minor - totals.collected_minor
    outcomes_by_reversal: tuple[tuple[Outcome, Outcome, int, str], ...] = (
        ("CHARGEBACK", "CHARGEBACK_REVERSED", totals.charged_back_minor, "the dispute is won: the chargeback"),
        ("REFUNDED", "REFUND_REVERSED", totals.refunded_minor, "the refund"),
    )
    for taken, given_back, amount, what in outcomes_by_reversal:
        known = reported(context, taken)
        if known and amount >= excess:
            processor, reference = known[-1][0][:2]
            event = outcome_event(context, given_back, excess, processor, reference)
            yield Candidate(f"{what} is reversed", processor, [event])
    processor = processor_of(context)
    shortfall = 0 if initiation is None else initiation.amount_minor - totals.collected_minor
    lacking = max(excess + totals.chargeback_excess_minor, shortfall)
    yield from return_is_taken_back(context, lacking)
    settled = outcome_event(context, "SETTLED", lacking, processor)
    yield Candidate(f"{processor} collects the over-reversed amount in a new attempt", processor, [settled])


def taken_money_is_reported(context: PaymentContext) -> Iterator[Candidate]:
    """Report what was taken before it was given back, or correct the reversal."""
    kind = context.mismatch.subject[1]
    if kind == "RETURN":
        excesses = _return_excesses(context)
        taken: Outcome = "RETURNED"
    elif kind == "REFUND":
        excesses = _excesses(context, "REFUNDED", "REFUND_REVERSED")
        taken = "REFUNDED"
    else:
        excesses = _excesses(context, "CHARGEBACK", "CHARGEBACK_REVERSED")
        taken = "CHARGEBACK"
    events, corrections = [], []
    for identity, reversal, excess in excesses:
        processor, reference = identity[0], reversal.original_reference or identity[1]
        event = outcome_event(context, taken, excess, processor, reference)
        events.append(
            CorrectiveEvent(ProcessorSettled, event.fields, must_precede=reversal.occurred_at, is_correction=False)
        )
        if excess < reversal.gross_minor:
            corrected = corrected_outcome(
                context.state.payment_id, identity, reversal, gross_minor=reversal.gross_minor - excess
            )
            corrections.append(corrected)
    if not events:
        return
    by = excesses[0][0][0]
    yield Candidate(f"{by} reports what was taken before it was given back", by, events)
    if len(corrections) == len(events):
        yield Candidate(f"{by} corrects its record, if less was given back", by, corrections)


Excess = tuple[OutcomeId, SettlementOutcome, int]
"""A reversal, and how much of it gave back what had not been taken."""


def _return_excesses(context: PaymentContext) -> list[Excess]:
    """Give the reversed returns that gave back more than returns of their attempt had taken."""
    attempts: dict[tuple[str, str], list[tuple[OutcomeId, SettlementOutcome]]] = {}
    for one in reported(context, "SETTLED", "FAILED", "RETURNED", "RETURN_REVERSED"):
        attempts.setdefault(attempt_key(*one), []).append(one)
    found = []
    for known in attempts.values():
        before: list[Movement] = []
        excess = 0
        for identity, each in known:
            before.append((each.occurred_at, ORDER_WITHIN_INSTANT[identity[2]], identity[1], identity[3],
                           each.gross_minor))  # fmt: skip
            now = go_through_attempt(before).excess_minor
            if now > excess:
                found.append((identity, each, now - excess))
                excess = now
    return found


def _excesses(context: PaymentContext, taken: Outcome, given_back: Outcome) -> list[Excess]:
    """Give the reversals of refunds or chargebacks that gave back more than had been taken before them."""
    left = 0
    found = []
    for identity, each in reported(context, taken, given_back):
        if identity[2] == taken:
            left += each.gross_minor
        else:
            excess = max(0, each.gross_minor - left)
            left -= each.gross_minor - excess
            if excess:
                found.append((identity, each, excess))
    return found


def chargeback_is_reversed(context: PaymentContext) -> Iterator[Candidate]:
    """Win the dispute in full, report the settlement that is missing, or correct the chargeback."""
    totals = context.totals
    excess = context.mismatch.actual_minor
    known = reported(context, "CHARGEBACK")
    processor, reference = known[-1][0][:2]
    whole = totals.charged_back_minor + excess
    won = outcome_event(context, "CHARGEBACK_REVERSED", whole, processor, reference)
    yield Candidate("the dispute is won: the whole chargeback is reversed", processor, [won])
    for identity, each in reversed(known):
        if each.gross_minor > excess:
            corrected = corrected_outcome(
                context.state.payment_id, identity, each, gross_minor=each.gross_minor - excess
            )
            action = f"{identity[0]} corrects its chargeback, if the excess was none"
            yield Candidate(action, identity[0], [corrected])
            break
    settled = outcome_event(context, "SETTLED", excess, processor_of(context))
    yield Candidate(f"{processor_of(context)} reports a settlement that is missing", processor_of(context), [settled])


def initiation_is_reported(context: PaymentContext) -> Iterator[Candidate]:
    """Report the initiation."""
    state, totals = context.state, context.totals
    amount = totals.gross_minor or totals.posted_minor
    fields: dict[str, Any] = {"payment_id": state.payment_id, "currency": totals.currency}
    if amount:
        fields["amount_minor"] = amount
    fields |= only_obligation(state)
    if len(context.whole.attempts) == 1:
        fields["processor"] = next(iter(context.whole.attempts))
    action = "the app reports the initiation (its event was lost, or is among the dead letters)"
    yield Candidate(action, "the app", [CorrectiveEvent(PaymentInitiated, fields)])


def fee_or_net_is_corrected(context: PaymentContext) -> Iterator[Candidate]:
    """Correct the net by the fee, or the fee by the net."""
    _, processor, reference, *movement = context.mismatch.subject
    wanted = (processor, reference, "SETTLED", movement[0] if movement else "")
    for identity, known in outcomes(context.whole):
        fee, net, gross = known.fee_minor, known.net_minor, known.gross_minor
        if identity != wanted or fee is None or net is None:
            continue
        for wrong, right_fee, right_net in (("net", fee, gross - fee), ("fee", gross - net, net)):
            event = corrected_outcome(
                context.state.payment_id,
                identity,
                known,
                fee_minor=right_fee,
                net_minor=right_net,
                settlement_currency=known.settlement_currency,
            )
            yield Candidate(f"{processor} corrects its record, if the {wrong} is wrong", processor, [event])


def currency_is_corrected(context: PaymentContext) -> Iterator[Candidate]:
    """Reverse or correct what is in another currency, or correct the initiation."""
    state, currency = context.state, context.totals.currency
    by = "the source"
    events = []
    for identity, known in outcomes(context.whole):
        if known.currency != currency:
            events.append(corrected_outcome(state.payment_id, identity, known, currency=currency))
            by = identity[0]
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
    foreign = live_postings_of(context, foreign=True)
    events += [reversal_event(state, *each) for each in foreign]
    if foreign:
        shortfall = postable(context) - context.totals.posted_minor
        if shortfall > 0:
            events += posting_events(context, shortfall)
        by = by if by in context.whole.attempts else "the ledger"
    yield Candidate(f"amounts in another currency are reversed, or corrected to {currency}", by, events)
    yield from _initiation_in_the_other_currency(context)


def _initiation_in_the_other_currency(context: PaymentContext) -> Iterator[Candidate]:
    """Correct the initiation, if all else is in one other currency."""
    state, initiation = context.state, context.state.initiation
    others = {known.currency for _, known in outcomes(context.whole)}
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
