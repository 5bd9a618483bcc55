"""What is known of a key, in the order of time, in sentences; and the deadlines that bear on a break."""

from collections.abc import Iterator

import msgspec

from domain.breaks.model import Break
from domain.calendar import banking_deadline, later
from domain.dedup import Accepted
from domain.facts import Installment
from domain.formatting import amount_text, counted, end_of_day_text, instant_text, listed
from domain.obligations.state import Adjustment, Application, Charge, ObligationState, Plan
from domain.obligations.state import identities as obligation_identities
from domain.payments.breaks import settlement_deadline
from domain.payments.state import Initiation, PaymentState, Posting, Reversal, SettlementOutcome
from domain.payments.state import identities as payment_identities
from domain.payments.totals import add_up
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import MINUTE, Micros, iso_date

APP = "app"
LEDGER = "ledger"
CLOCK = "the clock"
OURSELVES = "rentmatch"
NEW_YORK = "America/New_York"

_METHODS = {
    "ACH_DEBIT": "bank debit",
    "CARD": "card",
    "INSTANT": "instant transfer",
    "CHECK": "check",
    "CASH": "cash",
}
_OUTCOMES = {
    "SETTLED": "collected",
    "FAILED": "failed to collect",
    "RETURNED": "took back",
    "REFUNDED": "refunded",
    "CHARGEBACK": "was charged back",
    "CHARGEBACK_REVERSED": "won back from a chargeback",
}


class TimelineEntry(msgspec.Struct, frozen=True):
    """Something that happened."""

    at: Micros
    """When it happened, as its record says; microseconds since 1970."""
    source: str
    """`app`, `processor …`, `ledger`, `the clock` or `rentmatch`."""
    text: str
    """What happened, in a sentence with amounts."""
    event_id: str | None
    """The event that told of it; None for the clock, and where the state does not know."""
    duplicate_event_ids: tuple[str, ...]
    """Further events that told of the same record. The first of a record holds; what the others said is not kept."""
    conflicting: bool
    """The events differ in money or routing."""
    is_evidence: bool
    """The break rests on it."""


class Deadline(msgspec.Struct, frozen=True):
    """A deadline that bears on a break."""

    at: Micros
    """Exclusive, microseconds since 1970."""
    what: str
    passed: bool


def property_of(state: PaymentState | ObligationState) -> str | None:
    """Give the property that a payment or an obligation is about; None where nothing tells."""
    if isinstance(state, PaymentState):
        return None if state.initiation is None else state.initiation.property_id
    return None if state.charge is None else state.charge.property_id


def related_payment_ids_of(state: PaymentState | ObligationState, one: Break) -> tuple[str, ...]:
    """Give the payments whose own story tells more of an obligation's break; none for a payment's own."""
    if isinstance(state, PaymentState):
        return ()
    if one.subject[0] == "payment":
        return (one.subject[1],)
    if one.subject[0] != "balance":
        return ()
    events = set(one.event_ids)
    return tuple(sorted(key for key, part in state.applications.items() if part.initiation_event_id in events))


def timeline_of(
    state: PaymentState | ObligationState,
    one: Break,
    now: Micros,
    policy: Policy,
    *,
    opened_at: Micros | None,
    resolved_at: Micros | None,
) -> tuple[TimelineEntry, ...]:
    """Tell what is known of a key and bears on a break, in the order of time.

    A payment's story is all that is known of it; an obligation's leaves out the payments that the break is not about.
    """
    facts = _payment_entries(state, one) if isinstance(state, PaymentState) else _obligation_entries(state, one)
    entries = list(facts)
    entries += [
        TimelineEntry(deadline.at, CLOCK, f"Passed: {deadline.what}.", None, (), False, deadline.at == one.due_at)
        for deadline in deadlines_of(state, one, now, policy)
        if deadline.passed
    ]
    if opened_at is not None:
        entries.append(
            TimelineEntry(opened_at, OURSELVES, "The break was told for the first time.", None, (), False, False)
        )
    if resolved_at is not None:
        entries.append(
            TimelineEntry(resolved_at, OURSELVES, "The break was told to be resolved.", None, (), False, False)
        )
    return tuple(sorted(entries, key=_in_time))


def _in_time(entry: TimelineEntry) -> tuple[Micros, bool, str, str]:
    # What rentmatch told comes after what it told of.
    return entry.at, entry.source == OURSELVES, entry.event_id or "", entry.text


def _entry(held: Accepted, source: str, text: str, one: Break) -> TimelineEntry:
    is_evidence = not set(held.event_ids()).isdisjoint(one.event_ids)
    also = tuple(sorted(held.duplicate_event_ids or ()))
    return TimelineEntry(held.occurred_at, source, text, held.event_id, also, held.conflict, is_evidence)


def _payment_entries(state: PaymentState, one: Break) -> Iterator[TimelineEntry]:
    for identity, held in payment_identities(state):
        if isinstance(held, Initiation):
            naming = "" if held.installment_id is None else f", installment {held.installment_id}"
            text = (
                f"Tenant {held.tenant_id} set a payment of {amount_text(held.amount_minor, held.currency)} going, by "
                f"{_METHODS[held.method]} through {held.processor}, for obligation {held.obligation_id}{naming}."
            )
            yield _entry(held, APP, text, one)
        elif isinstance(held, SettlementOutcome):
            _, processor, reference, outcome = identity
            yield _entry(held, f"processor {processor}", _leg_text(held, processor, reference, outcome), one)
        elif isinstance(held, Posting):
            naming = "" if held.installment_id is None else f", installment {held.installment_id},"
            text = (
                f"The ledger posted {amount_text(held.amount_minor, held.currency)} to obligation "
                f"{held.obligation_id}{naming} as {identity[1]}."
            )
            yield _entry(held, LEDGER, text, one)
        elif isinstance(held, Reversal):
            text = f"The ledger took {amount_text(held.amount_minor, held.currency)} of posting {held.posting_id} back"
            unknown = "" if held.posting_id in state.postings else ", a posting that is not known"
            yield _entry(held, LEDGER, f"{text} as {identity[1]}{unknown}.", one)


def _leg_text(leg: SettlementOutcome, processor: str, reference: str, outcome: str) -> str:
    text = f"{processor} {_OUTCOMES[outcome]} {amount_text(leg.gross_minor, leg.currency)} (attempt {reference})"
    if outcome == "SETTLED":
        fee, net = amount_text(leg.fee_minor, leg.currency), amount_text(leg.net_minor, leg.currency)
        text += f", fee {fee}, net {net}"
    if leg.reason_code is not None:
        text += f", reason {leg.reason_code}"
    return text + "."


def _obligation_entries(state: ObligationState, one: Break) -> Iterator[TimelineEntry]:
    currency = "" if state.charge is None else state.charge.currency
    for identity, held in obligation_identities(state):
        if isinstance(held, Charge):
            amount = amount_text(held.amount_minor, held.currency)
            text = (
                f"The ledger charged {amount} to tenant {held.tenant_id} for {held.period}, due "
                f"{iso_date(held.due_date)}{_plan_text(held.installments, held.currency)}."
            )
        elif isinstance(held, Plan):
            split = _plan_text(held.installments, currency) or ", in one"
            text = f"The ledger made plan {identity[1]}{split}."
        elif isinstance(held, Adjustment):
            verb = "credited" if held.amount_delta_minor < 0 else "charged a further"
            amount = amount_text(abs(held.amount_delta_minor), held.currency)
            text = f"The ledger {verb} {amount} (adjustment {identity[1]})."
        else:
            text = "The ledger cancelled the obligation."
        yield _entry(held, LEDGER, text, one)
    about = one.subject[1] if one.subject[0] == "payment" else None
    for payment_id, part in state.applications.items():
        if part.initiated and (payment_id == about or part.initiation_event_id in one.event_ids):
            yield _part_entry(payment_id, part, one)


def _plan_text(installments: tuple[Installment, ...], currency: str) -> str:
    if not installments:
        return ""
    most = 4  # a plan may have thousands
    told = [
        f"{each.installment_id} {amount_text(each.amount_minor, currency).strip()} due {iso_date(each.due_date)}"
        for each in installments[:most]
    ]
    if len(installments) > most:
        told.append(f"{len(installments) - most} more")
    total = amount_text(sum(each.amount_minor for each in installments), currency).strip()
    return f", in installments of {total} in all: {listed(told)}"


def _part_entry(payment_id: str, part: Application, one: Break) -> TimelineEntry:
    naming = "" if part.installment_id is None else f", naming installment {part.installment_id}"
    counts = [f"{amount_text(part.standing_minor, part.currency)} of it stands"]
    if part.in_flight_minor:
        counts = [f"{amount_text(part.in_flight_minor, part.currency)} of it is in flight"]
        if part.pending_until is not None:
            counts.append(f"it counts as pending until {instant_text(part.pending_until)}")
    text = f"Payment {payment_id} was set going for this obligation{naming}; as far as is known now, {listed(counts)}."
    event_id = part.initiation_event_id or None
    return TimelineEntry(part.initiated_at, APP, text, event_id, (), False, event_id in one.event_ids)


def deadlines_of(
    state: PaymentState | ObligationState, one: Break, now: Micros, policy: Policy
) -> tuple[Deadline, ...]:
    """Give the deadlines that bear on a break, in the order of time."""
    found = _payment_deadlines(state, one, policy) if isinstance(state, PaymentState) else _graces(one, policy)
    return tuple(Deadline(at, what, now >= at) for at, what in sorted(found))


def settlement_rule(initiation: Initiation, policy: Policy) -> str:
    """Say by when an outcome must come, and by which count."""
    at = settlement_deadline(initiation, policy)
    if initiation.method == "INSTANT":
        minutes = policy.settlement_micros_instant // MINUTE
        return f"{instant_text(at)} ({counted(minutes, 'minute')} for INSTANT)"
    days = {
        "ACH_DEBIT": policy.settlement_banking_days_ach_debit,
        "CARD": policy.settlement_banking_days_card,
        "CHECK": policy.settlement_banking_days_check,
        "CASH": policy.settlement_banking_days_cash,
    }[initiation.method]
    return f"{end_of_day_text(at, NEW_YORK)} ({counted(days, 'banking day')} for {initiation.method})"


def posting_rule(state: PaymentState, one: Break, policy: Policy) -> tuple[Micros, str] | None:
    """Give the posting deadline, and by which count; None where nothing settled or was reversed yet.

    What came since, such as the reversal that resolved the break, counts anew; the break's own deadline is what it was.
    """
    at = one.due_at
    if at is None:
        latest = add_up(state).latest_settlement
        if latest is None:
            return None
        at = banking_deadline(latest, policy.posting_banking_days)
    days = counted(policy.posting_banking_days, "banking day")
    return at, f"{end_of_day_text(at, NEW_YORK)} ({days} after the latest settlement or posting reversal)"


def _payment_deadlines(state: PaymentState, one: Break, policy: Policy) -> Iterator[tuple[Micros, str]]:
    subject = one.subject[0]
    initiation = state.initiation
    money = add_up(state)
    awaited = one.due_at is not None if subject == "settlement" else subject == "posting" and not money.outcome
    if awaited and initiation is not None:
        at = settlement_deadline(initiation, policy)
        yield at, f"{initiation.processor} had to tell an outcome by {settlement_rule(initiation, policy)}"
    rule = posting_rule(state, one, policy) if subject == "posting" else None
    if rule is not None:
        yield rule[0], f"the ledger had to follow by {rule[1]}"
    if one.break_class is BreakClass.UNKEYED_MOVEMENT and money.earliest_movement is not None:
        grace = counted(policy.orphan_grace_micros // MINUTE, "minute")
        at = later(money.earliest_movement, policy.orphan_grace_micros)
        yield at, f"the initiation may come up to {grace} after the first movement"


def _graces(one: Break, policy: Policy) -> Iterator[tuple[Micros, str]]:
    if one.due_at is None:
        return
    grace = counted(policy.orphan_grace_micros // MINUTE, "minute")
    what = {
        BreakClass.OBLIGATION_UNKNOWN: f"the charge may come up to {grace} after the payment's initiation",
        BreakClass.INSTALLMENT_UNKNOWN: f"the plan may come up to {grace} after the payment's initiation",
    }.get(one.break_class, f"charge, plan and adjustments may differ for {grace}")
    yield one.due_at, what
