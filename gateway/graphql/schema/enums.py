"""The enums of the schema. Those of records have UNKNOWN besides, for what a newer worker writes.

The members are spelled out, since they are a public contract; a test compares them with the domain's.
"""

from enum import Enum
from typing import Self

import strawberry

from gateway.people.viewer import Permission, Role

strawberry.enum(Role, description="Each may do all that the one before it may do.")
strawberry.enum(Permission, description="What a role allows.")


class Open(Enum):
    """An enum whose values may be newer than this program: an unknown one is UNKNOWN."""

    @classmethod
    def _missing_(cls, value: object) -> Self:
        return cls["UNKNOWN"]


@strawberry.enum
class KeyKind(Open):
    """What the key of a break is of."""

    PAYMENT = "payment"
    OBLIGATION = "obligation"
    REFERENCE = "reference"
    PAYOUT = "payout"
    BANK_ENTRY = "bank_entry"
    UNKNOWN = "unknown"


@strawberry.enum
class BreakClass(Open):
    """The classes of breaks."""

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
    UNKNOWN = "unknown"


@strawberry.enum
class BreakState(Enum):
    """A filter: whether a break is open."""

    OPEN = "open"
    ACCEPTED = "accepted"
    RESOLVED = "resolved"
    ANY = "any"


@strawberry.enum
class BreakLifecycle(Open):
    """The lifecycle of a break."""

    OPENED = "opened"
    UPDATED = "updated"
    RESOLVED = "resolved"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


@strawberry.enum
class DecisionState(Open):
    """What people have decided about an open break."""

    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    ACCEPT_REQUESTED = "accept_requested"
    ACCEPTED = "accepted"
    UNKNOWN = "unknown"


@strawberry.enum
class DecisionFilterState(Enum):
    """A filter: what people have decided; NONE for nothing."""

    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    ACCEPT_REQUESTED = "accept_requested"
    ACCEPTED = "accepted"
    NONE = "none"


@strawberry.enum
class DecisionAction(Open):
    """What a person does about a break."""

    ACKNOWLEDGE = "ACKNOWLEDGE"
    ASSIGN = "ASSIGN"
    COMMENT = "COMMENT"
    ACCEPT = "ACCEPT"
    APPROVE = "APPROVE"
    WITHDRAW = "WITHDRAW"
    UNKNOWN = "unknown"


@strawberry.enum
class BreakOrder(Enum):
    """The orders of a list of breaks."""

    PRESSING = "pressing"
    DUE = "due"
    OLDEST = "oldest"
    NEWEST = "newest"
    AMOUNT = "amount"


@strawberry.enum
class PaymentStatus(Open):
    """The status of a payment."""

    EXCEPTION = "exception"
    INITIATED = "initiated"
    RECONCILED = "reconciled"
    SETTLED = "settled"
    CHARGED_BACK = "charged_back"
    RETURNED = "returned"
    REFUNDED = "refunded"
    FAILED = "failed"
    UNKNOWN = "unknown"


@strawberry.enum
class ObligationStatus(Open):
    """The status of an obligation."""

    CANCELLED = "cancelled"
    OVERPAID = "overpaid"
    PAST_DUE = "past_due"
    PAID = "paid"
    PARTIALLY_PAID = "partially_paid"
    OPEN = "open"
    UNKNOWN = "unknown"


@strawberry.enum
class AgeingBucket(Open):
    """Days that the oldest late due date is past."""

    CURRENT = "current"
    DAYS_1_30 = "days_1_30"
    DAYS_31_60 = "days_31_60"
    DAYS_61_90 = "days_61_90"
    DAYS_OVER_90 = "days_over_90"
    UNKNOWN = "unknown"


@strawberry.enum
class AgeBucket(Enum):
    """How long a break has been open: less than that."""

    HOURS_24 = "hours_24"
    DAYS_7 = "days_7"
    DAYS_30 = "days_30"
    OLDER = "older"


@strawberry.enum
class ReferenceStatus(Open):
    """The status of a processor's reference."""

    HELD = "held"
    SUSPENSE = "suspense"
    CLAIMED_TWICE = "claimed_twice"
    UNKNOWN = "unknown"


@strawberry.enum
class PayoutStatus(Open):
    """The status of a payout."""

    EXCEPTION = "exception"
    COLLECTING = "collecting"
    FAILED = "failed"
    CANCELLED = "cancelled"
    RECONCILED = "reconciled"
    IN_TRANSIT = "in_transit"
    UNKNOWN = "unknown"


@strawberry.enum
class MatchedBy(Open):
    """How a bank entry found its payout."""

    NAMED = "named"
    REFERENCE = "reference"
    AMOUNT = "amount"
    PERSON = "person"
    UNKNOWN = "unknown"


@strawberry.enum
class LateStage(Open):
    """How far past its due day an installment is."""

    PAST_DUE = "past_due"
    FEE_ELIGIBLE = "fee_eligible"
    DAYS_30 = "days_30"
    DAYS_60 = "days_60"
    DAYS_90 = "days_90"
    UNKNOWN = "unknown"


@strawberry.enum
class LateLifecycle(Open):
    """The lifecycle of a late installment."""

    OPENED = "opened"
    ESCALATED = "escalated"
    CURED = "cured"
    CANCELLED = "cancelled"
    UNKNOWN = "unknown"


@strawberry.enum
class Method(Open):
    """How a payment is made."""

    ACH_DEBIT = "ACH_DEBIT"
    CARD = "CARD"
    INSTANT = "INSTANT"
    CHECK = "CHECK"
    CASH = "CASH"
    UNKNOWN = "unknown"


@strawberry.enum
class SearchKind(Enum):
    """What a hit is."""

    BREAK = "break"
    PAYMENT = "payment"
    OBLIGATION = "obligation"
    REFERENCE = "reference"
    PAYOUT = "payout"
    BANK_ENTRY = "bank_entry"
    TENANT = "tenant"
    LEASE = "lease"
    PROPERTY = "property"


@strawberry.enum
class RefusalKind(Enum):
    """Why a command was refused."""

    CHANGED = "changed"
    NOT_ALLOWED = "not_allowed"
    NOT_FOUND = "not_found"
    INVALID = "invalid"
    UNAVAILABLE = "unavailable"


@strawberry.enum
class BulkAction(Enum):
    """What may be done about many breaks at once."""

    ACKNOWLEDGE = "ACKNOWLEDGE"
    ASSIGN = "ASSIGN"
    COMMENT = "COMMENT"
