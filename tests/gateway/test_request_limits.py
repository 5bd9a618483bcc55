"""Access, the limits of requests, and the errors of clients that exceed them."""

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from domain.records import PaymentReconciliation
from gateway.rest import server as web_server
from gateway.rest.handlers import ReconciliationApi
from gateway.rest.request_limits import HEADERS
from tests.kit.driver import Driver
from tests.kit.serving import TOKEN, Answer, MemoryReadModel, Served

OTHER = "another-token-for-tomorrow"


class Model(MemoryReadModel):
    """Has one payment, of any size."""

    text = "x"

    def __init__(self) -> None:
        super().__init__(Driver(partitions=1))

    async def get_payment(self, payment_id: str) -> dict[str, Any] | None:
        await self._last(PaymentReconciliation)
        return {"payment_id": payment_id, "text": self.text}


@contextmanager
def serving(model: Model | None = None, **more: Any) -> Iterator[Served]:
    with Served(ReconciliationApi(model or Model(), None, "0"), **more) as served:
        yield served


@pytest.fixture(scope="module")
def closed() -> Iterator[Served]:
    with serving(tokens=[TOKEN, OTHER]) as served:
        yield served


@pytest.fixture(scope="module")
def open_() -> Iterator[Served]:
    with serving() as served:
        yield served


def samples(served: Served) -> dict[tuple[str, ...], float]:
    return {
        (sample.name.removeprefix("rentmatch_http_"), *sample.labels.values()): sample.value
        for collector in served.metrics.collectors
        for metric in collector.collect()
        for sample in metric.samples
        if not sample.name.endswith(("_created", "_bucket"))
    }


# Access


@pytest.mark.parametrize("token", [TOKEN, OTHER])
def test_each_token_is_accepted(closed, token):
    assert closed.ask("/v1/payments/P", token=token).status == 200
    assert closed.ask("/v1/payments/P", Authorization=f"bearer  {token} ").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": TOKEN},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": f"Basic {TOKEN}"},
        {"Authorization": f"Bearer {TOKEN}x"},
        {"Authorization": f"Bearer {TOKEN[:-1]}"},
        {"Authorization": f"Bearer {TOKEN},{OTHER}"},
        {"Authorization": "Bearer \xff\xfe"},
    ],
)
@pytest.mark.parametrize("path", ["/v1/payments/P", "/v1/openapi.json", "/v1/nothing", "/", "/router/", "/livez/"])
def test_anything_but_a_token_is_unauthorized(closed, headers, path):
    answer = closed.ask(path, **headers)
    assert (answer.status, answer.code) == (401, "unauthorized")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="rentmatch"'


def test_probes_need_no_token(closed):
    assert closed.ask("/livez").body == b"alive"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:6066", "127.0.0.1", "127.8.9.1:80", "[::1]:6066"])
def test_without_a_token_the_names_of_this_machine_are_accepted(open_, host):
    assert open_.ask("/v1/payments/P", Host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "127.0.0.256", "[::2]", "10.0.0.1", ""])
def test_without_a_token_other_host_names_are_refused(open_, host):
    assert open_.ask("/v1/payments/P", Host=host).code == "wrong_host"


# Errors of the client


@pytest.mark.parametrize(
    ("path", "code", "named"),
    [
        ("/v1/payments/P?live=yes", "bad_parameter", "live"),
        ("/v1/payments/P?live", "bad_parameter", "live"),
        ("/v1/payments/P?live=true&live=true", "bad_parameter", "live"),
        ("/v1/payments/P?lvie=true", "unknown_parameter", "'lvie'"),
        ("/v1/payments/" + "x" * 513, "bad_parameter", "payment_id"),
        ("/v1/payments/P?live=TRUE", "bad_parameter", "live"),
        ("/v1/payments/P?live=1", "bad_parameter", "live"),
        ("/v1/exceptions?limit=0", "bad_parameter", "limit"),
        ("/v1/exceptions?limit=501", "bad_parameter", "limit"),
        ("/v1/exceptions?limit=-1", "bad_parameter", "limit"),
        ("/v1/exceptions?limit=1e2", "bad_parameter", "limit"),
        ("/v1/exceptions?limit=" + "9" * 4_000, "bad_parameter", "limit"),
        ("/v1/exceptions?limit=%D9%A3", "bad_parameter", "limit"),
        ("/v1/exceptions?priority=4", "bad_parameter", "priority"),
        ("/v1/exceptions?class=nothing", "bad_parameter", "class"),
        ("/v1/exceptions?state=closed", "bad_parameter", "state"),
        ("/v1/exceptions?currency=usd", "bad_parameter", "currency"),
        ("/v1/exceptions?currency=USD%0A", "bad_parameter", "currency"),
        ("/v1/exceptions?key_kind=tenant", "bad_parameter", "key_kind"),
        ("/v1/exceptions?key=", "bad_parameter", "key"),
        ("/v1/exceptions?live=true", "unknown_parameter", "'live'"),
        ("/v1/exceptions/B/explanation?key=P", "bad_parameter", "key_kind"),
        ("/v1/payments/P/history?after=-1", "bad_parameter", "after"),
        ("/v1/payments/P/history?after=%D9%A3", "bad_parameter", "after"),
        ("/v1/tenants/T/obligations?period=2026-13", "bad_parameter", "period"),
        ("/v1/tenants/T/obligations?tenant=T", "unknown_parameter", "'tenant'"),
        ("/v1/nothing", "not_found", "openapi.json"),
        ("/v1/payments/", "not_found", ""),
        ("/v1/payments/a/b", "not_found", ""),
        ("/", "not_found", ""),
        ("/v1/payments/" + "x" * 4_096, "too_long", ""),
    ],
)
def test_an_error_names_the_wrong_parameter(open_, path, code, named):
    answer = open_.ask(path)
    status = {"not_found": 404, "too_long": 414}.get(code, 400)
    assert (answer.status, answer.code) == (status, code)
    assert named in answer.json["error"]["message"]
    assert len(answer.body) < 1_000


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_only_get_and_head_are_allowed(open_, method):
    for path in ("/v1/payments/P", "/v1/exceptions", "/v1/nothing", "/livez"):
        answer = open_.ask(path, method=method)
        assert (answer.status, answer.code, answer.headers["Allow"]) == (405, "method_not_allowed", "GET,HEAD")


def test_head_is_get_without_the_body(open_):
    head, get = (open_.ask("/v1/payments/P", method=method) for method in ("HEAD", "GET"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


def raw(served: Served, sent: bytes, *, seconds: float = 10) -> bytes:
    """The response, until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", served.port), timeout=seconds) as connection:
        connection.sendall(sent)
        found = b""
        while chunk := connection.recv(65_536):
            found += chunk
        return found


def test_a_request_with_a_body_is_refused_at_once(open_):
    started = time.monotonic()
    sent = b"GET /v1/payments/P HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\nmore"
    assert b'"bad_request"' in raw(open_, sent)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"GET /v1/payments/P HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10_000 + b"\r\n\r\n", 400, "bad_request"),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "too_long"),
        (b"GET /?" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", 414, "too_long"),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 1_000 + b"\r\n", 400, "bad_request"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, "bad_request"),
    ],
)
def test_a_request_that_the_parser_refuses_is_answered_in_json(open_, sent, status, code):
    head, _, body = raw(open_, sent).partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert b"Content-Type: application/json; charset=utf-8" in head
    assert b"Cache-Control: no-store" in head
    assert json.loads(body)["error"]["code"] == code
    assert open_.ask("/v1/payments/P").status == 200


def test_every_response_has_the_security_headers(open_, closed):
    for answer in (
        open_.ask("/v1/payments/P"),
        open_.ask("/v1/nothing"),
        closed.ask("/v1/payments/P"),
        open_.ask("/v1/payments/P", method="POST"),
        open_.ask("/livez"),
    ):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS


# Limits


def test_a_bug_is_answered_with_an_incident_id(caplog):
    model = Model()
    model.fail = RuntimeError("the tenant's secret is hunter2")
    with caplog.at_level(logging.INFO), serving(model) as served:
        answer = served.ask("/v1/payments/P-1")
        assert (answer.status, answer.code) == (500, "internal")
        incident = answer.json["error"]["message"].split()[1].rstrip(";")
        assert b"hunter2" not in answer.body
        assert b"Traceback" not in answer.body
    (logged,) = [record for record in caplog.records if incident in record.getMessage()]
    assert logged.exc_info is not None
    assert str(logged.exc_info[1]) == "the tenant's secret is hunter2"


def test_an_answer_times_out():
    model = Model()
    model.wait_s = 30
    with serving(model, answer_timeout_s=0.2) as served:
        answer = served.ask("/v1/payments/P")
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "timeout", "5")


def test_concurrent_requests_are_bounded():
    model = Model()
    model.wait_s = 1
    with serving(model, requests_max=2) as served, ThreadPoolExecutor(6) as clients:
        answers = list(clients.map(lambda _: served.ask("/v1/payments/P"), range(6)))
        assert sorted(answer.status for answer in answers) == [200, 200, 503, 503, 503, 503]
        refused = next(answer for answer in answers if answer.status == 503)
        assert (refused.code, refused.headers["Retry-After"]) == ("busy", "1")
        model.wait_s = 0
        assert served.ask("/v1/payments/P").status == 200
        assert served.ask("/livez").status == 200


def unread(served: Served, path: str) -> socket.socket:
    """A client that sends a request and does not read the response."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.settimeout(10)
    client.connect(("127.0.0.1", served.port))
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    return client


def eventually(check: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < until
        time.sleep(0.02)


def test_slow_readers_are_disconnected_and_block_nobody():
    model = Model()
    model.text = "x" * (12 << 20)
    with serving(model, read_timeout_s=2.0, requests_max=2) as served:
        slow = []
        for number in range(4):
            slow.append(unread(served, "/v1/payments/P"))
            eventually(lambda number=number: served.run(held(served)) == number + 1)
        model.text = "x"
        started = time.monotonic()
        assert served.ask("/v1/payments/P").status == 200  # slow readers do not count as requests in progress
        assert time.monotonic() - started < 1.5  # before any of them is disconnected
        # The unread bytes are bounded, too: six answers would be more than 64 MiB.
        model.text = "x" * (12 << 20)
        slow += [unread(served, "/v1/payments/P")]
        eventually(lambda: served.run(held(served)) == 5)
        assert served.ask("/v1/payments/P").code == "busy"
        eventually(lambda: samples(served).get(("requests_total", "/v1/payments/{payment_id}", "499")) == 5)
        assert served.run(held(served)) == 0
        model.text = "x"
        assert served.ask("/v1/payments/P").status == 200
        for client in slow:
            client.close()


async def held(served: Served) -> int:
    """The number of answers that clients are reading."""
    return round(served._limits._unread_bytes / (12 << 20))


def test_slow_headers_end_the_connection(monkeypatch):
    monkeypatch.setattr(web_server, "IDLE_TIMEOUT_S", 0.5)
    with serving() as served:
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as client:
            client.sendall(b"GET /v1/payments/P HTTP/1.1\r\n")
            stop = threading.Event()

            def drip() -> None:
                while not stop.wait(0.1):
                    try:
                        client.sendall(b"X: y\r\n")
                    except OSError:
                        return

            dripping = threading.Thread(target=drip)
            dripping.start()
            started = time.monotonic()
            with suppress(ConnectionResetError):
                assert client.recv(1) == b""
            assert 0.2 < time.monotonic() - started < 5
            stop.set()
            dripping.join()
        assert served.ask("/v1/payments/P").status == 200


def test_connections_are_bounded(monkeypatch):
    monkeypatch.setattr(web_server, "CONNECTIONS_MAX", 3)
    with serving() as served:
        idle = [socket.create_connection(("127.0.0.1", served.port), timeout=10) for _ in range(3)]
        time.sleep(0.2)
        one_too_many = socket.create_connection(("127.0.0.1", served.port), timeout=10)
        with one_too_many, suppress(ConnectionResetError):
            assert one_too_many.recv(1) == b""
        for client in idle:
            client.close()
        eventually(lambda: asked(served))


def asked(served: Served) -> bool:
    try:
        return served.ask("/v1/payments/P").status == 200
    except OSError:
        return False


def test_idle_connections_do_not_slow_answers(open_):
    idle = [socket.create_connection(("127.0.0.1", open_.port), timeout=10) for _ in range(200)]
    started = time.monotonic()
    answers: list[Answer] = [open_.ask("/v1/payments/P") for _ in range(20)]
    assert all(answer.status == 200 for answer in answers)
    assert time.monotonic() - started < 5
    for client in idle:
        client.close()


# Log and metrics


def test_the_log_has_routes_but_no_ids_or_tokens(caplog):
    with caplog.at_level(logging.DEBUG), serving(tokens=[TOKEN]) as served:
        served.ask("/v1/payments/P-secret?live=false", token=TOKEN)
        served.ask("/v1/payments/P-secret", token=TOKEN + "-wrong")
        served.ask("/v1/secret-path", token=TOKEN)
        served.ask("/livez")
    # By thread: the server of another test may still log its requests.
    mine = [record for record in caplog.records if record.thread == served.thread.ident]
    lines = [record for record in mine if record.name == "gateway.rest.request_limits"]
    assert [record.getMessage().partition(" duration_ms")[0] for record in lines] == [
        "http method=GET route=/v1/payments/{payment_id} status=200",
        "http method=GET route=/v1/payments/{payment_id} status=401",
        "http method=GET route=unmatched status=404",
        "http method=GET route=/livez status=200",
    ]
    assert [record.levelno for record in lines] == [logging.INFO] * 3 + [logging.DEBUG]
    assert not [record for record in mine if "secret" in record.getMessage() or TOKEN in record.getMessage()]


def test_requests_are_counted_by_route_and_status():
    with serving(tokens=[TOKEN]) as served:
        for path in ("/v1/payments/A", "/v1/payments/B", "/v1/exceptions", "/v1/x", "/v1/y"):
            served.ask(path, token=TOKEN)
        served.ask("/v1/payments/C")
        # A request is counted after its last byte is written; the client may be ahead of that.
        eventually(lambda: samples(served).get(("requests_total", "/v1/payments/{payment_id}", "401")) == 1)
        counted = samples(served)
    assert {key: value for key, value in counted.items() if key[0] != "request_seconds_sum"} == {
        ("requests_total", "/v1/payments/{payment_id}", "200"): 2,
        ("requests_total", "/v1/payments/{payment_id}", "401"): 1,
        ("requests_total", "/v1/exceptions", "200"): 1,
        ("requests_total", "unmatched", "404"): 2,
        ("request_seconds_count", "/v1/payments/{payment_id}"): 3,
        ("request_seconds_count", "/v1/exceptions"): 1,
        ("request_seconds_count", "unmatched"): 2,
    }
