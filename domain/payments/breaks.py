"""The breaks of a payment (contract section 7, key kind `payment`).

A rule that depends on a deadline gives its break and the next instant at which that changes by the clock alone.
"""

from collections.abc import Iterator

from domain.breaks.model import Break, conflict_breaks, in_order, new_break
from domain.calendar import banking_deadline, later
from domain.deadlines import watch
from domain.payments.state import Initiation, PaymentState, identities
from domain.payments.totals import PaymentTotals
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import FAR_FUTURE, Micros

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
    state: PaymentState, totals: PaymentTotals, settle_by: Micros | None, now: Micros, policy: Policy
) -> tuple[tuple[Break, ...], Micros]:
    """Give the open breaks of a payment, by break id, and the next instant at which they change by the clock alone.

    Args:
        state: the payment.
        totals: the totals of its facts.
        settle_by: the settlement deadline, while an initiated payment has no outcome.
        now: the instant of the view.
        policy: the deadlines.

    """
    found: list[Break] = []
    if totals.disputed:
        found += conflict_breaks("payment", state.payment_id, identities(state), totals.currency)
    found += _fee_variances(state)

    initiation = state.initiation
    unkeyed_at = FAR_FUTURE
    if initiation is None and totals.earliest_movement is not None:
        initiate_by = later(totals.earliest_movement, policy.orphan_grace_micros)
        is_unkeyed, unkeyed_at = watch(initiate_by, now)
        if is_unkeyed:
            found.append(_unkeyed_movement(state, totals, initiate_by))
            return in_order(found), FAR_FUTURE

    settlement_changes_at = FAR_FUTURE
    if totals.foreign:
        found.append(_currency_mismatch(state, totals))
    else:
        settlement, settlement_changes_at = _settlement_break(state, totals, settle_by, now)
        if settlement is not None:
            found.append(settlement)
    posting, posting_changes_at = _posting_break(state, totals, now, policy)
    if posting is not None:
        found.append(posting)
    if initiation is not None:
        found += _obligation_mismatches(state, totals, initiation)
    return in_order(found), min(unkeyed_at, settlement_changes_at, posting_changes_at)


def _all_events(state: PaymentState) -> Iterator[str]:
    return (accepted.event_id for _, accepted in identities(state))


def _money_events(state: PaymentState) -> Iterator[str]:
    """Give the events of the initiation and of the processors, without the ledger's."""
    return (
        accepted.event_id
        for identity, accepted in identities(state)
        if identity[0] in {"PaymentInitiated", "ProcessorSettled"}
    )


def _unkeyed_movement(state: PaymentState, totals: PaymentTotals, initiate_by: Micros) -> Break:
    """Give the break of money that moved without an initiation, once its grace has passed."""
    return new_break(
        "payment",
        state.payment_id,
        _PAYMENT,
        BreakClass.UNKEYED_MOVEMENT,
        actual_minor=totals.gross_minor or totals.posted_minor,
        currency=totals.currency,
        due_at=initiate_by,
        event_ids=_all_events(state),
    )


def _currency_mismatch(state: PaymentState, totals: PaymentTotals) -> Break:
    """Give the break of facts in another currency than the payment's."""
    return new_break(
        "payment",
        state.payment_id,
        _CURRENCY,
        BreakClass.CURRENCY_MISMATCH,
        currency=totals.currency,
        event_ids=totals.foreign if state.initiation is None else [state.initiation.event_id, *totals.foreign],
    )


def _settlement_break(
    state: PaymentState, totals: PaymentTotals, settle_by: Micros | None, now: Micros
) -> tuple[Break | None, Micros]:
    """Give the first class of subject `settlement` that applies."""
    standing, collected, posted = totals.standing_minor, totals.collected_minor, totals.posted_minor
    is_overdue, changes_at = watch(settle_by, now)
    over_reversed = totals.settled and totals.reversed_minor > collected
    # Without an initiation nothing is known to expect: only a contradiction among the facts is a break.
    amount = state.initiation.amount_minor if state.initiation is not None else None
    break_class: BreakClass | None = None
    expected = actual = 0
    if is_overdue and posted:
        break_class, expected = BreakClass.POSTING_WITHOUT_SETTLEMENT, posted
    elif amount is not None and standing > amount and totals.live_attempts > 1:
        break_class, expected, actual = BreakClass.DUPLICATE_SETTLEMENT, amount, standing
    elif over_reversed:
        break_class, expected, actual = BreakClass.OVER_REVERSED, collected, totals.reversed_minor
    elif amount is not None and standing > amount:
        break_class, expected, actual = BreakClass.SETTLEMENT_AMOUNT_MISMATCH, amount, standing
    elif amount is not None and 0 < collected < amount:
        break_class, expected, actual = BreakClass.SETTLEMENT_AMOUNT_MISMATCH, amount, collected
    elif amount is not None and is_overdue:
        break_class, expected = BreakClass.SETTLEMENT_MISSING, amount
    if break_class is None:
        return None, changes_at
    settlement = new_break(
        "payment",
        state.payment_id,
        _SETTLEMENT,
        break_class,
        expected_minor=expected,
        actual_minor=actual,
        currency=totals.currency,
        due_at=settle_by if is_overdue else None,
        event_ids=_all_events(state) if posted and is_overdue else _money_events(state),
    )
    return settlement, changes_at


def _posting_break(
    state: PaymentState, totals: PaymentTotals, now: Micros, policy: Policy
) -> tuple[Break | None, Micros]:
    """Give the first class of subject `posting` that applies."""
    posted, standing = totals.posted_minor, totals.standing_minor
    is_silenced = bool(totals.foreign)
    is_stale = posted > standing and totals.went_back
    is_short = posted < standing and not is_silenced
    post_by: Micros | None = None
    if (is_stale or is_short) and totals.latest_settlement is not None:
        post_by = banking_deadline(totals.latest_settlement, policy.posting_banking_days)
    is_overdue, changes_at = watch(post_by, now)

    # Over-posting is measured at once, against everything that ever settled (or was initiated, while nothing has): a
    # posting that was right when it was made is no break until the ledger has had its time to reverse it.
    limit = totals.gross_minor if totals.settled else None
    if limit is None and state.initiation is not None:
        limit = state.initiation.amount_minor

    if is_stale and is_overdue:
        break_class, expected = BreakClass.REVERSED_AFTER_POSTING, standing
    elif limit is not None and posted > limit and not is_silenced:
        many = totals.live_postings > 1
        break_class = BreakClass.DUPLICATE_POSTING if many else BreakClass.POSTING_AMOUNT_MISMATCH
        expected = limit
    elif is_short and is_overdue:
        break_class = BreakClass.POSTING_AMOUNT_MISMATCH if posted else BreakClass.POSTING_MISSING
        expected = standing
    else:
        return None, changes_at
    posting = new_break(
        "payment",
        state.payment_id,
        _POSTING,
        break_class,
        expected_minor=expected,
        actual_minor=posted,
        currency=totals.currency,
        due_at=post_by if is_overdue else None,
        event_ids=_all_events(state),
    )
    return posting, changes_at


def _fee_variances(state: PaymentState) -> list[Break]:
    """Give the breaks of settlements whose gross less fee is not their net."""
    found: list[Break] = []
    for processor, references in state.attempts.items():
        for reference, attempt in references.items():
            settled = attempt.settled
            if settled is not None and settled.gross_minor - settled.fee_minor != settled.net_minor:
                found.append(
                    new_break(
                        "payment",
                        state.payment_id,
                        ("fee", processor, reference),
                        BreakClass.FEE_VARIANCE,
                        expected_minor=settled.gross_minor - settled.fee_minor,
                        actual_minor=settled.net_minor,
                        currency=settled.currency,
                        event_ids=(settled.event_id,),
                    )
                )
    return found


def _obligation_mismatches(state: PaymentState, totals: PaymentTotals, initiation: Initiation) -> list[Break]:
    """Give the breaks of money that is posted to another obligation than the payment was initiated for."""
    posted = totals.posted
    if not posted or (len(posted) == 1 and initiation.obligation_id in posted):
        return []
    elsewhere = {
        obligation_id: by_currency[totals.currency]
        for obligation_id, by_currency in posted.items()
        if obligation_id != initiation.obligation_id and totals.currency in by_currency
    }
    events: dict[str, list[str]] = {obligation_id: [initiation.event_id] for obligation_id in elsewhere}
    for posting in state.postings.values():
        if posting.obligation_id in events:
            events[posting.obligation_id].append(posting.event_id)
    for reversal in state.reversals.values():
        reversed_posting = state.postings.get(reversal.posting_id)
        if reversed_posting is not None and reversed_posting.obligation_id in events:
            events[reversed_posting.obligation_id].append(reversal.event_id)
    return [
        new_break(
            "payment",
            state.payment_id,
            ("obligation", obligation_id),
            BreakClass.OBLIGATION_MISMATCH,
            actual_minor=amount,
            currency=totals.currency,
            event_ids=events[obligation_id],
        )
        for obligation_id, amount in elsewhere.items()
    ]
