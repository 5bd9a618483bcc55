"""Payments whose money comes and goes more than once on one reference, or is told in parts (contract sections 3, 4)."""

from typing import Any

import msgspec

from domain.facts import Allocation, Outcome
from domain.time import DAY, HOUR, MINUTE, SECOND
from simulator.banking import calendar_of, local_day
from simulator.leases import payout_of
from simulator.payments import FOREIGN, Intent, PaymentCase, PaymentScript, by, plain

SMALLEST = 100
"""Minor units, below which no part of a payment is worth a case of its own."""


def own_reference(intent: Intent, suffix: str) -> dict[str, Any]:
    """Return the references of a record that has one of its own and names that of the first attempt."""
    return {
        "processor_reference": f"{intent.payment_id}-{suffix}",
        "original_reference": f"{intent.payment_id}-1",
    }


def settled_again(script: PaymentScript, intent: Intent) -> None:
    """A debit is returned and presented once more on the same reference: movement ids tell them apart."""
    intent = by(intent, "ACH_DEBIT")
    script.initiate(intent)
    at = script.settles_at(intent)
    script.outcome(intent, "SETTLED", at, movement_id="1")
    posting = script.post(intent, at)
    back = script.comes_back(intent, "RETURNED", at, movement_id="2")
    script.reverse(posting, back)
    again = script.bank_time(back, 3, intent.currency)
    script.outcome(intent, "SETTLED", again, movement_id="3")
    script.post(intent, again, number=2)


def refunded_twice(script: PaymentScript, intent: Intent) -> None:
    """Two parts go back to the tenant on one reference, and the ledger follows both times."""
    if intent.amount_minor < SMALLEST:
        plain(script, intent)
        return
    intent = by(intent, "CARD")
    at, posting = script.settle_and_post(intent)
    part = intent.amount_minor // 5
    for number in (1, 2):
        at = script.comes_back(intent, "REFUNDED", at, gross=part, movement_id=f"refund-{number}")
        script.reverse(posting, at, amount=part, number=number)


def return_dishonoured(script: PaymentScript, intent: Intent) -> None:
    """A return was wrong and is taken back; the ledger follows both times."""
    intent = by(intent, "ACH_DEBIT")
    at, posting = script.settle_and_post(intent)
    back = script.comes_back(intent, "RETURNED", at)
    script.reverse(posting, back)
    again = script.bank_time(back, script.rng.randint(2, 4), intent.currency)
    script.outcome(intent, "RETURN_REVERSED", again, reason="R61")
    script.post(intent, again, number=2)


def refund_bounced(script: PaymentScript, intent: Intent) -> None:
    """A refund does not reach the tenant and comes back; it has a reference of its own."""
    intent = by(intent, "CARD")
    at, posting = script.settle_and_post(intent)
    own: dict[str, Any] = {
        "processor_reference": f"{intent.payment_id}-re",
        "original_reference": f"{intent.payment_id}-1",
    }
    refunded = script.comes_back(intent, "REFUNDED", at, **own)
    script.reverse(posting, refunded)
    bounced = refunded + script.recording.between(1 * DAY, 8 * DAY)
    script.outcome(intent, "REFUND_REVERSED", bounced, reason="account closed", **own)
    script.post(intent, bounced, number=2)


def returned_by_own_reference(script: PaymentScript, intent: Intent) -> None:
    """A return has a reference of its own and names that of the attempt."""
    intent = by(intent, "ACH_DEBIT")
    at, posting = script.settle_and_post(intent)
    own: dict[str, Any] = {
        "processor_reference": f"{intent.payment_id}-rt",
        "original_reference": f"{intent.payment_id}-1",
    }
    script.reverse(posting, script.comes_back(intent, "RETURNED", at, **own))


def fee_told_later(script: PaymentScript, intent: Intent) -> None:
    """The settlement is reported first, its fee, payout and value date days later."""
    script.initiate(intent)
    at = script.settles_at(intent)
    told_at = at + script.recording.between(1 * DAY, 4 * DAY)
    late: dict[str, Any] = {"event_id": script.recording.event_id(), "occurred_at": told_at}
    first = script.outcome(intent, "SETTLED", at, fee_minor=None, net_minor=None, payout_id=None, value_date=None)
    fee = max(1, first.gross_minor // 100)
    told: dict[str, Any] = {
        "fee_minor": fee,
        "net_minor": first.gross_minor - fee,
        "payout_id": payout_of(first.processor, intent.currency, local_day(told_at, calendar_of(intent.currency).zone)),
    }
    script.recording.record(msgspec.structs.replace(first, **late, **told))
    script.post(intent, at)


def settled_in_another_currency(script: PaymentScript, intent: Intent) -> None:
    """The processor pays out in another currency than the tenant pays in: fee and net are in that one."""
    script.initiate(intent)
    at = script.settles_at(intent)
    net = intent.amount_minor * 83 // 100
    other: dict[str, Any] = {"settlement_currency": FOREIGN[intent.currency], "fee_minor": 31, "net_minor": net}
    script.outcome(intent, "SETTLED", at, **other)
    script.post(intent, at)


def several_installments(script: PaymentScript, intent: Intent) -> None:
    """One payment is for a named installment and, with what is left, for whatever is oldest."""
    if intent.installment_id is None or intent.amount_minor < SMALLEST:
        plain(script, intent)
        return
    first = intent.amount_minor * 3 // 4
    allocations = (
        Allocation(intent.obligation_id, intent.installment_id, first),
        Allocation(intent.obligation_id, None, intent.amount_minor - first),
    )
    script.initiate(intent, allocations=allocations)
    script.post(intent, script.settle(intent))


def post_dated(script: PaymentScript, intent: Intent) -> None:
    """A cheque bears a later date than the day on which it was handed over."""
    later = script.recording.between(5 * DAY, 15 * DAY)
    intent = msgspec.structs.replace(by(intent, "CHECK"), at=intent.at + later)
    script.initiate(intent, arrives_later=-later)
    script.post(intent, script.settle(intent))


def post_dated_beyond(script: PaymentScript, intent: Intent) -> None:
    """A cheque bears a date after the end of the recording: it hides no debt."""
    handed_over = intent.at
    dated = script.recording.closes_at + script.recording.between(2 * DAY, 30 * DAY)
    intent = msgspec.structs.replace(by(intent, "CHECK"), at=dated)
    script.initiate(intent, arrives_later=handed_over - dated)


def returned_partly(script: PaymentScript, intent: Intent) -> None:
    """A return takes back a part of an attempt, and the ledger follows: the rest is too little."""
    intent = by(intent, "ACH_DEBIT")
    at, posting = script.settle_and_post(intent)
    part = intent.amount_minor // 3
    if part == 0:
        return
    script.reverse(posting, script.comes_back(intent, "RETURNED", at, gross=part), amount=part)
    script.recording.inject("settlement_amount_mismatch", intent.payment_id)


def reversal_excess(script: PaymentScript, intent: Intent) -> None:
    """What comes back is more than what had gone: of a return, a refund or a chargeback."""
    variant = script.rng.randrange(3)
    intent = by(intent, "ACH_DEBIT" if variant == 0 else "CARD")
    at, posting = script.settle_and_post(intent)
    if variant == 0:
        again = script.bank_time(at, 2, intent.currency)
        script.outcome(intent, "RETURN_REVERSED", again, gross=max(1, intent.amount_minor // 7), reason="R61")
    else:
        gone = script.comes_back(intent, "REFUNDED" if variant == 1 else "CHARGEBACK", at)
        script.reverse(posting, gone)
        again = gone + script.recording.between(1 * DAY, 5 * DAY)
        outcome: Outcome = "REFUND_REVERSED" if variant == 1 else "CHARGEBACK_REVERSED"
        script.outcome(intent, outcome, again, gross=intent.amount_minor + script.rng.randint(1, 900))
        script.post(intent, again, number=2)
    script.recording.inject("reversal_excess", intent.payment_id)


def chargeback_excess(script: PaymentScript, intent: Intent) -> None:
    """The scheme takes a fee beside the money in dispute, and gives back only the money."""
    intent = by(intent, "CARD")
    at, _ = script.settle_and_post(intent)
    disputed = script.comes_back(intent, "CHARGEBACK", at, gross=intent.amount_minor + 1_200)
    won = disputed + script.recording.between(1 * DAY, 9 * DAY)
    script.outcome(intent, "CHARGEBACK_REVERSED", won)
    script.recording.inject("chargeback_excess", intent.payment_id)


def posting_over_reversed(script: PaymentScript, intent: Intent) -> None:
    """The ledger takes one posting back twice."""
    intent = by(intent, "ACH_DEBIT")
    at, posting = script.settle_and_post(intent)
    back = script.comes_back(intent, "RETURNED", at)
    script.reverse(posting, back)
    script.reverse(posting, back + HOUR, number=2)
    script.recording.inject("posting_over_reversed", intent.payment_id)


def reversal_unmatched(script: PaymentScript, intent: Intent) -> None:
    """The ledger reverses a posting that is never reported."""
    at, posting = script.settle_and_post(intent)
    script.reverse(posting, at, posting_id=f"PST-{intent.payment_id}-9")
    script.recording.inject("reversal_unmatched", intent.payment_id)


def told_again_after_its_opposite(script: PaymentScript, intent: Intent) -> None:
    """A return is told once more after the debit settled again: it may be a second one, without a movement id."""
    intent = by(intent, "ACH_DEBIT")
    script.initiate(intent)
    at = script.settles_at(intent)
    script.outcome(intent, "SETTLED", at, movement_id="1")
    back = script.bank_time(at, 1, intent.currency)
    returned = script.outcome(intent, "RETURNED", back, reason="R01")
    again = script.bank_time(back, 2, intent.currency)
    script.outcome(intent, "SETTLED", again, movement_id="2")
    repeated = again + script.recording.between(1 * MINUTE, 2 * DAY)
    event_id = script.recording.event_id()
    script.recording.record(msgspec.structs.replace(returned, event_id=event_id, occurred_at=repeated))
    script.post(intent, again)
    script.recording.inject("conflicting_fact", intent.payment_id)


def failed_and_settled_at_once(script: PaymentScript, intent: Intent) -> None:
    """FAILED and SETTLED of one attempt at the same instant: the retry counts, and somebody should look."""
    script.initiate(intent)
    at = script.settles_at(intent)
    script.outcome(intent, "FAILED", at, gross=0, reason="05")
    script.outcome(intent, "SETTLED", at)
    script.post(intent, at + SECOND)
    script.recording.inject("conflicting_fact", intent.payment_id)


def property_mismatch(script: PaymentScript, intent: Intent) -> None:
    """The payment names another property than the charge."""
    script.settle_and_post(msgspec.structs.replace(intent, property_id=f"{intent.property_id}-other"))
    script.recording.inject("property_mismatch", intent.obligation_id)


HARMLESS_REPEATS: dict[str, PaymentCase] = {
    "settled_again": settled_again,
    "refunded_twice": refunded_twice,
    "return_dishonoured": return_dishonoured,
    "refund_bounced": refund_bounced,
    "returned_by_own_reference": returned_by_own_reference,
    "fee_told_later": fee_told_later,
    "settled_in_another_currency": settled_in_another_currency,
    "several_installments": several_installments,
    "post_dated": post_dated,
    "post_dated_beyond": post_dated_beyond,
}
BROKEN_REPEATS: dict[str, PaymentCase] = {
    "returned_partly": returned_partly,
    "reversal_excess": reversal_excess,
    "chargeback_excess": chargeback_excess,
    "posting_over_reversed": posting_over_reversed,
    "reversal_unmatched": reversal_unmatched,
    "told_again_after_its_opposite": told_again_after_its_opposite,
    "failed_and_settled_at_once": failed_and_settled_at_once,
    "property_mismatch": property_mismatch,
}
"""Cases that end in a break, each noted as injected."""
