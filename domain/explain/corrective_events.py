"""An event that would resolve a break: which fields it must have, and what is left to whoever sends it."""

from typing import Any

import msgspec

from domain.facts import (
    InputFact,
    Installment,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    PaymentInitiated,
    PaymentPosted,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
)
from domain.formatting import amount_text, instant_text, listed
from domain.records import BreakClass
from domain.time import MINUTE, Micros, iso_date

STRUCTS: dict[str, type[InputFact]] = {
    struct.__name__: struct
    for struct in (
        PaymentInitiated,
        ProcessorSettled,
        ObligationCharged,
        PlanChanged,
        ObligationAdjusted,
        ObligationCancelled,
        PaymentPosted,
        PostingReversed,
    )
}

_OPEN_FIELDS = {
    "event_id": "a new id",
    "occurred_at": "when it happens",
    "posting_id": "a new id",
    "reversal_id": "a new id",
    "adjustment_id": "a new id",
    "plan_version": "a new version",
    "processor_reference": "the attempt's reference, a new one for a new attempt",
    "fee_minor": "what the processor keeps",
    "net_minor": "gross_minor less fee_minor",
    "gross_minor": "the amount in that currency",
    "amount_minor": "the amount in that currency",
    "amount_delta_minor": "the amount in that currency",
    "obligation_id": "the obligation that is paid for",
    "processor": "the processor of the payment",
    "installments": "installments as agreed; none stands for one of the whole balance",
    "reason_code": "if there is one",
    "payout_id": "if known",
    "value_date": "if known",
    "installment_id": "if one is meant",
}
_OPEN_OTHERWISE = "as it is"
_SAMPLE_DAY = 0


class CorrectiveEvent(msgspec.Struct, frozen=True):
    """An input record that would resolve a break, alone or with others. Instants are microseconds since 1970."""

    type: str
    """The record's name, such as `PaymentPosted`."""
    text: str
    """The event in words."""
    fields: dict[str, Any]
    """The fields that it must have, by the contract's names; days are days since 1970."""
    open_fields: dict[str, str]
    """The other fields, each with what it should be."""
    must_precede: Micros | None
    """It corrects a record of the same identity, and must have occurred before this instant in order to hold."""
    required_installment_ids: tuple[str, ...]
    """The ids of installments that must be among its `installments`."""
    plan_sum_minor: int | None
    """What its `installments` must add up to, above 0; None where any sum will do."""


class Remedy(msgspec.Struct, frozen=True):
    """Events that together make a break go away."""

    what: str
    """What happens, in a sentence."""
    by: str
    """Who tells of it: `the app`, `the ledger`, a processor."""
    events: tuple[CorrectiveEvent, ...]
    consequences: tuple[tuple[BreakClass, Micros | None], ...]
    """What opens next unless more comes, each with its deadline; None: at once."""


def corrective_event(
    struct: type[InputFact],
    *,
    must_precede: Micros | None = None,
    required_installment_ids: tuple[str, ...] = (),
    plan_sum_minor: int | None = None,
    plan_currency: str = "",
    **fields: Any,
) -> CorrectiveEvent:
    """Describe an event by the fields that it must have; the others are left free.

    `plan_currency` is that of `plan_sum_minor`, which is only told in it.
    """
    open_fields = {
        name: _OPEN_FIELDS.get(name, _OPEN_OTHERWISE) for name in struct.__struct_fields__ if name not in fields
    }
    if must_precede is not None:
        open_fields["occurred_at"] = f"before {instant_text(must_precede)}, so that it holds instead"
    if required_installment_ids:
        open_fields["installments"] = f"installments as agreed, {listed(required_installment_ids)} among them"
    if plan_sum_minor is not None:
        open_fields["installments"] += f"; they add up to {amount_text(plan_sum_minor, plan_currency)}"
    name = struct.__name__
    text = _text(name, fields)
    if required_installment_ids:
        text += f", with {listed(required_installment_ids)} among its installments"
    if plan_sum_minor is not None:
        text += f", whose installments add up to {amount_text(plan_sum_minor, plan_currency)}"
    if must_precede is not None:
        text += f", a corrected record dated before {instant_text(must_precede)}"
    return CorrectiveEvent(name, text, fields, open_fields, must_precede, required_installment_ids, plan_sum_minor)


def _text(name: str, fields: dict[str, Any]) -> str:
    currency = fields.get("currency", "")
    amount = fields.get("gross_minor", fields.get("amount_minor", fields.get("amount_delta_minor")))
    of_money = f" in {currency}" if amount is None else f" of {amount_text(amount, currency)}"
    match name:
        case "ProcessorSettled":
            attempt = fields.get("processor_reference")
            by = f" by {fields['processor']}" if "processor" in fields else ""
            text = f"a ProcessorSettled {fields['outcome']}{of_money} for payment {fields['payment_id']}{by}"
            if "net_minor" in fields:
                text += f", fee {amount_text(fields['fee_minor'], currency)}"
                text += f", net {amount_text(fields['net_minor'], currency)}"
            return text if attempt is None else f"{text}, attempt {attempt}"
        case "PaymentInitiated":
            home = f" for obligation {fields['obligation_id']}" if "obligation_id" in fields else ""
            return f"a PaymentInitiated of payment {fields['payment_id']}{of_money}{home}"
        case "PaymentPosted":
            posting = f" as posting {fields['posting_id']}" if "posting_id" in fields else ""
            home = f" for obligation {fields['obligation_id']}" if "obligation_id" in fields else ""
            return f"a PaymentPosted{of_money}{home}{posting}"
        case "PostingReversed":
            return f"a PostingReversed of posting {fields['posting_id']}{of_money}"
        case "PlanChanged":
            version = f" (version {fields['plan_version']})" if "plan_version" in fields else ""
            in_one = " without installments: one of the whole balance" if "installments" in fields else ""
            return f"a PlanChanged of {fields['obligation_id']}{version}{in_one}"
        case "ObligationAdjusted":
            by = of_money.replace(" of ", " by ")
            return f"an ObligationAdjusted of {fields['obligation_id']}{by}"
        case _:
            return f"an {name} of {fields['obligation_id']}{of_money}"


def sample(one: CorrectiveEvent, number: int, at: Micros) -> InputFact:
    """Make such an event up, with something plain in each free field, to try what it would do.

    Args:
        one: the event.
        number: makes its ids differ from those of other samples.
        at: when it happens, unless it has to be earlier.

    """
    made: dict[str, Any] = {
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
    if one.type == "ObligationCharged" and made["installments"]:
        made["amount_minor"] = sum(installment.amount_minor for installment in made["installments"])
    made |= one.fields
    if one.type == "ProcessorSettled" and "net_minor" not in made:
        made["net_minor"] = made["gross_minor"] - made["fee_minor"]
    struct = STRUCTS[one.type]
    return struct(**{name: made.get(name, f"\0{name} {number}") for name in struct.__struct_fields__})


def _sample_plan(one: CorrectiveEvent) -> tuple[Installment, ...]:
    names = one.required_installment_ids or (("\0plan",) if one.plan_sum_minor else ())
    amounts = [1] * len(names)
    if one.plan_sum_minor is not None:
        amounts[0] = one.plan_sum_minor - len(names) + 1
    return tuple(
        Installment(name, number, amount, _SAMPLE_DAY)
        for number, (name, amount) in enumerate(zip(names, amounts, strict=True))
    )


def corrective_event_as_json(one: CorrectiveEvent, instant: Any) -> dict[str, Any]:
    """Give an event as JSON has it; `instant` writes an instant."""
    fields = dict(one.fields)
    for name, value in fields.items():
        if name in ("value_date", "due_date") and value is not None:
            fields[name] = iso_date(value)
        elif isinstance(value, tuple):
            fields[name] = list(value)
    return {
        "type": one.type,
        "text": one.text,
        "fields": fields,
        "free": one.open_fields,
        "before": None if one.must_precede is None else instant(one.must_precede),
        "plan_has": list(one.required_installment_ids),
        "plan_sum_minor": one.plan_sum_minor,
    }
