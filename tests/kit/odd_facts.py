"""Odd facts that contract section 2 allows: few ids with `/` and `%`, mixed currencies, repetitions with other nulls.

The simulator makes months that look like life; these look like trouble. A set of facts is a function of its seed.
"""

from collections.abc import Callable
from datetime import date
from random import Random
from typing import Any, TypeVar

import msgspec

from domain.facts import (
    Allocation,
    BreakDecided,
    DecisionAction,
    InputFact,
    Installment,
    Method,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    Outcome,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)
from domain.time import DAY, EPOCH_ORDINAL, HOUR, Day, Micros
from simulator.truth_facts import Row
from streams.codec.dead_letters import BadInput
from streams.codec.validation import check

T = TypeVar("T")

FIRST_DAY: Day = date(2026, 3, 1).toordinal() - EPOCH_ORDINAL
METHODS: tuple[Method, ...] = ("ACH_DEBIT", "CARD", "INSTANT", "CHECK")
OUTCOMES: tuple[Outcome, ...] = (
    "SETTLED", "SETTLED", "SETTLED", "SETTLED", "SETTLED", "FAILED", "RETURNED", "REFUNDED", "CHARGEBACK",
    "CHARGEBACK_REVERSED", "RETURN_REVERSED", "REFUND_REVERSED",
)  # fmt: skip
ZONES = ("America/New_York", "Europe/Berlin", "UTC", "Asia/Beirut", "America/Santiago", "Pacific/Apia")
ACTIONS: tuple[DecisionAction, ...] = (
    "ACKNOWLEDGE", "ASSIGN", "COMMENT", "ACCEPT", "ACCEPT", "APPROVE", "APPROVE", "WITHDRAW",
)  # fmt: skip
MAY_BE_LEFT_OUT: dict[type, tuple[str, ...]] = {
    PaymentInitiated: ("installment_id", "processor_reference", "allocations"),
    ProcessorSettled: (
        "payment_id", "fee_minor", "net_minor", "settlement_currency", "payout_id", "original_reference", "value_date",
    ),
    ObligationCharged: ("grace_ends_on",),
    ObligationAdjusted: ("installment_id", "due_date", "kind"),
    PaymentPosted: ("installment_id",),
}  # fmt: skip
"""The fields of a repetition that may be null, by record."""


class Trouble:
    """Makes the facts of two payments, two obligations and a few references, which share their names."""

    def __init__(self, rng: Random, prefix: str) -> None:
        self.rng = rng
        self.prefix = prefix
        self.payments = (f"{prefix}P1", f"{prefix}P2/x")
        self.obligations = (f"{prefix}O1", f"{prefix}O%2")
        self.references = (f"{prefix}r1", f"{prefix}r/2", f"{prefix}r%3")
        self.processors = ("acme", "a/b", "a%b")
        self.installments = ("A", "B", "X", *self.obligations, "adj1")
        self.events = 0
        self.currency = rng.choice(("USD", "EUR", "GBP", "JPY"))
        self.is_mixed = rng.random() < 0.35
        self.days = rng.choice((3, 12, 60))
        within = (0, 1, 5 * HOUR, 12 * HOUR, DAY - 1, 23 * HOUR)
        self.instants = [
            (FIRST_DAY + rng.randint(0, self.days)) * DAY + rng.choice(within) for _ in range(rng.choice((3, 6, 20)))
        ]
        self.makers: dict[Callable[[], InputFact], float] = {
            self.initiated: 2,
            self.reassigned: 0.6 * self.rate(),
            self.reference_assigned: 0.4 * self.rate(),
            self.settled: 5 * self.rate(),
            self.charged: 2,
            self.replanned: 0.8 * self.rate(),
            self.adjusted: 2 * self.rate(),
            self.cancelled: 0.6 * self.rate(),
            self.reinstated: 0.5 * self.rate(),
            self.posted: 2.5 * self.rate(),
            self.undone: 1.2 * self.rate(),
        }

    def rate(self) -> float:
        return self.rng.choice((0, 0.3, 1, 1, 2))

    def maybe(self, values: tuple[T, ...], chance: float) -> T | None:
        return self.rng.choice(values) if self.rng.random() < chance else None

    def head(self) -> tuple[str, Micros]:
        """An event id, now and then one that was used before, and an instant that others have, too."""
        self.events += 1
        number = self.rng.randint(1, self.events) if self.rng.random() < 0.04 else self.events
        return f"{self.prefix}e{number}", self.rng.choice(self.instants)

    def amount(self) -> int:
        return self.rng.choice((50, 100, 100, 100, 200, 300, 1))

    def some_currency(self) -> str:
        return self.rng.choice(("USD", "EUR")) if self.is_mixed and self.rng.random() < 0.2 else self.currency

    def day(self) -> Day:
        return FIRST_DAY + self.rng.randint(-5, self.days)

    def allocations(self) -> tuple[Allocation, ...]:
        return tuple(
            Allocation(self.rng.choice(self.obligations), self.maybe(self.installments, 0.4), self.amount())
            for _ in range(self.rng.randint(1, 3))
        )

    def plan(self) -> tuple[Installment, ...]:
        names = self.rng.sample(("A", "B", "C", self.obligations[0], "adj1"), self.rng.choice((0, 0, 1, 2, 3)))
        due = self.day()
        return tuple(
            Installment(name, self.rng.randint(0, 2), self.amount(), due, self.maybe((due, due + 3), 0.3))
            for name in names
        )

    def initiated(self) -> InputFact:
        parts = self.allocations() if self.rng.random() < 0.4 else None
        first = parts[0] if parts else Allocation(
            self.rng.choice(self.obligations), self.maybe(self.installments, 0.3), self.amount()
        )  # fmt: skip
        event_id, occurred_at = self.head()
        return PaymentInitiated(
            event_id=event_id,
            occurred_at=occurred_at,
            payment_id=self.rng.choice(self.payments),
            tenant_id=self.rng.choice("TTTU"),
            property_id=self.rng.choice(("Q", "Q", "Q", "Q2")),
            obligation_id=first.obligation_id,
            installment_id=first.installment_id,
            amount_minor=sum(part.amount_minor for part in parts or (first,)),
            currency=self.some_currency(),
            method=self.rng.choice(METHODS),
            processor=self.rng.choice(self.processors[:2]),
            processor_reference=self.maybe(self.references, 0.5),
            allocations=parts,
        )

    def reassigned(self) -> InputFact:
        version = self.rng.randint(1, 2)
        return PaymentReassigned(*self.head(), self.rng.choice(self.payments), version, self.allocations(), "moved")

    def reference_assigned(self) -> InputFact:
        processor, reference = self.rng.choice(self.processors), self.rng.choice(self.references)
        return ReferenceAssigned(*self.head(), self.rng.choice(self.payments), processor, reference)

    def settled(self) -> InputFact:
        outcome, gross = self.rng.choice(OUTCOMES), self.amount()
        event_id, occurred_at = self.head()
        return ProcessorSettled(
            event_id=event_id,
            occurred_at=occurred_at,
            payment_id=self.maybe(self.payments, 0.6),
            processor=self.rng.choice(self.processors),
            processor_reference=self.rng.choice(self.references),
            outcome=outcome,
            gross_minor=0 if outcome == "FAILED" and self.rng.random() < 0.5 else gross,
            fee_minor=self.maybe((0, 5, -3), 0.3),
            net_minor=self.maybe((gross, gross - 5, -gross), 0.3),
            currency=self.some_currency(),
            reason_code=self.maybe(("R01", "x"), 0.3),
            payout_id=self.maybe(("po1", "po2"), 0.2),
            value_date=self.maybe((self.day(),), 0.1),
            original_reference=self.maybe(self.references, 0.3),
            movement_id=self.maybe(("m1", "m/2"), 0.3),
            settlement_currency=self.maybe(("USD", "EUR", self.currency), 0.2),
        )

    def charged(self) -> InputFact:
        due = self.day()
        event_id, occurred_at = self.head()
        return ObligationCharged(
            event_id=event_id,
            occurred_at=occurred_at,
            obligation_id=self.rng.choice(self.obligations),
            lease_id="L",
            tenant_id=self.rng.choice("TTTU"),
            property_id=self.rng.choice(("Q", "Q", "Q", "Q2")),
            period=self.rng.choice(("2026-03", "2026-03", "2026-04")),
            amount_minor=self.rng.choice((0, 100, 300, 400)),
            currency=self.some_currency(),
            due_date=due,
            time_zone=self.rng.choice(ZONES),
            grace_days=self.rng.choice((0, 3, 40)),
            installments=self.plan(),
            grace_ends_on=self.maybe((due, due + 4), 0.3),
        )

    def replanned(self) -> InputFact:
        return PlanChanged(*self.head(), self.rng.choice(self.obligations), self.rng.randint(1, 2), self.plan())

    def adjusted(self) -> InputFact:
        event_id, occurred_at = self.head()
        return ObligationAdjusted(
            event_id=event_id,
            occurred_at=occurred_at,
            obligation_id=self.rng.choice(self.obligations),
            adjustment_id=self.rng.choice(("adj1", "adj2", "adj3", "A")),
            amount_delta_minor=self.rng.choice((-500, -100, -20, 20, 50, 100)),
            currency=self.some_currency(),
            reason="",
            installment_id=self.maybe((*self.installments, "adj2"), 0.4),
            due_date=self.maybe((self.day(),), 0.3),
            kind=self.maybe(("RENT", "FEE"), 0.4),
        )

    def cancelled(self) -> InputFact:
        name = self.maybe(("c1", "c2", ""), 0.5)
        return ObligationCancelled(*self.head(), self.rng.choice(self.obligations), "moved out", name)

    def reinstated(self) -> InputFact:
        name = self.rng.choice(("i1", "i2"))
        return ObligationReinstated(*self.head(), self.rng.choice(self.obligations), name, "stays")

    def posted(self) -> InputFact:
        event_id, occurred_at = self.head()
        return PaymentPosted(
            event_id=event_id,
            occurred_at=occurred_at,
            obligation_id=self.rng.choice(self.obligations),
            posting_id=self.rng.choice(("g1", "g2", "g3")),
            payment_id=self.rng.choice(self.payments),
            installment_id=self.maybe(self.installments, 0.3),
            amount_minor=self.amount(),
            currency=self.some_currency(),
        )

    def undone(self) -> InputFact:
        event_id, occurred_at = self.head()
        return PostingReversed(
            event_id=event_id,
            occurred_at=occurred_at,
            obligation_id=self.rng.choice(self.obligations),
            reversal_id=self.rng.choice(("v1", "v2", "v3")),
            posting_id=self.rng.choice(("g1", "g2", "g3", "gx")),
            payment_id=self.rng.choice(self.payments),
            amount_minor=self.amount(),
            currency=self.some_currency(),
            reason="",
        )

    def repeated(self, fact: Any) -> InputFact:
        """The same identity again: under another event, at another time, with other nulls or another amount."""
        changes: dict[str, Any] = {
            name: None for name in MAY_BE_LEFT_OUT.get(type(fact), ()) if self.rng.random() < 0.25
        }
        event_id, occurred_at = self.head()
        if self.rng.random() < 0.6:
            changes["event_id"] = event_id
        if self.rng.random() < 0.6:
            changes["occurred_at"] = occurred_at
        if hasattr(fact, "amount_minor") and self.rng.random() < 0.04:
            changes["amount_minor"] = self.amount()
        return msgspec.structs.replace(fact, **changes)  # type: ignore[no-any-return]

    def facts(self) -> list[InputFact]:
        """Some facts, those that section 2 allows."""
        found: list[InputFact] = []
        makers = self.rng.choices(
            list(self.makers), list(self.makers.values()), k=self.rng.choice((4, 8, 14, 24))
        )  # fmt: skip
        for make in makers:
            made = [make()]
            if self.rng.random() < 0.15:
                made.append(self.repeated(made[0]))
            for fact in made:
                try:
                    found.append(check(fact))
                except BadInput:
                    continue  # drawn at random, it breaks a rule; the codec's tests have those
        return found


def decisions_about(rows: list[Row], at: Micros, rng: Random) -> list[InputFact]:
    """Decisions of every kind about these breaks, most acceptances of them as they are."""
    found: list[InputFact] = []
    for row in rows:
        for _ in range(rng.randint(0, 5)):
            action = rng.choice(ACTIONS)
            accepts = action == "ACCEPT"
            found.append(
                BreakDecided(
                    event_id=f"d{rng.randint(1, 10**6)}",
                    occurred_at=at - rng.randint(-1, 8) * HOUR,
                    decision_id=f"d{rng.randint(0, 5)}",
                    key_kind=row["key_kind"],
                    key=row["key"],
                    break_id=row["break_id"] if rng.random() < 0.95 else "another",
                    action=action,
                    actor=rng.choice("abc"),
                    reason=rng.choice("xy"),
                    break_class=(row["class"] if rng.random() < 0.85 else "overpayment") if accepts else None,
                    drift_minor=row["drift_minor"] if accepts else None,
                    evidence=row["evidence"] if accepts else None,
                    assignee=rng.choice(("a", "b", None)) if action == "ASSIGN" else None,
                    until=at + rng.choice((-HOUR, 0, HOUR)) if action == "ACKNOWLEDGE" else None,
                    refers_to=f"d{rng.randint(0, 5)}" if action in {"APPROVE", "WITHDRAW"} else None,
                )
            )
    return found
