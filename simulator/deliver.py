"""A delivery: one Kafka record as the service receives it, and its bytes."""

from collections.abc import Callable
from typing import Literal

import msgspec

from domain.facts import (
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    InputFact,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
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
from domain.time import Micros

InputTopic = Literal["payment-initiated", "processor-settled", "ledger-events", "payouts", "bank-entries", "decisions"]
"""An input topic by its default name."""

Damage = Literal["truncated", "trailing"]
"""Damage to good bytes on the way: the end is cut off, or bytes are appended."""


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """One record on an input topic. Either `fact` or `raw` is given."""

    topic: InputTopic
    key: str
    arrives_at: Micros
    fact: InputFact | None = None
    raw: bytes | None = None
    """Bytes that no encoder made."""
    damage: Damage | None = None
    fault: str | None = None
    """The kind of bad input, because of which the record must become a dead letter; None if it is good."""

    @property
    def is_bad(self) -> bool:
        """It must become a dead letter."""
        return self.fault is not None


def topic_and_key(fact: InputFact) -> tuple[InputTopic, str]:
    """Return the topic a fact comes on, by its default name, and its key there (contract section 2)."""
    match fact:
        case PaymentInitiated() | PaymentReassigned() | ReferenceAssigned():
            return "payment-initiated", fact.payment_id
        case ProcessorSettled():
            # A processor that does not know the payment keys the record by its reference.
            return "processor-settled", fact.payment_id or fact.reference_key
        case ObligationCharged() | PlanChanged() | ObligationAdjusted():
            return "ledger-events", fact.obligation_id
        case ObligationCancelled() | ObligationReinstated() | PaymentPosted() | PostingReversed():
            return "ledger-events", fact.obligation_id
        case PayoutReported():
            return "payouts", fact.payout_id
        case BankEntryBooked() | EntryMatched():
            return "bank-entries", fact.account_id
        case BreakDecided():
            return "decisions", fact.key


def value_of(delivery: Delivery, encode: Callable[[InputFact, str], bytes]) -> bytes:
    """Return the record's value: bytes that `encode(fact, topic name)` makes of any fact, valid or not, then damaged.

    Raises:
        ValueError: the delivery has neither a fact nor raw bytes.

    """
    if delivery.raw is not None:
        return delivery.raw
    if delivery.fact is None:
        raise ValueError(f"a delivery on {delivery.topic} with neither a fact nor bytes")
    value = encode(delivery.fact, delivery.topic)
    match delivery.damage:
        case "truncated":
            # A record cut short anywhere is one that ends too early: Avro has no optional tail.
            return value[: len(value) - max(1, len(value) // 3)]
        case "trailing":
            return value + b"\x00\x7f"
        case None:
            return value
