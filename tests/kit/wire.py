"""Reads and writes the contract's bytes without the service's code: with its Avro schemas, fastavro and the framing."""

import io
import json
import urllib.request
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
    """Return the schema without logical types: instants stay microseconds, and days stay day numbers."""
    if isinstance(schema, dict):
        return {name: _bare(part) for name, part in schema.items() if name != "logicalType"}
    if isinstance(schema, list):
        return [_bare(part) for part in schema]
    return schema


@cache
def schemas() -> dict[str, Any]:
    """Return every schema of the contract, by the name of its record."""
    found = {}
    for path in SCHEMAS.glob("*.avsc"):
        schema = _bare(json.loads(path.read_text(encoding="utf-8")))
        found[schema["name"]] = fastavro.parse_schema(schema)
    return found


@cache
def frame(record: str) -> bytes:
    """The first ten bytes of a record of this name. Logical types are no part of the canonical form."""
    return _frame(schemas()[record])


def _frame(schema: Any) -> bytes:
    canonical = to_parsing_canonical_form(schema)
    return MARK + bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))


@cache
def _by_frame() -> dict[bytes, tuple[Any, Any]]:
    """Return the writer's and the reader's schema by the first ten bytes; also of records that version 1 wrote."""
    found = {frame(name): (schema, None) for name, schema in schemas().items()}
    for path in (SCHEMAS / "known").glob("*.avsc"):
        writer = fastavro.parse_schema(_bare(json.loads(path.read_text(encoding="utf-8"))))
        name = cast(dict[str, Any], writer)["name"].rpartition(".")[2]
        found[_frame(writer)] = (writer, schemas()[name])
    return found


@cache
def _by_id(registry_url: str, schema_id: int) -> Any:
    with urllib.request.urlopen(f"{registry_url}/schemas/ids/{schema_id}", timeout=10) as response:
        return fastavro.parse_schema(_bare(json.loads(json.load(response)["schema"])))


def decode(value: bytes, registry_url: str | None = None) -> Row:
    """Decode the record in a value, as plain values by the contract's field names.

    With a registry, outputs carry Confluent's framing; without, Avro single-object encoding.

    Raises:
        KeyError: no schema of the contract has this fingerprint, or the framing is not single-object encoding.
        ValueError: bytes are left over after the record, or the framing is not Confluent's.
    """
    if registry_url is None:
        (schema, reader), body = _by_frame()[value[:10]], io.BytesIO(value[10:])
    elif value[:1] == b"\0":
        schema, reader = _by_id(registry_url, int.from_bytes(value[1:5], "big")), None
        body = io.BytesIO(value[5:])
    else:
        raise ValueError(f"not Confluent's framing: {value[:10]!r}")
    row = cast(Row, fastavro.schemaless_reader(body, schema, reader))
    if body.read(1):
        raise ValueError(f"bytes are left over after {row!r}")
    return row


def encode_as(schema: Any, row: Row) -> bytes:
    """Encode the body of a record with any schema, without framing."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(_bare(schema)), row)
    return body.getvalue()


def encode(fact: Any) -> bytes:
    """Encode an input record as its producer would. Only the schema is checked: bad input must be writable."""
    record = type(fact).__name__
    row = plain(fact)
    if "break_class" in row:
        row["class"] = row.pop("break_class")
    body = io.BytesIO()
    fastavro.schemaless_writer(body, schemas()[record], row)
    return frame(record) + body.getvalue()
