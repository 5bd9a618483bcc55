"""The books of an obligation and the installments they come to (contract section 5), without any payment."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from domain.facts import (
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PlanChanged,
)
from domain.time import Day
from simulator.banking import local_day
from simulator.truth_facts import Known, in_order


@dataclass(slots=True)
class DuePart:
    """An installment with the money poured into it, by payment."""

    installment_id: str
    due_date: Day
    amount_minor: int
    grace_ends_on: Day | None = None
    """The last day of grace, where one is given."""
    is_fee: bool = False
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
    plans: tuple[PlanChanged, ...]
    """All versions but the charge's own."""
    counted: tuple[ObligationAdjusted, ...]
    """The adjustments in the charge's currency."""
    foreign: tuple[ObligationAdjusted, ...]
    """The adjustments in another currency: not counted."""
    turns: tuple[ObligationCancelled | ObligationReinstated, ...]
    """Cancellations and reinstatements, in their order."""

    @property
    def cancelled(self) -> bool:
        """The latest turn is a cancellation."""
        return bool(self.turns) and isinstance(self.turns[-1], ObligationCancelled)

    @property
    def balance_minor(self) -> int:
        """The charge and its adjustments, 0 while cancelled. Below 0 where credits exceed the charge."""
        return 0 if self.cancelled else self.charge.amount_minor + self.adjusted_minor

    @property
    def adjusted_minor(self) -> int:
        """The adjustments that count."""
        return sum(adjustment.amount_delta_minor for adjustment in self.counted)

    @property
    def plan_names(self) -> frozenset[str]:
        """The installments of the plan in force: an empty list is one, named like the obligation."""
        return names_of(self.charge, self.plan_event)

    @property
    def dated(self) -> tuple[ObligationAdjusted, ...]:
        """The adjustments that are installments of their own; one with the name of a plan's installment is none."""
        return tuple(
            adjustment
            for adjustment in self.counted
            if (adjustment.due_date is not None or adjustment.kind == "FEE")
            and adjustment.adjustment_id not in self.plan_names
        )

    @property
    def named_ever(self) -> frozenset[str]:
        """The installments that some version of the plan or a dated adjustment has or had."""
        versions: list[ObligationCharged | PlanChanged] = [self.charge, *self.plans]
        names = frozenset(
            fact.adjustment_id
            for fact in (*self.counted, *self.foreign)
            if fact.due_date is not None or fact.kind == "FEE"
        )
        return names.union(*(names_of(self.charge, version) for version in versions))

    def deltas_of(self, names: Iterable[str]) -> int:
        """Return the sum of the adjustments that name one of these installments."""
        wanted = set(names)
        return sum(fact.amount_delta_minor for fact in self.counted if fact.installment_id in wanted)


def names_of(charge: ObligationCharged, version: ObligationCharged | PlanChanged) -> frozenset[str]:
    """Return the names of a plan's installments."""
    return frozenset([part.installment_id for part in version.installments] or [charge.obligation_id])


def books_of(known: Known) -> Books | None:
    """Return the books of an obligation, or None while no charge is known."""
    charge = next((fact for fact in known.held if isinstance(fact, ObligationCharged)), None)
    if charge is None:
        return None
    plans = tuple(fact for fact in known.held if isinstance(fact, PlanChanged))
    adjustments = [fact for fact in known.held if isinstance(fact, ObligationAdjusted)]
    turns = [fact for fact in known.held if isinstance(fact, ObligationCancelled | ObligationReinstated)]
    in_force: ObligationCharged | PlanChanged = charge
    if plans:
        in_force = max(plans, key=lambda change: change.plan_version)
    return Books(
        charge=charge,
        plan_event=in_force,
        plans=plans,
        counted=tuple(fact for fact in adjustments if fact.currency == charge.currency),
        foreign=tuple(fact for fact in adjustments if fact.currency != charge.currency),
        # At one instant a reinstatement comes before a cancellation.
        turns=tuple(
            sorted(turns, key=lambda fact: (fact.occurred_at, isinstance(fact, ObligationCancelled), fact.event_id))
        ),
    )


def slots_of(books: Books) -> list[DuePart]:
    """Return the installments in force, in order, after all adjustments (contract section 5)."""
    charge = books.charge
    if books.plan_event.installments:
        plan = [
            DuePart(part.installment_id, part.due_date, part.amount_minor, part.grace_ends_on)
            for part in in_order(books.plan_event.installments)
        ]
    else:
        plan = [DuePart(charge.obligation_id, charge.due_date, charge.amount_minor)]
    own = sorted(
        (
            DuePart(
                fact.adjustment_id,
                local_day(fact.occurred_at, charge.time_zone) if fact.due_date is None else fact.due_date,
                fact.amount_delta_minor,
                is_fee=fact.kind == "FEE",
            )
            for fact in books.dated
        ),
        key=lambda slot: (slot.due_date, slot.installment_id),
    )
    for slot in (*plan, *own):
        slot.amount_minor = max(0, slot.amount_minor + books.deltas_of((slot.installment_id,)))
        if slot.grace_ends_on is None and slot.due_date == charge.due_date:
            slot.grace_ends_on = charge.grace_ends_on

    difference = max(0, books.balance_minor) - sum(slot.amount_minor for slot in (*plan, *own))
    if difference > 0:
        plan[-1].amount_minor += difference
    for slot in (*reversed(plan), *reversed(own)):
        taken = min(slot.amount_minor, max(0, -difference))
        slot.amount_minor -= taken
        difference += taken
    # The sort is stable: of one day, the plan's come before the others.
    return sorted((*plan, *own), key=lambda slot: slot.due_date)


Money = tuple[str, str | None, int]
"""The payment, the installment that the money names, and the amount."""


def pour(slots: list[DuePart], money: list[Money], kind: Callable[[DuePart], dict[str, int]]) -> None:
    """Allocate money to the installments: money that names one first, then the rest to the oldest, fees last.

    `money` is in the order of application; `kind` picks the map to fill (paid or pending).
    """
    by_id = {slot.installment_id: slot for slot in slots}
    left: list[tuple[str, int]] = []

    def fill(slot: DuePart, payment_id: str, amount: int) -> int:
        taken = min(amount, slot.open_minor)
        if taken > 0:
            filled = kind(slot)
            filled[payment_id] = filled.get(payment_id, 0) + taken
        return amount - max(taken, 0)

    for payment_id, names, amount in money:
        named = by_id.get(names) if names is not None else None
        left.append((payment_id, fill(named, payment_id, amount) if named else amount))
    for payment_id, amount in left:
        rest = amount
        for slot in sorted(slots, key=lambda slot: slot.is_fee):
            rest = fill(slot, payment_id, rest)
