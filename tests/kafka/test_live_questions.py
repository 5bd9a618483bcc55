"""Live queries of real workers: each worker answers for every key with the truth, or with `moving`."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest

from simulator.compare import differences_of, found_from_json
from simulator.scenario import simulate
from simulator.truth import Truth, truth_of_deliveries
from tests.kit.deployment import AuditedDeployment
from tools.local.worker import WorkerProcess

pytestmark = pytest.mark.kafka

TOKEN = "the-token-of-these-workers"
AT_A_TIME = 200
"""Idle connections that stay open during the queries."""


def get(worker: WorkerProcess, path: str, token: str | None = TOKEN) -> tuple[int, Any]:
    connection = http.client.HTTPConnection(urlsplit(worker.url).netloc, timeout=20)
    try:
        connection.request("GET", path, headers={} if token is None else {"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def paths_of(truth: Truth) -> list[str]:
    return [
        f"/v1/{kind}/{quote(key, safe='')}?live=true"
        for kind, keys in (("payments", truth.payments), ("obligations", truth.obligations))
        for key in keys
    ]


def told(worker: WorkerProcess, paths: Iterable[str], *, moving_s: float = 0) -> list[dict[str, Any]]:
    """A worker's answers. While a key is moving, the query is retried for `moving_s`."""
    records = []
    until = time.monotonic() + moving_s
    for path in paths:
        status, found = get(worker, path)
        while status == 503 and time.monotonic() < until:
            assert found["error"]["code"] == "moving", found
            time.sleep(0.2)
            status, found = get(worker, path)
        assert status == 200, (path, found)
        records.append(found)
    return records


def check(truth: Truth, records: list[dict[str, Any]]) -> None:
    found = found_from_json([{name: record[name] for name in record if name != "live"} for record in records])
    assert differences_of("payment", truth.payments, found.payments) == []
    assert differences_of("obligation", truth.obligations, found.obligations) == []


def test_every_worker_answers_for_every_key(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    scenario = simulate(5, 40)
    truth = truth_of_deliveries(scenario.deliveries, scenario.closes_at)
    paths = paths_of(truth)
    with AuditedDeployment(
        kafka,
        topic_prefix,
        tmp_path,
        clock=scenario.closes_at,
        partitions=4,
        http_token=f"{TOKEN},of-tomorrow-and-so-on",
    ) as deployment:
        first, second = deployment.worker("a"), deployment.worker("b")
        deployment.wait_members(2)
        deployment.publish(scenario.deliveries)
        deployment.wait_settled()
        for worker in (first, second):
            worker.wait_ready()

        assert get(first, paths[0], None)[0] == 401
        assert get(first, "/router/")[0] == get(first, "/")[0] == 404
        assert get(first, "/v1/exceptions")[1]["error"]["code"] == "no_read_model"
        by_first, by_second = told(first, paths, moving_s=10), told(second, paths, moving_s=10)
        check(truth, by_first)
        assert by_first == by_second
        holders = {record["live"]["worker"] for record in by_first}
        assert len(holders) == 2
        assert {record["live"]["caught_up_to"] for record in by_first} == {by_first[0]["live"]["caught_up_to"]}
        alert = next(iter(truth.open_breaks.values()))
        explained = (
            f"/v1/exceptions/{alert['break_id']}/explanation?key_kind={alert['key_kind']}&key={quote(alert['key'])}"
        )
        answers = [get(worker, explained) for worker in (first, second)]
        assert answers[0][0] == 200
        assert answers[0] == answers[1]
        assert answers[0][1]["class"] == alert["class"]

        # The owner of half of the keys is killed and restarted. Answers meanwhile are the truth or `moving`.
        second.kill()
        third = deployment.worker("b")
        check(truth, told(first, paths, moving_s=60))
        third.wait_ready()
        by_first, by_third = told(first, paths, moving_s=30), told(third, paths, moving_s=30)
        check(truth, by_first)
        assert by_first == by_third
        assert {record["live"]["worker"] for record in by_first} == holders
        log = first.log.read_text(encoding="utf-8")
        assert TOKEN not in log
        assert "route=/v1/payments/{payment_id} status=200" in log
        assert first.terminate() == third.terminate() == 0


def test_clients_do_not_slow_reconciliation(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    """The watermark advances beside 200 connections, clients that do not read, and one that queries in a loop."""
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=None, partitions=2) as deployment:
        worker = deployment.worker()
        worker.wait_ready()
        address = ("127.0.0.1", int(worker.env["RENTMATCH_HTTP_PORT"]))
        clients = [socket.create_connection(address, timeout=10) for _ in range(AT_A_TIME)]
        for client in clients[:40]:
            client.sendall(b"GET /v1/openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 4)
        stop = threading.Event()
        asked = 0

        def ask() -> None:
            nonlocal asked
            while not stop.is_set():
                assert get(worker, "/v1/payments/nobody?live=true", None)[0] == 404
                asked += 1

        asking = threading.Thread(target=ask)
        asking.start()
        lags = []
        until = time.monotonic() + 3
        while time.monotonic() < until:
            caught_up = deployment.caught_up_to()
            assert caught_up is not None
            lags.append(time.time() - caught_up / 1e6)
            time.sleep(0.1)
        stop.set()
        asking.join()
        assert asked > 20
        # Measured every 200 ms here, in three steps through the pipeline; without clients it is about a second.
        assert max(lags) < 4, lags
        for client in clients:
            client.close()
        assert worker.terminate() == 0
