"""An event that would resolve a break: the fields it must have, and those that are left to its sender."""

from typing import Any, NamedTuple

import msgspec

from domain.facts import (
    InputFact,
    Installment,
    ObligationAdjusted,
    ObligationCharged,
    PaymentInitiated,
    PaymentPosted,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
)
from domain.formatting import amount_text, instant_text, listed
from domain.time import MINUTE, Micros

_OPEN_FIELDS = {
    "event_id": "a new id",
    "occurred_at": "when it happens",
    "posting_id": "a new id",
    "reversal_id": "a new id",
    "adjustment_id": "a new id",
    "plan_version": "a new version",
    "processor_reference": "the attempt's reference; a new one for a new attempt",
    "fee_minor": "the processor's fee",
    "net_minor": "gross_minor less fee_minor",
    "gross_minor": "the amount in that currency",
    "amount_minor": "the amount in that currency",
    "amount_delta_minor": "the amount in that currency",
    "obligation_id": "the obligation that is paid for",
    "processor": "the processor of the payment",
    "installments": "installments as agreed; an empty list is one installment of the whole balance",
    "reason_code": "if there is one",
    "payout_id": "if known",
    "value_date": "if known",
    "installment_id": "if the payment names one",
}
_SAMPLE_DAY = 0


class CorrectiveEvent(msgspec.Struct, frozen=True):
    """An input event that would resolve a break, alone or with others. Instants are microseconds since 1970."""

    struct: type[InputFact]
    fields: dict[str, Any]
    """The fields that it must have, by the contract's names; days are days since 1970."""
    must_precede: Micros | None = None
    """It corrects a record of the same identity: the first of two counts, so it must be dated before this instant."""
    required_installment_ids: tuple[str, ...] = ()
    """The ids of installments that must be among its `installments`."""
    plan_sum_minor: int | None = None
    """What its `installments` must add up to, above 0; None where any sum will do."""
    plan_currency: str = ""
    """The currency of `plan_sum_minor`."""

    @property
    def type(self) -> str:
        """The record's name, such as `PaymentPosted`."""
        return self.struct.__name__

    @property
    def open_fields(self) -> dict[str, str]:
        """The other fields, each with what it should be."""
        names = self.struct.__struct_fields__
        found = {name: _OPEN_FIELDS.get(name, "as it is") for name in names if name not in self.fields}
        if self.must_precede is not None:
            found["occurred_at"] = f"before {instant_text(self.must_precede)}, so that it counts instead"
        if self.required_installment_ids:
            found["installments"] = f"installments as agreed, {listed(self.required_installment_ids)} among them"
        if self.plan_sum_minor is not None:
            found["installments"] += f"; they add up to {amount_text(self.plan_sum_minor, self.plan_currency)}"
        return found

    @property
    def text(self) -> str:
        """The event in words."""
        text = _text(self.struct, self.fields)
        if self.required_installment_ids:
            text += f", with {listed(self.required_installment_ids)} among its installments"
        if self.plan_sum_minor is not None:
            text += f", whose installments add up to {amount_text(self.plan_sum_minor, self.plan_currency)}"
        if self.must_precede is not None:
            text += f", a corrected record dated before {instant_text(self.must_precede)}"
        return text


class Candidate(NamedTuple):
    """What may resolve a break, before it is tried."""

    action: str
    """What happens, in a clause."""
    by: str
    """Who sends the events: `the app`, `the ledger`, a processor."""
    events: list[CorrectiveEvent]


def _text(struct: type[InputFact], fields: dict[str, Any]) -> str:
    currency = fields.get("currency", "")
    amount = fields.get("gross_minor", fields.get("amount_minor", fields.get("amount_delta_minor")))
    of_amount = f" in {currency}" if amount is None else f" of {amount_text(amount, currency)}"
    obligation = f" for obligation {fields['obligation_id']}" if "obligation_id" in fields else ""
    if struct is ProcessorSettled:
        text = f"a ProcessorSettled {fields['outcome']}{of_amount} for payment {fields['payment_id']}"
        if "processor" in fields:
            text += f" by {fields['processor']}"
        if "net_minor" in fields:
            text += f", fee {amount_text(fields['fee_minor'], currency)}"
            text += f", net {amount_text(fields['net_minor'], currency)}"
        return text + (f", attempt {fields['processor_reference']}" if "processor_reference" in fields else "")
    if struct is PaymentInitiated:
        return f"a PaymentInitiated of payment {fields['payment_id']}{of_amount}{obligation}"
    if struct is PaymentPosted:
        return f"a PaymentPosted{of_amount}{obligation}"
    if struct is PostingReversed:
        return f"a PostingReversed of posting {fields['posting_id']}{of_amount}"
    if struct is PlanChanged:
        version = f" (version {fields['plan_version']})" if "plan_version" in fields else ""
        single = " without installments: one installment of the whole balance" if "installments" in fields else ""
        return f"a PlanChanged of {fields['obligation_id']}{version}{single}"
    if struct is ObligationAdjusted:
        return f"an ObligationAdjusted of {fields['obligation_id']}{of_amount.replace(' of ', ' by ')}"
    return f"an {struct.__name__} of {fields['obligation_id']}{of_amount}"


def sample_event(one: CorrectiveEvent, number: int, at: Micros) -> InputFact:
    """Make such an event, with a plain value in each open field, to try what it would do.

    Args:
        one: the event.
        number: makes its ids differ from those of other samples.
        at: when it happens, unless it has to precede a record.

    """
    values: dict[str, Any] = {
        "event_id": f"\0event {number}",
        "occurred_at": at if one.must_precede is None else one.must_precede - MINUTE,
        "amount_minor": 1,
        "amount_delta_minor": 1,
        "gross_minor": 1,
        "fee_minor": 0,
        "currency": "USD",
        "method": "CARD",
        "outcome": "SETTLED",
        "due_date": _SAMPLE_DAY,
        "time_zone": "UTC",
        "grace_days": 0,
        "plan_version": 1 << 30,
        "installments": _sample_plan(one),
        **dict.fromkeys(("reason_code", "payout_id", "value_date", "installment_id")),
    }
    if one.struct is ObligationCharged and values["installments"]:
        values["amount_minor"] = sum(installment.amount_minor for installment in values["installments"])
    values |= one.fields
    if one.struct is ProcessorSettled and "net_minor" not in values:
        values["net_minor"] = values["gross_minor"] - values["fee_minor"]
    return one.struct(**{name: values.get(name, f"\0{name} {number}") for name in one.struct.__struct_fields__})


def _sample_plan(one: CorrectiveEvent) -> tuple[Installment, ...]:
    names = one.required_installment_ids or (("\0plan",) if one.plan_sum_minor else ())
    amounts = [1] * len(names)
    if one.plan_sum_minor is not None:
        amounts[0] = one.plan_sum_minor - len(names) + 1
    return tuple(
        Installment(name, number, amount, _SAMPLE_DAY)
        for number, (name, amount) in enumerate(zip(names, amounts, strict=True))
    )
