"""How a key lies in its changelog record and in the store: its next deadline, then its state and its history."""

from typing import Generic, TypeVar

import msgspec

from domain.obligations.view import ObligationState
from domain.payments.view import PaymentState
from domain.publishing import Published
from domain.time import Micros
from tables.store import instant_bytes, instant_of

S = TypeVar("S")

DEADLINE_BYTES = 8
"""How many come before the state."""

_encode = msgspec.msgpack.Encoder().encode


def pack(deadline: Micros, state: object, history: Published) -> bytes:
    """The value of a key."""
    return instant_bytes(deadline) + _encode((state, history))


def deadline_of(value: bytes) -> Micros:
    """The next deadline in a value."""
    return instant_of(value[:DEADLINE_BYTES])


class Unpacker(Generic[S]):
    """Reads the values of one table's keys, whose states are of this type."""

    def __init__(self, state: type[S]) -> None:
        self._decode = msgspec.msgpack.Decoder(tuple[state, Published]).decode  # type: ignore[valid-type]

    def __call__(self, value: bytes) -> tuple[S, Published]:
        """The state in a value, and what was last told of it; both the caller's own.

        Raises:
            msgspec.DecodeError: it holds something else.

        """
        return self._decode(memoryview(value)[DEADLINE_BYTES:])


unpack_payment = Unpacker(PaymentState)
unpack_obligation = Unpacker(ObligationState)
