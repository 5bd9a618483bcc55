"""The facts: the input records of contract section 2, and the application of a payment to an obligation.

Money is integer minor units (`*_minor`) of an upper-case ISO 4217 currency; instants are UTC microseconds; calendar
days are days since 1970-01-01. All records are frozen and compare by value. They are packed as arrays with a tag:
fields may only be appended, with a default.
"""

from typing import Literal, Self

import msgspec

from domain.time import Day, Micros

Method = Literal["ACH_DEBIT", "CARD", "INSTANT", "CHECK", "CASH"]
Outcome = Literal["SETTLED", "FAILED", "RETURNED", "REFUNDED", "CHARGEBACK", "CHARGEBACK_REVERSED"]


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The fields of every input record: the id of the event that reported it, and when it occurred."""

    event_id: str
    occurred_at: Micros


class PaymentInitiated(Fact, frozen=True, array_like=True, gc=False, tag="PI"):
    """A tenant initiated a payment (`payment-initiated`). Identity: the payment."""

    payment_id: str
    tenant_id: str
    property_id: str
    obligation_id: str
    installment_id: str | None
    amount_minor: int
    currency: str
    method: Method
    processor: str
    processor_reference: str | None


class ProcessorSettled(Fact, frozen=True, array_like=True, gc=False, tag="PS"):
    """A processor reported the outcome of an attempt (`processor-settled`). Identity: processor, reference, outcome."""

    payment_id: str
    processor: str
    processor_reference: str
    outcome: Outcome
    gross_minor: int
    fee_minor: int
    net_minor: int
    currency: str
    reason_code: str | None
    payout_id: str | None
    value_date: Day | None


class Installment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A part of an obligation with its own due date."""

    installment_id: str
    sequence: int
    amount_minor: int
    due_date: Day


class ObligationCharged(Fact, frozen=True, array_like=True, gc=False, tag="OC"):
    """The ledger charged a month of rent. Identity: the obligation. Its installments are plan version 0."""

    obligation_id: str
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


class PlanChanged(Fact, frozen=True, array_like=True, gc=False, tag="PC"):
    """The ledger replaced the installments of an obligation. Identity: plan_version."""

    obligation_id: str
    plan_version: int
    installments: tuple[Installment, ...]


class ObligationAdjusted(Fact, frozen=True, array_like=True, gc=False, tag="OA"):
    """The ledger credited (below 0) or charged (above 0) an amount. Identity: adjustment_id."""

    obligation_id: str
    adjustment_id: str
    amount_delta_minor: int
    currency: str
    reason: str


class ObligationCancelled(Fact, frozen=True, array_like=True, gc=False, tag="OX"):
    """The ledger cancelled an obligation: its balance is 0. Identity: the obligation."""

    obligation_id: str
    reason: str


class PaymentPosted(Fact, frozen=True, array_like=True, gc=False, tag="PP"):
    """The ledger posted a payment to an obligation. Identity: posting_id."""

    obligation_id: str
    posting_id: str
    payment_id: str
    installment_id: str | None
    amount_minor: int
    currency: str


class PostingReversed(Fact, frozen=True, array_like=True, gc=False, tag="PR"):
    """The ledger reversed a posting, in full or in part. Identity: reversal_id."""

    obligation_id: str
    reversal_id: str
    posting_id: str
    payment_id: str
    amount_minor: int
    currency: str
    reason: str


class PaymentApplication(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="PART"):
    """What a payment counts for at one obligation: a snapshot that replaces the payment's previous one.

    Written only by the agent of the payment (agents/match_payments.py) for the agent of the obligation. `revision`
    rises with each snapshot of a (payment, obligation); the highest counts, in whatever order they arrive.
    """

    payment_id: str
    obligation_id: str
    revision: int
    initiated: bool
    """The payment was initiated for this obligation. Otherwise it was only posted to it: all but `posted` is empty."""
    initiated_at: Micros
    """`occurred_at` of the initiation: the order of application. 0 if `initiated` is false."""
    currency: str
    """The payment's currency."""
    installment_id: str | None
    """The installment that the initiation names."""
    standing_minor: int
    """Net settled money: the only money that counts (contract section 4)."""
    in_flight_minor: int
    """The initiated amount less known refunds and chargebacks, while there is no outcome; else 0."""
    pending_until: Micros | None
    """The settlement deadline, up to which (exclusive) money in flight counts as pending."""
    posted: dict[str, int]
    """Live postings to this obligation, net of reversals, by currency, without zeros."""
    rests_on: Micros
    """The latest `occurred_at` among the payment's facts; `FAR_PAST` once it no longer touches this obligation."""
    initiation_event_id: str = ""
    """The event of the initiation, for the breaks that rest on it. Empty if `initiated` is false."""

    @classmethod
    def of_postings(
        cls, payment_id: str, obligation_id: str, currency: str, posted: dict[str, int], rests_on: Micros
    ) -> Self:
        """Describe a payment that was posted to an obligation, but not initiated for it, at revision 0."""
        return cls(
            payment_id=payment_id,
            obligation_id=obligation_id,
            revision=0,
            initiated=False,
            initiated_at=0,
            currency=currency,
            installment_id=None,
            standing_minor=0,
            in_flight_minor=0,
            pending_until=None,
            posted=posted,
            rests_on=rests_on,
        )


PaymentFact = PaymentInitiated | ProcessorSettled | PaymentPosted | PostingReversed
ObligationFact = ObligationCharged | PlanChanged | ObligationAdjusted | ObligationCancelled
InputFact = PaymentFact | ObligationFact
