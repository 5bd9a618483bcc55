"""A month or several months of rent, simulated from a seed: the facts, and the order in which they arrive."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

import msgspec

from domain.facts import Installment, Method
from domain.time import DAY, HOUR, Micros
from simulator.anomalies import Anomalies
from simulator.arrivals import arrivals
from simulator.bad_input import bad_input
from simulator.banking import day_of, start_of_day
from simulator.broken_payments import LONGEST_CASE
from simulator.cases import BROKEN_OBLIGATION_CASES, OBLIGATION_CASES, PAYMENT_CASES
from simulator.deciding import decisions_about
from simulator.deliver import Delivery
from simulator.leases import METHOD_SHARES, METHODS, Draft, make_draft, make_lease
from simulator.obligations import Ledger, charged
from simulator.payments import UNPAID_PAYMENTS, Intent, PaymentScript, by, last_day, plain
from simulator.payouts import pay_out
from simulator.recording import Recording

DEFAULT_START = date(2026, 6, 1)
RECORDED_DAYS = 96
"""How long after the first day of the last month the recording goes on: long enough for a 90 days late alert."""


@dataclass(frozen=True)
class Scenario:
    """What happened and how it is delivered. Two scenarios of one seed and size are equal."""

    seed: int
    starts_at: Micros
    """The start of the first month, UTC."""
    closes_at: Micros
    """The end of the recording: everything has arrived, and every injected break is open from here on."""
    deliveries: tuple[Delivery, ...]
    """In the order of arrival."""
    injected: dict[str, frozenset[str]]
    """Break class -> the keys (of payments, obligations, references, payouts, bank entries) with an injected break."""
    accepted: dict[str, frozenset[str]]
    """Break class -> the keys with an injected break of that class that people have accepted: it is not open."""
    obligations: int


def first_of_month(start: date, months_later: int) -> date:
    """Return the first day of the month `months_later` months after that of `start`."""
    months = start.year * 12 + start.month - 1 + months_later
    return date(months // 12, months % 12 + 1, 1)


def picked(rng: Random, rates: Mapping[str, float]) -> str | None:
    """Return a name with the probability of its rate, or None with the remaining probability."""
    dice = rng.random()
    for name, rate in rates.items():
        dice -= rate
        if dice < 0:
            return name
    return None


class Month:
    """Makes up obligations and their payments, one after another."""

    def __init__(self, recording: Recording, anomalies: Anomalies) -> None:
        self.recording = recording
        self.rng = recording.rng
        self.anomalies = anomalies
        self.ledger = Ledger(recording)
        self.script = PaymentScript(recording)
        self.payment_rates = dict(anomalies.payments)
        self.obligation_rates = dict(anomalies.obligations)
        self.payments = 0
        self.other_obligation_id = "O-somebody-else"

    def add_obligation(self, draft: Draft) -> None:
        """Add an obligation and all payments for it."""
        name = picked(self.rng, self.obligation_rates)
        # A plan of installments must exist to be given up.
        if name == "back_to_one" and not draft.installments:
            name = None
        parts = charged(self.ledger, draft) if name is None else OBLIGATION_CASES[name](self.ledger, draft)
        self.pay(draft, parts, deferred=name == "deferred", faithful=name in BROKEN_OBLIGATION_CASES)
        self.other_obligation_id = draft.obligation_id

    def pay(self, draft: Draft, parts: tuple[Installment, ...], *, deferred: bool, faithful: bool) -> None:
        """Add the payments for these parts by the tenant's habits; a faithful tenant pays in full and on time."""
        anomalies, rng = self.anomalies, self.rng
        habits = {
            "late": anomalies.late_payers,
            "part": anomalies.part_payers,
            "none": anomalies.non_payers,
            "last_day": anomalies.last_day_payers,
        }
        habit = None if faithful else picked(rng, habits)
        gives_up_at = rng.randrange(len(parts)) if habit == "none" and parts else len(parts)
        for number, part in enumerate(parts):
            is_last = number == len(parts) - 1
            if number >= gives_up_at or (deferred and rng.random() < 0.4):
                continue
            if habit == "last_day" and is_last:
                at = self.recording.closes_at - self.recording.between(0, 3 * DAY)
                intent = self.intent(draft, part, part.amount_minor, at)
                last_day(self.script, by(intent, "INSTANT") if rng.random() < 0.6 else intent)
                continue
            days = int(rng.expovariate(1 / 18)) + 1 if habit == "late" else -rng.choice((0, 0, 1, 2, 3))
            at = start_of_day(part.due_date + days, draft.lease.time_zone) + self.recording.between(7 * HOUR, 21 * HOUR)
            amount = part.amount_minor
            if habit == "part" and is_last:
                amount = max(1, amount * rng.randint(3, 9) // 10)
            if not faithful and amount > 1 and rng.random() < anomalies.split_payments:
                first = amount * rng.randint(2, 8) // 10 or 1
                self.add_payment(self.intent(draft, part, first, at - 30 * HOUR), faithful)
                amount -= first
            self.add_payment(self.intent(draft, part, amount, at), faithful)

    def add_payment(self, intent: Intent, faithful: bool) -> None:
        """Add a payment by a case that fits into the time left."""
        name = picked(self.rng, self.payment_rates)
        if faithful or name is None or intent.at > self.recording.closes_at - LONGEST_CASE:
            plain(self.script, intent)
            return
        PAYMENT_CASES[name](self.script, intent)
        if name in UNPAID_PAYMENTS and self.rng.random() < self.anomalies.paid_again:
            self.payments += 1
            again_at = intent.at + self.recording.between(4 * DAY, 16 * DAY)
            again = msgspec.structs.replace(intent, payment_id=f"P-{self.payments:07d}", at=again_at)
            plain(self.script, again)

    def intent(self, draft: Draft, part: Installment, amount: int, at: Micros) -> Intent:
        """Return the tenant's payment for that part; two in three name the installment."""
        rng, lease = self.rng, draft.lease
        self.payments += 1
        method: Method = lease.method if rng.random() < 0.8 else rng.choices(METHODS, METHOD_SHARES)[0]
        return Intent(
            payment_id=f"P-{self.payments:07d}",
            tenant_id=lease.tenant_id,
            property_id=lease.property_id,
            obligation_id=draft.obligation_id,
            installment_id=part.installment_id if rng.random() < 0.67 else None,
            amount_minor=amount,
            currency=lease.currency,
            method=method,
            at=at,
            other_obligation_id=self.other_obligation_id,
        )


def simulate(
    seed: int,
    obligations: int,
    *,
    start: date = DEFAULT_START,
    months: int = 1,
    anomalies: Anomalies | None = None,
) -> Scenario:
    """Simulate `obligations` charges over `months` months from the month of `start`, with payments and breaks.

    The same arguments make the same scenario, byte for byte. About 14 events an obligation. No truth is worked out
    here, so that large scenarios cost only their events.

    Raises:
        ValueError: fewer than one obligation or month.

    """
    if obligations < 1 or months < 1:
        raise ValueError("a scenario has at least one obligation and one month")
    anomalies = anomalies or Anomalies()
    rng = Random(seed)
    closing_day = day_of(first_of_month(start, months - 1) + timedelta(days=RECORDED_DAYS))
    recording = Recording(rng, closes_at=closing_day * DAY + 18 * HOUR)
    month = Month(recording, anomalies)
    leases = [make_lease(rng, number) for number in range(-(-obligations // months))]
    for number in range(obligations):
        lease = leases[number % len(leases)]
        partial = rng.random() < anomalies.partial_months
        month.add_obligation(make_draft(rng, lease, first_of_month(start, number // len(leases)), partial=partial))
    pay_out(recording, lambda: picked(rng, anomalies.payouts))
    deliveries = arrivals(recording, anomalies, recording.facts)
    known = [delivery.fact for delivery in deliveries if delivery.fact is not None]
    decisions = decisions_about(recording, known, lambda: picked(rng, anomalies.decisions))
    deliveries += arrivals(recording, anomalies, [(decision, 0) for decision in decisions])
    deliveries += bad_input(rng, deliveries, round(len(deliveries) * anomalies.bad_input))
    deliveries.sort(key=lambda delivery: delivery.arrives_at)
    return Scenario(
        seed=seed,
        starts_at=day_of(first_of_month(start, 0)) * DAY,
        closes_at=recording.closes_at,
        deliveries=tuple(deliveries),
        injected={name: frozenset(keys) for name, keys in sorted(recording.injected.items())},
        accepted={name: frozenset(keys) for name, keys in sorted(recording.accepted.items())},
        obligations=obligations,
    )
