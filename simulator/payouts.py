"""What the processors pay out, and what the bank books (contract section 11): the plain way, and every case and break.

A payout has the lines that the payments recorded for it. It is reported on the next banking day and arrives on the one
after; the bank's entry names it, has its reference, or just its amount. A case records the facts of one payout; cases
that end in a break note it as injected.
"""

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

import msgspec

from domain.facts import BankEntryBooked, EntryMatched, PayoutOutcome, PayoutReported, ProcessorSettled
from domain.time import DAY, HOUR, MINUTE, Day, Micros
from simulator.banking import banking_day_after, calendar_of, local_day, start_of_day
from simulator.recording import Recording
from simulator.truth_facts import two_parts
from simulator.truth_payouts import line_currency, payouts_of

LONGEST_PAYOUT_CASE = 24
"""Days after the lines within which every case has ended in what it is to end in."""

ACCOUNT_FEES = (0, 0, 0, -250, -900)
"""What of a payout belongs to no payment, most often nothing."""


def account_of_currency(currency: str) -> str:
    """Return the bank account for payouts in a currency."""
    return f"ACCT-{currency}"


class PayoutIntent(msgspec.Struct, frozen=True, gc=False):
    """A payout that a processor sets out to make."""

    processor: str
    payout_id: str
    currency: str
    lines_minor: int
    other_minor: int
    """What belongs to no payment."""
    reported_on: Day
    arrives_on: Day
    reference: str
    """What the bank statement says of it."""
    is_alone: bool
    """No other payout of its account has its amount: it can be matched by that."""

    @property
    def amount_minor(self) -> int:
        """What is paid out."""
        return self.lines_minor + self.other_minor

    @property
    def key(self) -> str:
        """Its key."""
        return two_parts(self.processor, self.payout_id)

    @property
    def account_id(self) -> str:
        """The account that it goes to."""
        return account_of_currency(self.currency)


class PayoutScript:
    """Records the facts of a payout, with defaults for what a case does not specify."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.rng: Random = recording.rng
        self.booked = 0

    def business_hours(self, day: Day, currency: str) -> Micros:
        """Return a moment of that day in business hours of the currency's banks."""
        return start_of_day(day, calendar_of(currency).zone) + self.recording.between(8 * HOUR, 18 * HOUR)

    def report(
        self, intent: PayoutIntent, status: PayoutOutcome = "PAID", days: int = 0, **fields: Any
    ) -> PayoutReported:
        """Record what the processor reports, some days after the usual one."""
        report = PayoutReported(
            event_id=self.recording.event_id(),
            occurred_at=self.business_hours(intent.reported_on + days, intent.currency),
            processor=intent.processor,
            payout_id=intent.payout_id,
            status=status,
            amount_minor=intent.amount_minor,
            other_minor=intent.other_minor,
            currency=intent.currency,
            arrival_date=intent.arrives_on,
            account_id=intent.account_id,
            bank_reference=intent.reference,
        )
        return self.recording.record(msgspec.structs.replace(report, **fields))

    def book(
        self, intent: PayoutIntent, days: int = 0, *, names: bool = False, reference: str | None = None, **fields: Any
    ) -> BankEntryBooked:
        """Record an entry, some days after the arrival date. It names the payout, has a reference, or says nothing."""
        self.booked += 1
        day = intent.arrives_on + days
        entry = BankEntryBooked(
            event_id=self.recording.event_id(),
            occurred_at=start_of_day(day, calendar_of(intent.currency).zone)
            + self.recording.between(19 * HOUR, 22 * HOUR),
            account_id=intent.account_id,
            entry_id=f"N-{self.booked:06d}",
            amount_minor=intent.amount_minor,
            currency=intent.currency,
            booking_date=day,
            processor=intent.processor if names else None,
            payout_id=intent.payout_id if names else None,
            reference=reference,
            text=f"{intent.processor.upper()} PAYOUT" if names or reference else "DEPOSIT",
        )
        return self.recording.record(msgspec.structs.replace(entry, **fields))

    def match(self, entry: BankEntryBooked, intent: PayoutIntent, after: Micros) -> Micros:
        """Record that a person matched an entry to a payout; returns when."""
        at = after + self.recording.between(1 * HOUR, 20 * HOUR)
        self.recording.record(
            EntryMatched(
                event_id=self.recording.event_id(),
                occurred_at=at,
                account_id=entry.account_id,
                entry_id=entry.entry_id,
                processor=intent.processor,
                payout_id=intent.payout_id,
                actor="treasury",
                reason="seen in the processor's portal",
            )
        )
        return at

    def deposit(self, intent: PayoutIntent, days: int = 0, **fields: Any) -> BankEntryBooked:
        """Record an entry in one of the ways in which banks say what it is."""
        dice = self.rng.random()
        if dice < 0.2 and intent.is_alone:
            return self.book(intent, days, **fields)
        if dice < 0.5:
            reference = intent.reference if self.rng.random() < 0.5 else intent.payout_id
            return self.book(intent, days, reference=reference, **fields)
        return self.book(intent, days, names=True, **fields)

    def inject(self, break_class: str, key: str) -> None:
        """Note a break that must be open when the recording closes."""
        self.recording.inject(break_class, key)


PayoutCase = Callable[[PayoutScript, PayoutIntent], None]


def entry_key(entry: BankEntryBooked) -> str:
    """Return the key of an entry."""
    return two_parts(entry.account_id, entry.entry_id)


def plain(script: PayoutScript, intent: PayoutIntent) -> None:
    """It is reported, and booked on its day."""
    script.report(intent)
    script.deposit(intent)


def booked_first(script: PayoutScript, intent: PayoutIntent) -> None:
    """The bank books it a day before the arrival date."""
    script.report(intent)
    script.deposit(intent, -1)


def booked_late(script: PayoutScript, intent: PayoutIntent) -> None:
    """The bank books it days after the arrival date: until then it is missing."""
    script.report(intent)
    script.deposit(intent, 5)


def reported_late(script: PayoutScript, intent: PayoutIntent) -> None:
    """The report comes when the money has long been there."""
    script.report(intent, days=17)
    script.book(intent, names=True)


def booked_in_two(script: PayoutScript, intent: PayoutIntent) -> None:
    """Two entries name it."""
    script.report(intent)
    first = intent.amount_minor // 3 or intent.amount_minor
    script.book(intent, names=True, amount_minor=first)
    if first != intent.amount_minor:
        script.book(intent, names=True, amount_minor=intent.amount_minor - first)


def without_account(script: PayoutScript, intent: PayoutIntent) -> None:
    """Nobody says where it goes, and no entry is waited for."""
    script.report(intent, account_id=None, bank_reference=None)


def account_reported_later(script: PayoutScript, intent: PayoutIntent) -> None:
    """The webhook knows the amount, the report of the next day the account and the reference, too."""
    paid = script.report(intent, account_id=None, bank_reference=None)
    again = {"event_id": script.recording.event_id(), "occurred_at": paid.occurred_at + DAY}
    script.recording.record(
        msgspec.structs.replace(paid, **again, account_id=intent.account_id, bank_reference=intent.reference)
    )
    script.deposit(intent)


def payout_failed(script: PayoutScript, intent: PayoutIntent) -> None:
    """The account refuses it, and nothing is booked."""
    script.report(intent)
    script.report(intent, "FAILED", days=2)


def payout_cancelled(script: PayoutScript, intent: PayoutIntent) -> None:
    """It is cancelled before it goes."""
    script.report(intent, "CANCELLED")


def failed_and_taken_back(script: PayoutScript, intent: PayoutIntent) -> None:
    """It is booked, fails, and the bank takes it back. Both entries name it: one that does ends every other match."""
    script.report(intent)
    script.book(intent, names=True)
    script.report(intent, "FAILED", days=4)
    script.book(intent, 4, names=True, amount_minor=-intent.amount_minor)


def matched_by_a_person(script: PayoutScript, intent: PayoutIntent) -> None:
    """The entry comes too late to be matched by its amount; a person sees what it is, sometimes at the second look."""
    script.report(intent)
    entry = script.book(intent, 8)
    at = entry.occurred_at
    if script.rng.random() < 0.5:
        wrong = msgspec.structs.replace(intent, payout_id=intent.payout_id + "-other")
        at = script.match(entry, wrong, at)
    script.match(entry, intent, at + MINUTE)


def short_pay(script: PayoutScript, intent: PayoutIntent) -> None:
    """The processor pays less than its lines add up to, and the bank books that."""
    less = shorter(script, intent)
    script.report(intent, amount_minor=less)
    script.book(intent, names=True, amount_minor=less)
    script.inject("payout_sum_mismatch", intent.key)


def unreported(script: PayoutScript, intent: PayoutIntent) -> None:
    """The lines name a payout that is never reported."""
    script.inject("payout_unreported", intent.key)


def never_booked(script: PayoutScript, intent: PayoutIntent) -> None:
    """It never reaches the account."""
    script.report(intent)
    script.inject("deposit_missing", intent.key)


def booked_short(script: PayoutScript, intent: PayoutIntent) -> None:
    """The bank books less than was paid out."""
    script.report(intent)
    script.book(intent, names=True, amount_minor=shorter(script, intent))
    script.inject("deposit_amount_mismatch", intent.key)


def failed_and_kept(script: PayoutScript, intent: PayoutIntent) -> None:
    """It is booked and fails, and the money stays."""
    script.report(intent)
    script.deposit(intent)
    script.report(intent, "FAILED", days=4)
    script.inject("deposit_after_failure", intent.key)


def unreadable(script: PayoutScript, intent: PayoutIntent) -> None:
    """The bank takes a fee of its own and says nothing of the payout: nobody can tell what the entry is."""
    script.report(intent)
    entry = script.book(intent, amount_minor=shorter(script, intent), text="MISC CREDIT")
    script.inject("deposit_missing", intent.key)
    script.inject("bank_entry_unexplained", entry_key(entry))


def bank_fee(script: PayoutScript, intent: PayoutIntent) -> None:
    """The bank charges its fee beside the payout: an entry that is none."""
    plain(script, intent)
    fee = -1_000 - script.rng.randint(1, 900)
    entry = script.book(intent, 1, amount_minor=fee, text="ACCOUNT MAINTENANCE FEE")
    script.inject("bank_entry_unexplained", entry_key(entry))


def alike(script: PayoutScript, intent: PayoutIntent) -> None:
    """Two reserves of one amount are released on one day, and the bank names neither."""
    plain(script, intent)
    amount = 60_000 + script.rng.randint(1, 90_000)
    for number in (1, 2):
        release = msgspec.structs.replace(
            intent,
            payout_id=f"{intent.payout_id}-reserve-{number}",
            reference=f"{intent.reference} RESERVE {number}",
            lines_minor=0,
            other_minor=amount,
        )
        script.report(release)
        entry = script.book(release, number - 1)
        script.inject("deposit_missing", release.key)
        script.inject("bank_entry_unexplained", entry_key(entry))


def booked_in_another_currency(script: PayoutScript, intent: PayoutIntent) -> None:
    """The entry that names it is in another currency, and counts nothing."""
    script.report(intent)
    script.book(intent, names=True, currency="USD" if intent.currency == "CAD" else "CAD")
    script.inject("currency_mismatch", intent.key)
    script.inject("deposit_amount_mismatch", intent.key)


def reported_in_two_versions(script: PayoutScript, intent: PayoutIntent) -> None:
    """The report is sent again with another amount: the first one counts."""
    paid = script.report(intent)
    script.deposit(intent)
    again = {"event_id": script.recording.event_id(), "occurred_at": paid.occurred_at + 3 * HOUR}
    script.recording.record(msgspec.structs.replace(paid, **again, amount_minor=shorter(script, intent)))
    script.inject("conflicting_fact", intent.key)


def booked_in_two_versions(script: PayoutScript, intent: PayoutIntent) -> None:
    """The statement of the next day has another booking date for the entry."""
    script.report(intent)
    entry = script.book(intent, names=True)
    again = {"event_id": script.recording.event_id(), "occurred_at": entry.occurred_at + DAY}
    script.recording.record(msgspec.structs.replace(entry, **again, booking_date=entry.booking_date + 1))
    script.inject("conflicting_fact", entry_key(entry))


def shorter(script: PayoutScript, intent: PayoutIntent) -> int:
    """Return another amount than the payout's, not 0."""
    less = intent.amount_minor - script.rng.randint(1, 4_000)
    return less or -1


HARMLESS_PAYOUT_CASES: dict[str, PayoutCase] = {
    "booked_first": booked_first,
    "booked_late": booked_late,
    "reported_late": reported_late,
    "booked_in_two": booked_in_two,
    "without_account": without_account,
    "account_reported_later": account_reported_later,
    "payout_failed": payout_failed,
    "payout_cancelled": payout_cancelled,
    "failed_and_taken_back": failed_and_taken_back,
    "matched_by_a_person": matched_by_a_person,
}
BROKEN_PAYOUT_CASES: dict[str, PayoutCase] = {
    "short_pay": short_pay,
    "unreported": unreported,
    "never_booked": never_booked,
    "booked_short": booked_short,
    "failed_and_kept": failed_and_kept,
    "unreadable": unreadable,
    "bank_fee": bank_fee,
    "alike": alike,
    "booked_in_another_currency": booked_in_another_currency,
    "reported_in_two_versions": reported_in_two_versions,
    "booked_in_two_versions": booked_in_two_versions,
}
PAYOUT_CASES = {**HARMLESS_PAYOUT_CASES, **BROKEN_PAYOUT_CASES}


def intents_of(recording: Recording, settlements: Iterable[ProcessorSettled]) -> list[PayoutIntent]:
    """Return the payouts that have these lines, each with the net amounts that the processor knows."""
    rng = recording.rng
    found: list[PayoutIntent] = []
    for number, payout in enumerate(payouts_of(settlements, (), {}).values()):
        processor, payout_id = payout.name
        currency = line_currency(payout.lines[0])
        day = max(local_day(line.occurred_at, calendar_of(currency).zone) for line in payout.lines)
        lines_minor = sum(line.net_minor or 0 for line in payout.lines if line_currency(line) == currency)
        other_minor = rng.choice(ACCOUNT_FEES)
        reported_on = banking_day_after(day + 1, 0, currency)
        found.append(
            PayoutIntent(
                processor=processor,
                payout_id=payout_id,
                currency=currency,
                lines_minor=lines_minor,
                other_minor=other_minor if lines_minor + other_minor else other_minor - 1_100,
                reported_on=reported_on,
                arrives_on=banking_day_after(reported_on, 1, currency),
                reference=f"{processor.upper()} {number:05d}",
                is_alone=True,
            )
        )
    amounts = [(intent.currency, intent.amount_minor) for intent in found]
    return [
        msgspec.structs.replace(intent, is_alone=amounts.count((intent.currency, intent.amount_minor)) == 1)
        for intent in found
    ]


def pay_out(recording: Recording, case: Callable[[], str | None]) -> None:
    """Record the payouts of everything that is recorded; `case` returns the name of a case, or None for most."""
    settlements = [fact for fact, _ in recording.facts if isinstance(fact, ProcessorSettled) and fact.payout_id]
    script = PayoutScript(recording)
    closing_day = recording.closes_at // DAY
    for intent in intents_of(recording, settlements):
        name = case()
        if name is None or intent.reported_on > closing_day - LONGEST_PAYOUT_CASE:
            plain(script, intent)
        else:
            PAYOUT_CASES[name](script, intent)
