"""What is known of an obligation, in sentences."""

from collections.abc import Iterator

from domain.explain.context import ObligationContext
from domain.explain.entries import TimelineEntry, entry_of, naming
from domain.facts import Installment
from domain.formatting import amount_text, instant_text, listed
from domain.obligations.state import (
    Adjustment,
    Application,
    Cancellation,
    Charge,
    Plan,
    Reinstatement,
    identities,
)
from domain.time import iso_date

INSTALLMENTS_LISTED_MAX = 4
"""A plan may have thousands."""


def obligation_story(context: ObligationContext) -> Iterator[TimelineEntry]:
    """Give an entry for each fact of an obligation, and for the payments that the break is about."""
    state, mismatch = context.state, context.mismatch
    currency = "" if state.charge is None else state.charge.currency
    for identity, accepted in identities(state):
        match accepted:
            case Charge():
                text = (
                    f"The ledger charged {amount_text(accepted.amount_minor, accepted.currency)} to tenant "
                    f"{accepted.tenant_id} for {accepted.period}, due {iso_date(accepted.due_date)}"
                    f"{_plan_text(accepted.installments, accepted.currency)}."
                )
            case Plan():
                plan = _plan_text(accepted.installments, currency) or ", one installment of the whole balance"
                text = f"The ledger issued plan version {identity[1]}{plan}."
            case Adjustment():
                text = _adjustment_text(identity[1], accepted)
            case Cancellation():
                text = "The ledger cancelled the obligation."
            case Reinstatement():
                text = f"The ledger took the cancellation back (reinstatement {identity[1]})."
        yield entry_of(context, accepted, "ledger", text)
    about = mismatch.subject[1] if mismatch.subject[0] == "payment" else None
    for payment_id, application in state.applications.items():
        event_ids = application.event_ids
        rests = not set(event_ids).isdisjoint(mismatch.event_ids)
        if application.initiated and (payment_id == about or rests):
            yield TimelineEntry(
                at=application.initiated_at,
                source="app",
                text=_application_text(payment_id, application),
                event_id=application.initiation_event_id or None,
                is_evidence=application.initiation_event_id in mismatch.event_ids,
            )
            if application.assignment_event_id:
                yield TimelineEntry(
                    at=application.assigned_at,
                    source="people",
                    text=f"Payment {payment_id} was assigned as it is now.",
                    event_id=application.assignment_event_id,
                    is_evidence=application.assignment_event_id in mismatch.event_ids,
                )


def _adjustment_text(adjustment_id: str, one: Adjustment) -> str:
    verb = "credited" if one.amount_delta_minor < 0 else "charged a further"
    text = f"The ledger {verb} {amount_text(abs(one.amount_delta_minor), one.currency)} (adjustment {adjustment_id}"
    if one.kind == "FEE":
        text += ", a fee"
    if one.installment_id is not None:
        text += f", for installment {one.installment_id}"
    if one.due_date is not None:
        text += f", due {iso_date(one.due_date)}"
    return text + ")."


def _plan_text(installments: tuple[Installment, ...], currency: str) -> str:
    if not installments:
        return ""
    shown = [
        f"{each.installment_id} {amount_text(each.amount_minor, currency).strip()} due {iso_date(each.due_date)}"
        for each in installments[:INSTALLMENTS_LISTED_MAX]
    ]
    if len(installments) > INSTALLMENTS_LISTED_MAX:
        shown.append(f"{len(installments) - INSTALLMENTS_LISTED_MAX} more")
    total = amount_text(sum(each.amount_minor for each in installments), currency).strip()
    return f", in installments totaling {total}: {listed(shown)}"


def _application_text(payment_id: str, application: Application) -> str:
    currency = application.currency
    amounts = []
    if application.standing_minor or not application.in_flight_minor:
        amounts.append(f"{amount_text(application.standing_minor, currency)} of it is net settled")
    if application.in_flight_minor:
        amounts.append(f"{amount_text(application.in_flight_minor, currency)} of it is in flight")
        if application.pending_until is not None:
            amounts.append(f"it counts as pending until {instant_text(application.pending_until)}")
    how = "is for" if application.assignment_event_id else "was initiated for"
    named = [share.installment_id for share in application.shares if share.installment_id is not None]
    return (
        f"Payment {payment_id} {how} this obligation{naming(listed(dict.fromkeys(named)) if named else None)}; as far "
        f"as is known now, {listed(amounts)}."
    )
