"""The payments that end in a break, each noted as injected under its class (contract section 7)."""

import msgspec

from domain.facts import InputFact, PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from domain.time import DAY, HOUR, MINUTE, SECOND, Micros
from simulator.payments import FOREIGN, Intent, Tale, Teller, by


def posting_without_settlement(teller: Teller, intent: Intent) -> None:
    """Tell how a payment is posted on trust; the processor never says a word."""
    teller.initiate(intent)
    teller.post(intent, intent.at)
    teller.recording.inject("posting_without_settlement", intent.payment_id)


def duplicate_settlement(teller: Teller, intent: Intent) -> None:
    """Tell how two attempts both brought the money."""
    at, _ = teller.settle_and_post(intent)
    teller.outcome(intent, "SETTLED", at + 10 * MINUTE, attempt=2)
    teller.recording.inject("duplicate_settlement", intent.payment_id)


def over_reversed(teller: Teller, intent: Intent) -> None:
    """Tell how money is refunded and charged back: it leaves twice."""
    intent = by(intent, "CARD")
    at, posting = teller.settle_and_post(intent)
    refunded = teller.comes_back(intent, "REFUNDED", at)
    teller.comes_back(intent, "CHARGEBACK", at)
    teller.reverse(posting, refunded)
    teller.recording.inject("over_reversed", intent.payment_id)


def settlement_amount_mismatch(teller: Teller, intent: Intent) -> None:
    """Tell how the processor collected another amount, and the ledger posted what was collected."""
    teller.initiate(intent)
    amount = teller.wrong_amount(intent.amount_minor)
    teller.post(intent, teller.settle(intent, gross=amount), amount=amount)
    teller.recording.inject("settlement_amount_mismatch", intent.payment_id)


def settlement_missing(teller: Teller, intent: Intent) -> None:
    """Tell how a payment is set up and never heard of again."""
    teller.initiate(intent)
    teller.recording.inject("settlement_missing", intent.payment_id)


def reversed_after_posting(teller: Teller, intent: Intent) -> None:
    """Tell how the money left or never came, and the ledger still shows it."""
    teller.recording.inject("reversed_after_posting", intent.payment_id)
    variant = teller.rng.randrange(5)
    if variant == 0:
        teller.initiate(intent)
        teller.post(intent, intent.at)
        teller.outcome(intent, "FAILED", teller.settles_at(intent), gross=0, reason="R01")
        return
    intent = by(intent, "CARD" if variant == 1 else "ACH_DEBIT")
    at, _ = teller.settle_and_post(intent)
    match variant:
        case 1:
            teller.comes_back(intent, "CHARGEBACK", at)
        case 2:
            teller.comes_back(intent, "RETURNED", at)
        case 3:
            teller.comes_back(intent, "REFUNDED", at)
        case _:
            teller.comes_back(intent, "FAILED", at)


def duplicate_posting(teller: Teller, intent: Intent) -> None:
    """Tell how the ledger posted the same money twice."""
    at, _ = teller.settle_and_post(intent)
    teller.post(intent, at, number=2)
    teller.recording.inject("duplicate_posting", intent.payment_id)


def posting_amount_mismatch(teller: Teller, intent: Intent) -> None:
    """Tell how the ledger posted another amount than was collected."""
    teller.initiate(intent)
    teller.post(intent, teller.settle(intent), amount=teller.wrong_amount(intent.amount_minor))
    teller.recording.inject("posting_amount_mismatch", intent.payment_id)


def posting_missing(teller: Teller, intent: Intent) -> None:
    """Tell how money is collected and the ledger does not know."""
    teller.initiate(intent)
    teller.settle(intent)
    teller.recording.inject("posting_missing", intent.payment_id)


def currency_mismatch(teller: Teller, intent: Intent) -> None:
    """Tell how one leg came in another currency."""
    teller.initiate(intent)
    foreign = FOREIGN[intent.currency]
    at = teller.settles_at(intent)
    if teller.rng.random() < 0.5:
        teller.outcome(intent, "SETTLED", at, currency=foreign)
        teller.post(intent, at)
    else:
        teller.outcome(intent, "SETTLED", at)
        teller.post(intent, at, currency=foreign)
    teller.recording.inject("currency_mismatch", intent.payment_id)


def unkeyed_movement(teller: Teller, intent: Intent) -> None:
    """Tell how money moves for a payment that nobody set up."""
    if teller.rng.random() < 0.3:
        teller.post(intent, intent.at)
    else:
        teller.post(intent, teller.settle(intent))
    teller.recording.inject("unkeyed_movement", intent.payment_id)


def obligation_mismatch(teller: Teller, intent: Intent) -> None:
    """Tell how the ledger posted the money, or half of it, to somebody else's rent."""
    teller.initiate(intent)
    at = teller.settle(intent)
    astray = intent.amount_minor if teller.rng.random() < 0.6 else max(1, intent.amount_minor // 2)
    teller.post(intent, at, amount=astray, obligation_id=intent.other_obligation_id)
    if astray < intent.amount_minor:
        teller.post(intent, at, amount=intent.amount_minor - astray, number=2)
    teller.recording.inject("obligation_mismatch", intent.payment_id)


def fee_variance(teller: Teller, intent: Intent) -> None:
    """Tell how the processor's net is not its gross less its fee."""
    teller.initiate(intent)
    at = teller.settles_at(intent)
    teller.outcome(intent, "SETTLED", at, net_off=teller.rng.choice((-1, 1)) * teller.rng.randint(1, 200))
    teller.post(intent, at)
    teller.recording.inject("fee_variance", intent.payment_id)


def conflicting_payment_fact(teller: Teller, intent: Intent) -> None:
    """Tell how one record comes twice with different money or routing."""
    initiated = teller.initiate(intent)
    at = teller.settles_at(intent)
    settled = teller.outcome(intent, "SETTLED", at)
    posted = teller.post(intent, at)
    choices: list[InputFact] = [initiated, settled, posted]
    if teller.rng.random() < 0.3:
        reversal = teller.reverse(posted, at)
        teller.post(intent, reversal.occurred_at, number=2)
        choices.append(reversal)
    contradict(teller, teller.rng.choice(choices))
    teller.recording.inject("conflicting_fact", intent.payment_id)


def contradict(teller: Teller, fact: InputFact) -> None:
    """Tell a payment's record again with other money or other routing, later or (so that it holds) earlier."""
    changes: dict[str, int | str]
    routing = teller.rng.random() < 0.3
    match fact:
        case PaymentInitiated():
            changes = {"tenant_id": fact.tenant_id + "0"} if routing else {"amount_minor": fact.amount_minor + 100}
        case ProcessorSettled():
            changes = {"gross_minor": fact.gross_minor + 100, "net_minor": fact.net_minor + 100}
        case PaymentPosted() if routing:
            changes = {"installment_id": f"{fact.obligation_id}/other"}
        case PaymentPosted() | PostingReversed():
            changes = {"amount_minor": fact.amount_minor + 100}
        case _:
            raise TypeError(f"no payment's record: {fact}")
    away: Micros = teller.recording.between(1 * SECOND, 20 * SECOND)
    at = fact.occurred_at + (away if teller.rng.random() < 0.7 else -away)
    teller.recording.tell(
        msgspec.structs.replace(fact, event_id=teller.recording.event_id(), occurred_at=at, **changes)
    )


def event_id_reused(teller: Teller, intent: Intent) -> None:
    """Tell how the settlement and the posting carry one event id."""
    teller.initiate(intent)
    at = teller.settles_at(intent)
    settled = teller.outcome(intent, "SETTLED", at)
    teller.post(intent, at, event_id=settled.event_id)
    teller.recording.inject("conflicting_fact", intent.payment_id)


def obligation_unknown(teller: Teller, intent: Intent) -> None:
    """Tell how the payment names an obligation that was never charged."""
    nowhere = intent.obligation_id.replace("O-", "O-none-")
    teller.settle_and_post(msgspec.structs.replace(intent, obligation_id=nowhere, installment_id=None))
    teller.recording.inject("obligation_unknown", nowhere)


def installment_unknown(teller: Teller, intent: Intent) -> None:
    """Tell how the payment names an installment that no version of the plan ever had."""
    teller.settle_and_post(msgspec.structs.replace(intent, installment_id=f"{intent.obligation_id}/none"))
    teller.recording.inject("installment_unknown", intent.obligation_id)


def payment_in_foreign_currency(teller: Teller, intent: Intent) -> None:
    """Tell how the whole payment is in another currency than the rent."""
    teller.settle_and_post(msgspec.structs.replace(intent, currency=FOREIGN[intent.currency]))
    teller.recording.inject("currency_mismatch", intent.obligation_id)


def several_at_once(teller: Teller, intent: Intent) -> None:
    """Tell how three subjects are open together: collected short, with a wrong net, posted twice."""
    teller.initiate(intent)
    at = teller.settles_at(intent)
    short = max(1, intent.amount_minor - intent.amount_minor // 4)
    teller.outcome(intent, "SETTLED", at, gross=short, net_off=7)
    teller.post(intent, at, amount=short)
    teller.post(intent, at + HOUR, amount=short, number=2)
    for break_class in ("settlement_amount_mismatch", "duplicate_posting", "fee_variance"):
        # An installment of one minor unit cannot be collected short.
        if break_class != "settlement_amount_mismatch" or short < intent.amount_minor:
            teller.recording.inject(break_class, intent.payment_id)


BROKEN_TALES: dict[str, Tale] = {
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
LONGEST_TALE = 40 * DAY
"""From the initiation of a payment to the last deadline of any tale: none starts later than this before the close."""
