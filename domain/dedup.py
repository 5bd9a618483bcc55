"""Deduplication by identity (contract section 3): the first record is accepted, further ones leave only a trace.

Nothing here depends on the order of arrival. Of the records of one identity, the first by (`occurred_at`, `event_id`,
canonical content) is accepted. The ids of all events that reported it are kept, and whether any two of them differed
in money or routing.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias, TypeVar

import msgspec

from domain.time import Micros


class Accepted(msgspec.Struct, array_like=True, gc=False):
    """The accepted record of an identity. Subclasses add the fields of their record that a view can depend on.

    Fields that no view and no comparison reads (reasons, payout ids, references) are left out. In canonical order they
    come after every field that is kept, so they cannot decide which of two records is accepted in a way a view sees.

    Each subclass has a `from_fact`. It passes the fields by position, since it is called for every fact, and keywords
    cost more than the rest of it.
    """

    event_id: str
    occurred_at: Micros
    duplicate_event_ids: set[str] | None
    """The other events that reported this identity; None if there are none."""
    conflict: bool
    """Whether records of this identity ever differed in money or routing."""

    def material_terms(self) -> tuple[object, ...]:
        """Give the money and routing of the record. Records of one identity conflict if these differ."""
        raise NotImplementedError

    def event_ids(self) -> Iterator[str]:
        """Give the ids of all events that reported this identity, each once."""
        yield self.event_id
        if self.duplicate_event_ids is not None:
            yield from self.duplicate_event_ids


A = TypeVar("A", bound=Accepted)
K = TypeVar("K")

Identities: TypeAlias = Iterable[tuple[tuple[str, ...], Accepted]]
"""The identities of one key, each as its record type and id, with the accepted record."""

_BOOKKEEPING = frozenset(("duplicate_event_ids", "conflict"))


def canonical(accepted: Accepted) -> bytes:
    """Give the canonical content: JSON with sorted names and no white space."""
    content = {name: getattr(accepted, name) for name in accepted.__struct_fields__ if name not in _BOOKKEEPING}
    installments = content.get("installments")
    if installments is not None:
        content["installments"] = [msgspec.structs.asdict(installment) for installment in installments]
    return msgspec.json.encode(content, order="sorted")


def _comes_before(new: Accepted, accepted: Accepted) -> bool:
    if new.occurred_at != accepted.occurred_at:
        return new.occurred_at < accepted.occurred_at
    if new.event_id != accepted.event_id:
        return new.event_id < accepted.event_id
    return canonical(new) < canonical(accepted)


def merge(accepted: A | None, new: A) -> A | None:
    """Merge a new record with the accepted one of its identity.

    Args:
        accepted: the record accepted so far, if any; it may be changed.
        new: the new record.

    Returns:
        The record accepted now; None if nothing changed, as with a redelivery.

    """
    if accepted is None:
        return new
    duplicates = accepted.duplicate_event_ids
    known = new.event_id == accepted.event_id or (duplicates is not None and new.event_id in duplicates)
    conflict = accepted.conflict or new.material_terms() != accepted.material_terms()
    first = new if _comes_before(new, accepted) else accepted
    if first is accepted and known and conflict == accepted.conflict:
        return None
    if not (known and first.event_id == accepted.event_id):
        duplicates = set() if duplicates is None else duplicates
        duplicates.add(accepted.event_id)
        duplicates.add(new.event_id)
        duplicates.discard(first.event_id)
    first.duplicate_event_ids = duplicates
    first.conflict = conflict
    return first


def merge_into(by_id: dict[K, A], key: K, new: A) -> bool:
    """Merge a new record into the accepted records of its type, by id.

    Returns:
        Whether anything changed; False for a redelivery.

    """
    known = by_id.get(key)
    if known is not None:
        merged = merge(known, new)
        if merged is None:
            return False
        new = merged
    by_id[key] = new
    return True


def reused_event_ids(identities: Identities) -> list[str]:
    """Find the event ids that reported more than one identity, in sorted order."""
    seen: set[str] = set()
    reused: set[str] = set()
    for _, accepted in identities:
        for event_id in accepted.event_ids():
            if event_id in seen:
                reused.add(event_id)
            seen.add(event_id)
    return sorted(reused)
