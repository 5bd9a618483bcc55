"""Avro bodies by the extension `_avro.c`: the same bytes and records as `avro_plain.py`, sooner.

The extension is built where the installing machine has a C compiler. It knows no schema: the layout of each record,
made here, says which bytes lie where and which values are surely good. Unusual bytes go to the general reader, and
records that are not surely good to the checks, so that each rule and each message has one home.

Our own schemas are read so, and a writer's whose records are ours up to a field, such as those of version 1.
"""

from typing import Any, NamedTuple

from domain.currencies import EXPONENTS
from streams.codec import avro_plain
from streams.codec.avro_plain import Decode, Encode
from streams.codec.avro_schemas import (
    INPUT_NAMES,
    OURS,
    RENAMED,
    STRUCT_ENUMS,
    STRUCTS,
    Schema,
    kind,
    logical_type,
    short_name,
)
from streams.codec.resolution import default_of
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

LAYOUT_VERSION = 2
"""Of the layouts made here. An extension built from other source would read them differently, and is not used."""

try:
    from streams.codec import _avro
    from streams.codec._avro import Body

    _built = getattr(_avro, "LAYOUT_VERSION", 1) == LAYOUT_VERSION
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
_NO_LONG = Bounds(1, 0)
_ABOVE_0 = Bounds(1, AMOUNT_MAX)
_FROM_0 = Bounds(0, AMOUNT_MAX)
_SIGNED = Bounds(-AMOUNT_MAX, AMOUNT_MAX)
_DAY = Bounds(DAY_MIN, DAY_MAX)
_INSTANT = Bounds(INSTANT_MIN, INSTANT_MAX)

_BOUNDS: dict[str, dict[str, Bounds]] = {
    "PaymentInitiated": {"occurred_at": _INSTANT, "amount_minor": _ABOVE_0},
    "PaymentReassigned": {"occurred_at": _NO_LONG},
    "ReferenceAssigned": {"occurred_at": _INSTANT},
    "ProcessorSettled": {
        "occurred_at": _INSTANT,
        "gross_minor": _ABOVE_0,
        "fee_minor": _SIGNED,
        "net_minor": _SIGNED,
        "value_date": _DAY,
    },
    "ObligationCharged": {
        "occurred_at": _INSTANT,
        "amount_minor": _FROM_0,
        "due_date": _DAY,
        "grace_days": Bounds(0, GRACE_DAYS_MAX),
    },
    "PlanChanged": {"occurred_at": _INSTANT, "plan_version": Bounds(1, (1 << 63) - 1)},
    "ObligationAdjusted": {"occurred_at": _INSTANT, "amount_delta_minor": _SIGNED._replace(not_0=True)},
    "ObligationCancelled": {"occurred_at": _INSTANT},
    "ObligationReinstated": {"occurred_at": _INSTANT},
    "PaymentPosted": {"occurred_at": _INSTANT, "amount_minor": _ABOVE_0},
    "PostingReversed": {"occurred_at": _INSTANT, "amount_minor": _ABOVE_0},
    "PayoutReported": {
        "occurred_at": _INSTANT,
        "amount_minor": _SIGNED._replace(not_0=True),
        "other_minor": _SIGNED,
        "arrival_date": _DAY,
    },
    "BankEntryBooked": {
        "occurred_at": _INSTANT,
        "amount_minor": _SIGNED._replace(not_0=True),
        "booking_date": _DAY,
        "value_date": _DAY,
    },
    "EntryMatched": {"occurred_at": _NO_LONG},
    "BreakDecided": {"occurred_at": _NO_LONG},
    "Installment": {"amount_minor": _ABOVE_0, "due_date": _DAY},
    "Allocation": {},
}
"""The bounds of a good record's numbers, by record and field. Records that are rare are always checked: no instant of
theirs is surely good."""

_CHECKED = {
    "PaymentInitiated": {"allocations"},
    "ObligationCharged": {"grace_ends_on"},
    "Installment": {"grace_ends_on"},
    "ObligationAdjusted": {"installment_id", "due_date", "kind"},
    "BankEntryBooked": {"processor", "payout_id"},
}
"""Nullable fields that are seldom given, and whose values are good only together with others."""

_DOUBTFUL_FIRST = {"reason_code": ord("C")}
"""Texts that are doubtful if they begin so: a notification of change is no return."""

_CURRENCIES = {code: code for code in EXPONENTS}
_SHARED = {
    "currency": _CURRENCIES,
    "settlement_currency": _CURRENCIES,
    "time_zone": {name: name for name in TIME_ZONES},
}
"""Fields whose texts are looked up: one object for each text, however often it is decoded."""


_SYMBOLS_MAX = 64
"""The index of a symbol is one byte of zigzag."""


class _OtherLayoutError(Exception):
    """A writer's schema is not one of ours up to a field."""


def layout_of(writer: Schema, name: str) -> Layout:
    """The layout of a writer's bodies, to be read as a record of ours.

    Raises:
        _OtherLayoutError: the general reader has to read them.

    """
    return _Layouts(writer.names, OURS[name].names, is_input=name in INPUT_NAMES).of(
        writer.parsed, OURS[name].parsed, name, ""
    )


class _Layouts:
    """The walk over a writer's schema and ours, with the named types of both."""

    def __init__(self, theirs: dict[str, Any], ours: dict[str, Any], *, is_input: bool) -> None:
        self.theirs = theirs
        self.ours = ours
        self.is_input = is_input

    def of(self, writer: Any, reader: Any, record: str, field: str) -> Layout:
        """The layout of a value: of a field of a record of ours, or of something inside it."""
        writer, reader = self.theirs.get(kind(writer), writer), self.ours.get(kind(reader), reader)
        is_checked = field in _CHECKED.get(record, ())
        if kind(reader) == "union":
            if len(reader) != 2 or kind(reader[0]) != "null":
                raise NotImplementedError("our unions are null and one type, in this order")
            if kind(writer) == "union":
                if len(writer) != 2 or kind(writer[0]) != "null":
                    raise _OtherLayoutError
                return ("optional", self.of(writer[1], reader[1], record, field), is_checked)
            if is_checked:
                raise _OtherLayoutError
            return self.of(writer, reader[1], record, field)
        if kind(writer) != kind(reader) or logical_type(writer) != logical_type(reader):
            raise _OtherLayoutError
        match kind(reader):
            case "long" | "int" as width:
                bounds = _BOUNDS[record].get(field, _EVERY_LONG) if self.is_input else _EVERY_LONG
                return (width, *bounds)
            case "string":
                return self.text(field)
            case "enum":
                return self.enum(writer, reader)
            case "record":
                return self.record(writer, reader)
            case "array":
                return ("array", self.of(writer["items"], reader["items"], record, field), self.is_input)
            case "map":
                return ("map", self.of(writer["values"], reader["values"], record, field))
            case other:
                raise NotImplementedError(f"{record}: no layout for {other}")

    def text(self, field: str) -> Layout:
        """The layout of a text."""
        if not self.is_input:
            return ("string", False, 0)
        if field in _SHARED:
            return ("known", _SHARED[field])
        return ("period",) if field == "period" else ("string", is_id(field), _DOUBTFUL_FIRST.get(field, 0))

    @staticmethod
    def enum(writer: Any, reader: Any) -> Layout:
        """The layout of an enum: its members in the writer's order. To read any other symbol is unusual.

        Our default is one of those: it stands for symbols of a later version, and is never written.
        """
        if len(writer["symbols"]) > _SYMBOLS_MAX:
            raise _OtherLayoutError
        member = STRUCT_ENUMS.get(short_name(reader["name"]), str)
        known = set(reader["symbols"]) - {reader.get("default")}
        return ("enum", tuple(member(symbol) if symbol in known else None for symbol in writer["symbols"]))

    def record(self, writer: Any, reader: Any) -> Layout:
        """The layout of a record: the writer's fields, which are our first; our defaults stand for the rest."""
        name = short_name(reader["name"])
        theirs, ours = writer["fields"], reader["fields"]
        missing = ours[len(theirs) :]
        if [field["name"] for field in theirs] != [field["name"] for field in ours[: len(theirs)]]:
            raise _OtherLayoutError
        if missing:
            defaults = STRUCTS[name].__struct_defaults__[-len(missing) :]
            if not all("default" in field for field in missing) or defaults != tuple(map(default_of, missing)):
                raise _OtherLayoutError
        names = tuple(RENAMED.get(field["name"], field["name"]) for field in theirs)
        inner = tuple(
            self.of(their["type"], our["type"], name, our["name"]) for their, our in zip(theirs, ours, strict=False)
        )
        return ("record", STRUCTS[name], names, inner)


def _body(writer: Schema, name: str) -> "Body":
    rules = (check, ID_BYTES_MAX) if name in INPUT_NAMES else ()
    return Body(layout_of(writer, name), avro_plain.reader(writer, name), *rules)


BODIES: dict[str, "Body"] = {name: _body(schema, name) for name, schema in OURS.items()} if _built else {}
"""Of our own schemas, by record name; empty where the extension is not built."""

DECODE: dict[str, Decode] = {name: body.decode for name, body in BODIES.items()}
ENCODE: dict[str, Encode] = {name: body.encode for name, body in BODIES.items()}


def reader(writer: Schema, name: str) -> Decode:
    """A reader of the bodies of a writer's schema as records of ours, by name; input records are checked.

    Raises:
        IncompatibleError: no body of this writer can be read.

    """
    if writer.identity == OURS[name].identity:
        return DECODE[name]
    try:
        return _body(writer, name).decode
    except _OtherLayoutError:
        return avro_plain.reader(writer, name)
