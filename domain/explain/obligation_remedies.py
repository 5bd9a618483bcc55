"""What may resolve the breaks of an obligation, the likeliest first (named in the catalogue; tried by `remedies`).

An obligation knows what its payments count for, not what processors and ledger reported of them, nor what else they are
for. So an event of a payment leaves open what only the payment's own state knows.
"""

from collections.abc import Iterator
from typing import Any

from domain.explain.context import ObligationContext
from domain.explain.corrective_events import Candidate, CorrectiveEvent, Kept
from domain.facts import (
    ObligationAdjusted,
    ObligationCharged,
    ObligationReinstated,
    PaymentInitiated,
    PaymentReassigned,
    PlanChanged,
    ProcessorSettled,
)
from domain.obligations.adjustments import specific_adjustments
from domain.obligations.state import Application, Charge, ObligationState
from domain.obligations.totals import balance_minor, installment_ids_ever_planned, is_cancelled, plan_in_force

FOR_NOTHING_ELSE = "for nothing else"
"""Of several obligations the last in order loses a refund's money first, and one does not know of the others."""


def _charge(context: ObligationContext) -> Charge:
    charge = context.state.charge
    if charge is None:
        raise ValueError(f"{context.mismatch.break_class} is open without a charge")
    return charge


# The events that remedies are made of


def _given_back(payment_id: str, application: Application) -> list[CorrectiveEvent]:
    """Describe how a payment's money is given back, and how it fails as far as it is in flight."""
    events = []
    if application.standing_minor:
        events.append(_outcome(payment_id, application, "REFUNDED", application.standing_minor))
    if application.in_flight_minor:
        events.append(_outcome(payment_id, application, "FAILED", application.in_flight_minor))
    return events


def _outcome(payment_id: str, application: Application, outcome: str, amount_minor: int) -> CorrectiveEvent:
    fields = {
        "payment_id": payment_id,
        "outcome": outcome,
        "gross_minor": amount_minor,
        "currency": application.currency,
    }
    return CorrectiveEvent(ProcessorSettled, fields)


def _reassignment(
    state: ObligationState, payment_id: str, application: Application, keeps_minor: int
) -> CorrectiveEvent:
    """Describe how a person moves a payment, so that so much of it stays with this obligation."""
    kept = Kept(state.obligation_id, keeps_minor, application.currency)
    return CorrectiveEvent(PaymentReassigned, {"payment_id": payment_id}, keeps=kept)


def _moved_away(context: ObligationContext) -> Candidate:
    """Move a payment to the obligation that it is for."""
    payment_id = context.mismatch.subject[1]
    event = _reassignment(context.state, payment_id, context.state.applications[payment_id], 0)
    return Candidate("a person moves the payment to the rent that it is for", "a person", [event])


def _corrected_initiation(
    context: ObligationContext, action: str, *, currency: str, property_id: str | None, installment_id: str | None
) -> Iterator[Candidate]:
    """Correct the initiation, while its own single allocation is in force."""
    state, payment_id = context.state, context.mismatch.subject[1]
    application = state.applications[payment_id]
    if application.assignment_event_id or len(application.shares) != 1 or application.shares[0].place:
        return
    fields: dict[str, Any] = {
        "payment_id": payment_id,
        "obligation_id": state.obligation_id,
        "installment_id": installment_id,
        "currency": currency,
    }
    if property_id is not None:
        fields["property_id"] = property_id
    event = CorrectiveEvent(PaymentInitiated, fields, must_precede=application.initiated_at)
    yield Candidate(action, "the app", [event])


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
        currency=charge.currency,
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
        "installment_id": None,
        "due_date": None,
        "kind": None,
    }
    return CorrectiveEvent(ObligationAdjusted, fields)


def _planned_minor(state: ObligationState, charge: Charge) -> int:
    """Give what a plan has to add up to: the balance without what has a due date of its own."""
    specific = specific_adjustments(state, charge, plan_in_force(state, charge))
    return balance_minor(state, charge) - (0 if specific is None else specific.dated_minor)


def _unknown_installments(context: ObligationContext) -> list[str]:
    """Give the installments that the payment names and that never were, each once."""
    state, application = context.state, context.state.applications[context.mismatch.subject[1]]
    if state.charge is None:
        ever = {one.installment_id for plan in state.plans.values() for one in plan.installments}
        ever |= {adjustment_id for adjustment_id, one in state.adjustments.items() if one.is_dated}
    else:
        ever = installment_ids_ever_planned(state, state.charge)
    named = [share.installment_id for share in application.shares]
    return list(dict.fromkeys(each for each in named if each is not None and each not in ever))


# The remedies


def charge_is_reported(context: ObligationContext) -> Iterator[Candidate]:
    """Report the charge, move the payment, or give it back."""
    state, payment_id = context.state, context.mismatch.subject[1]
    application = state.applications[payment_id]
    fields: dict[str, Any] = {"obligation_id": state.obligation_id, "currency": application.currency}
    if application.property_id is not None:
        fields["property_id"] = application.property_id
    unknown = _unknown_installments(context)
    if unknown == [state.obligation_id]:
        fields["installments"] = ()
        unknown = []
    action = "the ledger reports the charge (its event was lost, or is among the dead letters)"
    charged = CorrectiveEvent(ObligationCharged, fields, required_installment_ids=tuple(unknown))
    yield Candidate(action, "the ledger", [charged])
    yield _moved_away(context)
    what = "the payment is refunded" if application.standing_minor else "the payment fails"
    events = _given_back(payment_id, application)
    yield Candidate(
        f"{what}, if it is {FOR_NOTHING_ELSE} and the obligation was never meant to exist", "the processor", events
    )


def payment_currency_is_corrected(context: ObligationContext) -> Iterator[Candidate]:
    """Move the payment, or correct the currency of the payment or of the charge."""
    state, charge, payment_id = context.state, _charge(context), context.mismatch.subject[1]
    application = state.applications[payment_id]
    yield _moved_away(context)
    unknown = _unknown_installments(context)
    yield from _corrected_initiation(
        context,
        f"the app corrects its record, if the payment was made in {charge.currency}",
        currency=charge.currency,
        property_id=charge.property_id,
        installment_id=None if unknown else application.shares[0].installment_id,
    )
    if not unknown:
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
    known = state.adjustments[adjustment_id]
    fields: dict[str, Any] = {
        "obligation_id": state.obligation_id,
        "adjustment_id": adjustment_id,
        "currency": charge.currency,
        "installment_id": known.installment_id,
        "due_date": known.due_date,
        "kind": known.kind,
    }
    event = CorrectiveEvent(ObligationAdjusted, fields, must_precede=known.occurred_at)
    yield Candidate(f"the ledger corrects its adjustment to {charge.currency}", "the ledger", [event])


def installment_is_reported(context: ObligationContext) -> Iterator[Candidate]:
    """Report the plan that has the installment, or correct what the payment names."""
    state, charge, payment_id = context.state, _charge(context), context.mismatch.subject[1]
    application = state.applications[payment_id]
    unknown = _unknown_installments(context)
    if unknown == [state.obligation_id]:
        event = _single_installment(state)
    else:
        event = _new_plan(state, charge, _planned_minor(state, charge), tuple(unknown))
    yield Candidate("the ledger reports the plan that has this installment", "the ledger", [event])
    whole = application.standing_minor + application.in_flight_minor
    if whole:
        confirmed = _reassignment(state, payment_id, application, whole)
        yield Candidate("a person assigns the payment without the installment", "a person", [confirmed])
    yield from _corrected_initiation(
        context,
        "the app corrects its record: no installment, or an existing one",
        currency=application.currency,
        property_id=charge.property_id,
        installment_id=None,
    )
    yield _moved_away(context)


def property_is_confirmed(context: ObligationContext) -> Iterator[Candidate]:
    """Confirm where the money is, move it, or correct the initiation."""
    state, charge, payment_id = context.state, _charge(context), context.mismatch.subject[1]
    application = state.applications[payment_id]
    whole = application.standing_minor + application.in_flight_minor
    if whole:
        confirmed = _reassignment(state, payment_id, application, whole)
        yield Candidate("a person confirms that the payment is for this rent", "a person", [confirmed])
    yield _moved_away(context)
    yield from _corrected_initiation(
        context,
        f"the app corrects its record, if the payment was for property {charge.property_id}",
        currency=application.currency,
        property_id=charge.property_id,
        installment_id=None,
    )


def plan_or_balance_is_changed(context: ObligationContext) -> Iterator[Candidate]:
    """Issue a new plan, or adjust the balance."""
    state, charge, mismatch = context.state, _charge(context), context.mismatch
    planned = _planned_minor(state, charge)
    event = _new_plan(state, charge, planned) if planned > 0 else _single_installment(state)
    yield Candidate("the ledger issues a new plan", "the ledger", [event])
    event = _adjustment(state, charge, mismatch.actual_minor - mismatch.expected_minor)
    yield Candidate("the ledger adjusts the balance, if the plan is right", "the ledger", [event])


def surplus_is_refunded_or_charged(context: ObligationContext) -> Iterator[Candidate]:
    """Refund the surplus, move it to another rent, or charge it; or take a cancellation back."""
    state, charge, mismatch = context.state, _charge(context), context.mismatch
    left = mismatch.actual_minor - mismatch.expected_minor
    refunds, moves = [], []
    latest = sorted(state.applications.items(), key=lambda each: (each[1].initiated_at, each[0]), reverse=True)
    for payment_id, application in latest:
        if application.currency == charge.currency and application.standing_minor and left:
            amount = min(left, application.standing_minor)
            left -= amount
            refunds.append(_outcome(payment_id, application, "REFUNDED", amount))
            moves.append(_reassignment(state, payment_id, application, application.standing_minor - amount))
    action = f"the surplus is refunded to the tenant, if the money is {FOR_NOTHING_ELSE}"
    yield Candidate(action, "the processor", refunds)
    yield Candidate("a person moves the surplus to another rent", "a person", moves)
    if is_cancelled(state):
        event = CorrectiveEvent(ObligationReinstated, {"obligation_id": state.obligation_id})
        yield Candidate("the ledger takes the cancellation back, if it was wrong", "the ledger", [event])
    event = _adjustment(state, charge, mismatch.actual_minor - balance_minor(state, charge))
    owed_back = mismatch.expected_minor < 0
    action = (
        "the ledger charges back the credit, once it is paid out"
        if owed_back
        else ("the ledger charges what the money was for, if it is owed")
    )
    yield Candidate(action, "the ledger", [event])
