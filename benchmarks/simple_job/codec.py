"""Avro single-object encoding of the job's inputs and outputs, with fastavro.

Dates and instants are plain numbers: the canonical form of a schema, by which it is read, has no logical types.
"""

import io
import json
from pathlib import Path
from typing import Any, NamedTuple

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

INPUTS = ("payment_initiated", "processor_settled", "obligation_charged", "payment_posted", "posting_reversed")
"""Files of schemas/avro."""

PAYMENT, OBLIGATION, ALERT = OUTPUTS = ("PaymentReconciliation", "ObligationReconciliation", "MismatchAlert")
"""Records of records.avsc, which the Kafka Streams program writes too."""

FOLDER = Path(__file__).parents[2]

HEADER_BYTES = 10


class Decoded(NamedTuple):
    """A record: the name of its schema, its fields, and the bytes that it came in, with which it is sent on."""

    name: str
    fields: dict[str, Any]
    value: bytes

    @property
    def is_charge(self) -> bool:
        """Whether it goes to its obligation."""
        return self.name == "ObligationCharged"

    @property
    def key(self) -> str:
        """The key of the join: the obligation's for a charge, the payment's for all else."""
        key: str = self.fields["obligation_id" if self.is_charge else "payment_id"]
        return key


def decode(value: bytes) -> Decoded:
    """Decode a record of any of the schemas.

    Raises:
        KeyError: its schema is unknown.

    """
    name, schema = _BY_HEADER[value[:HEADER_BYTES]]
    fields: Any = fastavro.schemaless_reader(io.BytesIO(value[HEADER_BYTES:]), schema, None)
    return Decoded(name, fields, value)


def encode(name: str, fields: dict[str, Any]) -> bytes:
    """Encode an output."""
    header, schema = _BY_NAME[name]
    stream = io.BytesIO()
    stream.write(header)
    fastavro.schemaless_writer(stream, schema, fields)
    return stream.getvalue()


def _read(path: str) -> Any:
    return json.loads((FOLDER / path).read_text(encoding="utf-8"))


def _schemas() -> dict[str, tuple[bytes, Any]]:
    """The header and the parsed schema of each record, by name."""
    found: dict[str, tuple[bytes, Any]] = {}
    inputs = [_read(f"schemas/avro/{name}.avsc") for name in INPUTS]
    outputs = [schema for schema in _read("benchmarks/kafka_streams/records.avsc") if schema["name"] in OUTPUTS]
    for schema in [*inputs, *outputs]:
        canonical = to_parsing_canonical_form(schema)
        header = b"\xc3\x01" + bytes.fromhex(fingerprint(canonical, "CRC-64-AVRO"))
        found[schema["name"]] = header, fastavro.parse_schema(json.loads(canonical))
    return found


_BY_NAME = _schemas()
_BY_HEADER = {header: (name, schema) for name, (header, schema) in _BY_NAME.items()}
