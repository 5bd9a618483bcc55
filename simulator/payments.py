"""The cases of payments: the plain one, and every return and break of contract sections 4 and 7.

A case records the facts of one payment. Cases that end in a break note it as injected.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.facts import Method, Outcome, PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from domain.time import DAY, HOUR, MINUTE, SECOND, Micros
from simulator.banking import banking_day_after, calendar_of, local_day, start_of_day
from simulator.leases import PROCESSORS, payout_of
from simulator.recording import Recording

ACH_RETURNS = ("R01", "R02", "R03", "R08", "R09", "R10", "R16", "R29")
"""NACHA's return reasons: insufficient funds, closed, no account, stopped, uncollected, unauthorized, frozen, …"""
CARD_DECLINES = ("05", "51", "54", "61")
CARD_DISPUTES = ("10.4", "13.1", "4837", "4853")
FOREIGN = {"USD": "CAD", "BRL": "USD", "GBP": "EUR", "EUR": "GBP", "JPY": "USD"}
BANKING_DAYS_TO_SETTLE: dict[Method, tuple[int, int]] = {
    "ACH_DEBIT": (2, 4),
    "CARD": (1, 2),
    "CHECK": (3, 8),
    "CASH": (1, 1),
}


class Intent(msgspec.Struct, frozen=True, gc=False):
    """What a tenant sets out to pay."""

    payment_id: str
    tenant_id: str
    property_id: str
    obligation_id: str
    installment_id: str | None
    amount_minor: int
    currency: str
    method: Method
    at: Micros
    other_obligation_id: str
    """Another tenant's obligation, for postings that go astray."""


def by(intent: Intent, method: Method) -> Intent:
    """Return the same intent by another method."""
    return msgspec.structs.replace(intent, method=method)


class PaymentScript:
    """Records a payment's facts, with defaults for what a case does not specify."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording
        self.rng = recording.rng

    def initiate(self, intent: Intent, arrives_later: Micros = 0, **fields: Any) -> PaymentInitiated:
        """Record that the tenant set the payment going; `fields` are those of the record that are not as usual."""
        initiated = PaymentInitiated(
            event_id=self.recording.event_id(),
            occurred_at=intent.at,
            payment_id=intent.payment_id,
            tenant_id=intent.tenant_id,
            property_id=intent.property_id,
            obligation_id=intent.obligation_id,
            installment_id=intent.installment_id,
            amount_minor=intent.amount_minor,
            currency=intent.currency,
            method=intent.method,
            processor=PROCESSORS[intent.method],
            processor_reference=f"{intent.payment_id}-1" if intent.method == "CARD" else None,
        )
        return self.recording.record(msgspec.structs.replace(initiated, **fields), arrives_later)

    def bank_time(self, after: Micros, banking_days: int, currency: str) -> Micros:
        """Return a moment in business hours `banking_days` banking days of the currency later."""
        zone = calendar_of(currency).zone
        day = banking_day_after(local_day(after, zone), banking_days, currency)
        return start_of_day(day, zone) + self.recording.between(9 * HOUR, 17 * HOUR)

    def settles_at(self, intent: Intent) -> Micros:
        """Return when the processor reports an outcome: in time for the method."""
        if intent.method == "INSTANT":
            return intent.at + self.recording.between(3 * SECOND, 20 * MINUTE)
        return self.bank_time(intent.at, self.rng.randint(*BANKING_DAYS_TO_SETTLE[intent.method]), intent.currency)

    def outcome(
        self,
        intent: Intent,
        outcome: Outcome,
        at: Micros,
        *,
        gross: int | None = None,
        attempt: int = 1,
        currency: str | None = None,
        reason: str | None = None,
        net_off: int = 0,
        **fields: Any,
    ) -> ProcessorSettled:
        """Record an outcome of an attempt.

        `net_off` is the error of the net amount, `fields` are those of the record that are not as usual.
        """
        amount = intent.amount_minor if gross is None else gross
        fee = fee_of(intent.method, amount) if outcome == "SETTLED" else 0
        sign = 1 if outcome == "SETTLED" or outcome.endswith("_REVERSED") else -1
        settled = outcome == "SETTLED"
        day = local_day(at, calendar_of(intent.currency).zone)
        record = ProcessorSettled(
            event_id=self.recording.event_id(),
            occurred_at=at,
            payment_id=intent.payment_id,
            processor=PROCESSORS[intent.method],
            processor_reference=f"{intent.payment_id}-{attempt}",
            outcome=outcome,
            gross_minor=amount,
            fee_minor=fee,
            net_minor=0 if outcome == "FAILED" else sign * (amount - fee) + net_off,
            currency=currency or intent.currency,
            reason_code=reason,
            payout_id=None,
            value_date=day if settled else None,
        )
        record = msgspec.structs.replace(record, **fields) if fields else record
        if outcome != "FAILED" and "payout_id" not in fields:
            line_currency = record.settlement_currency or record.currency
            record = msgspec.structs.replace(record, payout_id=payout_of(record.processor, line_currency, day))
        return self.recording.record(record)

    def settle(self, intent: Intent, gross: int | None = None) -> Micros:
        """Record that the payment settled in time; returns when."""
        at = self.settles_at(intent)
        self.outcome(intent, "SETTLED", at, gross=gross)
        return at

    def post(
        self,
        intent: Intent,
        after: Micros,
        *,
        number: int = 1,
        amount: int | None = None,
        obligation_id: str | None = None,
        currency: str | None = None,
        arrives_later: Micros = 0,
        event_id: str | None = None,
    ) -> PaymentPosted:
        """Record that the ledger posted the payment, minutes or hours after that instant."""
        return self.recording.record(
            PaymentPosted(
                event_id=event_id or self.recording.event_id(),
                occurred_at=after + self.recording.between(2 * MINUTE, 5 * HOUR),
                obligation_id=obligation_id or intent.obligation_id,
                posting_id=f"PST-{intent.payment_id}-{number}",
                payment_id=intent.payment_id,
                installment_id=intent.installment_id,
                amount_minor=intent.amount_minor if amount is None else amount,
                currency=currency or intent.currency,
            ),
            arrives_later,
        )

    def reverse(
        self,
        posting: PaymentPosted,
        after: Micros,
        amount: int | None = None,
        posting_id: str | None = None,
        number: int = 1,
    ) -> PostingReversed:
        """Record that the ledger took the posting back, wholly or in part; `number` tells several reversals apart."""
        return self.recording.record(
            PostingReversed(
                event_id=self.recording.event_id(),
                occurred_at=max(after, posting.occurred_at) + self.recording.between(2 * MINUTE, 5 * HOUR),
                obligation_id=posting.obligation_id,
                reversal_id=f"RV-{posting_id or posting.posting_id}" + (f"-{number}" if number > 1 else ""),
                posting_id=posting_id or posting.posting_id,
                payment_id=posting.payment_id,
                amount_minor=posting.amount_minor if amount is None else amount,
                currency=posting.currency,
                reason="money came back",
            )
        )

    def settle_and_post(self, intent: Intent) -> tuple[Micros, PaymentPosted]:
        """Record the plain case up to the posting; return the instant of settlement, and the posting."""
        self.initiate(intent)
        at = self.settle(intent)
        return at, self.post(intent, at)

    def comes_back(
        self, intent: Intent, outcome: Outcome, settled_at: Micros, gross: int | None = None, **fields: Any
    ) -> Micros:
        """Record that money left again after it had settled; returns when."""
        reason = None
        if outcome == "RETURNED":
            at = self.bank_time(settled_at, self.rng.randint(1, 2), intent.currency)
            reason = self.rng.choice(ACH_RETURNS)
        elif outcome == "FAILED":
            at = self.bank_time(settled_at, 1, intent.currency)
            reason = "R17" if intent.method == "ACH_DEBIT" else "05"
        else:
            at = settled_at + self.recording.between(6 * HOUR, 12 * DAY)
            reason = self.rng.choice(CARD_DISPUTES) if outcome == "CHARGEBACK" else "requested by tenant"
        self.outcome(intent, outcome, at, gross=gross, reason=reason, **fields)
        return at

    def wrong_amount(self, amount: int) -> int:
        """Return an amount that is off by a little, above 0."""
        off = self.rng.randint(1, max(1, amount // 10))
        return amount + off if self.rng.random() < 0.5 or amount <= off else amount - off


def fee_of(method: Method, amount_minor: int) -> int:
    """Return the processor's fee."""
    match method:
        case "CARD":
            return amount_minor * 29 // 1000 + 30
        case "ACH_DEBIT":
            return min(500, amount_minor * 8 // 1000)
        case "INSTANT":
            return 45
        case "CHECK":
            return 100
        case "CASH":
            return 150


PaymentCase = Callable[[PaymentScript, Intent], None]


def plain(script: PaymentScript, intent: Intent) -> None:
    """A payment should go: set up, collected, posted."""
    script.settle_and_post(intent)


def last_day(script: PaymentScript, intent: Intent) -> None:
    """A payment is posted a good part of a day after it settled, within the posting deadline."""
    script.initiate(intent)
    at = script.settle(intent)
    script.post(intent, at + script.recording.between(1 * HOUR, 18 * HOUR))


def retried(script: PaymentScript, intent: Intent) -> None:
    """A first attempt failed, the second brought the money."""
    script.initiate(intent)
    at = script.settles_at(intent)
    script.outcome(intent, "FAILED", intent.at + MINUTE, gross=0, reason=script.rng.choice(CARD_DECLINES))
    script.outcome(intent, "SETTLED", at + HOUR, attempt=2)
    script.post(intent, at + HOUR)


def retried_same_reference(script: PaymentScript, intent: Intent) -> None:
    """FAILED comes before SETTLED of one reference: the retry succeeded."""
    script.initiate(intent)
    script.outcome(intent, "FAILED", intent.at + SECOND, gross=0, reason="05")
    script.post(intent, script.settle(intent))


def failed(script: PaymentScript, intent: Intent) -> None:
    """The only attempt failed."""
    script.initiate(intent)
    reason = script.rng.choice(ACH_RETURNS if intent.method == "ACH_DEBIT" else CARD_DECLINES)
    script.outcome(intent, "FAILED", script.settles_at(intent), gross=0, reason=reason)


def taken_back(outcome: Outcome, method: Method) -> PaymentCase:
    """Return the case of a payment that is settled, posted, returned and reversed in the ledger."""

    def case(script: PaymentScript, intent: Intent) -> None:
        intent = by(intent, method)
        at, posting = script.settle_and_post(intent)
        script.reverse(posting, script.comes_back(intent, outcome, at))

    return case


def returned_unsettled(script: PaymentScript, intent: Intent) -> None:
    """A debit is returned whose settlement was never reported."""
    intent = by(intent, "ACH_DEBIT")
    script.initiate(intent)
    script.outcome(intent, "RETURNED", script.settles_at(intent), reason=script.rng.choice(ACH_RETURNS))


def refunded_partly(script: PaymentScript, intent: Intent) -> None:
    """A part went back to the tenant, and the ledger followed."""
    at, posting = script.settle_and_post(intent)
    part = max(1, intent.amount_minor // 3)
    script.reverse(posting, script.comes_back(intent, "REFUNDED", at, gross=part), amount=part)


def chargeback_won(script: PaymentScript, intent: Intent) -> None:
    """A dispute was lost at first and won at last; the ledger followed both times."""
    intent = by(intent, "CARD")
    at, posting = script.settle_and_post(intent)
    disputed = script.comes_back(intent, "CHARGEBACK", at)
    reversal = script.reverse(posting, disputed)
    won = reversal.occurred_at + script.recording.between(1 * DAY, 6 * DAY)
    script.outcome(intent, "CHARGEBACK_REVERSED", won)
    script.post(intent, won, number=2)


def posted_anew(script: PaymentScript, intent: Intent) -> None:
    """The ledger took its posting back and posted again."""
    at, posting = script.settle_and_post(intent)
    reversal = script.reverse(posting, at)
    script.post(intent, reversal.occurred_at, number=2)


def reversal_before_posting(script: PaymentScript, intent: Intent) -> None:
    """The reversal of a posting arrives days before the posting itself."""
    script.initiate(intent)
    at = script.settle(intent)
    late = script.recording.between(6 * HOUR, 3 * DAY)
    posting = script.post(intent, at, arrives_later=late)
    reversal = script.reverse(posting, at)
    script.post(intent, reversal.occurred_at, number=2)


def foreign_posting_forgotten(script: PaymentScript, intent: Intent) -> None:
    """The ledger posted in the wrong currency, took that back and posted right."""
    script.initiate(intent)
    at = script.settle(intent)
    wrong = script.post(intent, at, currency=FOREIGN[intent.currency])
    script.reverse(wrong, at)
    script.post(intent, at + HOUR, number=2)


def initiation_late(script: PaymentScript, intent: Intent) -> None:
    """Settlement and posting are reported long before the initiation arrives."""
    script.initiate(intent, arrives_later=script.recording.between(5 * DAY, 12 * DAY))
    script.post(intent, script.settle(intent))


HARMLESS_PAYMENTS: dict[str, PaymentCase] = {
    "retried": retried,
    "retried_same_reference": retried_same_reference,
    "failed": failed,
    "returned": taken_back("RETURNED", "ACH_DEBIT"),
    "returned_unsettled": returned_unsettled,
    "refunded": taken_back("REFUNDED", "CARD"),
    "charged_back": taken_back("CHARGEBACK", "CARD"),
    "failed_after_settled": taken_back("FAILED", "ACH_DEBIT"),
    "refunded_partly": refunded_partly,
    "chargeback_won": chargeback_won,
    "posted_anew": posted_anew,
    "reversal_before_posting": reversal_before_posting,
    "foreign_posting_forgotten": foreign_posting_forgotten,
    "initiation_late": initiation_late,
}
"""Cases that end without a break: the ledger follows every return."""

UNPAID_PAYMENTS = frozenset(
    ("failed", "returned", "returned_unsettled", "refunded", "charged_back", "failed_after_settled")
)
"""Cases after which the tenant still owes the rent; many pay again."""
