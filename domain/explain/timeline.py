"""What is known of a key, in the order of time, in sentences."""

from collections.abc import Iterator

import msgspec

from domain.dedup import Accepted
from domain.explain.context import Context, ObligationContext, PaymentContext
from domain.explain.deadlines import ExplainedDeadline
from domain.facts import Installment
from domain.formatting import amount_text, instant_text, listed
from domain.obligations.state import Adjustment, Application, Cancellation, Charge, ObligationState, Plan
from domain.obligations.state import identities as obligation_identities
from domain.payments.state import Initiation, PaymentState, Posting, Reversal, SettlementOutcome
from domain.payments.state import identities as payment_identities
from domain.time import Micros, iso_date

INSTALLMENTS_LISTED_MAX = 4
"""A plan may have thousands."""

_METHODS = {
    "ACH_DEBIT": "an ACH debit",
    "CARD": "a card payment",
    "INSTANT": "an instant transfer",
    "CHECK": "a check payment",
    "CASH": "a cash payment",
}
_OUTCOMES = {
    "SETTLED": "settled",
    "FAILED": "reported a failure of",
    "RETURNED": "reported a return of",
    "REFUNDED": "refunded",
    "CHARGEBACK": "reported a chargeback of",
    "CHARGEBACK_REVERSED": "reported a chargeback reversal of",
}


class TimelineEntry(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    rename={"duplicate_event_ids": "also_told_by", "is_evidence": "rests"},
):
    """Something that happened."""

    at: Micros
    """When it happened, as its record says; microseconds since 1970."""
    source: str
    """`app`, `processor …`, `ledger`, `the clock` or `rentmatch`."""
    text: str
    """What happened, in a sentence with amounts."""
    event_id: str | None = None
    """The event that reported it; None for the clock, and where the state does not know."""
    duplicate_event_ids: tuple[str, ...] = ()
    """Further events that reported the same record. The first record counts; what differs in the others is not kept."""
    conflicting: bool = False
    """The events differ in money or routing."""
    is_evidence: bool = False
    """The break rests on it."""


def property_of(state: PaymentState | ObligationState) -> str | None:
    """Give the property that a payment or an obligation is about; None where that is not known."""
    if isinstance(state, PaymentState):
        return None if state.initiation is None else state.initiation.property_id
    return None if state.charge is None else state.charge.property_id


def related_payment_ids(context: Context) -> tuple[str, ...]:
    """Give the payments whose own timelines say more about an obligation's break; none for a payment's break."""
    if isinstance(context, PaymentContext):
        return ()
    subject = context.mismatch.subject
    if subject[0] == "payment":
        return (subject[1],)
    if subject[0] != "balance":
        return ()
    events = set(context.mismatch.event_ids)
    applications = context.state.applications.items()
    return tuple(sorted(key for key, application in applications if application.initiation_event_id in events))


def timeline_of(
    context: Context,
    deadlines: tuple[ExplainedDeadline, ...],
    *,
    opened_at: Micros | None,
    resolved_at: Micros | None,
) -> tuple[TimelineEntry, ...]:
    """Give what is known of a key and bears on a break, in the order of time.

    A payment's timeline is all that is known of it; an obligation's leaves out payments that the break is not about.
    """
    facts = _of_payment(context) if isinstance(context, PaymentContext) else _of_obligation(context)
    entries = list(facts)
    entries += [
        TimelineEntry(
            at=deadline.at,
            source="the clock",
            text=f"{deadline.name} passed: {deadline.requirement}.",
            is_evidence=deadline.at == context.mismatch.due_at,
        )
        for deadline in deadlines
        if deadline.passed
    ]
    if opened_at is not None:
        entries.append(TimelineEntry(at=opened_at, source="rentmatch", text="Break opened."))
    if resolved_at is not None:
        entries.append(TimelineEntry(at=resolved_at, source="rentmatch", text="Break resolved."))
    return tuple(sorted(entries, key=_in_time))


def _in_time(entry: TimelineEntry) -> tuple[Micros, bool, str, str]:
    # A break opens and is resolved after what it rests on.
    return entry.at, entry.source == "rentmatch", entry.event_id or "", entry.text


def _entry(context: Context, accepted: Accepted, source: str, text: str) -> TimelineEntry:
    return TimelineEntry(
        at=accepted.occurred_at,
        source=source,
        text=text,
        event_id=accepted.event_id,
        duplicate_event_ids=tuple(sorted(accepted.duplicate_event_ids or ())),
        conflicting=accepted.conflict,
        is_evidence=not set(accepted.event_ids()).isdisjoint(context.mismatch.event_ids),
    )


def _of_payment(context: PaymentContext) -> Iterator[TimelineEntry]:
    for identity, accepted in payment_identities(context.state):
        match accepted:
            case Initiation():
                text = (
                    f"Tenant {accepted.tenant_id} initiated {_METHODS[accepted.method]} of "
                    f"{amount_text(accepted.amount_minor, accepted.currency)} through {accepted.processor} for "
                    f"obligation {accepted.obligation_id}{_naming(accepted.installment_id)}."
                )
                yield _entry(context, accepted, "app", text)
            case SettlementOutcome():
                _, processor, reference, outcome = identity
                text = _outcome_text(accepted, processor, reference, outcome)
                yield _entry(context, accepted, f"processor {processor}", text)
            case Posting():
                installment = "" if accepted.installment_id is None else f"{_naming(accepted.installment_id)},"
                text = (
                    f"The ledger posted {amount_text(accepted.amount_minor, accepted.currency)} to obligation "
                    f"{accepted.obligation_id}{installment} as posting {identity[1]}."
                )
                yield _entry(context, accepted, "ledger", text)
            case Reversal():
                unknown = "" if accepted.posting_id in context.state.postings else ", a posting that is not known,"
                text = (
                    f"The ledger reversed {amount_text(accepted.amount_minor, accepted.currency)} of posting "
                    f"{accepted.posting_id}{unknown} as reversal {identity[1]}."
                )
                yield _entry(context, accepted, "ledger", text)


def _naming(installment_id: str | None) -> str:
    return "" if installment_id is None else f", installment {installment_id}"


def _outcome_text(reported: SettlementOutcome, processor: str, reference: str, outcome: str) -> str:
    currency = reported.currency
    text = f"{processor} {_OUTCOMES[outcome]} {amount_text(reported.gross_minor, currency)} (attempt {reference})"
    if outcome == "SETTLED":
        fee, net = amount_text(reported.fee_minor, currency), amount_text(reported.net_minor, currency)
        text += f", fee {fee}, net {net}"
    if reported.reason_code is not None:
        text += f", reason {reported.reason_code}"
    return text + "."


def _of_obligation(context: ObligationContext) -> Iterator[TimelineEntry]:
    state, mismatch = context.state, context.mismatch
    currency = "" if state.charge is None else state.charge.currency
    for identity, accepted in obligation_identities(state):
        match accepted:
            case Charge():
                text = (
                    f"The ledger charged {amount_text(accepted.amount_minor, accepted.currency)} to tenant "
                    f"{accepted.tenant_id} for {accepted.period}, due {iso_date(accepted.due_date)}"
                    f"{_plan_text(accepted.installments, accepted.currency)}."
                )
                yield _entry(context, accepted, "ledger", text)
            case Plan():
                plan = _plan_text(accepted.installments, currency) or ", one installment of the whole balance"
                yield _entry(context, accepted, "ledger", f"The ledger issued plan version {identity[1]}{plan}.")
            case Adjustment():
                verb = "credited" if accepted.amount_delta_minor < 0 else "charged a further"
                amount = amount_text(abs(accepted.amount_delta_minor), accepted.currency)
                yield _entry(context, accepted, "ledger", f"The ledger {verb} {amount} (adjustment {identity[1]}).")
            case Cancellation():
                yield _entry(context, accepted, "ledger", "The ledger cancelled the obligation.")
    about = mismatch.subject[1] if mismatch.subject[0] == "payment" else None
    for payment_id, application in state.applications.items():
        if application.initiated and (payment_id == about or application.initiation_event_id in mismatch.event_ids):
            event_id = application.initiation_event_id or None
            yield TimelineEntry(
                at=application.initiated_at,
                source="app",
                text=_application_text(payment_id, application),
                event_id=event_id,
                is_evidence=event_id in mismatch.event_ids,
            )


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
    amounts = [f"{amount_text(application.standing_minor, application.currency)} of it is net settled"]
    if application.in_flight_minor:
        amounts = [f"{amount_text(application.in_flight_minor, application.currency)} of it is in flight"]
        if application.pending_until is not None:
            amounts.append(f"it counts as pending until {instant_text(application.pending_until)}")
    return (
        f"Payment {payment_id} was initiated for this obligation{_naming(application.installment_id)}; as far as is "
        f"known now, {listed(amounts)}."
    )
