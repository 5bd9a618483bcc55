"""Candidates for resolving the breaks of a payment, class by class; `domain.explain.remedies` tries them."""

from collections.abc import Iterator
from typing import Any

from domain.breaks.model import Break
from domain.explain.corrective_events import CorrectiveEvent, corrective_event
from domain.facts import Outcome, PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from domain.payments.state import Attempt, PaymentState, Posting, SettlementOutcome
from domain.payments.totals import PaymentTotals, add_up
from domain.records import BreakClass

Candidate = tuple[str, str, list[CorrectiveEvent]]
"""What happens, who tells of it, the events."""


def candidates(state: PaymentState, one: Break) -> Iterator[Candidate]:
    """Give what may resolve a break of a payment, the likeliest first."""
    money = add_up(state)
    match one.break_class:
        case BreakClass.POSTING_WITHOUT_SETTLEMENT | BreakClass.SETTLEMENT_MISSING:
            yield from _outcome_comes(state, money)
        case BreakClass.DUPLICATE_SETTLEMENT | BreakClass.SETTLEMENT_AMOUNT_MISMATCH:
            yield from _amount_is_mended(state, money)
        case BreakClass.OVER_REVERSED:
            yield from _comes_back(state, money)
        case BreakClass.REVERSED_AFTER_POSTING | BreakClass.DUPLICATE_POSTING | BreakClass.POSTING_AMOUNT_MISMATCH:
            yield from _ledger_follows(state, money)
        case BreakClass.POSTING_MISSING:
            yield from _post_what_lacks(state, money)
        case BreakClass.CURRENCY_MISMATCH:
            yield from _one_currency(state, money)
        case BreakClass.UNKEYED_MOVEMENT:
            yield from _initiation_comes(state, money)
        case BreakClass.OBLIGATION_MISMATCH:
            yield from _post_to_the_right_one(state, money, one.subject[1])
        case BreakClass.FEE_VARIANCE:
            yield from _fee_is_corrected(state, one.subject[1], one.subject[2])


def _attempts(state: PaymentState) -> Iterator[tuple[str, str, Attempt]]:
    for processor, references in state.attempts.items():
        for reference, attempt in references.items():
            yield processor, reference, attempt


def _collected(state: PaymentState, currency: str) -> list[tuple[str, str, Attempt, SettlementOutcome]]:
    """Give the attempts whose money came and was not taken back, the latest first."""
    found = []
    for processor, reference, attempt in _attempts(state):
        settled, failed = attempt.settled, attempt.failed
        if settled is None or settled.currency != currency or attempt.returned is not None:
            continue
        if failed is not None and failed.currency == currency and failed.occurred_at >= settled.occurred_at:
            continue
        found.append((processor, reference, attempt, settled))
    return sorted(found, key=lambda each: (each[3].occurred_at, each[0], each[1]), reverse=True)


def _processor(state: PaymentState) -> str:
    """Give the processor to ask: the one that collected, or that the payment was initiated with."""
    if state.initiation is not None:
        return state.initiation.processor
    return next(iter(state.attempts), "the processor")


def _leg(
    state: PaymentState, outcome: Outcome, gross: int, currency: str, processor: str, reference: str | None
) -> CorrectiveEvent:
    """Describe a settlement of this payment; without a reference it is a new attempt's."""
    named: dict[str, Any] = {} if reference is None else {"processor_reference": reference}
    return corrective_event(
        ProcessorSettled,
        payment_id=state.payment_id,
        processor=processor,
        outcome=outcome,
        gross_minor=gross,
        currency=currency,
        **named,
    )


def live_postings(state: PaymentState) -> list[tuple[str, Posting, int]]:
    """Give what of each posting is not reversed, in minor units of its currency, the latest first."""
    undone: dict[str, int] = {}
    for reversal in state.reversals.values():
        posting = state.postings.get(reversal.posting_id)
        if posting is not None and posting.currency == reversal.currency:
            undone[reversal.posting_id] = undone.get(reversal.posting_id, 0) + reversal.amount_minor
    live = [
        (posting_id, posting, posting.amount_minor - undone.get(posting_id, 0))
        for posting_id, posting in state.postings.items()
        if posting.amount_minor > undone.get(posting_id, 0)
    ]
    return sorted(live, key=lambda each: (each[1].occurred_at, each[0]), reverse=True)


def _reverse(state: PaymentState, posting_id: str, posting: Posting, amount: int) -> CorrectiveEvent:
    return corrective_event(
        PostingReversed,
        payment_id=state.payment_id,
        obligation_id=posting.obligation_id,
        posting_id=posting_id,
        amount_minor=amount,
        currency=posting.currency,
    )


def _reverse_in_all(state: PaymentState, excess: int, currency: str) -> list[CorrectiveEvent]:
    """Take an amount back from the live postings: from one that is just that, else from the latest ones."""
    live = [each for each in live_postings(state) if each[1].currency == currency]
    for posting_id, posting, amount in live:
        if amount == excess:
            return [_reverse(state, posting_id, posting, excess)]
    events = []
    home = None if state.initiation is None else state.initiation.obligation_id
    for posting_id, posting, amount in sorted(live, key=lambda each: each[1].obligation_id == home):
        take = min(amount, excess)
        if take:
            excess -= take
            events.append(_reverse(state, posting_id, posting, take))
    return events


def _post(state: PaymentState, amount: int, currency: str) -> CorrectiveEvent:
    """Describe a posting to the obligation that the payment is for."""
    initiation = state.initiation
    fields: dict[str, Any] = {}
    if initiation is not None:
        fields = {"obligation_id": initiation.obligation_id, "installment_id": initiation.installment_id}
    elif len({posting.obligation_id for posting in state.postings.values()}) == 1:
        fields = {"obligation_id": next(iter(state.postings.values())).obligation_id}
    return corrective_event(
        PaymentPosted, payment_id=state.payment_id, amount_minor=amount, currency=currency, **fields
    )


def _target(state: PaymentState, money: PaymentTotals) -> int:
    """Give what should be posted, now that all that came is known."""
    went_back = money.returned or money.failed or money.refunded_minor > 0 or money.charged_back_minor > 0
    if money.settled or went_back or state.initiation is None:
        return money.standing_minor
    return state.initiation.amount_minor


def _outcome_comes(state: PaymentState, money: PaymentTotals) -> Iterator[Candidate]:
    initiation = state.initiation
    if initiation is None:
        return
    processor, amount, currency = initiation.processor, initiation.amount_minor, money.currency
    yield (
        f"{processor} tells that it collected the payment",
        processor,
        [_leg(state, "SETTLED", amount, currency, processor, None)],
    )
    failed = _leg(state, "FAILED", amount, currency, processor, None)
    if money.posted_minor:
        back = _reverse_in_all(state, money.posted_minor, currency)
        yield f"{processor} tells that it failed, and the ledger takes its posting back", processor, [failed, *back]
    else:
        yield f"{processor} tells that it failed", processor, [failed]


def _amount_is_mended(state: PaymentState, money: PaymentTotals) -> Iterator[Candidate]:
    initiation = state.initiation
    if initiation is None:
        return
    amount, currency = initiation.amount_minor, money.currency
    collected = _collected(state, currency)
    too_much = money.standing_minor - amount
    if too_much > 0:
        refundable = next((each for each in collected if each[2].refunded is None), None)
        processor, reference = (_processor(state), None) if refundable is None else refundable[:2]
        yield (
            f"{processor} refunds the excess",
            processor,
            [_leg(state, "REFUNDED", too_much, currency, processor, reference)],
        )
        for processor, reference, _, settled in collected:
            if settled.gross_minor == too_much:
                yield (
                    f"the bank or the card takes attempt {reference} back",
                    processor,
                    [_leg(state, "RETURNED", too_much, currency, processor, reference)],
                )
                return
        return
    processor = _processor(state)
    yield (
        f"{processor} collects what is lacking, as a new attempt",
        processor,
        [_leg(state, "SETTLED", amount - money.collected_minor, currency, processor, None)],
    )
    yield (
        "all that was collected is taken back",
        processor,
        [_leg(state, "RETURNED", leg.gross_minor, currency, who, reference) for who, reference, _, leg in collected],
    )


def _comes_back(state: PaymentState, money: PaymentTotals) -> Iterator[Candidate]:
    currency = money.currency
    excess = money.refunded_minor + money.charged_back_minor - money.collected_minor
    lacking = 0 if state.initiation is None else state.initiation.amount_minor - money.collected_minor
    for processor, reference, attempt in _attempts(state):
        won = attempt.chargeback is not None and attempt.chargeback_reversed is None
        if won and excess <= money.charged_back_minor:
            yield (
                "the dispute is won: the charged back money comes back",
                processor,
                [_leg(state, "CHARGEBACK_REVERSED", excess, currency, processor, reference)],
            )
            break
    processor = _processor(state)
    yield (
        f"{processor} collects again what left twice, as a new attempt",
        processor,
        [_leg(state, "SETTLED", max(excess, lacking), currency, processor, None)],
    )


def _ledger_follows(state: PaymentState, money: PaymentTotals) -> Iterator[Candidate]:
    target, currency = _target(state, money), money.currency
    excess = money.posted_minor - target
    if excess <= 0:
        yield from _post_what_lacks(state, money)
        return
    back = _reverse_in_all(state, excess, currency)
    yield "the ledger takes back what it posted too much", "the ledger", back
    live = [each for each in live_postings(state) if each[1].currency == currency]
    if target and len(live) == 1:
        posting_id, posting, amount = live[0]
        again = [_reverse(state, posting_id, posting, amount), _post(state, target, currency)]
        yield "the ledger takes its posting back, and posts the right amount", "the ledger", again
    back_minor = money.refunded_minor + money.charged_back_minor
    again_minor = money.posted_minor - money.collected_minor + back_minor
    if state.initiation is not None and money.posted_minor <= state.initiation.amount_minor:
        processor = _processor(state)
        yield (
            f"{processor} collects the money again, as a new attempt",
            processor,
            [_leg(state, "SETTLED", again_minor, currency, processor, None)],
        )


def _post_what_lacks(state: PaymentState, money: PaymentTotals) -> Iterator[Candidate]:
    lacking = money.standing_minor - money.posted_minor
    if lacking > 0:
        what = f"the ledger posts {'the rest of ' if money.posted_minor else ''}what was collected"
        yield what, "the ledger", [_post(state, lacking, money.currency)]


def _initiation_comes(state: PaymentState, money: PaymentTotals) -> Iterator[Candidate]:
    amount = money.gross_minor or money.posted_minor
    fields: dict[str, Any] = {"amount_minor": amount} if amount else {}
    homes = {posting.obligation_id for posting in state.postings.values()}
    if len(homes) == 1:
        fields["obligation_id"] = homes.pop()
    if len(state.attempts) == 1:
        fields["processor"] = next(iter(state.attempts))
    yield (
        "the app tells of the payment (its event was lost, or lies among the dead letters)",
        "the app",
        [corrective_event(PaymentInitiated, payment_id=state.payment_id, currency=money.currency, **fields)],
    )


def _post_to_the_right_one(state: PaymentState, money: PaymentTotals, elsewhere: str) -> Iterator[Candidate]:
    initiation = state.initiation
    if initiation is None:
        return
    astray = [
        each
        for each in live_postings(state)
        if each[1].obligation_id == elsewhere and each[1].currency == money.currency
    ]
    amount = sum(live for _, _, live in astray)
    events = [_reverse(state, posting_id, posting, live) for posting_id, posting, live in astray]
    again = min(amount, _target(state, money) - (money.posted_minor - amount))
    what = f"the ledger takes the money back from {elsewhere}"
    if again > 0:
        events.append(_post(state, again, money.currency))
        what += f", and posts it to {initiation.obligation_id}"
    yield what, "the ledger", events


def _fee_is_corrected(state: PaymentState, processor: str, reference: str) -> Iterator[Candidate]:
    leg = state.attempts[processor][reference].settled
    if leg is None:
        return
    fees = [(leg.fee_minor, leg.gross_minor - leg.fee_minor), (leg.gross_minor - leg.net_minor, leg.net_minor)]
    for (fee, net), wrong in zip(fees, ("net", "fee"), strict=True):
        if fee >= 0:
            event = _corrected_leg(state, processor, reference, "SETTLED", leg, fee_minor=fee, net_minor=net)
            yield f"{processor} corrects its record, if the {wrong} was told wrongly", processor, [event]


def _corrected_leg(
    state: PaymentState, processor: str, reference: str, outcome: Outcome, leg: SettlementOutcome, **fields: int | str
) -> CorrectiveEvent:
    """Describe a settlement told anew, so that it holds instead of the one that was told."""
    told: dict[str, Any] = {"currency": leg.currency, "value_date": leg.value_date}
    if "currency" not in fields:
        told["gross_minor"] = leg.gross_minor
    return corrective_event(
        ProcessorSettled,
        must_precede=leg.occurred_at,
        payment_id=state.payment_id,
        processor=processor,
        processor_reference=reference,
        outcome=outcome,
        **(told | fields),
    )


def _one_currency(state: PaymentState, money: PaymentTotals) -> Iterator[Candidate]:
    currency = money.currency
    teller = "who told of it"
    events = []
    for processor, reference, attempt in _attempts(state):
        for outcome, leg in attempt.outcomes():
            if leg.currency != currency:
                events.append(_corrected_leg(state, processor, reference, outcome, leg, currency=currency))
                teller = processor
    for reversal_id, reversal in state.reversals.items():
        posting = state.postings.get(reversal.posting_id)
        right = currency if posting is None else posting.currency
        if reversal.currency != right:
            events.append(
                corrective_event(
                    PostingReversed,
                    must_precede=reversal.occurred_at,
                    payment_id=state.payment_id,
                    obligation_id=reversal.obligation_id,
                    reversal_id=reversal_id,
                    posting_id=reversal.posting_id,
                    currency=right,
                )
            )
            teller = "the ledger"
    foreign = [each for each in live_postings(state) if each[1].currency != currency]
    events += [_reverse(state, posting_id, posting, live) for posting_id, posting, live in foreign]
    if foreign:
        lacking = _target(state, money) - money.posted_minor
        if lacking > 0:
            events.append(_post(state, lacking, currency))
        teller = teller if teller in state.attempts else "the ledger"
    yield f"what was told in another currency is taken back, or corrected to {currency}", teller, events
    initiation = state.initiation
    others = {leg.currency for _, _, attempt in _attempts(state) for _, leg in attempt.outcomes()}
    others |= {posting.currency for posting in state.postings.values()}
    others |= {reversal.currency for reversal in state.reversals.values()}
    if initiation is not None and len(others) == 1:
        other = others.pop()
        corrected = corrective_event(
            PaymentInitiated,
            must_precede=initiation.occurred_at,
            payment_id=state.payment_id,
            tenant_id=initiation.tenant_id,
            property_id=initiation.property_id,
            obligation_id=initiation.obligation_id,
            installment_id=initiation.installment_id,
            currency=other,
            method=initiation.method,
            processor=initiation.processor,
        )
        yield f"the app corrects its record, if {other} is right", "the app", [corrected]
