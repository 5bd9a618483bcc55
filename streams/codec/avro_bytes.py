"""The primitives of Avro's binary encoding, read and skipped without trust in any length or count.

Every function takes the bytes and a position. Past the end it raises IndexError or returns a position beyond the
bytes; the caller turns both into a dead letter.
"""

from collections.abc import Callable

from streams.codec.dead_letters import BadInput, DeadLetterClass

Skip = Callable[[bytes, int], int]
"""From (bytes, position) to the position after the value."""


def read_long(data: bytes, at: int) -> tuple[int, int]:
    """A zigzag varint of at most 64 bits."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise BadInput(DeadLetterClass.UNDECODABLE, "a number is longer than 64 bits")
    if number >> 64:
        raise BadInput(DeadLetterClass.UNDECODABLE, "a number is larger than 64 bits")
    return (number >> 1) ^ -(number & 1), at


def read_text(data: bytes, at: int, path: str) -> tuple[str, int]:
    """A length, and that many bytes of UTF-8."""
    size, at = read_long(data, at)
    end = at + size
    if size < 0:
        raise BadInput(DeadLetterClass.UNDECODABLE, f"{path}: the text has a length of {size}")
    if end > len(data):
        raise IndexError
    try:
        return data[at:end].decode(), end
    except UnicodeDecodeError as error:
        raise BadInput(DeadLetterClass.UNDECODABLE, f"{path}: the text is not UTF-8: {error.reason}") from None


def read_block(data: bytes, at: int, path: str) -> tuple[int, int]:
    """The number of items in the next block of an array or a map, 0 at its end. A block's size in bytes is skipped."""
    count, at = read_long(data, at)
    if count < 0:
        count = -count
        _, at = read_long(data, at)
    if count > len(data) - at:
        raise BadInput(
            DeadLetterClass.TRUNCATED, f"{path}: a block says {count} items, but only {len(data) - at} bytes are left"
        )
    return count, at


def skip_bytes(data: bytes, at: int) -> int:
    """Skip bytes or a text."""
    size, at = read_long(data, at)
    if size < 0:
        raise BadInput(DeadLetterClass.UNDECODABLE, f"a skipped text has a length of {size}")
    return at + size


def skip_blocks(skip_item: Skip | None) -> Skip:
    """A skip of an array or a map; `skip_item` is None where an item takes no bytes."""

    def skip(data: bytes, at: int) -> int:
        while True:
            count, at = read_long(data, at)
            if count < 0:
                size, at = read_long(data, at)
                if size < 0:
                    raise BadInput(DeadLetterClass.UNDECODABLE, f"a skipped block has a size of {size} bytes")
                at += size
            elif not count:
                return at
            elif skip_item is not None:
                if count > len(data) - at:
                    raise IndexError
                for _ in range(count):
                    at = skip_item(data, at)

    return skip
