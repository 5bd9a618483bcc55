"""The Avro schemas of `schemas/avro/`, bound to the records of the domain, and the identity of writers' schemas.

A schema here is in the form that `fastavro.parse_schema` returns: named types by full name, defined where they first
occur.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

import fastavro.schema
import msgspec
from msgspec import inspect

from streams import topics

INPUT_TYPES: tuple[type[msgspec.Struct], ...] = tuple(record for topic in topics.INPUTS for record in topic.records)
OUTPUT_TYPES: tuple[type[msgspec.Struct], ...] = tuple(record for topic in topics.OUTPUTS for record in topic.records)

INPUT_NAMES = frozenset(struct.__name__ for struct in INPUT_TYPES)
"""The names of input records: these are checked as they are decoded."""


def _classes_in(info: inspect.Type) -> Iterator[type]:
    """Every struct and enum in a type, from outside to inside."""
    match info:
        case inspect.StructType(cls=cls, fields=fields):
            yield cls
            for field in fields:
                yield from _classes_in(field.type)
        case inspect.EnumType(cls=cls):
            yield cls
        case inspect.UnionType(types=types):
            for each in types:
                yield from _classes_in(each)
        case inspect.VarTupleType(item_type=inner) | inspect.DictType(value_type=inner):
            yield from _classes_in(inner)
        case other:
            if not isinstance(other, inspect.IntType | inspect.StrType | inspect.NoneType | inspect.LiteralType):
                raise TypeError(f"no record of ours has a field of {other}")


_CLASSES = {
    found.__name__: found for info in inspect.multi_type_info(INPUT_TYPES + OUTPUT_TYPES) for found in _classes_in(info)
}

STRUCTS: dict[str, type[msgspec.Struct]] = {
    name: found for name, found in _CLASSES.items() if issubclass(found, msgspec.Struct)
}
"""The domain's record of each Avro record, also of those inside others, by name."""

STRUCT_ENUMS: dict[str, type[StrEnum]] = {name: found for name, found in _CLASSES.items() if issubclass(found, StrEnum)}
"""Avro enums that are a StrEnum in the domain, by name; the others (Method, Outcome) are text there."""
RECORDS_ON: dict[str, frozenset[str]] = {
    topic.name: frozenset(record.__name__ for record in topic.records) for topic in topics.INPUTS + topics.OUTPUTS
}
"""Which records belong on which topic (contract sections 2 and 6), by the topic's default name."""

RENAMED = {"class": "break_class"}
"""Avro field names that are reserved in Python, and the Struct fields for them."""

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
"""Those of the Avro specification. Any other is ignored, as the specification requires."""


class SchemaError(ValueError):
    """A text is not a usable Avro schema; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Schema:
    """A parsed schema."""

    parsed: Any
    names: dict[str, Any]
    """Every named type in it, by full name."""
    text: str
    """The JSON it was read from."""
    identity: str
    """Equal for two schemas exactly if their bytes mean the same: the canonical form with the logical types left in."""

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
    """Parse a writer's schema. Its defaults are dropped: they say nothing about its bytes, and some are wrong.

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
    except Exception as error:  # fastavro raises many types for a wrong schema
        raise SchemaError(f"not an Avro schema: {type(error).__name__}: {str(error)[:200]}") from error
    return Schema(parsed, names, text, identity)


def _identity(schema: Any) -> Any:
    """The parts of a schema that decide how bytes are read: those of the canonical form, and the logical types."""
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
    """Our schemas by record name, each checked to have the fields of its Struct in their order."""
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
        raise SchemaError(f"schemas/avro has {sorted(ours)}, not one schema for each record of the contract")
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


OURS: dict[str, Schema] = _load_ours()
"""The readers' schemas, by record name."""

KNOWN: dict[bytes, Schema] = with_known(OURS, _texts(resources.files("schemas.avro") / "known"))
"""The schemas that single-object encoding may name, by fingerprint."""
