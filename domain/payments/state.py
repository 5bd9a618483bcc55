"""What is remembered of a payment: its facts, each once, without its id (contract section 3)."""

from collections.abc import Iterator
from typing import assert_never

import msgspec

from domain.dedup import Accepted, merge
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
"""So much is kept of a reason code: NACHA's have three characters, but an input may say anything."""


class Initiation(Accepted, array_like=True, gc=False):
    """The `PaymentInitiated` that holds."""

    tenant_id: str
    property_id: str
    obligation_id: str
    installment_id: str | None
    amount_minor: int
    currency: str
    method: Method
    processor: str

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
    """The `ProcessorSettled` that holds for one outcome of an attempt."""

    gross_minor: int
    fee_minor: int
    net_minor: int
    currency: str
    value_date: Day | None
    reason_code: str | None = None
    """Of a RETURNED alone, as far as it can be a code: it tells returns apart (domain/tally.py). No view reads it."""

    def material_terms(self) -> tuple[object, ...]:
        """Give money and dates: a reason is neither."""
        return self.gross_minor, self.fee_minor, self.net_minor, self.currency, self.value_date


class Attempt(msgspec.Struct, array_like=True, gc=False):
    """What a processor said of one reference, by outcome."""

    settled: SettlementOutcome | None = None
    failed: SettlementOutcome | None = None
    returned: SettlementOutcome | None = None
    refunded: SettlementOutcome | None = None
    chargeback: SettlementOutcome | None = None
    chargeback_reversed: SettlementOutcome | None = None

    def outcomes(self) -> Iterator[tuple[Outcome, SettlementOutcome]]:
        """Give the legs that are known."""
        for outcome, slot in SLOT_OF_OUTCOME.items():
            reported: SettlementOutcome | None = getattr(self, slot)
            if reported is not None:
                yield outcome, reported


SLOT_OF_OUTCOME: dict[Outcome, str] = {
    "SETTLED": "settled",
    "FAILED": "failed",
    "RETURNED": "returned",
    "REFUNDED": "refunded",
    "CHARGEBACK": "chargeback",
    "CHARGEBACK_REVERSED": "chargeback_reversed",
}


class Posting(Accepted, array_like=True, gc=False):
    """The `PaymentPosted` that holds for a posting id."""

    obligation_id: str
    installment_id: str | None
    amount_minor: int
    currency: str

    def material_terms(self) -> tuple[object, ...]:
        """Give money and routing."""
        return self.amount_minor, self.currency, self.obligation_id, self.installment_id


class Reversal(Accepted, array_like=True, gc=False):
    """The `PostingReversed` that holds for a reversal id."""

    obligation_id: str
    posting_id: str
    amount_minor: int
    currency: str

    def material_terms(self) -> tuple[object, ...]:
        """Give money and routing as section 3 lists them: the posting is not among them."""
        return self.amount_minor, self.currency, self.obligation_id


class PaymentState(msgspec.Struct, array_like=True):
    """The facts learned of a payment. Packs with `msgspec.msgpack` and unpacks to the same."""

    payment_id: str
    initiation: Initiation | None = None
    attempts: dict[str, dict[str, Attempt]] = {}
    """By processor and reference."""
    postings: dict[str, Posting] = {}
    """By posting id."""
    reversals: dict[str, Reversal] = {}
    """By reversal id."""


def new_payment(payment_id: str) -> PaymentState:
    """Begin a payment of which nothing is known."""
    return PaymentState(payment_id)


def apply(state: PaymentState, fact: PaymentFact) -> bool:
    """Learn a fact, in place.

    Returns:
        Whether anything changed; False for a redelivery.

    """
    if isinstance(fact, ProcessorSettled):
        return _apply_outcome(state, fact)
    if isinstance(fact, PaymentInitiated):
        initiation = merge(
            state.initiation,
            Initiation(
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
            ),
        )
        if initiation is None:
            return False
        state.initiation = initiation
        return True
    if isinstance(fact, PaymentPosted):
        posting = merge(
            state.postings.get(fact.posting_id),
            Posting(
                fact.event_id,
                fact.occurred_at,
                None,
                False,
                fact.obligation_id,
                fact.installment_id,
                fact.amount_minor,
                fact.currency,
            ),
        )
        if posting is None:
            return False
        state.postings[fact.posting_id] = posting
        return True
    if isinstance(fact, PostingReversed):
        reversal = merge(
            state.reversals.get(fact.reversal_id),
            Reversal(
                fact.event_id,
                fact.occurred_at,
                None,
                False,
                fact.obligation_id,
                fact.posting_id,
                fact.amount_minor,
                fact.currency,
            ),
        )
        if reversal is None:
            return False
        state.reversals[fact.reversal_id] = reversal
        return True
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
    reported = merge(
        accepted,
        SettlementOutcome(
            fact.event_id,
            fact.occurred_at,
            None,
            False,
            fact.gross_minor,
            fact.fee_minor,
            fact.net_minor,
            fact.currency,
            fact.value_date,
            fact.reason_code[:REASON_CHARACTERS] if fact.reason_code and fact.outcome == "RETURNED" else None,
        ),
    )
    if reported is None:
        return False
    setattr(attempt, slot, reported)
    return True


def identities(state: PaymentState) -> Iterator[tuple[tuple[str, ...], Accepted]]:
    """Give every identity known of a payment, as record type and identity, with what holds for it."""
    if state.initiation is not None:
        yield ("PaymentInitiated",), state.initiation
    for processor, references in state.attempts.items():
        for reference, attempt in references.items():
            for outcome, reported in attempt.outcomes():
                yield ("ProcessorSettled", processor, reference, outcome), reported
    for posting_id, posting in state.postings.items():
        yield ("PaymentPosted", posting_id), posting
    for reversal_id, reversal in state.reversals.items():
        yield ("PostingReversed", reversal_id), reversal
