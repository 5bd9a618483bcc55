"""The read model: output records as documents, and documents as records again. docs/read-model.md shows the shapes.

A document has the contract's field names, `_id` besides, and what the questions need to find it by. Instants stay
microseconds since 1970, days stay days since 1970, money stays whole minor units. Maps whose keys are ids become lists
of `{id, amount_minor}`, because ids may hold what a field's name may not.
"""

import types
import typing
from collections.abc import Callable
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from domain.records import LatePaymentAlert, MismatchAlert, ObligationReconciliation, Output, PaymentReconciliation
from read_model.mongo import Document, Index
from streams import topics
from streams.topics import Topic

R = TypeVar("R", PaymentReconciliation, ObligationReconciliation, MismatchAlert, LatePaymentAlert)

DocumentKind = Literal["payments", "obligations", "breaks", "alerts"]
"""What there are documents about; also the name of the collection of the current ones."""

KINDS: tuple[DocumentKind, ...] = ("payments", "obligations", "breaks", "alerts")

RECORD_OF: dict[DocumentKind, type[Output]] = {
    "payments": PaymentReconciliation,
    "obligations": ObligationReconciliation,
    "breaks": MismatchAlert,
    "alerts": LatePaymentAlert,
}
KIND_OF: dict[type[Output], DocumentKind] = {record: kind for kind, record in RECORD_OF.items()}
PROJECTED: tuple[Topic, ...] = tuple(topic for topic in topics.OUTPUTS if KIND_OF.keys() >= set(topic.records))
"""The output topics that are projected: those whose records have a collection."""
_KEY_OF: dict[DocumentKind, str] = {
    "payments": "payment_id",
    "obligations": "obligation_id",
    "breaks": "break_id",
    "alerts": "alert_id",
}
_RENAMED = {"break_class": "class"}

POISONED = "poisoned"
"""The collection of what could not become a document."""
REBUILDS = "rebuilds"
"""The collection in which a rebuild says that it is at work."""

INDEXES: dict[DocumentKind, tuple[Index, ...]] = {
    "payments": (Index("by_obligation", (("obligation_ids", 1),)),),
    "obligations": (
        Index("by_id", (("obligation_id", 1),)),
        Index("by_tenant", (("tenant_id", 1), ("obligation_id", 1))),
        Index("by_property", (("property_id", 1), ("obligation_id", 1))),
        Index("by_period", (("period", 1), ("obligation_id", 1))),
        Index("by_status", (("status", 1), ("obligation_id", 1))),
    ),
    "breaks": (
        Index("open_by_priority", (("open", 1), ("priority", 1), ("opened_at", 1), ("break_id", 1))),
        Index("by_priority", (("priority", 1), ("opened_at", 1), ("break_id", 1))),
        Index("by_class", (("class", 1), ("open", 1), ("priority", 1), ("opened_at", 1), ("break_id", 1))),
        Index("by_key", (("key", 1), ("key_kind", 1))),
    ),
    "alerts": (
        Index("live_by_due_date", (("live", 1), ("due_date", 1), ("alert_id", 1))),
        Index("by_due_date", (("due_date", 1), ("alert_id", 1))),
        Index("by_tenant", (("tenant_id", 1), ("due_date", 1), ("alert_id", 1))),
        Index("by_property", (("property_id", 1), ("due_date", 1), ("alert_id", 1))),
    ),
}
"""By collection of current documents: one index for each question that the queries ask."""

HISTORY_INDEXES = (Index("by_key", (("key", 1), ("version", -1))),)


def history_of(collection: str) -> str:
    """The collection that holds every version met of the documents of another."""
    return f"{collection}_history"


def kind_of(record: Output) -> DocumentKind:
    """What a record is about."""
    return KIND_OF[type(record)]


def document_of(record: Output) -> Document:
    """A record as a document of the current ones."""
    kind = kind_of(record)
    document = _TO_DOCUMENT[kind](record)
    document = {"_id": document[_KEY_OF[kind]], **document}
    match record:
        case PaymentReconciliation():
            initiated = () if record.initiated is None else (record.initiated.obligation_id,)
            document["obligation_ids"] = sorted({*initiated, *record.posted.by_obligation})
        case MismatchAlert():
            document["open"] = record.resolved_at is None
        case LatePaymentAlert():
            document["live"] = record.ended_at is None
        case _:
            pass
    return document


def history_document_of(document: Document) -> Document:
    """A document as its version in the history."""
    key, version = document["_id"], document["version"]
    return {"_id": f"{key}@{version}", "key": key, "version": version, "record": document}


def record_of(record: type[R], document: Document) -> R:
    """The record that a document was made from."""
    return _TO_RECORD[record](document)  # type: ignore[no-any-return]


# How each field is turned follows from its type in domain/records.py, and is worked out once.

_Turn = Callable[[Any], Any]


def _same(value: Any) -> Any:
    return value


def _turns(hint: Any) -> tuple[_Turn, _Turn]:
    """How a value of this type becomes part of a document, and how it comes back."""
    if get_origin(hint) in {typing.Union, types.UnionType}:
        there, back = _turns(next(part for part in get_args(hint) if part is not type(None)))
        return (
            lambda value: None if value is None else there(value),
            lambda value: None if value is None else back(value),
        )
    if get_origin(hint) is tuple:
        there, back = _turns(get_args(hint)[0])
        return (lambda value: [there(part) for part in value], lambda value: tuple(back(part) for part in value))
    if get_origin(hint) is dict:
        return (
            lambda value: [{"id": key, "amount_minor": value[key]} for key in sorted(value)],
            lambda value: {pair["id"]: pair["amount_minor"] for pair in value},
        )
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return _struct_turns(hint)
    if isinstance(hint, type) and issubclass(hint, str):
        return str, _same  # an enum's symbol; one that came later is a text already
    return _same, _same


def _struct_turns(struct: type[msgspec.Struct]) -> tuple[_Turn, _Turn]:
    hints = get_type_hints(struct)
    fields = [(name, _RENAMED.get(name, name), *_turns(hints[name])) for name in struct.__struct_fields__]

    def there(value: Any) -> Document:
        return {stored: turn(getattr(value, name)) for name, stored, turn, _ in fields}

    def back(document: Document) -> Any:
        return struct(*(turn(document[stored]) for _, stored, _, turn in fields))

    return there, back


_TO_DOCUMENT = {kind: _struct_turns(record)[0] for kind, record in RECORD_OF.items()}
_TO_RECORD = {record: _struct_turns(record)[1] for record in KIND_OF}
