"""Records as JSON: the input of `rentmatch publish`, the output of `rentmatch read` and `simulate`, the API's items.

Keys are the contract's field names, and `type` names the record. Instants are ISO 8601 with a zone (printed in UTC,
with microseconds and `Z`), days are ISO dates, money is a whole number of minor units. Nothing passes through a float.
"""

import re
from datetime import date
from typing import Any, NoReturn

from domain.facts import InputFact
from domain.records import Output
from domain.time import EPOCH_ORDINAL, FIRST_DAY, LAST_DAY, SECOND, iso_date, rfc3339
from streams.codec.avro_schemas import INPUT_NAMES, OURS, RENAMED, STRUCTS, kind, logical_type, short_name
from streams.codec.dead_letters import quoted
from streams.codec.resolution import default_of
from streams.codec.validation import check

_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6})0*)?)?"
    r"(?:Z|([+-])([0-9]{2}):([0-9]{2}))"
)


def fact_from_json(obj: dict[str, Any]) -> InputFact:
    """The input record in a JSON object, checked against every rule of contract section 2.

    Raises:
        ValueError: a field is missing, unknown or of a wrong type, or breaks a rule (`BadInput`); the message names it.

    """
    if not isinstance(obj, dict):
        raise ValueError(f"{quoted(obj)} is not a JSON object")
    name = obj.get("type")
    if not isinstance(name, str) or name not in INPUT_NAMES:
        raise ValueError(f"type is {quoted(name)}; it must be one of {', '.join(sorted(INPUT_NAMES))}")
    given = {key: value for key, value in obj.items() if key != "type"}
    fact: InputFact = check(_record_from_json(OURS[name].parsed, given, name, OURS[name].names))
    return fact


def fact_to_json(fact: InputFact) -> dict[str, Any]:
    """The JSON object of an input record; `fact_from_json` is the inverse."""
    return _to_json(fact)


def output_to_json(record: Output) -> dict[str, Any]:
    """The JSON object of an output record, with the contract's field names (`class` for `break_class`)."""
    return _to_json(record)


def instant_from_text(text: str) -> int:
    """An instant from ISO 8601 text with `Z` or an offset, exact to the microsecond; finer parts must be zero.

    Raises:
        ValueError: it is not such a text, or outside of the years 1 to 9999 in UTC.

    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError("not ISO 8601 with a zone and at most microseconds, as in 2026-07-03T12:00:00Z")
    day, hours, minutes, seconds, fraction, sign, offset_hours, offset_minutes = match.groups()
    if int(hours) > 23 or int(minutes) > 59 or int(seconds or 0) > 59:
        raise ValueError("not a time of the day")
    if int(offset_hours or 0) > 23 or int(offset_minutes or 0) > 59:
        raise ValueError("not an offset from UTC")
    offset = (int(offset_hours or 0) * 60 + int(offset_minutes or 0)) * (-1 if sign == "-" else 1)
    second = day_from_text(day) * 86_400 + int(hours) * 3_600 + (int(minutes) - offset) * 60 + int(seconds or 0)
    if not FIRST_DAY <= second // 86_400 <= LAST_DAY:
        raise ValueError("outside of the years 1 to 9999 in UTC")
    return second * SECOND + int((fraction or "").ljust(6, "0"))


def day_from_text(text: str) -> int:
    """Days since 1970-01-01, from `2026-07-03`; ValueError if there is no such day."""
    match = _DATE.fullmatch(text)
    if match is None:
        raise ValueError("not a date as in 2026-07-03")
    year, month, day = map(int, match.groups())
    return date(year, month, day).toordinal() - EPOCH_ORDINAL


def _record_from_json(schema: Any, obj: dict[str, Any], path: str, names: dict[str, Any]) -> Any:
    values = []
    left = dict(obj)
    for field in schema["fields"]:
        here = f"{path}.{field['name']}"
        if field["name"] in left:
            values.append(_from_json(field["type"], left.pop(field["name"]), here, names))
        elif "default" in field:
            values.append(default_of(field))
        else:
            raise ValueError(f"{here} is missing")
    for name in left:
        known = ", ".join(field["name"] for field in schema["fields"])
        raise ValueError(f"{path} has no field {quoted(name)}; it has {known}")
    return STRUCTS[short_name(schema["name"])](*values)


def _from_json(schema: Any, value: Any, path: str, names: dict[str, Any]) -> Any:
    """One value of an input record, by its schema."""
    schema = names.get(kind(schema), schema)
    match kind(schema):
        case "union":  # ours are null and one type
            return None if value is None else _from_json(schema[1], value, path, names)
        case "record":
            if not isinstance(value, dict):
                _wrong(path, value, "an object")
            return _record_from_json(schema, value, path, names)
        case "array":
            if not isinstance(value, list):
                _wrong(path, value, "a list")
            return tuple(_from_json(schema["items"], item, f"{path}[{at}]", names) for at, item in enumerate(value))
        case "enum":
            if value not in schema["symbols"]:
                _wrong(path, value, f"one of {', '.join(schema['symbols'])}")
            return str(value)
        case "string":
            return _text(path, value)
        case _:
            return _number(schema, path, value)


def _text(path: str, value: Any) -> str:
    if not isinstance(value, str):
        _wrong(path, value, "a text")
    try:
        value.encode()
    except UnicodeEncodeError:
        _wrong(path, value, "a text of whole Unicode characters; it has a lone surrogate")
    return value


def _number(schema: Any, path: str, value: Any) -> int:
    logical = logical_type(schema)
    if logical is not None:
        text = _text(path, value)
        try:
            return instant_from_text(text) if logical == "timestamp-micros" else day_from_text(text)
        except ValueError as error:
            raise ValueError(f"{path} is {quoted(value)}: {error}") from None
    if not isinstance(value, int) or isinstance(value, bool):
        _wrong(path, value, "a whole number" + (", in minor units" if path.endswith("_minor") else ""))
    if not -1 << 63 <= value < 1 << 63:
        _wrong(path, value, "a number of at most 64 bits")
    return value


def _wrong(path: str, value: Any, allowed: str) -> NoReturn:
    raise ValueError(f"{path} is {quoted(value)} ({type(value).__name__}); it must be {allowed}")


def _to_json(record: Any) -> dict[str, Any]:
    name = type(record).__name__
    return {"type": name, **_fields_to_json(OURS[name].parsed, record, OURS[name].names)}


def _fields_to_json(schema: Any, record: Any, names: dict[str, Any]) -> dict[str, Any]:
    return {
        field["name"]: _value_to_json(field["type"], getattr(record, RENAMED.get(field["name"], field["name"])), names)
        for field in schema["fields"]
    }


def _value_to_json(schema: Any, value: Any, names: dict[str, Any]) -> Any:
    schema = names.get(kind(schema), schema)
    match kind(schema):
        case "union":
            return None if value is None else _value_to_json(schema[1], value, names)
        case "record":
            return _fields_to_json(schema, value, names)
        case "array":
            return [_value_to_json(schema["items"], item, names) for item in value]
        case "map":
            return {key: _value_to_json(schema["values"], item, names) for key, item in value.items()}
        case "enum":
            return str(value)
        case "long" | "int":
            match logical_type(schema):
                case "timestamp-micros":
                    return rfc3339(value)
                case "date":
                    return iso_date(value)
        case _:
            pass
    return value
