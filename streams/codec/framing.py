"""Frames: the first bytes of a value, or a header, which name the writer's schema (contract section 2, "Framing").

Confluent: 0x00, then the schema's id in a Schema Registry as 4 bytes, big-endian.
Avro single-object encoding: 0xC3 0x01, then the CRC-64-AVRO fingerprint of the schema's Parsing Canonical Form as 8
bytes, little-endian.
Confluent in a header (`HeaderSchemaIdSerializer`): `__value_schema_id` is 0x01 and the schema's GUID in the Schema
Registry as 16 bytes, big-endian, or 0x00 and its id as in the frame; the value is the Avro body alone.
"""

from uuid import UUID

from streams.codec.dead_letters import BadInput, DeadLetterClass, quoted
from streams.headers import Headers

CONFLUENT_MARK = b"\x00"
CONFLUENT_SIZE = 5
"""Bytes before the body in Confluent's framing."""

SINGLE_OBJECT_MARK = b"\xc3\x01"
SINGLE_OBJECT_SIZE = 10
"""Bytes before the body in single-object encoding."""

VALUE_SCHEMA_ID = "__value_schema_id"
"""Confluent's header for the schema of the value. (`__key_schema_id` is that of the key, which is not decoded.)"""
GUID_MARK = b"\x01"
GUID_SIZE = 17


def frame_size(value: bytes | None) -> int:
    """The number of bytes before the body.

    Raises:
        BadInput: there is no value, its first bytes are no frame, or it ends inside its frame.

    """
    value = required(value)
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


def required(value: bytes | None) -> bytes:
    """The value of a record, which must have one.

    Raises:
        BadInput: it is null or empty.

    """
    if not value:
        what = "null (a tombstone)" if value is None else "empty"
        raise BadInput(DeadLetterClass.EMPTY_VALUE, f"the value is {what}; an input record is an Avro record")
    return value


def schema_header(headers: Headers) -> bytes | None:
    """The value of the header for the value's schema id: the last of several, as Confluent's Java client takes it.

    None if there is no such header, or if it is null.
    """
    for name, value in reversed(headers):
        if name == VALUE_SCHEMA_ID:
            return value
    return None


def schema_of_header(header: bytes) -> int | UUID:
    """The id or the GUID of a schema in the value of a header.

    Raises:
        BadInput: it has neither form.

    """
    if header.startswith(GUID_MARK) and len(header) == GUID_SIZE:
        return UUID(bytes=header[1:])
    if header.startswith(CONFLUENT_MARK) and len(header) == CONFLUENT_SIZE:
        return int.from_bytes(header[1:], "big")
    raise BadInput(
        DeadLetterClass.UNKNOWN_FRAMING,
        f"the header {VALUE_SCHEMA_ID} has {len(header)} bytes and begins with {quoted(header[:4])}; it must be 01 and "
        "the 16 bytes of a schema's GUID, or 00 and the 4 bytes of a schema's id",
    )


def confluent(schema_id: int) -> bytes:
    """Confluent's frame with a registry's schema id."""
    return CONFLUENT_MARK + schema_id.to_bytes(4, "big")


def single_object(fingerprint: bytes) -> bytes:
    """The frame of single-object encoding with a little-endian fingerprint."""
    return SINGLE_OBJECT_MARK + fingerprint


def schema_id(value: bytes) -> int | None:
    """The schema id in a complete frame of Confluent's; None for one of single-object encoding."""
    return int.from_bytes(value[1:CONFLUENT_SIZE], "big") if value.startswith(CONFLUENT_MARK) else None
