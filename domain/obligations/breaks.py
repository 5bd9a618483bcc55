"""The breaks of an obligation (contract section 7, key kind `obligation`)."""

from domain.breaks.model import NO_CURRENCY, Breaks
from domain.calendar import later
from domain.deadlines import Deadlines
from domain.facts import Installment
from domain.obligations.state import Application, Charge, ObligationState, Plan, identities
from domain.policy import Policy
from domain.records import BreakClass


def counting_minor(application: Application, deadlines: Deadlines) -> tuple[int, int]:
    """Give what a payment counts for: standing money, and money in flight while it is in time, in minor units."""
    pending = application.in_flight_minor
    if pending and application.pending_until is not None and deadlines.has_passed(application.pending_until):
        pending = 0
    return application.standing_minor, pending


def add_conflict_breaks(breaks: Breaks, state: ObligationState) -> None:
    """Note facts that were told in two ways, and events used for two facts (contract section 3)."""
    charge = state.charge
    if not (state.plans or state.adjustments or state.cancellation or (charge is not None and charge.conflict)):
        return  # one identity at most, told in one way: nothing that could conflict
    events: list[str] = []
    disputed = False
    for _, accepted in identities(state):
        disputed = disputed or accepted.conflict
        events.append(accepted.event_id)
        if accepted.duplicate_event_ids is not None:
            events.extend(accepted.duplicate_event_ids)
    if disputed or len(set(events)) != len(events):
        breaks.add_conflicts(identities(state), NO_CURRENCY if charge is None else charge.currency)


def add_unknown_charge_breaks(breaks: Breaks, state: ObligationState, deadlines: Deadlines, policy: Policy) -> None:
    """Note the payments that count for an obligation that was never charged."""
    for payment_id, application in state.applications.items():
        if not application.initiated:
            continue
        standing, pending = counting_minor(application, deadlines)
        if not standing + pending:
            continue
        due_at = later(application.initiated_at, policy.orphan_grace_micros)
        if deadlines.has_passed(due_at):
            breaks.add(
                ("payment", payment_id),
                BreakClass.OBLIGATION_UNKNOWN,
                0,
                standing + pending,
                currency=application.currency,
                due_at=due_at,
                event_ids=(application.initiation_event_id,),
            )


def add_foreign_payment_break(breaks: Breaks, payment_id: str, application: Application, charge: Charge) -> None:
    """Note a payment in another currency than the charge's: it is not allocated."""
    breaks.add(
        ("payment", payment_id),
        BreakClass.CURRENCY_MISMATCH,
        0,
        0,
        currency=charge.currency,
        event_ids=(application.initiation_event_id, charge.event_id),
    )


def add_unknown_installment_break(
    breaks: Breaks, payment_id: str, application: Application, *, counting: int, deadlines: Deadlines, policy: Policy
) -> None:
    """Note a payment that names an installment that no version of the plan ever had, once its grace has passed."""
    due_at = later(application.initiated_at, policy.orphan_grace_micros)
    if deadlines.has_passed(due_at):
        breaks.add(
            ("payment", payment_id),
            BreakClass.INSTALLMENT_UNKNOWN,
            0,
            counting,
            currency=application.currency,
            due_at=due_at,
            event_ids=(application.initiation_event_id,),
        )


def add_foreign_adjustment_breaks(breaks: Breaks, state: ObligationState, charge: Charge) -> None:
    """Note the adjustments in another currency than the charge's: they are not counted."""
    for adjustment_id, adjustment in state.adjustments.items():
        if adjustment.currency != charge.currency:
            breaks.add(
                ("adjustment", adjustment_id),
                BreakClass.CURRENCY_MISMATCH,
                0,
                0,
                currency=charge.currency,
                event_ids=(adjustment.event_id, charge.event_id),
            )


def add_plan_break(
    breaks: Breaks,
    state: ObligationState,
    charge: Charge,
    plan: Charge | Plan,
    balance_minor: int,
    *,
    deadlines: Deadlines,
    policy: Policy,
) -> None:
    """Note a plan in force that does not add up to the balance, once its grace has passed."""
    planned = sum(installment.amount_minor for installment in plan.installments)
    if not plan.installments or state.cancellation is not None or planned == balance_minor:
        return
    latest = max(charge.occurred_at, plan.occurred_at)
    for adjustment in state.adjustments.values():
        latest = max(latest, adjustment.occurred_at)
    due_at = later(latest, policy.orphan_grace_micros)
    if deadlines.has_passed(due_at):
        breaks.add(
            ("plan",),
            BreakClass.PLAN_SUM_MISMATCH,
            balance_minor,
            planned,
            currency=charge.currency,
            due_at=due_at,
            event_ids=(charge.event_id, plan.event_id, *(a.event_id for a in state.adjustments.values())),
        )


def add_overpayment_break(
    breaks: Breaks, state: ObligationState, charge: Charge, balance_minor: int, paid_minor: int
) -> None:
    """Note that more stands than is owed.

    Args:
        breaks: where to note it.
        state: the obligation.
        charge: its charge.
        balance_minor: what is owed; below 0 counts as 0.
        paid_minor: all standing money that is allocated, with what is overpaid.

    """
    events = [charge.event_id, *(adjustment.event_id for adjustment in state.adjustments.values())]
    if state.cancellation is not None:
        events.append(state.cancellation.event_id)
    events += [
        application.initiation_event_id
        for application in state.applications.values()
        if application.initiated and application.standing_minor and application.currency == charge.currency
    ]
    breaks.add(
        ("balance",),
        BreakClass.OVERPAYMENT,
        max(0, balance_minor),
        paid_minor,
        currency=charge.currency,
        event_ids=events,
    )


def names_ever_planned(state: ObligationState, charge: Charge) -> set[str]:
    """Give the ids of the installments that any version of the plan had.

    An empty version had one, named like the obligation.
    """
    names: set[str] = set()
    versions: list[tuple[Installment, ...]] = [charge.installments]
    versions += [plan.installments for plan in state.plans.values()]
    for installments in versions:
        if installments:
            names.update(installment.installment_id for installment in installments)
        else:
            names.add(state.obligation_id)
    return names
