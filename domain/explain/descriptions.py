"""A break in words: its row in the catalogue, filled in with what is known of the key."""

import msgspec

from domain.breaks.catalogue import CATALOGUE, BreakForm, KeyKind
from domain.breaks.model import Break
from domain.explain.context import (
    BankEntryContext,
    Context,
    ObligationContext,
    PaymentContext,
    PayoutContext,
    ReferenceContext,
)
from domain.explain.deadlines import grace_text, posting_rule, rule_at_the_bank, settlement_rule
from domain.formatting import amount_text, instant_text, listed
from domain.obligations.totals import is_cancelled
from domain.policy import Policy
from domain.references.state import claims


class BreakDescription(msgspec.Struct, frozen=True):
    """A break in words."""

    title: str
    """The break in a few words."""
    expected: str
    """What was expected, by when."""
    missing: str
    """What is missing, or contradicts the rest."""
    contract: str
    """Where docs/contract.md has the rule, and the rule."""
    advice: str
    """What people do about it, in a sentence or two."""


def form_of(key_kind: KeyKind, mismatch: Break) -> BreakForm:
    """Give the form of the catalogue that a break has."""
    return CATALOGUE[mismatch.break_class].form_of(key_kind, mismatch.subject[0])


def describe(context: Context) -> BreakDescription:
    """Describe a break by what is known of its key."""
    if isinstance(context, PaymentContext):
        known = _known_of_payment(context)
    elif isinstance(context, ObligationContext):
        known = _known_of_obligation(context)
    elif isinstance(context, PayoutContext):
        known = _known_of_payout(context)
    elif isinstance(context, BankEntryContext):
        rule = rule_at_the_bank(context)
        known = {
            "account": context.account_id,
            "entry": context.entry_id,
            "due_by": "" if rule is None else f" by {rule}",
        }
    else:
        known = _known_of_reference(context)
    return _describe(context.key_kind, context.mismatch, context.policy, known)


def describe_alone(key_kind: KeyKind, mismatch: Break, policy: Policy) -> BreakDescription:
    """Describe a break without the state of its key."""
    return _describe(key_kind, mismatch, policy, {})


def _describe(key_kind: KeyKind, mismatch: Break, policy: Policy, known: dict[str, str]) -> BreakDescription:
    row, form = CATALOGUE[mismatch.break_class], form_of(key_kind, mismatch)
    difference = mismatch.actual_minor - mismatch.expected_minor
    by_due_at = "" if mismatch.due_at is None else f" by {instant_text(mismatch.due_at)}"
    values = {
        "expected": amount_text(mismatch.expected_minor, mismatch.currency),
        "actual": amount_text(mismatch.actual_minor, mismatch.currency),
        "difference": amount_text(abs(difference), mismatch.currency),
        "over_or_under": "over" if difference > 0 else "under",
        "at_most": "At most " if difference > 0 else "",
        "currency": mismatch.currency,
        "other_currency": "another currency",
        "processor": "the processor",
        "obligation": "the obligation",
        "installment": "an installment",
        "subject": mismatch.subject[-1],
        "subject_parts": " ".join(mismatch.subject[1:]),
        "second": mismatch.subject[1] if len(mismatch.subject) > 1 else "",
        "reference": mismatch.subject[2] if len(mismatch.subject) > 2 else "the reference",
        "claimants": "two or more payments",
        "payment_property": "another property",
        "property": "the property",
        "settle_by": by_due_at,
        "post_by": by_due_at,
        "due_by": by_due_at,
        "payout": "the payout",
        "unknown": "",
        "in_it": "is in it, as far as is known",
        "account": "the account",
        "entry": "the entry",
        "grace": grace_text(policy),
        "refund": "Refund it, move it to another rent, or have the ledger charge what it was for",
    } | known
    return BreakDescription(
        title=form.title,
        expected=form.expected.format_map(values),
        missing=form.missing.format_map(values),
        contract=f"contract section {_section(key_kind, row.section)}, subject {mismatch.subject[0]}: {row.rule}",
        advice=form.advice.format_map(values),
    )


def _section(key_kind: KeyKind, section: int) -> int:
    """Give the section of the contract: breaks of payouts and entries are in one of their own."""
    return 11 if section == 7 and key_kind in ("payout", "bank_entry") else section


def _known_of_payment(context: PaymentContext) -> dict[str, str]:
    initiation = context.state.initiation
    is_late_posting = context.mismatch.due_at is not None and context.mismatch.subject[0] in {"posting", "obligation"}
    rule = posting_rule(context) if is_late_posting else None
    known = {"settle_by": "", "post_by": "" if rule is None else f" by {rule[1]}"}
    if initiation is not None:
        known["processor"] = initiation.processor
        known["obligation"] = f"obligation {initiation.obligation_id}"
        if context.mismatch.due_at is not None:
            known["settle_by"] = f" by {settlement_rule(initiation, context.policy)}"
    named = list(dict.fromkeys(one.obligation_id for one in context.allocations))
    if named:
        known["obligation"] = ("obligation " if len(named) == 1 else "obligations ") + listed(named)
    return known


def _known_of_obligation(context: ObligationContext) -> dict[str, str]:
    state = context.state
    about = context.mismatch.subject[-1]
    application = state.applications.get(about) if context.mismatch.subject[0] == "payment" else None
    known = {"obligation": f"obligation {state.obligation_id}"}
    reported = application if application is not None else state.adjustments.get(about)
    if reported is not None:
        known["other_currency"] = reported.currency
    if application is not None:
        named = [share.installment_id for share in application.shares if share.installment_id is not None]
        if named:
            known["installment"] = f"installment {listed(dict.fromkeys(named))}"
        if application.property_id is not None:
            known["payment_property"] = f"property {application.property_id}"
    if state.charge is not None:
        known["property"] = f"property {state.charge.property_id}"
    if context.mismatch.expected_minor < 0:
        known["refund"] = "Pay the credit back, or let it count for another rent"
    elif is_cancelled(state):
        known["refund"] = "Refund it, or move it to another rent"
    return known


def _known_of_payout(context: PayoutContext) -> dict[str, str]:
    rule = rule_at_the_bank(context)
    known = {
        "processor": context.processor,
        "payout": context.payout_id,
        "due_by": "" if rule is None else f" by {rule}",
    }
    totals = context.totals
    if totals is not None and totals.unknown_lines == 1:
        known["unknown"] = " The net of one line is not known yet, and counts zero."
    elif totals is not None and totals.unknown_lines:
        known["unknown"] = f" The nets of {totals.unknown_lines} lines are not known yet, and count zero."
    if totals is not None and not totals.lines:
        known["in_it"] = "is on the account for it"
    return known


def _known_of_reference(context: ReferenceContext) -> dict[str, str]:
    known = {"processor": context.processor, "reference": context.reference}
    claimants = sorted({payment_id for _, _, payment_id in claims(context.state)})
    if claimants:
        known["claimants"] = ("payment " if len(claimants) == 1 else "payments ") + listed(claimants)
    return known
