"""The payments that end in a break, each noted as injected under its class (contract section 7)."""

from typing import assert_never

import msgspec

from domain.facts import Outcome, PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from domain.time import DAY, HOUR, MINUTE, SECOND, Micros
from simulator.payments import FOREIGN, Intent, PaymentCase, PaymentScript, by


def posting_without_settlement(script: PaymentScript, intent: Intent) -> None:
    """A payment is posted before its outcome is known, and the processor never reports one."""
    script.initiate(intent)
    script.post(intent, intent.at)
    script.recording.inject("posting_without_settlement", intent.payment_id)


def duplicate_settlement(script: PaymentScript, intent: Intent) -> None:
    """Two attempts are both settled."""
    at, _ = script.settle_and_post(intent)
    script.outcome(intent, "SETTLED", at + 10 * MINUTE, attempt=2)
    script.recording.inject("duplicate_settlement", intent.payment_id)


def over_reversed(script: PaymentScript, intent: Intent) -> None:
    """Money is refunded and charged back."""
    intent = by(intent, "CARD")
    at, posting = script.settle_and_post(intent)
    refunded = script.comes_back(intent, "REFUNDED", at)
    script.comes_back(intent, "CHARGEBACK", at)
    script.reverse(posting, refunded)
    script.recording.inject("over_reversed", intent.payment_id)


def settlement_amount_mismatch(script: PaymentScript, intent: Intent) -> None:
    """The processor settles another amount, and the ledger posts the settled amount."""
    script.initiate(intent)
    amount = script.wrong_amount(intent.amount_minor)
    script.post(intent, script.settle(intent, gross=amount), amount=amount)
    script.recording.inject("settlement_amount_mismatch", intent.payment_id)


def settlement_missing(script: PaymentScript, intent: Intent) -> None:
    """A payment is initiated, and nothing else is reported."""
    script.initiate(intent)
    script.recording.inject("settlement_missing", intent.payment_id)


def reversed_after_posting(script: PaymentScript, intent: Intent) -> None:
    """The payment failed or the money was returned, and the posting stays."""
    script.recording.inject("reversed_after_posting", intent.payment_id)
    variant = script.rng.randrange(5)
    if variant == 0:
        script.initiate(intent)
        script.post(intent, intent.at)
        script.outcome(intent, "FAILED", script.settles_at(intent), gross=0, reason="R01")
        return
    intent = by(intent, "CARD" if variant == 1 else "ACH_DEBIT")
    at, _ = script.settle_and_post(intent)
    outcomes: tuple[Outcome, ...] = ("CHARGEBACK", "RETURNED", "REFUNDED", "FAILED")
    script.comes_back(intent, outcomes[variant - 1], at)


def duplicate_posting(script: PaymentScript, intent: Intent) -> None:
    """The ledger posts the payment twice."""
    at, _ = script.settle_and_post(intent)
    script.post(intent, at, number=2)
    script.recording.inject("duplicate_posting", intent.payment_id)


def posting_amount_mismatch(script: PaymentScript, intent: Intent) -> None:
    """The ledger posts another amount than was settled."""
    script.initiate(intent)
    script.post(intent, script.settle(intent), amount=script.wrong_amount(intent.amount_minor))
    script.recording.inject("posting_amount_mismatch", intent.payment_id)


def posting_missing(script: PaymentScript, intent: Intent) -> None:
    """The payment is settled and never posted."""
    script.initiate(intent)
    script.settle(intent)
    script.recording.inject("posting_missing", intent.payment_id)


def currency_mismatch(script: PaymentScript, intent: Intent) -> None:
    """The settlement or the posting is in another currency."""
    script.initiate(intent)
    foreign = FOREIGN[intent.currency]
    at = script.settles_at(intent)
    if script.rng.random() < 0.5:
        script.outcome(intent, "SETTLED", at, currency=foreign)
        script.post(intent, at)
    else:
        script.outcome(intent, "SETTLED", at)
        script.post(intent, at, currency=foreign)
    script.recording.inject("currency_mismatch", intent.payment_id)


def unkeyed_movement(script: PaymentScript, intent: Intent) -> None:
    """Money moves for a payment that was never initiated."""
    if script.rng.random() < 0.3:
        script.post(intent, intent.at)
    else:
        script.post(intent, script.settle(intent))
    script.recording.inject("unkeyed_movement", intent.payment_id)


def obligation_mismatch(script: PaymentScript, intent: Intent) -> None:
    """The ledger posts the money, or half of it, to another tenant's obligation."""
    script.initiate(intent)
    at = script.settle(intent)
    astray = intent.amount_minor if script.rng.random() < 0.6 else max(1, intent.amount_minor // 2)
    script.post(intent, at, amount=astray, obligation_id=intent.other_obligation_id)
    if astray < intent.amount_minor:
        script.post(intent, at, amount=intent.amount_minor - astray, number=2)
    script.recording.inject("obligation_mismatch", intent.payment_id)


def fee_variance(script: PaymentScript, intent: Intent) -> None:
    """The processor's net is not its gross less its fee."""
    script.initiate(intent)
    at = script.settles_at(intent)
    script.outcome(intent, "SETTLED", at, net_off=script.rng.choice((-1, 1)) * script.rng.randint(1, 200))
    script.post(intent, at)
    script.recording.inject("fee_variance", intent.payment_id)


def conflicting_payment_fact(script: PaymentScript, intent: Intent) -> None:
    """One record is reported twice with different money or routing."""
    initiated = script.initiate(intent)
    at = script.settles_at(intent)
    settled = script.outcome(intent, "SETTLED", at)
    posted = script.post(intent, at)
    choices: list[PaymentInitiated | ProcessorSettled | PaymentPosted | PostingReversed] = [initiated, settled, posted]
    if script.rng.random() < 0.3:
        reversal = script.reverse(posted, at)
        script.post(intent, reversal.occurred_at, number=2)
        choices.append(reversal)
    contradict(script, script.rng.choice(choices))
    script.recording.inject("conflicting_fact", intent.payment_id)


def contradict(
    script: PaymentScript, fact: PaymentInitiated | ProcessorSettled | PaymentPosted | PostingReversed
) -> None:
    """Record a payment's fact again with other money or routing, later or (so that the repetition wins) earlier."""
    changes: dict[str, int | str]
    routing = script.rng.random() < 0.3
    match fact:
        case PaymentInitiated():
            changes = {"tenant_id": fact.tenant_id + "0"} if routing else {"amount_minor": fact.amount_minor + 100}
        case ProcessorSettled():
            changes = {"gross_minor": fact.gross_minor + 100, "net_minor": (fact.net_minor or 0) + 100}
        case PaymentPosted() if routing and fact.installment_id is not None:
            # A null would contradict nothing.
            changes = {"installment_id": f"{fact.obligation_id}/other"}
        case PaymentPosted() | PostingReversed():
            changes = {"amount_minor": fact.amount_minor + 100}
        case _:
            assert_never(fact)
    away: Micros = script.recording.between(1 * SECOND, 20 * SECOND)
    at = fact.occurred_at + (away if script.rng.random() < 0.7 else -away)
    script.recording.record(
        msgspec.structs.replace(fact, event_id=script.recording.event_id(), occurred_at=at, **changes)
    )


def event_id_reused(script: PaymentScript, intent: Intent) -> None:
    """The settlement and the posting carry one event id."""
    script.initiate(intent)
    at = script.settles_at(intent)
    settled = script.outcome(intent, "SETTLED", at)
    script.post(intent, at, event_id=settled.event_id)
    script.recording.inject("conflicting_fact", intent.payment_id)


def obligation_unknown(script: PaymentScript, intent: Intent) -> None:
    """The payment names an obligation that was never charged."""
    nowhere = intent.obligation_id.replace("O-", "O-none-")
    script.settle_and_post(msgspec.structs.replace(intent, obligation_id=nowhere, installment_id=None))
    script.recording.inject("obligation_unknown", nowhere)


def installment_unknown(script: PaymentScript, intent: Intent) -> None:
    """The payment names an installment that no version of the plan ever had."""
    script.settle_and_post(msgspec.structs.replace(intent, installment_id=f"{intent.obligation_id}/none"))
    script.recording.inject("installment_unknown", intent.obligation_id)


def payment_in_foreign_currency(script: PaymentScript, intent: Intent) -> None:
    """The whole payment is in another currency than the obligation."""
    script.settle_and_post(msgspec.structs.replace(intent, currency=FOREIGN[intent.currency]))
    script.recording.inject("currency_mismatch", intent.obligation_id)


def several_at_once(script: PaymentScript, intent: Intent) -> None:
    """Three breaks at once: settled short, with a wrong net, posted twice."""
    script.initiate(intent)
    at = script.settles_at(intent)
    short = max(1, intent.amount_minor - intent.amount_minor // 4)
    script.outcome(intent, "SETTLED", at, gross=short, net_off=7)
    script.post(intent, at, amount=short)
    script.post(intent, at + HOUR, amount=short, number=2)
    for break_class in ("settlement_amount_mismatch", "duplicate_posting", "fee_variance"):
        # An installment of one minor unit cannot be collected short.
        if break_class != "settlement_amount_mismatch" or short < intent.amount_minor:
            script.recording.inject(break_class, intent.payment_id)


BROKEN_PAYMENTS: dict[str, PaymentCase] = {
    "posting_without_settlement": posting_without_settlement,
    "duplicate_settlement": duplicate_settlement,
    "over_reversed": over_reversed,
    "settlement_amount_mismatch": settlement_amount_mismatch,
    "settlement_missing": settlement_missing,
    "reversed_after_posting": reversed_after_posting,
    "duplicate_posting": duplicate_posting,
    "posting_amount_mismatch": posting_amount_mismatch,
    "posting_missing": posting_missing,
    "currency_mismatch": currency_mismatch,
    "unkeyed_movement": unkeyed_movement,
    "obligation_mismatch": obligation_mismatch,
    "fee_variance": fee_variance,
    "conflicting_payment_fact": conflicting_payment_fact,
    "event_id_reused": event_id_reused,
    "obligation_unknown": obligation_unknown,
    "installment_unknown": installment_unknown,
    "payment_in_foreign_currency": payment_in_foreign_currency,
    "several_at_once": several_at_once,
}
LONGEST_CASE = 40 * DAY
"""From a payment's initiation to the last deadline of any case: no case starts later than this before the close."""
