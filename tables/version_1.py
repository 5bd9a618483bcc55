"""The states of version 1 of the contract, as changelogs and stores still have them, and what they are in version 2.

A worker reads such a value when it needs the key, and writes it back in the form of today (`tables/packing.py`); and
once no worker of version 1 is in the group, it goes through all of them (`KeyedTable`), so that what version 2 sees in
them is published. This module can go when no installation has state of version 1 any more.
"""

from typing import Any

import msgspec

from domain.dedup import Version1
from domain.facts import Installment, Method, Share
from domain.obligations import state as obligations
from domain.obligations.state import ObligationState
from domain.payments import state as payments
from domain.payments.state import PaymentState
from domain.time import Day, Micros


class _Accepted(msgspec.Struct, array_like=True, gc=False):
    event_id: str
    occurred_at: Micros
    duplicate_event_ids: set[str] | None
    conflict: bool

    @property
    def version_1(self) -> Version1 | None:
        """What is known of the other records of the identity: their ids, and whether they differed."""
        others = self.duplicate_event_ids
        if not others and not self.conflict:
            return None
        return Version1(tuple(sorted({self.event_id, *(others or ())})), self.conflict)

    def head(self) -> tuple[str, Micros, Version1 | None]:
        """The first three fields of a record that holds."""
        return self.event_id, self.occurred_at, self.version_1


class _Initiation(_Accepted, array_like=True, gc=False):
    tenant_id: str
    property_id: str
    obligation_id: str
    installment_id: str | None
    amount_minor: int
    currency: str
    method: Method
    processor: str


class _SettlementOutcome(_Accepted, array_like=True, gc=False):
    gross_minor: int
    fee_minor: int
    net_minor: int
    currency: str
    value_date: Day | None
    reason_code: str | None = None


class _Attempt(msgspec.Struct, array_like=True, gc=False):
    settled: _SettlementOutcome | None = None
    failed: _SettlementOutcome | None = None
    returned: _SettlementOutcome | None = None
    refunded: _SettlementOutcome | None = None
    chargeback: _SettlementOutcome | None = None
    chargeback_reversed: _SettlementOutcome | None = None


class _Posting(_Accepted, array_like=True, gc=False):
    obligation_id: str
    installment_id: str | None
    amount_minor: int
    currency: str


class _Reversal(_Accepted, array_like=True, gc=False):
    obligation_id: str
    posting_id: str
    amount_minor: int
    currency: str


class PaymentState1(msgspec.Struct, array_like=True, gc=False):
    """The state of a payment in version 1."""

    payment_id: str
    initiation: _Initiation | None = None
    attempts: dict[str, dict[str, _Attempt]] = {}
    postings: dict[str, _Posting] = {}
    reversals: dict[str, _Reversal] = {}


class _Charge(_Accepted, array_like=True, gc=False):
    lease_id: str
    tenant_id: str
    property_id: str
    period: str
    amount_minor: int
    currency: str
    due_date: Day
    time_zone: str
    grace_days: int
    installments: tuple[Installment, ...]


class _Plan(_Accepted, array_like=True, gc=False):
    installments: tuple[Installment, ...]


class _Adjustment(_Accepted, array_like=True, gc=False):
    amount_delta_minor: int
    currency: str


class _Application(msgspec.Struct, array_like=True, gc=False):
    revision: int
    initiated: bool
    initiated_at: Micros
    currency: str
    installment_id: str | None
    standing_minor: int
    in_flight_minor: int
    pending_until: Micros | None
    posted: dict[str, int]
    rests_on: Micros
    initiation_event_id: str


class ObligationState1(msgspec.Struct, array_like=True, gc=False):
    """The state of an obligation in version 1."""

    obligation_id: str
    charge: _Charge | None = None
    cancellation: _Accepted | None = None
    plans: dict[int, _Plan] = {}
    adjustments: dict[str, _Adjustment] = {}
    applications: dict[str, _Application] = {}


def payment_of(old: PaymentState1) -> PaymentState:
    """The state of a payment. Version 1 kept no processor reference of its initiation, no payout and no reason."""
    state = PaymentState(old.payment_id)
    if (initiation := old.initiation) is not None:
        state.initiation = payments.Initiation(
            *initiation.head(),
            tenant_id=initiation.tenant_id,
            property_id=initiation.property_id,
            obligation_id=initiation.obligation_id,
            installment_id=initiation.installment_id,
            amount_minor=initiation.amount_minor,
            currency=initiation.currency,
            method=initiation.method,
            processor=initiation.processor,
            processor_reference=None,
            allocations=None,
        )
    for processor, references in old.attempts.items():
        state.attempts[processor] = {reference: _outcomes_of(attempt) for reference, attempt in references.items()}
    for posting_id, posting in old.postings.items():
        state.postings[posting_id] = payments.Posting(
            *posting.head(), posting.obligation_id, posting.installment_id, posting.amount_minor, posting.currency
        )
    for reversal_id, reversal in old.reversals.items():
        state.reversals[reversal_id] = payments.Reversal(
            *reversal.head(), reversal.obligation_id, reversal.posting_id, reversal.amount_minor, reversal.currency
        )
    return state


def _outcomes_of(attempt: _Attempt) -> payments.Outcomes:
    found: payments.Outcomes = {}
    for outcome, old in (
        ("SETTLED", attempt.settled),
        ("FAILED", attempt.failed),
        ("RETURNED", attempt.returned),
        ("REFUNDED", attempt.refunded),
        ("CHARGEBACK", attempt.chargeback),
        ("CHARGEBACK_REVERSED", attempt.chargeback_reversed),
    ):
        if old is not None:
            found[outcome] = payments.SettlementOutcome(
                *old.head(),
                old.gross_minor,
                old.fee_minor,
                old.net_minor,
                old.currency,
                old.value_date,
                old.reason_code,
                payout_id=None,
                original_reference=None,
                settlement_currency=None,
            )
    return found


def obligation_of(old: ObligationState1) -> ObligationState:
    """The state of an obligation."""
    state = ObligationState(old.obligation_id)
    if (charge := old.charge) is not None:
        state.charge = obligations.Charge(
            *charge.head(),
            lease_id=charge.lease_id,
            tenant_id=charge.tenant_id,
            property_id=charge.property_id,
            period=charge.period,
            amount_minor=charge.amount_minor,
            currency=charge.currency,
            due_date=charge.due_date,
            time_zone=charge.time_zone,
            grace_days=charge.grace_days,
            installments=charge.installments,
        )
    if old.cancellation is not None:
        state.cancellations[""] = obligations.Cancellation(*old.cancellation.head())
    for version, plan in old.plans.items():
        state.plans[version] = obligations.Plan(*plan.head(), plan.installments)
    for adjustment_id, one in old.adjustments.items():
        state.adjustments[adjustment_id] = obligations.Adjustment(*one.head(), one.amount_delta_minor, one.currency)
    for payment_id, application in old.applications.items():
        state.applications[payment_id] = _application_of(application)
    return state


def _application_of(old: _Application) -> obligations.Application:
    """The application of a payment: one share, until the payment is gone through and sends its own."""
    shares: tuple[Share, ...] = ()
    if old.initiated:
        shares = (Share(0, old.installment_id, old.standing_minor, old.in_flight_minor),)
    return obligations.Application(
        old.revision,
        shares,
        old.initiated_at,
        old.currency,
        old.pending_until,
        old.posted,
        old.rests_on,
        old.initiation_event_id,
        assigned_at=old.initiated_at,
        assignment_event_id="",
        property_id=None,
    )


VERSIONS_1: dict[type[Any], tuple[type[Any], Any]] = {
    PaymentState: (PaymentState1, payment_of),
    ObligationState: (ObligationState1, obligation_of),
}
"""For the type of a state the one that it had in version 1, and what makes one of the other; a new table has none."""
