"""The breaks of what the ledger posted (contract section 7: subjects `posting`, `posting_reversal`, `obligation`)."""

from domain.breaks.model import Break, new_break
from domain.calendar import later
from domain.deadlines import watch
from domain.payments.allocations import Allotted
from domain.payments.state import Assignment, Initiation, PaymentState, outcomes
from domain.payments.totals import PaymentTotals, live_postings, reversed_by_posting
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import FAR_FUTURE, Micros

_POSTING = ("posting",)


def all_events(state: PaymentState, *, with_unmatched: bool = False) -> list[str]:
    """Give the events of all facts but assignments.

    Reversals of unknown postings wait, and no amount is computed from them; but they are movements.
    """
    events = [] if state.initiation is None else [state.initiation.event_id]
    events += [reported.event_id for _, reported in outcomes(state)]
    events += [posting.event_id for posting in state.postings.values()]
    events += [
        reversal.event_id
        for reversal in state.reversals.values()
        if with_unmatched or reversal.posting_id in state.postings
    ]
    return events


def _event_of(assignment: Assignment | None) -> tuple[str, ...]:
    return () if assignment is None else (assignment.event_id,)


def posting_break(
    state: PaymentState, totals: PaymentTotals, initiation: Initiation, post_by: Micros | None, now: Micros
) -> tuple[Break | None, Micros]:
    """Give the first class of subject `posting` that applies, and when that changes.

    Args:
        state: the payment.
        totals: the totals of its facts.
        initiation: its initiation.
        post_by: the posting deadline; None if there is none, or nothing depends on it.
        now: the instant of the view.

    """
    if totals.over_reversed:
        return _over_reversed(state, totals), FAR_FUTURE
    posted, standing = totals.posted_minor, totals.standing_minor
    is_silenced = bool(totals.foreign)
    is_stale = posted > standing and totals.went_back
    is_short = posted < standing and not is_silenced
    is_overdue, changes_at = watch(post_by if is_stale or is_short else None, now)

    # Over-posting is measured at once, against everything that ever settled (or was initiated, while nothing has): a
    # posting that was right when it was made is no break until the ledger has had its time to reverse it.
    limit = totals.gross_minor if totals.settled else initiation.amount_minor
    due_at: Micros | None = None
    if is_stale and is_overdue:
        break_class, expected, due_at = BreakClass.REVERSED_AFTER_POSTING, standing, post_by
    elif posted > limit and not is_silenced:
        many = totals.live_postings > 1
        break_class = BreakClass.DUPLICATE_POSTING if many else BreakClass.POSTING_AMOUNT_MISMATCH
        expected = limit
    elif is_short and is_overdue:
        break_class = BreakClass.POSTING_AMOUNT_MISMATCH if posted else BreakClass.POSTING_MISSING
        expected, due_at = standing, post_by
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
        due_at=due_at,
        event_ids=all_events(state),
    )
    return posting, changes_at


def _over_reversed(state: PaymentState, totals: PaymentTotals) -> Break:
    """Give the break of postings that were reversed by more than they were."""
    undone = reversed_by_posting(state)
    wrong = set(totals.over_reversed)
    postings = {posting_id: posting for posting_id, posting in state.postings.items() if posting_id in wrong}
    reversals = (
        each.event_id
        for each in state.reversals.values()
        if each.posting_id in wrong and each.currency == totals.currency
    )
    return new_break(
        "payment",
        state.payment_id,
        _POSTING,
        BreakClass.POSTING_OVER_REVERSED,
        expected_minor=sum(posting.amount_minor for posting in postings.values()),
        actual_minor=sum(undone[posting_id] for posting_id in postings),
        currency=totals.currency,
        event_ids=(*(posting.event_id for posting in postings.values()), *reversals),
    )


def unmatched_reversals(
    state: PaymentState, totals: PaymentTotals, now: Micros, policy: Policy
) -> tuple[list[Break], Micros]:
    """Give the breaks of reversals whose posting is not known, and when the next opens."""
    found: list[Break] = []
    changes_at = FAR_FUTURE
    for reversal_id in totals.unmatched:
        reversal = state.reversals[reversal_id]
        due_at = later(reversal.occurred_at, policy.orphan_grace_micros)
        is_overdue, opens_at = watch(due_at, now)
        changes_at = min(changes_at, opens_at)
        if is_overdue:
            found.append(
                new_break(
                    "payment",
                    state.payment_id,
                    ("posting_reversal", reversal_id),
                    BreakClass.REVERSAL_UNMATCHED,
                    actual_minor=reversal.amount_minor,
                    currency=reversal.currency,
                    due_at=due_at,
                    event_ids=(reversal.event_id,),
                )
            )
    return found, changes_at


def allocation_breaks(
    state: PaymentState,
    totals: PaymentTotals,
    allotted: Allotted,
    assignment: Assignment | None,
    post_by: Micros | None,
    now: Micros,
) -> tuple[list[Break], Micros]:
    """Give the breaks of money that is posted to other obligations than the allocations in force say.

    Args:
        state: the payment.
        totals: the totals of its facts.
        allotted: the allocations in force, with the money of each.
        assignment: the assignment in force, if any.
        post_by: the posting deadline; None if there is none, or nothing depends on it.
        now: the instant of the view.

    Returns:
        The breaks, and when they change by the clock alone.

    """
    standing: dict[str, int] = {}
    for one in allotted:
        standing[one.obligation_id] = standing.get(one.obligation_id, 0) + one.standing_minor
    posted = {
        obligation_id: by_currency[totals.currency]
        for obligation_id, by_currency in totals.posted.items()
        if totals.currency in by_currency
    }
    elsewhere = {obligation_id: amount for obligation_id, amount in posted.items() if obligation_id not in standing}
    if elsewhere:
        return _mismatches(state, totals, assignment, elsewhere), FAR_FUTURE
    wrong = {
        obligation_id: (stands, posted.get(obligation_id, 0))
        for obligation_id, stands in standing.items()
        if posted.get(obligation_id, 0) != stands
    }
    if not wrong or totals.posted_minor != totals.standing_minor:
        return [], FAR_FUTURE
    is_overdue, changes_at = watch(post_by, now)
    if not is_overdue:
        return [], changes_at
    events = [*all_events(state), *_event_of(assignment)]
    found = [
        new_break(
            "payment",
            state.payment_id,
            ("obligation", obligation_id),
            BreakClass.POSTING_MISALLOCATED,
            expected_minor=stands,
            actual_minor=is_posted,
            currency=totals.currency,
            due_at=post_by,
            event_ids=events,
        )
        for obligation_id, (stands, is_posted) in wrong.items()
    ]
    return found, FAR_FUTURE


def _mismatches(
    state: PaymentState, totals: PaymentTotals, assignment: Assignment | None, elsewhere: dict[str, int]
) -> list[Break]:
    """Give the breaks of live postings to obligations that no allocation in force names."""
    initiation = state.initiation
    assert initiation is not None  # without one nothing is in force, and nothing is judged
    events: dict[str, list[str]] = {
        obligation_id: [initiation.event_id, *_event_of(assignment)] for obligation_id in elsewhere
    }
    live = {
        posting_id: posting.obligation_id
        for posting_id, posting, _ in live_postings(state)
        if posting.obligation_id in events and posting.currency == totals.currency
    }
    for posting_id, obligation_id in live.items():
        events[obligation_id].append(state.postings[posting_id].event_id)
    for reversal in state.reversals.values():
        if reversal.posting_id in live and reversal.currency == totals.currency:
            events[live[reversal.posting_id]].append(reversal.event_id)
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
