"""Lists as files: `/export/breaks.csv?filter=…`, of any selection that a page can have, in the viewer's scope.

`filter` is the page's own: the JSON of GraphQL's filter of that list, such as `{"state": "OPEN", "currency": "USD"}`.
"""

import asyncio
import json
import logging
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from aiohttp import web

from gateway.people.audit import AuditLog
from gateway.people.rates import Rate, RateLimit
from gateway.people.viewer import Permission, Viewer
from gateway.web import export_columns
from gateway.web.errors import WebError
from gateway.web.export_columns import ExportColumns
from gateway.web.guard import VIEWER, Guard
from gateway.web.metrics import EXPORTS, GatewayMetrics
from gateway.web.sheets import CsvSheet, XlsxSheet
from read_model.finding import ReadModelUnavailable
from read_model.rows import RowPage
from read_model.scoped import ScopedReadModel

log = logging.getLogger(__name__)

ROWS_A_PAGE = 1_000
AT_A_TIME = 2
"""Exports of this process; more would slow the pages."""
EXPORT_RATE = Rate(burst=10, per_second=1 / 10)
"""Of a viewer."""
IDS_MAX = 1_000
"""Of a selection that names its rows."""
SECONDS_MAX = 600
FILE_NAME = "rentmatch-{name}-{day}.{format}"


class ExportList(NamedTuple):
    """A list that can be exported."""

    columns: ExportColumns
    page: Callable[[ScopedReadModel, Any, str | None, str | None], Any]
    """(read model, selection, order, cursor) -> a page."""
    rows: Callable[[ScopedReadModel, Collection[str]], Awaitable[dict[str, Any]]]
    """(read model, ids) -> those rows that there are."""


async def _breaks(read: ScopedReadModel, only: Any, order: str | None, after: str | None) -> RowPage[Any]:
    return await read.list_breaks(only, order=order or "pressing", after=after, limit=ROWS_A_PAGE)


LISTS: Mapping[str, ExportList] = {
    "breaks": ExportList(export_columns.BREAKS, _breaks, lambda read, ids: read.breaks_by_ids(ids)),
    "payments": ExportList(
        export_columns.PAYMENTS,
        lambda read, only, _, after: read.list_payments(only, after=after, limit=ROWS_A_PAGE),
        lambda read, ids: read.payments_by_ids(ids),
    ),
    "obligations": ExportList(
        export_columns.OBLIGATIONS,
        lambda read, only, _, after: read.list_obligations(only, after=after, limit=ROWS_A_PAGE),
        lambda read, ids: read.obligations_by_ids(ids),
    ),
    "late": ExportList(
        export_columns.LATE,
        lambda read, only, _, after: read.list_late_alerts(only, after=after, limit=ROWS_A_PAGE),
        lambda read, ids: read.late_alerts_by_ids(ids),
    ),
    "payouts": ExportList(
        export_columns.PAYOUTS,
        lambda read, only, _, after: read.list_payouts(only, after=after, limit=ROWS_A_PAGE),
        lambda read, ids: read.payouts_by_keys(ids),
    ),
}
assert tuple(LISTS) == EXPORTS

Select = Callable[[str, Mapping[str, Any], str | None], tuple[Any, str | None]]
"""(list, filter, order) -> the selection and the order of the read model; ValueError says what is wrong."""


class _Asked(NamedTuple):
    """What a request asks for."""

    selection: Any
    order: str | None
    ids: list[str] | None
    """The rows by name, instead of those of the selection."""


class Exports:
    """The handler.

    Args:
        read: the read model in a viewer's scope.
        select: reads the filters.
        audit: gets each export.
        metrics: count the rows.
        day: today, as in a file's name.

    """

    def __init__(
        self,
        *,
        read: Callable[[Viewer], ScopedReadModel],
        select: Select,
        audit: AuditLog,
        metrics: GatewayMetrics,
        day: Callable[[], str],
    ) -> None:
        self._read = read
        self._select = select
        self._audit = audit
        self._metrics = metrics
        self._day = day
        self._running = 0
        self._rate = RateLimit(EXPORT_RATE)

    def add_to(self, application: web.Application, guard: Guard) -> None:
        """Add the route: GET for a filter, POST (JSON) for a selection of rows."""
        path = f"/export/{{name:{'|'.join(LISTS)}}}.{{format:csv|xlsx}}"
        application.router.add_get(path, guard.protect(self.answer, Permission.EXPORT, streams=True))
        application.router.add_post(path, guard.protect(self.answer, Permission.EXPORT, streams=True))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Send the file."""
        viewer, name, kind = request[VIEWER], request.match_info["name"], request.match_info["format"]
        asked = await self._asked(request, name)
        wait_s = self._rate.wait_s(viewer.name)
        if wait_s:
            raise WebError("too_often", "too many exports; wait a moment", retry_after_s=wait_s)
        if self._running >= AT_A_TIME:
            raise WebError("busy", "other exports are running; try again in a moment", retry_after_s=5)
        await self._audit.check()
        self._running += 1
        await self._note(viewer, name, "begun", kind)
        try:
            return await self._send(request, viewer, name, kind, self._pages(viewer, name, asked))
        finally:
            self._running -= 1

    async def _asked(self, request: web.Request, name: str) -> _Asked:
        try:
            given = (
                {field: text if field == "order" else json.loads(text) for field, text in request.query.items()}
                if request.method == "GET"
                else await request.json()
            )
            if not isinstance(given, dict) or given.keys() - {"filter", "order", "ids"}:
                raise ValueError("give `filter` and `order`, or `ids`")
            ids, only = given.get("ids"), given.get("filter", {})
            if ids is not None and not (
                isinstance(ids, list) and 0 < len(ids) <= IDS_MAX and all(isinstance(one, str) for one in ids)
            ):
                raise ValueError(f"`ids` is a list of 1 to {IDS_MAX:,} ids")
            if not isinstance(only, dict):
                raise ValueError("`filter` is a JSON object")
            selection, order = self._select(name, only, given.get("order"))
        except (ValueError, RecursionError) as error:
            raise WebError("bad_request", f"the selection cannot be used: {error}") from None
        return _Asked(selection, order, ids)

    async def _pages(self, viewer: Viewer, name: str, asked: _Asked) -> AsyncIterator[list[Any]]:
        listed, read = LISTS[name], self._read(viewer)
        if asked.ids is not None:
            found = await listed.rows(read, asked.ids)
            yield [found[one] for one in dict.fromkeys(asked.ids) if one in found]
            return
        after = None
        while True:
            page: RowPage[Any] = await listed.page(read, asked.selection, asked.order, after)
            yield page.rows
            if not page.has_next:
                return
            after = page.cursors[-1]

    async def _send(
        self, request: web.Request, viewer: Viewer, name: str, kind: str, pages: AsyncIterator[list[Any]]
    ) -> web.StreamResponse:
        columns = LISTS[name].columns
        rows = 0
        with tempfile.TemporaryDirectory(prefix="rentmatch-export-") as folder:
            sheet = (
                CsvSheet(columns.columns)
                if kind == "csv"
                else XlsxSheet(columns.columns, Path(folder) / "export.xlsx", name)
            )
            response = web.StreamResponse(
                headers={
                    "Content-Type": sheet.content_type + ("; charset=utf-8" if kind == "csv" else ""),
                    "Content-Disposition": "attachment; filename="
                    + f'"{FILE_NAME.format(name=name, day=self._day(), format=kind)}"',
                }
            )
            try:
                async with asyncio.timeout(SECONDS_MAX):
                    async for page in pages:
                        rows += len(page)
                        ready = await asyncio.to_thread(sheet.add, [columns.row(row) for row in page])
                        if ready:
                            await _write(request, response, ready)
                    await asyncio.to_thread(sheet.finish)
                    for chunk in sheet.rest():
                        await _write(request, response, chunk)
            except OverflowError as error:
                raise WebError("bad_request", str(error)) from None
            except (ReadModelUnavailable, TimeoutError) as error:
                why = f"it takes longer than {SECONDS_MAX} s" if isinstance(error, TimeoutError) else str(error)
                log.warning("an export of %s ends after %d rows: %s", name, rows, why)
                await self._note(viewer, name, "failed", f"ended after {rows} rows, {kind}")
                if response.prepared:
                    # The client must not take it for complete: the connection breaks, and does not end.
                    if request.transport is not None:
                        request.transport.abort()
                    return response
                if isinstance(error, TimeoutError):
                    raise WebError("unavailable", f"{why}; narrow the selection, or use CSV") from None
                raise WebError(
                    "unavailable", "the read model does not answer now; try again in a moment", retry_after_s=5
                ) from None
        self._metrics.exported_rows.labels(name).inc(rows)
        await self._note(viewer, name, "done", f"{rows} rows, {kind}")
        await response.write_eof()  # last: a client that has all may be gone before the next line
        return response

    async def _note(self, viewer: Viewer, name: str, outcome: str, what: str) -> None:
        await self._audit.record(actor=viewer.name, action=f"export.{name}", outcome=outcome, reason=what)


async def _write(request: web.Request, response: web.StreamResponse, data: bytes) -> None:
    if not response.prepared:
        await response.prepare(request)
    await response.write(data)
