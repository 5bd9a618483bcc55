"""The tallies of a table's partitions (domain/tally.py): as committed, and as the commit in preparation leaves them."""

from collections.abc import Mapping

import msgspec

from domain.tally import PackedTally, Tally
from domain.time import FAR_FUTURE
from tables.packing import FORMAT
from tables.store import instant_bytes

_PREFIX = instant_bytes(FAR_FUTURE)
"""What every value begins with (tables/packing.py): a tally has no deadline."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(PackedTally).decode


def pack_tally(tally: Tally) -> bytes:
    """The value of a tally, as changelog and store have it."""
    return _PREFIX + _encode(tally.packed())


def unpack_tally(value: bytes) -> Tally:
    """The tally in a value."""
    return Tally.unpacked(_decode(memoryview(value)[len(_PREFIX) :]))


def is_outdated(value: bytes | None) -> bool:
    """Whether a partition with this tally may have values that version 1 had a part in."""
    return value is not None and unpack_tally(value).format < FORMAT


class Tallies:
    """The committed tallies, for readers; and beside them those that the commit in preparation changes."""

    def __init__(self) -> None:
        self._committed: dict[int, Tally] = {}
        self._open: dict[int, Tally] = {}

    @property
    def committed(self) -> Mapping[int, Tally]:
        """By partition. Not to be modified: a tally that changes is a copy."""
        return self._committed

    def load(self, partition: int, packed: bytes | None) -> None:
        """Own a partition from now on, with the tally that was recovered with its state."""
        self._committed[partition] = Tally() if packed is None else unpack_tally(packed)

    def revoked(self) -> None:
        """Own nothing any more: another worker counts it now."""
        self._committed = {}
        self._open = {}

    def open(self, partition: int) -> Tally:
        """The tally that the commit in preparation may change."""
        tally = self._open.get(partition)
        if tally is None:
            tally = self._open[partition] = self._committed[partition].copy()
        return tally

    def changed(self, partition: int) -> bytes | None:
        """The value to write for a partition; None if the commit changes nothing of its tally."""
        tally = self._open.get(partition)
        return None if tally is None or tally == self._committed[partition] else pack_tally(tally)

    def committed_now(self) -> None:
        """The transaction is committed."""
        self._committed = self._committed | self._open
        self._open = {}
