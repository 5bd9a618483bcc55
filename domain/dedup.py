"""Deduplication by identity (contract section 3): of several records of one identity the first holds.

Nothing here depends on the order of arrival. Every record that tells of an identity is a *telling*. Of the tellings the
first by (`occurred_at`, `event_id`, canonical content) holds, its nulls are filled in from later ones, and tellings
that differ in money or routing are in conflict. An identity that was told once, as nearly all are, costs one record.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, ClassVar, Self, TypeAlias, TypeVar

import msgspec

from domain.time import Micros


class Version1(msgspec.Struct, array_like=True, gc=False):
    """What a state of version 1 knew of the other records of an identity, which it did not keep."""

    event_ids: tuple[str, ...]
    """The ids of the events that reported them."""
    conflict: bool
    """Whether any two records differed in money or routing."""


class Accepted(msgspec.Struct, array_like=True, gc=False):
    """The record of an identity that holds, filled in. Subclasses add the fields of their record.

    A subclass ends in the field `tellings: tuple[<itself>, ...] | None = None`: all tellings as they were received, in
    order; None while there is only one. It has a `from_fact`, which passes the fields by position, since it is called
    for every fact, and keywords cost more than the rest of it.
    """

    event_id: str
    occurred_at: Micros
    version_1: Version1 | None
    """None but for identities that were told repeatedly to version 1."""

    filled_in: ClassVar[tuple[tuple[str, ...], ...]] = ()
    """The nullable fields, in groups of those that are filled in together, from one record."""

    def material_terms(self) -> Mapping[str, object]:
        """Give what the record says of money and routing, by name. A null is not said: it conflicts with nothing."""
        raise NotImplementedError

    def may_fill_in(self, other: Self, names: tuple[str, ...]) -> bool:
        """Whether these fields may be taken from another telling, which agrees with this one.

        Subclasses refuse what would make a combination that contract section 2 forbids.
        """
        return True

    def fill_in_from(self, other: Self) -> None:
        """Fill in, in place, what `filled_in` cannot name: what is inside a field, or depends on several fields.

        Called with each further telling that agrees with the first, in order.
        """

    @property
    def told(self) -> "tuple[Self, ...]":
        """All tellings in order; of an identity that was told once, itself."""
        tellings: tuple[Self, ...] | None = getattr(self, "tellings")  # noqa: B009 - the subclasses' last field
        return (self,) if tellings is None else tellings

    @property
    def conflict(self) -> bool:
        """Whether any two records of this identity differ in money or routing."""
        if self.version_1 is not None and self.version_1.conflict:
            return True
        return len(self.told) > 1 and bool(differing(self.told))

    @property
    def last_told_at(self) -> Micros:
        """The latest `occurred_at` told of this identity; `occurred_at` is the earliest."""
        return self.told[-1].occurred_at

    def event_ids(self) -> Iterator[str]:
        """Give the ids of all events that reported this identity, each once."""
        if len(self.told) == 1 and self.version_1 is None:
            yield self.event_id
            return
        before = () if self.version_1 is None else self.version_1.event_ids
        yield from dict.fromkeys((*(telling.event_id for telling in self.told), *before))

    def conflicting_event_ids(self) -> tuple[str, ...]:
        """Give the events of the records that differ: of each content the first, so that a repetition adds none."""
        if self.version_1 is not None and self.version_1.conflict:
            return tuple(self.event_ids())
        return tuple(telling.event_id for telling in differing(self.told))


A = TypeVar("A", bound=Accepted)
K = TypeVar("K")

Identities: TypeAlias = Iterable[tuple[tuple[str, ...], Accepted]]
"""The identities of one key, each as its record type and id, with the accepted record."""

_BOOKKEEPING = frozenset(("version_1", "tellings"))


def canonical(accepted: Accepted) -> bytes:
    """Give the canonical content: JSON with sorted names and no white space."""
    content = {name: getattr(accepted, name) for name in accepted.__struct_fields__ if name not in _BOOKKEEPING}
    for name in ("installments", "allocations"):
        if content.get(name) is not None:
            content[name] = [msgspec.structs.asdict(each) for each in content[name]]
    return msgspec.json.encode(content, order="sorted")


def telling_order(telling: Accepted) -> tuple[Micros, str, bytes]:
    """Order tellings: the first one holds."""
    return telling.occurred_at, telling.event_id, canonical(telling)


def agree(one: Accepted, other: Accepted) -> bool:
    """Whether two tellings are the same in every field of money or routing that both give."""
    terms = one.material_terms()
    return all(terms.get(name, value) == value for name, value in other.material_terms().items())


def differing(tellings: tuple[A, ...]) -> list[A]:
    """Give the tellings that differ from another in money or routing, of each content the first."""
    contents: dict[Any, A] = {}
    for telling in tellings:
        contents.setdefault(tuple(sorted(telling.material_terms().items())), telling)
    first = list(contents.values())
    return [one for one in first if not all(agree(one, other) for other in first)]


def hold(tellings: Iterable[A], version_1: Version1 | None = None) -> A:
    """Give the record that holds among the tellings of one identity, filled in.

    Args:
        tellings: at least one, in any order, without repetitions.
        version_1: what a state of version 1 knew besides.

    """
    return _held(tuple(sorted(tellings, key=telling_order)), version_1)


def _held(told: tuple[A, ...], version_1: Version1 | None) -> A:
    first = told[0]
    if len(told) == 1 and version_1 is first.version_1:
        return first
    changes: dict[str, Any] = {"version_1": version_1, "tellings": told if len(told) > 1 else None}
    held = msgspec.structs.replace(first, **changes)
    for group in first.filled_in:
        missing = tuple(name for name in group if getattr(first, name) is None)
        if missing:
            _fill_in(held, told, missing)
    if _fills_in_more(first):
        for telling in told[1:]:
            if agree(first, telling):
                held.fill_in_from(telling)
    return held


def _fill_in(held: A, told: tuple[A, ...], missing: tuple[str, ...]) -> None:
    """Fill in, in place, what the first telling lacks, from the first one that gives any of it and agrees."""
    for telling in islice(told, 1, None):
        given = _given(telling, missing)
        if given and agree(told[0], telling) and held.may_fill_in(telling, given):
            for name in given:
                setattr(held, name, getattr(telling, name))
            return


def _given(telling: Accepted, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in names if getattr(telling, name) is not None)


def _fills_in_more(accepted: Accepted) -> bool:
    return type(accepted).fill_in_from is not Accepted.fill_in_from


def merge(accepted: A | None, new: A) -> A | None:
    """Merge a new telling with what is accepted of its identity.

    Args:
        accepted: the record accepted so far, if any; it is not changed.
        new: the new telling.

    Returns:
        The record accepted now; None if nothing changed, as with a redelivery.

    """
    if accepted is None:
        return new
    told = accepted.told
    if len(told) == 1 and accepted.version_1 is not None:
        told = (msgspec.structs.replace(accepted, version_1=None),)
    place = bisect_left(told, telling_order(new), key=telling_order)
    if place < len(told) and told[place] == new:
        return None
    told = (*told[:place], new, *told[place:])
    if place > 0 and len(told) > 2 and not _fills_in_more(new):
        first = told[0]
        if not any(
            getattr(first, name) is None and _given(new, (name,)) for group in first.filled_in for name in group
        ):
            # It gives nothing that the first one lacks. An identity that is told without end is not gone through again.
            repeated: dict[str, Any] = {"tellings": told}
            return msgspec.structs.replace(accepted, **repeated)
    return _held(told, accepted.version_1)


def merge_into(by_id: dict[K, A], key: K, new: A) -> bool:
    """Merge a new telling into the accepted records of its type, by id.

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
