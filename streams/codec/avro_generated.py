"""The functions of `avro_source.py`, made at import: Avro bodies of our own schemas, read and written fast.

`DECODE[name](data, start)` reads the body that fills `data[start:]` and, of an input, checks it (`BadInput`);
`ENCODE[name](record, frame)` gives frame and body. Byte for byte and value for value they are what
`streams/codec/resolution.py` and fastavro read and write; property tests hold them to it.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from streams.codec import validation
from streams.codec.avro_schemas import INPUT_TYPES, OURS, STRUCTS
from streams.codec.avro_source import enums, generate
from streams.codec.currencies import CURRENCIES
from streams.codec.resolution import resolve

Decode = Callable[[bytes, int], Any]
Encode = Callable[[Any, bytes], bytes]


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A varint of at most 64 bits as it stands, before zigzag; ValueError beyond that."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            break
        shift += 7
        if shift > 63:
            raise ValueError
    if number >> 64:
        raise ValueError
    return number, at


def length(data: bytes, at: int) -> tuple[int, int]:
    """A length or count, and the position after it; ValueError where it is negative."""
    number, at = varint(data, at)
    if number & 1:
        raise ValueError
    return number >> 1, at


def span(data: bytes, at: int) -> tuple[int, int]:
    """Where a text begins and ends."""
    size, at = length(data, at)
    return at, at + size


@lru_cache(maxsize=1 << 14)
def number(value: int) -> bytes:
    """A long as a zigzag varint. Amounts, counts and versions repeat, so the last ones are kept.

    Raises:
        OverflowError: it does not fit into 64 bits.

    """
    if not -1 << 63 <= value < 1 << 63:
        raise OverflowError(f"{value} does not fit into an Avro long")
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def small(value: int) -> bytes:
    """An int, likewise; OverflowError beyond 32 bits."""
    if not -1 << 31 <= value < 1 << 31:
        raise OverflowError(f"{value} does not fit into an Avro int")
    return number(value)


def instant(value: int) -> bytes:
    """A long that is most likely a varint of 8 bytes: its bits are moved apart pairwise. Instants hardly repeat."""
    n = value << 1
    if not 1 << 49 <= n < 1 << 56:
        return number(value)
    n = (n & 0x0FFFFFFF) | ((n & 0x00FFFFFFF0000000) << 4)
    n = (n & 0x00003FFF00003FFF) | ((n & 0x0FFFC0000FFFC000) << 2)
    n = (n & 0x007F007F007F007F) | ((n & 0x3F803F803F803F80) << 1)
    return (n | 0x0080808080808080).to_bytes(8, "little")


def _checked(read: Decode) -> Decode:
    def read_and_check(data: bytes, start: int) -> Any:
        fact = read(data, start)
        validation.check(fact)
        return fact

    return read_and_check


def general(name: str) -> Decode:
    """The general reader of a record of ours: it knows every case, and what to say of each."""
    read = resolve(OURS[name], OURS[name])
    return _checked(read) if any(name == struct.__name__ for struct in INPUT_TYPES) else read


def _tables() -> dict[str, Any]:
    """What the generated functions look up by name."""
    tables: dict[str, Any] = {
        "varint": varint,
        "length": length,
        "span": span,
        "number": number,
        "small": small,
        "instant": instant,
        "from_bytes": int.from_bytes,
        "join": b"".join,
        "check": validation.check,
        "is_period": validation.PERIOD.fullmatch,
        "TIME_ZONES": validation.TIME_ZONES,
        "ID_BYTES_MAX": validation.ID_BYTES_MAX,
        "INSTALLMENTS_MAX": validation.INSTALLMENTS_MAX,
        "SIZES": tuple(number(size) for size in range(1024)),
        "CURRENCY_BY_BYTES": {b"\x06" + code.encode(): code for code in CURRENCIES},
    }
    tables |= STRUCTS
    tables |= {f"again_{name}": general(name) for name in OURS}
    for name, symbols in enums().items():
        tables[f"{name}_BY_BYTE"] = {index: symbol for symbol, index in symbols.items()}
        tables[f"BYTE_BY_{name}"] = {symbol: bytes((index,)) for symbol, index in symbols.items()}
    return tables


def _compile() -> tuple[dict[str, Decode], dict[str, Encode]]:
    namespace = _tables()
    exec(compile(generate(), "<streams/codec/avro_source.py>", "exec"), namespace)
    return (
        {name: namespace[f"decode_{name}"] for name in OURS},
        {name: namespace[f"encode_{name}"] for name in OURS},
    )


DECODE, ENCODE = _compile()
