"""Frames: the first bytes of a value, which name the writer's schema (contract section 2, "Framing").

Confluent: 0x00, then the schema's id in a Schema Registry as 4 bytes, big-endian.
Avro single-object encoding: 0xC3 0x01, then the CRC-64-AVRO fingerprint of the schema's Parsing Canonical Form as 8
bytes, little-endian.
"""

from streams.codec.dead_letters import BadInput, DeadLetterClass, quoted

CONFLUENT_MARK = b"\x00"
CONFLUENT_SIZE = 5
"""Bytes before the body in Confluent's framing."""

SINGLE_OBJECT_MARK = b"\xc3\x01"
SINGLE_OBJECT_SIZE = 10
"""Bytes before the body in single-object encoding."""


def frame_size(value: bytes | None) -> int:
    """The number of bytes before the body.

    Raises:
        BadInput: there is no value, its first bytes are no frame, or it ends inside its frame.

    """
    if not value:
        what = "null (a tombstone)" if value is None else "empty"
        raise BadInput(DeadLetterClass.EMPTY_VALUE, f"the value is {what}; an input record is an Avro record")
    if value.startswith(CONFLUENT_MARK):
        size = CONFLUENT_SIZE
    elif value.startswith(SINGLE_OBJECT_MARK):
        size = SINGLE_OBJECT_SIZE
    else:
        raise BadInput(
            DeadLetterClass.UNKNOWN_FRAMING,
            f"the value begins with {quoted(value[:4])}; it must begin with 00 and a schema id (Confluent) or with "
            "C3 01 and a fingerprint (Avro single-object encoding)",
        )
    if len(value) < size:
        raise BadInput(
            DeadLetterClass.TRUNCATED, f"the value has {len(value)} bytes and ends inside its frame of {size} bytes"
        )
    return size


def confluent(schema_id: int) -> bytes:
    """Confluent's frame with a registry's schema id."""
    return CONFLUENT_MARK + schema_id.to_bytes(4, "big")


def single_object(fingerprint: bytes) -> bytes:
    """The frame of single-object encoding with a little-endian fingerprint."""
    return SINGLE_OBJECT_MARK + fingerprint


def schema_id(value: bytes) -> int | None:
    """The schema id in a complete frame of Confluent's; None for one of single-object encoding."""
    return int.from_bytes(value[1:CONFLUENT_SIZE], "big") if value.startswith(CONFLUENT_MARK) else None
