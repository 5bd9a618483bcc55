"""A break in words: its row in the catalogue, filled in with what is known of the key."""

import msgspec

from domain.breaks.catalogue import CATALOGUE, BreakForm, KeyKind
from domain.breaks.model import Break
from domain.explain.context import Context, ObligationContext, PaymentContext
from domain.explain.deadlines import grace_text, posting_rule, settlement_rule
from domain.formatting import amount_text, instant_text
from domain.policy import Policy


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
    known = _known_of_payment(context) if isinstance(context, PaymentContext) else _known_of_obligation(context)
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
        "settle_by": by_due_at,
        "post_by": by_due_at,
        "grace": grace_text(policy),
        "refund": "Refund it, or have the ledger charge what it was for",
    } | known
    return BreakDescription(
        title=form.title,
        expected=form.expected.format_map(values),
        missing=form.missing.format_map(values),
        contract=f"contract section {row.section}, subject {mismatch.subject[0]}: {row.rule}",
        advice=form.advice.format_map(values),
    )


def _known_of_payment(context: PaymentContext) -> dict[str, str]:
    initiation = context.state.initiation
    rule = None if context.mismatch.due_at is None else posting_rule(context)
    known = {"settle_by": "", "post_by": "" if rule is None else f" by {rule[1]}"}
    if initiation is not None:
        known["processor"] = initiation.processor
        known["settle_by"] = f" by {settlement_rule(initiation, context.policy)}"
        known["obligation"] = f"obligation {initiation.obligation_id}"
    return known


def _known_of_obligation(context: ObligationContext) -> dict[str, str]:
    state = context.state
    about = context.mismatch.subject[-1]
    application = state.applications.get(about)
    known = {"obligation": f"obligation {state.obligation_id}"}
    reported = application if context.mismatch.subject[0] == "payment" else state.adjustments.get(about)
    if reported is not None:
        known["other_currency"] = reported.currency
    if application is not None and application.installment_id is not None:
        known["installment"] = f"installment {application.installment_id}"
    if state.cancellation is not None:
        known["refund"] = "Refund it"
    return known
