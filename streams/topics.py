"""Every topic rentmatch reads or writes: the only home of a topic's default name, its shape and its meaning."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec

from domain.bank_entries.view import BankEntryState
from domain.facts import (
    AttemptClaim,
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentApplication,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PayoutReported,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
    ReferenceClaim,
    ReferenceResolution,
)
from domain.matching.view import MatchState
from domain.obligations.view import ObligationState
from domain.payments.view import PaymentState
from domain.payouts.view import PayoutState
from domain.records import (
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    PaymentReconciliation,
    PayoutReconciliation,
    ReferenceReconciliation,
)
from domain.references.view import ReferenceState
from domain.snapshots import EntryMatch, OpenEntry, OpenPayout, PayoutEntry, PayoutMatch


class TopicRole(StrEnum):
    """The role of a topic in the pipeline."""

    INPUT = "input"
    INTERNAL = "internal"
    CHANGELOG = "changelog"
    OUTPUT = "output"


DAY_MS = 24 * 3600 * 1000
FOREVER_MS = -1
"""As a retention: nothing is ever deleted, and nothing is compacted."""


@dataclass(frozen=True, slots=True, eq=False)
class Topic:
    """A topic as `rentmatch provision` creates it. `name` is the default, without the prefix."""

    name: str
    role: TopicRole
    key: str
    """The field of its records that they are partitioned by; for a topic that the runtime writes, a description."""
    records: tuple[type[msgspec.Struct], ...]
    """The types of its records; for a changelog, the state. Empty if the runtime writes the topic."""
    retention_ms: int | None
    """None: compacted, so that the last record of each key is kept forever. FOREVER_MS: every record is."""
    meaning: str
    partitions: int | None = None
    """None: the number that RENTMATCH_PARTITIONS sets."""

    @property
    def compacted(self) -> bool:
        """Whether the broker keeps the last record of each key forever, and may drop the earlier ones."""
        return self.retention_ms is None

    @property
    def setting(self) -> str:
        """The settings field that renames it: `topic_payment_initiated`."""
        return "topic_" + self.name.replace("-", "_")


PAYMENT_INITIATED = Topic(
    "payment-initiated",
    TopicRole.INPUT,
    key="payment_id",
    records=(PaymentInitiated, PaymentReassigned, ReferenceAssigned),
    retention_ms=30 * DAY_MS,
    meaning="payments that tenants initiate, and what people assign",
)
PROCESSOR_SETTLED = Topic(
    "processor-settled",
    TopicRole.INPUT,
    key="payment_id",
    records=(ProcessorSettled,),
    retention_ms=30 * DAY_MS,
    meaning="outcomes that the processors report",
)
LEDGER_EVENTS = Topic(
    "ledger-events",
    TopicRole.INPUT,
    key="obligation_id",
    records=(
        ObligationCharged,
        PlanChanged,
        ObligationAdjusted,
        ObligationCancelled,
        ObligationReinstated,
        PaymentPosted,
        PostingReversed,
    ),
    retention_ms=30 * DAY_MS,
    meaning="charges, plans, adjustments, postings",
)
PAYOUTS = Topic(
    "payouts",
    TopicRole.INPUT,
    key="payout_id",
    records=(PayoutReported,),
    retention_ms=30 * DAY_MS,
    meaning="what the processors report of their payouts",
)
BANK_ENTRIES = Topic(
    "bank-entries",
    TopicRole.INPUT,
    key="account_id",
    records=(BankEntryBooked, EntryMatched),
    retention_ms=30 * DAY_MS,
    meaning="entries of bank statements, and the payouts that people match them to",
)
DECISIONS = Topic(
    "decisions",
    TopicRole.INPUT,
    key="key",
    records=(BreakDecided,),
    retention_ms=FOREVER_MS,
    meaning="what people decide about breaks: the audit trail",
)
PAYMENT_FACTS = Topic(
    "payment-facts",
    TopicRole.INTERNAL,
    key="payment_id",
    records=(PaymentInitiated, PaymentReassigned, ProcessorSettled, PaymentPosted, PostingReversed, BreakDecided),
    retention_ms=7 * DAY_MS,
    meaning="input facts by payment, partitioned by rentmatch",
)
OBLIGATION_FACTS = Topic(
    "obligation-facts",
    TopicRole.INTERNAL,
    key="obligation_id",
    records=(
        ObligationCharged,
        PlanChanged,
        ObligationAdjusted,
        ObligationCancelled,
        ObligationReinstated,
        PaymentApplication,
        BreakDecided,
    ),
    retention_ms=7 * DAY_MS,
    meaning="facts by obligation, partitioned by rentmatch",
)
REFERENCE_FACTS = Topic(
    "reference-facts",
    TopicRole.INTERNAL,
    key="reference_key",
    records=(ProcessorSettled, ReferenceAssigned, ReferenceClaim, AttemptClaim, BreakDecided),
    retention_ms=7 * DAY_MS,
    meaning="claims on a processor's references, and settlement records without a payment id",
)
PAYMENT_RESOLUTIONS = Topic(
    "payment-resolutions",
    TopicRole.INTERNAL,
    key="payment_id",
    records=(ReferenceResolution,),
    retention_ms=7 * DAY_MS,
    meaning="settlement records without a payment id, handed to the payment that holds their reference",
)
BANK_ENTRY_FACTS = Topic(
    "bank-entry-facts",
    TopicRole.INTERNAL,
    key="bank_entry_key",
    records=(BankEntryBooked, EntryMatched, BreakDecided),
    retention_ms=7 * DAY_MS,
    meaning="input facts by bank entry, partitioned by rentmatch",
)
ENTRY_MATCHES = Topic(
    "entry-matches",
    TopicRole.INTERNAL,
    key="bank_entry_key",
    records=(EntryMatch,),
    retention_ms=7 * DAY_MS,
    meaning="the payouts that bank entries are matched to, or that fit them",
)
PAYOUT_FACTS = Topic(
    "payout-facts",
    TopicRole.INTERNAL,
    key="payout_key",
    records=(PayoutReported, ProcessorSettled, PayoutEntry, BreakDecided),
    retention_ms=7 * DAY_MS,
    meaning="reports and lines of payouts, and bank entries that name them",
)
PAYOUT_MATCHES = Topic(
    "payout-matches",
    TopicRole.INTERNAL,
    key="payout_key",
    records=(PayoutMatch,),
    retention_ms=7 * DAY_MS,
    meaning="the bank entries that payouts are matched to",
)
MATCH_FACTS = Topic(
    "match-facts",
    TopicRole.INTERNAL,
    key="match_key",
    records=(OpenEntry, OpenPayout),
    retention_ms=7 * DAY_MS,
    meaning="bank entries that name no payout, and payouts that none names, by account, currency and amount",
)
PROGRESS = Topic(
    "progress",
    TopicRole.INTERNAL,
    key="topic:partition",
    records=(),
    retention_ms=None,
    meaning="the watermark of each partition: the time up to which it is read and committed",
    partitions=1,
)
PAYMENTS_CHANGELOG = Topic(
    "payments-changelog",
    TopicRole.CHANGELOG,
    key="payment_id",
    records=(PaymentState,),
    retention_ms=None,
    meaning="the state of each payment",
)
OBLIGATIONS_CHANGELOG = Topic(
    "obligations-changelog",
    TopicRole.CHANGELOG,
    key="obligation_id",
    records=(ObligationState,),
    retention_ms=None,
    meaning="the state of each obligation",
)
REFERENCES_CHANGELOG = Topic(
    "references-changelog",
    TopicRole.CHANGELOG,
    key="reference_key",
    records=(ReferenceState,),
    retention_ms=None,
    meaning="the state of each reference",
)
PAYOUTS_CHANGELOG = Topic(
    "payouts-changelog",
    TopicRole.CHANGELOG,
    key="payout_key",
    records=(PayoutState,),
    retention_ms=None,
    meaning="the state of each payout",
)
BANK_ENTRIES_CHANGELOG = Topic(
    "bank-entries-changelog",
    TopicRole.CHANGELOG,
    key="bank_entry_key",
    records=(BankEntryState,),
    retention_ms=None,
    meaning="the state of each bank entry",
)
MATCHES_CHANGELOG = Topic(
    "matches-changelog",
    TopicRole.CHANGELOG,
    key="match_key",
    records=(MatchState,),
    retention_ms=None,
    meaning="the open bank entries and payouts of each account, currency and amount",
)
PAYMENT_RECONCILIATIONS = Topic(
    "payment-reconciliations",
    TopicRole.OUTPUT,
    key="payment_id",
    records=(PaymentReconciliation,),
    retention_ms=None,
    meaning="each payment, reconciled",
)
OBLIGATION_RECONCILIATIONS = Topic(
    "obligation-reconciliations",
    TopicRole.OUTPUT,
    key="obligation_id",
    records=(ObligationReconciliation,),
    retention_ms=None,
    meaning="each obligation, reconciled",
)
REFERENCE_RECONCILIATIONS = Topic(
    "reference-reconciliations",
    TopicRole.OUTPUT,
    key="reference_key",
    records=(ReferenceReconciliation,),
    retention_ms=None,
    meaning="each reference whose settlement records name no payment: who holds it",
)
PAYOUT_RECONCILIATIONS = Topic(
    "payout-reconciliations",
    TopicRole.OUTPUT,
    key="payout_key",
    records=(PayoutReconciliation,),
    retention_ms=None,
    meaning="each payout, reconciled with its lines and with the bank account",
)
MISMATCH_ALERTS = Topic(
    "mismatch-alerts",
    TopicRole.OUTPUT,
    key="break_id",
    records=(MismatchAlert,),
    retention_ms=None,
    meaning="breaks opened, updated, accepted, resolved",
)
LATE_PAYMENT_ALERTS = Topic(
    "late-payment-alerts",
    TopicRole.OUTPUT,
    key="alert_id",
    records=(LatePaymentAlert,),
    retention_ms=None,
    meaning="installments late, escalated, cured",
)
DEAD_LETTER = Topic(
    "dead-letter",
    TopicRole.OUTPUT,
    key="the original key",
    records=(),
    retention_ms=90 * DAY_MS,
    meaning="records that could not be read, byte for byte",
)

ALL = (
    PAYMENT_INITIATED,
    PROCESSOR_SETTLED,
    LEDGER_EVENTS,
    PAYOUTS,
    BANK_ENTRIES,
    DECISIONS,
    PAYMENT_FACTS,
    REFERENCE_FACTS,
    PAYMENT_RESOLUTIONS,
    OBLIGATION_FACTS,
    BANK_ENTRY_FACTS,
    PAYOUT_FACTS,
    MATCH_FACTS,
    ENTRY_MATCHES,
    PAYOUT_MATCHES,
    PROGRESS,
    PAYMENTS_CHANGELOG,
    REFERENCES_CHANGELOG,
    OBLIGATIONS_CHANGELOG,
    BANK_ENTRIES_CHANGELOG,
    PAYOUTS_CHANGELOG,
    MATCHES_CHANGELOG,
    PAYMENT_RECONCILIATIONS,
    OBLIGATION_RECONCILIATIONS,
    REFERENCE_RECONCILIATIONS,
    PAYOUT_RECONCILIATIONS,
    MISMATCH_ALERTS,
    LATE_PAYMENT_ALERTS,
    DEAD_LETTER,
)
INPUTS = tuple(topic for topic in ALL if topic.role is TopicRole.INPUT)
OUTPUTS = tuple(topic for topic in ALL if topic.role is TopicRole.OUTPUT and topic.records)
"""The outputs that carry records of the contract: all but the dead letters."""
