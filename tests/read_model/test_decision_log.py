"""Decisions in the read model: in any order, by each filter, who may approve what, and what is withdrawn."""

import asyncio
import random
from typing import Any

import pytest

from domain.facts import BreakDecided
from domain.records import DecisionOnBreak, DecisionState
from read_model.documents import RecordPlace
from read_model.mongo import Mongo
from read_model.projector import received
from read_model.queries import ReadModel
from read_model.scope import EVERYTHING, Scope
from read_model.selections import DecisionSelection
from read_model.writer import ReadModelWriter, ReceivedRecord
from streams import topics
from streams.broker.reading import ConsumedRecord
from streams.codec.codec import Codec
from tests.kit.projected import obligation
from tests.read_model.test_scoped import NOW, alert, arrived

BREAKS = {
    number: alert(
        number, "obligation", f"O-{number}",
        decision=DecisionOnBreak(DecisionState.ACCEPT_REQUESTED, actor, NOW + at, None, "r", None, None),
    )
    for number, actor, at in ((1, "ana", 3), (2, "ben", 5), (3, "ana", 6))
}  # fmt: skip


def decided(number: int, action: Any, actor: str, of: int = 1, **changes: Any) -> BreakDecided:
    fields: dict[str, Any] = {
        "event_id": f"e{number}", "occurred_at": NOW + number, "decision_id": f"d{number}", "key_kind": "obligation",
        "key": f"O-{of}", "break_id": BREAKS[of].break_id, "action": action, "actor": actor, "reason": "because",
    }  # fmt: skip
    return BreakDecided(**{**fields, **changes})


ACCEPT: dict[str, Any] = {"break_class": "posting_missing", "drift_minor": 10, "evidence": "f" * 32}
DECISIONS = (
    decided(1, "ACKNOWLEDGE", "ana", until=NOW + 99),
    decided(2, "ASSIGN", "ben", assignee="ana"),
    decided(3, "ACCEPT", "ana", **ACCEPT),
    decided(4, "WITHDRAW", "ana", refers_to="d1"),
    decided(5, "ACCEPT", "ben", 2, **ACCEPT),
    decided(6, "ACCEPT", "ana", 3, **ACCEPT),
    decided(7, "COMMENT", "ana", 2, decision_id="d1"),
)


def read(decision: BreakDecided, offset: int) -> ReceivedRecord:
    """A decision as the projector decodes it."""
    codec, topic = Codec(), topics.DECISIONS
    value = codec.encode(decision, topic.name)
    return received(codec, ConsumedRecord(topic, topic.name, 0, offset, None, b"k", value, ()))


@pytest.fixture
def model(mongo: Mongo, loop: asyncio.Runner) -> ReadModel:
    async def write() -> ReadModel:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        await writer.write([read(one, at) for at, one in enumerate(DECISIONS)])
        await writer.write([arrived("breaks", one, number) for number, one in BREAKS.items()])
        await writer.write([obligation(f"O-{number}", property_id=f"H{number}") for number in (1, 2)])
        return ReadModel(mongo)

    return loop.run(write())


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        ({}, [7, 6, 5, 4, 3, 2, 1]),
        ({"actor": "ben"}, [5, 2]),
        ({"action": "ACCEPT"}, [6, 5, 3]),
        ({"key": "O-2"}, [7, 5]),
        ({"break_id": BREAKS[3].break_id}, [6]),
        ({"at_from": NOW + 2, "at_before": NOW + 4}, [3, 2]),
        ({"waiting_for": "ben"}, [6, 3]),
        ({"waiting_for": "ana"}, [5]),
        ({"waiting_for": "cleo"}, [6, 5, 3]),
        ({"waiting_for": "cleo", "actor": "ben"}, [5]),
        ({"waiting_for": "ben", "actor": "ben"}, []),
        ({"waiting_for": "cleo", "break_id": BREAKS[2].break_id}, [5]),
        ({"waiting_for": "cleo", "action": "COMMENT"}, []),
    ],
)
def test_decisions_by_each_filter_the_latest_first(
    loop: asyncio.Runner, model: ReadModel, filters: dict[str, Any], numbers: list[int]
) -> None:
    async def run() -> None:
        everything, only = model.scoped(EVERYTHING), DecisionSelection(**filters)
        first = await everything.list_decisions(only, limit=1)
        assert first.has_next is (len(numbers) > 1)
        rest = await everything.list_decisions(only, after=first.cursors[0], limit=99) if first.rows else first
        assert [row.decision for row in (first.rows + rest.rows)[: len(numbers)]] == [DECISIONS[n - 1] for n in numbers]

    loop.run(run())


def test_what_is_withdrawn_and_whose_it_is(loop: asyncio.Runner, model: ReadModel) -> None:
    async def run() -> None:
        rows = (await model.scoped(EVERYTHING).list_decisions(DecisionSelection(), limit=99)).rows
        assert [row.decision for row in rows if row.withdrawn] == [DECISIONS[0]]
        assert {row.decision.key: row.property_ids for row in rows} == {"O-1": ("H1",), "O-2": ("H2",), "O-3": ()}
        seen = (await model.scoped(Scope(frozenset({"H2"}))).list_decisions(DecisionSelection(), limit=99)).rows
        assert [row.decision for row in seen] == [DECISIONS[6], DECISIONS[4]]
        of_breaks = await model.scoped(EVERYTHING).decisions_of_breaks([BREAKS[1].break_id, BREAKS[2].break_id, "x"], 2)
        assert [[row.decision for row in some] for some in of_breaks.values()] == [
            [DECISIONS[3], DECISIONS[2]], [DECISIONS[6], DECISIONS[4]], [],
        ]  # fmt: skip

    loop.run(run())


def test_of_one_identity_the_first_record_holds_in_any_order(loop: asyncio.Runner, mongo: Mongo) -> None:
    same = [
        decided(1, "COMMENT", "ana", event_id=event, occurred_at=NOW + at, reason=reason)
        for event, at, reason in (("b", 5, "x"), ("a", 5, "y"), ("a", -5, "z"), ("c", -5, "w"))
    ]

    async def run() -> None:
        for seed in range(6):
            records = [read(one, at) for at, one in enumerate(same)]
            random.Random(seed).shuffle(records)
            writer = ReadModelWriter(mongo, lambda: 0)
            await mongo.drop("decisions")
            await writer.prepare()
            for start in (0, 1, 3):
                await writer.write(records[start : start + 2])
            (row,) = (await ReadModel(mongo).scoped(EVERYTHING).list_decisions(DecisionSelection(), limit=9)).rows
            assert row.decision.reason == "z"

    loop.run(run())


def test_what_the_workers_make_a_dead_letter_is_no_decision(loop: asyncio.Runner, mongo: Mongo) -> None:
    async def run() -> None:
        odd = received(Codec(), ConsumedRecord(topics.DECISIONS, "decisions", 0, 1, None, b"k", b"nonsense", ()))
        assert odd.place == RecordPlace("decisions:0", 1)
        empty = received(Codec(), ConsumedRecord(topics.DECISIONS, "decisions", 0, 2, None, b"k", None, ()))
        outcomes = await ReadModelWriter(mongo, lambda: 0).write([odd, read(DECISIONS[0], 3), empty])
        assert (outcomes["decisions", "invalid"], outcomes["decisions", "written"]) == (2, 1)
        assert await mongo.find("poisoned", {}) == []

    loop.run(run())
