"""Reads the fields of a record from the columns of a row, whatever form the source gives their values.

MySQL's binlog gives Python values. Debezium's JSON gives typed values where it carries schemas. Without schemas an
instant or a day is a bare number, whose size tells its unit: in the years 2000 to 9988, which the contract allows,
seconds, milliseconds, microseconds and nanoseconds since 1970 do not overlap. Money is never read from a float: neither
from a FLOAT or DOUBLE column, nor from `decimal.handling.mode=double`.
"""

import base64
import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from connectors.amounts import exponent_of, minor_units
from connectors.ledger.changes import MappingError, Values
from connectors.ledger.mapping import MAJOR, Spec, TableMapping, as_spec, is_nullable
from domain.facts import Fact, Installment
from domain.time import EPOCH, EPOCH_ORDINAL, micros_of
from streams.codec.dead_letters import BadInput, DeadLetterClass, quoted
from streams.codec.json_form import day_from_text, instant_from_text

UNAVAILABLE = "__debezium_unavailable_value"
"""What Debezium writes for a large value that an update in PostgreSQL left as it was."""

_CURRENCY = "\0currency"
"""The currency of an installment's row, beside the names of its own JSON."""

_PLAIN = re.compile(r"-?[0-9]+")
_POINTED = re.compile(r"-?[0-9]*\.[0-9]+")

_INSTANT_UNITS = ((253_000_000_000, 1_000_000), (253_000_000_000_000, 1_000), (253_000_000_000_000_000, 1))
"""Below each number: the microseconds of one unit (seconds, milliseconds, microseconds). Above all: nanoseconds."""
_LEAST = 946_684_800
"""2000-01-01 in seconds, the smallest number that is an instant."""
_DAYS_MAX = 2_932_896
"""9999-12-31 in days since 1970."""


class UnreadableValue(ValueError):
    """A column's value is none of its field; the message says why."""


Read = Callable[[Values], Any]


def reader_of(entry: TableMapping, given: Mapping[str, Spec]) -> Callable[[Values], dict[str, Any]]:
    """The function that reads the mapped fields of a row, by the record's field names.

    Of what it returns, `event_id` and `occurred_at` are not part.
    """
    currency = _reader("currency", given["currency"], entry, _text) if "currency" in given else None
    readers: dict[str, Read] = {}
    for name, spec in given.items():
        field = MAJOR.get(name, name)
        readers[field] = _field_reader(name, field, spec, entry, entry.record_type, currency)

    def read(row: Values) -> dict[str, Any]:
        return {field: reader(row) for field, reader in readers.items()}

    return read


def instant_reader(entry: TableMapping) -> Read | None:
    """The function that reads `occurred_at`; None where the mapping names no column for it."""
    if entry.occurred_at is None:
        return None
    spec = as_spec(entry.occurred_at, "occurred_at", entry)
    return _nullable(_reader("occurred_at", spec, entry, _instant))


def _field_reader(
    name: str, field: str, spec: Spec, entry: TableMapping, record: type[msgspec.Struct], currency: Read | None
) -> Read:
    convert: Callable[[Any, Spec], Any]
    if field == "installments":
        return _installments_reader(spec, entry, currency)
    if field.endswith("_minor"):
        return _amount_reader(name, field, spec, entry, currency)
    if field in {"due_date", "grace_ends_on"}:
        convert = _day
    elif field in {"grace_days", "plan_version", "sequence"}:
        convert = _whole
    else:
        convert = _text
    read = _reader(name, spec, entry, convert)
    return _nullable(read) if is_nullable(record, field) or field == "reason" else _required(name, read)


def _amount_reader(name: str, field: str, spec: Spec, entry: TableMapping, currency: Read | None) -> Read:
    if name == field:
        read = _reader(name, spec, entry, _whole)
    else:
        assert currency is not None
        major = _reader(name, spec, entry, _decimal_text)

        def read(row: Values) -> Any:
            found = major(row)
            try:
                return None if found is None else minor_units(found, exponent_of(currency(row)))
            except ValueError as error:
                raise BadInput(DeadLetterClass.WRONG_AMOUNT, f"{entry.id}: {name}: {error}") from None

    required = _required(name, read)
    return (lambda row: -required(row)) if spec.negate else required


def _reader(name: str, spec: Spec, entry: TableMapping, convert: Callable[[Any, Spec], Any]) -> Read:
    """Read one field; None where the column is null."""
    if spec.value is not None:
        constant = convert(spec.value, Spec(decimal="text"))
        return lambda row: constant

    def raw(row: Values) -> Any:
        if spec.column is not None:
            return value_of(row, spec.column, entry)
        parts = {column: value_of(row, column, entry) for column in spec.columns}
        if None in parts.values():
            return None
        text = spec.text or ""
        for column, part in parts.items():
            text = text.replace("{" + column + "}", _text(part, spec))
        return text

    def read(row: Values) -> Any:
        value = raw(row)
        if value is None:
            return None
        if value == UNAVAILABLE:
            raise BadInput(
                DeadLetterClass.UNREADABLE_CHANGE,
                f"{entry.id}: {name}: PostgreSQL did not log this large value, which the update left as it was; set "
                f"`ALTER TABLE {entry.table} REPLICA IDENTITY FULL`",
            )
        try:
            if spec.values is not None:
                text = _text(value, spec)
                if text not in spec.values:
                    raise UnreadableValue(f"{quoted(text)} is none of its `values`")
                value = spec.values[text]
            return convert(value, spec)
        except ValueError as error:
            raise BadInput(DeadLetterClass.UNREADABLE_CHANGE, f"{entry.id}: {name}: {error}") from None

    return read


def value_of(row: Values, column: str, entry: TableMapping) -> Any:
    """A column's value.

    Raises:
        MappingError: the row has no such column.

    """
    try:
        return row[column]
    except KeyError:
        raise MappingError(
            f"{entry.id}: {entry.table} has no column {column!r}; it has {', '.join(sorted(row))}. Correct the mapping "
            "and start again: nothing is lost."
        ) from None


def _required(name: str, read: Read) -> Read:
    def present(row: Values) -> Any:
        found = read(row)
        if found is None:
            raise BadInput(DeadLetterClass.UNREADABLE_CHANGE, f"{name} is null; `when` can leave such rows out")
        return found

    return present


def _nullable(read: Read) -> Read:
    return read


def _text(value: Any, spec: Spec) -> str:
    if spec.uuid:
        return _uuid(value)
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int():
            return str(value)
        case Decimal():
            return format(value, "f")
        case date():
            return value.isoformat()
        case other:
            raise UnreadableValue(f"{quoted(other)} ({type(other).__name__}) is no text; `uuid = true` reads 16 bytes")


def _uuid(value: Any) -> str:
    try:
        raw = base64.b64decode(value, validate=True) if isinstance(value, str) and len(value) == 24 else value
        return str(uuid.UUID(bytes=raw) if isinstance(raw, bytes) else uuid.UUID(raw))
    except (ValueError, TypeError, AttributeError):
        raise UnreadableValue(f"{quoted(value)} is no UUID") from None


def _decimal_text(value: Any, spec: Spec) -> str:
    """A decimal number as plain text, exactly."""
    match value:
        case bool() | float():
            raise UnreadableValue(
                f"{value!r} is a float, which cannot hold money; keep the column as DECIMAL, and set "
                "decimal.handling.mode=string"
            )
        case int():
            return str(value)
        case Decimal():
            return format(value, "f")
        case str() if spec.scale is not None:
            return format(decimal_of(value, spec.scale), "f")
        case str() if _POINTED.fullmatch(value) or (spec.decimal == "text" and _PLAIN.fullmatch(value)):
            return value
        case {"scale": int(scale), "value": str(encoded)}:
            return format(decimal_of(encoded, scale), "f")
        case other:
            raise UnreadableValue(
                f"{quoted(other)} may be Debezium's bytes or text; let Debezium write schemas, or say "
                '`scale = 2` (bytes) or `decimal = "text"` in the mapping'
            )


def decimal_of(encoded: str, scale: int) -> Decimal:
    """A decimal of Kafka Connect's JSON: the big-endian two's complement of its unscaled value, in base64.

    Raises:
        ValueError: it is not base64.

    """
    try:
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise UnreadableValue(f"{quoted(encoded)} is not the base64 of a decimal") from None
    return Decimal(f"{int.from_bytes(raw, 'big', signed=True)}E{-scale}")  # the constructor is exact


def _whole(value: Any, spec: Spec) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = value if isinstance(value, str) and _PLAIN.fullmatch(value) and spec.scale is None else None
    if text is None:
        text = _decimal_text(value, spec)
    whole, _, part = text.partition(".")
    if part.strip("0"):
        raise UnreadableValue(f"{text} is not whole")
    return int(whole)


def _day(value: Any, spec: Spec) -> int:
    """A calendar day, as days since 1970-01-01."""
    match value:
        case datetime():
            return value.date().toordinal() - EPOCH_ORDINAL
        case date():
            return value.toordinal() - EPOCH_ORDINAL
        case bool():
            raise UnreadableValue(f"{value!r} is no day")
        case int() if value <= _DAYS_MAX:
            return value
        case int():
            return _micros(value) // 86_400_000_000
        case str():
            return day_from_text(value)
        case other:
            raise UnreadableValue(f"{quoted(other)} is no day")


def _instant(value: Any, spec: Spec) -> int:
    """An instant, in microseconds since 1970."""
    zone = ZoneInfo(spec.zone) if spec.zone else UTC
    match value:
        case datetime():
            return micros_of(value if value.tzinfo else value.replace(tzinfo=zone))
        case date():
            return micros_of(datetime(value.year, value.month, value.day, tzinfo=zone))
        case bool():
            raise UnreadableValue(f"{value!r} is no instant")
        case int():
            micros = _micros(value)
            if spec.zone is None:
                return micros
            return micros_of((EPOCH + timedelta(microseconds=micros)).replace(tzinfo=zone))
        case str():
            return _instant_of_text(value, zone)
        case other:
            raise UnreadableValue(f"{quoted(other)} is no instant")


def _instant_of_text(text: str, zone: Any) -> int:
    if re.search(r"(Z|[+-]\d\d:\d\d)$", text):
        return instant_from_text(text)
    try:
        return micros_of(datetime.fromisoformat(text).replace(tzinfo=zone))
    except ValueError:
        raise UnreadableValue(f"{quoted(text)} is no instant") from None


def _micros(number: int) -> int:
    """A bare number as microseconds since 1970; its size tells the unit."""
    if number < _LEAST:
        raise UnreadableValue(f"{number} is no instant of the years from 2000 on, in whatever unit")
    for limit, factor in _INSTANT_UNITS:
        if number < limit:
            return number * factor
    return number // 1_000


def _installments_reader(spec: Spec, entry: TableMapping, currency: Read | None) -> Read:
    """The installments in a column with a JSON list of objects."""
    inner = spec.fields or {
        name: name for name in ("installment_id", "sequence", "amount_minor", "due_date", "grace_ends_on")
    }
    part = TableMapping(entry.table, entry.record, {}, name=f"{entry.id}: installments")
    specs = {name: as_spec(each, name, part) for name, each in inner.items()}
    known = set(Installment.__struct_fields__)
    for name in specs:
        if MAJOR.get(name, name) not in known:
            raise MappingError(f"{part.id}: no field {name!r}; there are {', '.join(sorted(known))}")
    missing = {"installment_id", "amount_minor", "due_date"} - {MAJOR.get(name, name) for name in specs}
    if missing:
        raise MappingError(f"{part.id}: {', '.join(sorted(missing))} is missing")
    whole = _reader("installments", Spec(column=spec.column, value=spec.value, text=spec.text), entry, _json)
    if spec.value is not None:
        raise MappingError(f"{part.id}: a column is needed")

    own = {name: MAJOR.get(name, name) for name in specs}
    shared = None if currency is None else (lambda item: item[_CURRENCY])
    readers = {own[name]: _field_reader(name, own[name], specs[name], part, Installment, shared) for name in specs}

    def read(row: Values) -> tuple[Installment, ...]:
        common = {"grace_ends_on": None, _CURRENCY: None if currency is None else currency(row)}
        items = enumerate(whole(row) or [], start=1)
        return tuple(installment({**common, "sequence": place, **item}, place) for place, item in items)

    def installment(item: dict[str, Any], place: int) -> Installment:
        try:
            return Installment(**{"sequence": place} | {field: reader(item) for field, reader in readers.items()})
        except MappingError as error:  # an item of JSON without the name, and not a table without the column
            raise BadInput(DeadLetterClass.UNREADABLE_CHANGE, str(error)) from None

    return read


def _json(value: Any, spec: Spec) -> list[dict[str, Any]]:
    try:
        found = json.loads(value) if isinstance(value, str | bytes) else value
    except ValueError as error:
        raise UnreadableValue(f"not JSON: {error}") from None
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise UnreadableValue("not a list of objects")
    return found


def counts(entry: TableMapping, row: Values) -> bool:
    """Whether a row counts by the mapping's `when` and `unless`."""
    return all(_matches(entry, row, column, allowed) for column, allowed in entry.when.items()) and not any(
        _matches(entry, row, column, allowed) for column, allowed in entry.unless.items()
    )


def _matches(entry: TableMapping, row: Values, column: str, allowed: str | list[Any]) -> bool:
    value = value_of(row, column, entry)
    if isinstance(allowed, list):
        texts = {one if isinstance(one, str) else _text(one, _PLAIN_SPEC) for one in allowed}
        return value is not None and _text(value, _PLAIN_SPEC) in texts
    if allowed == "null":
        return value is None
    if value is None:
        return False
    if allowed == "not null":
        return True
    try:
        number = Decimal(_decimal_text(value, _spec_of_column(entry, column)))
    except ValueError as error:
        raise BadInput(DeadLetterClass.UNREADABLE_CHANGE, f"{entry.id}: {column}: {error}") from None
    return {"<0": number < 0, ">0": number > 0, "=0": number == 0}[allowed]


_PLAIN_SPEC = Spec()


def _spec_of_column(entry: TableMapping, column: str) -> Spec:
    """How the mapping reads a column, for a comparison with 0."""
    for name, given in entry.fields.items():
        spec = as_spec(given, name, entry)
        if spec.column == column:
            return spec
    return _PLAIN_SPEC


def as_record(record: type[Fact], values: dict[str, Any], occurred_at: int) -> Any:
    """A record without an event id yet; what the mapping does not give and may be absent is filled in."""
    filled = {"event_id": "", "occurred_at": occurred_at, **values}
    for field in record.__struct_fields__:
        if filled.get(field) is None:
            if field == "reason":
                filled[field] = "as in the ledger"
            elif field == "installments":
                filled[field] = ()
            elif field == "plan_version":
                filled[field] = 0
            else:
                filled[field] = None
    return record(**filled)
