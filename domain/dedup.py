"""One record of an identity holds; what else was told of that identity is kept only as far as it matters.

Contract section 3. Nothing here depends on the order in which records come: of the records of one identity the first
by (`occurred_at`, `event_id`, canonical content) holds, the ids of all events that told of it are remembered, and so is
whether two of them differed in money or routing.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias, TypeVar

import msgspec

from domain.facts import Micros


class Held(msgspec.Struct, array_like=True, gc=False):
    """The record that holds for an identity. Subclasses add the fields of their record that a view can depend on.

    Fields that no view and no comparison reads (reasons, payout ids, references) are not kept: in canonical order they
    come after every field that is, so which of two records holds could not make a difference to a view.
    """

    event_id: str
    occurred_at: Micros
    also: set[str] | None
    """The other event ids that told of this identity; None where there is none."""
    conflict: bool
    """Whether records of this identity differed in money or routing. Never goes away."""

    def terms(self) -> tuple[object, ...]:
        """Give the money and routing of the record: where they differ, records of one identity conflict."""
        raise NotImplementedError

    def event_ids(self) -> Iterator[str]:
        """Give the ids of all events that told of this identity, each once."""
        yield self.event_id
        if self.also is not None:
            yield from self.also


H = TypeVar("H", bound=Held)

Identities: TypeAlias = Iterable[tuple[tuple[str, ...], Held]]
"""What holds for identities of one key, each with its record type and identity."""

_BOOKKEEPING = frozenset(("also", "conflict"))


def canonical(held: Held) -> bytes:
    """Give the canonical content: JSON with sorted names and no white space."""
    content = {name: getattr(held, name) for name in held.__struct_fields__ if name not in _BOOKKEEPING}
    installments = content.get("installments")
    if installments is not None:
        content["installments"] = [msgspec.structs.asdict(installment) for installment in installments]
    return msgspec.json.encode(content, order="sorted")


def _comes_before(new: Held, held: Held) -> bool:
    if new.occurred_at != held.occurred_at:
        return new.occurred_at < held.occurred_at
    if new.event_id != held.event_id:
        return new.event_id < held.event_id
    return canonical(new) < canonical(held)


def meet(held: H | None, new: H) -> H | None:
    """Let a record meet the one that holds for its identity.

    Args:
        held: what holds so far; it may be changed.
        new: the record as learned now.

    Returns:
        What holds now; None if the meeting changed nothing, as with a redelivery.

    """
    if held is None:
        return new
    also = held.also
    known = new.event_id == held.event_id or (also is not None and new.event_id in also)
    conflict = held.conflict or new.terms() != held.terms()
    first = new if _comes_before(new, held) else held
    if first is held and known and conflict == held.conflict:
        return None
    if not (known and first.event_id == held.event_id):
        also = set() if also is None else also
        also.add(held.event_id)
        also.add(new.event_id)
        also.discard(first.event_id)
    first.also = also
    first.conflict = conflict
    return first


def reused(identities: Identities) -> list[str]:
    """Find the event ids that told of more than one identity, in sorted order."""
    seen: set[str] = set()
    twice: set[str] = set()
    for _, held in identities:
        for event_id in held.event_ids():
            if event_id in seen:
                twice.add(event_id)
            seen.add(event_id)
    return sorted(twice)
