"""The output records (contract sections 6 to 8).

Field names and meanings are those of the contract and of `schemas/avro/`. Instants are UTC microseconds, days are days
since 1970-01-01, money is integer minor units. `version` is 0 until `domain.publishing` numbers the record for its key.
"""

from enum import StrEnum

import msgspec

from domain.facts import Method
from domain.ids import two_part_key
from domain.time import Day, Micros


class PaymentStatus(StrEnum):
    """Contract section 4, in order: the first that applies is the status."""

    EXCEPTION = "exception"
    INITIATED = "initiated"
    RECONCILED = "reconciled"
    SETTLED = "settled"
    CHARGED_BACK = "charged_back"
    RETURNED = "returned"
    REFUNDED = "refunded"
    FAILED = "failed"


class ObligationStatus(StrEnum):
    """Contract section 5, in order: the first that applies is the status."""

    CANCELLED = "cancelled"
    OVERPAID = "overpaid"
    PAST_DUE = "past_due"
    PAID = "paid"
    PARTIALLY_PAID = "partially_paid"
    OPEN = "open"


class AgeingBucket(StrEnum):
    """Days from the oldest late due date to the local date (contract section 5)."""

    CURRENT = "current"
    DAYS_1_30 = "days_1_30"
    DAYS_31_60 = "days_31_60"
    DAYS_61_90 = "days_61_90"
    DAYS_OVER_90 = "days_over_90"


class BreakClass(StrEnum):
    """Contract section 7, in order within each subject: the first that applies is the class."""

    POSTING_WITHOUT_SETTLEMENT = "posting_without_settlement"
    DUPLICATE_SETTLEMENT = "duplicate_settlement"
    OVER_REVERSED = "over_reversed"
    SETTLEMENT_AMOUNT_MISMATCH = "settlement_amount_mismatch"
    SETTLEMENT_MISSING = "settlement_missing"
    POSTING_OVER_REVERSED = "posting_over_reversed"
    REVERSED_AFTER_POSTING = "reversed_after_posting"
    DUPLICATE_POSTING = "duplicate_posting"
    POSTING_AMOUNT_MISMATCH = "posting_amount_mismatch"
    POSTING_MISSING = "posting_missing"
    CURRENCY_MISMATCH = "currency_mismatch"
    REVERSAL_EXCESS = "reversal_excess"
    CHARGEBACK_EXCESS = "chargeback_excess"
    REVERSAL_UNMATCHED = "reversal_unmatched"
    UNKEYED_MOVEMENT = "unkeyed_movement"
    OBLIGATION_MISMATCH = "obligation_mismatch"
    POSTING_MISALLOCATED = "posting_misallocated"
    FEE_VARIANCE = "fee_variance"
    CONFLICTING_FACT = "conflicting_fact"
    OBLIGATION_UNKNOWN = "obligation_unknown"
    INSTALLMENT_UNKNOWN = "installment_unknown"
    PROPERTY_MISMATCH = "property_mismatch"
    PLAN_SUM_MISMATCH = "plan_sum_mismatch"
    OVERPAYMENT = "overpayment"
    REFERENCE_UNKNOWN = "reference_unknown"
    REFERENCE_CLAIMED_TWICE = "reference_claimed_twice"
    PAYOUT_SUM_MISMATCH = "payout_sum_mismatch"
    PAYOUT_UNREPORTED = "payout_unreported"
    DEPOSIT_MISSING = "deposit_missing"
    DEPOSIT_AMOUNT_MISMATCH = "deposit_amount_mismatch"
    DEPOSIT_AFTER_FAILURE = "deposit_after_failure"
    BANK_ENTRY_UNEXPLAINED = "bank_entry_unexplained"


class BreakLifecycle(StrEnum):
    """The lifecycle of a break, in mismatch alerts."""

    OPENED = "opened"
    UPDATED = "updated"
    RESOLVED = "resolved"
    ACCEPTED = "accepted"


class DecisionState(StrEnum):
    """What people have decided about an open break (contract section 12), in order: the furthest that holds."""

    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    ACCEPT_REQUESTED = "accept_requested"
    """Accepted by one person; a second one has to approve."""
    ACCEPTED = "accepted"


class ReferenceStatus(StrEnum):
    """Contract sections 6 and 10."""

    HELD = "held"
    SUSPENSE = "suspense"
    """Nobody holds it: its records count for no payment."""
    CLAIMED_TWICE = "claimed_twice"


class PayoutStatus(StrEnum):
    """Contract section 11, in order: the first that applies is the status."""

    EXCEPTION = "exception"
    COLLECTING = "collecting"
    """The processor has not reported it; lines or entries name it."""
    FAILED = "failed"
    CANCELLED = "cancelled"
    RECONCILED = "reconciled"
    IN_TRANSIT = "in_transit"


class MatchedBy(StrEnum):
    """How a bank entry found its payout (contract section 11)."""

    NAMED = "named"
    REFERENCE = "reference"
    AMOUNT = "amount"
    PERSON = "person"


class LateStage(StrEnum):
    """How far past its due day an installment is (contract section 8), in order."""

    PAST_DUE = "past_due"
    FEE_ELIGIBLE = "fee_eligible"
    DAYS_30 = "days_30"
    DAYS_60 = "days_60"
    DAYS_90 = "days_90"


class LateLifecycle(StrEnum):
    """The lifecycle of a late-payment alert."""

    OPENED = "opened"
    ESCALATED = "escalated"
    CURED = "cured"
    CANCELLED = "cancelled"


class Initiated(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The initiation, in a payment reconciliation."""

    obligation_id: str
    installment_id: str | None
    amount_minor: int
    method: Method


class Settled(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The processors' totals. Gross, fee and net are sums over SETTLED, without what is not known."""

    gross_minor: int
    fee_minor: int
    net_minor: int
    returned_minor: int
    refunded_minor: int
    charged_back_minor: int
    standing_minor: int


class Posted(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The ledger's totals: live postings in the payment's currency, net of reversals."""

    net_minor: int
    by_obligation: dict[str, int]


class AllocationView(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An allocation in force, and the money that it gets (contract section 4, "Where it goes")."""

    obligation_id: str
    installment_id: str | None
    amount_minor: int
    standing_minor: int
    pending_minor: int


class PaymentReconciliation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The reconciliation of a payment (`payment-reconciliations`)."""

    payment_id: str
    version: int
    status: PaymentStatus
    currency: str
    initiated: Initiated | None
    settled: Settled
    posted: Posted
    open_breaks: tuple[str, ...]
    rests_on: Micros
    in_flight_minor: int | None = None
    """Money on its way, which counts as pending; None in records of version 1."""
    allocations: tuple[AllocationView, ...] = ()
    """Those in force; none before the initiation."""


class InstallmentView(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An installment after it absorbed the plan's difference, with the money allocated to it by payment."""

    installment_id: str
    due_date: Day
    amount_minor: int
    paid: dict[str, int]
    pending: dict[str, int]


class ObligationReconciliation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The reconciliation of an obligation (`obligation-reconciliations`)."""

    obligation_id: str
    version: int
    lease_id: str
    tenant_id: str
    property_id: str
    period: str
    status: ObligationStatus
    currency: str
    charged_minor: int
    adjusted_minor: int
    balance_minor: int
    installments: tuple[InstallmentView, ...]
    paid_minor: int
    pending_minor: int
    posted_minor: int
    overpaid_minor: int
    next_due_date: Day | None
    oldest_late_due_date: Day | None
    ageing_bucket: AgeingBucket
    open_breaks: tuple[str, ...]
    rests_on: Micros


class ReferenceReconciliation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A processor's reference with settlement records that name no payment (`reference-reconciliations`)."""

    processor: str
    processor_reference: str
    version: int
    payment_id: str | None
    """Who holds it."""
    status: ReferenceStatus
    records: int
    """How many settlement records without a payment id it has."""
    gross_minor: dict[str, int]
    """Of its SETTLED, by currency."""
    open_breaks: tuple[str, ...]

    @property
    def reference_key(self) -> str:
        """The record's key (contract section 1)."""
        return two_part_key(self.processor, self.processor_reference)


class PayoutEntryView(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A bank entry of a payout, in a payout reconciliation."""

    account_id: str
    entry_id: str
    amount_minor: int
    """As the bank booked it, in the entry's own currency."""
    matched_by: MatchedBy


class PayoutReconciliation(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A payout: its lines, what its processor reports of it, and what is on the bank account."""

    processor: str
    payout_id: str
    version: int
    status: PayoutStatus
    currency: str
    amount_minor: int | None
    """By the report in force."""
    lines: int
    """How many settlement records name it."""
    unknown_lines: int
    """How many of them have no net amount (yet)."""
    lines_minor: int
    """The sum of their net amounts in the payout's currency."""
    other_minor: int
    """What in it belongs to no payment, by the report in force."""
    deposited_minor: int
    """The sum of its bank entries in the payout's currency."""
    arrival_date: Day | None
    """By the report in force."""
    entries: tuple[PayoutEntryView, ...]
    """By (booking_date, entry_id, account_id)."""
    open_breaks: tuple[str, ...]
    rests_on: Micros

    @property
    def payout_key(self) -> str:
        """The record's key (contract section 1)."""
        return two_part_key(self.processor, self.payout_id)


class DecisionOnBreak(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What people have decided about a break (contract section 12)."""

    state: DecisionState
    actor: str
    at: Micros
    approved_by: str | None
    reason: str
    """`actor`, `at`, `approved_by` and `reason` are those of the decision that gives the state."""
    assignee: str | None
    until: Micros | None


class MismatchAlert(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A break: opened, updated, accepted or resolved (`mismatch-alerts`)."""

    break_id: str
    version: int
    key_kind: str
    """`payment`, `obligation`, `reference`, `payout` or `bank_entry`."""
    key: str
    """The payment_id, obligation_id, `processor/reference`, `processor/payout_id` or `account_id/entry_id`."""
    subject: tuple[str, ...]
    """The subject and its parts, as in the break id."""
    break_class: BreakClass
    """Named `class` in the Avro record."""
    priority: int
    lifecycle: BreakLifecycle
    expected_minor: int
    actual_minor: int
    drift_minor: int
    currency: str
    due_at: Micros | None
    opened_at: Micros
    resolved_at: Micros | None
    event_ids: tuple[str, ...]
    """The events it rests on, sorted."""
    evidence: str | None = None
    """What an acceptance refers to: it changes with the class and the events."""
    decision: DecisionOnBreak | None = None
    candidates: tuple[str, ...] = ()
    """The keys that may explain it."""


class LatePaymentAlert(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An installment that was not covered when its due day ended (`late-payment-alerts`)."""

    alert_id: str
    version: int
    obligation_id: str
    installment_id: str
    lease_id: str
    tenant_id: str
    property_id: str
    period: str
    currency: str
    due_date: Day
    amount_due_minor: int
    paid_minor: int
    pending_minor: int
    due_at: Micros
    """The end of the due day in the property's zone."""
    stage: LateStage
    lifecycle: LateLifecycle
    opened_at: Micros
    ended_at: Micros | None


Output = (
    PaymentReconciliation
    | ObligationReconciliation
    | ReferenceReconciliation
    | PayoutReconciliation
    | MismatchAlert
    | LatePaymentAlert
)
