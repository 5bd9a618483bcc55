"""Documents are attributed to their properties in any order, and after writers were killed.

tests/read_model/test_projecting.py has a month in any order by two writers at once.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from read_model.mongo import Mongo, MongoUnavailable
from read_model.writer import ReadModelWriter, ReceivedRecord
from tests.kit.environment import TEST_SEED
from tests.kit.projected import misattributed, obligation, tombstone
from tests.read_model.test_scoped import alert, arrived, payment, reference

SEED = TEST_SEED or 1


class Killed(BaseException):
    """SIGKILL, for a writer that is a task."""


class KilledMongo:
    """A client whose process is killed at one of its calls: before the server executes it, or after."""

    def __init__(self, mongo: Mongo, at: int, *, executed: bool) -> None:
        self._mongo = mongo
        self._left = at
        self._executed = executed

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self._left -= 1
            if self._left == 0 and not self._executed:
                raise Killed
            answer = await getattr(self._mongo, name)(*args, **kwargs)
            if self._left <= 0:
                raise Killed
            return answer

        return call


STORY = (
    obligation("O-1", 1, property_id="H1", tenant_id="T1"),
    obligation("O-2", 1, property_id="H2", tenant_id="T2"),
    obligation("O-1", 2, property_id="H9", tenant_id="T1"),
    arrived("payments", payment(1, "O-1"), 0),
    arrived("payments", payment(1, "O-1", "O-2", version=2), 1),
    arrived("payments", payment(2, "O-2"), 2),
    arrived("processor_references", reference(1, "P-2"), 0),
    arrived("breaks", alert(1, "payment", "P-1"), 0),
    arrived("breaks", alert(2, "reference", "acme/ch_1"), 1),
    arrived("breaks", alert(3, "obligation", "O-1"), 2),
    arrived("breaks", alert(4, "payout", "acme/po_1"), 3),
)
RIGHT = {1: ["H2", "H9"], 2: ["H2"], 3: ["H9"], 4: []}


async def of_breaks(mongo: Mongo) -> dict[int, list[str]]:
    return {one["version"]: one["property_ids"] for one in await mongo.find("breaks", {"gone": None})}


@pytest.mark.parametrize("seed", range(2))
def test_a_killed_writer_leaves_nothing_wrong_behind(loop: asyncio.Runner, mongo: Mongo, seed: int) -> None:
    """Each batch is killed at any of its calls to the server, and read again by another writer."""
    rng = random.Random(SEED + seed)

    async def run() -> None:
        await ReadModelWriter(mongo, lambda: 0).prepare()
        story = list(STORY)
        rng.shuffle(story)
        while story:
            size = rng.choice((1, 2, 4))
            batch, story = story[:size], story[size:]
            for kill_at in sorted(rng.sample(range(1, 24), 4)):
                killed: Any = KilledMongo(mongo, kill_at, executed=rng.random() < 0.5)
                with suppress(Killed):
                    await ReadModelWriter(killed, lambda: 0).write(batch)
            await ReadModelWriter(mongo, lambda: 0).write(batch)
        assert await misattributed(mongo) == []
        assert await of_breaks(mongo) == RIGHT
        (moved,) = await mongo.find("breaks", {"version": 3})
        assert moved["groups"] == ["H9"]

    loop.run(run())


def test_what_is_no_more_attributes_nothing(loop: asyncio.Runner, mongo: Mongo) -> None:
    async def run() -> None:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.prepare()
        for one in STORY:
            await writer.write([one])
        assert await of_breaks(mongo) == RIGHT
        await writer.write([tombstone("O-1", 9)])
        assert await of_breaks(mongo) == {1: ["H2"], 2: ["H2"], 3: [], 4: []}
        ended = ReceivedRecord("processor_references", "processor_references", 0, 9, b"acme/ch_1", None, None)
        await writer.write([ended])
        assert (await of_breaks(mongo))[2] == []
        assert await misattributed(mongo) == []

    loop.run(run())


def test_documents_of_an_earlier_version_are_attributed_with_what_they_depend_on(
    loop: asyncio.Runner, mongo: Mongo
) -> None:
    async def run() -> None:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.write(STORY)
        for kind in ("payments", "breaks", "processor_references"):
            for document in await mongo.find(kind, {}):
                for name in ("property_ids", "tenant_ids", "groups", "was_in"):
                    document.pop(name, None)
                await mongo.put(kind, [document])
        await writer.write([obligation("O-1", 3, property_id="H3"), obligation("O-2", 2, property_id="H2")])
        assert await misattributed(mongo) != []  # the break of a payout: only a rebuild writes it again
        await writer.write(STORY[-1:])
        assert await misattributed(mongo) == []
        assert await of_breaks(mongo) == {1: ["H2", "H3"], 2: ["H2"], 3: ["H3"], 4: []}

    loop.run(run())


def test_an_outage_in_between_is_retried(loop: asyncio.Runner, mongo: Mongo, mongo_server: Any) -> None:
    async def run() -> None:
        writer = ReadModelWriter(mongo, lambda: 0)
        await writer.write(STORY[:6])
        mongo_server.fail(10107, "not primary")
        with pytest.raises(MongoUnavailable):
            await writer.write(STORY[6:])
        mongo_server.heal()
        await writer.write(STORY[6:])
        assert await of_breaks(mongo) == RIGHT

    loop.run(run())
