"""Writes Python source that reads and writes the Avro bodies of our own schemas: one function a record and direction.

A record of ours, written with our own schema, is the common case, and Python's budget is microseconds. So what
`resolution.py` and a general encoder would find out for each record anew is written down here once: the order
of the fields, one-byte lengths, where a number is an instant, which rules the record must keep.

A generated reader gives up on anything unusual (a length in two bytes is not, a block with its size in bytes is) and
lets the general reader, which knows every case and every error message, read the same bytes again. So it holds no rule
of its own: its guard only knows records that are surely good, and leaves the others to `streams/codec/validation.py`.
"""

from typing import Any, NamedTuple

from streams.codec.avro_schemas import (
    INPUT_TYPES,
    OURS,
    RENAMED,
    STRUCT_ENUMS,
    STRUCTURES,
    kind,
    logical_type,
    short_name,
)
from streams.codec.validation import AMOUNT_MAX, DAY_MAX, DAY_MIN, GRACE_DAYS_MAX, INSTANT_MAX, INSTANT_MIN, is_id


class Bounds(NamedTuple):
    """Within which, inclusive, a number is surely good."""

    low: int
    high: int
    not_0: bool = False


_ABOVE_0 = Bounds(1, AMOUNT_MAX)
_FROM_0 = Bounds(0, AMOUNT_MAX)
_DAY = Bounds(DAY_MIN, DAY_MAX)
_INSTANT = Bounds(INSTANT_MIN, INSTANT_MAX)

BOUNDS: dict[str, dict[str, Bounds]] = {
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
"""What the numbers of a good record keep, by record and field."""


class _Lines:
    """Source under construction."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.depth = 0
        self.names = 0

    def __call__(self, line: str, deeper: int = 0) -> None:
        self.lines.append("    " * (self.depth + deeper) + line)

    def name(self, hint: str) -> str:
        """A variable that no other part of the function uses."""
        self.names += 1
        return f"{hint}_{self.names}"

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"


def generate() -> str:
    """The source of `decode_<Record>(data, at)` and `encode_<Record>(record, frame)` of every record of ours."""
    return "\n\n".join(_decoder(name) + "\n\n" + _encoder(name) for name in sorted(OURS))


def _decoder(record: str) -> str:
    is_input = any(record == struct.__name__ for struct in INPUT_TYPES)
    out = _Lines()
    out(f"def decode_{record}(data, start):")
    out.depth = 1
    out("at = start")
    if is_input:
        out("size = len(data)")
        out("good = size <= ID_BYTES_MAX")
    out("try:")
    out.depth = 2
    values = _read_fields(out, OURS[record].parsed, record, is_input)
    out.depth = 1
    out("except (LookupError, ValueError):")
    out(f"return again_{record}(data, start)", 1)
    out(f"if at != {'size' if is_input else 'len(data)'}:")
    out(f"return again_{record}(data, start)", 1)
    if not is_input:
        out(f"return {record}({', '.join(values.values())})")
        return out.text()
    out(f"fact = {record}({', '.join(values.values())})")
    out(f"if not (good and {' and '.join(_guards(record, values))}):")
    out("check(fact)", 1)
    out("return fact")
    return out.text()


def _guards(record: str, values: dict[str, str]) -> list[str]:
    """The conditions under which a record is surely good."""
    fields = {field["name"]: field["type"] for field in STRUCTURES[record]["fields"]}
    found = []
    for name, value in values.items():
        optional = kind(fields[name]) == "union"
        bounds = BOUNDS[record].get(name)
        if is_id(name):
            found.append(f"{value} != ''" if optional else value)
        elif name == "period":
            found.append(f"is_period({value})")
        elif name == "time_zone":
            found.append(f"{value} in TIME_ZONES")
        elif bounds is not None:
            within = f"{bounds.low} <= {value} <= {bounds.high}"
            found.append(f"({value} is None or {within})" if optional else within)
            if bounds.not_0:
                found.append(value)
    return found


def _read_fields(out: _Lines, schema: Any, record: str, is_input: bool) -> dict[str, str]:
    """Source that reads the fields in order; the variables that hold them, by field."""
    values = {}
    for field in schema["fields"]:
        values[field["name"]] = value = out.name(RENAMED.get(field["name"], field["name"]))
        _read(out, field["type"], value, record, is_input)
    return values


def _read(out: _Lines, schema: Any, value: str, record: str, is_input: bool) -> None:
    """Source that reads one value at `at` into the variable `value` and moves `at` behind it."""
    schema = _definition(schema, record)
    match kind(schema):
        case "string" if is_input and value.startswith("currency_"):
            # The length byte and the code at once: a look-up that decodes, checks and shares the text.
            out(f"{value} = CURRENCY_BY_BYTES[data[at : at + 4]]")
            out("at += 4")
        case "string":
            out("size_ = data[at]")
            out("if size_ & 129:")
            out("from_, at = span(data, at)", 1)
            out("else:")
            out("from_ = at + 1", 1)
            out("at = from_ + (size_ >> 1)", 1)
            out(f"{value} = data[from_:at].decode()")
        case "long" if logical_type(schema) == "timestamp-micros":
            _read_instant(out, value)
        case "long" | "int" as number:
            _read_number(out, value, number)
        case "enum":
            out(f"{value} = {_symbols(schema)}_BY_BYTE[data[at]]")
            out("at += 1")
        case "union":
            _only_null_first(schema)
            branch = out.name("branch")
            out(f"{branch} = data[at]")
            out("at += 1")
            out(f"if {branch} == 0:")
            out(f"{value} = None", 1)
            out(f"elif {branch} == 2:")
            out.depth += 1
            _read(out, schema[1], value, record, is_input)
            out.depth -= 1
            out("else:")
            out("raise ValueError", 1)
        case "record":
            values = _read_fields(out, schema, record, is_input)
            out(f"{value} = {short_name(schema['name'])}({', '.join(values.values())})")
        case "array" | "map":
            _read_blocks(out, schema, value, record, is_input)
        case other:
            raise NotImplementedError(f"{record}: no source for {other}")


def _read_instant(out: _Lines, value: str) -> None:
    """An instant: from 1987 to 2112 a varint of 8 bytes, whose 7-bit groups are moved together pairwise."""
    out("n = from_bytes(data[at : at + 8], 'little')")
    out("if n & 0x8080808080808080 == 0x0080808080808080:")
    out("n = (n & 0x007F007F007F007F) | ((n & 0x7F007F007F007F00) >> 1)", 1)
    out("n = (n & 0x00003FFF00003FFF) | ((n & 0x3FFF00003FFF0000) >> 2)", 1)
    out("n = (n & 0x0FFFFFFF) | ((n & 0x0FFFFFFF00000000) >> 4)", 1)
    out("at += 8", 1)
    out("else:")
    out("n, at = varint(data, at)", 1)
    out(f"{value} = (n >> 1) ^ -(n & 1)")


def _read_number(out: _Lines, value: str, number: str) -> None:
    out("n = data[at]")
    out("if n < 128:")
    out("at += 1", 1)
    out("else:")
    out("m = data[at + 1]", 1)
    out("if m < 128:", 1)
    out("n += (m << 7) - 128", 2)
    out("at += 2", 2)
    out("else:", 1)
    out("k = data[at + 2]", 2)
    out("if k < 128:", 2)
    out("n += (m << 7) + (k << 14) - 16512", 3)
    out("at += 3", 3)
    out("else:", 2)
    out("n, at = varint(data, at)", 3)
    if number == "int":
        out("if n >> 32:", 3)
        out("raise ValueError", 4)
    out(f"{value} = (n >> 1) ^ -(n & 1)")


def _read_blocks(out: _Lines, schema: Any, value: str, record: str, is_input: bool) -> None:
    """Source that reads an array into a tuple or a map into a dict; items take a byte each, so a lying count ends."""
    is_map = kind(schema) == "map"
    items, count, item, key = out.name("items"), out.name("count"), out.name("item"), out.name("key")
    out(f"{items} = {'{}' if is_map else '[]'}")
    out(f"{count} = data[at]")
    out("at += 1")
    out(f"while {count}:")
    out.depth += 1
    out(f"if {count} & 129:")
    out(f"{count}, at = length(data, at - 1)", 1)
    out("else:")
    out(f"{count} >>= 1", 1)
    out(f"for _ in range({count}):")
    out.depth += 1
    if is_map:
        _read(out, "string", key, record, is_input)
    inner = _definition(schema["values" if is_map else "items"], record)
    if kind(inner) == "record":
        values = _read_fields(out, inner, record, is_input)
        name = short_name(inner["name"])
        if is_input:
            out(f"good = good and {' and '.join(_guards(name, values))}")
        out(f"{item} = {name}({', '.join(values.values())})")
    else:
        _read(out, inner, item, record, is_input)
    out(f"{items}[{key}] = {item}" if is_map else f"{items}.append({item})")
    out.depth -= 1
    out(f"{count} = data[at]")
    out("at += 1")
    out.depth -= 1
    out(f"{value} = {items}" if is_map else f"{value} = tuple({items})")
    if is_input:
        out(f"if len({value}) > 1:")
        out(f"good = good and len({value}) <= INSTALLMENTS_MAX", 1)
        out(f"good = good and len({{part.installment_id for part in {value}}}) == len({value})", 1)


def _encoder(record: str) -> str:
    out = _Lines()
    out(f"def encode_{record}(record, frame):")
    out.depth = 1
    parts = _write_fields(out, OURS[record].parsed, "record", record)
    out(f"return join((frame, {', '.join(parts)}))")
    return out.text()


def _write_fields(out: _Lines, schema: Any, source: str, record: str) -> list[str]:
    """Source that prepares a record's fields; the expressions whose bytes, joined, are the record."""
    parts: list[str] = []
    for field in schema["fields"]:
        name = RENAMED.get(field["name"], field["name"])
        parts += _write(out, field["type"], f"{source}.{name}", name, record)
    return parts


def _write(out: _Lines, schema: Any, source: str, name: str, record: str) -> list[str]:
    """Source that prepares one value; the expressions whose bytes, joined, are the value."""
    schema = _definition(schema, record)
    match kind(schema):
        case "string":
            text, size = out.name(name), out.name("size")
            out(f"{text} = {source}.encode()")
            out(f"{size} = len({text})")
            return [f"SIZES[{size}] if {size} < 1024 else number({size})", text]
        case "long" if logical_type(schema) == "timestamp-micros":
            return [f"instant({source})"]
        case "long" | "int" as width:
            return [f"{'number' if width == 'long' else 'small'}({source})"]
        case "enum":
            return [f"BYTE_BY_{_symbols(schema)}[{source}]"]
        case "union":
            _only_null_first(schema)
            value, done = out.name(name), out.name(f"{name}_bytes")
            out(f"{value} = {source}")
            out(f"if {value} is None:")
            out(f"{done} = b'\\x00'", 1)
            out("else:")
            out.depth += 1
            parts = _write(out, schema[1], value, name, record)
            out(f"{done} = join((b'\\x02', {', '.join(parts)}))")
            out.depth -= 1
            return [done]
        case "record":
            if source.isidentifier():
                return _write_fields(out, schema, source, record)
            value = out.name(name)
            out(f"{value} = {source}")
            return _write_fields(out, schema, value, record)
        case "array" | "map":
            return [_write_block(out, schema, source, name, record)]
        case other:
            raise NotImplementedError(f"{record}: no source for {other}")


def _write_block(out: _Lines, schema: Any, source: str, name: str, record: str) -> str:
    """Source that writes an array or a map as one block and its end, in the order it comes."""
    is_map = kind(schema) == "map"
    items, done, item, key = out.name(name), out.name(f"{name}_bytes"), out.name("item"), out.name("key")
    out(f"{items} = {source}")
    out(f"if {items}:")
    out.depth += 1
    out(f"{done} = [number(len({items}))]")
    out(f"for {key}, {item} in {items}.items():" if is_map else f"for {item} in {items}:")
    out.depth += 1
    parts = _write(out, "string", key, "key", record) if is_map else []
    parts += _write(out, schema["values" if is_map else "items"], item, "item", record)
    out(f"{done} += ({', '.join(parts)},)")
    out.depth -= 1
    out(f"{done}.append(b'\\x00')")
    out(f"{done} = join({done})")
    out.depth -= 1
    out("else:")
    out(f"{done} = b'\\x00'", 1)
    return done


def _definition(schema: Any, record: str) -> Any:
    """A named type for a reference to it; any other schema as it is."""
    name = kind(schema)
    return OURS[record].names.get(name, schema)


def _symbols(schema: Any) -> str:
    """The tables of an enum are named after it."""
    return str(short_name(schema["name"])).upper()


def enums() -> dict[str, dict[str, Any]]:
    """For each enum of ours: its symbols with their index byte, but for the default that is never written."""
    found: dict[str, dict[str, Any]] = {}
    for schema in OURS.values():
        for definition in schema.names.values():
            if kind(definition) == "enum":
                member = STRUCT_ENUMS.get(short_name(definition["name"]), str)
                symbols = [symbol for symbol in definition["symbols"] if symbol != definition.get("default")]
                found[_symbols(definition)] = {member(symbol): index * 2 for index, symbol in enumerate(symbols)}
    return found


def _only_null_first(schema: Any) -> None:
    if len(schema) != 2 or kind(schema[0]) != "null":
        raise NotImplementedError("our unions are null and one type, in this order")
