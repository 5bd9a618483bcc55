"""Each class of break in plain words: what it is, what was expected, what is missing, what people do about it."""

import msgspec

from domain.breaks.model import Break
from domain.explain.timeline import posting_rule, settlement_rule
from domain.formatting import amount_text, counted
from domain.obligations.state import ObligationState
from domain.payments.state import PaymentState
from domain.policy import Policy
from domain.records import BreakClass
from domain.time import MINUTE


class BreakDescription(msgspec.Struct, frozen=True):
    """What `Explanation` says by the same names."""

    title: str
    expected: str
    missing: str
    contract: str
    advice: str


_RULES: dict[BreakClass, str] = {
    BreakClass.POSTING_WITHOUT_SETTLEMENT: "no outcome past the settlement deadline, and something is posted",
    BreakClass.DUPLICATE_SETTLEMENT: "what stands is above what was initiated, from two or more live attempts",
    BreakClass.OVER_REVERSED: "what was refunded and charged back is above what was collected",
    BreakClass.SETTLEMENT_AMOUNT_MISMATCH: "one attempt stands above what was initiated, or too little was collected",
    BreakClass.SETTLEMENT_MISSING: "no outcome past the settlement deadline, nothing posted",
    BreakClass.REVERSED_AFTER_POSTING: "money went back or failed, and more is posted than stands past the posting "
    "deadline",
    BreakClass.DUPLICATE_POSTING: "more than one live posting, above what settled (or was initiated, before that)",
    BreakClass.POSTING_AMOUNT_MISMATCH: "one live posting above what settled (or was initiated, before that), or too "
    "little posted past the posting deadline",
    BreakClass.POSTING_MISSING: "money stands, nothing is posted past the posting deadline",
    BreakClass.CURRENCY_MISMATCH: "facts in another currency count as nothing",
    BreakClass.UNKEYED_MOVEMENT: "money moved, and the payment was never initiated",
    BreakClass.OBLIGATION_MISMATCH: "a live posting to another obligation than the payment was initiated for",
    BreakClass.FEE_VARIANCE: "a SETTLED whose gross less fee is not its net",
    BreakClass.CONFLICTING_FACT: "one record told with different money or routing, or one event id for two records",
    BreakClass.OBLIGATION_UNKNOWN: "money for an obligation without a charge",
    BreakClass.INSTALLMENT_UNKNOWN: "a payment names an installment that no version of the plan ever had",
    BreakClass.PLAN_SUM_MISMATCH: "the plan in force does not add up to the balance",
    BreakClass.OVERPAYMENT: "more stands than is owed",
}


def break_description(state: PaymentState | ObligationState, one: Break, policy: Policy) -> BreakDescription:
    """Say what a break is."""
    section = 3 if one.break_class is BreakClass.CONFLICTING_FACT else 7
    contract = f"contract section {section}, subject {one.subject[0]}: {_RULES[one.break_class]}"
    if isinstance(state, PaymentState):
        title, expected, missing, advice = _of_payment(state, one, policy)
    else:
        title, expected, missing, advice = _of_obligation(state, one, policy)
    return BreakDescription(title, expected, missing, contract, advice)


def _of_payment(state: PaymentState, one: Break, policy: Policy) -> tuple[str, str, str, str]:
    expected = amount_text(one.expected_minor, one.currency)
    actual = amount_text(one.actual_minor, one.currency)
    drift = one.actual_minor - one.expected_minor
    by_how_much = amount_text(abs(drift), one.currency)
    initiation = state.initiation
    processor = "the processor" if initiation is None else initiation.processor
    settle_by = "" if initiation is None else f" by {settlement_rule(initiation, policy)}"
    rule = posting_rule(state, one, policy)
    post_by = f" by {rule[1]}" if rule is not None and one.due_at is not None else ""
    match one.break_class:
        case BreakClass.POSTING_WITHOUT_SETTLEMENT:
            return (
                "Posted to the ledger, but never collected",
                f"{processor} tells what became of the payment{settle_by}.",
                f"No outcome is known, and the ledger counts {expected} as paid.",
                f"Ask {processor} what became of the payment. If it failed, the posting has to go, too.",
            )
        case BreakClass.DUPLICATE_SETTLEMENT:
            return (
                "Collected twice",
                f"{expected} is collected, as initiated.",
                f"Two or more attempts brought {actual}: {by_how_much} too much.",
                "Refund the tenant, before the bank or the card takes it back.",
            )
        case BreakClass.OVER_REVERSED:
            return (
                "The money left twice",
                f"No more than the {expected} that was collected goes back.",
                f"{actual} was refunded or charged back: {by_how_much} more than came.",
                "Dispute the chargeback with proof of the refund, or collect again.",
            )
        case BreakClass.SETTLEMENT_AMOUNT_MISMATCH:
            return (
                f"Collected {'more' if drift > 0 else 'less'} than was initiated",
                f"{expected} is collected, as initiated.",
                f"{actual} was collected: {by_how_much} too {'much' if drift > 0 else 'little'}.",
                f"Ask {processor} why the amounts differ.",
            )
        case BreakClass.SETTLEMENT_MISSING:
            return (
                "Lost on its way: no outcome was ever told",
                f"{processor} tells what became of {expected}{settle_by}.",
                "No outcome is known. The money no longer counts as pending.",
                f"Ask {processor} what became of the payment; look for its event among the dead letters.",
            )
        case BreakClass.REVERSED_AFTER_POSTING:
            return (
                "Gone back, but still in the ledger",
                f"The ledger shows what stands, {expected},{post_by}.",
                f"{actual} is posted: {by_how_much} that nobody has any more.",
                "Have the ledger take the posting back; the installment is open again.",
            )
        case BreakClass.DUPLICATE_POSTING:
            return (
                "Posted more than once",
                f"At most {expected} is posted.",
                f"Several postings of {actual} in all are live: {by_how_much} too much.",
                "Have the ledger take back what it posted twice.",
            )
        case BreakClass.POSTING_AMOUNT_MISMATCH:
            return (
                f"Posted too {'much' if drift > 0 else 'little'}",
                f"{expected} is posted{post_by}." if drift < 0 else f"At most {expected} is posted.",
                f"{actual} is posted: {by_how_much} too {'much' if drift > 0 else 'little'}.",
                "Have the ledger correct its posting.",
            )
        case BreakClass.POSTING_MISSING:
            return (
                "Collected, but not in the ledger",
                f"The ledger posts {expected}{post_by}.",
                "Nothing is posted: the ledger does not know that the tenant paid.",
                "Have the ledger post it; look for its event among the dead letters.",
            )
        case BreakClass.CURRENCY_MISMATCH:
            return (
                "Told in two currencies",
                f"All that is told of the payment is in {one.currency}.",
                "Something is told in another currency, and counts as nothing.",
                "Find out which currency is right. A posting can be reversed; what a processor told can only be "
                "corrected by an earlier-dated record, which leaves a conflicting_fact.",
            )
        case BreakClass.UNKEYED_MOVEMENT:
            return (
                "Money moved for a payment that nobody initiated",
                "The app tells of a payment before, or soon after, its money moves "
                f"({counted(policy.orphan_grace_micros // MINUTE, 'minute')} of grace).",
                f"No initiation is known for {actual}, so it is allocated to no rent.",
                "Look for the initiation among the dead letters, or whether the processor gave the wrong payment id.",
            )
        case BreakClass.OBLIGATION_MISMATCH:
            home = "" if initiation is None else f" {initiation.obligation_id}"
            return (
                "Posted to another obligation than it was paid for",
                f"The ledger posts the payment to obligation{home}.",
                f"{actual} is posted to {one.subject[1]}: somebody else's rent looks paid.",
                "Have the ledger post it anew to the right obligation.",
            )
        case BreakClass.FEE_VARIANCE:
            return (
                "The processor's net is not its gross less its fee",
                f"Attempt {one.subject[2]} nets {expected}: gross less fee.",
                f"{one.subject[1]} says {actual}: {by_how_much} too {'much' if drift > 0 else 'little'}.",
                f"Compare with the payout statement of {one.subject[1]}. A correction has to be dated before the wrong "
                "record to hold, and leaves a conflicting_fact; a difference that is accepted stays open as a record.",
            )
        case _:
            return _of_conflict(one)


def _of_obligation(state: ObligationState, one: Break, policy: Policy) -> tuple[str, str, str, str]:
    expected = amount_text(one.expected_minor, one.currency)
    actual = amount_text(one.actual_minor, one.currency)
    by_how_much = amount_text(abs(one.actual_minor - one.expected_minor), one.currency)
    grace = counted(policy.orphan_grace_micros // MINUTE, "minute")
    about = one.subject[-1]
    cancelled = state.cancellation is not None
    match one.break_class:
        case BreakClass.OBLIGATION_UNKNOWN:
            return (
                "Paid for rent that was never charged",
                f"The ledger charges obligation {state.obligation_id} before, or within {grace} after, a payment for "
                "it.",
                f"No charge is known. Payment {about} brings {actual} that counts for nothing.",
                "Look for the charge among the dead letters, or whether the payment names a wrong obligation.",
            )
        case BreakClass.CURRENCY_MISMATCH if one.subject[0] == "payment":
            part = state.applications.get(about)
            paid_in = "another currency" if part is None else part.currency
            return (
                "Paid in another currency than the rent",
                f"Payments are in {one.currency}, as the charge is.",
                f"Payment {about} is in {paid_in}, and is not allocated.",
                "If both are right, the money has to be refunded or exchanged outside of rentmatch; the break then "
                "stays open as a record.",
            )
        case BreakClass.CURRENCY_MISMATCH:
            adjustment = state.adjustments.get(about)
            told_in = "another currency" if adjustment is None else adjustment.currency
            return (
                "Adjusted in another currency than the rent",
                f"Adjustments are in {one.currency}, as the charge is.",
                f"Adjustment {about} is in {told_in}, and is not counted.",
                f"Have the ledger adjust in {one.currency} under a new id; the wrong record's break goes only when an "
                "earlier-dated record of the same id corrects it.",
            )
        case BreakClass.INSTALLMENT_UNKNOWN:
            part = state.applications.get(about)
            name = "an installment" if part is None else f"installment {part.installment_id}"
            return (
                "Names an installment that never was",
                f"Payment {about} names an installment of some version of the plan.",
                f"It names {name}, which no version ever had; its {actual} counts as unnamed money.",
                "The money counts. Look for a plan among the dead letters, or why the app showed such an installment.",
            )
        case BreakClass.PLAN_SUM_MISMATCH:
            return (
                "The plan does not add up to the balance",
                f"The installments of the plan in force add up to the balance, {expected}.",
                f"They add up to {actual}: {by_how_much} too "
                f"{'much' if one.actual_minor > one.expected_minor else 'little'}. The last installments carry the "
                "difference.",
                "Have the ledger make a new plan, or adjust the balance.",
            )
        case BreakClass.OVERPAYMENT:
            return (
                "More was paid than is owed",
                f"{expected} is owed.",
                f"{actual} stands: {by_how_much} is on no installment.",
                ("Refund it" if cancelled else "Refund it, or have the ledger charge what it was for")
                + "; rentmatch carries nothing over to another obligation.",
            )
        case _:
            return _of_conflict(one)


def _of_conflict(one: Break) -> tuple[str, str, str, str]:
    stays = "This break stays open as a record: no event takes back that two things were said. "
    if one.subject[0] == "event":
        return (
            "One event id for two records",
            "Each event has an id of its own.",
            f"Event {one.subject[1]} told of two or more records. All of them count.",
            stays + "Check that both are true; have the sender mend how it makes its ids.",
        )
    record = " ".join(one.subject[1:])
    return (
        "One record told in two ways",
        "A record that is told again says the same money and routing.",
        f"{record} was told in ways that differ. What occurred first holds.",
        stays + "Find out which is right, and whether the right one holds; if not, have what follows from it undone "
        "by events of its own (a posting reversed, a refund, an adjustment).",
    )
