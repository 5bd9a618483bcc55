"""The breaks of a payment (contract section 7, key kind `payment`).

A rule that depends on a deadline gives its break and the next instant at which that changes by the clock alone.
"""

from collections.abc import Iterator

from domain.breaks.model import Break, in_order, new_break
from domain.calendar import banking_deadline, later
from domain.deadlines import watch
from domain.outcomes import parts_of_outcome
from domain.payments.allocations import Allotted
from domain.payments.conflicts import payment_conflicts
from domain.payments.posting_breaks import all_events, allocation_breaks, posting_break, unmatched_reversals
from domain.payments.state import Assignment, Initiation, PaymentState, outcomes
from domain.payments.totals import (
    OF_ATTEMPTS,
    OF_CHARGEBACKS,
    OF_REFUNDS,
    AttemptKey,
    PaymentTotals,
    attempt_key,
)
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import FAR_FUTURE, Micros

_SETTLEMENT = ("settlement",)
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
    return banking_deadline(initiation.occurred_at, days, initiation.currency)


def payment_breaks(
    state: PaymentState,
    totals: PaymentTotals,
    allotted: Allotted,
    assignment: Assignment | None,
    settle_by: Micros | None,
    now: Micros,
    policy: Policy,
) -> tuple[tuple[Break, ...], Micros]:
    """Give the breaks of a payment, by break id, and the next instant at which they change by the clock alone.

    Args:
        state: the payment, its resolutions among its attempts.
        totals: the totals of its facts.
        allotted: the allocations in force, with the money of each.
        assignment: the assignment in force, if any.
        settle_by: the settlement deadline, while an initiated payment has no outcome or too little was collected.
        now: the instant of the view.
        policy: the deadlines.

    """
    found: list[Break] = []
    if totals.disputed or totals.contradictory:
        found = payment_conflicts(state, totals)
    if totals.settled or totals.foreign:
        _add_fee_variances(found, state)
    initiation = state.initiation
    if initiation is None:
        # Nothing is known to expect. What happened is judged once the initiation is known.
        changes_at = _add_unkeyed_movement(found, state, totals, now, policy)
        return in_order(found), changes_at

    changes_at = FAR_FUTURE
    if totals.foreign:
        found.append(_currency_mismatch(state, totals, initiation))
    elif settle_by is not None or totals.standing_minor != initiation.amount_minor:
        settlement, changes_at = _settlement_break(state, totals, initiation, settle_by, now)
        if settlement is not None:
            found.append(settlement)
    post_by: Micros | None = None
    posted, standing = totals.posted_minor, totals.standing_minor
    if totals.latest_settlement is not None and (posted != standing or len(allotted) > 1):
        post_by = banking_deadline(totals.latest_settlement, policy.posting_banking_days, totals.currency)
    if posted != standing or totals.over_reversed or posted > totals.gross_minor:
        posting, posting_changes_at = posting_break(state, totals, initiation, post_by, now)
        changes_at = min(changes_at, posting_changes_at)
        if posting is not None:
            found.append(posting)
    if posted and (len(totals.posted) > 1 or len(allotted) > 1 or allotted[0].obligation_id not in totals.posted):
        misallocated, misallocated_at = allocation_breaks(state, totals, allotted, assignment, post_by, now)
        changes_at = min(changes_at, misallocated_at)
        found += misallocated
    if totals.unmatched:
        unmatched, unmatched_at = unmatched_reversals(state, totals, now, policy)
        changes_at = min(changes_at, unmatched_at)
        found += unmatched
    if totals.has_excess:
        found += _excesses(state, totals)
    return in_order(found), changes_at


def _processor_events(state: PaymentState) -> Iterator[str]:
    return (reported.event_id for _, reported in outcomes(state))


def _add_unkeyed_movement(
    found: list[Break], state: PaymentState, totals: PaymentTotals, now: Micros, policy: Policy
) -> Micros:
    """Add the break of money that moved without an initiation, once its grace has passed. Returns when that will be."""
    if totals.earliest_movement is None:
        return FAR_FUTURE
    initiate_by = later(totals.earliest_movement, policy.orphan_grace_micros)
    is_unkeyed, changes_at = watch(initiate_by, now)
    if is_unkeyed:
        found.append(
            new_break(
                "payment",
                state.payment_id,
                _PAYMENT,
                BreakClass.UNKEYED_MOVEMENT,
                actual_minor=totals.gross_minor or totals.posted_minor,
                currency=totals.currency,
                due_at=initiate_by,
                event_ids=all_events(state, with_unmatched=True),
            )
        )
    return changes_at


def _currency_mismatch(state: PaymentState, totals: PaymentTotals, initiation: Initiation) -> Break:
    """Give the break of facts in another currency than the payment's."""
    return new_break(
        "payment",
        state.payment_id,
        _CURRENCY,
        BreakClass.CURRENCY_MISMATCH,
        currency=totals.currency,
        event_ids=(initiation.event_id, *totals.foreign),
    )


def _settlement_break(
    state: PaymentState, totals: PaymentTotals, initiation: Initiation, settle_by: Micros | None, now: Micros
) -> tuple[Break | None, Micros]:
    """Give the first class of subject `settlement` that applies."""
    standing, collected, posted = totals.standing_minor, totals.collected_minor, totals.posted_minor
    is_overdue, changes_at = watch(settle_by, now)
    is_missing = is_overdue and not totals.outcome
    amount = initiation.amount_minor
    due_at: Micros | None = None
    actual = 0
    if is_missing and posted:
        break_class, expected, due_at = BreakClass.POSTING_WITHOUT_SETTLEMENT, posted, settle_by
    elif standing > amount and totals.live_settlements > 1:
        break_class, expected, actual = BreakClass.DUPLICATE_SETTLEMENT, amount, standing
    elif totals.outcome and totals.reversed_minor > collected:
        break_class, expected, actual = BreakClass.OVER_REVERSED, collected, totals.reversed_minor
    elif standing > amount:
        break_class, expected, actual = BreakClass.SETTLEMENT_AMOUNT_MISMATCH, amount, standing
    elif is_overdue and 0 < collected < amount:
        break_class, expected, actual = BreakClass.SETTLEMENT_AMOUNT_MISMATCH, amount, collected
        due_at = settle_by
    elif is_missing:
        break_class, expected, due_at = BreakClass.SETTLEMENT_MISSING, amount, settle_by
    else:
        return None, changes_at
    settlement = new_break(
        "payment",
        state.payment_id,
        _SETTLEMENT,
        break_class,
        expected_minor=expected,
        actual_minor=actual,
        currency=totals.currency,
        due_at=due_at,
        event_ids=all_events(state)
        if break_class is BreakClass.POSTING_WITHOUT_SETTLEMENT
        else (initiation.event_id, *_processor_events(state)),
    )
    return settlement, changes_at


def _excesses(state: PaymentState, totals: PaymentTotals) -> list[Break]:
    """Give the breaks of reversals that gave back more than was taken, and of chargebacks above all that settled."""
    of_refunds: list[str] = []
    of_chargebacks: list[str] = []
    settled: list[str] = []
    attempts: dict[AttemptKey, list[str]] = {}
    for identity, reported in outcomes(state):
        outcome = identity[2]
        if reported.currency != totals.currency:
            continue
        if outcome in OF_REFUNDS:
            of_refunds.append(reported.event_id)
        if outcome in OF_CHARGEBACKS:
            of_chargebacks.append(reported.event_id)
        if outcome == "SETTLED":
            settled.append(reported.event_id)
        if outcome in OF_ATTEMPTS:
            attempts.setdefault(attempt_key(identity, reported), []).append(reported.event_id)
    of_returns = [event_id for key in totals.exceeding for event_id in attempts[key]]
    return [
        new_break(
            "payment",
            state.payment_id,
            subject,
            break_class,
            actual_minor=excess,
            currency=totals.currency,
            event_ids=event_ids,
        )
        for subject, break_class, excess, event_ids in (
            (("excess", "RETURN"), BreakClass.REVERSAL_EXCESS, totals.return_excess_minor, of_returns),
            (("excess", "REFUND"), BreakClass.REVERSAL_EXCESS, totals.refund_excess_minor, of_refunds),
            (
                ("excess", "CHARGEBACK"),
                BreakClass.REVERSAL_EXCESS,
                totals.chargeback_reversal_excess_minor,
                of_chargebacks,
            ),
            (
                ("chargeback",),
                BreakClass.CHARGEBACK_EXCESS,
                totals.chargeback_excess_minor,
                [*of_chargebacks, *settled],  # the cap is the sum of the latter
            ),
        )
        if excess
    ]


def _add_fee_variances(found: list[Break], state: PaymentState) -> None:
    """Add the breaks of settlements whose gross less fee is not their net, where both are in their own currency."""
    for processor, references in state.attempts.items():
        for reference, reported in references.items():
            for name, settled in reported.items():
                fee, net = settled.fee_minor, settled.net_minor
                if fee is None or net is None or settled.gross_minor - fee == net:
                    continue
                outcome, movement_id = parts_of_outcome(name)
                if outcome != "SETTLED" or settled.currency_of_fee != settled.currency:
                    continue
                subject = ("fee", processor, reference)
                found.append(
                    new_break(
                        "payment",
                        state.payment_id,
                        (*subject, movement_id) if movement_id else subject,
                        BreakClass.FEE_VARIANCE,
                        expected_minor=settled.gross_minor - fee,
                        actual_minor=net,
                        currency=settled.currency,
                        event_ids=(settled.event_id,),
                    )
                )
