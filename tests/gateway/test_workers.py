"""The gateway's client of the workers: any of two workers answers for any key, and what does not answer is a reason."""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import pytest

from domain.ids import two_part_key
from domain.records import MismatchAlert, ObligationReconciliation, PayoutReconciliation
from gateway import workers as client
from gateway.rest.handlers import ReconciliationApi
from gateway.workers import Answer, Workers
from streams import topics
from tests.kit.driver import Driver
from tests.kit.serving import TOKEN, InProcessLiveState, Served
from tools.local.processes import free_ports

T = TypeVar("T")
Pair = tuple[Served, Served]


def asked(urls: list[str], question: Callable[[Workers], Awaitable[T]], token: str | None = None, **more: Any) -> T:
    async def ask() -> T:
        workers = Workers(urls, token, **more)
        try:
            return await question(workers)
        finally:
            await workers.close()

    return asyncio.run(ask())


def test_any_worker_gives_the_state_of_any_key(month: Driver, pair: Pair) -> None:
    keys: dict[str, list[str]] = {}
    for alert in month.last(topics.MISMATCH_ALERTS).values():
        keys.setdefault(alert.key_kind, []).append(alert.key)
    assert len(keys) == 5
    for kind, found in keys.items():
        for key in sorted(set(found))[:4]:
            first, second = (asked([one.url], lambda workers: workers.state(kind, key)) for one in pair)  # noqa: B023
            assert first.error is second.error is None
            assert first.value == second.value
            assert first.value is not None
            open_breaks = {
                one.break_id
                for one in month.last(topics.MISMATCH_ALERTS).values()
                if isinstance(one, MismatchAlert) and (one.key_kind, one.key) == (kind, key) and one.resolved_at is None
            }
            assert set(first.value.published.breaks) == open_breaks
    assert asked([pair[0].url], lambda workers: workers.state("payment", "no-such")) == Answer(None)


def test_what_is_asked_of_a_state(month: Driver, pair: Pair) -> None:
    urls = [one.url for one in pair]
    obligation = next(iter(month.last(topics.OBLIGATION_RECONCILIATIONS).values()))
    assert isinstance(obligation, ObligationReconciliation)
    zone = asked(urls, lambda workers: workers.time_zone(obligation.obligation_id))
    assert zone.value is not None
    assert "/" in zone.value
    payout = next(one for one in month.last(topics.PAYOUT_RECONCILIATIONS).values() if one.entries and one.lines > 1)
    assert isinstance(payout, PayoutReconciliation)
    lines = asked(urls, lambda workers: workers.payout_lines(payout.payout_key)).value
    assert lines is not None
    assert len(lines) == payout.lines
    assert sum(one.line.net_minor or 0 for one in lines) == payout.lines_minor
    entry = payout.entries[0]
    booking = asked(urls, lambda workers: workers.booking(entry.account_id, entry.entry_id)).value
    assert booking is not None
    assert booking.amount_minor == entry.amount_minor


def test_an_explanation_comes_from_the_owner(month: Driver, pair: Pair) -> None:
    alert = next(one for one in month.last(topics.MISMATCH_ALERTS).values() if one.resolved_at is None)
    for one in pair:
        found = asked([one.url], lambda workers: workers.explanation(alert.key_kind, alert.key, alert.break_id))
        assert found.value is not None
        assert (found.value["break_id"], found.value["type"]) == (alert.break_id, "Explanation")
    assert asked([pair[0].url], lambda workers: workers.explanation(alert.key_kind, alert.key, "no")) == Answer(None)


def test_a_worker_that_is_down_is_passed_over(month: Driver, pair: Pair) -> None:
    dead = f"http://127.0.0.1:{free_ports(1)[0]}"

    async def twice(workers: Workers) -> list[Answer[Any]]:
        return [await workers.state("payment", "no-such") for _ in range(2)]

    assert asked([dead, pair[0].url], twice) == [Answer(None)] * 2
    assert asked([dead], lambda workers: workers.state("payment", "P")).error == "no worker answers"
    assert asked([], lambda workers: workers.state("payment", "P")).error == (
        "no worker is configured: set RENTMATCH_GATEWAY_WORKERS"
    )


def test_a_worker_that_hangs_costs_a_bounded_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as frozen:
        started = time.monotonic()
        url = f"http://127.0.0.1:{frozen.getsockname()[1]}"
        found = asked([url], lambda workers: workers.state("payment", "P"), timeout_s=0.3)
    assert found.error == "no worker answers"
    assert time.monotonic() - started < 3


def test_the_token_is_needed_and_a_refusal_is_a_reason(month: Driver) -> None:
    owner = InProcessLiveState(month.worker, "alone", "http://alone.invalid", {})
    with Served(ReconciliationApi(None, owner, "0"), [TOKEN]) as served:
        refused = asked([served.url], lambda workers: workers.state("payment", "P"))
        assert "this token is not one of" in (refused.error or "") or "send `Authorization" in (refused.error or "")
        assert asked([served.url], lambda workers: workers.state("payment", "P"), TOKEN) == Answer(None)
        owner.recovered = False
        moving = asked([served.url], lambda workers: workers.state("payment", "P"), TOKEN)
        assert "recovered" in (moving.error or "")


@pytest.mark.parametrize("body", [{"packed": "%%%"}, {"packed": "AAAA"}, {"packed": "AAAAAAAAAACTAg=="}, {}])
def test_a_state_of_another_version_is_a_reason(monkeypatch: pytest.MonkeyPatch, body: dict[str, str]) -> None:
    async def get(*_: Any) -> tuple[int, bytes]:
        return 200, msgspec.json.encode(body)

    monkeypatch.setattr(client.Workers, "_get", get)
    found = asked(["http://w"], lambda workers: workers.state("payment", "P"))
    assert found.error == "the worker is of another version than this gateway"


def test_a_worker_that_has_no_such_route_is_of_another_version(pair: Pair) -> None:
    found = asked([pair[0].url], lambda workers: workers._ask("/v1/nothing"))
    assert found == Answer(None, client.OTHER_VERSION)


def test_how_the_workers_are(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: dict[str, Any] = {
        "http://a": {"ok": True, "why": "reconciling", "caught_up_to_micros": 5, "partitions": 7},
        "http://b": {"ok": False, "why": "catching up", "caught_up_to_micros": None},
        "http://c": "nonsense",
    }

    async def get(_: Any, url: str, path: str, query: Any) -> tuple[int, bytes]:
        assert path == "/readyz"
        if url not in answers:
            raise TimeoutError
        return 200, msgspec.json.encode(answers[url])

    monkeypatch.setattr(client.Workers, "_get", get)
    found = asked([*answers, "http://d"], lambda workers: workers.statuses())
    assert [(one.ready, one.reason, one.caught_up_to, one.partitions) for one in found] == [
        (True, None, 5, 7),
        (False, "catching up", None, 0),
        (False, "it is not a rentmatch worker", None, 0),
        (False, "it does not answer", None, 0),
    ]


def test_a_key_of_two_parts_keeps_its_escapes(month: Driver, pair: Pair) -> None:
    key = two_part_key("a/b%", "c/d")
    assert asked([pair[0].url], lambda workers: workers.state("reference", key)) == Answer(None)
