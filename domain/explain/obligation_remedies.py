"""Candidates for resolving the breaks of an obligation, class by class; `domain.explain.remedies` tries them.

An obligation knows what its payments count for, not what processors said of them; so an event of a payment leaves
free what only the payment's own state knows.
"""

from collections.abc import Iterator
from typing import Any

from domain.breaks.model import Break
from domain.explain.corrective_events import CorrectiveEvent, corrective_event
from domain.explain.payment_remedies import Candidate
from domain.facts import (
    ObligationAdjusted,
    ObligationCharged,
    PaymentInitiated,
    PlanChanged,
    ProcessorSettled,
)
from domain.obligations.breaks import names_ever_planned
from domain.obligations.state import Application, Charge, ObligationState, Plan
from domain.records import BreakClass


def candidates(state: ObligationState, one: Break) -> Iterator[Candidate]:
    """Give what may resolve a break of an obligation, the likeliest first."""
    charge = state.charge
    subject = one.subject
    if one.break_class is BreakClass.OBLIGATION_UNKNOWN:
        yield from _charge_comes(state, subject[1], state.applications[subject[1]])
    elif charge is None:
        return
    elif one.break_class is BreakClass.CURRENCY_MISMATCH and subject[0] == "payment":
        yield from _payment_in_the_right_currency(state, charge, subject[1], state.applications[subject[1]])
    elif one.break_class is BreakClass.CURRENCY_MISMATCH:
        yield from _adjustment_in_the_right_currency(state, charge, subject[1])
    elif one.break_class is BreakClass.INSTALLMENT_UNKNOWN:
        yield from _installment_comes(state, charge, subject[1], state.applications[subject[1]])
    elif one.break_class is BreakClass.PLAN_SUM_MISMATCH:
        yield from _plan_adds_up(state, charge, one)
    elif one.break_class is BreakClass.OVERPAYMENT:
        yield from _surplus_leaves(state, charge, one)


def balance_of(state: ObligationState, charge: Charge) -> int:
    """Give what is owed in all, in minor units of the charge's currency."""
    if state.cancellation is not None:
        return 0
    return charge.amount_minor + sum(
        adjustment.amount_delta_minor
        for adjustment in state.adjustments.values()
        if adjustment.currency == charge.currency
    )


def plan_in_force(state: ObligationState, charge: Charge) -> Charge | Plan:
    """Give the plan of the highest version."""
    return state.plans[max(state.plans)] if state.plans else charge


def _next_version(state: ObligationState) -> int:
    return max(state.plans, default=0) + 1


def _gone(payment_id: str, part: Application, amount: int) -> CorrectiveEvent:
    """Describe how a payment's money leaves, or never comes."""
    outcome = "REFUNDED" if part.standing_minor else "FAILED"
    return corrective_event(
        ProcessorSettled, payment_id=payment_id, outcome=outcome, gross_minor=amount, currency=part.currency
    )


def _charge_comes(state: ObligationState, payment_id: str, part: Application) -> Iterator[Candidate]:
    named = part.installment_id
    planned = {one.installment_id for plan in state.plans.values() for one in plan.installments}
    has = () if named in (None, state.obligation_id, *planned) else (str(named),)
    fields: dict[str, Any] = {"obligation_id": state.obligation_id, "currency": part.currency}
    if named == state.obligation_id and named not in planned:
        fields["installments"] = ()
    yield (
        "the ledger tells of the charge (its event was lost, or lies among the dead letters)",
        "the ledger",
        [corrective_event(ObligationCharged, required_installment_ids=has, **fields)],
    )
    amount = part.standing_minor or part.in_flight_minor
    what = "the money is refunded" if part.standing_minor else "the payment fails"
    yield f"{what}, if the obligation was never meant to be", "the processor", [_gone(payment_id, part, amount)]


def _initiation(
    state: ObligationState, payment_id: str, part: Application, currency: str, installment: str | None
) -> CorrectiveEvent:
    return corrective_event(
        PaymentInitiated,
        must_precede=part.initiated_at,
        payment_id=payment_id,
        obligation_id=state.obligation_id,
        installment_id=installment,
        currency=currency,
    )


def _payment_in_the_right_currency(
    state: ObligationState, charge: Charge, payment_id: str, part: Application
) -> Iterator[Candidate]:
    known = part.installment_id in names_ever_planned(state, charge)
    event = _initiation(state, payment_id, part, charge.currency, part.installment_id if known else None)
    yield f"the app corrects its record, if the payment was made in {charge.currency}", "the app", [event]
    if known or part.installment_id is None:
        fields: dict[str, Any] = {
            "lease_id": charge.lease_id,
            "tenant_id": charge.tenant_id,
            "property_id": charge.property_id,
            "period": charge.period,
            "due_date": charge.due_date,
            "time_zone": charge.time_zone,
            "grace_days": charge.grace_days,
        }
        names = tuple(installment.installment_id for installment in charge.installments)
        event = corrective_event(
            ObligationCharged,
            must_precede=charge.occurred_at,
            required_installment_ids=names,
            obligation_id=state.obligation_id,
            currency=part.currency,
            **fields,
        )
        yield f"the ledger corrects its charge, if the rent is in {part.currency}", "the ledger", [event]


def _adjustment_in_the_right_currency(
    state: ObligationState, charge: Charge, adjustment_id: str
) -> Iterator[Candidate]:
    event = corrective_event(
        ObligationAdjusted,
        must_precede=state.adjustments[adjustment_id].occurred_at,
        obligation_id=state.obligation_id,
        adjustment_id=adjustment_id,
        currency=charge.currency,
    )
    yield f"the ledger corrects its adjustment to {charge.currency}", "the ledger", [event]


def _installment_comes(
    state: ObligationState, charge: Charge, payment_id: str, part: Application
) -> Iterator[Candidate]:
    balance = balance_of(state, charge)
    name = part.installment_id
    if name is not None:
        fields: dict[str, Any] = {"obligation_id": state.obligation_id, "plan_version": _next_version(state)}
        if name == state.obligation_id:
            event = corrective_event(PlanChanged, installments=(), **fields)
        else:
            event = corrective_event(
                PlanChanged,
                required_installment_ids=(name,),
                plan_sum_minor=balance if balance > 0 else None,
                plan_currency=charge.currency,
                **fields,
            )
        yield "the ledger tells of the plan that has this installment", "the ledger", [event]
    yield (
        "the app corrects its record: no installment, or one that there is",
        "the app",
        [_initiation(state, payment_id, part, part.currency, None)],
    )


def _plan_adds_up(state: ObligationState, charge: Charge, one: Break) -> Iterator[Candidate]:
    balance = balance_of(state, charge)
    fields: dict[str, Any] = {"obligation_id": state.obligation_id, "plan_version": _next_version(state)}
    if balance > 0:
        event = corrective_event(PlanChanged, plan_sum_minor=balance, plan_currency=charge.currency, **fields)
    else:
        event = corrective_event(PlanChanged, installments=(), **fields)
    yield "the ledger tells of a new plan", "the ledger", [event]
    event = corrective_event(
        ObligationAdjusted,
        obligation_id=state.obligation_id,
        amount_delta_minor=one.actual_minor - one.expected_minor,
        currency=charge.currency,
    )
    yield "the ledger adjusts the balance, if the plan is right", "the ledger", [event]


def _surplus_leaves(state: ObligationState, charge: Charge, one: Break) -> Iterator[Candidate]:
    surplus = one.actual_minor - one.expected_minor
    events = []
    latest = sorted(state.applications.items(), key=lambda each: (each[1].initiated_at, each[0]), reverse=True)
    for payment_id, part in latest:
        if part.initiated and part.currency == charge.currency and part.standing_minor and surplus:
            amount = min(surplus, part.standing_minor)
            surplus -= amount
            events.append(_gone(payment_id, part, amount))
    yield "the surplus is refunded to the tenant", "the processor", events
    event = corrective_event(
        ObligationAdjusted,
        obligation_id=state.obligation_id,
        amount_delta_minor=one.actual_minor - balance_of(state, charge),
        currency=charge.currency,
    )
    yield "the ledger charges what the money was for, if it is owed", "the ledger", [event]
