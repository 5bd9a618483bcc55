"""The contract's bytes, read and written without any code of the service: its Avro schemas, fastavro, the framing."""

import io
import json
from functools import cache
from pathlib import Path
from typing import Any, cast

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

from simulator.compare import plain
from simulator.truth_facts import Row

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas" / "avro"
MARK = b"\xc3\x01"
"""How Avro single-object encoding begins; the writer's fingerprint follows, 8 bytes."""


def _bare(schema: Any) -> Any:
    """A schema without logical types: instants stay microseconds and days stay days, both whole numbers."""
    if isinstance(schema, dict):
        return {name: _bare(part) for name, part in schema.items() if name != "logicalType"}
    if isinstance(schema, list):
        return [_bare(part) for part in schema]
    return schema


@cache
def schemas() -> dict[str, Any]:
    """Every schema of the contract, by the name of its record."""
    found = {}
    for path in SCHEMAS.glob("*.avsc"):
        schema = _bare(json.loads(path.read_text(encoding="utf-8")))
        found[schema["name"]] = fastavro.parse_schema(schema)
    return found


@cache
def frame(record: str) -> bytes:
    """The first ten bytes of a record of this name. Logical types are no part of the canonical form."""
    canonical = to_parsing_canonical_form(schemas()[record])
    return MARK + bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))


@cache
def _by_frame() -> dict[bytes, Any]:
    return {frame(name): schema for name, schema in schemas().items()}


def decode(value: bytes) -> Row:
    """The record in a value, as plain values by the contract's field names.

    Raises:
        KeyError: no schema of the contract has this fingerprint, or the framing is not single-object encoding.
        ValueError: bytes are left over behind the record.
    """
    body = io.BytesIO(value[10:])
    row = cast(Row, fastavro.schemaless_reader(body, _by_frame()[value[:10]], None))
    if body.read(1):
        raise ValueError(f"bytes are left over behind {row!r}")
    return row


def encode(fact: Any) -> bytes:
    """An input record as its producer would write it. Keeps no rule but the schema's: bad input must be writable."""
    record = type(fact).__name__
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schemas()[record], plain(fact))
    return frame(record) + body.getvalue()
