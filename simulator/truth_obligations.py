"""What an obligation comes to, straight from the definitions of contract sections 5, 7 and 8."""

from collections.abc import Iterable
from dataclasses import dataclass

from domain.facts import ObligationCharged
from domain.policy import Policy
from domain.time import Micros
from simulator.banking import date_of, day_begun, start_of_day
from simulator.truth_breaks import break_row, conflict_rows
from simulator.truth_facts import NO_CURRENCY, Known, Row, made_id
from simulator.truth_installments import Books, DuePart, Money, books_of, pour, slots_of
from simulator.truth_payments import Account, Place


@dataclass(frozen=True, slots=True)
class GivenShare:
    """What a payment with an allocation for the obligation gives to it at an instant."""

    account: Account
    places: tuple[Place, ...]
    """The allocations in force that are for this obligation."""

    @property
    def standing_minor(self) -> int:
        """The money given that stands."""
        return sum(place.standing_minor for place in self.places)

    @property
    def given_minor(self) -> int:
        """The money given that stands or is in flight."""
        return sum(place.given_minor for place in self.places)

    @property
    def initiated_at(self) -> Micros:
        """When the payment was initiated."""
        assert self.account.initiated is not None
        return self.account.initiated.occurred_at


def stage_of(charge: ObligationCharged, slot: DuePart, at: Micros) -> str | None:
    """Return the furthest late stage whose days have ended, or None before any has."""
    grace_ends_on = slot.due_date + charge.grace_days if slot.grace_ends_on is None else slot.grace_ends_on
    stages = (
        *((f"days_{days}", max(slot.due_date + days, grace_ends_on)) for days in (90, 60, 30)),
        ("fee_eligible", grace_ends_on),
        ("past_due", slot.due_date),
    )
    return next((name for name, last_day in stages if at >= start_of_day(last_day + 1, charge.time_zone)), None)


def late_rows(books: Books, slots: list[DuePart], at: Micros) -> list[Row]:
    """Return the late alerts that are live at that instant (contract section 8), in the order of the installments."""
    charge = books.charge
    rows = []
    for slot in slots:
        stage = stage_of(charge, slot, at)
        if stage is None or slot.open_minor <= 0:
            continue
        due = date_of(slot.due_date).isoformat()
        rows.append(
            {
                "alert_id": made_id("late", charge.obligation_id, slot.installment_id, due),
                "obligation_id": charge.obligation_id,
                "installment_id": slot.installment_id,
                "period": charge.period,
                "tenant_id": charge.tenant_id,
                "property_id": charge.property_id,
                "currency": charge.currency,
                "due_date": slot.due_date,
                "amount_due_minor": slot.amount_minor,
                "paid_minor": sum(slot.paid.values()),
                "pending_minor": sum(slot.pending.values()),
                "due_at": start_of_day(slot.due_date + 1, charge.time_zone),
                "stage": stage,
            }
        )
    return rows


def ageing_bucket(days_late: int) -> str:
    """Return the ageing bucket for a number of days after the oldest late due date."""
    if days_late <= 0:
        return "current"
    for last, name in ((30, "days_1_30"), (60, "days_31_60"), (90, "days_61_90")):
        if days_late <= last:
            return name
    return "days_over_90"


def payment_subject_breaks(
    obligation_id: str, books: Books | None, shares: Iterable[GivenShare], at: Micros, policy: Policy
) -> list[Row]:
    """Return the breaks of the payments with an allocation for the obligation, at most one a payment."""
    rows = []
    for share in shares:
        account = share.account
        assert account.initiated is not None
        due = account.allocated_at + policy.orphan_grace_micros
        subject = ("payment", account.payment_id)
        events = account.allocation_events

        if books is None:
            amount = share.given_minor
            if amount > 0 and at >= due:
                finding = ("obligation_unknown", 0, amount, account.currency)
                rows.append(break_row("obligation", obligation_id, subject, finding, events, due))
            continue
        charge = books.charge
        events.append(charge.event_id)
        unknown = [
            place
            for place in share.places
            if place.allocation.installment_id is not None and place.allocation.installment_id not in books.named_ever
        ]
        if account.currency != charge.currency:
            finding = ("currency_mismatch", 0, 0, charge.currency)
            rows.append(break_row("obligation", obligation_id, subject, finding, events))
        elif unknown and at >= due:
            finding = ("installment_unknown", 0, sum(place.given_minor for place in unknown), charge.currency)
            # As in version 1: it rests on what names the installment, not on the plans that do not.
            rows.append(break_row("obligation", obligation_id, subject, finding, account.allocation_events, due))
        elif account.assigned is None and account.initiated.property_id != charge.property_id:
            finding = ("property_mismatch", 0, share.given_minor, charge.currency)
            rows.append(break_row("obligation", obligation_id, subject, finding, events))
    return rows


def ledger_breaks(books: Books, at: Micros, policy: Policy) -> list[Row]:
    """Return the breaks of adjustments and of the plan."""
    charge, balance = books.charge, books.balance_minor
    key, currency = charge.obligation_id, charge.currency
    rows = [
        break_row(
            "obligation",
            key,
            ("adjustment", fact.adjustment_id),
            ("currency_mismatch", 0, 0, currency),
            (charge.event_id, fact.event_id),
        )
        for fact in books.foreign
    ]
    counted = [fact.event_id for fact in books.counted]
    if books.plan_event.installments and not books.cancelled:
        plan_sum = sum(part.amount_minor for part in books.plan_event.installments)
        plan_sum += books.deltas_of(books.plan_names)
        dated = books.dated
        less_dated = balance - sum(fact.amount_delta_minor for fact in dated)
        less_dated -= books.deltas_of(fact.adjustment_id for fact in dated)
        due = (
            max(fact.occurred_at for fact in (charge, books.plan_event, *books.counted, *books.foreign))
            + policy.orphan_grace_micros
        )
        if plan_sum != less_dated and at >= due:
            finding = ("plan_sum_mismatch", less_dated, plan_sum, currency)
            events = (
                charge.event_id,
                books.plan_event.event_id,
                *counted,
                *(fact.event_id for fact in books.turns[-1:]),
            )
            rows.append(break_row("obligation", key, ("plan",), finding, events, due))
    return rows


def obligation_truth(
    known: Known, allocated: list[Account], posted_to: list[Account], at: Micros, policy: Policy
) -> tuple[Row | None, list[Row], list[Row]]:
    """Return the obligation as it should be published, the breaks whose condition holds, and its live late alerts.

    `allocated` are the payments with an allocation in force for it; `posted_to` all that have or had a posting to it.
    The row is None while no charge is known; its open breaks are for the caller to fill in.
    """
    books = books_of(known)
    shares = [
        GivenShare(account, tuple(p for p in account.places(at) if p.allocation.obligation_id == known.key))
        for account in allocated
    ]
    breaks = conflict_rows("obligation", known, NO_CURRENCY if books is None else books.charge.currency)
    breaks += payment_subject_breaks(known.key, books, shares, at, policy)
    if books is None:
        return None, breaks, []

    charge, balance = books.charge, books.balance_minor
    counting = sorted(
        (share for share in shares if share.account.currency == charge.currency),
        key=lambda share: (share.initiated_at, share.account.payment_id),
    )
    slots = slots_of(books)
    standing: list[Money] = []
    pending: list[Money] = []
    for share in counting:
        for place in share.places:
            name = place.allocation.installment_id
            standing.append((share.account.payment_id, name, place.standing_minor))
            pending.append((share.account.payment_id, name, place.in_flight_minor))
    pour(slots, standing, lambda slot: slot.paid)
    # Pending money never overpays: what finds no place on an installment is not waited for.
    pour(slots, pending, lambda slot: slot.pending)
    paid_minor = sum(share.standing_minor for share in counting)
    over = max(0, paid_minor - balance)
    breaks += ledger_breaks(books, at, policy)
    if over > 0:
        payers = [share.account for share in counting if share.standing_minor > 0]
        # Of cancellations and reinstatements, as of plans and assignments, only what is in force counts.
        events = [
            *(fact.event_id for fact in (charge, *books.counted, *books.turns[-1:])),
            *(event for payer in payers for event in payer.allocation_events),
        ]
        finding = ("overpayment", balance, paid_minor, charge.currency)
        breaks.append(break_row("obligation", known.key, ("balance",), finding, events))
    alerts = late_rows(books, slots, at)
    oldest_late = min((alert["due_date"] for alert in alerts), default=None)

    if books.cancelled:
        status = "cancelled"
    elif over > 0:
        status = "overpaid"
    elif alerts:
        status = "past_due"
    elif paid_minor >= balance:
        status = "paid"
    else:
        status = "partially_paid" if paid_minor > 0 else "open"

    row = {
        "obligation_id": charge.obligation_id,
        "lease_id": charge.lease_id,
        "tenant_id": charge.tenant_id,
        "property_id": charge.property_id,
        "period": charge.period,
        "status": status,
        "currency": charge.currency,
        "charged_minor": charge.amount_minor,
        "adjusted_minor": books.adjusted_minor,
        "balance_minor": balance,
        "installments": [
            {
                "installment_id": slot.installment_id,
                "due_date": slot.due_date,
                "amount_minor": slot.amount_minor,
                "paid": slot.paid,
                "pending": slot.pending,
            }
            for slot in slots
        ],
        "paid_minor": paid_minor,
        "pending_minor": sum(sum(slot.pending.values()) for slot in slots),
        "posted_minor": sum(
            posting.left_minor
            for account in posted_to
            for posting in account.live_postings
            if posting.obligation_id == charge.obligation_id and posting.currency == charge.currency
        ),
        "overpaid_minor": over,
        "next_due_date": next((slot.due_date for slot in slots if slot.open_minor > 0), None),
        "oldest_late_due_date": oldest_late,
        "ageing_bucket": "current"
        if oldest_late is None
        else ageing_bucket(day_begun(at, charge.time_zone) - oldest_late),
        "open_breaks": [],
        "rests_on": max([known.rests_on, *(account.known.rests_on for account in (*allocated, *posted_to))]),
    }
    return row, breaks, alerts
