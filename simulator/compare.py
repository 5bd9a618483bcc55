"""Compares the service's last record of each key with the truth, field by field."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import Enum
from typing import Any

import msgspec

from domain.records import (
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    Output,
    PaymentReconciliation,
    PayoutReconciliation,
    ReferenceReconciliation,
)
from simulator.banking import day_of, instant_of
from simulator.truth import Truth
from simulator.truth_facts import Row, two_parts

OPEN_BREAK = frozenset(("opened", "updated"))
LIVE_ALERT = frozenset(("opened", "escalated"))
INSTANTS = frozenset(("due_at", "opened_at", "resolved_at", "ended_at", "rests_on", "at", "until"))
DAYS = frozenset(("due_date", "next_due_date", "oldest_late_due_date", "arrival_date"))


@dataclass(frozen=True)
class FieldDifference:
    """One thing that is not as it should be."""

    kind: str
    """`payment`, `obligation`, `reference`, `payout`, `break`, `accepted break`, `alert` or `dead letter`."""
    key: str
    field: str
    """The field that differs; empty where the whole record is missing or should not be."""
    expected: object
    found: object
    about: str = ""
    """What the record is about, in words: the id of a break or an alert alone means nothing to a reader."""

    def __str__(self) -> str:
        """Return it as one line."""
        name = f"{self.kind} {self.key}" + (f" ({self.about})" if self.about else "")
        if self.field:
            return f"{name}: {self.field} should be {self.expected!r}, found {self.found!r}"
        if self.found is None:
            return f"{name}: missing, should be {self.expected!r}"
        return f"{name}: should not be, found {self.found!r}"


@dataclass
class FinalState:
    """The last record of each key on the six output topics, as rows in the truth's shape."""

    payments: dict[str, Row] = field(default_factory=dict)
    obligations: dict[str, Row] = field(default_factory=dict)
    references: dict[str, Row] = field(default_factory=dict)
    payouts: dict[str, Row] = field(default_factory=dict)
    breaks: dict[str, Row] = field(default_factory=dict)
    """Open, accepted and resolved."""
    alerts: dict[str, Row] = field(default_factory=dict)
    """Live and ended."""
    dead_letters: dict[str, int] | None = None
    """By input topic (default name). None if they were not counted; then they are not compared."""

    @property
    def open_breaks(self) -> dict[str, Row]:
        """The breaks whose last record opened or updated them."""
        return {key: row for key, row in self.breaks.items() if row["lifecycle"] in OPEN_BREAK}

    @property
    def accepted_breaks(self) -> dict[str, Row]:
        """The breaks whose last record says that people accepted them."""
        return {key: row for key, row in self.breaks.items() if row["lifecycle"] == "accepted"}

    @property
    def live_alerts(self) -> dict[str, Row]:
        """The late alerts whose last record opened or escalated them."""
        return {key: row for key, row in self.alerts.items() if row["lifecycle"] in LIVE_ALERT}

    def take(self, row: Row) -> None:
        """Take in a row of any of the six topics; it replaces the one of its key before it.

        Raises:
            ValueError: the row is of none of the six topics.

        """
        if "break_id" in row:
            self.breaks[row["break_id"]] = row
        elif "alert_id" in row:
            self.alerts[row["alert_id"]] = row
        elif "payment_id" in row and "settled" in row:
            self.payments[row["payment_id"]] = row
        elif "obligation_id" in row and "installments" in row:
            self.obligations[row["obligation_id"]] = row
        elif "processor_reference" in row and "records" in row:
            self.references[two_parts(row["processor"], row["processor_reference"])] = row
        elif "payout_id" in row and "unknown_lines" in row:
            self.payouts[two_parts(row["processor"], row["payout_id"])] = row
        else:
            raise ValueError(f"no output record: {row!r}")

    def forget(self, topic: str, key: str) -> None:
        """Take in a tombstone: the key has no record on that topic (its name may have a prefix) any more.

        Raises:
            ValueError: the topic is none of the six.

        """
        rows = {
            "payment-reconciliations": self.payments,
            "obligation-reconciliations": self.obligations,
            "reference-reconciliations": self.references,
            "payout-reconciliations": self.payouts,
            "mismatch-alerts": self.breaks,
            "late-payment-alerts": self.alerts,
        }
        name = next((name for name in rows if topic.endswith(name)), None)
        if name is None:
            raise ValueError(f"no output topic: {topic}")
        rows[name].pop(key, None)


def plain(value: Any) -> Any:
    """Return a record as plain values: structs as dicts by field name, enums as their text, tuples as lists."""
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value


def found_from_records(records: Iterable[Output]) -> FinalState:
    """Collect these records, given in the order of their topics."""
    found = FinalState()
    for record in records:
        row: Row = plain(record)
        match record:
            case MismatchAlert():
                row["class"] = row.pop("break_class")
                found.breaks[record.break_id] = row
            case LatePaymentAlert():
                found.alerts[record.alert_id] = row
            case PaymentReconciliation():
                found.payments[record.payment_id] = row
            case ObligationReconciliation():
                found.obligations[record.obligation_id] = row
            case ReferenceReconciliation():
                found.references[record.reference_key] = row
            case PayoutReconciliation():
                found.payouts[record.payout_key] = row
    return found


def found_from_json(lines: Iterable[Mapping[str, Any]]) -> FinalState:
    """Collect the output of `rentmatch read --last --json`: instants in ISO 8601 with Z, dates in ISO.

    A line is the record itself, or an object that holds it as `value` beside its topic and key; a value of null is a
    tombstone.

    Raises:
        ValueError: a line is no record of the six output topics.

    """
    found = FinalState()
    for line in lines:
        value = line.get("value")
        if "value" in line and value is None:
            found.forget(str(line["topic"]), str(line["key"]))
        else:
            found.take(from_iso(value if isinstance(value, Mapping) else line))
    return found


def from_iso(value: Any, name: str = "") -> Any:
    """Return JSON with its instants and days as whole numbers, found by their field names at any depth."""
    if isinstance(value, Mapping):
        return {key: from_iso(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [from_iso(item) for item in value]
    if isinstance(value, str) and name in INSTANTS:
        return instant_of(datetime.fromisoformat(value))
    if isinstance(value, str) and name in DAYS:
        return day_of(date.fromisoformat(value))
    return value


def compare(truth: Truth, found: FinalState) -> list[FieldDifference]:
    """Return every difference between the truth and what was found: an empty list if there is none.

    Only the truth's own fields are held against; open breaks of a record compare as sets, installments in order.
    """
    differences = [
        *differences_of("payment", truth.payments, found.payments),
        *differences_of("obligation", truth.obligations, found.obligations),
        *differences_of("reference", truth.references, found.references),
        *differences_of("payout", truth.payouts, found.payouts),
        *differences_of("break", truth.open_breaks, found.open_breaks),
        *differences_of("accepted break", truth.accepted_breaks, found.accepted_breaks),
        *differences_of("alert", truth.live_alerts, found.live_alerts),
    ]
    if found.dead_letters is not None:
        for topic in sorted({*truth.dead_letters, *found.dead_letters}):
            expected, count = truth.dead_letters.get(topic, 0), found.dead_letters.get(topic, 0)
            if expected != count:
                differences.append(FieldDifference("dead letter", topic, "count", expected, count))
    return differences


def differences_of(kind: str, expected: dict[str, Row], found: dict[str, Row]) -> list[FieldDifference]:
    """Return the differences between two sets of rows of one kind."""
    differences = []
    for key in sorted({*expected, *found}):
        should, is_ = expected.get(key), found.get(key)
        if should is None or is_ is None:
            row = should or is_ or {}
            differences.append(FieldDifference(kind, key, "", should, is_, about(kind, row)))
            continue
        for name, value in should.items():
            here = is_.get(name)
            if comparable(name, value) != comparable(name, here):
                differences.append(FieldDifference(kind, key, name, value, here, about(kind, should)))
    return differences


def comparable(name: str, value: Any) -> Any:
    """Return a field's value in the form in which it compares."""
    return frozenset(value) if name == "open_breaks" and isinstance(value, list | tuple) else plain(value)


def about(kind: str, row: Row) -> str:
    """Describe the subject of a break or an alert."""
    if kind in ("break", "accepted break"):
        return f"{row['class']} of {row['key_kind']} {row['key']}, {'/'.join(row['subject'])}"
    if kind == "alert":
        return f"{row['obligation_id']}, installment {row['installment_id']}"
    return ""
