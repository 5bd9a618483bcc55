"""The compiled twin of `avro_generated.py`: the same bytes and the same records, by `_avro.c`.

The extension is built where the machine that installs has a C compiler; where it has none, nothing is lost but speed.
It knows no schema: each record's plan, made here, tells it which bytes lie where and which values are surely good.
"""

from typing import Any

from streams.codec.avro_generated import Decode, Encode, general
from streams.codec.avro_schemas import INPUT_TYPES, OURS, RENAMED, STRUCTS, kind, short_name
from streams.codec.avro_source import BOUNDS, Bounds, enums
from streams.codec.currencies import CURRENCIES
from streams.codec.validation import ID_BYTES_MAX, TIME_ZONES, check, is_id

try:
    from streams.codec._avro import Body

    _built = True
except ImportError:  # there was no compiler
    _built = False

Plan = tuple[Any, ...]
"""A kind and what it needs: nested tuples, as `node_fill` in the C file reads them."""

_EVERY_LONG = Bounds(-1 << 63, (1 << 63) - 1)
_SHARED = {"currency": {code: code for code in CURRENCIES}, "time_zone": {name: name for name in TIME_ZONES}}


def plan_of(record: str) -> Plan:
    """How the body of a record of ours lies."""
    return _plan(OURS[record].parsed, record, "", is_input=record in _INPUTS)


_INPUTS = frozenset(struct.__name__ for struct in INPUT_TYPES)
_ENUMS = {name: tuple(symbols) for name, symbols in enums().items()}


def _plan(schema: Any, record: str, field: str, *, is_input: bool) -> Plan:
    """The plan of a value: of which record, and of which field of it."""
    schema = next((s.names[kind(schema)] for s in OURS.values() if kind(schema) in s.names), schema)
    match kind(schema):
        case "long" | "int" as width:
            return (width, *(BOUNDS[record].get(field, _EVERY_LONG) if is_input else _EVERY_LONG))
        case "string" if is_input and field in _SHARED:
            return ("known", _SHARED[field])
        case "string" if is_input and field == "period":
            return ("period",)
        case "string":
            return ("string", is_input and is_id(field))
        case "enum":
            return ("enum", _ENUMS[short_name(schema["name"]).upper()])
        case "union":
            if len(schema) != 2 or kind(schema[0]) != "null":
                raise NotImplementedError("our unions are null and one type, in this order")
            return ("optional", _plan(schema[1], record, field, is_input=is_input))
        case "record":
            name = short_name(schema["name"])
            names = tuple(RENAMED.get(each["name"], each["name"]) for each in schema["fields"])
            inner = tuple(_plan(each["type"], name, each["name"], is_input=is_input) for each in schema["fields"])
            return ("record", STRUCTS[name], names, inner)
        case "array":
            return ("array", _plan(schema["items"], record, field, is_input=is_input), is_input)
        case "map":
            return ("map", _plan(schema["values"], record, field, is_input=is_input))
        case other:
            raise NotImplementedError(f"{record}: no plan for {other}")


def _bodies() -> dict[str, "Body"]:
    return {
        name: Body(plan_of(name), general(name), check, ID_BYTES_MAX)
        if name in _INPUTS
        else Body(plan_of(name), general(name))
        for name in OURS
    }


BODIES: dict[str, "Body"] = _bodies() if _built else {}
"""By record name; empty where the extension is not built."""

DECODE: dict[str, Decode] = {name: body.decode for name, body in BODIES.items()}
ENCODE: dict[str, Encode] = {name: body.encode for name, body in BODIES.items()}
