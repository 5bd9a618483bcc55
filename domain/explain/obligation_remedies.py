"""What may resolve the breaks of an obligation, the likeliest first (named in the catalogue; tried by `remedies`).

An obligation knows what its payments count for, not what processors and ledger reported of them. So an event of a
payment leaves open what only the payment's own state knows.
"""

from collections.abc import Iterator
from typing import Any

from domain.explain.context import ObligationContext
from domain.explain.corrective_events import Candidate, CorrectiveEvent
from domain.facts import ObligationAdjusted, ObligationCharged, PaymentInitiated, PlanChanged, ProcessorSettled
from domain.obligations.state import Application, Charge, ObligationState
from domain.obligations.totals import balance_minor, installment_ids_ever_planned


def _charge(context: ObligationContext) -> Charge:
    charge = context.state.charge
    if charge is None:
        raise ValueError(f"{context.mismatch.break_class} is open without a charge")
    return charge


# The events that remedies are made of


def _refund_or_failure(payment_id: str, application: Application, amount_minor: int) -> CorrectiveEvent:
    """Describe how a payment's money is given back, or how it fails while it is in flight."""
    fields = {
        "payment_id": payment_id,
        "outcome": "REFUNDED" if application.standing_minor else "FAILED",
        "gross_minor": amount_minor,
        "currency": application.currency,
    }
    return CorrectiveEvent(ProcessorSettled, fields)


def _corrected_initiation(
    state: ObligationState, payment_id: str, *, currency: str, installment_id: str | None
) -> CorrectiveEvent:
    fields = {
        "payment_id": payment_id,
        "obligation_id": state.obligation_id,
        "installment_id": installment_id,
        "currency": currency,
    }
    initiated_at = state.applications[payment_id].initiated_at
    return CorrectiveEvent(PaymentInitiated, fields, must_precede=initiated_at)


def _new_plan(
    state: ObligationState, charge: Charge, sum_minor: int, required_installment_ids: tuple[str, ...] = ()
) -> CorrectiveEvent:
    """Describe a plan of the next version that adds up to `sum_minor`; to any sum where that is not above 0."""
    fields = {"obligation_id": state.obligation_id, "plan_version": max(state.plans, default=0) + 1}
    return CorrectiveEvent(
        PlanChanged,
        fields,
        required_installment_ids=required_installment_ids,
        plan_sum_minor=sum_minor if sum_minor > 0 else None,
        plan_currency=charge.currency,
    )


def _single_installment(state: ObligationState) -> CorrectiveEvent:
    """Describe a plan of the next version that has one installment of the whole balance."""
    version = max(state.plans, default=0) + 1
    return CorrectiveEvent(
        PlanChanged, {"obligation_id": state.obligation_id, "plan_version": version, "installments": ()}
    )


def _adjustment(state: ObligationState, charge: Charge, amount_delta_minor: int) -> CorrectiveEvent:
    fields = {
        "obligation_id": state.obligation_id,
        "amount_delta_minor": amount_delta_minor,
        "currency": charge.currency,
    }
    return CorrectiveEvent(ObligationAdjusted, fields)


# The remedies


def charge_is_reported(context: ObligationContext) -> Iterator[Candidate]:
    """Report the charge, or give the payment back."""
    state, payment_id = context.state, context.mismatch.subject[1]
    application = state.applications[payment_id]
    named = application.installment_id
    planned = {one.installment_id for plan in state.plans.values() for one in plan.installments}
    fields: dict[str, Any] = {"obligation_id": state.obligation_id, "currency": application.currency}
    required: tuple[str, ...] = ()
    if named == state.obligation_id and named not in planned:
        fields["installments"] = ()
    elif named is not None and named not in planned:
        required = (named,)
    action = "the ledger reports the charge (its event was lost, or is among the dead letters)"
    charged = CorrectiveEvent(ObligationCharged, fields, required_installment_ids=required)
    yield Candidate(action, "the ledger", [charged])
    what = "the payment is refunded" if application.standing_minor else "the payment fails"
    amount = application.standing_minor or application.in_flight_minor
    event = _refund_or_failure(payment_id, application, amount)
    yield Candidate(f"{what}, if the obligation was never meant to exist", "the processor", [event])


def payment_currency_is_corrected(context: ObligationContext) -> Iterator[Candidate]:
    """Correct the currency of the payment, or of the charge."""
    state, charge, payment_id = context.state, _charge(context), context.mismatch.subject[1]
    application = state.applications[payment_id]
    named = application.installment_id
    planned = named in installment_ids_ever_planned(state, charge)
    event = _corrected_initiation(
        state, payment_id, currency=charge.currency, installment_id=named if planned else None
    )
    yield Candidate(f"the app corrects its record, if the payment was made in {charge.currency}", "the app", [event])
    if planned or named is None:
        fields = {
            "obligation_id": state.obligation_id,
            "lease_id": charge.lease_id,
            "tenant_id": charge.tenant_id,
            "property_id": charge.property_id,
            "period": charge.period,
            "currency": application.currency,
            "due_date": charge.due_date,
            "time_zone": charge.time_zone,
            "grace_days": charge.grace_days,
        }
        names = tuple(installment.installment_id for installment in charge.installments)
        event = CorrectiveEvent(
            ObligationCharged, fields, must_precede=charge.occurred_at, required_installment_ids=names
        )
        action = f"the ledger corrects its charge, if the rent is in {application.currency}"
        yield Candidate(action, "the ledger", [event])


def adjustment_currency_is_corrected(context: ObligationContext) -> Iterator[Candidate]:
    """Correct the currency of the adjustment."""
    state, charge, adjustment_id = context.state, _charge(context), context.mismatch.subject[1]
    fields = {
        "obligation_id": state.obligation_id,
        "adjustment_id": adjustment_id,
        "currency": charge.currency,
    }
    event = CorrectiveEvent(ObligationAdjusted, fields, must_precede=state.adjustments[adjustment_id].occurred_at)
    yield Candidate(f"the ledger corrects its adjustment to {charge.currency}", "the ledger", [event])


def installment_is_reported(context: ObligationContext) -> Iterator[Candidate]:
    """Report the plan that has the installment, or correct the payment."""
    state, charge, payment_id = context.state, _charge(context), context.mismatch.subject[1]
    application = state.applications[payment_id]
    named = application.installment_id
    if named is not None:
        if named == state.obligation_id:
            event = _single_installment(state)
        else:
            event = _new_plan(state, charge, balance_minor(state, charge), (named,))
        yield Candidate("the ledger reports the plan that has this installment", "the ledger", [event])
    event = _corrected_initiation(state, payment_id, currency=application.currency, installment_id=None)
    yield Candidate("the app corrects its record: no installment, or an existing one", "the app", [event])


def plan_or_balance_is_changed(context: ObligationContext) -> Iterator[Candidate]:
    """Issue a new plan, or adjust the balance."""
    state, charge, mismatch = context.state, _charge(context), context.mismatch
    balance = balance_minor(state, charge)
    event = _new_plan(state, charge, balance) if balance > 0 else _single_installment(state)
    yield Candidate("the ledger issues a new plan", "the ledger", [event])
    event = _adjustment(state, charge, mismatch.actual_minor - mismatch.expected_minor)
    yield Candidate("the ledger adjusts the balance, if the plan is right", "the ledger", [event])


def surplus_is_refunded_or_charged(context: ObligationContext) -> Iterator[Candidate]:
    """Refund the surplus, or charge it."""
    state, charge, mismatch = context.state, _charge(context), context.mismatch
    surplus = mismatch.actual_minor - mismatch.expected_minor
    events = []
    latest = sorted(state.applications.items(), key=lambda each: (each[1].initiated_at, each[0]), reverse=True)
    for payment_id, application in latest:
        if application.initiated and application.currency == charge.currency and application.standing_minor and surplus:
            amount = min(surplus, application.standing_minor)
            surplus -= amount
            events.append(_refund_or_failure(payment_id, application, amount))
    yield Candidate("the surplus is refunded to the tenant", "the processor", events)
    event = _adjustment(state, charge, mismatch.actual_minor - balance_minor(state, charge))
    yield Candidate("the ledger charges what the money was for, if it is owed", "the ledger", [event])
