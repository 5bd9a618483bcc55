"""The breaks of a payout (contract section 11)."""

from domain.breaks.model import Break, conflict_breaks, in_order, new_break
from domain.calendar import banking_date, end_of_banking_day_after
from domain.deadlines import watch
from domain.payouts.state import PayoutReport, PayoutState, identities, lines
from domain.payouts.totals import PayoutTotals
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import FAR_FUTURE, Micros

KEY_KIND = "payout"


def payout_breaks(
    state: PayoutState, totals: PayoutTotals, now: Micros, policy: Policy
) -> tuple[tuple[Break, ...], Micros]:
    """Give the breaks whose condition holds, by break id, and when that changes by the clock alone.

    Args:
        state: the payout's.
        totals: what it comes to.
        now: the instant of the view.
        policy: the deadlines.

    """
    found: list[Break] = []
    if totals.may_conflict:
        found = conflict_breaks(KEY_KIND, state.payout_key, identities(state), totals.currency)
    if totals.foreign:
        found.append(
            new_break(
                KEY_KIND,
                state.payout_key,
                ("currency",),
                BreakClass.CURRENCY_MISMATCH,
                currency=totals.currency,
                event_ids=(totals.currency_event_id, *totals.foreign),
            )
        )
    report = totals.report
    if report is None:
        unreported, changes_at = _unreported(state, totals, now, policy)
        found += unreported
    elif totals.status == "PAID":
        composition, changes_at = _composition(state, totals, report, now, policy)
        deposit, deposit_changes_at = _deposit(state, totals, report, now, policy)
        found += composition + deposit
        changes_at = min(changes_at, deposit_changes_at)
    else:
        after_failure, changes_at = _deposit_after_failure(state, totals, report, now, policy)
        found += after_failure
    return in_order(found), changes_at


def _unreported(state: PayoutState, totals: PayoutTotals, now: Micros, policy: Policy) -> tuple[list[Break], Micros]:
    """Lines or entries without a report."""
    days = [one.booking_date for one in totals.entries]
    if totals.latest_line is not None:
        days.append(banking_date(totals.latest_line, totals.currency))
    due_at = end_of_banking_day_after(max(days), policy.payout_unreported_banking_days, totals.currency)
    has_passed, changes_at = watch(due_at, now)
    if not has_passed:
        return [], changes_at
    one = new_break(
        KEY_KIND,
        state.payout_key,
        ("report",),
        BreakClass.PAYOUT_UNREPORTED,
        currency=totals.currency,
        expected_minor=totals.lines_minor if totals.lines else totals.deposited_minor,
        due_at=due_at,
        event_ids=(*_line_events(state), *_entry_events(totals)),
    )
    return [one], changes_at


def composition_deadline(totals: PayoutTotals, report: PayoutReport, policy: Policy) -> Micros:
    """Give the instant by which the lines of a payout have to add up; later while the net of one is not known."""
    days = policy.payout_unreported_banking_days if totals.unknown_lines else policy.payout_composition_banking_days
    return end_of_banking_day_after(banking_date(report.occurred_at, totals.currency), days, totals.currency)


def _composition(
    state: PayoutState, totals: PayoutTotals, report: PayoutReport, now: Micros, policy: Policy
) -> tuple[list[Break], Micros]:
    """Lines that do not add up to what is paid out."""
    if totals.expected_minor == report.amount_minor:
        return [], FAR_FUTURE
    due_at = composition_deadline(totals, report, policy)
    has_passed, changes_at = watch(due_at, now)
    if not has_passed:
        return [], changes_at
    one = new_break(
        KEY_KIND,
        state.payout_key,
        ("composition",),
        BreakClass.PAYOUT_SUM_MISMATCH,
        currency=totals.currency,
        expected_minor=report.amount_minor,
        actual_minor=totals.expected_minor,
        due_at=due_at,
        event_ids=(report.event_id, *_line_events(state)),
    )
    return [one], changes_at


def _deposit(
    state: PayoutState, totals: PayoutTotals, report: PayoutReport, now: Micros, policy: Policy
) -> tuple[list[Break], Micros]:
    """Money that is not on the bank account, or other money than was paid out."""
    if totals.entries:
        if totals.deposited_minor == report.amount_minor:
            return [], FAR_FUTURE
        return [
            _deposit_break(state, totals, BreakClass.DEPOSIT_AMOUNT_MISMATCH, report, report.amount_minor)
        ], FAR_FUTURE
    if report.account_id is None:
        return [], FAR_FUTURE
    due_at = end_of_banking_day_after(report.arrival_date, policy.payout_deposit_banking_days, totals.currency)
    has_passed, changes_at = watch(due_at, now)
    if not has_passed:
        return [], changes_at
    one = _deposit_break(state, totals, BreakClass.DEPOSIT_MISSING, report, report.amount_minor, due_at)
    return [one], changes_at


def _deposit_after_failure(
    state: PayoutState, totals: PayoutTotals, report: PayoutReport, now: Micros, policy: Policy
) -> tuple[list[Break], Micros]:
    """Money on the bank account of a payout that failed or was cancelled."""
    if totals.deposited_minor == 0:
        return [], FAR_FUTURE
    failed_on = banking_date(report.occurred_at, totals.currency)
    due_at = end_of_banking_day_after(failed_on, policy.payout_deposit_banking_days, totals.currency)
    has_passed, changes_at = watch(due_at, now)
    if not has_passed:
        return [], changes_at
    return [_deposit_break(state, totals, BreakClass.DEPOSIT_AFTER_FAILURE, report, 0, due_at)], changes_at


def _deposit_break(
    state: PayoutState,
    totals: PayoutTotals,
    break_class: BreakClass,
    report: PayoutReport,
    expected_minor: int,
    due_at: Micros | None = None,
) -> Break:
    return new_break(
        KEY_KIND,
        state.payout_key,
        ("deposit",),
        break_class,
        currency=totals.currency,
        expected_minor=expected_minor,
        actual_minor=totals.deposited_minor,
        due_at=due_at,
        event_ids=(report.event_id, *_entry_events(totals)),
    )


def _line_events(state: PayoutState) -> list[str]:
    return [line.event_id for line in lines(state)]


def _entry_events(totals: PayoutTotals) -> list[str]:
    return [event_id for one in totals.entries for event_id in one.entry.event_ids]
