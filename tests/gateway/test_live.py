"""Live queries: any worker returns the owner's answer, or an error if nobody can answer now."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from domain.facts import PaymentInitiated, ProcessorSettled
from domain.time import DAY
from gateway.rest import live_queries
from gateway.rest.handlers import ReconciliationApi
from gateway.rest.live_queries import FORWARDED
from streams import topics
from streams.codec.json_form import output_to_json
from streams.settings import NO_WEB_SERVER
from streams.transport.owners import owner_of
from tables.committed import CommittedReader, NotOwned
from tests.kit.driver import Driver, Worker, World, all_sources
from tests.kit.serving import TOKEN, Answer, InProcessLiveState, MemoryReadModel, Served, ask
from tools.local.processes import free_ports

TOPIC_OF = {
    "payment": topics.PAYMENT_RECONCILIATIONS,
    "obligation": topics.OBLIGATION_RECONCILIATIONS,
    "reference": topics.REFERENCE_RECONCILIATIONS,
    "payout": topics.PAYOUT_RECONCILIATIONS,
}
KEY_FIELDS = {
    "payment": ("payment_id",),
    "obligation": ("obligation_id",),
    "reference": ("processor", "processor_reference"),
    "payout": ("processor", "payout_id"),
}


def known(driver: Driver, kind: str) -> list[str]:
    return list(driver.last(TOPIC_OF[kind]))


def live(served: Served, kind: str, key: str, **more: Any) -> Answer:
    return served.ask(f"/v1/{kind}s/{key}?live=true", **more)


@pytest.mark.parametrize("kind", TOPIC_OF)
def test_any_worker_returns_the_owners_answer(month, pair, kind):
    named = set()
    for key in known(month, kind):
        first, second = (live(served, kind, key) for served in pair)
        assert first.status == second.status == 200
        assert first.json == second.json
        found = first.json
        assert key == "/".join(found[name] for name in KEY_FIELDS[kind])
        assert found["live"]["worker"] == ("even", "odd")[found["live"]["partition"] % 2]
        named.add(found["live"]["worker"])
    assert named == {"even", "odd"}


def test_an_unknown_key_is_not_found_on_any_worker(pair):
    for number in range(8):
        for served in pair:
            answer = live(served, "payment", f"no-such-{number}")
            assert (answer.status, answer.code) == (404, "not_found")


def test_an_explanation_is_forwarded_to_the_owner(month, pair):
    alerts = [output_to_json(record) for record in month.last(topics.MISMATCH_ALERTS).values()]
    still = [alert for alert in alerts if alert["lifecycle"] != "resolved"][:20]
    for alert in still:
        path = f"/v1/exceptions/{alert['break_id']}/explanation?key_kind={alert['key_kind']}&key={alert['key']}"
        first, second = (served.ask(path) for served in pair)
        assert first.status == second.status == 200
        assert first.json == second.json
        assert first.json["title"]


def test_a_break_without_a_key_is_looked_up_and_forwarded(month, pair):
    asked = pair[0]
    api = ReconciliationApi(MemoryReadModel(month), asked.owner, "0")
    alerts = [output_to_json(record) for record in month.last(topics.MISMATCH_ALERTS).values()]
    elsewhere = [a for a in alerts if a["lifecycle"] != "resolved" and not asked.owner.owns(a["key_kind"], a["key"])]
    with Served(api) as served:
        answer = served.ask(f"/v1/exceptions/{elsewhere[0]['break_id']}/explanation")
    assert (answer.status, answer.json["key"]) == (200, elsewhere[0]["key"])
    assert answer.json["live"]["worker"] == "odd"


def elsewhere(month: Driver, served: Served) -> str:
    """A payment that the other worker owns."""
    return next(key for key in known(month, "payment") if not served.owner.owns("payment", key))


def test_a_forwarded_query_is_not_forwarded_again(month, pair):
    answer = live(pair[0], "payment", elsewhere(month, pair[0]), **{FORWARDED.replace("-", "_"): "1"})
    assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "moving", "2")


def test_two_workers_with_stale_assignments_do_not_loop(month, pair):
    key = elsewhere(month, pair[0])
    owner = pair[1].owner
    owner.committed.owns = lambda kind, key: False
    started = time.monotonic()
    answer = live(pair[0], "payment", key)
    assert (answer.status, answer.code) == (503, "moving")
    assert time.monotonic() - started < 2


def test_a_recovering_worker_answers_moving(month, pair):
    for served in pair:
        served.owner.recovered = False
    for key in known(month, "payment")[:6]:
        assert [live(served, "payment", key).code for served in pair] == ["moving", "moving"]


def test_a_key_that_is_revoked_during_the_read_is_moving(month, pair):
    key = next(key for key in known(month, "payment") if pair[0].owner.owns("payment", key))
    committed = pair[0].owner.committed
    look = committed._read

    def slow(*arguments: Any) -> Any:
        committed._engine.revoked()
        return look(*arguments)

    committed._read = slow
    assert live(pair[0], "payment", key).code == "moving"


@contextmanager
def asking(month: Driver, url: str, **more: Any) -> Iterator[Served]:
    """A worker that owns nothing and knows one other worker."""
    driver = Driver(partitions=4)
    driver.worker.engine.revoked()
    shares = {url: {topic.name: [0, 1, 2, 3] for topic in (topics.PAYMENT_FACTS, topics.OBLIGATION_FACTS)}}
    owner = InProcessLiveState(driver.worker, "asked", "http://127.0.0.1:1", shares)
    with Served(ReconciliationApi(None, owner, "0"), **more) as served:
        yield served


def test_a_dead_owner_is_moving(month):
    with asking(month, f"http://127.0.0.1:{free_ports(1)[0]}") as served:
        answer = live(served, "payment", "P")
        assert (answer.status, answer.code) == (503, "moving")


def test_a_frozen_owner_times_out(month, monkeypatch):
    monkeypatch.setattr(live_queries, "OWNER_TIMEOUT_S", 0.5)
    with (
        socket.create_server(("127.0.0.1", 0)) as frozen,
        asking(month, f"http://127.0.0.1:{frozen.getsockname()[1]}") as served,
    ):
        started = time.monotonic()
        answer = live(served, "payment", "P")
        assert (answer.status, answer.code) == (503, "moving")
        assert 0.4 < time.monotonic() - started < 4
        assert served.ask("/livez").status == 200


@contextmanager
def impostor(reply: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """Another server at the owner's address. It records its requests."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(20)

        def answer() -> None:
            client, _ = listening.accept()
            heard.append(client.recv(65_536))
            client.sendall(reply)
            client.close()

        thread = threading.Thread(target=answer)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", heard
        thread.join()


def reply(status: str, body: bytes = b"{}", content_type: str = "application/json", more: str = "") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (reply("200 OK", b"<html>", "text/html"), 503, "moving"),
        (reply("404 Not Found", b"404: Not Found", "text/plain"), 503, "moving"),
        (reply("404 Not Found", b'{"error":{"code":"not_found","message":""}}'), 404, "not_found"),
        (reply("401 Unauthorized"), 502, "owner_refused"),
        (reply("302 Found", more="Location: http://127.0.0.1:1/steal\r\n"), 503, "moving"),
        (reply("500 Internal Server Error"), 503, "moving"),
        (b"nonsense\r\n\r\n", 503, "moving"),
    ],
)
def test_a_foreign_server_at_the_owners_address_is_not_trusted(month, sent, status, code):
    with impostor(sent) as (url, _), asking(month, url) as served:
        answer = live(served, "payment", "P")
        assert (answer.status, answer.code) == (status, code)


def test_only_the_token_of_the_client_is_forwarded(month):
    with impostor(reply("200 OK", b'{"ok":1}')) as (url, heard), asking(month, url, tokens=[TOKEN]) as served:
        answer = served.ask("/v1/payments/a%2Fb?live=true", token=TOKEN, Cookie="c=1", X_Mine="2")
        assert (answer.status, answer.json) == (200, {"ok": 1})
    asked = heard[0].decode()
    assert asked.startswith("GET /v1/payments/a%2Fb?live=true HTTP/1.1\r\n")
    assert f"Authorization: Bearer {TOKEN}\r\n" in asked
    assert f"{FORWARDED}: 1\r\n" in asked
    assert "Cookie" not in asked
    assert "Mine" not in asked


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", NO_WEB_SERVER])
def test_an_ambiguous_or_unreachable_owner_is_no_owner(month, url):
    with asking(month, url) as served:
        answer = live(served, "payment", "P")
        assert (answer.status, answer.code) == (503, "no_owner")
        assert "RENTMATCH_HTTP_" in answer.json["error"]["message"]


def test_the_owner_reads_the_facts_of_the_partition():
    shares = {"http://a/": {"facts": [0, 2], "changelog": [1]}, "http://b": {"facts": [1], "changelog": [0, 2]}}
    assert [owner_of(shares, "facts", number) for number in range(4)] == ["http://a", "http://b", "http://a", None]
    assert owner_of({}, "facts", 0) is None


# Only committed state is read


BEGIN = 20_605 * DAY


def committed_of(driver: Driver) -> CommittedReader:
    world = driver.world
    engine = driver.worker.engine
    return CommittedReader(driver.worker.store, engine, world.broker.partitions, world.settings.policy)  # type: ignore[arg-type]


def look(committed: CommittedReader, key: str) -> tuple[str, int, int] | None:
    def see(found: Any) -> tuple[str, int, int]:
        return found.reconciliation().status.value, found.facts, found.watermark

    return asyncio.run(committed.read("payment", key, see))


def initiation(at: int = BEGIN) -> PaymentInitiated:
    return PaymentInitiated(
        event_id="e-1",
        occurred_at=at,
        payment_id="P",
        tenant_id="T",
        property_id="H",
        obligation_id="O",
        installment_id=None,
        amount_minor=100,
        currency="USD",
        method="CARD",
        processor="acme",
        processor_reference=None,
    )


def settlement(at: int = BEGIN) -> ProcessorSettled:
    return ProcessorSettled(
        event_id="e-2",
        occurred_at=at,
        payment_id="P",
        processor="acme",
        processor_reference="r",
        outcome="SETTLED",
        gross_minor=100,
        fee_minor=0,
        net_minor=100,
        currency="USD",
        reason_code=None,
        payout_id=None,
        value_date=None,
    )


def test_the_open_transaction_is_not_visible():
    driver = Driver(partitions=1, now=BEGIN)
    committed = committed_of(driver)
    assert look(committed, "P") is None
    driver.pipe(initiation())
    driver.run()
    assert look(committed, "P") == ("initiated", 1, BEGIN)
    driver.pipe(settlement())
    for source in list(driver.worker.engine.expected):
        driver.worker.read(source, 100)
    assert driver.worker.engine.buffered()
    assert look(committed, "P") == ("initiated", 1, BEGIN)
    driver.worker.commit()
    assert look(committed, "P") == ("settled", 2, BEGIN)


def test_the_view_is_as_of_the_committed_watermark_not_the_clock():
    driver = Driver(partitions=1, now=BEGIN)
    committed = committed_of(driver)
    driver.pipe(initiation())
    driver.run()
    driver.world.now = BEGIN + 60 * DAY  # no input has been read up to this instant
    assert look(committed, "P") == ("initiated", 1, BEGIN)
    driver.run()
    assert look(committed, "P") == ("exception", 1, BEGIN + 60 * DAY)


def test_a_watermark_received_before_the_store_is_written_opens_no_false_break():
    world = World(partitions=1, now=BEGIN)
    world.broker.generation = 1
    router, keeper = Worker(world), Worker(world)
    inputs = [source for source in all_sources(world) if source.topic in topics.INPUTS]
    router.assign(inputs, 1)
    keeper.assign([source for source in all_sources(world) if source not in inputs], 1)
    committed = CommittedReader(keeper.store, keeper.engine, world.broker.partitions, world.settings.policy)  # type: ignore[arg-type]
    world.pipe(initiation())
    for worker in (router, keeper, router, keeper):
        worker.run_until_idle()
    assert look(committed, "P") == ("initiated", 1, BEGIN)
    # The settlement is in time. The keeper reads it together with the end of the partition, so one transaction
    # has both it and the new watermark. The watermark returns from the broker before the store is written.
    world.now = BEGIN + 60 * DAY
    world.pipe(settlement(BEGIN + DAY))
    router.run_until_idle()
    write = keeper.write
    seen = []

    def late(commit: Any) -> None:
        keeper.read_watermarks()
        seen.append(look(committed, "P"))
        write(commit)

    keeper.write = late  # type: ignore[method-assign]
    keeper.run_until_idle()
    assert seen[0] == ("initiated", 1, BEGIN)
    assert look(committed, "P") == ("exception", 2, BEGIN + 60 * DAY)  # it was never posted


def test_a_key_of_another_worker_is_not_read():
    driver = Driver(partitions=1, now=BEGIN)
    committed = committed_of(driver)
    driver.pipe(initiation())
    driver.run()
    driver.worker.engine.revoked()
    assert not committed.owns("payment", "P")
    with pytest.raises(NotOwned):
        look(committed, "P")


def test_the_owner_answers_a_forwarded_query(month, pair):
    key = next(key for key in known(month, "payment") if pair[0].owner.owns("payment", key))
    assert ask(pair[0].url, f"/v1/payments/{key}?live=true", **{FORWARDED.replace("-", "_"): "1"}).status == 200
