"""What a reader may see: everything, or what belongs to some properties.

In a scope of properties there are their obligations and late alerts; the payments that have an obligation in one; the
references that such a payment holds; and the breaks, and decisions about breaks, of all of these. There are no payouts
and no bank entries: a payout has money of many properties. What is outside of the scope is not there.
"""

from collections.abc import Collection
from typing import NamedTuple

from read_model.mongo import Document

NO_PROPERTY = ""
"""Stands for no property where one is looked for; no id is empty."""

PROPERTY_FIELDS = {
    "payments": "property_ids",
    "processor_references": "property_ids",
    "breaks": "groups",
    "decisions": "property_ids",
    "obligations": "property_id",
    "alerts": "property_id",
}
"""The field with the properties of a document, by collection. A collection without one is in no scope of properties."""


class Scope(NamedTuple):
    """Whose records a reader sees."""

    properties: frozenset[str] | None
    """None: everything."""

    def restricted(self, collection: str, where: Document) -> Document | None:
        """A filter that matches only what is in the scope; None where that is nothing.

        Args:
            collection: the collection of current documents.
            where: the filter. It may name one property itself, or a range.

        """
        if self.properties is None:
            return where
        field, seen = PROPERTY_FIELDS.get(collection), self.properties - {NO_PROPERTY}
        if field is None or not seen:
            return None
        asked = where.get(field, {})
        if isinstance(asked, str):
            return where if asked in seen else None
        assert "$in" not in asked, f"a filter by several properties: {asked!r}"
        return {**where, field: {**asked, "$in": sorted(seen)}}

    def chosen(self, properties: Collection[str] | None) -> frozenset[str] | None:
        """Which of some properties, or of all (None), are in the scope; None for everything."""
        if properties is None:
            return None if self.properties is None else self.properties - {NO_PROPERTY}
        asked = frozenset(properties) - {NO_PROPERTY}
        return asked if self.properties is None else asked & self.properties


EVERYTHING = Scope(None)
