"""The state of a payment: its facts, each identity once (contract section 3).

States are packed as arrays and stored: fields may only be appended, with a default.
"""

from collections.abc import Iterator
from typing import ClassVar, Self, assert_never

import msgspec

from domain.decisions import Decisions, apply_decision
from domain.dedup import Accepted, merge, merge_into
from domain.facts import (
    Allocation,
    BreakDecided,
    Method,
    Outcome,
    PaymentFact,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PostingReversed,
    ProcessorSettled,
    ReferenceResolution,
)
from domain.outcomes import OF_SETTLEMENT, currency_of_net, cut_reason, may_fill_in, outcome_name, parts_of_outcome
from domain.time import Day


def _given(**terms: object) -> dict[str, object]:
    return {name: value for name, value in terms.items() if value is not None}


class Initiation(Accepted, array_like=True, gc=False):
    """The accepted `PaymentInitiated`."""

    filled_in: ClassVar[tuple[tuple[str, ...], ...]] = (("processor_reference",), ("installment_id",), ("allocations",))

    tenant_id: str
    property_id: str
    obligation_id: str
    installment_id: str | None
    amount_minor: int
    currency: str
    method: Method
    processor: str
    processor_reference: str | None
    allocations: tuple[Allocation, ...] | None
    tellings: "tuple[Initiation, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: PaymentInitiated) -> Self:
        """Take all fields but the key."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            fact.tenant_id,
            fact.property_id,
            fact.obligation_id,
            fact.installment_id,
            fact.amount_minor,
            fact.currency,
            fact.method,
            fact.processor,
            fact.processor_reference,
            fact.allocations,
        )

    def material_terms(self) -> dict[str, object]:
        """Give money and routing; the reference is neither."""
        return _given(
            amount_minor=self.amount_minor,
            currency=self.currency,
            obligation_id=self.obligation_id,
            installment_id=self.installment_id,
            allocations=self.allocations,
            tenant_id=self.tenant_id,
            property_id=self.property_id,
            method=self.method,
            processor=self.processor,
        )

    def may_fill_in(self, other: Self, names: tuple[str, ...]) -> bool:
        """Refuse what would leave the first allocation another installment than the record's own (section 2)."""
        if names == ("installment_id",):
            return self.allocations is None
        if names == ("allocations",):
            return other.installment_id == self.installment_id
        return True


class Assignment(Accepted, array_like=True, gc=False):
    """The accepted `PaymentReassigned` of an assignment version."""

    filled_in: ClassVar[tuple[tuple[str, ...], ...]] = (("actor",),)

    allocations: tuple[Allocation, ...]
    reason: str
    actor: str | None
    """Who moved the payment. Neither this nor the reason changes a view: they tell its story."""
    tellings: "tuple[Assignment, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: PaymentReassigned) -> Self:
        """Take all fields but the key and the version."""
        return cls(fact.event_id, fact.occurred_at, None, fact.allocations, fact.reason, fact.actor)

    def material_terms(self) -> dict[str, object]:
        """Give the routing."""
        return {"allocations": self.allocations}


class SettlementOutcome(Accepted, array_like=True, gc=False):
    """The accepted `ProcessorSettled` of one outcome on one reference, or of one of its movements."""

    filled_in: ClassVar[tuple[tuple[str, ...], ...]] = (
        OF_SETTLEMENT,
        ("reason_code",),
        ("payout_id",),
        ("value_date",),
        ("original_reference",),
    )

    gross_minor: int
    fee_minor: int | None
    net_minor: int | None
    currency: str
    value_date: Day | None
    reason_code: str | None
    """For the return rates of `domain.ach_returns`. No view reads it."""
    payout_id: str | None
    original_reference: str | None
    settlement_currency: str | None
    tellings: "tuple[SettlementOutcome, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: ProcessorSettled) -> Self:
        """Take all fields but the key and the identity."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            fact.gross_minor,
            fact.fee_minor,
            fact.net_minor,
            fact.currency,
            fact.value_date,
            cut_reason(fact),
            fact.payout_id,
            fact.original_reference,
            fact.settlement_currency,
        )

    def material_terms(self) -> dict[str, object]:
        """Give money, dates and routing; a reason is none of them."""
        return _given(
            gross_minor=self.gross_minor,
            fee_minor=self.fee_minor,
            net_minor=self.net_minor,
            currency=self.currency,
            value_date=self.value_date,
            payout_id=self.payout_id,
            original_reference=self.original_reference,
            settlement_currency=self.settlement_currency,
        )

    @property
    def currency_of_fee(self) -> str:
        """The currency of fee and net."""
        return currency_of_net(self)

    def may_fill_in(self, other: Self, names: tuple[str, ...]) -> bool:
        """Refuse to mix fee and net of two settlement currencies (contract section 3)."""
        return may_fill_in(self, other, names)


Outcomes = dict[str, SettlementOutcome]
"""What a processor reported on one reference: by outcome, or `outcome/movement_id` where it has one."""
Attempts = dict[str, dict[str, Outcomes]]
"""By processor and the reports' own reference. A report may be about the attempt of another reference."""
OutcomeId = tuple[str, str, Outcome, str]
"""Processor, processor_reference, outcome, and movement_id or ""."""


class Posting(Accepted, array_like=True, gc=False):
    """The accepted `PaymentPosted` of a posting id."""

    filled_in: ClassVar[tuple[tuple[str, ...], ...]] = (("installment_id",),)

    obligation_id: str
    installment_id: str | None
    amount_minor: int
    currency: str
    tellings: "tuple[Posting, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: PaymentPosted) -> Self:
        """Take all fields but the key and the identity."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            fact.obligation_id,
            fact.installment_id,
            fact.amount_minor,
            fact.currency,
        )

    def material_terms(self) -> dict[str, object]:
        """Give money and routing."""
        return _given(
            amount_minor=self.amount_minor,
            currency=self.currency,
            obligation_id=self.obligation_id,
            installment_id=self.installment_id,
        )


class Reversal(Accepted, array_like=True, gc=False):
    """The accepted `PostingReversed` of a reversal id."""

    obligation_id: str
    posting_id: str
    amount_minor: int
    currency: str
    tellings: "tuple[Reversal, ...] | None" = None

    @classmethod
    def from_fact(cls, fact: PostingReversed) -> Self:
        """Take the fields that a view can depend on."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            fact.obligation_id,
            fact.posting_id,
            fact.amount_minor,
            fact.currency,
        )

    def material_terms(self) -> dict[str, object]:
        """Give money and routing."""
        return {
            "amount_minor": self.amount_minor,
            "currency": self.currency,
            "obligation_id": self.obligation_id,
            "posting_id": self.posting_id,
        }


class Resolution(msgspec.Struct, array_like=True, gc=False):
    """The latest `ReferenceResolution` of a reference: settlement records that belong to the payment by holding it."""

    revision: int
    records: tuple[ProcessorSettled, ...]
    """Empty once the payment holds the reference no longer."""


class PaymentState(msgspec.Struct, array_like=True, gc=False):
    """The accepted facts of a payment. It survives a round trip through `msgspec.msgpack`."""

    payment_id: str
    initiation: Initiation | None = None
    attempts: Attempts = {}
    """Of the records that name the payment. `outcomes` adds those of the resolutions."""
    postings: dict[str, Posting] = {}
    """By posting id."""
    reversals: dict[str, Reversal] = {}
    """By reversal id."""
    assignments: dict[int, Assignment] = {}
    """By assignment version; version 0 is the initiation's own."""
    resolutions: dict[str, Resolution] = {}
    """By reference key."""
    decisions: Decisions = {}


def new_payment(payment_id: str) -> PaymentState:
    """Create the state of a payment without facts."""
    return PaymentState(payment_id)


def apply(state: PaymentState, fact: PaymentFact) -> bool:
    """Apply a fact to a state, in place. Of the resolutions of one reference the highest revision counts.

    Returns:
        Whether anything changed; False for a redelivery.

    """
    if isinstance(fact, ProcessorSettled):
        return _merge_outcome(state.attempts, fact)
    if isinstance(fact, PaymentPosted):
        return merge_into(state.postings, fact.posting_id, Posting.from_fact(fact))
    if isinstance(fact, PaymentInitiated):
        initiation = merge(state.initiation, Initiation.from_fact(fact))
        if initiation is None:
            return False
        state.initiation = initiation
        return True
    if isinstance(fact, PostingReversed):
        return merge_into(state.reversals, fact.reversal_id, Reversal.from_fact(fact))
    if isinstance(fact, PaymentReassigned):
        return merge_into(state.assignments, fact.assignment_version, Assignment.from_fact(fact))
    if isinstance(fact, ReferenceResolution):
        known = state.resolutions.get(fact.reference_key)
        if known is not None and known.revision >= fact.revision:
            return False
        state.resolutions[fact.reference_key] = Resolution(fact.revision, fact.records)
        return True
    if isinstance(fact, BreakDecided):
        return apply_decision(state.decisions, fact)
    assert_never(fact)


def _merge_outcome(attempts: Attempts, fact: ProcessorSettled) -> bool:
    references = attempts.get(fact.processor)
    if references is None:
        references = attempts[fact.processor] = {}
    outcomes = references.get(fact.processor_reference)
    if outcomes is None:
        outcomes = references[fact.processor_reference] = {}
    return merge_into(outcomes, outcome_name(fact), SettlementOutcome.from_fact(fact))


def resolved(state: PaymentState) -> PaymentState:
    """Give the payment with the records of its resolutions among its attempts, as if they had named it.

    Returns:
        The state itself, if it has none; else another, whose `attempts` are all there are, and which must not change.

    """
    if not state.resolutions:
        return state
    attempts: Attempts = {
        processor: {reference: outcomes.copy() for reference, outcomes in references.items()}
        for processor, references in state.attempts.items()
    }
    for resolution in state.resolutions.values():
        for record in resolution.records:
            _merge_outcome(attempts, record)
    return msgspec.structs.replace(state, attempts=attempts, resolutions={})


def outcomes(state: PaymentState) -> Iterator[tuple[OutcomeId, SettlementOutcome]]:
    """Give every outcome that was reported of a payment, those of its resolutions included."""
    for processor, references in resolved(state).attempts.items():
        for reference, reported in references.items():
            for name, accepted in reported.items():
                yield outcome_id(processor, reference, name), accepted


def outcome_id(processor: str, reference: str, name: str) -> OutcomeId:
    """Give the identity of an outcome by its names in `Attempts`."""
    return (processor, reference, *parts_of_outcome(name))


def outcome_subject(identity: OutcomeId) -> tuple[str, ...]:
    """Give the record type and the identity, as the subject of a break has them: an empty movement_id is no part."""
    return ("ProcessorSettled", *identity) if identity[3] else ("ProcessorSettled", *identity[:3])


def identities(state: PaymentState) -> Iterator[tuple[tuple[str, ...], Accepted]]:
    """Give every identity of a payment, as its record type and id, with the accepted record."""
    if state.initiation is not None:
        yield ("PaymentInitiated",), state.initiation
    for identity, accepted in outcomes(state):
        yield outcome_subject(identity), accepted
    for posting_id, posting in state.postings.items():
        yield ("PaymentPosted", posting_id), posting
    for reversal_id, reversal in state.reversals.items():
        yield ("PostingReversed", reversal_id), reversal
    for version, assignment in state.assignments.items():
        yield ("PaymentReassigned", str(version)), assignment
