"""Avro bodies of our own schemas by the extension `_avro.c`: the same bytes and records as `avro_plain.py`, sooner.

The extension is built where the installing machine has a C compiler. It knows no schema: the layout of each record,
made here, says which bytes lie where and which values are surely good. Unusual bytes go to the general reader, and
values that are not surely good to the checks, so that each rule and each message has one home.
"""

from typing import Any, NamedTuple

from domain.currencies import EXPONENTS
from streams.codec import avro_plain
from streams.codec.avro_plain import Decode, Encode
from streams.codec.avro_schemas import INPUT_NAMES, OURS, RENAMED, STRUCT_ENUMS, STRUCTS, kind, short_name
from streams.codec.validation import (
    AMOUNT_MAX,
    DAY_MAX,
    DAY_MIN,
    GRACE_DAYS_MAX,
    ID_BYTES_MAX,
    INSTANT_MAX,
    INSTANT_MIN,
    TIME_ZONES,
    check,
    is_id,
)

try:
    from streams.codec._avro import Body

    _built = True
except ImportError:  # there was no compiler
    _built = False

Layout = tuple[Any, ...]
"""A kind and its parameters: nested tuples, as `node_fill` in the C file reads them."""


class Bounds(NamedTuple):
    """Within which, inclusive, a number is surely good."""

    low: int
    high: int
    not_0: bool = False


_EVERY_LONG = Bounds(-1 << 63, (1 << 63) - 1)
_ABOVE_0 = Bounds(1, AMOUNT_MAX)
_FROM_0 = Bounds(0, AMOUNT_MAX)
_DAY = Bounds(DAY_MIN, DAY_MAX)
_INSTANT = Bounds(INSTANT_MIN, INSTANT_MAX)

_BOUNDS: dict[str, dict[str, Bounds]] = {
    "PaymentInitiated": {"occurred_at": _INSTANT, "amount_minor": _ABOVE_0},
    "ProcessorSettled": {
        "occurred_at": _INSTANT,
        "gross_minor": _ABOVE_0,
        "fee_minor": _FROM_0,
        "net_minor": Bounds(-AMOUNT_MAX, AMOUNT_MAX),
        "value_date": _DAY,
    },
    "ObligationCharged": {
        "occurred_at": _INSTANT,
        "amount_minor": _FROM_0,
        "due_date": _DAY,
        "grace_days": Bounds(0, GRACE_DAYS_MAX),
    },
    "PlanChanged": {"occurred_at": _INSTANT, "plan_version": Bounds(1, (1 << 63) - 1)},
    "ObligationAdjusted": {"occurred_at": _INSTANT, "amount_delta_minor": Bounds(-AMOUNT_MAX, AMOUNT_MAX, True)},
    "ObligationCancelled": {"occurred_at": _INSTANT},
    "PaymentPosted": {"occurred_at": _INSTANT, "amount_minor": _ABOVE_0},
    "PostingReversed": {"occurred_at": _INSTANT, "amount_minor": _ABOVE_0},
    "Installment": {"amount_minor": _ABOVE_0, "due_date": _DAY},
}
"""The bounds of a good record's numbers, by record and field."""

_SHARED = {"currency": {code: code for code in EXPONENTS}, "time_zone": {name: name for name in TIME_ZONES}}
"""Fields whose texts are looked up: one object for each text, however often it is decoded."""


def layout_of(record: str) -> Layout:
    """The layout of the body of a record of ours."""
    return _layout(OURS[record].parsed, record, "", is_input=record in INPUT_NAMES)


def _layout(schema: Any, record: str, field: str, *, is_input: bool) -> Layout:
    """The layout of a value: of a field of a record, or of something inside it."""
    schema = next((s.names[kind(schema)] for s in OURS.values() if kind(schema) in s.names), schema)
    match kind(schema):
        case "long" | "int" as width:
            return (width, *(_BOUNDS[record].get(field, _EVERY_LONG) if is_input else _EVERY_LONG))
        case "string" if is_input and field in _SHARED:
            return ("known", _SHARED[field])
        case "string" if is_input and field == "period":
            return ("period",)
        case "string":
            return ("string", is_input and is_id(field))
        case "enum":
            member = STRUCT_ENUMS.get(short_name(schema["name"]), str)
            # The default stands for symbols of a later version. It is never written, and reading it is unusual.
            return ("enum", tuple(member(symbol) for symbol in schema["symbols"] if symbol != schema.get("default")))
        case "union":
            if len(schema) != 2 or kind(schema[0]) != "null":
                raise NotImplementedError("our unions are null and one type, in this order")
            return ("optional", _layout(schema[1], record, field, is_input=is_input))
        case "record":
            name = short_name(schema["name"])
            names = tuple(RENAMED.get(each["name"], each["name"]) for each in schema["fields"])
            inner = tuple(_layout(each["type"], name, each["name"], is_input=is_input) for each in schema["fields"])
            return ("record", STRUCTS[name], names, inner)
        case "array":
            return ("array", _layout(schema["items"], record, field, is_input=is_input), is_input)
        case "map":
            return ("map", _layout(schema["values"], record, field, is_input=is_input))
        case other:
            raise NotImplementedError(f"{record}: no layout for {other}")


def _body(name: str) -> "Body":
    rules = (check, ID_BYTES_MAX) if name in INPUT_NAMES else ()
    return Body(layout_of(name), avro_plain.DECODE[name], *rules)


BODIES: dict[str, "Body"] = {name: _body(name) for name in OURS} if _built else {}
"""By record name; empty where the extension is not built."""

DECODE: dict[str, Decode] = {name: body.decode for name, body in BODIES.items()}
ENCODE: dict[str, Encode] = {name: body.encode for name, body in BODIES.items()}
