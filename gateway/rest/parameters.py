"""The parameters of questions: each is told by a JSON Schema, and checked by that same schema."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from domain.records import BreakClass, LateStage, ObligationStatus
from gateway.rest.errors import ApiError

ID_BYTES_MAX = 512
LIMIT_DEFAULT = 100
LIMIT_MAX = 500


class Parameter(NamedTuple):
    """A query parameter: its name, what it means, and the JSON Schema of its value."""

    name: str
    meaning: str
    schema: Mapping[str, Any]


_ID: Mapping[str, Any] = {"type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX}

LIVE = Parameter(
    "live",
    "`true` asks the worker that holds the key for its committed state, instead of the read model",
    {"type": "boolean", "default": False},
)
LIMIT = Parameter(
    "limit",
    "how many items a page holds at most; a page whose items are large may hold fewer",
    {"type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT},
)
AFTER = Parameter("after", "`next` of the page before", {"type": "string", "minLength": 1, "maxLength": 2_048})
PROPERTY = Parameter("property", "only of this property", _ID)
TENANT = Parameter("tenant", "only of this tenant", _ID)
PERIOD = Parameter("period", "only of this period", {"type": "string", "pattern": "^[0-9]{4}-(0[1-9]|1[0-2])$"})
STATUS = Parameter(
    "status", "only in this status", {"type": "string", "enum": [each.value for each in ObligationStatus]}
)
STATE = Parameter(
    "state", "which breaks, by whether they are open", {"enum": ["open", "resolved", "any"], "default": "open"}
)
BREAK_CLASS = Parameter("class", "only of this class", {"type": "string", "enum": [each.value for each in BreakClass]})
PRIORITY = Parameter("priority", "only of this priority", {"type": "integer", "minimum": 1, "maximum": 3})
CURRENCY = Parameter("currency", "only in this currency", {"type": "string", "pattern": "^[A-Z]{3}$"})
KEY_KIND = Parameter("key_kind", "of what the key is", {"type": "string", "enum": ["payment", "obligation"]})
KEY = Parameter("key", "the payment_id or obligation_id", _ID)
STAGE = Parameter("stage", "only in this stage", {"type": "string", "enum": [each.value for each in LateStage]})
LATE_STATE = Parameter(
    "state", "which alerts, by whether they are live", {"enum": ["live", "ended", "any"], "default": "live"}
)


def parse(parameters: Iterable[Parameter], given: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """The values of a request's parameters, by name; those not given have their default, or None.

    Raises:
        ApiError: one is unknown, stands twice, or has a value that its schema does not allow.

    """
    known = {parameter.name: parameter for parameter in parameters}
    values: dict[str, Any] = {}
    for name, text in given:
        if name not in known:
            offered = f"it has {', '.join(sorted(known))}" if known else "it has none"
            raise ApiError("unknown_parameter", f"this route has no parameter {_quoted(name)}; {offered}")
        if name in values:
            raise ApiError("bad_parameter", f"the parameter {name} stands there twice")
        values[name] = _value(name, known[name].schema, text)
    return {name: values.get(name, parameter.schema.get("default")) for name, parameter in known.items()}


def check_id(name: str, text: str) -> str:
    """An id out of the path.

    Raises:
        ApiError: it is empty, too long, or no Unicode text.

    """
    return str(_value(name, _ID, text))


def _value(name: str, schema: Mapping[str, Any], text: str) -> Any:
    if schema.get("type") == "boolean":
        if text not in ("true", "false"):
            raise _wrong(name, text, "true or false")
        return text == "true"
    if schema.get("type") == "integer":
        least, most = schema["minimum"], schema["maximum"]
        # The length first: a text of a million digits takes seconds to become a number.
        if len(text) > 19 or re.fullmatch(r"[0-9]+", text) is None or not least <= int(text) <= most:
            raise _wrong(name, text, f"a whole number from {least} to {most}")
        return int(text)
    if "enum" in schema and text not in schema["enum"]:
        raise _wrong(name, text, f"one of {', '.join(schema['enum'])}")
    if "pattern" in schema and re.fullmatch(schema["pattern"].strip("^$"), text) is None:
        raise _wrong(name, text, f"a text like {schema['pattern']}")
    try:
        length = len(text.encode())
    except UnicodeEncodeError:
        raise _wrong(name, text, "a text of whole Unicode characters") from None
    if not schema.get("minLength", 0) <= length <= schema.get("maxLength", ID_BYTES_MAX):
        raise _wrong(name, text, f"a text of 1 to {schema.get('maxLength', ID_BYTES_MAX)} bytes")
    return text


def _wrong(name: str, text: str, allowed: str) -> ApiError:
    return ApiError("bad_parameter", f"{name} is {_quoted(text)}; it must be {allowed}")


def _quoted(text: str) -> str:
    """A client's own text, short and in ASCII."""
    return ascii(text if len(text) <= 60 else text[:60] + "…")
