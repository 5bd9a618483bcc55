"""The charges of a month's rent and the ledger's later changes (contract sections 3, 5 and 7).

A case records the ledger's facts of one obligation and returns what the tenant then has to pay.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.facts import Installment, ObligationAdjusted, ObligationCancelled, ObligationCharged, PlanChanged
from domain.time import DAY, HOUR, MINUTE, Day, Micros
from simulator.banking import local_day, start_of_day
from simulator.leases import Draft, split, spread
from simulator.payments import FOREIGN
from simulator.recording import Recording

Parts = tuple[Installment, ...]


class Ledger:
    """Records an obligation's facts."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.rng = recording.rng

    def charge(
        self, draft: Draft, *, parts: Parts | None = None, arrives_later: Micros = 0, **fields: Any
    ) -> ObligationCharged:
        """Record the charge, some days before its month's first due day.

        `fields` are those of the record that are not as usual.
        """
        lease = draft.lease
        at = start_of_day(draft.due_date, lease.time_zone) - self.recording.between(6 * DAY, 9 * DAY)
        charged = ObligationCharged(
            event_id=self.recording.event_id(),
            occurred_at=at,
            obligation_id=draft.obligation_id,
            lease_id=lease.lease_id,
            tenant_id=lease.tenant_id,
            property_id=lease.property_id,
            period=draft.period,
            amount_minor=draft.amount_minor,
            currency=lease.currency,
            due_date=draft.due_date,
            time_zone=lease.time_zone,
            grace_days=lease.grace_days,
            installments=draft.installments if parts is None else parts,
        )
        return self.recording.record(msgspec.structs.replace(charged, **fields) if fields else charged, arrives_later)

    def change_plan(self, draft: Draft, after: Micros, version: int, parts: Parts) -> PlanChanged:
        """Record a new plan, hours after that instant."""
        at = after + self.recording.between(1 * HOUR, 2 * DAY)
        return self.recording.record(PlanChanged(self.recording.event_id(), at, draft.obligation_id, version, parts))

    def adjust(self, draft: Draft, after: Micros, delta: int, *, number: int = 1, **fields: Any) -> ObligationAdjusted:
        """Record a credit (below 0) or a further charge; `fields` are those of the record that are not as usual."""
        adjusted = ObligationAdjusted(
            event_id=self.recording.event_id(),
            occurred_at=after + self.recording.between(1 * HOUR, 2 * DAY),
            obligation_id=draft.obligation_id,
            adjustment_id=f"ADJ-{draft.obligation_id}-{number}",
            amount_delta_minor=delta,
            currency=draft.lease.currency,
            reason="repair credit" if delta < 0 else "parking",
        )
        return self.recording.record(msgspec.structs.replace(adjusted, **fields) if fields else adjusted)

    def cancel(self, draft: Draft, after: Micros, cancellation_id: str | None = None) -> Micros:
        """Record that the obligation is void; returns when."""
        at = after + self.recording.between(1 * HOUR, 1 * DAY)
        self.recording.record(
            ObligationCancelled(self.recording.event_id(), at, draft.obligation_id, "lease not begun", cancellation_id)
        )
        return at

    def contradict(self, fact: ObligationCharged | PlanChanged | ObligationAdjusted) -> None:
        """Record a fact again with other money or another date, minutes later."""
        event_id, at = self.recording.event_id(), fact.occurred_at + self.recording.between(1 * MINUTE, 9 * MINUTE)
        again: ObligationCharged | PlanChanged | ObligationAdjusted
        match fact:
            case ObligationCharged():
                again = msgspec.structs.replace(
                    fact, event_id=event_id, occurred_at=at, amount_minor=fact.amount_minor + 500
                )
            case PlanChanged():
                moved = tuple(msgspec.structs.replace(part, due_date=part.due_date + 1) for part in fact.installments)
                again = msgspec.structs.replace(fact, event_id=event_id, occurred_at=at, installments=moved)
            case ObligationAdjusted():
                again = msgspec.structs.replace(
                    fact, event_id=event_id, occurred_at=at, amount_delta_minor=fact.amount_delta_minor - 100
                )
        self.recording.record(again)

    def replan(self, draft: Draft, version: int, amount: int, due_dates: list[Day]) -> Parts:
        """Return a plan of that version for that amount."""
        return split(draft.obligation_id, f"v{version}-", amount, due_dates)

    def repair_credit(self, draft: Draft) -> int:
        """Return a credit or a further charge of some percent of the rent, never 0."""
        return self.rng.choice((-3, -2, -1, 1, 2)) * max(1, draft.amount_minor // 50)


ObligationCase = Callable[[Ledger, Draft], Parts]


def charged(ledger: Ledger, draft: Draft) -> Parts:
    """Record only the charge."""
    ledger.charge(draft)
    return draft.parts


def charged_late(ledger: Ledger, draft: Draft) -> Parts:
    """The charge arrives long after the first payments for it."""
    ledger.charge(draft, arrives_later=ledger.recording.between(8 * DAY, 15 * DAY))
    return draft.parts


def plan_changed(ledger: Ledger, draft: Draft) -> Parts:
    """The tenant asked for another split, and sometimes for one more after that."""
    at = ledger.charge(draft).occurred_at
    parts = draft.parts
    for version in range(1, 3 if ledger.rng.random() < 0.25 else 2):
        parts = ledger.replan(draft, version, draft.amount_minor, spread(draft.due_date, ledger.rng.randint(2, 6)))
        at = ledger.change_plan(draft, at, version, parts).occurred_at
    return parts


def back_to_one(ledger: Ledger, draft: Draft) -> Parts:
    """The plan was given up: the whole in one again."""
    at = ledger.charge(draft).occurred_at
    ledger.change_plan(draft, at, 1, ())
    return msgspec.structs.replace(draft, installments=()).parts


def deferred(ledger: Ledger, draft: Draft) -> Parts:
    """Installments move into the months after, some beyond the end of the recording."""
    at = ledger.charge(draft).occurred_at
    horizon = local_day(ledger.recording.closes_at, "UTC") + 25 - draft.due_date
    days = sorted(ledger.rng.sample(range(20, max(horizon, 30)), ledger.rng.randint(2, 4)))
    parts = ledger.replan(draft, 1, draft.amount_minor, [draft.due_date + day for day in days])
    ledger.change_plan(draft, at, 1, parts)
    return parts


def deferred_beyond(ledger: Ledger, draft: Draft) -> Parts:
    """All of it moves to a day after the end of the recording."""
    at = ledger.charge(draft).occurred_at
    due = local_day(ledger.recording.closes_at, "UTC") + ledger.rng.randint(2, 25)
    ledger.change_plan(draft, at, 1, ledger.replan(draft, 1, draft.amount_minor, [due]))
    return ()


def adjusted(ledger: Ledger, draft: Draft) -> Parts:
    """A credit or a further charge comes, and a plan that adds up again."""
    at = ledger.charge(draft).occurred_at
    delta = ledger.repair_credit(draft)
    at = ledger.adjust(draft, at, delta).occurred_at
    amount = draft.amount_minor + delta
    if not draft.installments:
        return (Installment(draft.obligation_id, 1, amount, draft.due_date),)
    parts = ledger.replan(draft, 1, amount, spread(draft.due_date, len(draft.installments)))
    ledger.change_plan(draft, at, 1, parts)
    return parts


def cancelled(ledger: Ledger, draft: Draft) -> Parts:
    """An obligation is cancelled before any payment."""
    at = ledger.charge(draft).occurred_at
    ledger.cancel(draft, at)
    return ()


def cancelled_after_payment(ledger: Ledger, draft: Draft) -> Parts:
    """An obligation is void when the first part was paid: all of that is now too much."""
    at = ledger.charge(draft).occurred_at
    ledger.cancel(draft, at + 12 * DAY)
    ledger.recording.inject("overpayment", draft.obligation_id)
    return draft.parts[:1]


def overpayment(ledger: Ledger, draft: Draft) -> Parts:
    """The tenant pays the first part twice over, on purpose or not."""
    ledger.charge(draft)
    ledger.recording.inject("overpayment", draft.obligation_id)
    return (*draft.parts, draft.parts[0])


def obligation_unknown(ledger: Ledger, draft: Draft) -> Parts:
    """The charge never comes; the tenant pays all the same."""
    ledger.recording.inject("obligation_unknown", draft.obligation_id)
    return draft.parts


def plan_sum_mismatch(ledger: Ledger, draft: Draft) -> Parts:
    """The plan and the balance differ: a careless plan, or a credit that no new plan followed."""
    ledger.recording.inject("plan_sum_mismatch", draft.obligation_id)
    if draft.installments and ledger.rng.random() < 0.5:
        at = ledger.charge(draft).occurred_at
        ledger.adjust(draft, at, ledger.repair_credit(draft))
        return draft.parts
    amount = draft.amount_minor + ledger.repair_credit(draft)
    parts = ledger.replan(draft, 0, amount, spread(draft.due_date, max(1, len(draft.installments))))
    ledger.charge(draft, parts=parts)
    return parts


def adjusted_in_foreign_currency(ledger: Ledger, draft: Draft) -> Parts:
    """A credit comes in a currency that is not the charge's."""
    at = ledger.charge(draft).occurred_at
    ledger.adjust(draft, at, -1000, number=2, currency=FOREIGN[draft.lease.currency])
    ledger.recording.inject("currency_mismatch", draft.obligation_id)
    return draft.parts


def conflicting_obligation_fact(ledger: Ledger, draft: Draft) -> Parts:
    """Charge, plan or adjustment comes twice with different content."""
    ledger.recording.inject("conflicting_fact", draft.obligation_id)
    charge = ledger.charge(draft)
    match ledger.rng.randrange(3):
        case 0:
            ledger.contradict(charge)
            return draft.parts
        case 1:
            parts = ledger.replan(draft, 1, draft.amount_minor, spread(draft.due_date, 3))
            ledger.contradict(ledger.change_plan(draft, charge.occurred_at, 1, parts))
            return parts
    ledger.contradict(ledger.adjust(draft, charge.occurred_at, ledger.repair_credit(draft)))
    return draft.parts


def event_id_reused(ledger: Ledger, draft: Draft) -> Parts:
    """A charge and a credit carry one event id."""
    charge = ledger.charge(draft)
    ledger.adjust(draft, charge.occurred_at, ledger.repair_credit(draft), event_id=charge.event_id)
    ledger.recording.inject("conflicting_fact", draft.obligation_id)
    return draft.parts


HARMLESS_OBLIGATIONS: dict[str, ObligationCase] = {
    "charged_late": charged_late,
    "plan_changed": plan_changed,
    "back_to_one": back_to_one,
    "deferred": deferred,
    "deferred_beyond": deferred_beyond,
    "adjusted": adjusted,
    "cancelled": cancelled,
}
BROKEN_OBLIGATIONS: dict[str, ObligationCase] = {
    "cancelled_after_payment": cancelled_after_payment,
    "overpayment": overpayment,
    "obligation_unknown": obligation_unknown,
    "plan_sum_mismatch": plan_sum_mismatch,
    "adjusted_in_foreign_currency": adjusted_in_foreign_currency,
    "conflicting_obligation_fact": conflicting_obligation_fact,
    "obligation_event_id_reused": event_id_reused,
}
"""Cases that end in a break. Their tenants pay in full, plainly and on time, so that nothing hides it."""
