"""The totals of an obligation (contract section 5): what is owed, by which plan, and what payments count for."""

import msgspec

from domain.deadlines import watch
from domain.facts import Installment
from domain.obligations.adjustments import SpecificAdjustments, specific_adjustments
from domain.obligations.state import Application, Cancellation, Charge, ObligationState, Plan, Reinstatement
from domain.time import FAR_FUTURE, FAR_PAST, Micros


class CountingPayment(msgspec.Struct, frozen=True, gc=False):
    """A payment that gives money to the obligation, and what it counts for at an instant."""

    payment_id: str
    application: Application
    standing_minor: int
    """Net settled money, of all its shares."""
    pending_minor: int
    """The money in flight of all its shares, from the initiation up to the settlement deadline; else 0."""


class ObligationTotals(msgspec.Struct, frozen=True, gc=False):
    """A charged obligation added up at an instant, in its charge's currency; facts in another count as zero."""

    charge: Charge
    plan: Charge | Plan
    """The plan in force."""
    is_cancelled: bool
    specific: SpecificAdjustments | None
    """The adjustments that are about single installments; None if there are none."""
    adjusted_minor: int
    balance_minor: int
    """What is owed; below 0 if credits exceed the charge."""
    posted_minor: int
    """What the ledger has posted to it, net of reversals."""
    payments: list[CountingPayment]
    """In order of application."""
    rests_on: Micros
    """The latest `occurred_at` among its facts and those of its payments."""
    next_deadline: Micros
    """The next instant at which money begins or ceases to be pending."""


def add_up(state: ObligationState, charge: Charge, now: Micros, clock: Micros = FAR_PAST) -> ObligationTotals:
    """Add up the facts of a charged obligation."""
    currency = charge.currency
    payments, next_deadline = counting_payments(state, currency, now, clock)
    plan = plan_in_force(state, charge)
    cancelled = bool(state.cancellations) and is_cancelled(state)
    adjusted = adjusted_minor(state, charge)
    return ObligationTotals(
        charge=charge,
        plan=plan,
        is_cancelled=cancelled,
        specific=specific_adjustments(state, charge, plan) if state.adjustments else None,
        adjusted_minor=adjusted,
        balance_minor=0 if cancelled else charge.amount_minor + adjusted,
        posted_minor=sum([one.posted.get(currency, 0) for one in state.applications.values()]),
        payments=payments,
        rests_on=_rests_on(state, charge),
        next_deadline=next_deadline,
    )


def adjusted_minor(state: ObligationState, charge: Charge) -> int:
    """Give the sum of the adjustments in the charge's currency."""
    if not state.adjustments:
        return 0
    return sum(one.amount_delta_minor for one in state.adjustments.values() if one.currency == charge.currency)


def balance_minor(state: ObligationState, charge: Charge) -> int:
    """Give what is owed in all, in minor units of the charge's currency."""
    return 0 if is_cancelled(state) else charge.amount_minor + adjusted_minor(state, charge)


def is_cancelled(state: ObligationState) -> bool:
    """Whether the latest of its cancellations and reinstatements is a cancellation; of one instant it is."""
    latest = latest_cancellation(state)
    return latest is not None and isinstance(latest, Cancellation)


def latest_cancellation(state: ObligationState) -> Cancellation | Reinstatement | None:
    """Give the fact that decides whether the obligation is cancelled; None if there is none.

    The latest by (`occurred_at`, reinstatement before cancellation); of several of one kind and instant, which differ
    in nothing that counts, that of the last event id.
    """
    if not state.cancellations and not state.reinstatements:
        return None
    facts: list[Cancellation | Reinstatement] = [*state.cancellations.values(), *state.reinstatements.values()]
    return max(facts, key=_cancellation_order)


def _cancellation_order(fact: Cancellation | Reinstatement) -> tuple[Micros, bool, str]:
    return fact.occurred_at, isinstance(fact, Cancellation), fact.event_id


def plan_in_force(state: ObligationState, charge: Charge) -> Charge | Plan:
    """Give the plan of the highest version; version 0 is the charge's."""
    return state.plans[max(state.plans)] if state.plans else charge


def installment_ids_ever_planned(state: ObligationState, charge: Charge) -> set[str]:
    """Give the ids of the installments that any version of the plan had, and of the dated adjustments.

    An empty version had one, named like the obligation. A dated adjustment in another currency is one, too.
    """
    ids = {adjustment_id for adjustment_id, one in state.adjustments.items() if one.is_dated}
    versions: list[tuple[Installment, ...]] = [charge.installments]
    versions += [plan.installments for plan in state.plans.values()]
    for installments in versions:
        if installments:
            ids.update([installment.installment_id for installment in installments])
        else:
            ids.add(state.obligation_id)
    return ids


def counting_payments(
    state: ObligationState, currency: str | None, now: Micros, clock: Micros = FAR_PAST
) -> tuple[list[CountingPayment], Micros]:
    """Give the payments that give money to an obligation, in order of application (contract section 5).

    Args:
        state: the obligation.
        currency: only payments in it; None: all.
        now: the instant at which they count.
        clock: the wall clock where it is ahead of `now`: money is in flight once it says so.

    Returns:
        The payments, and the next instant at which money begins or ceases to be pending.

    """
    found: list[CountingPayment] = []
    next_deadline = FAR_FUTURE
    for payment_id, one in state.applications.items():
        shares = one.shares
        if not shares or (currency is not None and one.currency != currency):
            continue
        if len(shares) == 1:
            standing, pending = shares[0].standing_minor, shares[0].in_flight_minor
        else:
            standing, pending = one.standing_minor, one.in_flight_minor
        if pending:
            is_ahead = now < one.initiated_at and clock < one.initiated_at
            has_changed, changes_at = watch(one.initiated_at if is_ahead else one.pending_until, now)
            if has_changed or is_ahead:
                pending = 0
            next_deadline = min(next_deadline, changes_at)
        found.append(CountingPayment(payment_id, one, standing, pending))
    if len(found) > 1:
        found.sort(key=_application_order)
    return found, next_deadline


def _application_order(one: CountingPayment) -> tuple[Micros, str]:
    return one.application.initiated_at, one.payment_id


def _rests_on(state: ObligationState, charge: Charge) -> Micros:
    instants = [application.rests_on for application in state.applications.values()]
    instants.append(charge.occurred_at)
    if state.cancellations:
        instants += [cancellation.occurred_at for cancellation in state.cancellations.values()]
    if state.reinstatements:
        instants += [reinstatement.occurred_at for reinstatement in state.reinstatements.values()]
    if state.plans:
        instants += [plan.occurred_at for plan in state.plans.values()]
    if state.adjustments:
        instants += [adjustment.occurred_at for adjustment in state.adjustments.values()]
    return max(instants)
