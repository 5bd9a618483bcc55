"""The OpenAPI 3.1 description of the operations. docs/openapi.json is a copy; a test compares them."""

import types
from collections.abc import Iterable
from typing import Any, Union, get_args, get_origin

import msgspec

from gateway.rest.answers import ExplanationJson, Live, LiveAnswer, OpenApi, ResultPage, StateJson
from gateway.rest.errors import CODES, HEADERS_OF, ErrorBody
from gateway.rest.operations import Json, Operation
from read_model.documents import RECORD_OF
from read_model.queries import CURRENCY, AgeingRow
from streams.codec.json_schema import output_schemas

_LIVE_NAMES = {
    "PaymentReconciliation": "Payment",
    "ObligationReconciliation": "Obligation",
    "ReferenceReconciliation": "Reference",
    "PayoutReconciliation": "Payout",
    "ExplanationJson": "Explanation",
    "StateJson": "State",
}
"""The schemas of records with `live`, by that of the record."""
_REFERENCE = "#/components/schemas/{name}"


def describe(operations: Iterable[Operation], version: str) -> OpenApi:
    """Describe the API.

    Args:
        operations: the operations.
        version: the version of the service.

    """
    responses = _errors()
    return OpenApi(
        openapi="3.1.0",
        info={
            "title": "rentmatch",
            "version": version,
            "description": "Queries of payments, obligations, references, payouts, breaks and late installments. "
            "docs/contract.md defines the fields; docs/http-api.md explains pages, live answers, tokens and errors.",
        },
        security=[{"token": []}],
        paths={operation.path: {"get": _described(operation, responses)} for operation in operations},
        components={
            "responses": responses,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": dict(sorted(_schemas().items())),
        },
    )


def _schemas() -> dict[str, Json]:
    _, schemas = msgspec.json.schema_components(
        [AgeingRow, ErrorBody, ExplanationJson, Live, OpenApi, StateJson], ref_template=_REFERENCE
    )
    for name, schema in output_schemas(RECORD_OF.values()).items():
        if "currency" in schema["properties"]:
            schema["properties"]["currency"]["pattern"] = CURRENCY
        schemas[name] = schema
    schemas["ErrorDetail"]["properties"]["code"]["enum"] = list(CODES)
    for enum in ("BreakClass", "DecisionState"):
        del schemas[enum]["description"]  # for readers of the Python enum
    for record, name in _LIVE_NAMES.items():
        schema = schemas[record]
        live = {"live": {"$ref": _REFERENCE.format(name="Live")}}
        schemas[name] = schema | {"properties": schema["properties"] | live}
    for made in (ExplanationJson, StateJson):
        del schemas[made.__name__]
        schemas[_LIVE_NAMES[made.__name__]]["required"].append("live")
    return schemas


def _described(operation: Operation, errors: Iterable[str]) -> Json:
    parameters = [
        {"name": name, "in": "path", "required": True, "description": "percent-encoded", "schema": _bare(schema)}
        for name, schema in operation.path_parameters.items()
    ]
    parameters += [
        {"name": name, "in": "query", "description": schema["description"], "schema": _bare(schema)}
        for name, schema in operation.query_parameters.items()
    ]
    described: Json = {
        "operationId": operation.operation_id,
        "summary": operation.summary,
        "responses": {
            "200": _content("the answer", _answer(operation.answer)),
            **{status: {"$ref": f"#/components/responses/{status}"} for status in errors},
        },
    }
    if operation.description != f"{operation.summary}.":
        described["description"] = operation.description
    if parameters:
        described["parameters"] = parameters
    return described


def _bare(schema: Json) -> Json:
    """The schema of a parameter, which has its own description."""
    return {key: value for key, value in schema.items() if key != "description"}


def _answer(type_: Any) -> Json:
    """The schema of a return type: a record, a live answer, a record or its live answer, or a page."""
    members = [type_]
    if get_origin(type_) in (Union, types.UnionType):
        members = [member for member in get_args(type_) if member is not types.NoneType]
    records = [get_args(member)[0] if get_origin(member) is LiveAnswer else member for member in members]
    (record,) = set(records)
    if get_origin(record) is not ResultPage:
        name = record.__name__ if records == members else _LIVE_NAMES[record.__name__]
        return {"$ref": _REFERENCE.format(name=name)}
    (item,) = get_args(record)
    return {
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": {"type": "array", "items": {"$ref": _REFERENCE.format(name=item.__name__)}},
            "next": {"type": ["string", "null"], "description": "`after` of the next page; null on the last page"},
        },
        "additionalProperties": False,
    }


def _errors() -> dict[str, Json]:
    found: dict[str, Json] = {}
    for code, (status, meaning) in CODES.items():
        response = found.setdefault(str(status), _content("", {"$ref": _REFERENCE.format(name="ErrorBody")}))
        response["description"] += f"{'; ' if response['description'] else ''}`{code}`: {meaning}"
        for header in HEADERS_OF.get(code, {}):
            schema = {"type": "integer" if header == "Retry-After" else "string"}
            response.setdefault("headers", {})[header] = {"schema": schema}
    return found


def _content(description: str, schema: Json) -> Json:
    return {"description": description, "content": {"application/json": {"schema": schema}}}
