"""One search box: exact ids and prefixes of ids, of everything that the read model has.

Each kind is looked for by a range of an index, which no text can turn into anything else.
"""

import asyncio
from typing import Literal, NamedTuple

from domain.formatting import amount_text
from domain.ids import parts_of_key
from read_model.mongo import Document
from read_model.reader import ScopedReader
from read_model.rows import IdHit

TEXT_MAX = 512
"""Characters of the text that are looked for; no id has more."""

SearchKind = Literal[
    "break", "payment", "obligation", "reference", "payout", "bank_entry", "tenant", "lease", "property"
]


class _Ids(NamedTuple):
    """Where ids of a kind are."""

    kind: SearchKind
    collection: str
    field: str


_SEARCHED = (
    _Ids("payment", "payments", "_id"),
    _Ids("obligation", "obligations", "_id"),
    _Ids("break", "breaks", "_id"),
    _Ids("tenant", "obligations", "tenant_id"),
    _Ids("lease", "obligations", "lease_id"),
    _Ids("property", "obligations", "property_id"),
    _Ids("reference", "processor_references", "processor_reference"),
    _Ids("reference", "processor_references", "reference_key"),
    _Ids("payout", "payouts", "payout_id"),
    _Ids("payout", "payouts", "payout_key"),
    _Ids("bank_entry", "payouts", "entry_keys"),
    _Ids("bank_entry", "payouts", "entry_ids"),
    _Ids("bank_entry", "breaks", "key"),
    _Ids("bank_entry", "breaks", "entry_id"),
)


_LISTS = frozenset({"entry_keys", "entry_ids"})


class ScopedSearch(ScopedReader):
    """Search in a scope."""

    async def search(self, text: str, limit: int) -> list[IdHit]:
        """What has this id first, then what has an id that starts with it, in the order of kinds above.

        Args:
            text: what was typed; spaces around it do not count.
            limit: the most hits.

        Raises:
            ReadModelUnavailable: retry.

        """
        wanted = text.strip()
        if not wanted or len(wanted) > TEXT_MAX or limit < 1:
            return []
        found = await asyncio.gather(*(self._hits(place, wanted, limit) for place in _SEARCHED))
        hits: dict[tuple[str, str], tuple[bool, IdHit]] = {}
        for place, some in zip(_SEARCHED, found, strict=True):
            for is_exact, hit in some:
                known = hits.get((place.kind, hit.id))
                if known is None or is_exact:
                    hits[place.kind, hit.id] = (is_exact, hit)
        in_order = sorted(hits.values(), key=lambda pair: not pair[0])
        return [hit for _, hit in in_order[:limit]]

    async def _hits(self, place: _Ids, wanted: str, limit: int) -> list[tuple[bool, IdHit]]:
        """The hits of one place, and whether each is exact."""
        found: dict[str, tuple[bool, IdHit]] = {}
        least = wanted
        while len(found) < limit:
            bounds = {"$gte": least, "$lt": wanted + "\U0010ffff"}
            where: Document = {"key_kind": "bank_entry"} if place.field == "key" else {}
            where |= {place.field: {"$elemMatch": bounds} if place.field in _LISTS else bounds}
            documents = await self._find(place.collection, where, sort=[(place.field, 1)], limit=limit)
            for document in documents:
                for value, hit in _hits_in(place, document, wanted):
                    found.setdefault(hit.id, (value == wanted, hit))
            if len(documents) < limit or place.field not in ("tenant_id", "lease_id", "property_id"):
                break
            least = documents[-1][place.field] + "\0"  # the next tenant, lease or property
        return list(found.values())


def _hits_in(place: _Ids, document: Document, wanted: str) -> list[tuple[str, IdHit]]:
    """The ids of a document that start with the text, and their hits."""
    value = document[place.field]
    match place.kind:
        case "bank_entry":
            if place.collection == "breaks":
                return [(value, IdHit("bank_entry", document["key"], "bank entry without a payout"))]
            keys = [key for key in document["entry_keys"] if _named(place.field, key).startswith(wanted)]
            text = f"bank entry of payout {document['payout_key']}"
            return [(_named(place.field, key), IdHit("bank_entry", key, text)) for key in keys]
        case "tenant" | "lease" | "property":
            return [(value, IdHit(place.kind, value, place.kind))]
        case "reference":
            text = f"reference, {_words(document['status'])}"
            return [(value, IdHit("reference", document["reference_key"], text))]
        case "payout":
            amount = amount_text(document["lines_minor"] + document["other_minor"], document["currency"])
            text = f"payout of {amount}, {_words(document['status'])}"
            return [(value, IdHit("payout", document["payout_key"], text))]
        case "break":
            text = f"{_words(document['class'])}, {document['lifecycle']}, {document['key']}"
            return [(value, IdHit("break", value, text))]
        case "payment":
            amount = amount_text(document["size_minor"], document["currency"])
            return [(value, IdHit("payment", value, f"payment of {amount}, {_words(document['status'])}"))]
        case "obligation":
            text = f"{document['period']}, {_words(document['status'])}, tenant {document['tenant_id']}"
            return [(value, IdHit("obligation", value, text))]


def _named(field: str, entry_key: str) -> str:
    return entry_key if field == "entry_keys" else parts_of_key(entry_key)[1]


def _words(value: str) -> str:
    return value.replace("_", " ")
