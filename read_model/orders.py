"""The orders of lists, and the cursors in them.

A cursor is the position of a row in an order, and not an offset: whatever is written between two pages, a row that
keeps its position is returned exactly once. Readers treat it as opaque.
"""

import base64
import binascii
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec

from read_model.mongo import Document, Sort

CURSOR_BYTES_MAX = 16_384


class InvalidCursor(ValueError):
    """A cursor that no list of this order has given."""


class Order(NamedTuple):
    """Fields with their directions, 1 or -1; the last field is unique. Every document has all of them."""

    fields: tuple[tuple[str, int], ...]
    types: tuple[type, ...]
    """The types of the fields' values."""

    @property
    def sort(self) -> Sort:
        """The order, for MongoDB."""
        return self.fields

    def cursor_of(self, document: Document) -> str:
        """The position of a document."""
        place = msgspec.json.encode([document[name] for name, _ in self.fields])
        return base64.urlsafe_b64encode(place).rstrip(b"=").decode()

    def after(self, cursor: str) -> list[Document]:
        """Filters for the documents after a cursor: those of the first come before those of the second, and so on.

        They are apart, because each is a range of an index, and a filter with alternatives is none everywhere.

        Raises:
            InvalidCursor: it is none of this order.

        """
        place = self._place_of(cursor)
        filters = []
        for at in reversed(range(len(self.fields))):
            name, direction = self.fields[at]
            same = {before: place[number] for number, (before, _) in enumerate(self.fields[:at])}
            filters.append({**same, name: {"$gt" if direction > 0 else "$lt": place[at]}})
        return filters

    def _place_of(self, cursor: str) -> list[Any]:
        if len(cursor) > CURSOR_BYTES_MAX:
            raise InvalidCursor("the cursor is too long")
        try:
            place = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (binascii.Error, ValueError):
            raise InvalidCursor("the cursor cannot be read") from None
        if not isinstance(place, list) or [type(part) for part in place] != list(self.types):
            raise InvalidCursor("the cursor belongs to another list or order")
        if any(isinstance(part, int) and not -(1 << 63) <= part < 1 << 63 for part in place):
            raise InvalidCursor("the cursor has a number out of range")
        return place


def both(one: Document, other: Document) -> Document | None:
    """A filter that matches what two filters match; None where they exclude each other."""
    merged = dict(one)
    for name, condition in other.items():
        if name not in merged:
            merged[name] = condition
            continue
        operators = _operators(merged[name])
        for operator, value in _operators(condition).items():
            known = operators.setdefault(operator, value)
            if known != value and operator == "$eq":
                return None
            if known != value:
                operators[operator] = _NARROWER[operator](known, value)
        merged[name] = operators
    return merged


_NARROWER: dict[str, Callable[[Any, Any], Any]] = {"$lt": min, "$lte": min, "$gt": max, "$gte": max}


def _operators(condition: Any) -> Document:
    return dict(condition) if isinstance(condition, dict) else {"$eq": condition}


def _order(*fields: tuple[str, int, type]) -> Order:
    return Order(tuple((name, direction) for name, direction, _ in fields), tuple(kind for *_, kind in fields))


BREAK_ORDERS: dict[str, Order] = {
    "pressing": _order(("priority", 1, int), ("opened_at", 1, int), ("break_id", 1, str)),
    "due": _order(("due_order", 1, int), ("break_id", 1, str)),
    "oldest": _order(("opened_at", 1, int), ("break_id", 1, str)),
    "newest": _order(("opened_at", -1, int), ("break_id", -1, str)),
    "amount": _order(("gross_drift_minor", -1, int), ("break_id", 1, str)),
}
PAYMENTS = _order(("rests_on", -1, int), ("payment_id", -1, str))
OBLIGATIONS = _order(("obligation_id", 1, str))
REFERENCES = _order(("reference_key", 1, str))
PAYOUTS = _order(("payout_key", 1, str))
LATE_ALERTS = _order(("due_date", 1, int), ("alert_id", 1, str))
DECISIONS = _order(("occurred_at", -1, int), ("decision_key", -1, str))
SUMMARIES = _order(("of", 1, str))
VERSIONS = _order(("version", -1, int))
