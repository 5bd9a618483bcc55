"""The input that rentmatch and its peers are compared on, and what a correct run must end with.

It is generated from a scenario: obligations of four installments, a payment for each, 2 % of them odd. The legs of a
payment arrive out of order. What must come out follows from the scenario alone, not from anybody's rules.
"""

import heapq
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from benchmarks.events import InputRecord
from domain.facts import (
    InputFact,
    Installment,
    Method,
    ObligationCharged,
    Outcome,
    PaymentInitiated,
    PaymentPosted,
    PostingReversed,
    ProcessorSettled,
)
from domain.time import DAY, SECOND, Micros
from streams import topics
from streams.codec.codec import Codec
from streams.topics import Topic

EVENTS_AN_OBLIGATION = 13.026

KEYS_AN_OBLIGATION = 5
"""Itself and its four payments: a key each in the tables of payments and obligations."""

ODD_SHARE = 0.02

NAMED_SHARE = 0.75
"""Of the payments that name their installment."""

USD = "USD"

WINDOW = 2_000
"""How far apart, in events, the legs of a payment may arrive."""

FIRST_DAY = 20_605

SPREAD_S = 150_000
"""The obligations' events begin a second apart, within this time. All breaks are due by `CLOCK`: some of rentmatch's
wait some banking days for what could explain them."""

CLOCK: Micros = (FIRST_DAY - 10) * DAY
"""Before every deadline: the peers have none."""

ODDITIES = ("amount_off", "no_settlement", "no_posting", "settled_twice", "returned", "redelivered")

METHODS: tuple[Method, ...] = ("ACH_DEBIT", "ACH_DEBIT", "CARD")


@dataclass
class Outcomes:
    """The last snapshot of each key, as a sum of hashes of lines: in any order, and small for millions of keys."""

    sums: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, line: str) -> None:
        """Add a key's line."""
        self.sums[kind] += int.from_bytes(blake2b(line.encode(), digest_size=8).digest(), "big")
        self.counts[kind] += 1

    def differences(self, other: "Outcomes") -> list[str]:
        """Say what kinds of keys differ from another's."""
        return [
            f"{kind}: {self.counts[kind]:,} keys, expected {other.counts[kind]:,}"
            + ("" if self.counts[kind] != other.counts[kind] else ", but others or with other amounts")
            for kind in sorted(self.sums | other.sums)
            if self.sums[kind] != other.sums[kind] or self.counts[kind] != other.counts[kind]
        ]

    def add_payment(self, payment_id: str, initiated: int, settled: int, returned: int, posted: int) -> None:
        """Add a payment's last snapshot: its amounts, minor units."""
        self.add("payments", f"{payment_id}|{initiated}|{settled}|{returned}|{posted}")

    def add_obligation(self, obligation_id: str, charged: int, paid: int, covered: dict[str, int]) -> None:
        """Add an obligation's last snapshot: its amounts, and what each installment has got."""
        rows = ",".join(f"{installment_id}:{minor}" for installment_id, minor in sorted(covered.items()))
        self.add("obligations", f"{obligation_id}|{charged}|{paid}|{rows}")

    def add_break(self, payment_id: str, break_class: str) -> None:
        """Add an open break of a payment."""
        self.add("breaks", f"{payment_id}|{break_class}")


def generated(events: int, expected: Outcomes, seed: int = 7) -> Iterator[InputRecord]:
    """Make about this many events in the order of their arrival, and add what must come out to `expected`.

    Only the records of a window are in memory at a time.
    """
    dice = random.Random(seed)
    codec = Codec()
    waiting: list[tuple[float, int, InputRecord]] = []
    made = 0
    for number in range(max(1, round(events / EVENTS_AN_OBLIGATION))):
        for topic, key, fact in _Obligation(dice, number, expected).events():
            record = (topic.name, key.encode(), codec.encode(fact, topic.name))
            heapq.heappush(waiting, (made + dice.random() * WINDOW, made, record))
            made += 1
        while waiting and waiting[0][0] < made:
            yield heapq.heappop(waiting)[2]
    while waiting:
        yield heapq.heappop(waiting)[2]


def events_that_leave(keys: int) -> int:
    """Return about how many events leave this many keys in the tables of payments and obligations."""
    return round(keys / KEYS_AN_OBLIGATION * EVENTS_AN_OBLIGATION)


Event = tuple[Topic, str, InputFact]


class _Obligation:
    """One obligation and its four payments."""

    def __init__(self, dice: random.Random, number: int, expected: Outcomes) -> None:
        self._dice, self._number, self._expected = dice, number, expected
        self._id = f"obl-{number:08d}"
        self._tenant_id, self._property_id = f"ten-{number % 50_000:06d}", f"prp-{number % 3_000:05d}"
        total = dice.randrange(80_000, 400_000)
        self._parts = [total // 4] * 3 + [total - 3 * (total // 4)]
        self._room = list(self._parts)
        self._free = self._paid = 0
        self._made = 0

    def events(self) -> Iterator[Event]:
        """Make its events, and note what must come out."""
        yield topics.LEDGER_EVENTS, self._id, self._charged()
        for part in range(4):
            yield from self._payment(part)
        for part, room in enumerate(self._room):  # what names no installment goes to the oldest
            fits = min(self._free, room)
            self._room[part] -= fits
            self._free -= fits
        covered = {self._row(part): self._parts[part] - self._room[part] for part in range(4)}
        self._expected.add_obligation(self._id, sum(self._parts), self._paid, covered)

    def _row(self, part: int) -> str:
        return f"{self._id}-i{part + 1}"

    def _base(self) -> dict[str, Any]:
        """The next event's id and time."""
        self._made += 1
        return {
            "event_id": f"ev-{self._number:08d}-{self._made:03d}",
            "occurred_at": (FIRST_DAY - 20) * DAY + self._number % SPREAD_S * SECOND + self._made * 1_000,
        }

    def _charged(self) -> ObligationCharged:
        rows = tuple(
            Installment(self._row(part), part + 1, amount, FIRST_DAY + 7 * part)
            for part, amount in enumerate(self._parts)
        )
        return ObligationCharged(
            **self._base(),
            obligation_id=self._id,
            lease_id=f"lea-{self._number % 60_000:06d}",
            tenant_id=self._tenant_id,
            property_id=self._property_id,
            period="2026-06",
            amount_minor=sum(self._parts),
            currency=USD,
            due_date=FIRST_DAY,
            time_zone="America/New_York",
            grace_days=5,
            installments=rows,
        )

    def _payment(self, part: int) -> list[Event]:
        dice, amount = self._dice, self._parts[part]
        suffix = f"{self._number:08d}-{part + 1}"
        payment_id, reference, posting = f"pay-{suffix}", f"ref-{suffix}", f"pst-{suffix}"
        named = self._row(part) if dice.random() < NAMED_SHARE else None
        odd = dice.choice(ODDITIES) if dice.random() < ODD_SHARE else None
        gross = amount + (dice.choice((-300, -25, -1, 1, 25, 300)) if odd == "amount_off" else 0)
        self._expect(payment_id, odd, gross, part, named=named is not None)

        def settled(reference: str, outcome: Outcome = "SETTLED") -> Event:
            fee = 30 + gross // 250
            fact = ProcessorSettled(
                **self._base(),
                payment_id=payment_id,
                processor="stripe",
                processor_reference=reference,
                outcome=outcome,
                gross_minor=gross,
                fee_minor=fee,
                net_minor=gross - fee,
                currency=USD,
                reason_code="R01" if outcome == "RETURNED" else None,
                payout_id=None,
                value_date=FIRST_DAY + 7 * part + 2,
            )
            return topics.PROCESSOR_SETTLED, payment_id, fact

        initiated = PaymentInitiated(
            **self._base(),
            payment_id=payment_id,
            tenant_id=self._tenant_id,
            property_id=self._property_id,
            obligation_id=self._id,
            installment_id=named,
            amount_minor=amount,
            currency=USD,
            method=dice.choice(METHODS),
            processor="stripe",
            processor_reference=reference,
        )
        events: list[Event] = [(topics.PAYMENT_INITIATED, payment_id, initiated)]
        if odd != "no_settlement":
            events.append(settled(reference))
        if odd != "no_posting":
            posted = PaymentPosted(
                **self._base(),
                obligation_id=self._id,
                posting_id=posting,
                payment_id=payment_id,
                installment_id=named,
                amount_minor=amount,
                currency=USD,
            )
            events.append((topics.LEDGER_EVENTS, self._id, posted))
        if odd == "settled_twice":
            events.append(settled(f"{reference}-b"))
        if odd == "returned":
            events.append(settled(reference, "RETURNED"))
            reversal = PostingReversed(
                **self._base(),
                obligation_id=self._id,
                reversal_id=f"rev-{suffix}",
                posting_id=posting,
                payment_id=payment_id,
                amount_minor=amount,
                currency=USD,
                reason="R01",
            )
            events.append((topics.LEDGER_EVENTS, self._id, reversal))
        if odd == "redelivered":
            events.append(dice.choice(events))
        return events

    def _expect(self, payment_id: str, odd: str | None, gross: int, part: int, *, named: bool) -> None:
        amount = self._parts[part]
        settled = 0 if odd == "no_settlement" else 2 * gross if odd == "settled_twice" else gross
        returned = gross if odd == "returned" else 0
        posted = 0 if odd in ("no_posting", "returned") else amount
        self._expected.add_payment(payment_id, amount, settled, returned, posted)
        if odd == "settled_twice":
            self._expected.add_break(payment_id, "duplicate_settlement")
        if odd == "amount_off":
            self._expected.add_break(payment_id, "settlement_amount_mismatch")
        money = settled - returned
        self._paid += money
        if named:
            fits = min(money, self._room[part])
            self._room[part] -= fits
            money -= fits
        self._free += money
