"""Which properties and tenants a document is of: kept right whatever the order in which records arrive.

A payment is of the properties and tenants of its obligations; a reference of those of the payment that holds it; a
break, and a decision about it, of those of its key. Payouts and bank entries have money of many properties and are of
none. The documents have `property_ids` and `tenant_ids`, sorted.

A record may come before the ones that it depends on, and several writers write at the same time. So each batch is
attributed twice: before it is written, so that no document ever lacks what is known; and after it, together with the
documents that depend on it. Whoever writes last sees what the other one wrote, because everybody reads again after the
last of its own writes, until nothing is left to correct.

What depends on a document is looked for only if its attribution may be new: it changed, or the document has been
written before at this record or a later one. Then a writer was killed, and may not have come to the dependent ones.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from read_model.documents import Kind, RecordPlace
from read_model.mongo import Document, Mongo
from read_model.scope import NO_PROPERTY

KEYS_PER_QUERY = 1_000

_SOURCES: dict[str, Kind] = {"payment": "payments", "obligation": "obligations", "reference": "processor_references"}
"""Where the attribution of a break comes from, by the kind of its key."""
_DEPENDENT: tuple[Kind, ...] = ("payments", "processor_references", "breaks", "decisions")
"""The kinds that are attributed, each after what it depends on."""
_FIELDS = (
    "_id", "gone", "partition", "offset", "property_ids", "tenant_ids", "property_id", "tenant_id", "obligation_ids",
    "payment_id", "key_kind", "key", "was_in",
)  # fmt: skip

Documents = Mapping[Kind, dict[str, Document]]
"""Current documents by kind and `_id`."""


class Homes(NamedTuple):
    """The properties and tenants of a document."""

    property_ids: frozenset[str]
    tenant_ids: frozenset[str]


NOWHERE = Homes(frozenset(), frozenset())


@dataclass(slots=True)
class KnownHomes:
    """The attributions that those of other documents follow from."""

    homes: dict[Kind, dict[str, Homes]] = field(default_factory=lambda: defaultdict(dict))

    def learn(self, kind: Kind, documents: Mapping[str, Document]) -> None:
        """Take the attributions that documents have."""
        self.homes[kind].update((key, homes_of(kind, document)) for key, document in documents.items())

    def derive(self, kind: Kind, document: Document) -> Homes:
        """The attribution of a payment, a reference, a break or a decision."""
        if document.get("gone"):
            return NOWHERE
        if kind == "payments":
            found = [self.homes["obligations"].get(key, NOWHERE) for key in document["obligation_ids"]]
            return Homes(
                frozenset().union(*(one.property_ids for one in found)),
                frozenset().union(*(one.tenant_ids for one in found)),
            )
        source, key = depends_on(kind, document)
        return NOWHERE if source is None else self.homes[source].get(key, NOWHERE)


@dataclass(slots=True)
class Attributed:
    """A batch that was attributed before it is written."""

    documents: Documents
    changed: dict[Kind, set[str]]
    """The obligations, payments and references whose dependent documents are looked for."""


def depends_on(kind: Kind, document: Document) -> tuple[Kind | None, str]:
    """The one document that the attribution of a reference, a break or a decision follows from."""
    if kind == "processor_references":
        return (None, "") if document["payment_id"] is None else ("payments", document["payment_id"])
    return _SOURCES.get(document["key_kind"]), document["key"]


def homes_of(kind: Kind, document: Document) -> Homes:
    """The attribution that a document has."""
    if document.get("gone"):
        return NOWHERE
    if kind in ("obligations", "alerts"):
        return Homes(frozenset([document["property_id"]]), frozenset([document["tenant_id"]]))
    return Homes(frozenset(document.get("property_ids", ())), frozenset(document.get("tenant_ids", ())))


def groups_of(kind: Kind, document: Document) -> list[str]:
    """The properties whose summaries a document is in; `NO_PROPERTY` for a break that has none."""
    found = sorted(homes_of(kind, document).property_ids)
    return found or ([NO_PROPERTY] if kind == "breaks" and not document.get("gone") else [])


class Attribution:
    """Attributes the documents of batches.

    Args:
        mongo: the database.
        collection: the name of the collection of current documents of a kind.

    """

    def __init__(self, mongo: Mongo, collection: Callable[[Kind], str]) -> None:
        self._mongo = mongo
        self._collection = collection

    async def before(
        self, documents: Documents, places: Mapping[tuple[Kind, str], Sequence[RecordPlace]]
    ) -> Attributed:
        """Attribute documents that are about to be written, in place.

        Args:
            documents: the newest of each key.
            places: the places of all records of each key.

        Raises:
            MongoUnavailable: retry.

        """
        stored = await self._read(self._inputs_of(documents))
        known = KnownHomes()
        changed: dict[Kind, set[str]] = {"obligations": set(), "payments": set(), "processor_references": set()}
        for kind in ("obligations", "alerts", *_DEPENDENT):
            known.learn(kind, stored[kind])
            for key, document in documents.get(kind, {}).items():
                old = stored[kind].get(key)
                if kind in _DEPENDENT:
                    document.update(_attributes(kind, document, known.derive(kind, document), old))
                else:
                    document["was_in"] = _was_in(kind, document, old)
                if kind in changed and (old is None or _may_be_new(kind, document, old, places[kind, key])):
                    changed[kind].add(key)
                known.homes[kind][key] = homes_of(kind, document)
        return Attributed(documents, changed)

    async def after(self, batch: Attributed) -> dict[Kind, set[str]]:
        """Attribute a batch that was written, and what depends on it.

        Returns:
            By kind, the properties whose summaries may have changed.

        Raises:
            MongoUnavailable: retry, with `before`.

        """
        check = {kind: set(batch.documents.get(kind, ())) for kind in _DEPENDENT}
        groups: dict[Kind, set[str]] = defaultdict(set)
        for kind in ("obligations", "alerts", "breaks"):
            for document in batch.documents.get(kind, {}).values():
                groups[kind].update(groups_of(kind, document), document["was_in"])
        while await self._correct(batch, check, groups):
            pass
        return groups

    async def _correct(self, batch: Attributed, check: dict[Kind, set[str]], groups: dict[Kind, set[str]]) -> bool:
        """Read the documents to check with what they follow from, and correct them. Whether any was corrected."""
        known, corrected = KnownHomes(), False
        for kind in _DEPENDENT:
            documents = await self._dependent(kind, batch.changed)
            if kind in batch.changed:
                batch.changed[kind].update(documents)  # whatever follows from them may not be right either
            check[kind].update(documents)
            documents |= await self._read_kind(kind, check[kind] - documents.keys())
            await self._learn(known, kind, documents)
            updates = []
            for key, document in documents.items():
                homes = known.derive(kind, document)
                known.homes[kind][key] = homes
                if kind == "breaks":
                    groups[kind].update(groups_of(kind, document), document.get("was_in", ()))
                if document.get("gone") or ("property_ids" in document and homes == homes_of(kind, document)):
                    continue
                fields = _attributes(kind, document, homes, document)
                # Not if another record was written meanwhile: its writer attributes it.
                same = {name: document.get(name) for name in ("_id", "partition", "offset")}
                updates.append((same, fields))
                if kind in batch.changed:
                    batch.changed[kind].add(key)
                if kind == "breaks":
                    groups[kind].update(fields["groups"])
            if updates:
                await self._mongo.update_each(self._collection(kind), updates)
                corrected = True
        return corrected

    async def _dependent(self, kind: Kind, changed: Mapping[Kind, set[str]]) -> dict[str, Document]:
        """The documents of a kind that follow from changed ones."""
        if kind == "payments":
            return await self._find(kind, "obligation_ids", changed["obligations"])
        if kind == "processor_references":
            return await self._find(kind, "payment_id", changed["payments"])
        found = await self._find(kind, "key", set().union(*changed.values()))
        return {
            key: document
            for key, document in found.items()
            if document["key"] in changed.get(_SOURCES.get(document["key_kind"], "payouts"), ())
        }

    async def _learn(self, known: KnownHomes, kind: Kind, documents: Mapping[str, Document]) -> None:
        """Read what documents follow from, as far as it is not known."""
        needed: dict[Kind, set[str]] = defaultdict(set)
        for document in documents.values():
            if document.get("gone"):
                continue
            if kind == "payments":
                needed["obligations"].update(document["obligation_ids"])
            else:
                source, key = depends_on(kind, document)
                if source is not None:
                    needed[source].add(key)
        for source, keys in needed.items():
            known.learn(source, await self._read_kind(source, keys - known.homes[source].keys()))

    def _inputs_of(self, documents: Documents) -> dict[Kind, set[str]]:
        """The keys of documents, and of what they follow from."""
        keys: dict[Kind, set[str]] = defaultdict(set)
        for kind, some in documents.items():
            if kind == "payouts":
                continue
            keys[kind].update(some)
            for document in some.values():
                if kind not in _DEPENDENT or document.get("gone"):
                    continue
                if kind == "payments":
                    keys["obligations"].update(document["obligation_ids"])
                    continue
                source, key = depends_on(kind, document)
                if source is not None:
                    keys[source].add(key)
        return keys

    async def _read(self, keys: Mapping[Kind, set[str]]) -> dict[Kind, dict[str, Document]]:
        kinds = list(keys)
        found = await asyncio.gather(*(self._read_kind(kind, keys[kind]) for kind in kinds))
        return defaultdict(dict, zip(kinds, found, strict=True))

    async def _read_kind(self, kind: Kind, keys: Iterable[str]) -> dict[str, Document]:
        return await self._find(kind, "_id", keys)

    async def _find(self, kind: Kind, name: str, values: Iterable[str]) -> dict[str, Document]:
        found: dict[str, Document] = {}
        for chunk in _chunks(values):
            for document in await self._mongo.find(self._collection(kind), {name: {"$in": chunk}}, fields=_FIELDS):
                found[document["_id"]] = document
        return found


def _attributes(kind: Kind, document: Document, homes: Homes, old: Document | None) -> Document:
    """The fields of an attribution."""
    fields: Document = {"property_ids": sorted(homes.property_ids), "tenant_ids": sorted(homes.tenant_ids)}
    if kind == "breaks":
        fields["groups"] = groups_of(kind, {**document, **fields})
        fields["was_in"] = _was_in(kind, {**document, **fields}, old)
    return fields


def _was_in(kind: Kind, document: Document, old: Document | None) -> list[str]:
    """The properties that a document was in: their summaries may still count it, if a writer is killed."""
    if old is None:
        return []
    before = {*groups_of(kind, old), *old.get("was_in", ())}
    return sorted(before.difference(groups_of(kind, document)))


def _may_be_new(kind: Kind, document: Document, old: Document, places: Sequence[RecordPlace]) -> bool:
    """Whether dependent documents may not know the attribution of this one."""
    if old.get("gone") or homes_of(kind, document) != homes_of(kind, old):
        return True
    if kind != "obligations" and "property_ids" not in old:
        return True  # of an earlier version
    return any(one.partition != old.get("partition") or one.offset <= old.get("offset", 0) for one in places)


def _chunks(keys: Iterable[str]) -> Iterator[list[str]]:
    unique = sorted(set(keys))
    for start in range(0, len(unique), KEYS_PER_QUERY):
        yield unique[start : start + KEYS_PER_QUERY]
