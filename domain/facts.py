"""The facts: the input records of contract section 2, and what the keys of rentmatch tell each other.

Money is integer minor units (`*_minor`) of an upper-case ISO 4217 currency; instants are UTC microseconds; calendar
days are days since 1970-01-01. All records are frozen and compare by value. They are packed as arrays with a tag:
fields may only be appended, with a default.
"""

from typing import Literal, Self

import msgspec

from domain.ids import two_part_key
from domain.time import Day, Micros

Method = Literal["ACH_DEBIT", "CARD", "INSTANT", "CHECK", "CASH"]
Outcome = Literal[
    "SETTLED", "FAILED", "RETURNED", "REFUNDED", "CHARGEBACK", "CHARGEBACK_REVERSED", "RETURN_REVERSED",
    "REFUND_REVERSED",
]  # fmt: skip
AdjustmentKind = Literal["RENT", "FEE"]
PayoutOutcome = Literal["PAID", "FAILED", "CANCELLED"]
DecisionAction = Literal["ACKNOWLEDGE", "ASSIGN", "COMMENT", "ACCEPT", "APPROVE", "WITHDRAW"]


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The fields of every input record: the id of the event that reported it, and when it occurred."""

    event_id: str
    occurred_at: Micros


class Allocation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A part of a payment, and what it is for."""

    obligation_id: str
    installment_id: str | None
    amount_minor: int


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
    allocations: tuple[Allocation, ...] | None = None
    """What it is for, if that is more than one thing; the first is also the record's own obligation and installment."""


class PaymentReassigned(Fact, frozen=True, array_like=True, gc=False, tag="PA"):
    """Somebody moved a payment to other obligations (`payment-initiated`). Identity: assignment_version."""

    payment_id: str
    assignment_version: int
    allocations: tuple[Allocation, ...]
    reason: str
    actor: str | None = None


class ReferenceAssigned(Fact, frozen=True, array_like=True, gc=False, tag="RA"):
    """Somebody gave a processor's reference to a payment (`payment-initiated`). The latest holds; no conflicts."""

    payment_id: str
    processor: str
    processor_reference: str
    actor: str | None = None
    reason: str | None = None

    @property
    def reference_key(self) -> str:
        """The key of the reference (contract section 1)."""
        return two_part_key(self.processor, self.processor_reference)


class ProcessorSettled(Fact, frozen=True, array_like=True, gc=False, tag="PS"):
    """A processor reported the outcome of an attempt (`processor-settled`).

    Identity: processor, processor_reference, outcome, and movement_id where there is one.
    """

    payment_id: str | None
    """None: it belongs to whoever holds its reference (contract section 10)."""
    processor: str
    processor_reference: str
    outcome: Outcome
    gross_minor: int
    fee_minor: int | None
    """Any sign; None: not known (yet)."""
    net_minor: int | None
    """What the record adds to the payout, signed; None: not known (yet)."""
    currency: str
    reason_code: str | None
    payout_id: str | None
    value_date: Day | None
    original_reference: str | None = None
    """The attempt that is returned, refunded or disputed, where the record has a reference of its own."""
    movement_id: str | None = None
    """Tells repeats of one outcome on one reference apart."""
    settlement_currency: str | None = None
    """Of fee and net; None: `currency`."""

    @property
    def attempt_reference(self) -> str:
        """The reference of the attempt that it is about (contract section 4)."""
        return self.original_reference or self.processor_reference

    @property
    def reference_key(self) -> str:
        """The key of its attempt's reference (contract sections 1 and 10)."""
        return two_part_key(self.processor, self.attempt_reference)

    @property
    def payout_key(self) -> str:
        """The key of the payout that it is a line of (contract section 11); "" where it names none."""
        return "" if self.payout_id is None else two_part_key(self.processor, self.payout_id)


class Installment(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A part of an obligation with its own due date."""

    installment_id: str
    sequence: int
    amount_minor: int
    due_date: Day
    grace_ends_on: Day | None = None
    """The last day of grace; None: as the charge says."""


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
    grace_ends_on: Day | None = None
    """The last day of grace of what is due on the charge's due date; None: grace_days after it."""


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
    installment_id: str | None = None
    """The installment that it changes."""
    due_date: Day | None = None
    """It is an installment of its own, due on this day."""
    kind: AdjustmentKind | None = None
    """None: RENT. A FEE is an installment of its own, which rent money does not pay before rent."""


class ObligationCancelled(Fact, frozen=True, array_like=True, gc=False, tag="OX"):
    """The ledger cancelled an obligation: its balance is 0. Identity: cancellation_id, or "" without one."""

    obligation_id: str
    reason: str
    cancellation_id: str | None = None


class ObligationReinstated(Fact, frozen=True, array_like=True, gc=False, tag="OR"):
    """The ledger took a cancellation back. Identity: reinstatement_id."""

    obligation_id: str
    reinstatement_id: str
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


class PayoutReported(Fact, frozen=True, array_like=True, gc=False, tag="PY"):
    """A processor reported what became of a payout (`payouts`, contract section 11). Identity: status."""

    processor: str
    payout_id: str
    status: PayoutOutcome
    amount_minor: int
    """Not 0; below 0 it is taken from us."""
    other_minor: int
    """What in it belongs to no payment: account fees, reserves, amounts carried over; signed."""
    currency: str
    arrival_date: Day
    account_id: str | None = None
    bank_reference: str | None = None

    @property
    def payout_key(self) -> str:
        """The key of the payout (contract section 1)."""
        return two_part_key(self.processor, self.payout_id)


class BankEntryBooked(Fact, frozen=True, array_like=True, gc=False, tag="BE"):
    """A bank booked an entry on an account (`bank-entries`, contract section 11). Identity: the entry."""

    account_id: str
    entry_id: str
    amount_minor: int
    """Not 0; a credit is above 0."""
    currency: str
    booking_date: Day
    value_date: Day | None = None
    processor: str | None = None
    payout_id: str | None = None
    """With `processor`, or neither: the payout, where the importer can read it."""
    reference: str | None = None
    text: str | None = None

    @property
    def bank_entry_key(self) -> str:
        """The key of the entry (contract section 1)."""
        return two_part_key(self.account_id, self.entry_id)


class EntryMatched(Fact, frozen=True, array_like=True, gc=False, tag="EM"):
    """A person matched a bank entry to a payout (`bank-entries`, section 11). The latest holds; no conflicts."""

    account_id: str
    entry_id: str
    processor: str
    payout_id: str
    actor: str
    reason: str

    @property
    def bank_entry_key(self) -> str:
        """The key of the entry (contract section 1)."""
        return two_part_key(self.account_id, self.entry_id)


class BreakDecided(Fact, frozen=True, array_like=True, gc=False, tag="BD"):
    """A person decided about a break (`decisions`, contract section 12). Identity: decision_id. No conflicts."""

    decision_id: str
    key_kind: str
    key: str
    break_id: str
    action: DecisionAction
    actor: str
    reason: str
    break_class: str | None = None
    """Named `class` in the Avro record. ACCEPT: the class that is accepted."""
    drift_minor: int | None = None
    """ACCEPT: the drift that is accepted."""
    evidence: str | None = None
    """ACCEPT: the evidence that is accepted."""
    assignee: str | None = None
    """ASSIGN: to whom; None: to nobody."""
    until: Micros | None = None
    """ACKNOWLEDGE: up to this instant, exclusive; None: for ever."""
    refers_to: str | None = None
    """APPROVE, WITHDRAW: the decision_id of the other decision."""

    @property
    def payment_id(self) -> str:
        """The key, of a decision about a payment's break."""
        return self.key

    @property
    def obligation_id(self) -> str:
        """The key, of a decision about an obligation's break."""
        return self.key

    @property
    def reference_key(self) -> str:
        """The key, of a decision about a reference's break."""
        return self.key

    @property
    def payout_key(self) -> str:
        """The key, of a decision about a payout's break."""
        return self.key

    @property
    def bank_entry_key(self) -> str:
        """The key, of a decision about a bank entry's break."""
        return self.key


class Share(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The money that a payment gives to one of its allocations (contract section 4, "Where it goes")."""

    place: int
    """The allocation's place among those in force: payments are applied in that order."""
    installment_id: str | None
    """The installment that it names."""
    standing_minor: int
    in_flight_minor: int
    """What counts as pending from `initiated_at` to `pending_until`."""


class PaymentApplication(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="PART"):
    """What a payment counts for at one obligation: a snapshot that replaces the payment's previous one.

    Written only by the agent of the payment (agents/match_payments.py) for the agent of the obligation. `revision`
    rises with each snapshot of a (payment, obligation); the highest counts, in whatever order they arrive.

    Up to `initiation_event_id` the fields are those of version 1, which knew one allocation: they hold the sums over
    `shares`, and the installment where there is one share. Version 2 reads `shares`, and takes a snapshot without them
    for one of version 1.
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
    shares: tuple[Share, ...] = ()
    """One for each allocation in force to this obligation."""
    assigned_at: Micros = 0
    """The latest of the initiation and the assignment in force: the grace of its breaks counts from it."""
    assignment_event_id: str = ""
    """The event of the assignment in force; empty while that is the initiation's."""
    property_id: str | None = None
    """The initiation's property, while its own allocations are in force; else None."""

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


class ReferenceClaim(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="RCLM"):
    """What a payment's initiation claims: a snapshot of (payment, reference) that replaces the previous one.

    Written only by the agent of the payment for the agent of the reference: the reference and the time are those of
    the initiation that holds, filled in (contract section 10). The highest `revision` counts.

    One that is `settled` is an `AttemptClaim` instead, of a settlement record that was routed by version 1.
    """

    processor: str
    processor_reference: str
    payment_id: str
    revision: int
    claimed: bool
    """False: the initiation that holds now names another reference; the claim is withdrawn."""
    occurred_at: Micros
    event_id: str
    settled: bool = False

    @property
    def reference_key(self) -> str:
        """The key of the reference (contract section 1)."""
        return two_part_key(self.processor, self.processor_reference)


class AttemptClaim(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="ACLM"):
    """A settlement record that names its payment claims its attempt's reference (contract section 10).

    Written by the agent of the inputs for the agent of the reference, one for each telling.
    """

    processor: str
    attempt_reference: str
    payment_id: str
    occurred_at: Micros
    event_id: str

    @property
    def reference_key(self) -> str:
        """The key of the reference (contract section 1)."""
        return two_part_key(self.processor, self.attempt_reference)


class ReferenceResolution(msgspec.Struct, frozen=True, array_like=True, gc=False, tag="RRES"):
    """The settlement records without a payment id that a payment has by holding a reference: a snapshot.

    Written only by the agent of the reference for the agent of the payment. It replaces the previous one of
    (payment, reference); the highest `revision` counts. Without records the payment holds the reference no longer.
    """

    payment_id: str
    reference_key: str
    revision: int
    records: tuple[ProcessorSettled, ...]
    """Every telling, in the order of (`occurred_at`, `event_id`, canonical content)."""


PaymentFact = (
    PaymentInitiated
    | PaymentReassigned
    | ProcessorSettled
    | PaymentPosted
    | PostingReversed
    | ReferenceResolution
    | BreakDecided
)
"""What the state of a payment is made of."""
ObligationFact = (
    ObligationCharged
    | PlanChanged
    | ObligationAdjusted
    | ObligationCancelled
    | ObligationReinstated
    | PaymentApplication
    | BreakDecided
)
"""What the state of an obligation is made of."""
ReferenceFact = ProcessorSettled | ReferenceAssigned | ReferenceClaim | AttemptClaim | BreakDecided
"""What the state of a reference is made of; a ProcessorSettled without a payment id."""
InputFact = (
    PaymentInitiated
    | PaymentReassigned
    | ReferenceAssigned
    | ProcessorSettled
    | ObligationCharged
    | PlanChanged
    | ObligationAdjusted
    | ObligationCancelled
    | ObligationReinstated
    | PaymentPosted
    | PostingReversed
    | PayoutReported
    | BankEntryBooked
    | EntryMatched
    | BreakDecided
)
"""The records of contract section 2."""
