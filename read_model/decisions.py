"""Decisions about breaks as documents: the collection `decisions` has those that count of the topic.

A decision's identity is its decision_id within its key. Of several records of one identity the first holds (contract
section 12), by (occurred_at, event_id): whoever writes them, in whatever order, leaves that one.
"""

import msgspec

from domain.facts import BreakDecided
from read_model.documents import Kind, RecordPlace, decision_fields, placed
from read_model.mongo import Document, Index

DECISIONS: Kind = "decisions"
INDEXES = (
    Index("latest", (("occurred_at", -1), ("decision_key", -1))),
    Index("by_break", (("break_id", 1), ("occurred_at", -1), ("decision_key", -1))),
    Index("by_key", (("key", 1), ("key_kind", 1))),
    Index("by_actor", (("actor", 1), ("occurred_at", -1), ("decision_key", -1))),
    Index("by_property", (("property_ids", 1), ("occurred_at", -1), ("decision_key", -1))),
)

_encode = msgspec.json.Encoder(order="sorted").encode


def decision_document(decision: BreakDecided, place: RecordPlace) -> Document:
    """A decision as a document."""
    key = msgspec.json.encode([decision.key_kind, decision.key, decision.decision_id]).decode()
    # Instants before 1970 are negative, and texts compare from the left.
    order = f"{decision.occurred_at + (1 << 63):020d} {decision.event_id} {_encode(decision).decode()}"
    return placed({"_id": key, "decision_key": key, "order": order, **decision_fields(decision)}, place)


def later_than(document: Document) -> Document:
    """Matches the stored document that this one replaces: the same decision, by a record that is later."""
    return {"_id": document["_id"], "order": {"$gt": document["order"]}}
