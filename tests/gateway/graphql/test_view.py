"""Requests over HTTP: what is answered, what is refused, and how."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from domain.time import Micros
from gateway.graphql import view
from gateway.graphql.context import Context
from gateway.graphql.documents import Documents
from gateway.graphql.errors import ErrorCode, GatewayError
from gateway.graphql.schema.changes import Change, Freshness
from gateway.graphql.schema.factory import gateway_schema
from gateway.graphql.schema.scalars import Instant
from gateway.graphql.view import GraphqlView
from gateway.people.viewer import Role, Viewer
from read_model.finding import ReadModelUnavailable
from streams import topics
from tests.gateway.graphql.conftest import ANA, Gateway

JSON = {"Content-Type": "application/json"}
NAME = "sha256:viewer"
SLOW = "{ health { readModel { up } } }"
SESSION = Viewer("ben", Role.VIEWER, None)


class Sent:
    """An answer that was read."""

    def __init__(self, status: int, headers: Any, text: str) -> None:
        self.status = status
        self.headers = headers
        self.text = text

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def code(self) -> str:
        (error,) = self.json["errors"]
        return str(error["extensions"]["code"])


class Http:
    """A server with the view, and a client of it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.viewer = ANA
        self.observed: list[str] = []
        self.changed: Any = None
        self.view: GraphqlView | None = None

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        assert self.view is not None
        return await self.view.answer(request, self._context())

    def _context(self) -> Context:
        return self._gateway.context(self.viewer)

    async def start(self) -> None:
        documents = Documents({NAME: "{ viewer { name } }"}, None, lambda: 0)  # type: ignore[arg-type]
        self.view = GraphqlView(gateway_schema(), documents, lambda code, _: self.observed.append(code))
        application = web.Application()
        application.router.add_route("*", "/graphql", self._handle)
        self._client = TestClient(TestServer(application))
        await self._client.start_server()

    async def stop(self) -> None:
        await self._client.close()

    async def send(self, body: bytes | str, headers: dict[str, str] | None = None, method: str = "POST") -> Sent:
        data = body.encode() if isinstance(body, str) else body
        async with self._client.request(
            method, "/graphql", data=data, headers=JSON if headers is None else headers
        ) as answer:
            return Sent(answer.status, answer.headers, await answer.text())

    def post(self, body: Any, headers: dict[str, str] | None = None) -> Sent:
        text = body if isinstance(body, bytes | str) else json.dumps(body)
        return self._gateway.runner.run(self.send(text, headers))


@pytest.fixture
def http(gateway: Gateway) -> Iterator[Http]:
    served = Http(gateway)
    gateway.runner.run(served.start())
    yield served
    gateway.runner.run(served.stop())


def test_an_answer(http: Http):
    sent = http.post({"query": "{ viewer { name } }"})
    assert (sent.status, sent.json) == (200, {"data": {"viewer": {"name": "ana"}}})
    assert sent.headers["Content-Type"].startswith("application/json")
    assert http.observed == ["ok"]


def test_variables(http: Http):
    document = "query One($id: ID!) { payment(id: $id) { id } }"
    sent = http.post({"query": document, "variables": {"id": "nothing"}, "operationName": "One"})
    assert sent.json == {"data": {"payment": None}}


# What is no request


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "bad_request"),
        (b"{", "bad_request"),
        (b"null", "bad_request"),
        (b"{}", "bad_request"),
        (b'{"query": ""}', "bad_request"),
        (b'{"query": 7}', "bad_request"),
        (b'{"query": "{ viewer { name } }", "variables": []}', "bad_request"),
        (b'{"query": "{ viewer { name } }", "documentId": "sha256:viewer"}', "bad_request"),
        (b'[{"query": "{ viewer { name } }"}, {"query": "{ viewer { name } }"}]', "bad_request"),
        (b'{"query": "\xff"}', "bad_request"),
        (b'{"query": "{ viewer { name } }", "variables": ' + b'{"a":' * 1_400 + b"}" * 1_400 + b"}", "bad_request"),
        (b"[" * 10_000, "bad_request"),
        (b'{"query": "{ viewer"}', "invalid_document"),
        (b'{"query": "{ nothing }"}', "invalid_document"),
        (b'{"query": "query ($n: Int!) { breaks(first: $n) { edges { node { id } } } }"}', "invalid_document"),
        (b'{"query": "{ viewer { name } }", "operationName": "Other"}', "invalid_document"),
        (b'{"query": "subscription { changes { resync } }"}', "bad_request"),
    ],
    ids=lambda value: value[:40].decode(errors="replace") if isinstance(value, bytes) else value,
)  # fmt: skip
def test_a_body_that_is_no_request(http: Http, body: bytes, code: str):
    sent = http.post(body)
    assert (sent.status, sent.code) == (400, code), sent.text
    assert "data" not in sent.json
    assert http.observed == [code]


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain", "application/graphql", ""],
)
def test_a_form_is_no_request(http: Http, content_type: str):
    """A page of another site can send these without asking first."""
    sent = http.post({"query": "{ viewer { name } }"}, {"Content-Type": content_type} if content_type else {})
    assert (sent.status, sent.code) == (400, "bad_request")


def test_a_query_in_the_address_is_not_answered(http: Http, gateway: Gateway):
    async def get() -> Sent:
        async with http._client.get("/graphql", params={"query": "{ viewer { name } }"}) as answer:
            return Sent(answer.status, answer.headers, await answer.text())

    sent = gateway.runner.run(get())
    assert (sent.status, sent.code) == (400, "bad_request")


def test_a_body_is_read_up_to_its_limit(http: Http):
    sent = http.post({"query": "{ viewer { name } }" + " " * view.BODY_BYTES_MAX})
    assert (sent.status, sent.code) == (400, "limit_exceeded")
    assert sent.json["errors"][0]["extensions"]["limit"] == "body"


def test_a_body_without_a_length_has_the_same_limit(http: Http, gateway: Gateway):
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1_024

    async def send() -> Sent:
        async with http._client.post("/graphql", data=endless(), headers=JSON) as answer:
            return Sent(answer.status, answer.headers, await answer.text())

    assert gateway.runner.run(send()).code == "limit_exceeded"


def test_variables_have_a_limit_of_their_own(http: Http):
    variables = {"id": "x" * view.VARIABLES_BYTES_MAX}
    sent = http.post({"query": "query ($id: ID!) { payment(id: $id) { id } }", "variables": variables})
    assert (sent.code, sent.json["errors"][0]["extensions"]["limit"]) == ("limit_exceeded", "variables")


# Whose documents


def test_a_session_sends_the_ids_of_documents_only(http: Http):
    http.viewer = SESSION
    sent = http.post({"query": "{ viewer { name } }"})
    assert (sent.status, sent.code) == (403, "document_required")
    assert http.post({"documentId": NAME}).json == {"data": {"viewer": {"name": "ben"}}}


def test_introspection_needs_documents_of_ones_own(http: Http):
    assert "data" in http.post({"query": "{ __schema { types { name } } }"}).json


# Errors


def test_a_bug_is_an_incident_and_tells_nothing(
    http: Http, gateway: Gateway, caplog: pytest.LogCaptureFixture, monkeypatch
):
    async def broken(*_: Any, **__: Any) -> Any:
        raise KeyError("password=hunter2")

    monkeypatch.setattr(gateway.live, "time_zone", broken)
    key = next(iter(gateway.month.last(topics.OBLIGATION_RECONCILIATIONS)))
    document = "query ($id: ID!) { alias7: obligation(id: $id) { id zone8: timeZone } }"
    with caplog.at_level(logging.DEBUG):
        sent = http.post({"query": document, "variables": {"id": key}})
    assert sent.status == 200
    assert sent.json["data"]["alias7"] == {"id": key, "zone8": None}
    (error,) = sent.json["errors"]
    assert error["extensions"]["code"] == "internal"
    assert "hunter2" not in sent.text
    incident = error["extensions"]["incident"]
    assert incident in error["message"]
    assert [record.getMessage() for record in caplog.records if incident in record.getMessage()] == [
        f"incident {incident}: timeZone"
    ]
    logged = "\n".join(record.getMessage() for record in caplog.records if not record.name.startswith("pymongo"))
    assert "alias7" not in logged
    assert key not in logged


def test_no_text_of_a_document_reaches_the_log(http: Http, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.DEBUG):
        http.post({"query": '{ payment(id: "secret-tenant-7") { nothing } }'})
        http.post({"query": '{ payment(id: "secret-tenant-7") '})
        http.post({"query": '{ breaks(first: 1000, filter: { tenant: "secret-tenant-7" }) { edges { node { id } } } }'})
    assert "secret-tenant-7" not in caplog.text


def test_a_read_model_that_is_away(http: Http, gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    async def away(*_: Any, **__: Any) -> Any:
        raise ReadModelUnavailable("no server of mongodb://user:secret@db is there")

    monkeypatch.setattr("read_model.scoped.ScopedReadModel.payments_by_ids", away)
    sent = http.post({"query": '{ viewer { name } payment(id: "P") { id } }'})
    assert (sent.status, sent.code) == (200, "unavailable")
    assert sent.json["data"] == {"viewer": {"name": "ana"}, "payment": None}
    assert "secret" not in sent.text


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ breaks(first: 0) { edges { node { id } } } }", "bad_argument"),
        ("{ breaks(first: 201) { edges { node { id } } } }", "bad_argument"),
        ('{ breaks(first: 1, after: "x") { edges { node { id } } } }', "bad_argument"),
        ("{ breaks(first: 1, filter: { keyKind: UNKNOWN }) { edges { node { id } } } }", "bad_argument"),
        ('{ breaks(first: 1, filter: { minGross: "5" }) { edges { node { id } } } }', "bad_argument"),
        ('{ bankEntry(id: "one-part") { id } }', "bad_argument"),
        ("{ breaks(first: 1, filter: { minGross: 5 }) { edges { node { id } } } }", "invalid_document"),
        ('{ breaks(first: 1, filter: { minGross: "5.0" }) { edges { node { id } } } }', "invalid_document"),
        ('{ breaks(first: 1, filter: { openedAfter: "2026-07-01" }) { edges { node { id } } } }', "invalid_document"),
        ('{ breaks(first: 1, filter: { openedAfter: "2026-02-30T00:00:00Z" }) { edges { node { id } } } }',
         "invalid_document"),
        ('{ payouts(first: 1, filter: { arrivalAfter: "2026-13-01" }) { edges { node { id } } } }', "invalid_document"),
        ("{ breaks { edges { node { id } } } }", "invalid_document"),
    ],
)  # fmt: skip
def test_an_argument_that_cannot_be(http: Http, document: str, code: str):
    assert http.post({"query": document}).code == code


def test_what_a_role_does_not_allow(http: Http, gateway: Gateway):
    refusals: list[tuple[str, str]] = gateway.surroundings.people.refusals  # type: ignore[attr-defined]
    refusals.clear()
    http.viewer = Viewer("ben", Role.APPROVER, None, may_query_freely=True)
    for document in (
        "{ apiTokens { id } }",
        "{ auditLog(first: 1) { edges { cursor } } }",
        'mutation { revokeApiToken(id: "x") }',
        'mutation { refeedDeadLetters(requestId: "x", ids: ["1"]) { refed } }',
    ):
        sent = http.post({"query": document})
        assert (sent.status, sent.code) == (200, "not_allowed"), document
    http.viewer = Viewer("ben", Role.ADMIN, frozenset({"H"}), may_query_freely=True)
    assert http.post({"query": "{ deadLetters(first: 1) { edges { cursor } } }"}).code == "not_allowed"
    fields = ("apiTokens", "auditLog", "revokeApiToken", "refeedDeadLetters", "deadLetters")
    assert refusals == [("ben", f"graphql.{field}") for field in fields]


# Load


def test_an_answer_that_takes_too_long(http: Http, gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(view, "ANSWER_TIMEOUT_S", 0.05)

    async def slow() -> Any:
        await asyncio.sleep(5)

    monkeypatch.setattr(gateway.surroundings.operations, "health", slow)
    sent = http.post({"query": SLOW})
    assert (sent.status, sent.code, sent.headers["Retry-After"]) == (503, "timeout", "5")


def test_few_are_executed_at_a_time_and_few_wait(http: Http, gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(view, "WAITING_MAX", 2)
    running = most = 0
    release = asyncio.Event()

    async def slow() -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await release.wait()
        running -= 1
        raise GatewayError(ErrorCode.UNAVAILABLE, "done")

    monkeypatch.setattr(gateway.surroundings.operations, "health", slow)

    async def many() -> list[Sent]:
        body = json.dumps({"query": SLOW})
        asked = [asyncio.create_task(http.send(body)) for _ in range(view.RUNNING_MAX + 2 + 3)]
        while sum(task.done() for task in asked) < 3:
            await asyncio.sleep(0.01)
        release.set()
        return await asyncio.gather(*asked)

    codes = [sent.code for sent in gateway.runner.run(many())]
    assert codes.count("busy") == 3
    assert most == view.RUNNING_MAX


def test_answers_that_nobody_reads_are_bounded(http: Http, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(view, "UNREAD_BYTES_MAX", 10)
    sent = http.post({"query": "{ viewer { name } }"})
    assert (sent.status, sent.code, sent.headers["Retry-After"]) == (503, "busy", "1")


# Streams


class Twice:
    async def changes(self, viewer: Viewer) -> AsyncIterator[Change]:
        for resync in (True, False):
            yield Change(
                resync=resync, items=[], freshness=Freshness(caught_up_to=None, lag=0, as_of=Instant(Micros(0)))
            )


class Endless:
    ended = False

    async def changes(self, viewer: Viewer) -> AsyncIterator[Change]:
        try:
            while True:
                yield Change(
                    resync=False, items=[], freshness=Freshness(caught_up_to=None, lag=0, as_of=Instant(Micros(0)))
                )
                await asyncio.sleep(0.01)
        finally:
            self.ended = True


class Refused:
    async def changes(self, viewer: Viewer) -> AsyncIterator[Change]:
        raise GatewayError(ErrorCode.BUSY, "too many streams")
        yield


CHANGES = {"query": "subscription { changes { resync items { id } freshness { asOf } } }"}
EVENTS = {**JSON, "Accept": "text/event-stream"}


def test_a_subscription_is_a_stream_of_events(http: Http, gateway: Gateway, monkeypatch: pytest.MonkeyPatch):
    made = http._context
    monkeypatch.setattr(http, "_context", lambda: replace(made(), changes=Twice()))
    sent = http.post(CHANGES, EVENTS)
    assert sent.headers["Content-Type"] == "text/event-stream"
    first, second, last, end = sent.text.split("\n\n")
    assert json.loads(first.removeprefix("event: next\ndata: "))["data"]["changes"]["resync"] is True
    assert json.loads(second.removeprefix("event: next\ndata: "))["data"]["changes"]["resync"] is False
    assert (last, end) == ("event: complete\ndata:", "")


def test_a_stream_that_is_refused(http: Http, monkeypatch: pytest.MonkeyPatch):
    made = http._context
    monkeypatch.setattr(http, "_context", lambda: replace(made(), changes=Refused()))
    first, _, _ = http.post(CHANGES, EVENTS).text.split("\n\n")
    (error,) = json.loads(first.removeprefix("event: next\ndata: "))["errors"]
    assert error["extensions"]["code"] == "busy"


def test_a_client_that_goes_ends_its_stream_and_is_no_bug(
    http: Http, gateway: Gateway, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    made, endless = http._context, Endless()
    monkeypatch.setattr(http, "_context", lambda: replace(made(), changes=endless))

    async def go() -> None:
        answer = await http._client.post("/graphql", data=json.dumps(CHANGES), headers=EVENTS)
        await answer.content.readline()
        answer.close()
        for _ in range(500):
            if endless.ended:
                return
            await asyncio.sleep(0.01)

    gateway.runner.run(go())
    assert endless.ended
    assert "incident" not in caplog.text


def test_a_command_is_no_stream_that_ends_with_its_client(http: Http):
    sent = http.post({"query": "mutation { signOut }"}, EVENTS)
    assert (sent.status, sent.code) == (400, "bad_request")
    both = {**JSON, "Accept": "application/json, text/event-stream"}  # as urql sends, whose answer is JSON
    assert http.post({"query": "{ viewer { name } }"}, both).json == {"data": {"viewer": {"name": "ana"}}}
    assert http.post(CHANGES, both).code == "bad_request"


def test_a_query_is_answered_whatever_else_the_client_accepts(http: Http):
    sent = http.post({"query": "{ viewer { name } }"}, EVENTS)
    assert sent.json == {"data": {"viewer": {"name": "ana"}}}
