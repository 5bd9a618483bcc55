"""The tallies of the partitions that a table keeps (domain/tally.py), as committed and as a commit leaves them."""

from collections.abc import Mapping

import msgspec

from domain.tally import Tally
from domain.time import FAR_FUTURE
from tables.store import instant_bytes

_PREFIX = instant_bytes(FAR_FUTURE)
"""What every value begins with (tables/packing.py): the clock never wakes a tally."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Tally).decode


def pack_tally(tally: Tally) -> bytes:
    """The value of a tally, as changelog and store have it."""
    return _PREFIX + _encode(tally)


def unpack_tally(value: bytes) -> Tally:
    """The tally in a value."""
    return _decode(memoryview(value)[len(_PREFIX) :])


class Tallies:
    """What is committed, for whoever looks; and beside it what the commit that is being made changes."""

    def __init__(self) -> None:
        self._committed: dict[int, Tally] = {}
        self._settling: dict[int, Tally] = {}

    @property
    def committed(self) -> Mapping[int, Tally]:
        """By partition: of all that is kept and nothing else. Not to be changed; a tally that changes is another."""
        return self._committed

    def load(self, partition: int, packed: bytes | None) -> None:
        """Keep a partition from now on, with the tally that was recovered with its state."""
        self._committed[partition] = Tally() if packed is None else unpack_tally(packed)

    def revoked(self) -> None:
        """Keep nothing any more: another worker counts it now."""
        self._committed = {}
        self._settling = {}

    def settling(self, partition: int) -> Tally:
        """The tally that the commit which is being made may change."""
        tally = self._settling.get(partition)
        if tally is None:
            tally = self._settling[partition] = self._committed[partition].copy()
        return tally

    def changed(self, partition: int) -> bytes | None:
        """The value to write for a partition; None if the commit changes nothing of its tally."""
        tally = self._settling.get(partition)
        return None if tally is None or tally == self._committed[partition] else pack_tally(tally)

    def hold(self) -> None:
        """The transaction holds: what it changed is committed."""
        self._committed = self._committed | self._settling
        self._settling = {}
