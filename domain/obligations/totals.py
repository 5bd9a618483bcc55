"""The totals of an obligation (contract section 5): what is owed, by which plan, and what payments count for."""

import msgspec

from domain.deadlines import watch
from domain.facts import Installment
from domain.obligations.state import Application, Charge, ObligationState, Plan
from domain.time import FAR_FUTURE, Micros


class CountingPayment(msgspec.Struct, frozen=True, gc=False):
    """A payment that was initiated for the obligation, and what it counts for at an instant."""

    payment_id: str
    application: Application
    standing_minor: int
    """Net settled money."""
    pending_minor: int
    """Money in flight whose settlement deadline has not passed."""


class ObligationTotals(msgspec.Struct, frozen=True, gc=False):
    """A charged obligation added up at an instant, in its charge's currency; facts in another count as zero."""

    charge: Charge
    plan: Charge | Plan
    """The plan in force."""
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
    """The next instant at which pending money stops counting."""


def add_up(state: ObligationState, charge: Charge, now: Micros) -> ObligationTotals:
    """Add up the facts of a charged obligation."""
    currency = charge.currency
    payments, next_deadline = counting_payments(state, currency, now)
    return ObligationTotals(
        charge=charge,
        plan=plan_in_force(state, charge),
        adjusted_minor=adjusted_minor(state, charge),
        balance_minor=balance_minor(state, charge),
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
    return 0 if state.cancellation is not None else charge.amount_minor + adjusted_minor(state, charge)


def plan_in_force(state: ObligationState, charge: Charge) -> Charge | Plan:
    """Give the plan of the highest version; version 0 is the charge's."""
    return state.plans[max(state.plans)] if state.plans else charge


def installment_ids_ever_planned(state: ObligationState, charge: Charge) -> set[str]:
    """Give the ids of the installments that any version of the plan had.

    An empty version had one, named like the obligation.
    """
    ids: set[str] = set()
    versions: list[tuple[Installment, ...]] = [charge.installments]
    versions += [plan.installments for plan in state.plans.values()]
    for installments in versions:
        if installments:
            ids.update(installment.installment_id for installment in installments)
        else:
            ids.add(state.obligation_id)
    return ids


def counting_payments(
    state: ObligationState, currency: str | None, now: Micros
) -> tuple[list[CountingPayment], Micros]:
    """Give the payments initiated for an obligation, in order of application (contract section 5).

    Args:
        state: the obligation.
        currency: only payments in it; None: all.
        now: the instant at which they count.

    Returns:
        The payments, and the next instant at which pending money stops counting.

    """
    found: list[CountingPayment] = []
    next_deadline = FAR_FUTURE
    for payment_id, one in state.applications.items():
        if not one.initiated or (currency is not None and one.currency != currency):
            continue
        pending = one.in_flight_minor
        if pending:
            has_expired, expires_at = watch(one.pending_until, now)
            if has_expired:
                pending = 0
            elif expires_at < next_deadline:
                next_deadline = expires_at
        found.append(CountingPayment(payment_id, one, one.standing_minor, pending))
    if len(found) > 1:
        found.sort(key=_application_order)
    return found, next_deadline


def _application_order(one: CountingPayment) -> tuple[Micros, str]:
    return one.application.initiated_at, one.payment_id


def _rests_on(state: ObligationState, charge: Charge) -> Micros:
    instants = [application.rests_on for application in state.applications.values()]
    instants.append(charge.occurred_at)
    if state.cancellation is not None:
        instants.append(state.cancellation.occurred_at)
    if state.plans:
        instants += [plan.occurred_at for plan in state.plans.values()]
    if state.adjustments:
        instants += [adjustment.occurred_at for adjustment in state.adjustments.values()]
    return max(instants)
