"""What each route answers: from the read model, or from the live state of a key."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, cast

import msgspec
from aiohttp import web

from gateway.rest.errors import ApiError
from gateway.rest.live_queries import KeyKind, LiveQueries, Owner
from gateway.rest.parameters import check_id, parse
from gateway.rest.request_limits import json_response
from gateway.rest.routes import ROUTES, Route
from read_model.documents import Kind
from read_model.queries import (
    BadCursor,
    ReadModelQueries,
    ReadModelUnavailable,
    exception_cursor,
    late_alert_cursor,
)

Json = dict[str, Any]
Values = Mapping[str, Any]

PAGE_BYTES_MAX = 1 << 20
"""A page ends when it has this many bytes, whatever its limit: one obligation may have thousands of installments."""


class OpenReadModel(ReadModelQueries, Protocol):
    """A read model with connections of its own."""

    def close(self) -> None:
        """Close them."""


class ReconciliationApi:
    """The answers. Each public method is a route's `question`: from the request and its values to what is encoded.

    Args:
        read_model: what is asked without `live`, closed along with this; None where none is set.
        owner: what this worker holds, and who holds what it does not; None where no live question can be asked.
        description: of the API, as `openapi.describe` gives it.

    """

    def __init__(self, read_model: OpenReadModel | None, owner: Owner | None, description: Json) -> None:
        self._read_model = read_model
        self._live = None if owner is None else LiveQueries(owner)
        self._description = msgspec.json.encode(description)

    def routes(self) -> list[tuple[str, Callable[[web.Request], Awaitable[web.StreamResponse]]]]:
        """For each route the pattern of its path and its handler."""
        return [(route.pattern, self._handler(route)) for route in ROUTES]

    async def close(self) -> None:
        """Close what was opened for questions."""
        if self._live is not None:
            await self._live.close()
        if self._read_model is not None:
            self._read_model.close()

    def _handler(self, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        answer = getattr(self, route.question)

        async def handle(request: web.Request) -> web.StreamResponse:
            ids = {name: check_id(name, request.match_info[name]) for name in route.ids}
            values = ids | parse(route.parameters, request.query.items())
            try:
                found = await answer(request, values)
            except ReadModelUnavailable:
                raise ApiError("read_model_unavailable", "the read model does not answer; ask again") from None
            except BadCursor as error:
                raise ApiError("bad_parameter", str(error)) from None
            if found is None:
                raise ApiError("not_found", "nothing is known of this id")
            return json_response(found)

        return handle

    @property
    def _model(self) -> ReadModelQueries:
        if self._read_model is None:
            raise ApiError(
                "no_read_model",
                "this worker has no read model to ask: set RENTMATCH_MONGO_URL and run `rentmatch project-read-model`; "
                "payments and obligations can be asked for with live=true",
            )
        return self._read_model

    async def payment(self, request: web.Request, values: Values) -> Json | bytes | None:
        """A payment as it stands."""
        if values["live"]:
            return await self._live_record(request, "payment", values["payment_id"])
        return await self._model.payment(values["payment_id"])

    async def obligation(self, request: web.Request, values: Values) -> Json | bytes | None:
        """An obligation as it stands."""
        if values["live"]:
            return await self._live_record(request, "obligation", values["obligation_id"])
        return await self._model.obligation(values["obligation_id"])

    async def payment_history(self, request: web.Request, values: Values) -> bytes:
        """The versions of a payment."""
        return await self._history("payments", values["payment_id"], values)

    async def obligation_history(self, request: web.Request, values: Values) -> bytes:
        """The versions of an obligation."""
        return await self._history("obligations", values["obligation_id"], values)

    async def exception_history(self, request: web.Request, values: Values) -> bytes:
        """The versions of a break."""
        return await self._history("breaks", values["break_id"], values)

    async def tenant_obligations(self, request: web.Request, values: Values) -> bytes:
        """A tenant's obligations."""
        return await self._obligations(values, values["tenant_id"], values["property"])

    async def property_obligations(self, request: web.Request, values: Values) -> bytes:
        """A property's obligations."""
        return await self._obligations(values, values["tenant"], values["property_id"])

    async def ageing(self, request: web.Request, values: Values) -> Json:
        """What a property is owed: at most a row for each bucket of each currency, so one page."""
        return {"items": await self._model.ageing(values["property_id"]), "next": None}

    async def exceptions(self, request: web.Request, values: Values) -> bytes:
        """Breaks."""
        items = await self._model.exceptions(
            state=values["state"],
            break_class=values["class"],
            priority=values["priority"],
            currency=values["currency"],
            key_kind=values["key_kind"],
            key=values["key"],
            property_id=values["property"],
            tenant_id=values["tenant"],
            after=values["after"],
            limit=values["limit"] + 1,
        )
        return page(items, values["limit"], exception_cursor)

    async def exception(self, request: web.Request, values: Values) -> Json | None:
        """A break."""
        return await self._model.exception(values["break_id"])

    async def explanation(self, request: web.Request, values: Values) -> Json | bytes | None:
        """What is behind a break, told by the worker that holds its key."""
        kind, key, break_id = values["key_kind"], values["key"], values["break_id"]
        if (kind is None) != (key is None):
            raise ApiError("bad_parameter", "key_kind and key go together")
        if kind is None:
            alert = await self._model.exception(break_id)
            if alert is None:
                return None
            kind, key = alert["key_kind"], alert["key"]
        query = {"key_kind": str(kind), "key": str(key)}
        return await self._holders.ask(
            request, kind, key, lambda owner: owner.explanation(cast(KeyKind, kind), key, break_id), query
        )

    async def late_alerts(self, request: web.Request, values: Values) -> bytes:
        """Late installments."""
        items = await self._model.late_alerts(
            live={"live": True, "ended": False, "any": None}[values["state"]],
            property_id=values["property"],
            tenant_id=values["tenant"],
            stage=values["stage"],
            after=values["after"],
            limit=values["limit"] + 1,
        )
        return page(items, values["limit"], late_alert_cursor)

    async def late_alert(self, request: web.Request, values: Values) -> Json | None:
        """A late installment."""
        return await self._model.late_alert(values["alert_id"])

    async def openapi(self, request: web.Request, values: Values) -> bytes:
        """The description of the API."""
        return self._description

    async def _live_record(self, request: web.Request, kind: KeyKind, key: str) -> Json | bytes | None:
        return await self._holders.ask(request, kind, key, lambda owner: owner.record(kind, key), {"live": "true"})

    @property
    def _holders(self) -> LiveQueries:
        if self._live is None:
            raise ApiError("no_owner", "this process holds no state; ask a worker")
        return self._live

    async def _history(self, kind: Kind, key: str, values: Values) -> bytes:
        after = values["after"]
        if after is not None and not (after.isdecimal() and after.isascii() and len(after) < 19):
            raise BadCursor("after is not a cursor of this list")
        before = None if after is None else int(after)
        items = await self._model.history(kind, key, limit=values["limit"] + 1, before_version=before)
        return page(items, values["limit"], lambda item: str(item["version"]))

    async def _obligations(self, values: Values, tenant_id: str | None, property_id: str | None) -> bytes:
        items = await self._model.obligations(
            tenant_id=tenant_id,
            property_id=property_id,
            period=values["period"],
            status=values["status"],
            after=values["after"],
            limit=values["limit"] + 1,
        )
        return page(items, values["limit"], lambda item: str(item["obligation_id"]))


def page(items: list[Json], limit: int, cursor: Callable[[Json], str], bytes_max: int = PAGE_BYTES_MAX) -> bytes:
    """A page of at most `limit` items, fewer where they are large, and the cursor of the next if there is one.

    Args:
        items: one more than the limit where there are more.
        limit: how many were asked for.
        cursor: the place behind an item.
        bytes_max: a page is not begun a further item once it has so many.

    """
    encoded: list[bytes] = []
    size = 0
    for item in items[:limit]:
        if size >= bytes_max:
            break
        encoded.append(msgspec.json.encode(item))
        size += len(encoded[-1])
    taken = len(encoded)
    behind = cursor(items[taken - 1]) if 0 < taken < len(items) else None
    return b'{"items":[' + b",".join(encoded) + b'],"next":' + msgspec.json.encode(behind) + b"}"
