"""What each key contributes to the tally of its partition, beside its breaks and alerts.

`Published` keeps the contribution that was counted last, packed, so that it can be taken back.
"""

from typing import Any

import msgspec

from domain.ach_returns import Event, entry_events
from domain.bank_entries.view import BankEntryState, BankEntryView
from domain.obligations.view import ObligationView
from domain.payments.view import PaymentState, PaymentView
from domain.payouts.view import PayoutView
from domain.publishing import Counted
from domain.records import PayoutStatus, ReferenceStatus
from domain.references.view import ReferenceView
from domain.time import Day


class PaymentContribution(msgspec.Struct, frozen=True, gc=False):
    """What a payment contributes beside its breaks."""

    status: str
    currency: str
    standing_minor: int
    posted_minor: int
    sources_present: int
    """Index in `SOURCES_PRESENT`."""
    ach: tuple[Event, ...]

    def packed(self) -> Counted:
        """Give the form that `Published` keeps."""
        return self.status, self.currency, self.standing_minor, self.posted_minor, self.sources_present, *self.ach

    @property
    def money(self) -> tuple[int, int, int]:
        """The vector of `MONEY`."""
        return self.standing_minor, self.posted_minor, abs(self.standing_minor - self.posted_minor)


class ObligationContribution(msgspec.Struct, frozen=True, gc=False):
    """What a charged obligation contributes beside its breaks and alerts."""

    status: str
    ageing_bucket: str
    currency: str
    balance_minor: int
    paid_minor: int

    def packed(self) -> Counted:
        """Give the form that `Published` keeps."""
        return self.status, self.ageing_bucket, self.currency, self.balance_minor, self.paid_minor

    @property
    def money(self) -> tuple[int, int]:
        """The vector of `OWED`."""
        return self.balance_minor, self.paid_minor


class ReferenceContribution(msgspec.Struct, frozen=True, gc=False):
    """What a reference with a reconciliation contributes beside its breaks."""

    status: str
    suspense: tuple[tuple[str, int], ...]
    """Gross by currency, while nobody holds it."""

    def packed(self) -> Counted:
        """Give the form that `Published` keeps."""
        return self.status, *(each for pair in self.suspense for each in pair)


class PayoutContribution(msgspec.Struct, frozen=True, gc=False):
    """What a payout contributes beside its breaks."""

    status: str
    currency: str
    collected_minor: int
    """Its lines, and what in it belongs to no payment."""
    deposited_minor: int
    under_way_minor: int
    """Of what is PAID and in transit: what is not on the bank account, unless people have accepted that."""
    arrival_date: Day
    """0 while nothing is under way."""

    def packed(self) -> Counted:
        """Give the form that `Published` keeps."""
        return (
            self.status,
            self.currency,
            self.collected_minor,
            self.deposited_minor,
            self.under_way_minor,
            self.arrival_date,
        )


class BankEntryContribution(msgspec.Struct, frozen=True, gc=False):
    """What a bank entry that is booked contributes beside its breaks."""

    matched_by: str
    """Or `UNMATCHED`."""
    currency: str
    """Empty where it belongs to a payout."""
    unmatched_minor: int
    """The amount of one that belongs to no payout, whatever its sign."""

    def packed(self) -> Counted:
        """Give the form that `Published` keeps."""
        return (self.matched_by, self.currency, self.unmatched_minor) if self.currency else (self.matched_by,)


UNMATCHED = "unmatched"
"""Of a bank entry that belongs to no payout."""


NO_RECORD: Counted = ("",)
"""The packed contribution of a key without a reconciliation: breaks alone. Not empty: it has been counted."""

NO_PAYMENT = PaymentContribution(status="", currency="", standing_minor=0, posted_minor=0, sources_present=0, ach=())
NO_OBLIGATION = ObligationContribution(status="", ageing_bucket="", currency="", balance_minor=0, paid_minor=0)
NO_REFERENCE = ReferenceContribution(status="", suspense=())
NO_PAYOUT = PayoutContribution(
    status="", currency="", collected_minor=0, deposited_minor=0, under_way_minor=0, arrival_date=0
)
NO_BANK_ENTRY = BankEntryContribution(matched_by="", currency="", unmatched_minor=0)


def payment_contribution(state: PaymentState, view: PaymentView, today: Day) -> PaymentContribution:
    """Give what a payment contributes; nothing without a reconciliation."""
    reconciliation = view.reconciliation
    if reconciliation is None:
        return NO_PAYMENT
    from_processor = bool(state.attempts or (state.resolutions and any(r.records for r in state.resolutions.values())))
    from_ledger = bool(state.postings or state.reversals)
    sources_present = (state.initiation is not None) | (2 if from_processor else 0) | (4 if from_ledger else 0)
    ach = entry_events(state, today) if from_processor else ()
    return PaymentContribution(
        reconciliation.status,
        reconciliation.currency,
        reconciliation.settled.standing_minor,
        reconciliation.posted.net_minor,
        sources_present,
        ach,
    )


def obligation_contribution(view: ObligationView) -> ObligationContribution:
    """Give what an obligation contributes; nothing without a reconciliation."""
    reconciliation = view.reconciliation
    if reconciliation is None:
        return NO_OBLIGATION
    return ObligationContribution(
        reconciliation.status,
        reconciliation.ageing_bucket,
        reconciliation.currency,
        reconciliation.balance_minor,
        reconciliation.paid_minor,
    )


def reference_contribution(view: ReferenceView) -> ReferenceContribution:
    """Give what a reference contributes; nothing without a reconciliation."""
    reconciliation = view.reconciliation
    if reconciliation is None:
        return NO_REFERENCE
    is_suspense = reconciliation.status is ReferenceStatus.SUSPENSE
    return ReferenceContribution(
        reconciliation.status, tuple(sorted(reconciliation.gross_minor.items())) if is_suspense else ()
    )


def payout_contribution(view: PayoutView) -> PayoutContribution:
    """Give what a payout contributes; nothing without a reconciliation."""
    reconciliation = view.reconciliation
    if reconciliation is None:
        return NO_PAYOUT
    status, under_way = reconciliation.status, 0
    # A deposit that people have accepted as it is stays "in transit" by its amounts, and is not waited for.
    is_accepted = any(one.is_accepted and one.subject[0] == "deposit" for one in view.breaks)
    if status is PayoutStatus.IN_TRANSIT and not is_accepted:
        under_way = (reconciliation.amount_minor or 0) - reconciliation.deposited_minor
    return PayoutContribution(
        status=status,
        currency=reconciliation.currency,
        collected_minor=reconciliation.lines_minor + reconciliation.other_minor,
        deposited_minor=reconciliation.deposited_minor,
        under_way_minor=under_way,
        arrival_date=(reconciliation.arrival_date or 0) if under_way else 0,
    )


def bank_entry_contribution(state: BankEntryState, view: BankEntryView) -> BankEntryContribution:
    """Give what a bank entry contributes; nothing before it is booked."""
    booking = state.booking
    if booking is None:
        return NO_BANK_ENTRY
    if view.matched_by is not None:
        return BankEntryContribution(matched_by=view.matched_by, currency="", unmatched_minor=0)
    return BankEntryContribution(
        matched_by=UNMATCHED, currency=booking.currency, unmatched_minor=abs(booking.amount_minor)
    )


def counted_payment(counted: Counted) -> PaymentContribution:
    """Give the contribution of a payment as it was packed."""
    if not counted or counted == NO_RECORD:
        return NO_PAYMENT
    fields: Any = counted
    status, currency, standing_minor, posted_minor, sources_present, *ach = fields
    return PaymentContribution(status, currency, standing_minor, posted_minor, sources_present, tuple(ach))


def counted_obligation(counted: Counted) -> ObligationContribution:
    """Give the contribution of an obligation as it was packed."""
    if not counted or counted == NO_RECORD:
        return NO_OBLIGATION
    fields: Any = counted
    return ObligationContribution(*fields)


def counted_reference(counted: Counted) -> ReferenceContribution:
    """Give the contribution of a reference as it was packed."""
    if not counted or counted == NO_RECORD:
        return NO_REFERENCE
    fields: Any = counted
    status, *pairs = fields
    return ReferenceContribution(status, tuple(zip(pairs[::2], pairs[1::2], strict=True)))


def counted_payout(counted: Counted) -> PayoutContribution:
    """Give the contribution of a payout as it was packed."""
    if not counted or counted == NO_RECORD:
        return NO_PAYOUT
    fields: Any = counted
    return PayoutContribution(*fields)


def counted_bank_entry(counted: Counted) -> BankEntryContribution:
    """Give the contribution of a bank entry as it was packed."""
    if not counted or counted == NO_RECORD:
        return NO_BANK_ENTRY
    fields: Any = counted
    matched_by, currency, unmatched_minor = fields if len(fields) > 1 else (*fields, "", 0)
    return BankEntryContribution(matched_by, currency, unmatched_minor)
