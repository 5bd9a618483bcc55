"""An obligation: what is charged, what payments count for it, how it stands (contract section 5)."""

from typing import ClassVar

import msgspec

from domain.breaks.model import Break, Breaks
from domain.calendar import end_of_day
from domain.deadlines import Deadlines
from domain.facts import Installment
from domain.ids import alert_id
from domain.obligations.allocation import Allocation, Claim, absorb_difference, allocate
from domain.obligations.breaks import (
    add_conflict_breaks,
    add_foreign_adjustment_breaks,
    add_foreign_payment_break,
    add_overpayment_break,
    add_plan_break,
    add_unknown_charge_breaks,
    add_unknown_installment_break,
    counting_minor,
    names_ever_planned,
)
from domain.obligations.lateness import Late, bucket_at, stage_at
from domain.obligations.state import Application, Charge, ObligationState, Plan, apply, new_obligation
from domain.policy import Policy
from domain.records import AgeingBucket, InstallmentView, ObligationReconciliation, ObligationStatus
from domain.time import Day, Micros

__all__ = ["ObligationState", "ObligationView", "apply", "new_obligation", "view"]


class ObligationView(msgspec.Struct, frozen=True):
    """An obligation as it stands at an instant: a function of its facts, that instant and the policy alone."""

    key_kind: ClassVar[str] = "obligation"

    key: str
    """The obligation_id."""
    reconciliation: ObligationReconciliation | None
    """Of version 0: `domain.publishing` numbers it. None while no charge is known."""
    breaks: tuple[Break, ...]
    """The open ones, by break id."""
    late: tuple[Late, ...]
    """The live late installments, in order of payment."""
    next_deadline: Micros | None
    """The earliest later instant at which the view changes by the clock alone."""


def view(state: ObligationState, now: Micros, policy: Policy) -> ObligationView:
    """Derive how an obligation stands at an instant."""
    breaks = Breaks("obligation", state.obligation_id)
    deadlines = Deadlines(now)
    add_conflict_breaks(breaks, state)
    if state.charge is None:
        add_unknown_charge_breaks(breaks, state, deadlines, policy)
        return ObligationView(state.obligation_id, None, breaks.in_order(), (), deadlines.next_deadline)
    return _charged(state, state.charge, breaks, deadlines, policy)


def _charged(
    state: ObligationState, charge: Charge, breaks: Breaks, deadlines: Deadlines, policy: Policy
) -> ObligationView:
    currency = charge.currency
    adjusted = 0
    if state.adjustments:
        adjusted = sum(a.amount_delta_minor for a in state.adjustments.values() if a.currency == currency)
        add_foreign_adjustment_breaks(breaks, state, charge)
    balance = 0 if state.cancellation is not None else charge.amount_minor + adjusted

    plan: Charge | Plan = state.plans[max(state.plans)] if state.plans else charge
    add_plan_break(breaks, state, charge, plan, balance, deadlines=deadlines, policy=policy)
    # An empty plan is one installment of the whole balance, named like the obligation.
    installments = plan.installments or (Installment(state.obligation_id, 0, 0, charge.due_date),)
    amounts = [installment.amount_minor for installment in installments]
    absorb_difference(amounts, balance)

    place = {installment.installment_id: index for index, installment in enumerate(installments)}
    standing_claims, pending_claims = _claims(state, charge, place, breaks=breaks, deadlines=deadlines, policy=policy)
    paid: list[Allocation] = [{} for _ in amounts]
    pending: list[Allocation] = [{} for _ in amounts]
    remaining = amounts.copy()
    overpaid = allocate(remaining, place, paid, standing_claims) if standing_claims else 0
    remaining_after_paid = remaining.copy()
    if pending_claims:
        allocate(
            remaining, place, pending, pending_claims
        )  # pending money never overpays: what finds no place is left out

    owed = sum(amounts)
    placed_minor = owed - sum(remaining_after_paid)
    paid_minor = placed_minor + overpaid
    if overpaid:
        add_overpayment_break(breaks, state, charge, balance, paid_minor)
    late, next_due = _late(
        state,
        charge,
        installments,
        amounts=amounts,
        unpaid=remaining_after_paid,
        uncovered=remaining,
        deadlines=deadlines,
    )
    oldest_late = late[0].due_date if late else None
    found = breaks.in_order()
    reconciliation = ObligationReconciliation(
        state.obligation_id,
        0,
        charge.lease_id,
        charge.tenant_id,
        charge.property_id,
        charge.period,
        _status(state, balance, paid_minor, overpaid, late),
        currency,
        charge.amount_minor,
        adjusted,
        balance,
        tuple(
            [
                InstallmentView(installment.installment_id, installment.due_date, amount, of_paid, of_pending)
                for installment, amount, of_paid, of_pending in zip(installments, amounts, paid, pending, strict=True)
            ]
        ),
        paid_minor,
        owed - placed_minor - sum(remaining),
        sum([application.posted.get(currency, 0) for application in state.applications.values()]),
        overpaid,
        next_due,
        oldest_late,
        AgeingBucket.CURRENT if oldest_late is None else _bucket(oldest_late, charge.time_zone, deadlines),
        tuple([b.break_id for b in found]),
        _rests_on(state, charge),
    )
    return ObligationView(state.obligation_id, reconciliation, found, late, deadlines.next_deadline)


def _claims(
    state: ObligationState,
    charge: Charge,
    place: dict[str, int],
    *,
    breaks: Breaks,
    deadlines: Deadlines,
    policy: Policy,
) -> tuple[list[Claim], list[Claim]]:
    """Give the standing and the pending money of the payments that were initiated for it, in order of application."""
    initiated = [
        (application.initiated_at, key, application)
        for key, application in state.applications.items()
        if application.initiated
    ]
    if len(initiated) > 1:
        initiated.sort(key=_application_order)
    ever_planned: set[str] | None = None
    standing_claims: list[Claim] = []
    pending_claims: list[Claim] = []
    for _, payment_id, application in initiated:
        if application.currency != charge.currency:
            add_foreign_payment_break(breaks, payment_id, application, charge)
            continue
        standing, in_flight = counting_minor(application, deadlines)
        name = application.installment_id
        if name is not None and name not in place:
            if ever_planned is None:
                ever_planned = names_ever_planned(state, charge)
            if name not in ever_planned:
                add_unknown_installment_break(
                    breaks, payment_id, application, counting=standing + in_flight, deadlines=deadlines, policy=policy
                )
        if standing:
            standing_claims.append((payment_id, name, standing))
        if in_flight:
            pending_claims.append((payment_id, name, in_flight))
    return standing_claims, pending_claims


def _application_order(initiated: tuple[Micros, str, Application]) -> tuple[Micros, str]:
    return initiated[0], initiated[1]


def _late(
    state: ObligationState,
    charge: Charge,
    installments: tuple[Installment, ...],
    *,
    amounts: list[int],
    unpaid: list[int],
    uncovered: list[int],
    deadlines: Deadlines,
) -> tuple[tuple[Late, ...], Day | None]:
    """Give the live late installments, and the due date of the first installment that is not covered."""
    late: list[Late] = []
    next_due: Day | None = None
    zone = charge.time_zone
    for index, left in enumerate(uncovered):
        if not left:
            continue
        installment = installments[index]
        due_date = installment.due_date
        if next_due is None:
            next_due = due_date
        due_at = end_of_day(due_date, zone)
        if not deadlines.has_passed(due_at):
            break  # in order of due date: none of the following is late either
        stage, next_stage_at = stage_at(due_date, charge.grace_days, zone, deadlines.now)
        if next_stage_at is not None:
            deadlines.has_passed(next_stage_at)
        late.append(
            Late(
                alert_id(state.obligation_id, installment.installment_id, due_date),
                installment.installment_id,
                due_date,
                amounts[index],
                amounts[index] - unpaid[index],
                unpaid[index] - left,
                due_at,
                stage,
            )
        )
    return tuple(late), next_due


def _bucket(oldest_late: Day, zone: str, deadlines: Deadlines) -> AgeingBucket:
    bucket, next_bucket_at = bucket_at(oldest_late, zone, deadlines.now)
    if next_bucket_at is not None:
        deadlines.has_passed(next_bucket_at)
    return bucket


def _status(state: ObligationState, balance: int, paid: int, overpaid: int, late: tuple[Late, ...]) -> ObligationStatus:
    if state.cancellation is not None:
        return ObligationStatus.CANCELLED
    if overpaid:
        return ObligationStatus.OVERPAID
    if late:
        return ObligationStatus.PAST_DUE
    if paid >= balance:
        return ObligationStatus.PAID
    return ObligationStatus.PARTIALLY_PAID if paid else ObligationStatus.OPEN


def _rests_on(state: ObligationState, charge: Charge) -> Micros:
    latest = charge.occurred_at
    if state.cancellation is not None:
        latest = max(latest, state.cancellation.occurred_at)
    for known in (state.plans, state.adjustments):
        for accepted in known.values():
            latest = max(latest, accepted.occurred_at)
    for application in state.applications.values():
        latest = max(latest, application.rests_on)
    return latest
