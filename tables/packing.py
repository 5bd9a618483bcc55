"""The value of a key in the changelog and in the store: the key's next deadline, its state, and what was published.

After the deadline comes an array of three: the format, the state, what was published. Version 1 of the contract wrote
arrays of two, without a format. A worker of version 1 cannot read the new form, and stops: it would drop what it does
not know.

While workers of version 1 are in the group, a value has the format `AMONG_VERSION_1`: what they send on may lack what
version 2 needs, and they drop it from what is sent to them. Such a value is gone through once more when they are gone.
"""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from domain.publishing import Published
from domain.time import Micros
from tables.store import instant_bytes, instant_of
from tables.version_1 import VERSIONS_1

S = TypeVar("S")

DEADLINE_BYTES = 8
"""The length of the deadline, which comes first."""

FORMAT = 2
"""Of values and of tallies: the version of the contract that they know."""

AMONG_VERSION_1 = 1
"""The format of a value that was written while version 1 took part."""

_OF_VERSION_1 = 0x92
"""The head of a MessagePack array of two."""

_encode = msgspec.msgpack.Encoder().encode


def pack(deadline: Micros, state: object, published: Published, format_: int = FORMAT) -> bytes:
    """The value of a key."""
    return instant_bytes(deadline) + _encode((format_, state, published))


def deadline_of(value: bytes) -> Micros:
    """The next deadline in a value."""
    return instant_of(value[:DEADLINE_BYTES])


def is_outdated(value: bytes) -> bool:
    """Whether a value was written by version 1, or while it took part."""
    return value[DEADLINE_BYTES] == _OF_VERSION_1 or value[DEADLINE_BYTES + 1] == AMONG_VERSION_1


class Unpacker(Generic[S]):
    """Reads the values of a table whose states are of this type."""

    def __init__(self, state: type[S]) -> None:
        self._decode = msgspec.msgpack.Decoder(tuple[int, state, Published]).decode  # type: ignore[valid-type]
        old, convert = VERSIONS_1.get(state, (state, None))
        self._decode_version_1 = msgspec.msgpack.Decoder(tuple[old, Published]).decode  # type: ignore[valid-type]
        self._convert: Callable[[Any], S] | None = convert

    def __call__(self, value: bytes) -> tuple[S, Published]:
        """The state in a value, and what was last published for its key. The caller owns both.

        Raises:
            msgspec.DecodeError: the value is something else.

        """
        packed = memoryview(value)[DEADLINE_BYTES:]
        if self._convert is not None and packed[0] == _OF_VERSION_1:
            old, published = self._decode_version_1(packed)
            return self._convert(old), published
        _, state, published = self._decode(packed)
        return state, published
