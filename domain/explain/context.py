"""A break beside everything that its explanation is derived from."""

from typing import ClassVar, Literal, TypeAlias

import msgspec

from domain.breaks.model import Break
from domain.obligations.state import ObligationState
from domain.payments.state import PaymentState
from domain.payments.totals import PaymentTotals, add_up
from domain.policy import Policy


class PaymentContext(msgspec.Struct, frozen=True):
    """A break of a payment."""

    key_kind: ClassVar[Literal["payment"]] = "payment"

    state: PaymentState
    totals: PaymentTotals
    mismatch: Break
    policy: Policy

    @property
    def key(self) -> str:
        """The payment_id."""
        return self.state.payment_id


class ObligationContext(msgspec.Struct, frozen=True):
    """A break of an obligation."""

    key_kind: ClassVar[Literal["obligation"]] = "obligation"

    state: ObligationState
    mismatch: Break
    policy: Policy

    @property
    def key(self) -> str:
        """The obligation_id."""
        return self.state.obligation_id


Context: TypeAlias = PaymentContext | ObligationContext


def context_of(state: PaymentState | ObligationState, mismatch: Break, policy: Policy) -> Context:
    """Put a break beside the state of its key; a payment is added up here, once for its explanation."""
    if isinstance(state, PaymentState):
        return PaymentContext(state, add_up(state), mismatch, policy)
    return ObligationContext(state, mismatch, policy)
