"""JSON Schemas of the output records in the form of `json_form.py`, for the OpenAPI description."""

from collections.abc import Iterable
from typing import Any

from domain.records import Output
from streams.codec.avro_schemas import OURS, kind, logical_type, short_name

Json = dict[str, Any]


def output_schemas(records: Iterable[type[Output]]) -> dict[str, Json]:
    """The JSON Schemas of output records, by name."""
    return {record.__name__: _output(record.__name__) for record in records}


def _output(name: str) -> Json:
    ours = OURS[name]
    schema = _of(ours.parsed, ours.names)
    schema["properties"] = {"type": {"const": name}, **schema["properties"]}
    schema["required"] = ["type", *schema["required"]]
    return schema


def _of(schema: Any, names: dict[str, Any]) -> Json:
    schema = names.get(kind(schema), schema)
    match kind(schema):
        case "union":
            return {"oneOf": [_of(schema[1], names), {"type": "null"}]}
        case "record":
            fields = {field["name"]: _field(field, names) for field in schema["fields"]}
            return {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
        case "array":
            return {"type": "array", "items": _of(schema["items"], names)}
        case "map":
            return {"type": "object", "additionalProperties": _of(schema["values"], names)}
        case "enum":
            return {"type": "string", "enum": list(schema["symbols"])}
        case "string":
            return {"type": "string"}
        case "long" | "int":
            match logical_type(schema):
                case "timestamp-micros":
                    return {"type": "string", "format": "date-time"}
                case "date":
                    return {"type": "string", "format": "date"}
            return {"type": "integer"}
        case other:
            raise TypeError(f"no record of ours has a field of {short_name(other)}")


def _field(field: Any, names: dict[str, Any]) -> Json:
    schema = _of(field["type"], names)
    return {**schema, "description": field["doc"]} if field.get("doc") else schema
