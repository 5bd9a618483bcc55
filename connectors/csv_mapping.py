"""`csv`: any delimited text, by a mapping file that says which column is which field of a record.

The mapping is TOML; docs/connectors.md describes it. Each field of the record (contract section 2) comes from a column,
from a value of JSON in a column, or is the same for every row. Amounts are decimal text in major units, by ISO 4217 or
the mapping's own exponents.
"""

import re
from collections.abc import Callable
from datetime import datetime, tzinfo
from functools import cache
from typing import Any, Literal

import msgspec

from connectors.amounts import exponent_of, from_units, minor_units
from connectors.identity import content_id
from connectors.model import BrokenFile, Found, NotUnderstood, Skipped
from connectors.rows import DelimitedText, RowError, require_text
from connectors.zones import zone_of
from domain.time import EPOCH_ORDINAL, micros_of
from streams.codec.avro_schemas import INPUT_NAMES, OURS, RENAMED, STRUCTS, kind, logical_type
from streams.codec.dead_letters import BadInput
from streams.codec.resolution import default_of
from streams.codec.validation import check

Cells = list[str]
Values = dict[str, Any]


class FieldSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a field comes from: a column, or the same value for every row."""

    column: str | None = None
    key: str | None = None
    """The cell is a JSON object (metadata), and this is the name of the value in it."""
    value: str | int | None = None
    """The same for every row."""
    values: dict[str, str] = {}
    """What a cell means: `{Sale = "SETTLED", Refund = "REFUNDED"}`; others are taken as they are."""
    sign: Literal["kept", "dropped", "turned"] = "kept"
    """Of an amount: as it is, without it (gross is never below 0), or the other one."""
    unit: Literal["major", "minor"] = "major"
    """Of an amount: `12.50`, or `1250`."""
    format: str | None = None
    """Of a day or an instant, as in Python's strptime: `%d.%m.%Y`; by default ISO 8601."""
    pattern: str | None = None
    """A regular expression with one group: that part of the cell."""


class CsvMapping(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping file: the options of `csv`."""

    record: str
    """The type of the records: `ProcessorSettled`, `BankEntryBooked`, …"""
    fields: dict[str, str | FieldSource]
    """By field of the record: the name of a column, or a table."""
    identity: tuple[str, ...] = ()
    """The columns that tell rows apart: the event id follows from them. By default all fields of the record do."""
    only: dict[str, tuple[str, ...]] = {}
    """By column: the cells of the rows to read; the others are skipped."""
    skip: dict[str, tuple[str, ...]] = {}
    """By column: the cells of rows to skip."""
    skip_lines: str | None = None
    """A regular expression: lines that begin like this are skipped, such as `Total`."""
    delimiter: str = ","
    encoding: str = "utf-8"
    header_line: int = 1
    zone: str | None = None
    """The IANA zone of times without one."""
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    exponents: dict[str, int] = {}
    """By currency: the decimals of amounts in minor units, where the source differs from ISO 4217."""
    account_id: str | None = None
    """The field `account_id`, where the mapping has no other source for it."""


def read(content: bytes, options: CsvMapping) -> Found:
    """Read a file by its mapping.

    Raises:
        BrokenFile: the mapping does not fit, or the file cannot be divided into rows.

    """
    if len(options.delimiter) != 1 or options.delimiter in '"\r\n' or options.header_line < 1:
        raise BrokenFile("mapping: delimiter is one character, and header_line is 1 or more")
    text = DelimitedText(
        content, delimiter=options.delimiter, encoding=options.encoding, header_line=options.header_line
    )
    mapped = _Mapped(text, options)
    found = Found([], [], [], [], [])
    seen: dict[Any, int] = {}
    skipped_lines = None if options.skip_lines is None else _pattern(options.skip_lines)
    for row in text.rows():
        try:
            reason = "an empty line" if not any(row.cells) else ""
            if not reason and skipped_lines is not None and skipped_lines.match(text.lines[row.line - 1]):
                reason = "the mapping skips such lines"
            cells = row.cells if reason else text.complete(row)
            reason = reason or mapped.skips(cells)
            if not reason:
                fact = mapped.fact(cells)
                first = seen.setdefault(fact, row.line)
                if first == row.line:
                    found.facts.append(fact)
                else:
                    reason = f"the same record as line {first}"
            if reason:
                found.skipped.append(Skipped(row.line, reason, text.raw(row)))
        except (BadInput, ValueError) as error:
            found.not_understood.append(NotUnderstood(row.line, str(error), text.raw(row)))
    if text.ends_in_mid_line:
        found.notes.append("the last line has no end of line: is the file complete?")
    return found


class _Mapped:
    """A mapping bound to the columns of a file."""

    def __init__(self, text: DelimitedText, options: CsvMapping) -> None:
        if options.record not in INPUT_NAMES:
            raise BrokenFile(
                f"mapping: record is {options.record!r}; it must be one of {', '.join(sorted(INPUT_NAMES))}"
            )
        self._options = options
        self._text = text
        self._struct = STRUCTS[options.record]
        self._identity = [text.column(name) for name in options.identity]
        self._only = [(text.column(name), name, frozenset(cells)) for name, cells in options.only.items()]
        self._skip = [(text.column(name), name, frozenset(cells)) for name, cells in options.skip.items()]
        self._zone: tzinfo | None = None
        if options.zone is not None:
            self._zone = zone_of(options.zone, "mapping: zone")
        schema = {field["name"]: field for field in OURS[options.record].parsed["fields"]}
        sources: dict[str, str | FieldSource] = dict(options.fields)
        if "account_id" in schema and options.account_id is not None:
            sources.setdefault("account_id", FieldSource(value=options.account_id))
        for name in sources:
            if name not in schema:
                raise BrokenFile(f"mapping: {options.record} has no field {name!r}; it has {', '.join(schema)}")
        self._readers: list[tuple[str, Callable[[Cells, Values], Any]]] = []
        self._defaults: Values = {}
        money: list[tuple[str, Callable[[Cells, Values], Any]]] = []
        for name, field in schema.items():
            given = sources.get(name)
            if given is None:
                if name != "event_id" and "default" not in field:
                    raise BrokenFile(f"mapping: the field {name!r} of {options.record} is missing")
                self._defaults[RENAMED.get(name, name)] = default_of(field) if "default" in field else ""
                continue
            reader = self._reader(name, field["type"], given)
            # Amounts are read last: their digits depend on the currency of their row.
            (money if name.endswith("_minor") else self._readers).append((RENAMED.get(name, name), reader))
        self._readers += money
        self._has_event_id = "event_id" in sources

    def skips(self, cells: Cells) -> str:
        """Why the mapping leaves a row out; empty if it does not."""
        for at, name, wanted in self._only:
            if cells[at] not in wanted:
                return f"{name} is {cells[at][:40]!r}: the mapping reads others"
        for at, name, unwanted in self._skip:
            if cells[at] in unwanted:
                return f"{name} is {cells[at][:40]!r}: the mapping skips it"
        return ""

    def fact(self, cells: Cells) -> Any:
        """The record of a row.

        Raises:
            RowError: a cell is not understood.
            BadInput: the record breaks a rule of the contract.

        """
        values = dict(self._defaults)
        for name, reader in self._readers:
            values[name] = reader(cells, values)
        if not self._has_event_id:
            parts = [cells[at] for at in self._identity] or [f"{name}={values[name]}" for name, _ in self._readers]
            require_text(parts)
            values["event_id"] = content_id("csv", self._options.record, *parts)
        return check(self._struct(**values))

    def _reader(self, name: str, schema: Any, given: str | FieldSource) -> Callable[[Cells, Values], Any]:
        source = FieldSource(column=given) if isinstance(given, str) else given
        if (source.column is None) == (source.value is None):
            raise BrokenFile(f"mapping: the field {name!r} needs either a column or a value")
        is_nullable = kind(schema) == "union"
        inner = schema[1] if is_nullable else schema
        inner = OURS[self._options.record].names.get(kind(inner), inner)
        parse = self._parser(name, inner, source)
        cell = self._cell(name, source)

        def read_field(cells: Cells, values: Values) -> Any:
            text = cell(cells)
            if not text:
                if is_nullable:
                    return None
                raise RowError(f"{name} is empty" + (f" (column {source.column!r})" if source.column else ""))
            try:
                return parse(text, values)
            except ValueError as error:
                raise RowError(f"{name}: {error}") from None

        return read_field

    def _cell(self, name: str, source: FieldSource) -> Callable[[Cells], str]:
        """The text of a field in a row, before its type is looked at."""
        if source.column is None:
            fixed = str(source.value)
            return lambda _: fixed
        at = self._text.column(source.column)
        key, values = source.key, source.values
        pattern = None if source.pattern is None else _pattern(source.pattern)
        if pattern is not None and pattern.groups != 1:
            raise BrokenFile(f"mapping: the pattern of {name!r} needs one group: the part to take, in parentheses")

        def cell(cells: Cells) -> str:
            text = cells[at].strip()
            if key is not None:
                text = _of_json(text, key)
            if pattern is not None:
                match = pattern.search(text)
                text = (match[1] or "") if match else ""
            return values.get(text, text)

        return cell

    def _parser(self, name: str, schema: Any, source: FieldSource) -> Callable[[str, Values], Any]:
        match kind(schema):
            case "string":
                return _checked_text
            case "enum":
                symbols = frozenset(schema["symbols"])
                return lambda text, _: _symbol(text, symbols)
            case "long" | "int":
                logical = logical_type(schema)
                if logical == "timestamp-micros":
                    instant = cache(lambda text: self._instant(text, source.format))
                    return lambda text, _: instant(text)
                if logical == "date":
                    day = cache(lambda text: _day(text, source.format))
                    return lambda text, _: day(text)
                if name.endswith("_minor"):
                    return self._amount_parser(name, source)
                return lambda text, _: _whole(text)
            case other:
                raise BrokenFile(f"mapping: the field {name!r} ({other}) cannot come from a row")

    def _amount_parser(self, name: str, source: FieldSource) -> Callable[[str, Values], int]:
        options = self._options
        of_settlement = name in ("fee_minor", "net_minor") and options.record == "ProcessorSettled"

        def amount(text: str, values: Values) -> int:
            currency = (values.get("settlement_currency") if of_settlement else None) or values["currency"]
            digits = exponent_of(currency)
            if source.unit == "minor":
                minor = from_units(_whole(text), options.exponents.get(currency, digits), digits)
            else:
                if options.thousands:
                    text = text.replace(options.thousands, "")
                minor = minor_units(text.replace(",", ".") if options.decimal == "," else text, digits)
            return abs(minor) if source.sign == "dropped" else -minor if source.sign == "turned" else minor

        return amount

    def _instant(self, text: str, pattern: str | None) -> int:
        moment = datetime.fromisoformat(text) if pattern is None else datetime.strptime(text, pattern)
        if moment.tzinfo is None:
            if self._zone is None:
                raise RowError(f'{text[:40]!r} has no zone: say in the mapping which, as in zone = "America/New_York"')
            moment = moment.replace(tzinfo=self._zone)
        return micros_of(moment)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise BrokenFile(f"mapping: {text!r} is no regular expression: {error}") from None


def _of_json(text: str, key: str) -> str:
    if not text:
        return ""
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        raise RowError(f"the cell with {key!r} is no JSON") from None
    value = found.get(key) if isinstance(found, dict) else None
    if value is not None and not isinstance(value, str | int):
        raise RowError(f"{key!r} is neither text nor a whole number")
    return "" if value is None else str(value)


def _checked_text(text: str, _: Values) -> str:
    require_text((text,))
    return text


def _symbol(text: str, symbols: frozenset[str]) -> str:
    if text not in symbols:
        raise RowError(f"{text[:40]!r} is none of {', '.join(sorted(symbols))}: give it a meaning in `values`")
    return text


def _whole(text: str) -> int:
    digits = text[1:] if text[:1] in ("-", "+") else text
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise RowError(f"{text[:40]!r} is not a whole number")
    return int(text)


def _day(text: str, pattern: str | None) -> int:
    moment = datetime.fromisoformat(text) if pattern is None else datetime.strptime(text, pattern)
    return moment.date().toordinal() - EPOCH_ORDINAL
