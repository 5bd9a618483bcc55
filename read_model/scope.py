"""What a reader may see: everything, or what belongs to some properties.

In a scope of properties there are their obligations and late alerts; the payments that have an obligation in one; the
references that such a payment holds; and the breaks, and decisions about breaks, of all of these. There are no payouts
and no bank entries: a payout has money of many properties. What is outside of the scope is not there.
"""

from typing import NamedTuple

from read_model.mongo import Document

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
            where: the filter. It may name one property itself.

        """
        if self.properties is None:
            return where
        field = PROPERTY_FIELDS.get(collection)
        if field is None or not self.properties:
            return None
        if field in where:
            return where if where[field] in self.properties else None
        return {**where, field: {"$in": sorted(self.properties)}}


EVERYTHING = Scope(None)
