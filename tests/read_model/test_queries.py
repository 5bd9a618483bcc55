"""The result of each query, over documents that were written in any order, against the simulator's truth."""

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

import read_model.queries
from domain.records import MismatchAlert, Output, PaymentReconciliation
from read_model.finding import ReadModelUnavailable
from read_model.mongo import Driver, Mongo
from read_model.queries import (
    QUERY_TIMEOUT_S,
    BreakQuery,
    LateAlertQuery,
    ObligationQuery,
    ReadModel,
    ReferenceQuery,
    break_cursor,
    late_alert_cursor,
)
from read_model.writer import ReadModelWriter, ReceivedRecord
from simulator.compare import comparable, found_from_json
from simulator.truth import Truth
from streams.codec.json_form import output_to_json
from tests.kit.environment import TEST_SEED
from tests.kit.mongo import MongoServer
from tests.kit.projected import KEYS, Month, about, key_of, month

SEED = TEST_SEED or 1


@pytest.fixture(scope="module")
def story() -> Month:
    return month(SEED, 40, 5)


@pytest.fixture(scope="module")
def database(mongo_server: MongoServer, story: Month) -> str:
    """A database with the month, written in a random order."""
    mongo = Mongo(mongo_server.url, "queries", timeout_s=20)

    async def write() -> None:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        sent = list(story.arrived)
        random.Random(SEED).shuffle(sent)
        for start in range(0, len(sent), 400):
            await writer.write(sent[start : start + 400])
        await mongo.close()

    asyncio.run(write())
    return "queries"


@pytest.fixture
def model(mongo_server: MongoServer, database: str, driver: Driver, loop: asyncio.Runner) -> Iterator[ReadModel]:
    read_model = ReadModel(Mongo(mongo_server.url, database, timeout_s=QUERY_TIMEOUT_S, driver=driver))
    yield read_model
    loop.run(read_model.close())


def same(records: list[Output], expected: dict[str, dict], kind: str) -> None:
    """The JSON of the records is exactly these rows of the truth, in each of its fields."""
    found = getattr(found_from_json([output_to_json(record) for record in records]), kind)
    assert set(found) == set(expected)
    for key, row in expected.items():
        for name, value in row.items():
            assert comparable(name, found[key][name]) == comparable(name, value), (key, name)


def newest(story: Month, kind: str) -> dict[str, dict]:
    """The newest record of each key, as `rentmatch read --last --json` prints it."""
    last: dict[str, dict] = {}
    for one in story.arrived:
        if one.kind == kind:
            shown = output_to_json(one.record)
            key = key_of(kind, shown)
            if key not in last or last[key]["version"] < shown["version"]:
                last[key] = shown
    return last


def properties(truth: Truth) -> dict[str, set[str]]:
    """The obligations of each property."""
    found = defaultdict(set)
    for key, row in truth.obligations.items():
        found[row["property_id"]].add(key)
    return found


async def all_pages(ask, cursor_of, limit: int) -> list[Any]:
    items: list[Any] = []
    after = None
    while page := await ask(after=after, limit=limit):
        assert len(page) <= limit
        items += page
        after = cursor_of(page[-1])
    return items


def test_single_records_are_those_that_rentmatch_read_prints(loop, model: ReadModel, story: Month):
    async def run():
        for kind, ask in (
            ("payments", model.get_payment),
            ("obligations", model.get_obligation),
            ("processor_references", model.get_reference),
            ("breaks", model.get_break),
            ("alerts", model.get_late_alert),
        ):
            expected = newest(story, kind)
            assert len(expected) > 2
            for key in sorted(expected)[:25]:
                assert output_to_json(await ask(key)) == expected[key]
            assert await ask("nobody") is None

    loop.run(run())


def test_versions_are_listed_newest_first_page_by_page(loop, model: ReadModel, story: Month):
    versions = defaultdict(list)
    for one in story.arrived:
        versions[type(one.record), getattr(one.record, KEYS[one.kind])].append(one.record)

    async def run():
        (kind, key), expected = max(versions.items(), key=lambda item: len(item[1]))
        expected.sort(key=lambda record: -record.version)
        assert len(expected) >= 4
        first = await model.list_versions(kind, key, limit=2)
        rest = await model.list_versions(kind, key, limit=99, after=str(first[-1].version))
        assert first + rest == expected
        for (kind, key), expected in list(versions.items())[::40]:
            expected.sort(key=lambda record: -record.version)
            assert await model.list_versions(kind, key, limit=99) == expected

    loop.run(run())


def test_obligations_of_a_tenant_a_property_a_period_and_a_status(loop, model: ReadModel, story: Month):
    truth = story.truth.obligations

    async def run():
        for filters in (
            {},
            {"tenant_id": next(iter(truth.values()))["tenant_id"]},
            {"property_id": next(iter(truth.values()))["property_id"]},
            {"period": next(iter(truth.values()))["period"]},
            {"status": "past_due"},
            {name: next(iter(truth.values()))[name] for name in ("property_id", "status")},
            {"tenant_id": "nobody"},
        ):
            expected = {key: row for key, row in truth.items() if filters.items() <= row.items()}
            assert expected or filters == {"tenant_id": "nobody"}
            items = await all_pages(
                lambda after, limit, f=filters: model.list_obligations(ObligationQuery(**f), after=after, limit=limit),
                lambda item: item.obligation_id, 7,
            )  # fmt: skip
            assert [item.obligation_id for item in items] == sorted(expected)
            same(items, expected, "obligations")

    loop.run(run())


def test_open_breaks_are_those_of_the_truth_in_order(loop, model: ReadModel, story: Month):
    async def run():
        items = await all_pages(partial(model.list_breaks, BreakQuery()), break_cursor, 10)
        same(items, story.truth.open_breaks, "breaks")
        places = [(item.priority, item.opened_at, item.break_id) for item in items]
        assert places == sorted(places)
        assert len({priority for priority, *_ in places}) > 1
        for filters in (
            {"break_class": items[0].break_class}, {"priority": 2}, {"currency": "USD"}, {"key_kind": "obligation"},
            {"key": items[-1].key}, {"key_kind": "payment", "priority": 3},
        ):  # fmt: skip
            named = {"class" if name == "break_class" else name: value for name, value in filters.items()}
            found = await model.list_breaks(BreakQuery(**filters), limit=1_000)
            expected = {k: row for k, row in story.truth.open_breaks.items() if named.items() <= row.items()}
            assert expected
            same(found, expected, "breaks")

    loop.run(run())


def test_resolved_and_all_breaks(loop, model: ReadModel, story: Month):
    everything = newest(story, "breaks")

    async def run():
        resolved = await model.list_breaks(BreakQuery(state="resolved"), limit=10_000)
        assert {item.break_id for item in resolved} == {
            key for key, item in everything.items() if item["lifecycle"] == "resolved"
        }
        assert resolved
        assert all(item.resolved_at for item in resolved)
        items = await all_pages(partial(model.list_breaks, BreakQuery(state="any")), break_cursor, 37)
        assert {item.break_id: output_to_json(item) for item in items} == everything
        assert len(items) == len(everything)

    loop.run(run())


def test_breaks_of_a_property_and_of_a_tenant(loop, model: ReadModel, story: Month, monkeypatch):
    monkeypatch.setattr(read_model.queries, "KEYS_PER_QUERY", 3)  # so that several queries are needed
    truth = story.truth

    async def run():
        seen = set()
        for property_id, obligations in properties(truth).items():
            expected = about(truth, obligations)
            items = await all_pages(
                partial(model.list_breaks, BreakQuery(property_id=property_id)), break_cursor, 4,
            )  # fmt: skip
            same(items, expected, "breaks")
            places = [(item.priority, item.opened_at, item.break_id) for item in items]
            assert places == sorted(set(places))
            seen |= {row["key_kind"] for row in expected.values()}
            if expected:
                key = next(iter(expected.values()))["key"]
                found = await model.list_breaks(BreakQuery(property_id=property_id, key=key), limit=99)
                same(found, {k: row for k, row in expected.items() if row["key"] == key}, "breaks")
                found = await model.list_breaks(BreakQuery(property_id=property_id, key_kind="obligation"), limit=99)
                same(found, {k: row for k, row in expected.items() if row["key_kind"] == "obligation"}, "breaks")
                assert await model.list_breaks(BreakQuery(property_id="elsewhere", key=key), limit=99) == []
        assert seen == {"payment", "obligation", "reference"}
        for row in list(truth.obligations.values())[:10]:
            tenant, home = row["tenant_id"], row["property_id"]
            of_tenant = {k for k, r in truth.obligations.items() if r["tenant_id"] == tenant}
            same(await model.list_breaks(BreakQuery(tenant_id=tenant), limit=99), about(truth, of_tenant), "breaks")
            both = {k for k in of_tenant if truth.obligations[k]["property_id"] == home}
            found = await model.list_breaks(BreakQuery(tenant_id=tenant, property_id=home), limit=99)
            same(found, about(truth, both), "breaks")

    loop.run(run())


def test_late_alerts(loop, model: ReadModel, story: Month):
    truth = story.truth.live_alerts

    async def run():
        items = await all_pages(partial(model.list_late_alerts, LateAlertQuery()), late_alert_cursor, 6)
        same(items, truth, "alerts")
        assert [(i.due_date, i.alert_id) for i in items] == sorted((i.due_date, i.alert_id) for i in items)
        row = next(iter(truth.values()))
        for filters in (
            {"property_id": row["property_id"]}, {"tenant_id": row["tenant_id"]}, {"stage": row["stage"]},
            {"property_id": row["property_id"], "stage": row["stage"]},
        ):  # fmt: skip
            expected = {key: one for key, one in truth.items() if filters.items() <= one.items()}
            same(await model.list_late_alerts(LateAlertQuery(**filters), limit=999), expected, "alerts")
        ended = await model.list_late_alerts(LateAlertQuery(state="ended"), limit=999)
        assert ended
        assert all(item.ended_at for item in ended)
        everything = await model.list_late_alerts(LateAlertQuery(state="any"), limit=9_999)
        assert {item.alert_id: output_to_json(item) for item in everything} == newest(story, "alerts")

    loop.run(run())


def test_ageing_adds_up_the_truth(loop, model: ReadModel, story: Month):
    async def run():
        buckets = set()
        for property_id, obligations in properties(story.truth).items():
            rows = [story.truth.obligations[key] for key in obligations]
            places = {(row["currency"], row["ageing_bucket"]) for row in rows}
            expected = []
            for currency, bucket in places:
                some = [row for row in rows if (row["currency"], row["ageing_bucket"]) == (currency, bucket)]
                expected.append({
                    "currency": currency, "ageing_bucket": bucket, "obligations": len(some),
                    "balance_minor": sum(row["balance_minor"] for row in some),
                    "paid_minor": sum(row["paid_minor"] for row in some),
                    "pending_minor": sum(row["pending_minor"] for row in some),
                    "outstanding_minor": sum(max(0, row["balance_minor"] - row["paid_minor"]) for row in some),
                })  # fmt: skip
            found = msgspec.to_builtins(await model.ageing(property_id))
            assert sorted(found, key=str) == sorted(expected, key=str)
            buckets |= {bucket for _, bucket in places}
        assert len(buckets) > 2
        assert await model.ageing("nobody") == []

    loop.run(run())


def test_pages_are_stable_under_concurrent_writes(loop, mongo: Mongo):
    """A record that exists before the first page and stays is returned once, whatever opens and closes meanwhile."""
    model = ReadModel(mongo)
    rng = random.Random(SEED)

    def alert(number: int, version: int, *, opened_at: int, resolved: bool = False) -> ReceivedRecord:
        record = MismatchAlert(
            break_id=f"{number:032x}",
            version=version,
            key_kind="payment",
            key=f"P{number}",
            subject=("posting",),
            break_class="posting_missing",
            priority=1 + number % 3,
            lifecycle="resolved" if resolved else "opened",
            expected_minor=5,
            actual_minor=0,
            drift_minor=-5,
            currency="USD",
            due_at=None,
            opened_at=opened_at,
            resolved_at=opened_at + 1 if resolved else None,
            event_ids=(),
        )
        return ReceivedRecord("breaks", "mismatch-alerts", 0, number, None, b"", record)

    async def run():
        writer = ReadModelWriter(mongo, lambda: 0)
        # Several open in the same microsecond, so only the id orders them.
        await writer.write([alert(number, 1, opened_at=10**15 + number % 4) for number in range(60)])
        stay = {f"{number:032x}" for number in range(0, 60, 2)}
        seen, after, fresh = [], None, 1_000
        while page := await model.list_breaks(BreakQuery(), after=after, limit=7):
            seen += [item.break_id for item in page]
            after = break_cursor(page[-1])
            await writer.write(
                [alert(n, 2, opened_at=10**15, resolved=True) for n in rng.sample(range(1, 60, 2), 5)]
                + [alert(fresh + n, 1, opened_at=10**15 + rng.randrange(8)) for n in range(5)]
            )
            fresh += 5
        assert len(seen) == len(set(seen))
        assert stay <= set(seen)

    loop.run(run())


def test_a_limit_of_zero_returns_nothing(loop, model: ReadModel):
    assert loop.run(model.list_breaks(BreakQuery(), limit=0)) == []


def test_every_query_raises_when_mongodb_is_away(tmp_path: Path, driver: Driver):
    server = MongoServer(tmp_path)
    server.start()
    model = ReadModel(Mongo(server.url, "away", timeout_s=1.5, driver=driver))

    async def run():
        await model.ping()
        server.kill()
        began = time.monotonic()
        answers = await asyncio.gather(
            model.ping(), model.get_payment("P"), model.get_obligation("O"), model.get_break("B"),
            model.get_late_alert("A"), model.get_reference("acme/r"),
            model.list_references(ReferenceQuery(), limit=1), model.list_versions(PaymentReconciliation, "P", limit=1),
            model.list_obligations(ObligationQuery(), limit=1), model.list_breaks(BreakQuery(), limit=1),
            model.list_breaks(BreakQuery(property_id="H"), limit=1),
            model.list_late_alerts(LateAlertQuery(), limit=1), model.ageing("H"),
            return_exceptions=True,
        )  # fmt: skip
        assert {type(answer) for answer in answers} == {ReadModelUnavailable}
        assert time.monotonic() - began < 5
        server.start()
        await model.ping()
        server.process.freeze()  # it accepts connections and does not answer
        with pytest.raises(ReadModelUnavailable):
            await model.get_payment("P")
        server.process.thaw()
        assert await model.get_payment("P") is None
        await model.close()

    try:
        asyncio.run(run())
    finally:
        server.kill()
