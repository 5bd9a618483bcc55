"""Operations of the HTTP API. A handler's signature is the one declaration of its parameters and of its answer.

- An argument named in the path is a path parameter.
- An argument whose type is a struct has the query parameters that are the fields of the struct. A field named in the
  path is a path parameter, too.
- `request` is the request itself.
- The return type is the answer; None is 404.

msgspec converts and checks the parameters. The OpenAPI description is msgspec's JSON Schema of the same types.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar, get_origin, get_type_hints

import msgspec
from aiohttp import web

from gateway.rest.errors import ApiError

Json = dict[str, Any]
Handler = TypeVar("Handler", bound=Callable[..., Awaitable[object]])


@dataclass(frozen=True, slots=True)
class Parameters:
    """An argument that is a struct of parameters."""

    struct: Any
    query: Mapping[str, Json]
    """The JSON Schemas of its query parameters, by name."""
    in_path: Mapping[str, str]
    """Its fields that are in the path: their names in JSON, by their names in the path."""
    path: Mapping[str, Json]
    """The JSON Schemas of its path parameters, by their names in the path."""

    def convert(self, query: Mapping[str, str], path: Mapping[str, str]) -> Any:
        """The struct.

        Raises:
            ApiError: a parameter is invalid.

        """
        given = {name: query[name] for name in self.query if name in query}
        given |= {name: path[in_path] for in_path, name in self.in_path.items()}
        try:
            struct = msgspec.convert(given, self.struct, strict=False)
        except msgspec.ValidationError as error:
            reason, _, place = str(error).rpartition(" - at `$.")
            name = place.rstrip("`")
            if symbols := self.query.get(name, {}).get("enum"):
                reason = f"it must be one of {', '.join(symbols)}"
            raise _invalid(name, given[name], reason) from None
        # msgspec also takes 1e2 for 100 and TRUE for true, and a pattern's `$` also matches before a final line feed.
        for name, value in msgspec.to_builtins(struct).items():
            text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
            if given.get(name, text) != text:
                raise _invalid(name, given[name], f"it must be written as {text}")
            if text.endswith("\n") and "pattern" in self.query.get(name, {}):
                raise _invalid(name, text, "it must not end with a line feed")
        return struct


@dataclass(frozen=True, slots=True)
class Operation:
    """A GET operation."""

    operation_id: str
    path: str
    handler: Callable[..., Awaitable[object]]
    ids: Mapping[str, Any]
    """The types of the arguments that are path parameters, by name."""
    structs: Mapping[str, Parameters]
    """The arguments that are structs of parameters, by name."""
    takes_request: bool
    answer: Any
    """The return type."""

    @property
    def summary(self) -> str:
        """The first line of the handler's docstring."""
        return self.description.partition("\n")[0].rstrip(".")

    @property
    def description(self) -> str:
        """The handler's docstring."""
        return inspect.getdoc(self.handler) or ""

    @property
    def path_parameters(self) -> dict[str, Json]:
        """The JSON Schemas of the path parameters, by name."""
        schemas = {name: _schema(type_) for name, type_ in self.ids.items()}
        return schemas | {name: schema for struct in self.structs.values() for name, schema in struct.path.items()}

    @property
    def query_parameters(self) -> dict[str, Json]:
        """The JSON Schemas of the query parameters, by name."""
        return {name: schema for struct in self.structs.values() for name, schema in struct.query.items()}

    @property
    def pattern(self) -> str:
        """The path as aiohttp matches it. An id may contain any character; a slash arrives as %2F."""
        return re.sub(r"\{(\w+)\}", r"{\1:[^/]+}", self.path)

    def arguments(self, request: web.Request) -> dict[str, Any]:
        """The handler's arguments.

        Raises:
            ApiError: a parameter is unknown, repeated or invalid.

        """
        query = _unique(request.query.items(), sorted(self.query_parameters))
        arguments: dict[str, Any] = {"request": request} if self.takes_request else {}
        for name, type_ in self.ids.items():
            try:
                arguments[name] = msgspec.convert(request.match_info[name], type_)
            except msgspec.ValidationError as error:
                raise _invalid(name, request.match_info[name], str(error)) from None
        for name, struct in self.structs.items():
            arguments[name] = struct.convert(query, request.match_info)
        return arguments


class OperationTable:
    """The operations that `get` declares, in order."""

    def __init__(self) -> None:
        self._operations: list[Operation] = []

    def __iter__(self) -> Iterator[Operation]:
        return iter(self._operations)

    def get(self, path: str, operation_id: str) -> Callable[[Handler], Handler]:
        """Declare that a method answers GET and HEAD of a path."""

        def declare(handler: Handler) -> Handler:
            self._operations.append(_operation(operation_id, path, handler))
            return handler

        return declare


def _operation(operation_id: str, path: str, handler: Callable[..., Awaitable[object]]) -> Operation:
    hints = get_type_hints(handler, include_extras=True)
    answer = hints.pop("return")
    takes_request = hints.pop("request", None) is not None
    in_path = re.findall(r"\{(\w+)\}", path)
    ids = {name: hints.pop(name) for name in in_path if name in hints}
    structs = {name: _parameters(struct, in_path) for name, struct in hints.items()}
    return Operation(operation_id, path, handler, ids, structs, takes_request, answer)


def _parameters(struct: Any, path_names: Iterable[str]) -> Parameters:
    fields = {field.name: field.encode_name for field in msgspec.structs.fields(get_origin(struct) or struct)}
    in_path = {name: fields[name] for name in path_names if name in fields}
    (reference,), components = msgspec.json.schema_components([struct])

    def inlined(schema: Json) -> Json:
        if "$ref" not in schema:
            return schema
        enum = components[schema["$ref"].rpartition("/")[2]]["enum"]
        return {"enum": enum} | {key: value for key, value in schema.items() if key != "$ref"}

    properties = components[reference["$ref"].rpartition("/")[2]]["properties"]
    query = {name: inlined(schema) for name, schema in properties.items() if name not in in_path.values()}
    path = {name: properties[field] for name, field in in_path.items()}
    return Parameters(struct, query, in_path, path)


def _schema(type_: Any) -> Json:
    (schema,), _ = msgspec.json.schema_components([type_])
    return schema


def _unique(given: Iterable[tuple[str, str]], known: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for name, text in given:
        if name not in known:
            offered = f"it has {', '.join(known)}" if known else "it has none"
            raise ApiError("unknown_parameter", f"this route has no parameter {_quoted(name)}; {offered}")
        if name in values:
            raise ApiError("bad_parameter", f"the parameter {name} is given twice")
        values[name] = text
    return values


def _invalid(name: str, text: str, reason: str) -> ApiError:
    return ApiError("bad_parameter", f"{name} is {_quoted(text)}: {reason}")


def _quoted(text: str) -> str:
    """A client's text, short and in ASCII."""
    return ascii(text if len(text) <= 60 else text[:60] + "…")
