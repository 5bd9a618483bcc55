"""A break in words: its row in the catalogue, filled in with what is known of the key."""

from typing import Any

import msgspec

from domain.breaks.catalogue import CATALOGUE, BreakForm
from domain.explain.context import Context, ObligationContext, PaymentContext
from domain.explain.deadlines import grace_text, posting_rule, settlement_rule
from domain.formatting import amount_text


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


def form_of(context: Context) -> BreakForm:
    """Give the form of the catalogue that a break has."""
    mismatch = context.mismatch
    return CATALOGUE[mismatch.break_class].form_of(context.key_kind, mismatch.subject[0])


def describe(context: Context) -> BreakDescription:
    """Describe a break."""
    mismatch = context.mismatch
    row = CATALOGUE[mismatch.break_class]
    form = form_of(context)
    values = _values(context)
    return BreakDescription(
        title=form.title,
        expected=form.expected.format_map(values),
        missing=form.missing.format_map(values),
        contract=f"contract section {row.section}, subject {mismatch.subject[0]}: {row.rule}",
        advice=form.advice.format_map(values),
    )


def _values(context: Context) -> dict[str, Any]:
    """Give the values of the catalogue's placeholders."""
    mismatch = context.mismatch
    difference = mismatch.actual_minor - mismatch.expected_minor
    values: dict[str, Any] = {
        "expected": amount_text(mismatch.expected_minor, mismatch.currency),
        "actual": amount_text(mismatch.actual_minor, mismatch.currency),
        "difference": amount_text(abs(difference), mismatch.currency),
        "over_or_under": "over" if difference > 0 else "under",
        "at_most": "At most " if difference > 0 else "",
        "currency": mismatch.currency,
        "subject": mismatch.subject[-1],
        "subject_parts": " ".join(mismatch.subject[1:]),
        "second": mismatch.subject[1] if len(mismatch.subject) > 1 else "",
        "grace": grace_text(context.policy),
    }
    if isinstance(context, PaymentContext):
        return values | _values_of_payment(context)
    return values | _values_of_obligation(context)


def _values_of_payment(context: PaymentContext) -> dict[str, str]:
    initiation = context.state.initiation
    rule = None if context.mismatch.due_at is None else posting_rule(context)
    values = {"processor": "the processor", "settle_by": "", "obligation": "", "post_by": ""}
    if rule is not None:
        values["post_by"] = f" by {rule[1]}"
    if initiation is not None:
        values["processor"] = initiation.processor
        values["settle_by"] = f" by {settlement_rule(initiation, context.policy)}"
        values["obligation"] = initiation.obligation_id
    return values


def _values_of_obligation(context: ObligationContext) -> dict[str, str]:
    state = context.state
    about = context.mismatch.subject[-1]
    reported = (
        state.applications.get(about) if context.mismatch.subject[0] == "payment" else state.adjustments.get(about)
    )
    application = state.applications.get(about)
    named = None if application is None else application.installment_id
    cancelled = state.cancellation is not None
    return {
        "obligation": state.obligation_id,
        "other_currency": "another currency" if reported is None else reported.currency,
        "installment": "an installment" if named is None else f"installment {named}",
        "refund": "Refund it" if cancelled else "Refund it, or have the ledger charge what it was for",
    }
