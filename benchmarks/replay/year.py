"""A year of rent, made on the fly: what arrives in each hour, and what a correct run must end with.

An obligation follows one of `SCRIPTS` scripts, by its number; a script says in which hour of its month each event
arrives. So the events of an hour follow from arithmetic alone, and nothing is kept of the hours before: memory does not
depend on how many obligations there are. What must come out follows from the scripts too, not from anybody's rules.

It is plainer than the simulator: dollars, no plan changes, assignments, payouts, decisions or bad input, and a
redelivery is the same record again. It has what costs a service that keeps years of states: charges days before they
are due, four installments a month, legs that arrive days apart and out of order, tenants who pay late or stop paying,
so that deadlines fire and late alerts open, escalate and are cured, and 2 % of payments that end in a break.
"""

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from typing import Any, Literal, NamedTuple

from benchmarks.versus_input import Outcomes
from domain.facts import (
    InputFact,
    Installment,
    Method,
    ObligationCharged,
    PaymentInitiated,
    PaymentPosted,
    PostingReversed,
    ProcessorSettled,
)
from domain.time import DAY, HOUR, SECOND, Day, Micros
from simulator.banking import day_of
from simulator.scenario import first_of_month
from streams import topics
from streams.topics import Topic

SCRIPTS = 500

PARTS = 4
"""Installments of an obligation."""

CHARGED_BEFORE_DAYS = 10
"""Charges arrive in the ten days before the first of their month."""

SETTLED_AFTER_DAYS = 20
"""After the last event: longer than every deadline but those of late alerts, which never end."""

START = date(2026, 1, 1)

LATE_SHARE, STOPPING_SHARE, ODD_SHARE, NAMED_SHARE, DELAYED_SHARE = 0.08, 0.03, 0.02, 0.75, 0.1
"""Of the scripts: tenants who pay late, who stop paying. Of the payments: odd ones, those that name their installment.
Of the events: those that arrive up to three hours after they occurred."""

Oddity = Literal[
    "amount_off", "no_settlement", "no_posting", "settled_twice", "settled_late", "returned", "redelivered"
]

ODDITIES: tuple[Oddity, ...] = (
    "amount_off", "no_settlement", "no_posting", "settled_twice", "settled_late", "returned", "redelivered",
)  # fmt: skip

METHODS: tuple[Method, ...] = ("ACH_DEBIT", "ACH_DEBIT", "CARD")

Kind = Literal["charged", "initiated", "settled", "settled_again", "returned", "posted", "reversed"]

Event = tuple[Topic, str, InputFact]
"""An input record: its topic, its key and the fact."""


class Payment(NamedTuple):
    """A payment in a script."""

    method: Method
    is_named: bool
    odd: Oddity | None
    off_minor: int
    """How much more is settled than was initiated."""


class Step(NamedTuple):
    """An event in a script. Hours count from the start of the obligation's month."""

    number: int
    """Of the event; a redelivery has that of the first."""
    kind: Kind
    part: int
    occurs: int
    arrives: int


class Script:
    """What happens to an obligation, but for its amounts."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.steps: list[Step] = []
        charged = -dice.randrange(1, CHARGED_BEFORE_DAYS * 24)
        self._add("charged", 0, charged)
        habit = dice.random()
        is_late = habit < LATE_SHARE
        pays = PARTS if not LATE_SHARE <= habit < LATE_SHARE + STOPPING_SHARE else dice.randrange(PARTS)
        self.payments = tuple(self._payment(part, is_late=is_late) for part in range(pays))

    def _add(self, kind: Kind, part: int, occurs: int) -> int:
        delay = self._dice.randrange(1, 4) if self._dice.random() < DELAYED_SHARE and kind != "charged" else 0
        self.steps.append(Step(len(self.steps), kind, part, occurs, occurs + delay))
        return occurs

    def _payment(self, part: int, *, is_late: bool) -> Payment:
        dice = self._dice
        odd = dice.choice(ODDITIES) if dice.random() < ODD_SHARE else None
        method = dice.choice(METHODS)
        days = dice.randrange(1, 15) if is_late else dice.choice((-2, -1, 0, 0, 0, 0))
        initiated = self._add("initiated", part, (7 * part + days) * 24 + dice.randrange(7, 22))
        settled = posted = initiated + (dice.randrange(2, 30) if method == "CARD" else dice.randrange(20, 72))
        if odd == "settled_late":
            settled = posted = initiated + 14 * 24
        if odd != "no_settlement":
            self._add("settled", part, settled)
        if odd != "no_posting":
            posted = self._add("posted", part, settled + dice.randrange(1, 6))
        if odd == "settled_twice":
            self._add("settled_again", part, settled + dice.randrange(5, 40))
        if odd == "returned":
            returned = self._add("returned", part, posted + dice.randrange(24, 80))
            self._add("reversed", part, returned + dice.randrange(1, 20))
        if odd == "redelivered":
            again = dice.choice(self.steps[-3:])
            self.steps.append(again._replace(arrives=again.arrives + dice.randrange(1, 40)))
        off = dice.choice((-300, -25, -1, 1, 25, 300)) if odd == "amount_off" else 0
        return Payment(method, dice.random() < NAMED_SHARE, odd, off)


class Year:
    """`obligations` spread over `months` months from January 2026 on; equal arguments make equal events.

    Args:
        obligations: of all months together.
        months: one to twelve and more.
        seed: of the scripts.
        scripts: how many there are.

    Raises:
        ValueError: fewer obligations than months.

    """

    def __init__(self, obligations: int, months: int, seed: int = 7, scripts: int = SCRIPTS) -> None:
        if not 1 <= months <= obligations:
            raise ValueError(f"{obligations} obligations cannot be spread over {months} months: give one a month")
        dice = random.Random(seed)
        self.months = months
        self.a_month = obligations // months
        self.obligations = self.a_month * months
        self._scripts = [Script(dice) for _ in range(scripts)]
        self._firsts: list[Day] = [day_of(first_of_month(START, month)) for month in range(months + 1)]
        self._agenda: dict[int, list[tuple[int, Step]]] = defaultdict(list)
        for number, script in enumerate(self._scripts):
            for step in script.steps:
                self._agenda[step.arrives].append((number, step))

    def starts_at(self, month: int) -> Micros:
        """Return the instant from which on the events of a month's charges arrive; `months` gives the end of them."""
        return (self._firsts[month] - CHARGED_BEFORE_DAYS) * DAY

    @property
    def closes_at(self) -> Micros:
        """The end: everything has arrived, and the deadlines of payments have passed."""
        return self._firsts[self.months - 1] * DAY + max(self._agenda) * HOUR + SETTLED_AFTER_DAYS * DAY

    def hours(self, since: Micros, until: Micros) -> Iterator[tuple[Micros, Iterator[Event]]]:
        """Yield each hour in which something arrives, by its end, and what arrives in it."""
        for begins_at in range(since, until, HOUR):
            due = [
                (month, which, step)
                for month in range(self.months)
                for which, step in self._agenda.get((begins_at - self._firsts[month] * DAY) // HOUR, ())
            ]
            if due:
                yield begins_at + HOUR, self._arriving(due)

    def expected(self) -> Outcomes:
        """Return what must be open and paid at the end."""
        found = Outcomes()
        for number in range(self.obligations):
            self._expect(found, number)
        return found

    def _arriving(self, due: list[tuple[int, int, Step]]) -> Iterator[Event]:
        for month, which, step in due:
            first = month * self.a_month
            # The first of this month's numbers that follows this script.
            for number in range(first + (which - first) % len(self._scripts), first + self.a_month, len(self._scripts)):
                yield self._event(number, month, step)

    def _event(self, number: int, month: int, step: Step) -> Event:
        starts_at = self._firsts[month] * DAY
        base: dict[str, Any] = {
            "event_id": f"ev-{number:08d}-{step.number:02d}",
            "occurred_at": starts_at + step.occurs * HOUR + number // len(self._scripts) % 3_600 * SECOND + step.number,
        }
        obligation_id = f"obl-{number:08d}"
        if step.kind == "charged":
            return topics.LEDGER_EVENTS, obligation_id, self._charged(number, month, obligation_id, base)
        part = step.part
        payment = self._scripts[number % len(self._scripts)].payments[part]
        amount = _amounts(number)[part]
        suffix = f"{number:08d}-{part + 1}"
        base |= {"payment_id": f"pay-{suffix}", "currency": "USD"}
        if step.kind == "initiated":
            initiated = PaymentInitiated(
                **base,
                tenant_id=f"ten-{number % self.a_month:07d}",
                property_id=f"prp-{number % self.a_month // 12:06d}",
                obligation_id=obligation_id,
                installment_id=f"{obligation_id}-i{part + 1}" if payment.is_named else None,
                amount_minor=amount,
                method=payment.method,
                processor="stripe",
                processor_reference=f"ref-{suffix}",
            )
            return topics.PAYMENT_INITIATED, initiated.payment_id, initiated
        if step.kind == "posted":
            posted = PaymentPosted(
                **base,
                obligation_id=obligation_id,
                posting_id=f"pst-{suffix}",
                installment_id=f"{obligation_id}-i{part + 1}" if payment.is_named else None,
                amount_minor=amount,
            )
            return topics.LEDGER_EVENTS, obligation_id, posted
        if step.kind == "reversed":
            reversal = PostingReversed(
                **base,
                obligation_id=obligation_id,
                reversal_id=f"rev-{suffix}",
                posting_id=f"pst-{suffix}",
                amount_minor=amount,
                reason="R01",
            )
            return topics.LEDGER_EVENTS, obligation_id, reversal
        gross, is_return = amount + payment.off_minor, step.kind == "returned"
        fee = 30 + gross // 250
        settled = ProcessorSettled(
            **base,
            processor="stripe",
            processor_reference=f"ref-{suffix}" + ("-b" if step.kind == "settled_again" else ""),
            outcome="RETURNED" if is_return else "SETTLED",
            gross_minor=gross,
            fee_minor=fee,
            net_minor=gross - fee,
            reason_code="R01" if is_return else None,
            payout_id=None,
            value_date=base["occurred_at"] // DAY,
        )
        return topics.PROCESSOR_SETTLED, base["payment_id"], settled

    def _charged(self, number: int, month: int, obligation_id: str, base: dict[str, Any]) -> ObligationCharged:
        first, amounts = self._firsts[month], _amounts(number)
        return ObligationCharged(
            **base,
            obligation_id=obligation_id,
            lease_id=f"lea-{number % self.a_month:07d}",
            tenant_id=f"ten-{number % self.a_month:07d}",
            property_id=f"prp-{number % self.a_month // 12:06d}",
            period=f"{first_of_month(START, month):%Y-%m}",
            amount_minor=sum(amounts),
            currency="USD",
            due_date=first,
            time_zone="America/New_York",
            grace_days=5,
            installments=tuple(
                Installment(f"{obligation_id}-i{part + 1}", part + 1, amount, first + 7 * part)
                for part, amount in enumerate(amounts)
            ),
        )

    def _expect(self, found: Outcomes, number: int) -> None:
        amounts, obligation_id = _amounts(number), f"obl-{number:08d}"
        room, paid, free = list(amounts), 0, 0
        for part, payment in enumerate(self._scripts[number % len(self._scripts)].payments):
            amount, odd, payment_id = amounts[part], payment.odd, f"pay-{number:08d}-{part + 1}"
            gross = amount + payment.off_minor
            settled = 0 if odd == "no_settlement" else 2 * gross if odd == "settled_twice" else gross
            returned = gross if odd == "returned" else 0
            posted = 0 if odd in ("no_posting", "returned") else amount
            found.add_payment(payment_id, amount, settled, returned, posted)
            for break_class in BREAKS.get(odd or "", ()):
                found.add_break(payment_id, break_class)
            money = settled - returned
            paid += money
            fits = min(money, room[part]) if payment.is_named else 0
            room[part] -= fits
            free += money - fits
        for part, left in enumerate(room):  # what names no installment goes to the oldest
            fits = min(free, left)
            room[part] -= fits
            free -= fits
            if room[part]:
                found.add("late", f"{obligation_id}-i{part + 1}")
        covered = {f"{obligation_id}-i{part + 1}": amounts[part] - room[part] for part in range(PARTS)}
        found.add_obligation(obligation_id, sum(amounts), paid, covered)
        if paid > sum(amounts):
            found.add_break(obligation_id, "overpayment")


BREAKS: dict[str, tuple[str, ...]] = {
    "amount_off": ("settlement_amount_mismatch", "posting_amount_mismatch"),
    "no_settlement": ("posting_without_settlement",),
    "no_posting": ("posting_missing",),
    "settled_twice": ("duplicate_settlement", "posting_amount_mismatch"),
}
"""What an odd payment ends in, by the contract's section 7; the other oddities end in no break."""


def _amounts(number: int) -> list[int]:
    """Return the installments of an obligation, minor units: a rent of 800 to 4,000 dollars."""
    total = 80_000 + number * 7_919 % 320_000
    return [total // PARTS] * (PARTS - 1) + [total - (PARTS - 1) * (total // PARTS)]
