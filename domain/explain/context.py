"""A break beside everything that its explanation is derived from."""

from typing import ClassVar, Literal, TypeAlias

import msgspec

from domain.bank_entries.state import BankEntryState
from domain.breaks.model import Break
from domain.ids import parts_of_key
from domain.obligations.state import ObligationState
from domain.payments import view as payment
from domain.payments.state import PaymentState, resolved
from domain.payments.totals import PaymentTotals, add_up
from domain.payouts.state import PayoutState
from domain.payouts.totals import PayoutTotals, open_to
from domain.payouts.totals import add_up as add_up_payout
from domain.policy import Policy
from domain.records import AllocationView
from domain.references.state import ReferenceState
from domain.time import Micros

State: TypeAlias = PaymentState | ObligationState | ReferenceState | PayoutState | BankEntryState


class PaymentContext(msgspec.Struct, frozen=True):
    """A break of a payment."""

    key_kind: ClassVar[Literal["payment"]] = "payment"

    state: PaymentState
    whole: PaymentState
    """The state with the settlement records that the payment has by holding their references."""
    totals: PaymentTotals
    allocations: tuple[AllocationView, ...]
    """Those in force, with the money that each gets; none before the initiation."""
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


class ReferenceContext(msgspec.Struct, frozen=True):
    """A break of a reference."""

    key_kind: ClassVar[Literal["reference"]] = "reference"

    state: ReferenceState
    mismatch: Break
    policy: Policy

    @property
    def key(self) -> str:
        """The reference_key."""
        return self.state.reference_key

    @property
    def processor(self) -> str:
        """The processor."""
        return parts_of_key(self.key)[0]

    @property
    def reference(self) -> str:
        """The processor's reference."""
        return parts_of_key(self.key)[1]


class PayoutContext(msgspec.Struct, frozen=True):
    """A break of a payout."""

    key_kind: ClassVar[Literal["payout"]] = "payout"

    state: PayoutState
    totals: PayoutTotals | None
    """None if no line, report or entry is known (any more)."""
    mismatch: Break
    policy: Policy

    @property
    def key(self) -> str:
        """The payout_key."""
        return self.state.payout_key

    @property
    def processor(self) -> str:
        """The processor."""
        return parts_of_key(self.key)[0]

    @property
    def payout_id(self) -> str:
        """The processor's name for the payout."""
        return parts_of_key(self.key)[1]


class BankEntryContext(msgspec.Struct, frozen=True):
    """A break of a bank entry."""

    key_kind: ClassVar[Literal["bank_entry"]] = "bank_entry"

    state: BankEntryState
    mismatch: Break
    policy: Policy

    @property
    def key(self) -> str:
        """The bank_entry_key."""
        return self.state.bank_entry_key

    @property
    def account_id(self) -> str:
        """The bank account."""
        return parts_of_key(self.key)[0]

    @property
    def entry_id(self) -> str:
        """The entry on the account."""
        return parts_of_key(self.key)[1]


Context: TypeAlias = PaymentContext | ObligationContext | ReferenceContext | PayoutContext | BankEntryContext


def context_of(state: State, mismatch: Break, now: Micros, policy: Policy) -> Context:
    """Put a break beside the state of its key; a payment is added up here, once for its explanation."""
    if isinstance(state, PaymentState):
        reconciliation = payment.view(state, now, policy).reconciliation
        allocations = () if reconciliation is None else reconciliation.allocations
        return PaymentContext(state, resolved(state), add_up(state), allocations, mismatch, policy)
    if isinstance(state, ObligationState):
        return ObligationContext(state, mismatch, policy)
    if isinstance(state, PayoutState):
        group = open_to(state)
        return PayoutContext(state, add_up_payout(state, None if group is None else group[0]), mismatch, policy)
    if isinstance(state, BankEntryState):
        return BankEntryContext(state, mismatch, policy)
    return ReferenceContext(state, mismatch, policy)
