"""The OpenAPI 3.1 description, made of the table of routes. docs/openapi.json is a copy that a test keeps equal."""

from collections.abc import Mapping
from typing import Any

from domain.records import AgeingBucket, BreakClass
from gateway.rest.errors import CODES, RETRY_AFTER_S
from gateway.rest.parameters import ID_BYTES_MAX
from gateway.rest.routes import ROUTES, Route

Json = dict[str, Any]

_AMOUNT = {"type": "integer"}
_INSTANT = {"type": "string", "format": "date-time"}
_INSTANT_OR_NULL = {"oneOf": [_INSTANT, {"type": "null"}]}

_OWN_SCHEMAS: Json = {
    "Live": {
        "description": "Where and as of when a live answer holds.",
        "type": "object",
        "required": ["worker", "partition", "caught_up_to", "facts"],
        "properties": {
            "worker": {"type": "string", "description": "the worker that holds the key"},
            "partition": {"type": "integer", "minimum": 0},
            "caught_up_to": {
                "description": "the instant that the answer is as of: every input was read up to it; null before the "
                "partition has been caught up for the first time, when no deadline has passed yet",
                **_INSTANT_OR_NULL,
            },
            "facts": {"type": "integer", "minimum": 0, "description": "how many facts the state of the key holds"},
        },
        "additionalProperties": False,
    },
    "AgeingRow": {
        "type": "object",
        "required": [
            "currency", "ageing_bucket", "obligations", "balance_minor", "paid_minor", "pending_minor",
            "outstanding_minor",
        ],
        "properties": {
            "currency": {"type": "string"},
            "ageing_bucket": {"type": "string", "enum": [*(each.value for each in AgeingBucket), "unknown"]},
            "obligations": {"type": "integer", "minimum": 0},
            "balance_minor": _AMOUNT,
            "paid_minor": _AMOUNT,
            "pending_minor": _AMOUNT,
            "outstanding_minor": {
                "type": "integer",
                "minimum": 0,
                "description": "the sum of max(0, balance less paid) over the obligations",
            },
        },
        "additionalProperties": False,
    },
    "Explanation": {
        "description": "An open break told to people, as `rentmatch exceptions explain --json` tells it.",
        "type": "object",
        "required": [
            "type", "break_id", "key_kind", "key", "subject", "class", "priority", "title", "expected_minor",
            "actual_minor", "drift_minor", "currency", "property_id", "due_at", "opened_at", "resolved_at", "story",
            "deadlines", "expected", "missing", "contract", "resolutions", "advice", "live",
        ],
        "properties": {
            "type": {"const": "Explanation"},
            "break_id": {"type": "string"},
            "key_kind": {"type": "string", "enum": ["payment", "obligation"]},
            "key": {"type": "string"},
            "subject": {"type": "array", "items": {"type": "string"}},
            "class": {"type": "string", "enum": [each.value for each in BreakClass]},
            "priority": {"type": "integer", "minimum": 1, "maximum": 3},
            "title": {"type": "string"},
            "expected_minor": _AMOUNT,
            "actual_minor": _AMOUNT,
            "drift_minor": _AMOUNT,
            "currency": {"type": "string"},
            "property_id": {"type": ["string", "null"]},
            "due_at": _INSTANT_OR_NULL,
            "opened_at": _INSTANT_OR_NULL,
            "resolved_at": _INSTANT_OR_NULL,
            "story": {"type": "array", "items": {"type": "object", "required": ["at", "source", "text"]}},
            "deadlines": {"type": "array", "items": {"type": "object", "required": ["at", "what", "passed"]}},
            "expected": {"type": "string"},
            "missing": {"type": "string"},
            "contract": {"type": "string"},
            "resolutions": {"type": "array", "items": {"type": "object", "required": ["what", "by", "events"]}},
            "advice": {"type": "string"},
            "live": {"$ref": "#/components/schemas/Live"},
        },
    },
    "OpenApi": {"type": "object", "required": ["openapi", "info", "paths"]},
    "Error": {
        "type": "object",
        "required": ["error"],
        "properties": {
            "error": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "string", "enum": list(CODES)},
                    "message": {"type": "string"},
                },
                "additionalProperties": False,
            }
        },
        "additionalProperties": False,
    },
}  # fmt: skip


def describe(records: Mapping[str, Json], version: str) -> Json:
    """Describe the API.

    Args:
        records: the JSON Schemas of the records that answers are made of, by name.
        version: of the service.

    """
    schemas = {**records, **_OWN_SCHEMAS}
    for live, record in (("Payment", "PaymentReconciliation"), ("Obligation", "ObligationReconciliation")):
        schemas[live] = _with_live(schemas[record])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "rentmatch",
            "version": version,
            "description": "Questions about payments, obligations, breaks and late installments. What the fields mean "
            "is in docs/contract.md; how to ask is in docs/http-api.md.",
        },
        "security": [{"token": []}],
        "paths": {route.path: {"get": _operation(route)} for route in ROUTES},
        "components": {
            "responses": _errors(),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(sorted(schemas.items())),
        },
    }


def _with_live(record: Json) -> Json:
    properties = {**record["properties"], "live": {"$ref": "#/components/schemas/Live"}}
    return {**record, "properties": properties}


def _operation(route: Route) -> Json:
    in_path = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "description": "percent-encoded",
            "schema": {"type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX},
        }
        for name in route.ids
    ]
    in_query = [
        {"name": one.name, "in": "query", "description": one.meaning, "schema": dict(one.schema)}
        for one in route.parameters
    ]
    operation: Json = {
        "operationId": route.question,
        "summary": route.summary,
        "responses": {
            "200": _content("the answer", _answer(route)),
            **{status: {"$ref": f"#/components/responses/{status}"} for status in _errors()},
        },
    }
    return operation | ({"parameters": in_path + in_query} if in_path or in_query else {})


def _answer(route: Route) -> Json:
    one = {"$ref": f"#/components/schemas/{route.answer}"}
    if not route.page:
        return one
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": one},
            "next": {"type": ["string", "null"], "description": "`after` of the next page; null on the last"},
        },
        "additionalProperties": False,
    }


def _errors() -> Json:
    found: dict[str, Json] = {}
    for code, (status, meaning) in CODES.items():
        told = found.setdefault(str(status), _content("", {"$ref": "#/components/schemas/Error"}))
        told["description"] += f"{'; ' if told['description'] else ''}`{code}`: {meaning}"
        if code in RETRY_AFTER_S:
            told["headers"] = {"Retry-After": {"description": "seconds", "schema": {"type": "integer"}}}
    return found


def _content(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
