"""The audit log: a chain that shows what was changed, that several gateways append to, and that waits for MongoDB."""

import asyncio

import pytest

from gateway.people.audit import COLLECTION, FIRST_HASH, AuditLog, AuditUnavailable, broken_link
from read_model.mongo import Mongo, MongoUnavailable, WriteResult


def entries(loop, mongo):
    return list(reversed(loop.run(AuditLog(mongo, lambda: 0).entries({}, limit=1_000))))


def filled(loop, mongo, clock, count=5) -> AuditLog:
    log = AuditLog(mongo, clock)

    async def fill() -> None:
        for number in range(count):
            clock.now += 1
            await log.record(actor="ana", action="decide.accept", outcome="done", about=f"b-{number}", reason="é\ud800")

    loop.run(fill())
    return log


def test_entries_are_numbered_and_chained(loop, mongo, clock):
    filled(loop, mongo, clock)
    found = entries(loop, mongo)
    assert [entry.number for entry in found] == [1, 2, 3, 4, 5]
    assert [entry.about for entry in found] == [f"b-{number}" for number in range(5)]
    assert found[0].reason == "é?"  # half a surrogate pair cannot be stored
    assert broken_link(found) is None
    assert broken_link(found[2:], before=found[1].hash) is None
    assert broken_link(found[2:], before=FIRST_HASH) == 3


@pytest.mark.parametrize("field", ["at", "actor", "action", "outcome", "about", "reason"])
def test_a_changed_entry_no_longer_fits(loop, mongo, clock, field):
    filled(loop, mongo, clock)
    changed = 1 if field == "at" else "somebody else"
    assert loop.run(mongo.update(COLLECTION, {"_id": 3}, {field: changed}))
    assert broken_link(entries(loop, mongo)) == 3


def test_a_removed_entry_is_missed(loop, mongo, clock):
    filled(loop, mongo, clock)
    loop.run(mongo.delete(COLLECTION, {"_id": 3}))
    assert broken_link(entries(loop, mongo)) == 4


def test_several_gateways_append_to_one_chain(loop, mongo, clock):
    logs = [AuditLog(mongo, clock) for _ in range(3)]

    async def race() -> None:
        await asyncio.gather(
            *(
                log.record(actor=f"a{n}", action="x", outcome="done", about=str(k))
                for n, log in enumerate(logs)
                for k in range(6)
            )
        )

    loop.run(race())
    found = entries(loop, mongo)
    assert broken_link(found) is None
    assert [entry.number for entry in found] == list(range(1, 19))
    for number in range(3):
        assert [entry.about for entry in found if entry.actor == f"a{number}"] == [str(k) for k in range(6)]


class Failing:
    """A MongoDB that fails when told to: before a write, or after it, without an answer."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo
        self.fail = ""

    async def find(self, *words, **more):
        if self.fail:
            raise MongoUnavailable("away")
        return await self._mongo.find(*words, **more)

    async def put_absent(self, *words) -> WriteResult:
        if self.fail == "before":
            raise MongoUnavailable("away")
        done = await self._mongo.put_absent(*words)
        if self.fail == "after":
            raise MongoUnavailable("no answer")
        return done


def test_entries_wait_for_mongodb_and_nothing_may_be_done_meanwhile(loop, mongo, clock):
    failing = Failing(mongo)
    log = AuditLog(failing, clock)

    async def steps() -> None:
        await log.record(actor="ana", action="one", outcome="done")
        failing.fail = "before"
        await log.record(actor="ana", action="two", outcome="done")
        await log.record(actor="ana", action="three", outcome="done")
        assert log.waiting == 2
        with pytest.raises(AuditUnavailable):
            await log.check()
        failing.fail = ""
        await log.check()
        assert log.waiting == 0

    loop.run(steps())
    assert [entry.action for entry in entries(loop, mongo)] == ["one", "two", "three"]
    assert broken_link(entries(loop, mongo)) is None


def test_an_entry_whose_write_was_not_answered_is_not_written_twice(loop, mongo, clock):
    failing = Failing(mongo)
    log = AuditLog(failing, clock)

    async def steps() -> None:
        await log.record(actor="ana", action="one", outcome="done")
        failing.fail = "after"
        await log.record(actor="ana", action="two", outcome="done")
        assert log.waiting == 1
        failing.fail = ""
        await log.record(actor="ana", action="three", outcome="done")

    loop.run(steps())
    assert [entry.action for entry in entries(loop, mongo)] == ["one", "two", "three"]
