"""The value of a key in the changelog and in the store: the key's next deadline, its state, and what was published."""

from typing import Generic, TypeVar

import msgspec

from domain.publishing import Published
from domain.time import Micros
from tables.store import instant_bytes, instant_of

S = TypeVar("S")

DEADLINE_BYTES = 8
"""The length of the deadline, which comes first."""

_encode = msgspec.msgpack.Encoder().encode


def pack(deadline: Micros, state: object, published: Published) -> bytes:
    """The value of a key."""
    return instant_bytes(deadline) + _encode((state, published))


def deadline_of(value: bytes) -> Micros:
    """The next deadline in a value."""
    return instant_of(value[:DEADLINE_BYTES])


class Unpacker(Generic[S]):
    """Reads the values of a table whose states are of this type."""

    def __init__(self, state: type[S]) -> None:
        self._decode = msgspec.msgpack.Decoder(tuple[state, Published]).decode  # type: ignore[valid-type]

    def __call__(self, value: bytes) -> tuple[S, Published]:
        """The state in a value, and what was last published for its key. The caller owns both.

        Raises:
            msgspec.DecodeError: the value is something else.

        """
        return self._decode(memoryview(value)[DEADLINE_BYTES:])
