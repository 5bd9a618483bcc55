"""What an obligation comes to, straight from the definitions of contract sections 5, 7 and 8."""

from collections.abc import Callable
from dataclasses import dataclass, field

from domain.facts import ObligationAdjusted, ObligationCancelled, ObligationCharged, PlanChanged
from domain.policy import Policy
from domain.time import Day, Micros
from simulator.banking import date_of, day_begun, start_of_day
from simulator.truth_facts import NO_CURRENCY, Known, Row, break_row, conflict_rows, in_order, made_id
from simulator.truth_payments import Account


@dataclass(slots=True)
class DuePart:
    """An installment with the money poured into it, by payment."""

    installment_id: str
    due_date: Day
    amount_minor: int
    paid: dict[str, int] = field(default_factory=dict)
    pending: dict[str, int] = field(default_factory=dict)

    @property
    def open_minor(self) -> int:
        """What is neither paid nor pending."""
        return self.amount_minor - sum(self.paid.values()) - sum(self.pending.values())


@dataclass(frozen=True, slots=True)
class Books:
    """The ledger's own word on an obligation whose charge is known, without any payment."""

    charge: ObligationCharged
    plan_event: ObligationCharged | PlanChanged
    """The record with the plan in force."""
    counted: tuple[ObligationAdjusted, ...]
    """The adjustments in the charge's currency."""
    foreign: tuple[ObligationAdjusted, ...]
    """The adjustments in another currency: not counted."""
    cancelled: bool
    named_ever: frozenset[str]
    """The installment ids that some version of the plan has or had."""

    @property
    def balance_minor(self) -> int:
        """The charge and its adjustments, 0 once cancelled. Below 0 where credits exceed the charge."""
        return 0 if self.cancelled else self.charge.amount_minor + self.adjusted_minor

    @property
    def adjusted_minor(self) -> int:
        """The adjustments that count."""
        return sum(adjustment.amount_delta_minor for adjustment in self.counted)


def books_of(known: Known) -> Books | None:
    """Return the books of an obligation, or None while no charge is known."""
    charge = next((fact for fact in known.held if isinstance(fact, ObligationCharged)), None)
    if charge is None:
        return None
    changes = [fact for fact in known.held if isinstance(fact, PlanChanged)]
    adjustments = [fact for fact in known.held if isinstance(fact, ObligationAdjusted)]
    in_force: ObligationCharged | PlanChanged = charge
    if changes:
        in_force = max(changes, key=lambda change: change.plan_version)
    named: set[str] = set()
    versions: list[ObligationCharged | PlanChanged] = [charge, *changes]
    for version in versions:
        # An empty list is one installment, named like the obligation.
        named.update([part.installment_id for part in version.installments] or [charge.obligation_id])
    return Books(
        charge=charge,
        plan_event=in_force,
        counted=tuple(fact for fact in adjustments if fact.currency == charge.currency),
        foreign=tuple(fact for fact in adjustments if fact.currency != charge.currency),
        cancelled=any(isinstance(fact, ObligationCancelled) for fact in known.held),
        named_ever=frozenset(named),
    )


def slots_of(books: Books) -> list[DuePart]:
    """Return the installments in force, in order, with the difference to the balance carried (contract section 5)."""
    balance = max(0, books.balance_minor)
    if not books.plan_event.installments:
        return [DuePart(books.charge.obligation_id, books.charge.due_date, balance)]

    parts = in_order(books.plan_event.installments)
    slots = [DuePart(part.installment_id, part.due_date, part.amount_minor) for part in parts]
    difference = balance - sum(slot.amount_minor for slot in slots)
    for slot in reversed(slots):
        carried = max(-slot.amount_minor, difference)
        slot.amount_minor += carried
        difference -= carried
        if difference == 0:
            break
    return slots


def pour(slots: list[DuePart], money: list[tuple[Account, int]], kind: Callable[[DuePart], dict[str, int]]) -> int:
    """Allocate money to the installments: money that names one first, then the rest to the oldest first.

    `money` is in the order of application; `kind` picks the map to fill (paid or pending). Returns what found no place.
    """
    by_id = {slot.installment_id: slot for slot in slots}
    left: list[tuple[str, int]] = []

    def fill(slot: DuePart, payment_id: str, amount: int) -> int:
        taken = min(amount, slot.open_minor)
        if taken > 0:
            filled = kind(slot)
            filled[payment_id] = filled.get(payment_id, 0) + taken
        return amount - max(taken, 0)

    for account, amount in money:
        assert account.initiated is not None
        named = by_id.get(account.initiated.installment_id or "")
        left.append((account.payment_id, fill(named, account.payment_id, amount) if named else amount))
    over = 0
    for payment_id, amount in left:
        rest = amount
        for slot in slots:
            rest = fill(slot, payment_id, rest)
        over += rest
    return over


def stage_of(charge: ObligationCharged, due_date: Day, at: Micros) -> str | None:
    """Return the furthest late stage whose days after the due date have ended, or None before any has."""
    grace = charge.grace_days
    stages = (
        ("days_90", max(90, grace)),
        ("days_60", max(60, grace)),
        ("days_30", max(30, grace)),
        ("fee_eligible", grace),
        ("past_due", 0),
    )
    return next(
        (name for name, days in stages if at >= start_of_day(due_date + days + 1, charge.time_zone)),
        None,
    )


def late_rows(books: Books, slots: list[DuePart], at: Micros) -> list[Row]:
    """Return the late alerts that are live at that instant (contract section 8), in the order of the installments."""
    charge = books.charge
    rows = []
    for slot in slots:
        stage = stage_of(charge, slot.due_date, at)
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
    obligation_id: str, books: Books | None, accounts: list[Account], at: Micros, policy: Policy
) -> list[Row]:
    """Return the breaks of the payments initiated for the obligation, at most one a payment."""
    rows = []
    for account in accounts:
        assert account.initiated is not None
        amount = account.standing_minor + account.in_flight_minor(at)
        due = account.initiated.occurred_at + policy.orphan_grace_micros
        names = account.initiated.installment_id
        subject = ("payment", account.payment_id)

        if books is None:
            if amount > 0 and at >= due:
                finding = ("obligation_unknown", 0, amount, account.currency)
                rows.append(break_row("obligation", obligation_id, subject, finding, due))
        elif account.currency != books.charge.currency:
            finding = ("currency_mismatch", 0, 0, books.charge.currency)
            rows.append(break_row("obligation", obligation_id, subject, finding))
        elif names is not None and names not in books.named_ever and at >= due:
            finding = ("installment_unknown", 0, amount, account.currency)
            rows.append(break_row("obligation", obligation_id, subject, finding, due))
    return rows


def ledger_breaks(books: Books, paid_minor: int, over_minor: int, at: Micros, policy: Policy) -> list[Row]:
    """Return the breaks of adjustments, plan and balance."""
    charge, balance = books.charge, books.balance_minor
    key, currency = charge.obligation_id, charge.currency
    rows = [
        break_row("obligation", key, ("adjustment", fact.adjustment_id), ("currency_mismatch", 0, 0, currency))
        for fact in books.foreign
    ]
    plan_sum = sum(part.amount_minor for part in books.plan_event.installments)
    if books.plan_event.installments and plan_sum != balance and not books.cancelled:
        due = (
            max(fact.occurred_at for fact in (charge, books.plan_event, *books.counted, *books.foreign))
            + policy.orphan_grace_micros
        )
        if at >= due:
            finding = ("plan_sum_mismatch", balance, plan_sum, currency)
            rows.append(break_row("obligation", key, ("plan",), finding, due))
    if over_minor > 0:
        rows.append(break_row("obligation", key, ("balance",), ("overpayment", max(0, balance), paid_minor, currency)))
    return rows


def obligation_truth(
    known: Known, initiated_for: list[Account], posted_to: list[Account], at: Micros, policy: Policy
) -> tuple[Row | None, list[Row], list[Row]]:
    """Return the obligation as it should be published, its open breaks and its live late alerts.

    `initiated_for` are the payments that were set up for it; `posted_to` all that have or had a posting to it.
    The row is None while no charge is known.
    """
    books = books_of(known)
    breaks = conflict_rows("obligation", known, NO_CURRENCY if books is None else books.charge.currency)
    breaks += payment_subject_breaks(known.key, books, initiated_for, at, policy)
    if books is None:
        return None, breaks, []

    charge, balance = books.charge, books.balance_minor
    counting = sorted(
        (account for account in initiated_for if account.currency == charge.currency),
        key=lambda account: (account.initiated.occurred_at if account.initiated else 0, account.payment_id),
    )
    slots = slots_of(books)
    standing = [(account, account.standing_minor) for account in counting]
    pending = [(account, account.in_flight_minor(at)) for account in counting]
    over = pour(slots, standing, lambda slot: slot.paid)
    pour(slots, pending, lambda slot: slot.pending)
    paid_minor = sum(amount for _, amount in standing)
    breaks += ledger_breaks(books, paid_minor, over, at, policy)
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
        # Pending money never overpays: what finds no place on an installment is not waited for.
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
        "open_breaks": sorted(found["break_id"] for found in breaks),
        "rests_on": max([known.rests_on, *(account.known.rests_on for account in (*initiated_for, *posted_to))]),
    }
    return row, breaks, alerts
