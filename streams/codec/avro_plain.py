"""Avro bodies of our own schemas, where the compiled codec was not built: correct, and slower.

`DECODE[name](data, start)` reads the body that fills `data[start:]` by the general resolution, and checks an input
record; `ENCODE[name](record, frame)` returns the frame and the body, written by fastavro.
"""

import io
from collections.abc import Callable
from typing import Any

import fastavro

from streams.codec.avro_schemas import INPUT_NAMES, OURS, RENAMED, Schema, kind
from streams.codec.resolution import resolve
from streams.codec.validation import check

Decode = Callable[[bytes, int], Any]
Encode = Callable[[Any, bytes], bytes]
Reader = Callable[[Schema, str], Decode]
"""From a writer's schema and the name of a record of ours to a reader of its bodies."""

_BITS = {"int": 31, "long": 63}


def checked(read: Decode) -> Decode:
    """A reader whose records are also checked against the rules of contract section 2."""

    def decode(data: bytes, start: int) -> Any:
        return check(read(data, start))

    return decode


def reader(writer: Schema, name: str) -> Decode:
    """A reader of the bodies of a writer's schema as records of ours, by name; input records are checked.

    Raises:
        IncompatibleError: no body of this writer can be read.

    """
    read = resolve(writer, OURS[name])
    return checked(read) if name in INPUT_NAMES else read


def _encoder(name: str) -> Encode:
    schema = OURS[name]

    def encode(record: Any, frame: bytes) -> bytes:
        out = io.BytesIO()
        out.write(frame)
        fastavro.schemaless_writer(out, schema.parsed, _value(schema.parsed, record, schema.names))
        return out.getvalue()

    return encode


def _value(schema: Any, value: Any, names: dict[str, Any]) -> Any:
    """A value as fastavro takes it.

    Raises:
        OverflowError: a number does not fit; fastavro would write a larger one into an int.

    """
    schema = names.get(kind(schema), schema)
    match kind(schema):
        case "union":  # ours are null and one type
            return None if value is None else _value(schema[1], value, names)
        case "record":
            return {
                field["name"]: _value(field["type"], getattr(value, RENAMED.get(field["name"], field["name"])), names)
                for field in schema["fields"]
            }
        case "array":
            return [_value(schema["items"], item, names) for item in value]
        case "map":
            return {key: _value(schema["values"], item, names) for key, item in value.items()}
        case "int" | "long" as width:
            if not -1 << _BITS[width] <= value < 1 << _BITS[width]:
                raise OverflowError(f"{value} does not fit into an Avro {width}")
            return value
        case "string" | "enum":
            return value
        case other:
            raise NotImplementedError(f"our schemas do not use {other}")


DECODE: dict[str, Decode] = {name: reader(schema, name) for name, schema in OURS.items()}
ENCODE: dict[str, Encode] = {name: _encoder(name) for name in OURS}
