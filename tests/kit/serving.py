"""The worker's own web server on a real socket, in a thread, over a read model in memory and workers in process."""

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import faust
from aiohttp import web

from domain.records import BreakLifecycle, LateLifecycle
from gateway.rest.access import Access
from gateway.rest.handlers import ReconciliationApi
from gateway.rest.http_metrics import HttpMetrics
from gateway.rest.live_state import LiveState
from gateway.rest.openapi import describe
from gateway.rest.request_limits import RequestLimits
from gateway.rest.server import WebServer, serve_api
from read_model.queries import ReadModelUnavailable, exception_cursor, late_alert_cursor
from streams import topics
from streams.codec.json_form import output_to_json
from streams.codec.json_schema import output_schemas
from tables.committed import CommittedReader
from tests.kit.driver import Driver, Worker
from tools.local.processes import free_ports

Json = dict[str, Any]
TOKEN = "a-token-of-some-length"
DESCRIPTION = describe(output_schemas(), "0")
KIND_OF = {"payments": topics.PAYMENT_RECONCILIATIONS, "obligations": topics.OBLIGATION_RECONCILIATIONS,
           "breaks": topics.MISMATCH_ALERTS, "alerts": topics.LATE_PAYMENT_ALERTS}  # fmt: skip


class MemoryReadModel:
    """The read model's questions over a driver's outputs. `fail` is raised by every question while it is set."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.fail: Exception | None = None
        self.wait_s = 0.0
        self.closed = False

    async def _last(self, kind: str) -> dict[str, Json]:
        await asyncio.sleep(self.wait_s)
        if self.fail is not None:
            raise self.fail
        return {key: output_to_json(record) for key, record in self._driver.last(KIND_OF[kind]).items()}

    async def payment(self, payment_id: str) -> Json | None:
        return (await self._last("payments")).get(payment_id)

    async def obligation(self, obligation_id: str) -> Json | None:
        return (await self._last("obligations")).get(obligation_id)

    async def exception(self, break_id: str) -> Json | None:
        return (await self._last("breaks")).get(break_id)

    async def late_alert(self, alert_id: str) -> Json | None:
        return (await self._last("alerts")).get(alert_id)

    async def history(self, kind: str, key: str, *, limit: int, before_version: int | None) -> list[Json]:
        await self._last(kind)
        key_field = {"payments": "payment_id", "obligations": "obligation_id", "breaks": "break_id"}[kind]
        rows = [output_to_json(record) for record in self._driver.emitted(KIND_OF[kind])]
        mine = [row for row in rows if row[key_field] == key]
        older = [row for row in mine if before_version is None or row["version"] < before_version]
        return sorted(older, key=lambda row: -row["version"])[:limit]

    async def obligations(
        self, *, tenant_id: Any, property_id: Any, period: Any, status: Any, after: Any, limit: int
    ) -> list[Json]:
        wanted = {"tenant_id": tenant_id, "property_id": property_id, "period": period, "status": status}
        rows = [row for row in (await self._last("obligations")).values() if _matches(row, wanted)]
        rows.sort(key=lambda row: row["obligation_id"])
        return [row for row in rows if after is None or row["obligation_id"] > after][:limit]

    async def exceptions(
        self, *, state: str, break_class: Any, priority: Any, currency: Any, key_kind: Any, key: Any,
        property_id: Any, tenant_id: Any, after: Any, limit: int,
    ) -> list[Json]:  # fmt: skip
        assert (property_id, tenant_id) == (None, None), "the real read model is asked for these"
        wanted = {"class": break_class, "priority": priority, "currency": currency, "key_kind": key_kind, "key": key}
        gone = BreakLifecycle.RESOLVED
        rows = [
            row
            for row in (await self._last("breaks")).values()
            if _matches(row, wanted) and (state == "any" or (row["lifecycle"] == gone) == (state == "resolved"))
        ]
        rows.sort(key=lambda row: (row["priority"], row["opened_at"], row["break_id"]))
        return _behind(rows, after, exception_cursor)[:limit]

    async def late_alerts(
        self, *, live: bool | None, property_id: Any, tenant_id: Any, stage: Any, after: Any, limit: int
    ) -> list[Json]:
        wanted = {"property_id": property_id, "tenant_id": tenant_id, "stage": stage}
        ended = {LateLifecycle.CURED, LateLifecycle.CANCELLED}
        rows = [
            row
            for row in (await self._last("alerts")).values()
            if _matches(row, wanted) and live in (None, row["lifecycle"] not in ended)
        ]
        rows.sort(key=lambda row: (row["due_date"], row["alert_id"]))
        return _behind(rows, after, late_alert_cursor)[:limit]

    async def ageing(self, property_id: str) -> list[Json]:
        rows = [row for row in (await self._last("obligations")).values() if row["property_id"] == property_id]
        places = sorted({(row["currency"], row["ageing_bucket"]) for row in rows})
        return [
            {
                "currency": currency,
                "ageing_bucket": bucket,
                "obligations": len(
                    of := [row for row in rows if (row["currency"], row["ageing_bucket"]) == (currency, bucket)]
                ),
                "balance_minor": sum(row["balance_minor"] for row in of),
                "paid_minor": sum(row["paid_minor"] for row in of),
                "pending_minor": sum(row["pending_minor"] for row in of),
                "outstanding_minor": sum(max(0, row["balance_minor"] - row["paid_minor"]) for row in of),
            }
            for currency, bucket in places
        ]

    async def ping(self) -> None:
        if self.fail is not None:
            raise ReadModelUnavailable

    def close(self) -> None:
        self.closed = True


def _matches(row: Json, wanted: Json) -> bool:
    return all(value is None or row[name] == value for name, value in wanted.items())


def _behind(rows: list[Json], after: str | None, cursor: Callable[[Json], str]) -> list[Json]:
    if after is None:
        return rows
    cursors = [cursor(row) for row in rows]
    return rows[cursors.index(after) + 1 :]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        return str(self.json["error"]["code"])


class Served:
    """A web server of ours. `ask` is a client of its own, over the socket."""

    def __init__(self, questions: ReconciliationApi, tokens: Iterable[str] = (), **limits: Any) -> None:
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.metrics = HttpMetrics()
        self.owner: Any = None if questions._live is None else questions._live._owner
        self._questions = questions
        self._limits = RequestLimits(Access(token.encode() for token in tokens), self.metrics, **limits)
        self._loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Served":
        self.thread.start()
        self.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._server.stop_server())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self.thread.join(10)
        self._loop.close()

    def run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _start(self) -> None:
        conf = faust.App("served", broker="memory://", web_bind="127.0.0.1", web_port=self.port, autodiscover=False)
        self._server = WebServer(conf)
        serve_api(self._server, self._limits, self._questions)
        self._server.web_app.router.add_get("/livez", _alive)
        await self._server.start_server()

    def ask(self, path: str, *, method: str = "GET", token: str | None = None, **headers: str) -> Answer:
        return ask(self.url, path, method=method, token=token, **headers)


async def _alive(request: web.Request) -> web.Response:
    return web.Response(text="alive")


def ask(url: str, path: str, *, method: str = "GET", token: str | None = None, **headers: str) -> Answer:
    """One request on a connection of its own; header names have `_` for `-`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request(method, path, headers=sent)
        response = connection.getresponse()
        return Answer(response.status, dict(response.getheaders()), response.read())
    finally:
        connection.close()


class InProcessLiveState(LiveState):
    """The real thing over a worker of tests/kit/driver.py; `shares` is what Faust's assignor would tell."""

    def __init__(self, worker: Worker, name: str, url: str, shares: dict[str, dict[str, list[int]]]) -> None:
        world = worker.world
        committed = CommittedReader(worker.store, worker.engine, world.broker.partitions, world.settings.policy)  # type: ignore[arg-type]
        self.recovered = SimpleNamespace(is_set=lambda: True)
        super().__init__(
            SimpleNamespace(
                settings=SimpleNamespace(advertised_url=url),
                names={topic: topic.name for topic in topics.ALL},
                opened=True,
                commit_loop=SimpleNamespace(broken=False),
                committed=committed,
                worker_name=name,
            ),  # type: ignore[arg-type]
            SimpleNamespace(
                tables=SimpleNamespace(recovery=SimpleNamespace(completed=self.recovered)),
                router=SimpleNamespace(external_topics_metadata=lambda: shares),
            ),
        )
