"""Every topic rentmatch reads or writes: the only home of a topic's default name, its shape and its meaning."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a topic is to rentmatch."""

    INPUT = "input"
    INTERNAL = "internal"
    CHANGELOG = "changelog"
    OUTPUT = "output"


DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True, eq=False)
class Topic:
    """A topic as `rentmatch provision` makes it. `name` is the default, without the prefix."""

    name: str
    role: Role
    key: str
    """What the record's key is."""
    compacted: bool
    retention_ms: int
    """Of a topic that is not compacted; -1 keeps for ever."""
    meaning: str

    @property
    def setting(self) -> str:
        """The settings field that renames it: `topic_payment_initiated`."""
        return "topic_" + self.name.replace("-", "_")


PAYMENT_INITIATED = Topic(
    "payment-initiated", Role.INPUT, "payment_id", False, 30 * DAY_MS, "payments that tenants set going"
)
PROCESSOR_SETTLED = Topic(
    "processor-settled", Role.INPUT, "payment_id", False, 30 * DAY_MS, "outcomes as the processors tell them"
)
LEDGER_EVENTS = Topic(
    "ledger-events", Role.INPUT, "obligation_id", False, 30 * DAY_MS, "charges, plans, adjustments, postings"
)
PAYMENT_FACTS = Topic(
    "payment-facts", Role.INTERNAL, "payment_id", False, 7 * DAY_MS, "input facts by payment, partitioned by us"
)
OBLIGATION_FACTS = Topic(
    "obligation-facts", Role.INTERNAL, "obligation_id", False, 7 * DAY_MS, "facts by obligation, partitioned by us"
)
PROGRESS = Topic(
    "progress", Role.INTERNAL, "topic:partition", True, -1, "the time up to which each partition is read and committed"
)
PAYMENTS_CHANGELOG = Topic("payments-changelog", Role.CHANGELOG, "payment_id", True, -1, "the state of each payment")
OBLIGATIONS_CHANGELOG = Topic(
    "obligations-changelog", Role.CHANGELOG, "obligation_id", True, -1, "the state of each obligation"
)
PAYMENT_RECONCILIATIONS = Topic(
    "payment-reconciliations", Role.OUTPUT, "payment_id", True, -1, "each payment as it stands"
)
OBLIGATION_RECONCILIATIONS = Topic(
    "obligation-reconciliations", Role.OUTPUT, "obligation_id", True, -1, "each obligation as it stands"
)
MISMATCH_ALERTS = Topic("mismatch-alerts", Role.OUTPUT, "break_id", True, -1, "breaks opened, updated, resolved")
LATE_PAYMENT_ALERTS = Topic(
    "late-payment-alerts", Role.OUTPUT, "alert_id", True, -1, "installments late, escalated, cured"
)
DEAD_LETTER = Topic(
    "dead-letter", Role.OUTPUT, "the original key", False, 90 * DAY_MS, "what could not be read, byte for byte"
)

INPUTS = (PAYMENT_INITIATED, PROCESSOR_SETTLED, LEDGER_EVENTS)
OUTPUTS = (PAYMENT_RECONCILIATIONS, OBLIGATION_RECONCILIATIONS, MISMATCH_ALERTS, LATE_PAYMENT_ALERTS)
ALL = (
    *INPUTS,
    PAYMENT_FACTS,
    OBLIGATION_FACTS,
    PROGRESS,
    PAYMENTS_CHANGELOG,
    OBLIGATIONS_CHANGELOG,
    *OUTPUTS,
    DEAD_LETTER,
)
