"""Output records as MongoDB documents, and back. docs/read-model.md describes the collections.

A document has the contract's field names, an `_id`, and the fields that queries need besides. Instants are microseconds
since 1970, days are days since 1970, money is integer minor units. Maps from a text to an amount become lists of
`{id, amount_minor}`, because an id may contain characters that a field name must not.

A current document also has the place of its record: `partition` (topic and number) and `offset`. A tombstone, which
says that its key is no more, has no version; so its place decides what it ends. It leaves a *marker*, which has `gone`
and its place, and which no query returns: an older record that comes late does not bring the document back.
"""

import types
import typing
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar, assert_never, get_args, get_origin, get_type_hints

import msgspec

from domain.facts import BreakDecided
from domain.ids import parts_of_key, two_part_key
from domain.records import (
    BreakLifecycle,
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    Output,
    PaymentReconciliation,
    PayoutReconciliation,
    ReferenceReconciliation,
)
from domain.time import FAR_FUTURE, Micros
from read_model.mongo import Document, Index
from streams import topics
from streams.topics import Topic

R = TypeVar(
    "R",
    PaymentReconciliation,
    ObligationReconciliation,
    ReferenceReconciliation,
    PayoutReconciliation,
    MismatchAlert,
    LatePaymentAlert,
)

DocumentKind = Literal["payments", "obligations", "processor_references", "payouts", "breaks", "alerts"]
"""A kind of document: the name of the collection of its current documents."""

KINDS: tuple[DocumentKind, ...] = get_args(DocumentKind)

Kind = Literal["payments", "obligations", "processor_references", "payouts", "breaks", "alerts", "decisions"]
"""A kind of document, or the decisions, which have no versions."""

RECORD_OF: dict[DocumentKind, type[Output]] = {
    "payments": PaymentReconciliation,
    "obligations": ObligationReconciliation,
    "processor_references": ReferenceReconciliation,
    "payouts": PayoutReconciliation,
    "breaks": MismatchAlert,
    "alerts": LatePaymentAlert,
}
KIND_OF: dict[type[Output], DocumentKind] = {record: kind for kind, record in RECORD_OF.items()}
PROJECTED: dict[Topic, DocumentKind] = {
    topic: KIND_OF[record] for topic in topics.OUTPUTS for record in topic.records if record in KIND_OF
}
"""The projected output topics: those whose records have a collection."""
READ: dict[Topic, Kind] = {**PROJECTED, topics.DECISIONS: "decisions"}
"""All topics that the projector reads."""
_KEY_OF: dict[DocumentKind, str] = {
    "payments": "payment_id",
    "obligations": "obligation_id",
    "processor_references": "reference_key",
    "payouts": "payout_key",
    "breaks": "break_id",
    "alerts": "alert_id",
}
_RENAMED = {"break_class": "class"}
_ENDED = frozenset({BreakLifecycle.RESOLVED, BreakLifecycle.ACCEPTED})
"""The lifecycles of a break that is not open."""

NO_VERSION = 0
"""The version of a marker: every record has a higher one."""
STANDING: Document = {"gone": None}
"""Matches the documents that are no markers."""

POISONED = "poisoned"
"""The collection of records that could not become documents."""
REBUILDS = "rebuilds"
"""The collection of the rebuild's lease."""

_PRESSING = (("priority", 1), ("opened_at", 1), ("break_id", 1))
INDEXES: dict[DocumentKind, tuple[Index, ...]] = {
    "payments": (
        Index("latest_of_obligation", (("obligation_ids", 1), ("rests_on", -1), ("payment_id", -1))),
        Index("latest", (("rests_on", -1), ("payment_id", -1))),
        Index("by_property", (("property_ids", 1), ("rests_on", -1), ("payment_id", -1))),
        Index("by_tenant", (("tenant_ids", 1), ("rests_on", -1), ("payment_id", -1))),
        Index("by_status", (("status", 1), ("rests_on", -1), ("payment_id", -1))),
    ),
    "obligations": (
        Index("by_id", (("obligation_id", 1),)),
        Index("by_tenant", (("tenant_id", 1), ("obligation_id", 1))),
        Index("by_property", (("property_id", 1), ("obligation_id", 1))),
        Index("by_lease", (("lease_id", 1), ("obligation_id", 1))),
        Index("by_period", (("period", 1), ("obligation_id", 1))),
        Index("by_status", (("status", 1), ("obligation_id", 1))),
    ),
    "processor_references": (
        Index("by_key", (("reference_key", 1),)),
        Index("by_status", (("status", 1), ("reference_key", 1))),
        Index("by_processor", (("processor", 1), ("reference_key", 1))),
        Index("by_payment", (("payment_id", 1), ("reference_key", 1))),
        Index("by_property", (("property_ids", 1), ("reference_key", 1))),
        Index("by_processor_reference", (("processor_reference", 1),)),
    ),
    "payouts": (
        Index("by_key", (("payout_key", 1),)),
        Index("by_status", (("status", 1), ("payout_key", 1))),
        Index("by_processor", (("processor", 1), ("payout_key", 1))),
        Index("by_currency", (("currency", 1), ("payout_key", 1))),
        Index("by_account", (("entries.account_id", 1), ("payout_key", 1))),
        Index("by_entry", (("entry_keys", 1),)),
        Index("by_entry_id", (("entry_ids", 1),)),
        Index("by_payout_id", (("payout_id", 1),)),
    ),
    "breaks": (
        Index("open_by_priority", (("open", 1), *_PRESSING)),
        Index("open_by_due", (("open", 1), ("due_order", 1), ("break_id", 1))),
        Index("open_by_age", (("open", 1), ("opened_at", 1), ("break_id", 1))),
        Index("open_by_amount", (("open", 1), ("gross_drift_minor", -1), ("break_id", 1))),
        Index("by_priority", _PRESSING),
        Index("by_class", (("class", 1), ("open", 1), *_PRESSING)),
        Index("by_group", (("groups", 1), ("open", 1), *_PRESSING)),
        Index("latest_of_group", (("groups", 1), ("moved_at", 1))),
        Index("by_tenant", (("tenant_ids", 1), ("open", 1), *_PRESSING)),
        Index("by_key", (("key", 1), ("key_kind", 1))),
        Index("by_entry_id", (("entry_id", 1),)),
        Index("by_lifecycle", (("lifecycle", 1), *_PRESSING)),
        Index("by_decision", (("decision.state", 1), ("open", 1), *_PRESSING)),
        Index("by_assignee", (("decision.assignee", 1), ("open", 1), *_PRESSING)),
    ),
    "alerts": (
        Index("live_by_due_date", (("live", 1), ("due_date", 1), ("alert_id", 1))),
        Index("by_due_date", (("due_date", 1), ("alert_id", 1))),
        Index("by_obligation", (("obligation_id", 1), ("live", 1))),
        Index("by_tenant", (("tenant_id", 1), ("due_date", 1), ("alert_id", 1))),
        Index("by_property", (("property_id", 1), ("due_date", 1), ("alert_id", 1))),
    ),
}
"""The indexes of the current documents: one for each query."""

HISTORY_INDEXES = (Index("by_key", (("key", 1), ("version", -1))),)


def history_of(collection: str) -> str:
    """The collection of all versions of the documents in a collection."""
    return f"{collection}_history"


def kind_of(record: Output) -> DocumentKind:
    """The kind of a record's document."""
    return KIND_OF[type(record)]


class RecordPlace(NamedTuple):
    """Where a record lies. Records of a key are in one partition of a topic, the later ones at the higher offsets."""

    partition: str
    """The topic's full name and the partition's number: `payment-reconciliations:3`."""
    offset: int


def document_of(record: Output) -> Document:
    """A record as a document, without its place."""
    kind = kind_of(record)
    document = _TO_DOCUMENT[kind](record)
    match record:
        case PaymentReconciliation():
            initiated = () if record.initiated is None else (record.initiated.obligation_id,)
            allocated = (allocation.obligation_id for allocation in record.allocations)
            document["obligation_ids"] = sorted({*initiated, *allocated, *record.posted.by_obligation})
            started = record.initiated
            document["size_minor"] = record.settled.gross_minor if started is None else started.amount_minor
        case MismatchAlert():
            document["open"] = record.lifecycle not in _ENDED
            document["due_order"] = FAR_FUTURE if record.due_at is None else record.due_at
            document["gross_drift_minor"] = abs(record.drift_minor)
            document["moved_at"] = moved_at(record)
            if record.key_kind == "bank_entry":
                document["entry_id"] = parts_of_key(record.key)[1]
        case LatePaymentAlert():
            document["live"] = record.ended_at is None
        case ReferenceReconciliation():
            document["reference_key"] = record.reference_key
        case PayoutReconciliation():
            document["payout_key"] = record.payout_key
            document["entry_keys"] = sorted(two_part_key(one.account_id, one.entry_id) for one in record.entries)
            document["entry_ids"] = sorted({one.entry_id for one in record.entries})
        case ObligationReconciliation():
            pass
        case _:
            assert_never(record)
    return {"_id": document[_KEY_OF[kind]], **document}


def moved_at(alert: MismatchAlert) -> Micros:
    """When a break opened or, if it is not open, ended."""
    if alert.lifecycle == BreakLifecycle.ACCEPTED and alert.decision is not None:
        return max(alert.opened_at, alert.decision.at)
    return alert.opened_at if alert.resolved_at is None else max(alert.opened_at, alert.resolved_at)


def placed(document: Document, place: RecordPlace) -> Document:
    """A current document with the place of its record."""
    return {**document, "partition": place.partition, "offset": place.offset}


def marker_of(key: str, place: RecordPlace) -> Document:
    """What a tombstone leaves of a key."""
    return placed({"_id": key, "version": NO_VERSION, "gone": True}, place)


def history_document_of(document: Document) -> Document:
    """A current document as a version in the history."""
    key, version = document["_id"], document["version"]
    return {"_id": f"{key}@{version}", "key": key, "version": version, "record": document}


def record_of(record: type[R], document: Document) -> R:
    """The record that a document was made from."""
    return _TO_RECORD[record](document)  # type: ignore[no-any-return]


# The conversions of a field follow from its type in domain/records.py. They are made once.

_Convert = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _conversions(hint: Any) -> tuple[_Convert, _Convert]:
    """The conversions of a value of this type, to a part of a document and back."""
    if get_origin(hint) in {typing.Union, types.UnionType}:
        there, back = _conversions(next(part for part in get_args(hint) if part is not type(None)))
        return (
            lambda value: None if value is None else there(value),
            lambda value: None if value is None else back(value),
        )
    if get_origin(hint) is tuple:
        there, back = _conversions(get_args(hint)[0])
        return (lambda value: [there(part) for part in value], lambda value: tuple(back(part) for part in value))
    if get_origin(hint) is dict:
        return (
            lambda value: [{"id": key, "amount_minor": value[key]} for key in sorted(value)],
            lambda value: {pair["id"]: pair["amount_minor"] for pair in value},
        )
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _struct_conversions(hint)
    if isinstance(hint, type) and issubclass(hint, str):
        return str, _same  # a symbol of an enum; an unknown one is text already
    return _same, _same


def _struct_conversions(struct: type[msgspec.Struct]) -> tuple[_Convert, _Convert]:
    hints = get_type_hints(struct)
    fields = [(name, _RENAMED.get(name, name), *_conversions(hints[name])) for name in struct.__struct_fields__]

    def there(value: Any) -> Document:
        return {stored: convert(getattr(value, name)) for name, stored, convert, _ in fields}

    def back(document: Document) -> Any:
        # A document of an earlier version lacks the fields that were added since: each has a default.
        return struct(**{name: convert(document[stored]) for name, stored, _, convert in fields if stored in document})

    return there, back


decision_fields, decision_of = _struct_conversions(BreakDecided)
"""A decision as a document without its `_id`, and back."""

_TO_DOCUMENT = {kind: _struct_conversions(record)[0] for kind, record in RECORD_OF.items()}
_TO_RECORD = {record: _struct_conversions(record)[1] for record in KIND_OF}
