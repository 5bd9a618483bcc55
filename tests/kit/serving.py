"""The worker's own web server on a real socket, in a thread, over a read model in memory and workers in process."""

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import faust
import msgspec
from aiohttp import web
from msgspec import UNSET

from domain.records import (
    BreakLifecycle,
    LateLifecycle,
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    PaymentReconciliation,
    PayoutReconciliation,
    ReferenceReconciliation,
)
from gateway.rest.access import Access
from gateway.rest.handlers import OPERATIONS, ReconciliationApi
from gateway.rest.http_metrics import HttpMetrics
from gateway.rest.live_state import LiveState, WorkerPort
from gateway.rest.openapi import describe
from gateway.rest.request_limits import RequestLimits
from gateway.rest.server import WebServer, serve_api
from read_model.queries import (
    AgeingRow,
    BreakQuery,
    LateAlertQuery,
    ObligationQuery,
    PayoutQuery,
    ReferenceQuery,
    break_cursor,
    late_alert_cursor,
)
from streams import topics
from tables.committed import CommittedReader
from tests.kit.driver import Driver, Worker
from tools.local.processes import free_ports

TOKEN = "a-token-of-some-length"
DESCRIPTION = msgspec.to_builtins(describe(OPERATIONS, "0"))
TOPIC_OF: dict[type[Any], topics.Topic] = {
    PaymentReconciliation: topics.PAYMENT_RECONCILIATIONS,
    MismatchAlert: topics.MISMATCH_ALERTS,
    ObligationReconciliation: topics.OBLIGATION_RECONCILIATIONS,
    ReferenceReconciliation: topics.REFERENCE_RECONCILIATIONS,
    PayoutReconciliation: topics.PAYOUT_RECONCILIATIONS,
    LatePaymentAlert: topics.LATE_PAYMENT_ALERTS,
}
LISTED_AS = {BreakLifecycle.RESOLVED: "resolved", BreakLifecycle.ACCEPTED: "accepted"}
SPECIAL = frozenset({"state", "decision", "assignee", "account_id"})
"""Parameters that are no fields of a record."""
KEY_OF: dict[type[Any], str] = {
    PaymentReconciliation: "payment_id",
    ObligationReconciliation: "obligation_id",
    ReferenceReconciliation: "reference_key",
    PayoutReconciliation: "payout_key",
    MismatchAlert: "break_id",
}


class MemoryReadModel:
    """The read model's queries over a driver's outputs. `fail` is raised by every query while it is set."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.fail: Exception | None = None
        self.wait_s = 0.0
        self.closed = False

    async def _last(self, record: type[Any]) -> dict[str, Any]:
        await asyncio.sleep(self.wait_s)
        if self.fail is not None:
            raise self.fail
        return self._driver.last(TOPIC_OF[record])

    async def get_payment(self, payment_id: str) -> Any:
        return (await self._last(PaymentReconciliation)).get(payment_id)

    async def get_obligation(self, obligation_id: str) -> Any:
        return (await self._last(ObligationReconciliation)).get(obligation_id)

    async def get_reference(self, reference_key: str) -> Any:
        return (await self._last(ReferenceReconciliation)).get(reference_key)

    async def get_payout(self, payout_key: str) -> Any:
        return (await self._last(PayoutReconciliation)).get(payout_key)

    async def get_break(self, break_id: str) -> Any:
        return (await self._last(MismatchAlert)).get(break_id)

    async def get_late_alert(self, alert_id: str) -> Any:
        return (await self._last(LatePaymentAlert)).get(alert_id)

    async def list_versions(self, record: type[Any], key: str, *, after: str | None, limit: int) -> list[Any]:
        await self._last(record)
        mine = [one for one in self._driver.emitted(TOPIC_OF[record]) if getattr(one, KEY_OF[record]) == key]
        older = [one for one in mine if after is None or one.version < int(after)]
        return sorted(older, key=lambda one: -one.version)[:limit]

    async def list_obligations(self, only: ObligationQuery, *, after: str | None, limit: int) -> list[Any]:
        found = [one for one in (await self._last(ObligationReconciliation)).values() if _matches(one, only)]
        found.sort(key=lambda one: one.obligation_id)
        return [one for one in found if after is None or one.obligation_id > after][:limit]

    async def list_references(self, only: ReferenceQuery, *, after: str | None, limit: int) -> list[Any]:
        found = [one for one in (await self._last(ReferenceReconciliation)).values() if _matches(one, only)]
        found.sort(key=lambda one: one.reference_key)
        return [one for one in found if after is None or one.reference_key > after][:limit]

    async def list_payouts(self, only: PayoutQuery, *, after: str | None, limit: int) -> list[Any]:
        assert only.account_id is UNSET, "the tests over MongoDB have it"
        found = [one for one in (await self._last(PayoutReconciliation)).values() if _matches(one, only)]
        found.sort(key=lambda one: one.payout_key)
        return [one for one in found if after is None or one.payout_key > after][:limit]

    async def list_breaks(self, only: BreakQuery, *, after: str | None, limit: int) -> list[Any]:
        assert only.property_id is only.tenant_id is UNSET, "the tests over MongoDB have these"
        found = [
            one
            for one in (await self._last(MismatchAlert)).values()
            if _matches(one, only)
            and only.state in ("any", LISTED_AS.get(one.lifecycle, "open"))
            and only.decision in (UNSET, "none" if one.decision is None else one.decision.state)
            and only.assignee in (UNSET, None if one.decision is None else one.decision.assignee)
        ]
        found.sort(key=lambda one: (one.priority, one.opened_at, one.break_id))
        return _after(found, after, break_cursor)[:limit]

    async def list_late_alerts(self, only: LateAlertQuery, *, after: str | None, limit: int) -> list[Any]:
        ended = {LateLifecycle.CURED, LateLifecycle.CANCELLED}
        found = [
            one
            for one in (await self._last(LatePaymentAlert)).values()
            if _matches(one, only) and only.state in ("any", "ended" if one.lifecycle in ended else "live")
        ]
        found.sort(key=lambda one: (one.due_date, one.alert_id))
        return _after(found, after, late_alert_cursor)[:limit]

    async def ageing(self, property_id: str) -> list[AgeingRow]:
        mine = [one for one in (await self._last(ObligationReconciliation)).values() if one.property_id == property_id]
        places = sorted({(one.currency, one.ageing_bucket) for one in mine})
        return [
            AgeingRow(
                currency=currency,
                ageing_bucket=bucket,
                obligations=len(of := [one for one in mine if (one.currency, one.ageing_bucket) == (currency, bucket)]),
                balance_minor=sum(one.balance_minor for one in of),
                paid_minor=sum(one.paid_minor for one in of),
                pending_minor=sum(one.pending_minor for one in of),
                outstanding_minor=sum(max(0, one.balance_minor - one.paid_minor) for one in of),
            )
            for currency, bucket in places
        ]

    async def close(self) -> None:
        self.closed = True


def _matches(record: Any, only: Any) -> bool:
    values = {name: value for name, value in msgspec.structs.asdict(only).items() if name not in SPECIAL}
    return all(value is UNSET or value == getattr(record, name) for name, value in values.items())


def _after(found: list[Any], after: str | None, cursor: Callable[[Any], str]) -> list[Any]:
    if after is None:
        return found
    cursors = [cursor(one) for one in found]
    return found[cursors.index(after) + 1 :]


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
    """A web server, and a client `ask` over the socket."""

    def __init__(self, api: ReconciliationApi, tokens: Iterable[str] = (), **limits: Any) -> None:
        self.name = ""
        self.port = free_ports(1)[0]
        self.url = f"http://127.0.0.1:{self.port}"
        self.metrics = HttpMetrics()
        self.owner: Any = None if api._live is None else api._live._state
        self._api = api
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
        serve_api(self._server, self._limits, self._api)
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
    """The real class over a worker of tests/kit/driver.py. `shares` is the distribution of Faust's assignor."""

    def __init__(self, worker: Worker, name: str, url: str, shares: dict[str, dict[str, list[int]]]) -> None:
        world = worker.world
        self.committed = CommittedReader(worker.store, worker.engine, world.broker.partitions, world.settings.policy)
        self.recovered = True
        self.advertised_url = url
        super().__init__(
            WorkerPort(
                url,
                {topic: topic.name for topic in topics.ALL},
                lambda: self.committed if self.recovered else None,
                lambda: name,
                lambda: shares,
            )
        )

    @property
    def url(self) -> str:
        return self.advertised_url

    def owns(self, kind: Any, key: str) -> bool:
        return self.committed.owns(kind, key)
