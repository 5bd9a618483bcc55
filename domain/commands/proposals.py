"""What money in suspense may be of. Nobody has decided it, and none is applied."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PaymentSought:
    """What is known of the money of an unknown reference: which payment it may be for."""

    processor: str
    processor_reference: str
    amount_minor: int
    currency: str
    at: int | None
    """When its first record occurred, in microseconds since 1970; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What money in suspense may be of: a payment for a reference, a payout for an entry."""

    key_kind: str
    key: str
    reasons: tuple[str, ...]
    """What speaks for it."""
    doubts: tuple[str, ...] = ()
    """What speaks against it."""
