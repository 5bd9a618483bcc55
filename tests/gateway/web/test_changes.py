"""Changes: passed on when the read model has them, in scope, coalesced, and never more than a client can take."""

import asyncio
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest
from confluent_kafka import Producer

from domain.time import HOUR, SECOND
from gateway.people.viewer import Role, Viewer
from gateway.web import changes
from gateway.web.change_reader import ChangedRecord, ChangeReader
from gateway.web.changes import PENDING_MAX, ChangeBatch, ChangeHub, TooManyStreams, VisibleChange
from gateway.web.metrics import GatewayMetrics
from ops.deployment import Deployment
from streams import topics
from streams.codec.codec import Codec
from tests.kit.clocks import Clock
from tests.kit.driver import Driver
from tests.kit.gateway_process import OURS, RunningGateway

ANA = Viewer("ana", Role.ADMIN, None, session_id_hash="a")
PIA = Viewer("pia", Role.VIEWER, frozenset({"p-1"}), session_id_hash="p")


class Away(Exception):
    """The read model does not answer."""


class Hub:
    """A hub over a read model that is a dict."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.rows: dict[str, VisibleChange] = {}
        self.error: Exception | None = None
        self.known = True
        self.hub = ChangeHub(
            lookup=self._lookup,
            unavailable=(Away,),
            is_known=self._is_known,
            metrics=GatewayMetrics(),
            clock=self.clock,
        )

    async def _lookup(self, kind, keys):
        if self.error is not None:
            raise self.error
        return {key: self.rows[key] for key in keys if key in self.rows}

    async def _is_known(self, _: Viewer) -> bool:
        return self.known

    def has(self, key: str, version: int, *properties: str) -> None:
        """The read model has a payment."""
        self.rows[key] = VisibleChange("payments", key, ("payments", key), version, properties)

    def reads(self, *changed: tuple[str, int]) -> None:
        """The reader has read payments."""
        self.hub._note([ChangedRecord("payments", key, version) for key, version in changed])

    async def opened(self, viewer: Viewer) -> AsyncIterator[ChangeBatch]:
        """A stream whose first, empty batch was taken."""
        stream = self.hub.changes(viewer)
        assert await anext(stream) == ChangeBatch(False, {})
        return stream


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "QUIET_S", 0.05)


def test_a_change_waits_until_the_read_model_has_it():
    async def steps() -> None:
        one = Hub()
        stream = await one.opened(ANA)
        one.reads(("P-1", 2), ("P-2", 5))
        one.has("P-1", 1, "p-1")
        one.has("P-2", 6, "p-1")
        await one.hub.pass_on()
        assert await anext(stream) == ChangeBatch(False, {("payments", "P-2"): 6})
        assert await anext(stream) == ChangeBatch(False, {})  # nothing for a while
        one.has("P-1", 2, "p-1")
        await one.hub.pass_on()
        assert await anext(stream) == ChangeBatch(False, {("payments", "P-1"): 2})

    asyncio.run(steps())


def test_changes_of_a_key_are_one():
    async def steps() -> None:
        one = Hub()
        stream = await one.opened(ANA)
        for version in range(1, 6):
            one.reads(("P-1", version))
        one.has("P-1", 5)
        await one.hub.pass_on()
        one.reads(("P-1", 6))
        one.has("P-1", 6)
        await one.hub.pass_on()
        assert await anext(stream) == ChangeBatch(False, {("payments", "P-1"): 6})

    asyncio.run(steps())


def test_nobody_hears_of_what_is_out_of_scope():
    async def steps() -> None:
        one = Hub()
        pia, ana = await one.opened(PIA), await one.opened(ANA)
        one.reads(("P-1", 1), ("P-2", 1), ("P-3", 1))
        one.has("P-1", 1, "p-1", "p-2")
        one.has("P-2", 1, "p-2")
        one.has("P-3", 1)
        await one.hub.pass_on()
        assert await anext(pia) == ChangeBatch(False, {("payments", "P-1"): 1})
        assert len((await anext(ana)).items) == 3

    asyncio.run(steps())


def test_a_read_model_that_is_far_behind_ends_in_a_resync():
    async def steps() -> None:
        one = Hub()
        stream = await one.opened(PIA)
        one.reads(("P-1", 1))
        await one.hub.pass_on()
        assert await anext(stream) == ChangeBatch(False, {})
        one.error = Away()
        with pytest.raises(Away):
            await one.hub.pass_on()
        one.error = None
        one.clock.now += 11 * SECOND
        await one.hub.pass_on()
        assert await anext(stream) == ChangeBatch(True, {})

    asyncio.run(steps())


def test_a_flood_a_tombstone_and_a_gap_end_in_a_resync():
    async def steps() -> None:
        for flood in ([("P-1", 0)], [(f"P-{number}", 1) for number in range(PENDING_MAX + 5)], None):
            one = Hub()
            stream = await one.opened(ANA)
            if flood is None:
                one.hub._note(None)
            else:
                one.reads(*flood)
                await one.hub.pass_on()
            assert await anext(stream) == ChangeBatch(True, {})
            one.reads(("P-9999", 1))
            one.has("P-9999", 1)
            await one.hub.pass_on()
            assert await anext(stream) == ChangeBatch(False, {("payments", "P-9999"): 1})

    asyncio.run(steps())


def test_a_client_that_does_not_read_costs_no_more_than_a_thousand_items():
    async def steps() -> None:
        one = Hub()
        stream = await one.opened(ANA)
        for part in range(3):
            keys = [f"P-{part}-{number}" for number in range(PENDING_MAX // 2)]
            for key in keys:
                one.has(key, 1)
            one.reads(*((key, 1) for key in keys))
            await one.hub.pass_on()
        assert await anext(stream) == ChangeBatch(True, {})

    asyncio.run(steps())


def test_a_session_has_one_stream_a_person_four_and_there_is_an_end():
    async def steps() -> None:
        one = Hub()
        first = await one.opened(ANA)
        second = await one.opened(ANA)
        with pytest.raises(StopAsyncIteration):
            await anext(first)
        others = [await one.opened(Viewer("ana", Role.ADMIN, None, session_id_hash=str(n))) for n in range(3)]
        with pytest.raises(TooManyStreams):
            await one.opened(Viewer("ana", Role.ADMIN, None, session_id_hash="x"))
        await second.aclose()
        others.append(await one.opened(Viewer("ana", Role.ADMIN, None, session_id_hash="x")))
        one.clock.now += HOUR
        for stream in others:
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        assert not one.hub.is_wanted()
        many = [Viewer(str(number), Role.ADMIN, None, session_id_hash=str(number)) for number in range(256)]
        others = [await one.opened(viewer) for viewer in many]
        with pytest.raises(TooManyStreams):
            await one.opened(PIA)

    asyncio.run(steps())


def test_streams_end_with_the_gateway():
    async def steps() -> None:
        one = Hub()
        stream = await one.opened(ANA)
        one.hub.close()
        async with asyncio.timeout(1):
            with pytest.raises(StopAsyncIteration):
                await anext(stream)
        with pytest.raises(TooManyStreams, match="stopping"):
            await one.opened(ANA)

    asyncio.run(steps())


def test_a_stream_ends_with_its_session():
    async def steps() -> None:
        one = Hub()
        stream = await one.opened(ANA)
        one.known = False
        one.clock.now += 29 * SECOND
        assert await anext(stream) == ChangeBatch(False, {})
        one.clock.now += 2 * SECOND
        with pytest.raises(StopAsyncIteration):
            await anext(stream)
        ends = await one.opened(Viewer("ana", Role.ADMIN, None, session_id_hash="e", expires_at=one.clock.now + 5))
        one.clock.now += 5
        with pytest.raises(StopAsyncIteration):
            await anext(ends)

    asyncio.run(steps())


def test_the_reader_reads_what_is_written_from_now_on(mock_broker: str, month: Driver):
    deployment = Deployment({"RENTMATCH_BROKER": mock_broker})
    deployment.create_topics()
    codec, producer = Codec(), Producer({"bootstrap.servers": mock_broker})
    payments, breaks = (
        list(month.last(topic).values()) for topic in (topics.PAYMENT_RECONCILIATIONS, topics.MISMATCH_ALERTS)
    )

    def write(topic: topics.Topic, key: str, value: bytes | None) -> None:
        producer.produce(topic.name, key=key, value=value)

    write(topics.PAYMENT_RECONCILIATIONS, "before", codec.encode(payments[0], topics.PAYMENT_RECONCILIATIONS.name))
    producer.flush(10)
    taken: list[object] = []
    reader = ChangeReader(deployment.settings, codec, lambda: True, taken.append)
    reader.start()
    until(lambda: taken == [None])  # from the start something may have been missed
    write(topics.PAYMENT_RECONCILIATIONS, "x", codec.encode(payments[1], topics.PAYMENT_RECONCILIATIONS.name))
    write(topics.MISMATCH_ALERTS, "y", codec.encode(breaks[0], topics.MISMATCH_ALERTS.name))
    write(topics.MISMATCH_ALERTS, "z", None)
    write(topics.LATE_PAYMENT_ALERTS, "bad", b"\x00 no record")
    producer.flush(10)
    until(lambda: taken.count(None) == 2 and sum(len(one) for one in taken if one) == 3)
    reader.close()
    assert {change for batch in taken if batch for change in batch} == {
        ChangedRecord("payments", payments[1].payment_id, payments[1].version),
        ChangedRecord("breaks", breaks[0].break_id, breaks[0].version),
        ChangedRecord("breaks", "z", 0),
    }
    assert reader.error is None


def until(holds, seconds: float = 20) -> None:
    async def wait() -> None:
        async with asyncio.timeout(seconds):
            while not holds():
                await asyncio.sleep(0.02)

    asyncio.run(wait())


def test_a_page_follows_changes_over_http(gateway: RunningGateway):
    ana = gateway.browser("ana")
    headers = {**OURS, "Accept": "text/event-stream"}

    async def follow() -> dict:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:
            body = {"documentId": "sha256:changes"}
            async with client.post(
                f"{gateway.root}/graphql", json=body, headers=headers, cookies=ana.cookies
            ) as response:
                assert (response.status, response.content_type) == (200, "text/event-stream")
                assert response.headers["Cache-Control"] == "no-store"
                assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
                while not (line := await response.content.readline()).startswith(b"data: "):
                    pass
                assert gateway.process._hub.is_wanted()
            return json.loads(line.removeprefix(b"data: "))

    change = gateway.run(follow())["data"]["changes"]
    assert (change["resync"], change["items"]) == (False, [])

    async def gone() -> None:
        async with asyncio.timeout(5):
            while gateway.process._hub.is_wanted():
                await asyncio.sleep(0.02)

    gateway.run(gone())  # the client's end is noticed at once
    assert ana.post("/graphql", {"documentId": "sha256:changes"}, {**headers, "X-Rentmatch": "0"}).status == 403
