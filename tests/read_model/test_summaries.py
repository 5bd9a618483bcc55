"""Totals are those of the simulator's truth, to the cent, whatever was killed and whoever worked at the same time."""

import asyncio
import itertools
import random
from collections import defaultdict
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import pytest

from domain.records import BreakClass, DecisionOnBreak, DecisionState, MismatchAlert
from domain.time import DAY, HOUR
from ops.demo.money import whereabouts
from read_model.mongo import Mongo
from read_model.queries import ReadModel
from read_model.rows import BreakAge, FlowTotal
from read_model.scope import EVERYTHING, Scope
from read_model.scoped import ScopedReadModel
from read_model.summaries import SummaryKeeper
from read_model.writer import ReadModelWriter
from simulator.truth import Truth
from tests.kit.environment import TEST_SEED
from tests.kit.projected import Month, about, month, obligation, parts, properties_of_breaks, tombstone
from tests.read_model.test_attribution import Killed, KilledMongo
from tests.read_model.test_scoped import NOW, alert, arrived, late, payment, payout

SEED = TEST_SEED or 1


async def make_all(keeper: SummaryKeeper) -> None:
    """Make summaries until none is marked."""
    while (await keeper.make_marked(rest=False))[0]:
        pass


def opened_at(story: Month) -> dict[str, int]:
    """When each break opened: the truth does not know when the worker looked."""
    alerts = [one.record for one in story.arrived if isinstance(one.record, MismatchAlert)]
    return {one.break_id: one.opened_at for one in sorted(alerts, key=lambda alert: alert.version)}


async def faults_of_totals(model: ScopedReadModel, story: Month, chosen: Collection[str] | None) -> None:
    """Compare the totals of some properties with the truth, each record added up by itself."""
    truth, homes, opened = story.truth, properties_of_breaks(story.truth), opened_at(story)
    for hours in (0, 12, 24 * 5, 24 * 40):
        now = story.closes_at + hours * HOUR
        wanted: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
        for break_id, row in truth.open_breaks.items():
            if chosen is not None and not homes[break_id] & set(chosen):
                continue
            age = now // HOUR - opened[break_id] // HOUR
            bucket = "hours_24" if age < 24 else "days_7" if age < 168 else "days_30" if age < 720 else "older"
            cell = wanted[row["class"], row["priority"], row["currency"], bucket]
            drift = row["actual_minor"] - row["expected_minor"]
            for at, value in enumerate((1, abs(drift), drift)):
                cell[at] += value
        found: dict[Any, list[int]] = defaultdict(lambda: [0, 0, 0])
        for one in await model.break_totals(now):  # also by what people decided
            cell = found[one.break_class, one.priority, one.currency, one.age]
            for at, value in enumerate((one.breaks, one.gross_minor, one.net_minor)):
                cell[at] += value
        assert found == wanted
    ageing: dict[Any, list[int]] = defaultdict(lambda: [0] * 5)
    for row in truth.obligations.values():
        if row["status"] in ("paid", "overpaid", "cancelled") or (
            chosen is not None and row["property_id"] not in chosen
        ):
            continue
        balance, paid = row["balance_minor"], row["paid_minor"]
        for at, value in enumerate((1, balance, paid, row["pending_minor"], max(0, balance - paid))):
            ageing[row["currency"], row["ageing_bucket"]][at] += value
    assert {(one.currency, one.bucket): list(one[2:]) for one in await model.ageing_totals()} == dict(ageing)
    stages: dict[Any, list[int]] = defaultdict(lambda: [0] * 3)
    for row in truth.live_alerts.values():
        if chosen is None or row["property_id"] in chosen:
            owed = max(0, row["amount_due_minor"] - row["paid_minor"])
            for at, value in enumerate((1, owed, row["pending_minor"])):
                stages[row["stage"], row["currency"]][at] += value
    assert {(one.stage, one.currency): list(one[2:]) for one in await model.late_totals()} == dict(stages)


def test_totals_after_kills_are_those_of_the_truth(loop: asyncio.Runner, mongo: Mongo) -> None:
    """Several writers and keepers at once, each killed at any call: every batch is then read again."""
    story = month(SEED, 40, 5)
    rng = random.Random(SEED)

    async def run() -> None:
        await ReadModelWriter(mongo, lambda: 0).prepare()
        now = story.closes_at
        waiting = parts(story.arrived, rng)
        done = asyncio.Event()

        def victim() -> Any:
            return KilledMongo(mongo, rng.randrange(1, 60), executed=rng.random() < 0.5)

        async def work() -> None:
            while waiting:
                batch = waiting.pop()
                with suppress(Killed):
                    await ReadModelWriter(victim(), lambda: 0).write(batch)
                await ReadModelWriter(mongo, lambda: 0).write(batch)

        async def keep() -> None:
            while not done.is_set():
                with suppress(Killed):
                    await SummaryKeeper(victim(), lambda: now).make_marked()
                await asyncio.sleep(0.05)

        keeping = [asyncio.create_task(keep()) for _ in range(2)]
        await asyncio.gather(work(), work())
        done.set()
        await asyncio.gather(*keeping)
        model = ReadModel(mongo)
        await make_all(SummaryKeeper(mongo, lambda: now))
        assert await model.scoped(EVERYTHING).summaries_behind() == 0
        await faults_of_totals(model.scoped(EVERYTHING), story, None)
        names = sorted({row["property_id"] for row in story.truth.obligations.values()})
        for size in (1, 2, len(names)):
            chosen = frozenset(rng.sample(names, size))
            await faults_of_totals(model.scoped(Scope(chosen)), story, chosen)
        await everything_is_collected(model.scoped(EVERYTHING), story.truth)
        await ageing_by_property(model.scoped(EVERYTHING), story.truth, names)

    loop.run(run())


async def everything_is_collected(model: ScopedReadModel, truth: Truth) -> None:
    """The whereabouts of the money are those that the demo's summary says."""
    said = whereabouts(truth.payouts.values(), truth.open_breaks.values())
    assert said is not None
    (found,) = [one for one in await model.whereabouts() if one.currency == said.currency]
    assert tuple(found) == (
        said.currency, said.collected_minor, said.on_account_minor, said.under_way_minor, said.unexplained_minor,
        said.entries_minor,
    )  # fmt: skip


async def ageing_by_property(model: ScopedReadModel, truth: Truth, names: list[str]) -> None:
    """Each property has its own row, page by page."""
    rows = []
    after = None
    while True:
        page = await model.list_ageing(after=after, limit=3)
        rows += page.rows
        if not page.has_next:
            break
        after = page.cursors[-1]
    owing = {
        (row["property_id"], row["currency"])
        for row in truth.obligations.values()
        if row["status"] not in ("paid", "overpaid", "cancelled")
    }
    assert [(row.property_id, row.currency) for row in rows] == sorted(owing)
    for row in rows:
        mine = [one for one in truth.obligations.values() if one["property_id"] == row.property_id]
        assert row.outstanding_minor == sum(max(0, one["balance_minor"] - one["paid_minor"]) for one in mine)
        breaks = about(truth, {one["obligation_id"] for one in mine})
        assert row.open_breaks == len([one for one in breaks.values() if one["currency"] == row.currency])
        assert row.late_installments == len(
            [one for one in truth.live_alerts.values() if one["property_id"] == row.property_id]
        )
    assert (await model.list_ageing(currency="XTS", limit=9)).rows == []
    assert (await model.list_ageing(currency="USD", limit=99)).rows == [row for row in rows if row.currency == "USD"]
    assert (await model.list_ageing(property_id=names[0], limit=9)).rows == [
        row for row in rows if row.property_id == names[0]
    ]


@pytest.fixture
def model(mongo: Mongo) -> ReadModel:
    return ReadModel(mongo)


async def written(mongo: Mongo, *records: Any, now: int = NOW) -> None:
    writer = ReadModelWriter(mongo, lambda: 0)
    await writer.prepare()
    await writer.write(records)
    await make_all(SummaryKeeper(mongo, lambda: now))


def test_a_break_of_several_properties_is_counted_once(loop: asyncio.Runner, mongo: Mongo, model: ReadModel) -> None:
    async def run() -> None:
        await written(
            mongo,
            *(obligation(f"O-{number}", property_id=f"H{number}") for number in (1, 2, 3)),
            arrived("payments", payment(1, "O-1", "O-2", "O-3"), 0), arrived("payments", payment(2, "O-2"), 1),
            arrived("breaks", alert(1, "payment", "P-1"), 0), arrived("breaks", alert(2, "payment", "P-2"), 1),
            arrived("breaks", alert(4, "bank_entry", "A/n1"), 2),
        )  # fmt: skip
        for chosen, money in (
            (None, (3, 70)), ({"H1"}, (1, 10)), ({"H2"}, (2, 30)), ({"H1", "H3"}, (1, 10)), ({"H3", "H2"}, (2, 30)),
            ({"H1", "H2", "H3", "H4"}, (2, 30)), ({"H4"}, None), (set(), None), ({""}, None),
        ):  # fmt: skip
            scope = model.scoped(EVERYTHING if chosen is None else Scope(frozenset(chosen)))
            for totals in (await scope.break_totals(NOW), await model.scoped(EVERYTHING).break_totals(NOW, chosen)):
                assert [(one.breaks, one.gross_minor) for one in totals] == ([] if money is None else [money]), chosen
            flow = await scope.trend(NOW, days=1)
            assert flow == [FlowTotal(NOW // DAY, 0 if money is None else money[0], 0, 0)]
        narrowed = model.scoped(Scope(frozenset({"H1", "H2"})))
        assert [one.breaks for one in await narrowed.break_totals(NOW, ["H3", "H1"])] == [1]

    loop.run(run())


def test_what_moves_or_ends_leaves_its_old_summary(loop: asyncio.Runner, mongo: Mongo, model: ReadModel) -> None:
    async def run() -> None:
        await written(
            mongo,
            obligation("O-1", property_id="H1"), arrived("breaks", alert(1, "obligation", "O-1"), 0),
            arrived("alerts", late(1, "O-1", "H1"), 0), arrived("payouts", payout(1), 0),
        )  # fmt: skip
        of_1, of_2 = model.scoped(Scope(frozenset(["H1"]))), model.scoped(Scope(frozenset(["H2"])))
        assert [one.breaks for one in await of_1.break_totals(NOW)] == [1]
        await written(
            mongo, obligation("O-1", 2, property_id="H2"), arrived("alerts", late(1, "O-1", "H2", version=2), 1)
        )
        assert await of_1.break_totals(NOW) == await of_1.ageing_totals() == await of_1.late_totals() == []
        assert [one.breaks for one in await of_2.break_totals(NOW)] == [1]
        assert [one.outstanding_minor for one in await of_2.ageing_totals()] == [1_000]
        assert [one.outstanding_minor for one in await of_2.late_totals()] == [800]
        await written(mongo, tombstone("O-1", 9), arrived("alerts", late(1, "O-1", "H2", version=3, ended_at=NOW), 2))
        assert await of_2.break_totals(NOW) == await of_2.ageing_totals() == await of_2.late_totals() == []
        assert [one.breaks for one in await model.scoped(EVERYTHING).break_totals(NOW)] == [1]
        assert await of_2.whereabouts() == []
        assert len(await model.scoped(EVERYTHING).whereabouts()) == 1

    loop.run(run())


def test_the_trend_counts_what_opened_and_ended_on_each_day(
    loop: asyncio.Runner, mongo: Mongo, model: ReadModel
) -> None:
    accepted = DecisionOnBreak(DecisionState.ACCEPTED, "ana", NOW - DAY, "ben", "r", None, None)
    old = NOW - 100 * DAY
    alerts = (
        alert(1, "payment", "P-1", opened_at=NOW),
        alert(2, "payment", "P-2", opened_at=old),
        alert(3, "payment", "P-3", opened_at=old, lifecycle="resolved", resolved_at=NOW),
        alert(4, "payment", "P-4", opened_at=NOW - DAY, lifecycle="accepted", decision=accepted),
        alert(5, "payment", "P-5", opened_at=old, lifecycle="resolved", resolved_at=old),
    )

    async def run() -> None:
        await written(mongo, *(arrived("breaks", one, at) for at, one in enumerate(alerts)))
        everything = model.scoped(EVERYTHING)
        today = NOW // DAY
        assert await everything.trend(NOW, days=3) == [
            FlowTotal(today - 2, 0, 0, 0), FlowTotal(today - 1, 1, 0, 1), FlowTotal(today, 1, 1, 0),
        ]  # fmt: skip
        assert len(await everything.trend(NOW)) == 30
        ages = {one.age: one.breaks for one in await everything.break_totals(NOW)}
        assert ages == {BreakAge.HOURS_24: 1, BreakAge.OLDER: 1}
        later = {one.age: one.breaks for one in await everything.break_totals(NOW + 24 * HOUR)}
        assert later == {BreakAge.DAYS_7: 1, BreakAge.OLDER: 1}

    loop.run(run())


def test_money_has_no_limit(loop: asyncio.Runner, mongo: Mongo, model: ReadModel) -> None:
    much = (1 << 62) + 1

    async def run() -> None:
        await written(
            mongo,
            *(
                arrived("breaks", alert(n, "bank_entry", f"A/{n}", drift_minor=much * sign), n)
                for n, sign in ((1, 1), (2, 1), (3, 1), (4, -1))
            ),
        )
        (total,) = await model.scoped(EVERYTHING).break_totals(NOW)
        assert (total.gross_minor, total.net_minor) == (4 * much, 2 * much)

    loop.run(run())


def test_a_mark_that_is_made_meanwhile_survives(
    loop: asyncio.Runner, mongo: Mongo, model: ReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        await writer.write([arrived("breaks", alert(1, "bank_entry", "A/1"), 1)])
        real, once = mongo.find, [True]

        async def find(collection: str, *args: Any, **kwargs: Any) -> Any:
            found = await real(collection, *args, **kwargs)
            if collection == "breaks" and once and "moved_at" in args[0]:
                once.clear()
                await writer.write([arrived("breaks", alert(2, "bank_entry", "A/2"), 2)])
            return found

        monkeypatch.setattr(mongo, "find", find)
        seconds = itertools.count(0, 0.5)
        slow = SummaryKeeper(mongo, lambda: NOW, monotonic=lambda: next(seconds))
        other = SummaryKeeper(mongo, lambda: NOW)
        assert await slow.make_marked() == (0, 1)
        everything = model.scoped(EVERYTHING)
        assert [one.breaks for one in await everything.break_totals(NOW)] == [1]
        assert await everything.summaries_behind() == 1
        assert await slow.make_marked() == (0, 1), "it took its share of time"
        assert await other.make_marked() == (1, 0)
        assert await everything.summaries_behind() == 0
        assert [one.breaks for one in await everything.break_totals(NOW)] == [2]

    loop.run(run())


def test_a_summary_that_takes_long_rests_and_not_for_ever(
    loop: asyncio.Runner, mongo: Mongo, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, takes = [0.0], [0.0]
    real = mongo.update

    async def update(*args: Any) -> bool:
        now[0] += takes[0]
        return await real(*args)

    monkeypatch.setattr(mongo, "update", update)

    async def run() -> None:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        keeper = SummaryKeeper(mongo, lambda: NOW, monotonic=lambda: now[0])
        for seconds, rest in ((0.5, 4.5), (600.0, 10.0)):
            again = arrived("breaks", alert(1, "bank_entry", "A/1"), 1)
            await writer.write([again])
            takes[0] = seconds
            assert await keeper.make_marked() == (1, 0)
            await writer.write([again])
            now[0] += rest - 0.01
            assert await keeper.make_marked() == (0, 1)
            now[0] += 0.02
            takes[0] = 0.0
            assert await keeper.make_marked() == (1, 0)

    loop.run(run())


def test_what_was_read_before_another_summary_was_stored_is_not_stored(
    loop: asyncio.Runner, mongo: Mongo, model: ReadModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        await writer.write([arrived("breaks", alert(1, "bank_entry", "A/1"), 1)])
        real, once = mongo.find, [True]

        async def find(collection: str, *args: Any, **kwargs: Any) -> Any:
            found = await real(collection, *args, **kwargs)
            if collection == "breaks" and once and "moved_at" in args[0]:
                once.clear()
                await writer.write([arrived("breaks", alert(2, "bank_entry", "A/2"), 2)])
                assert await SummaryKeeper(mongo, lambda: NOW).make_marked() == (1, 0)
            return found

        monkeypatch.setattr(mongo, "find", find)
        assert await SummaryKeeper(mongo, lambda: NOW).make_marked() == (0, 1)
        assert [one.breaks for one in await model.scoped(EVERYTHING).break_totals(NOW)] == [2]

    loop.run(run())


def test_unexplained_entries_are_added_up_by_currency(loop: asyncio.Runner, mongo: Mongo, model: ReadModel) -> None:
    unexplained = BreakClass.BANK_ENTRY_UNEXPLAINED

    async def run() -> None:
        await written(
            mongo,
            arrived("breaks", alert(1, "bank_entry", "A/1", break_class=unexplained, currency="EUR"), 1),
            arrived("payouts", payout(1, status="in_transit", deposited_minor=0), 1),
            arrived("payouts", payout(2, status="exception", deposited_minor=3), 2),
            arrived("payouts", payout(3, status="reconciled", deposited_minor=0), 3),
        )
        assert [tuple(one) for one in await model.scoped(EVERYTHING).whereabouts()] == [
            ("EUR", 0, 0, 0, 0, 10), ("USD", 10, 3, 5, 2, 0),
        ]  # fmt: skip

    loop.run(run())
