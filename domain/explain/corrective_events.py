"""An event that would resolve a break: the fields it must have, and those that are left to its sender."""

from typing import Any, NamedTuple

import msgspec

from domain.facts import (
    BankEntryBooked,
    EntryMatched,
    InputFact,
    ObligationAdjusted,
    ObligationReinstated,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PayoutReported,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)
from domain.formatting import amount_text, instant_text, listed
from domain.time import Micros

_OPEN_FIELDS = {
    "event_id": "a new id",
    "occurred_at": "when it happens",
    "posting_id": "a new id",
    "reversal_id": "a new id",
    "adjustment_id": "a new id",
    "reinstatement_id": "a new id",
    "plan_version": "a new version",
    "assignment_version": "a new version: the highest counts",
    "allocations": "if it is for several obligations",
    "processor_reference": "the attempt's reference; a new one for a new attempt",
    "movement_id": "a new id, if the reference has such a record already",
    "original_reference": "the attempt's, if the record has a reference of its own",
    "fee_minor": "the processor's fee, if known",
    "net_minor": "gross_minor less fee_minor, if known",
    "settlement_currency": "if fee and net are in another currency",
    "gross_minor": "the amount in that currency",
    "amount_minor": "the amount in that currency",
    "amount_delta_minor": "the amount in that currency",
    "payment_id": "the payment whose money it is",
    "obligation_id": "the obligation that is paid for",
    "processor": "the processor of the payment",
    "installments": "installments as agreed; an empty list is one installment of the whole balance",
    "reason_code": "if there is one",
    "payout_id": "if known",
    "value_date": "if known",
    "installment_id": "if the payment names one",
    "grace_ends_on": "if the lease gives a day",
    "actor": "who decides",
    "reason": "why",
}
_OF_RECORD: dict[type[InputFact], dict[str, str]] = {
    ObligationAdjusted: {
        "installment_id": "if it is about one installment",
        "due_date": "if it is due on a day of its own",
        "kind": "if it is a fee",
    },
    PostingReversed: {"posting_id": "the posting that it takes back"},
    PayoutReported: {
        "amount_minor": "what is paid out",
        "account_id": "the bank account, if known",
        "arrival_date": "when it arrives on the account",
        "bank_reference": "what the statement will say, if known",
    },
    BankEntryBooked: {
        "account_id": "the bank account",
        "entry_id": "the bank's id",
        "booking_date": "when it is booked",
        "reference": "what the statement says",
        "text": "what the statement says",
    },
    EntryMatched: {
        "account_id": "the account of the entry",
        "entry_id": "an entry that is matched to no payout",
        "processor": "the processor of the payout",
        "payout_id": "the payout",
    },
}


class Kept(msgspec.Struct, frozen=True):
    """What the allocations of a `PaymentReassigned` leave of its money with an obligation, without an installment."""

    obligation_id: str
    amount_minor: int
    """0: nothing."""
    currency: str


class CorrectiveEvent(msgspec.Struct, frozen=True):
    """An input event that would resolve a break, alone or with others. Instants are microseconds since 1970."""

    struct: type[InputFact]
    fields: dict[str, Any]
    """The fields that it must have, by the contract's names; days are days since 1970."""
    must_precede: Micros | None = None
    """It must be dated before this instant."""
    is_correction: bool = True
    """With `must_precede`: it corrects a record of the same identity, of which the first counts. Else it is a record
    of its own that was missing, and its place in the order decides."""
    required_installment_ids: tuple[str, ...] = ()
    """The ids of installments that must be among its `installments`."""
    plan_sum_minor: int | None = None
    """What its `installments` must add up to, above 0; None where any sum will do."""
    currency: str = ""
    """The currency of `plan_sum_minor`, and of the amounts of `allocations`."""
    keeps: Kept | None = None
    """What its open `allocations` leave where it is."""

    net_sum_minor: int | None = None
    """What the open nets of all such events of the remedy add up to."""
    entry_minor: int | None = None
    """The amount of the open entry that is matched."""

    @property
    def type(self) -> str:
        """The record's name, such as `PaymentPosted`."""
        return self.struct.__name__

    @property
    def corrects(self) -> bool:
        """Whether it counts instead of a record that is known."""
        return self.must_precede is not None and self.is_correction

    @property
    def open_fields(self) -> dict[str, str]:
        """The other fields, each with what it should be."""
        names = self.struct.__struct_fields__
        known = _OPEN_FIELDS | _OF_RECORD.get(self.struct, {})
        found = {name: known.get(name, "as it is") for name in names if name not in self.fields}
        if self.must_precede is not None:
            found["occurred_at"] = f"before {instant_text(self.must_precede)}"
            if self.is_correction:
                found["occurred_at"] += ", so that it counts instead"
        if self.required_installment_ids:
            found["installments"] = f"installments as agreed, {listed(self.required_installment_ids)} among them"
        if self.plan_sum_minor is not None:
            found["installments"] += f"; they add up to {amount_text(self.plan_sum_minor, self.currency)}"
        if self.net_sum_minor is not None:
            found["net_minor"] = f"all of them add up to {amount_text(self.net_sum_minor, self.currency)}"
        if self.entry_minor is not None:
            found["entry_id"] = f"{found['entry_id']}, of {amount_text(self.entry_minor, self.currency)}"
        if self.keeps is not None:
            found["allocations"] = f"as decided; it {_kept_text(self.keeps)}"
        return found

    @property
    def text(self) -> str:
        """The event in words."""
        text = _text(self.struct, self.fields, self.currency)
        if self.required_installment_ids:
            text += f", with {listed(self.required_installment_ids)} among its installments"
        if self.plan_sum_minor is not None:
            text += f", whose installments add up to {amount_text(self.plan_sum_minor, self.currency)}"
        if self.keeps is not None:
            text += f" that {_kept_text(self.keeps)}"
        if self.entry_minor is not None:
            text += f", an entry of {amount_text(self.entry_minor, self.currency)}"
        if self.must_precede is not None:
            what = "a corrected record dated" if self.is_correction else "dated"
            text += f", {what} before {instant_text(self.must_precede)}"
        return text


class Candidate(NamedTuple):
    """What may resolve a break, before it is tried."""

    action: str
    """What happens, in a clause."""
    by: str
    """Who sends the events: `the app`, `the ledger`, a processor, `a person`."""
    events: list[CorrectiveEvent]


def _kept_text(kept: Kept) -> str:
    if not kept.amount_minor:
        return f"leaves nothing with obligation {kept.obligation_id}"
    amount = amount_text(kept.amount_minor, kept.currency)
    return f"leaves {amount} with obligation {kept.obligation_id}, first and without an installment"


def _text(struct: type[InputFact], fields: dict[str, Any], currency: str) -> str:
    currency = fields.get("currency", currency)
    amount = fields.get("gross_minor", fields.get("amount_minor", fields.get("amount_delta_minor")))
    of_amount = f" in {currency}" if amount is None else f" of {amount_text(amount, currency)}"
    obligation = f" for obligation {fields['obligation_id']}" if "obligation_id" in fields else ""
    if struct is ProcessorSettled:
        return _outcome_text(fields, of_amount)
    if struct is PaymentInitiated:
        payment = f" of payment {fields['payment_id']}" if "payment_id" in fields else ""
        named = f", naming reference {fields['processor_reference']}" if fields.get("processor_reference") else ""
        return f"a PaymentInitiated{payment}{of_amount}{obligation}{named}"
    if struct in {PayoutReported, BankEntryBooked, EntryMatched}:
        return _payout_text(struct, fields, of_amount)
    if struct is PaymentReassigned:
        return _reassignment_text(fields, currency)
    if struct is ReferenceAssigned:
        payment = f"payment {fields['payment_id']}" if "payment_id" in fields else "the payment"
        return f"a ReferenceAssigned of {fields['processor']} {fields['processor_reference']} to {payment}"
    if struct is PaymentPosted:
        named = f" as posting {fields['posting_id']}" if "posting_id" in fields else ""
        return f"a PaymentPosted{of_amount}{obligation}{named}"
    if struct is PostingReversed:
        named = f" {fields['reversal_id']}" if "reversal_id" in fields else ""
        named += f" of posting {fields['posting_id']}" if "posting_id" in fields else " of another posting"
        return f"a PostingReversed{named}{of_amount}"
    if struct is PlanChanged:
        version = f" (version {fields['plan_version']})" if "plan_version" in fields else ""
        single = " without installments: one installment of the whole balance" if "installments" in fields else ""
        return f"a PlanChanged of {fields['obligation_id']}{version}{single}"
    if struct is ObligationAdjusted:
        return f"an ObligationAdjusted of {fields['obligation_id']}{of_amount.replace(' of ', ' by ')}"
    if struct is ObligationReinstated:
        return f"an ObligationReinstated of {fields['obligation_id']}"
    return f"an {struct.__name__} of {fields['obligation_id']}{of_amount}"


def _payout_text(struct: type[InputFact], fields: dict[str, Any], of_amount: str) -> str:
    payout = f"payout {fields['payout_id']} of {fields['processor']}" if "payout_id" in fields else "the right payout"
    account = f" on account {fields['account_id']}" if "account_id" in fields else ""
    if struct is PayoutReported:
        other = fields.get("other_minor")
        for_none = f", {amount_text(other, fields['currency'])} of it for no payment" if other else ""
        return f"a PayoutReported {fields['status']}{of_amount}{for_none}, {payout}"
    entry = f" {fields['entry_id']}" if "entry_id" in fields else ""
    if struct is BankEntryBooked:
        return f"a BankEntryBooked{of_amount}{' as entry' * bool(entry)}{entry}{account}, naming {payout}"
    return f"an EntryMatched{' of entry' * bool(entry)}{entry}{account} to {payout}"


def _outcome_text(fields: dict[str, Any], of_amount: str) -> str:
    currency = fields.get("currency", "")
    if "outcome" not in fields:
        net = amount_text(fields["net_minor"], currency)
        return f"a ProcessorSettled that adds {net} to payout {fields['payout_id']} of {fields['processor']}"
    if "payment_id" not in fields:
        payment = " for the payment, named in it,"
    else:
        payment = "" if fields["payment_id"] is None else f" for payment {fields['payment_id']}"
    text = f"a ProcessorSettled {fields['outcome']}{of_amount}{payment}"
    if "processor" in fields:
        text += f" by {fields['processor']}"
    of_fee = fields.get("settlement_currency") or currency
    if fields.get("settlement_currency"):
        text += f", paid out in {of_fee}"
    for name in ("fee", "net"):
        if fields.get(f"{name}_minor") is not None:
            text += f", {name} {amount_text(fields[f'{name}_minor'], of_fee)}"
    if "processor_reference" in fields:
        text += f", attempt {fields.get('original_reference') or fields['processor_reference']}"
    if fields.get("payout_id"):
        text += f", payout {fields['payout_id']}"
    return text


def _reassignment_text(fields: dict[str, Any], currency: str) -> str:
    text = f"a PaymentReassigned of payment {fields['payment_id']}"
    if "assignment_version" in fields:
        text += f" (version {fields['assignment_version']})"
    if "allocations" in fields:
        parts = [f"{amount_text(each.amount_minor, currency)} to obligation {each.obligation_id}"
                 for each in fields["allocations"]]  # fmt: skip
        text += f": {listed(parts)}"
    return text
