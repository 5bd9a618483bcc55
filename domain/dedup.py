"""One record of an identity holds; what else was told of that identity is kept only as far as it matters.

Contract section 3. Nothing here depends on the order in which records come: of the records of one identity the first
by (`occurred_at`, `event_id`, canonical content) holds, the ids of all events that told of it are remembered, and so is
whether two of them differed in money or routing.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias, TypeVar

import msgspec

from domain.time import Micros


class Accepted(msgspec.Struct, array_like=True, gc=False):
    """The record that holds for an identity. Subclasses add the fields of their record that a view can depend on.

    Fields that no view and no comparison reads (reasons, payout ids, references) are not kept: in canonical order they
    come after every field that is, so which of two records holds could not make a difference to a view.
    """

    event_id: str
    occurred_at: Micros
    duplicate_event_ids: set[str] | None
    """The other event ids that told of this identity; None where there is none."""
    conflict: bool
    """Whether records of this identity differed in money or routing. Never goes away."""

    def material_terms(self) -> tuple[object, ...]:
        """Give the money and routing of the record: where they differ, records of one identity conflict."""
        raise NotImplementedError

    def event_ids(self) -> Iterator[str]:
        """Give the ids of all events that told of this identity, each once."""
        yield self.event_id
        if self.duplicate_event_ids is not None:
            yield from self.duplicate_event_ids


H = TypeVar("H", bound=Accepted)

Identities: TypeAlias = Iterable[tuple[tuple[str, ...], Accepted]]
"""What holds for identities of one key, each with its record type and identity."""

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


def merge(accepted: H | None, new: H) -> H | None:
    """Merge a record into the accepted one of its identity.

    Args:
        accepted: the record accepted so far, if any; it may be changed.
        new: the record received now.

    Returns:
        The record accepted now; None if nothing changed, as with a redelivery.

    """
    if accepted is None:
        return new
    duplicate_event_ids = accepted.duplicate_event_ids
    known = new.event_id == accepted.event_id or (
        duplicate_event_ids is not None and new.event_id in duplicate_event_ids
    )
    conflict = accepted.conflict or new.material_terms() != accepted.material_terms()
    first = new if _comes_before(new, accepted) else accepted
    if first is accepted and known and conflict == accepted.conflict:
        return None
    if not (known and first.event_id == accepted.event_id):
        duplicate_event_ids = set() if duplicate_event_ids is None else duplicate_event_ids
        duplicate_event_ids.add(accepted.event_id)
        duplicate_event_ids.add(new.event_id)
        duplicate_event_ids.discard(first.event_id)
    first.duplicate_event_ids = duplicate_event_ids
    first.conflict = conflict
    return first


def reused(identities: Identities) -> list[str]:
    """Find the event ids that told of more than one identity, in sorted order."""
    seen: set[str] = set()
    twice: set[str] = set()
    for _, accepted in identities:
        for event_id in accepted.event_ids():
            if event_id in seen:
                twice.add(event_id)
            seen.add(event_id)
    return sorted(twice)
