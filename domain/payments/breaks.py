"""The breaks of a payment (contract section 7, key kind `payment`)."""

from collections.abc import Iterator

from domain.breaks.model import Break, Breaks
from domain.calendar import banking_deadline, later
from domain.deadlines import Deadlines
from domain.payments.state import Initiation, PaymentState, identities
from domain.payments.totals import PaymentTotals
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import Micros

_SETTLEMENT = ("settlement",)
_POSTING = ("posting",)
_CURRENCY = ("currency",)
_PAYMENT = ("payment",)


def settlement_deadline(initiation: Initiation, policy: Policy) -> Micros:
    """Give the exclusive instant up to which a payment may be without an outcome (contract section 4)."""
    match initiation.method:
        case "INSTANT":
            return later(initiation.occurred_at, policy.settlement_micros_instant)
        case "ACH_DEBIT":
            days = policy.settlement_banking_days_ach_debit
        case "CARD":
            days = policy.settlement_banking_days_card
        case "CHECK":
            days = policy.settlement_banking_days_check
        case "CASH":
            days = policy.settlement_banking_days_cash
    return banking_deadline(initiation.occurred_at, days)


def payment_breaks(
    state: PaymentState, totals: PaymentTotals, settle_by: Micros | None, deadlines: Deadlines, policy: Policy
) -> tuple[Break, ...]:
    """Give the open breaks of a payment, by break id.

    Args:
        state: the payment.
        totals: the totals of its facts.
        settle_by: the settlement deadline, while an initiated payment has no outcome.
        deadlines: the instant of the view; it collects the deadlines whose passing changes a break.
        policy: the deadlines.

    """
    breaks = Breaks("payment", state.payment_id)
    if totals.disputed:
        breaks.add_conflicts(identities(state), totals.currency)
    _fee_variances(breaks, state)

    initiation = state.initiation
    if initiation is None and totals.earliest_movement is not None:
        unkeyed_at = later(totals.earliest_movement, policy.orphan_grace_micros)
        if deadlines.has_passed(unkeyed_at):
            breaks.add(
                _PAYMENT,
                BreakClass.UNKEYED_MOVEMENT,
                0,
                totals.gross_minor or totals.posted_minor,
                currency=totals.currency,
                due_at=unkeyed_at,
                event_ids=_all_events(state),
            )
            return breaks.in_order()

    if totals.foreign:
        events = totals.foreign if initiation is None else [initiation.event_id, *totals.foreign]
        breaks.add(_CURRENCY, BreakClass.CURRENCY_MISMATCH, 0, 0, currency=totals.currency, event_ids=events)
    else:
        _settlement_break(breaks, state, totals, settle_by, deadlines)
    _posting_break(breaks, state, totals, deadlines, policy)
    if initiation is not None:
        _obligation_mismatches(breaks, state, totals, initiation)
    return breaks.in_order()


def _all_events(state: PaymentState) -> Iterator[str]:
    return (accepted.event_id for _, accepted in identities(state))


def _money_events(state: PaymentState) -> Iterator[str]:
    """Give the events of the initiation and of what the processors told, without the ledger's."""
    return (
        accepted.event_id
        for identity, accepted in identities(state)
        if identity[0] in {"PaymentInitiated", "ProcessorSettled"}
    )


def _settlement_break(
    breaks: Breaks, state: PaymentState, totals: PaymentTotals, settle_by: Micros | None, deadlines: Deadlines
) -> None:
    """Note the first class of subject `settlement` that holds."""
    standing, collected, posted = totals.standing_minor, totals.collected_minor, totals.posted_minor
    went_back = totals.refunded_minor + totals.charged_back_minor
    overdue = settle_by is not None and deadlines.has_passed(settle_by)
    over_reversed = totals.settled and went_back > collected
    # Without an initiation nothing is known to expect, so that only what contradicts itself is a break.
    amount = state.initiation.amount_minor if state.initiation is not None else None
    break_class: BreakClass | None = None
    expected = actual = 0
    if overdue and posted:
        break_class, expected = BreakClass.POSTING_WITHOUT_SETTLEMENT, posted
    elif amount is not None and standing > amount and totals.live_attempts > 1:
        break_class, expected, actual = BreakClass.DUPLICATE_SETTLEMENT, amount, standing
    elif over_reversed:
        break_class, expected, actual = BreakClass.OVER_REVERSED, collected, went_back
    elif amount is not None and standing > amount:
        break_class, expected, actual = BreakClass.SETTLEMENT_AMOUNT_MISMATCH, amount, standing
    elif amount is not None and 0 < collected < amount:
        break_class, expected, actual = BreakClass.SETTLEMENT_AMOUNT_MISMATCH, amount, collected
    elif amount is not None and overdue:
        break_class, expected = BreakClass.SETTLEMENT_MISSING, amount
    if break_class is not None:
        breaks.add(
            _SETTLEMENT,
            break_class,
            expected,
            actual,
            currency=totals.currency,
            due_at=settle_by if overdue else None,
            event_ids=_all_events(state) if posted and overdue else _money_events(state),
        )


def _posting_break(
    breaks: Breaks, state: PaymentState, totals: PaymentTotals, deadlines: Deadlines, policy: Policy
) -> None:
    """Note the first class of subject `posting` that holds."""
    posted, standing = totals.posted_minor, totals.standing_minor
    silenced = bool(totals.foreign)
    went_back = totals.returned or totals.failed or totals.refunded_minor > 0 or totals.charged_back_minor > 0
    stale = went_back and posted > standing
    lacking = posted < standing and not silenced
    post_by: Micros | None = None
    if (stale or lacking) and totals.latest_settlement is not None:
        post_by = banking_deadline(totals.latest_settlement, policy.posting_banking_days)
    overdue = post_by is not None and deadlines.has_passed(post_by)

    # Over-posting is measured at once, and against what ever settled (or was initiated, while nothing has): a posting
    # that was right when it was made is no break until the ledger has had its time to take it back.
    limit = totals.gross_minor if totals.settled else None
    if limit is None and state.initiation is not None:
        limit = state.initiation.amount_minor

    if stale and overdue:
        break_class, expected = BreakClass.REVERSED_AFTER_POSTING, standing
    elif limit is not None and posted > limit and not silenced:
        many = totals.live_postings > 1
        break_class = BreakClass.DUPLICATE_POSTING if many else BreakClass.POSTING_AMOUNT_MISMATCH
        expected = limit
    elif lacking and overdue:
        break_class = BreakClass.POSTING_AMOUNT_MISMATCH if posted else BreakClass.POSTING_MISSING
        expected = standing
    else:
        return
    breaks.add(
        _POSTING,
        break_class,
        expected,
        posted,
        currency=totals.currency,
        due_at=post_by if overdue else None,
        event_ids=_all_events(state),
    )


def _fee_variances(breaks: Breaks, state: PaymentState) -> None:
    for processor, references in state.attempts.items():
        for reference, attempt in references.items():
            reported = attempt.settled
            if reported is not None and reported.gross_minor - reported.fee_minor != reported.net_minor:
                breaks.add(
                    ("fee", processor, reference),
                    BreakClass.FEE_VARIANCE,
                    reported.gross_minor - reported.fee_minor,
                    reported.net_minor,
                    currency=reported.currency,
                    event_ids=(reported.event_id,),
                )


def _obligation_mismatches(breaks: Breaks, state: PaymentState, totals: PaymentTotals, initiation: Initiation) -> None:
    elsewhere = {
        obligation_id: by_currency[totals.currency]
        for obligation_id, by_currency in totals.posted.items()
        if obligation_id != initiation.obligation_id and totals.currency in by_currency
    }
    if not elsewhere:
        return
    events: dict[str, list[str]] = {obligation_id: [initiation.event_id] for obligation_id in elsewhere}
    for posting in state.postings.values():
        if posting.obligation_id in events:
            events[posting.obligation_id].append(posting.event_id)
    for reversal in state.reversals.values():
        reversed_posting = state.postings.get(reversal.posting_id)
        if reversed_posting is not None and reversed_posting.obligation_id in events:
            events[reversed_posting.obligation_id].append(reversal.event_id)
    for obligation_id, amount in elsewhere.items():
        breaks.add(
            ("obligation", obligation_id),
            BreakClass.OBLIGATION_MISMATCH,
            0,
            amount,
            currency=totals.currency,
            event_ids=events[obligation_id],
        )
