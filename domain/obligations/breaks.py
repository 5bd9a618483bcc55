"""The breaks of an obligation (contract section 7, key kind `obligation`)."""

from domain.breaks.model import NO_CURRENCY, Breaks
from domain.calendar import later
from domain.deadlines import Alarm
from domain.facts import Installment
from domain.obligations.state import Charge, ObligationState, Part, Plan, identities
from domain.policy import Policy
from domain.records import BreakClass


def counting_minor(part: Part, alarm: Alarm) -> tuple[int, int]:
    """Give what a payment counts for: standing money, and money in flight while it is in time, in minor units."""
    pending = part.in_flight_minor
    if pending and part.pending_until is not None and alarm.passed(part.pending_until):
        pending = 0
    return part.standing_minor, pending


def add_conflict_breaks(breaks: Breaks, state: ObligationState) -> None:
    """Note facts that were told in two ways, and events used for two facts (contract section 3)."""
    charge = state.charge
    if not (state.plans or state.adjustments or state.cancellation or (charge is not None and charge.conflict)):
        return  # one identity at most, told in one way: nothing that could conflict
    events: list[str] = []
    disputed = False
    for _, held in identities(state):
        disputed = disputed or held.conflict
        events.append(held.event_id)
        if held.also is not None:
            events.extend(held.also)
    if disputed or len(set(events)) != len(events):
        breaks.add_conflicts(identities(state), NO_CURRENCY if charge is None else charge.currency)


def add_unknown_charge_breaks(breaks: Breaks, state: ObligationState, alarm: Alarm, policy: Policy) -> None:
    """Note the payments that count for an obligation that was never charged."""
    for payment_id, part in state.parts.items():
        if not part.initiated:
            continue
        standing, pending = counting_minor(part, alarm)
        if not standing + pending:
            continue
        due_at = later(part.initiated_at, policy.orphan_grace_micros)
        if alarm.passed(due_at):
            breaks.add(
                ("payment", payment_id),
                BreakClass.OBLIGATION_UNKNOWN,
                0,
                standing + pending,
                currency=part.currency,
                due_at=due_at,
                event_ids=(part.initiation_event_id,),
            )


def add_foreign_payment_break(breaks: Breaks, payment_id: str, part: Part, charge: Charge) -> None:
    """Note a payment in another currency than the charge's: it is not allocated."""
    breaks.add(
        ("payment", payment_id),
        BreakClass.CURRENCY_MISMATCH,
        0,
        0,
        currency=charge.currency,
        event_ids=(part.initiation_event_id, charge.event_id),
    )


def add_unknown_installment_break(
    breaks: Breaks, payment_id: str, part: Part, *, counting: int, alarm: Alarm, policy: Policy
) -> None:
    """Note a payment that names an installment that no version of the plan ever had, once its grace has passed."""
    due_at = later(part.initiated_at, policy.orphan_grace_micros)
    if alarm.passed(due_at):
        breaks.add(
            ("payment", payment_id),
            BreakClass.INSTALLMENT_UNKNOWN,
            0,
            counting,
            currency=part.currency,
            due_at=due_at,
            event_ids=(part.initiation_event_id,),
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
    alarm: Alarm,
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
    if alarm.passed(due_at):
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
        part.initiation_event_id
        for part in state.parts.values()
        if part.initiated and part.standing_minor and part.currency == charge.currency
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
