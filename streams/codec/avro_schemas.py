"""The Avro schemas of `schemas/avro/`, bound to the records of the domain, and what tells a writer's schema apart.

A schema here is the form that `fastavro.parse_schema` gives: named types by full name, defined where they come first.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import fastavro.schema
import msgspec

from domain import facts, records
from streams import topics

INPUT_TYPES: tuple[type[msgspec.Struct], ...] = tuple(record for topic in topics.INPUTS for record in topic.records)
OUTPUT_TYPES: tuple[type[msgspec.Struct], ...] = tuple(record for topic in topics.OUTPUTS for record in topic.records)
PARTS: dict[str, type[msgspec.Struct]] = {
    part.__name__: part
    for part in (facts.Installment, records.Initiated, records.Settled, records.Posted, records.InstallmentView)
}
"""The records that stand inside others."""

RECORDS_ON: dict[str, frozenset[str]] = {
    topic.name: frozenset(record.__name__ for record in topic.records) for topic in topics.INPUTS + topics.OUTPUTS
}
"""Which records belong on which topic (contract sections 2 and 6), by the topic's default name."""

RENAMED = {"class": "break_class"}
"""Avro field names that Python cannot take, and the Struct fields that hold them."""

STRUCT_ENUMS: dict[str, type[Any]] = {
    enum.__name__: enum
    for enum in (
        records.PaymentStatus,
        records.ObligationStatus,
        records.AgeingBucket,
        records.BreakClass,
        records.BreakLifecycle,
        records.LateStage,
        records.LateLifecycle,
    )
}
"""Avro enums that the domain holds as a StrEnum; the others (Method, Outcome) it holds as text."""

LOGICAL_TYPES = frozenset(
    {
        "decimal",
        "big-decimal",
        "uuid",
        "date",
        "duration",
        "time-millis",
        "time-micros",
        "timestamp-millis",
        "timestamp-micros",
        "timestamp-nanos",
        "local-timestamp-millis",
        "local-timestamp-micros",
        "local-timestamp-nanos",
    }
)
"""Those of the Avro specification. Any other is passed over, as the specification asks."""


class SchemaError(ValueError):
    """A text is not an Avro schema that can be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A parsed schema, with all that is asked of it."""

    parsed: Any
    names: dict[str, Any]
    """Every named type in it, by full name."""
    text: str
    """The JSON it was read from."""
    identity: str
    """Equal exactly where bytes of both mean the same: the canonical form's content with the logical types left in."""

    @property
    def fingerprint(self) -> bytes:
        """CRC-64-AVRO of the Parsing Canonical Form, little-endian, as single-object encoding writes it."""
        canonical = fastavro.schema.to_parsing_canonical_form(self.parsed)
        return bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


def short_name(full_name: str) -> str:
    """The name without its namespace."""
    return full_name.rpartition(".")[2]


def logical_type(schema: Any) -> str | None:
    """The logical type of a schema, if the Avro specification knows it."""
    if isinstance(schema, dict):
        name = schema.get("logicalType")
        if isinstance(name, str) and name in LOGICAL_TYPES:
            return name
    return None


def kind(schema: Any) -> str:
    """`record`, `union`, `long`, …; of a reference by name, the full name."""
    if isinstance(schema, list):
        return "union"
    if isinstance(schema, dict):
        found = schema["type"]
        return found if isinstance(found, str) else kind(found)
    return str(schema)


def parse(text: str) -> Schema:
    """Parse a schema of ours.

    Raises:
        SchemaError: it is not JSON, or not an Avro schema.

    """
    return _parse(text, {}, lambda source: source)


def parse_writer(text: str, references: dict[str, Any] | None = None) -> Schema:
    """Parse a writer's schema. Its defaults say nothing about its bytes, so that a wrong one does no harm.

    Args:
        text: the schema as JSON.
        references: named types that it may refer to without defining them, by full name.

    Raises:
        SchemaError: it is not JSON, or not an Avro schema.

    """
    return _parse(text, dict(references or {}), _without_defaults)


def _without_defaults(source: Any) -> Any:
    if isinstance(source, dict):
        return {key: _without_defaults(value) for key, value in source.items() if key != "default"}
    return [_without_defaults(value) for value in source] if isinstance(source, list) else source


def _parse(text: str, names: dict[str, Any], prepare: Callable[[Any], Any]) -> Schema:
    try:
        source = prepare(json.loads(text))
        parsed = fastavro.schema.parse_schema(source, names)
        identity = json.dumps(_identity(parsed))
    except Exception as error:  # fastavro raises whatever a wrong schema runs into
        raise SchemaError(f"not an Avro schema: {type(error).__name__}: {str(error)[:200]}") from error
    return Schema(parsed, names, text, identity)


def _identity(schema: Any) -> Any:
    """What decides how bytes are read: the canonical form's parts and the logical types."""
    match kind(schema):
        case "union":
            return [_identity(branch) for branch in schema]
        case "record" | "error":
            return ["record", schema["name"], [[field["name"], _identity(field["type"])] for field in schema["fields"]]]
        case "enum":
            return ["enum", schema["name"], list(schema["symbols"])]
        case "fixed":
            return ["fixed", schema["name"], schema["size"], logical_type(schema)]
        case "array":
            return ["array", _identity(schema["items"])]
        case "map":
            return ["map", _identity(schema["values"])]
        case name:
            return [name, logical_type(schema)]


def _texts(folder: Traversable) -> list[tuple[str, str]]:
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".avsc")), key=lambda entry: entry.name)
    return [(entry.name, entry.read_text(encoding="utf-8")) for entry in files]


def _load_ours() -> dict[str, Schema]:
    """Our schemas by record name, each checked against the Struct whose fields it must mirror in order."""
    ours = {}
    for name, text in _texts(resources.files("schemas.avro")):
        schema = parse(text)
        ours[short_name(schema.parsed["name"])] = schema
        for full_name, definition in schema.names.items():
            struct = STRUCTS.get(short_name(full_name))
            if kind(definition) == "record" and struct is not None:
                fields = tuple(RENAMED.get(field["name"], field["name"]) for field in definition["fields"])
                if fields != struct.__struct_fields__:
                    raise SchemaError(f"{name}: the fields of {full_name} are not those of {struct.__qualname__}")
    if set(ours) != {struct.__name__ for struct in INPUT_TYPES + OUTPUT_TYPES}:
        raise SchemaError(f"schemas/avro holds {sorted(ours)}, not one schema for each record of the contract")
    return ours


def with_known(ours: dict[str, Schema], known: list[tuple[str, str]]) -> dict[bytes, Schema]:
    """Every schema that single-object encoding may name, by fingerprint.

    Args:
        ours: our own schemas.
        known: further writers' schemas, as (file name, JSON text).

    Raises:
        SchemaError: a text is not a schema, or two schemas have one fingerprint but not one meaning.

    """
    found = {schema.fingerprint: schema for schema in ours.values()}
    for name, text in known:
        schema = parse_writer(text)
        before = found.setdefault(schema.fingerprint, schema)
        if before.identity != schema.identity:
            raise SchemaError(
                f"schemas/avro/known/{name} has the fingerprint of another schema but other logical types: records of "
                "the two cannot be told apart; let its producer use a Schema Registry"
            )
    return found


STRUCTS: dict[str, type[msgspec.Struct]] = {struct.__name__: struct for struct in INPUT_TYPES + OUTPUT_TYPES} | PARTS
"""The domain's record of each Avro record, by name."""

OURS: dict[str, Schema] = _load_ours()
"""The readers' schemas, by record name."""

KNOWN: dict[bytes, Schema] = with_known(OURS, _texts(resources.files("schemas.avro") / "known"))
"""The schemas that single-object encoding may name, by fingerprint."""
