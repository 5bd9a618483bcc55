"""The state of a payment: its facts, each identity once (contract section 3).

States are packed as arrays and stored: fields may only be appended, with a default.
"""

from collections.abc import Iterator
from typing import Self, assert_never

import msgspec

from domain.dedup import Accepted, merge, merge_into
from domain.facts import (
    Method,
    Outcome,
    PaymentFact,
    PaymentInitiated,
    PaymentPosted,
    PostingReversed,
    ProcessorSettled,
)
from domain.time import Day

REASON_CHARACTERS = 16
"""A reason code is cut to this length. NACHA's have three characters, but an input may say anything."""


class Initiation(Accepted, array_like=True, gc=False):
    """The accepted `PaymentInitiated`."""

    tenant_id: str
    property_id: str
    obligation_id: str
    installment_id: str | None
    amount_minor: int
    currency: str
    method: Method
    processor: str

    @classmethod
    def from_fact(cls, fact: PaymentInitiated) -> Self:
        """Take the fields that a view can depend on."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            False,
            fact.tenant_id,
            fact.property_id,
            fact.obligation_id,
            fact.installment_id,
            fact.amount_minor,
            fact.currency,
            fact.method,
            fact.processor,
        )

    def material_terms(self) -> tuple[object, ...]:
        """Give money and routing."""
        return (
            self.amount_minor,
            self.currency,
            self.obligation_id,
            self.installment_id,
            self.tenant_id,
            self.property_id,
            self.method,
            self.processor,
        )


class SettlementOutcome(Accepted, array_like=True, gc=False):
    """The accepted `ProcessorSettled` of one outcome of an attempt."""

    gross_minor: int
    fee_minor: int
    net_minor: int
    currency: str
    value_date: Day | None
    reason_code: str | None = None
    """Of a RETURNED only, for the return rates of `domain.ach_returns`. No view reads it."""

    @classmethod
    def from_fact(cls, fact: ProcessorSettled) -> Self:
        """Take the fields that a view or a return rate can depend on."""
        is_return = fact.outcome == "RETURNED"
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            False,
            fact.gross_minor,
            fact.fee_minor,
            fact.net_minor,
            fact.currency,
            fact.value_date,
            fact.reason_code[:REASON_CHARACTERS] if is_return and fact.reason_code else None,
        )

    def material_terms(self) -> tuple[object, ...]:
        """Give money and dates; a reason is neither."""
        return self.gross_minor, self.fee_minor, self.net_minor, self.currency, self.value_date


class Attempt(msgspec.Struct, array_like=True, gc=False):
    """The outcomes that a processor reported for one reference."""

    settled: SettlementOutcome | None = None
    failed: SettlementOutcome | None = None
    returned: SettlementOutcome | None = None
    refunded: SettlementOutcome | None = None
    chargeback: SettlementOutcome | None = None
    chargeback_reversed: SettlementOutcome | None = None

    def outcomes(self) -> Iterator[tuple[Outcome, SettlementOutcome]]:
        """Give the outcomes that were reported."""
        for outcome, slot in SLOT_OF_OUTCOME.items():
            accepted: SettlementOutcome | None = getattr(self, slot)
            if accepted is not None:
                yield outcome, accepted


SLOT_OF_OUTCOME: dict[Outcome, str] = {
    "SETTLED": "settled",
    "FAILED": "failed",
    "RETURNED": "returned",
    "REFUNDED": "refunded",
    "CHARGEBACK": "chargeback",
    "CHARGEBACK_REVERSED": "chargeback_reversed",
}


class Posting(Accepted, array_like=True, gc=False):
    """The accepted `PaymentPosted` of a posting id."""

    obligation_id: str
    installment_id: str | None
    amount_minor: int
    currency: str

    @classmethod
    def from_fact(cls, fact: PaymentPosted) -> Self:
        """Take the fields that a view can depend on."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            False,
            fact.obligation_id,
            fact.installment_id,
            fact.amount_minor,
            fact.currency,
        )

    def material_terms(self) -> tuple[object, ...]:
        """Give money and routing."""
        return self.amount_minor, self.currency, self.obligation_id, self.installment_id


class Reversal(Accepted, array_like=True, gc=False):
    """The accepted `PostingReversed` of a reversal id."""

    obligation_id: str
    posting_id: str
    amount_minor: int
    currency: str

    @classmethod
    def from_fact(cls, fact: PostingReversed) -> Self:
        """Take the fields that a view can depend on."""
        return cls(
            fact.event_id,
            fact.occurred_at,
            None,
            False,
            fact.obligation_id,
            fact.posting_id,
            fact.amount_minor,
            fact.currency,
        )

    def material_terms(self) -> tuple[object, ...]:
        """Give money and routing as contract section 3 lists them; the posting is not among them."""
        return self.amount_minor, self.currency, self.obligation_id


class PaymentState(msgspec.Struct, array_like=True, gc=False):
    """The accepted facts of a payment. It survives a round trip through `msgspec.msgpack`."""

    payment_id: str
    initiation: Initiation | None = None
    attempts: dict[str, dict[str, Attempt]] = {}
    """By processor and reference."""
    postings: dict[str, Posting] = {}
    """By posting id."""
    reversals: dict[str, Reversal] = {}
    """By reversal id."""


def new_payment(payment_id: str) -> PaymentState:
    """Create the state of a payment without facts."""
    return PaymentState(payment_id)


def apply(state: PaymentState, fact: PaymentFact) -> bool:
    """Apply a fact to a state, in place.

    Returns:
        Whether anything changed; False for a redelivery.

    """
    if isinstance(fact, ProcessorSettled):
        return _apply_outcome(state, fact)
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
    assert_never(fact)


def _apply_outcome(state: PaymentState, fact: ProcessorSettled) -> bool:
    references = state.attempts.get(fact.processor)
    if references is None:
        references = state.attempts[fact.processor] = {}
    attempt = references.get(fact.processor_reference)
    if attempt is None:
        attempt = references[fact.processor_reference] = Attempt()
    slot = SLOT_OF_OUTCOME[fact.outcome]
    accepted: SettlementOutcome | None = getattr(attempt, slot)
    outcome = merge(accepted, SettlementOutcome.from_fact(fact))
    if outcome is None:
        return False
    setattr(attempt, slot, outcome)
    return True


def identities(state: PaymentState) -> Iterator[tuple[tuple[str, ...], Accepted]]:
    """Give every identity of a payment, as its record type and id, with the accepted record."""
    if state.initiation is not None:
        yield ("PaymentInitiated",), state.initiation
    for processor, references in state.attempts.items():
        for reference, attempt in references.items():
            for outcome, accepted in attempt.outcomes():
                yield ("ProcessorSettled", processor, reference, outcome), accepted
    for posting_id, posting in state.postings.items():
        yield ("PaymentPosted", posting_id), posting
    for reversal_id, reversal in state.reversals.items():
        yield ("PostingReversed", reversal_id), reversal
