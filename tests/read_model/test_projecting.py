"""Writes to MongoDB, over a real socket: in any order, twice, concurrently, with documents that it refuses."""

import asyncio
import hashlib
import random
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import bson
import pymongo
import pytest

import read_model.encoding
import read_model.mongo
from domain.records import InstallmentView, ObligationReconciliation, PaymentReconciliation, Posted, Settled
from read_model.documents import INDEXES, KINDS, document_of, kind_of, record_of
from read_model.mongo import Driver, Index, Mongo, MongoConfigError, MongoUnavailable
from read_model.projector import received
from read_model.queries import ObligationQuery, ReadModel
from read_model.writer import POISONED_BYTES_KEPT, ReadModelWriter, ReceivedRecord
from simulator.compare import compare
from streams import topics
from streams.broker.reading import ConsumedRecord
from streams.codec.codec import Codec
from tests.kit.environment import TEST_SEED
from tests.kit.mongo import MongoServer
from tests.kit.projected import (
    faults_of,
    found_in,
    gone_of,
    month,
    obligation,
    parts,
    record_of_kind,
    rows_of,
    tombstone,
)

NOW = 1_785_000_000_000_000
SEED = TEST_SEED or 1


def clock() -> int:
    return NOW


def test_each_record_survives_the_conversion_to_a_document():
    arrived = [one for one in month(SEED, 25, 5).arrived if one.record is not None]
    assert {kind_of(one.record) for one in arrived} == set(KINDS)
    for one in arrived:
        assert record_of(type(one.record), document_of(one.record)) == one.record


def test_order_duplicates_and_batches_do_not_matter(mongo_server: MongoServer, driver: Driver):
    """Two concurrent writers, each with all records in an order of its own."""
    story = month(SEED, 25, 5)
    rows, gone = rows_of(story.arrived), gone_of(story.arrived)
    assert any(len([row for row in some if row[key] == some[0][key]]) > 2 for key, some in
               (("obligation_id", rows["obligations"]), ("payment_id", rows["payments"])))  # fmt: skip
    for seed in range(SEED, SEED + 2):
        rng = random.Random(seed)
        mongo = Mongo(mongo_server.url, f"{driver}{seed}", timeout_s=20, driver=driver)

        async def write(sent, client=mongo):
            writer = ReadModelWriter(client, clock)
            await writer.prepare()
            for part in sent:
                await writer.write(part)

        async def both(random_=rng, client=mongo, act=write):
            await asyncio.gather(act(parts(story.arrived, random_)), act(parts(story.arrived, random_)))
            assert await faults_of(client, rows, gone=gone) == [], f"RENTMATCH_TEST_SEED={SEED}"
            assert compare(story.truth, await found_in(client)) == []
            assert await client.find("poisoned", {}) == []
            await client.close()

        asyncio.run(both())


def test_an_older_version_changes_nothing_and_is_counted(loop, mongo: Mongo):
    async def run():
        writer = ReadModelWriter(mongo, clock)
        await writer.prepare()
        first = await writer.write([obligation(version=5, paid_minor=5), obligation("O-2", 1)])
        assert first == {
            ("obligations", "written"): 2, ("obligations", "older"): 0,
            ("obligations_history", "written"): 2, ("obligations_history", "older"): 0,
        }  # fmt: skip
        second = await writer.write([obligation(version=4, paid_minor=4), obligation("O-2", 2)])
        assert (second["obligations", "written"], second["obligations", "older"]) == (1, 1)
        again = await writer.write([obligation(version=5, paid_minor=5)])
        assert (again["obligations", "written"], again["obligations", "older"]) == (0, 1)
        assert (await mongo.find_one("obligations", "O-1"))["paid_minor"] == 5
        history = await mongo.find("obligations_history", {"key": "O-1"}, sort=[("version", -1)])
        assert [document["_id"] for document in history] == ["O-1@5", "O-1@4"]

    loop.run(run())


HISTORY_OF_A_KEY = (
    obligation(version=1),
    obligation(version=2),
    tombstone(offset=3),
    obligation(version=4),
    tombstone(offset=5),
)
"""Published, changed, taken back, published again, taken back again."""


@pytest.mark.parametrize("length", range(1, len(HISTORY_OF_A_KEY) + 1))
def test_a_tombstone_ends_what_was_before_it_in_whatever_order_they_come(loop, mongo: Mongo, length: int):
    """Each writer has the records in an order of its own, one by one or together, some twice."""
    told = HISTORY_OF_A_KEY[:length]

    async def run():
        model = ReadModel(mongo)
        for number, order in enumerate(permutations(told)):
            writer = ReadModelWriter(mongo, clock)
            await mongo.delete("obligations", {"_id": "O-1"})
            for batch in [[one] for one in (*order, order[0])] if number % 2 else [[*order, order[-1]]]:
                await writer.write(batch)
            found = await model.get_obligation("O-1")
            assert found == told[-1].record, [(one.offset, one.is_tombstone) for one in order]
            assert len(await model.list_obligations(ObligationQuery(), limit=9)) == (told[-1].record is not None)
        versions = await model.list_versions(ObligationReconciliation, "O-1", limit=9)
        assert [one.version for one in versions] == [one.offset for one in told if one.record is not None][::-1]

    loop.run(run())


def test_deletions_are_counted_and_a_replay_deletes_nothing_again(loop, mongo: Mongo):
    async def run():
        writer = ReadModelWriter(mongo, clock)
        assert await writer.write([obligation(version=1), obligation("O-2", 2)]) == {
            ("obligations", "written"): 2, ("obligations", "older"): 0,
            ("obligations_history", "written"): 2, ("obligations_history", "older"): 0,
        }  # fmt: skip
        deleted = {("obligations", "deleted"): 1, ("obligations", "older"): 0}
        assert await writer.write([tombstone(offset=3)]) == deleted
        assert await writer.write([tombstone(offset=3)]) == {("obligations", "deleted"): 0, ("obligations", "older"): 1}
        # A projector that lost the partition still has the first record in hand.
        late = await writer.write([obligation(version=1)])
        assert (late["obligations", "written"], late["obligations", "older"]) == (0, 1)
        assert [one["_id"] for one in await mongo.find("obligations", {"gone": None})] == ["O-2"]
        assert (await writer.write([obligation(version=4)]))["obligations", "written"] == 1
        # The whole topic once more: the tombstone is before what stands now, so not even a moment passes without it.
        assert (await writer.write([tombstone(offset=3)]))["obligations", "older"] == 1
        assert (await mongo.find_one("obligations", "O-1"))["version"] == 4
        # In a partition of another topic, offsets have begun anew.
        moved = replace(obligation(version=9), partition=3, offset=0)
        await writer.write([tombstone(offset=5), moved])
        assert (await mongo.find_one("obligations", "O-1"))["version"] == 9

    loop.run(run())


def test_a_document_of_an_earlier_version_is_read_and_deleted(loop, mongo: Mongo):
    """It has neither a place nor the fields that were added since."""
    payment = PaymentReconciliation(
        payment_id="P-1", version=7, status="settled", currency="USD", initiated=None,
        settled=Settled(5, 0, 5, 0, 0, 0, 5), posted=Posted(0, {}), open_breaks=(), rests_on=NOW,
    )  # fmt: skip
    document = document_of(payment)
    for name in ("in_flight_minor", "allocations"):
        del document[name]

    async def run():
        await mongo.put("payments", [document])
        assert await ReadModel(mongo).get_payment("P-1") == payment
        gone = ReceivedRecord("payments", "payment-reconciliations", 0, 12, b"P-1", None, None)
        assert (await ReadModelWriter(mongo, clock).write([gone]))["payments", "deleted"] == 1
        assert await ReadModel(mongo).get_payment("P-1") is None

    loop.run(run())


def test_a_null_value_without_a_key_is_put_aside_and_one_with_a_key_is_a_tombstone():
    codec = Codec()

    def arrived(key: bytes | None) -> ReceivedRecord:
        topic = topics.PAYMENT_RECONCILIATIONS
        return received(codec, ConsumedRecord(topic, topic.name, 0, 1, None, key, None, ()))

    assert arrived(b"P-1").is_tombstone
    for key in (None, b"\xff"):
        assert not arrived(key).is_tombstone
        assert arrived(key).reason


def test_of_concurrent_inserts_of_one_key_the_newest_wins(loop, mongo: Mongo):
    """Any of the upserts may insert first, so a duplicate key does not prove that the existing document is newer."""

    async def run():
        for key in range(20):
            versions = list(range(1, 9))
            random.Random(key).shuffle(versions)
            await asyncio.gather(
                *(mongo.put_newest("obligations", [{"_id": str(key), "version": version}]) for version in versions)
            )
            assert (await mongo.find_one("obligations", str(key)))["version"] == 8

    loop.run(run())


def test_ids_may_contain_characters_that_field_names_must_not(loop, mongo: Mongo, mongo_server, mongo_database):
    view = InstallmentView("first.$x", 20_635, 1_000, {"$P.1": 3, "P.2\0": 1 << 53 | 1}, {"": 4})
    one = obligation("O.$1", 7, installments=(view,))

    async def run():
        await ReadModelWriter(mongo, clock).write([one])
        assert record_of(ObligationReconciliation, await mongo.find_one("obligations", "O.$1")) == one.record

    loop.run(run())
    with pymongo.MongoClient(mongo_server.url) as client:
        raw = client[mongo_database]["obligations"].find_one({"_id": "O.$1"})
    assert raw["installments"] == [
        {
            "installment_id": "first.$x", "due_date": 20_635, "amount_minor": 1_000,
            "paid": [{"id": "$P.1", "amount_minor": 3}, {"id": "P.2\0", "amount_minor": 1 << 53 | 1}],
            "pending": [{"id": "", "amount_minor": 4}],
        }
    ]  # fmt: skip


def test_numbers_are_sent_as_int64(loop, monkeypatch, mongo: Mongo):
    """The test server does not keep the types of numbers, so the sent bytes are checked."""
    sent = []
    real = read_model.encoding.RawBSONDocument
    monkeypatch.setattr(read_model.encoding, "RawBSONDocument", lambda raw: sent.append(raw) or real(raw))
    loop.run(ReadModelWriter(mongo, clock).write([obligation(version=7, posted_minor=-1)]))
    document = bson.decode(sent[-1])
    numbers = {name: value for name, value in document.items() if isinstance(value, int) and value is not True}
    assert len(numbers) == 11
    assert {type(value) for value in numbers.values()} == {bson.Int64}


def test_an_oversized_document_is_put_aside(loop, mongo: Mongo, caplog):
    plan = tuple(
        InstallmentView(
            f"{number:05}" + "x" * 500, 20_635, 1, {f"p{number}" + "y" * 480: 1}, {f"q{number}" + "y" * 700: 1}
        )
        for number in range(10_000)
    )
    large = obligation("large", 3, installments=plan)

    async def run():
        writer = ReadModelWriter(mongo, clock)
        outcomes = await writer.write([obligation("before", 1), large, obligation("after", 2)])
        assert outcomes["obligations", "written"] == 2
        assert (outcomes["obligations", "poisoned"], outcomes["obligations_history", "poisoned"]) == (1, 0)
        assert {document["_id"] for document in await mongo.find("obligations", {})} == {"before", "after"}
        (aside,) = await mongo.find("poisoned", {})
        assert "no document of more than 16777216" in aside.pop("reason")
        assert aside == {
            "_id": "obligation-reconciliations:0:3", "topic": "obligation-reconciliations", "partition": 0, "offset": 3,
            "collection": "obligations", "key_base64": b64encode(b"large").decode(),
            "value_base64": b64encode(large.value[:POISONED_BYTES_KEPT]).decode(),
            "value_bytes": len(large.value), "value_sha256": hashlib.sha256(large.value).hexdigest(),
            "put_aside_at": NOW,
        }  # fmt: skip
        await writer.write([large])
        assert len(await mongo.find("poisoned", {})) == 1

    loop.run(run())
    assert "obligation-reconciliations:0:3" in caplog.text


@pytest.mark.parametrize("whole", [False, True], ids=["by its own error", "with its whole command"])
def test_a_refused_document_is_found_by_bisection(loop, mongo: Mongo, mongo_server: MongoServer, whole: bool):
    mongo_server.refuse("bad", code=10334 if whole else 121, whole=whole)
    arrived = [obligation(f"bad-{n}" if n in {3, 4, 37} else f"O-{n}", n) for n in range(1, 41)]

    async def run():
        writer = ReadModelWriter(mongo, clock)
        outcomes = await writer.write(arrived)
        assert (outcomes["obligations", "written"], outcomes["obligations", "poisoned"]) == (37, 3)
        again = await writer.write(arrived)
        assert (again["obligations", "older"], again["obligations", "poisoned"]) == (37, 3)
        aside = await mongo.find("poisoned", {}, sort=[("offset", 1)])
        assert [document["offset"] for document in aside] == [3, 4, 37]

    loop.run(run())


def test_an_undecodable_record_is_put_aside(loop, mongo: Mongo):
    odd = ReceivedRecord(
        "breaks", "mismatch-alerts", 1, 7, None, b"\xc3\x01nonsense", None, "unknown_schema: no known schema"
    )

    async def run():
        outcomes = await ReadModelWriter(mongo, clock).write([odd, obligation()])
        assert outcomes["breaks", "poisoned"] == outcomes["obligations", "written"] == 1
        aside = await mongo.find_one("poisoned", "mismatch-alerts:1:7")
        assert (aside["reason"], aside["key_base64"]) == (odd.reason, None)
        assert b64decode(aside["value_base64"]) == odd.value

    loop.run(run())


@pytest.mark.parametrize(
    ("code", "message"), [(10107, "not primary"), (189, "stepped down"), (13, "not authorized"), (50, "too slow")]
)
def test_a_failover_is_unavailability_and_poisons_nothing(
    loop, mongo: Mongo, mongo_server: MongoServer, code: int, message: str
):
    async def run():
        writer = ReadModelWriter(mongo, clock)
        mongo_server.fail(code, message)
        with pytest.raises(MongoUnavailable, match=message):
            await writer.write([obligation()])
        mongo_server.refuse("O-1", code=code)  # the same code, as an error of the document
        with pytest.raises(MongoUnavailable):
            await writer.write([obligation()])
        mongo_server.heal()
        assert (await writer.write([obligation()]))["obligations", "written"] == 1
        assert await mongo.find("poisoned", {}) == []

    loop.run(run())


def test_replacing_a_collection_is_atomic_for_readers(loop, mongo: Mongo):
    async def run():
        documents = [{"_id": str(n), "version": 1, "obligation_ids": ["O"]} for n in range(50)]
        await mongo.ensure_indexes("payments", INDEXES["payments"])
        await mongo.put_newest("payments", documents)
        done = asyncio.Event()

        async def read():
            answers = 0
            while not done.is_set():
                assert len(await mongo.find("payments", {"obligation_ids": {"$in": ["O"]}})) == 50
                answers += 1
            return answers

        reading = asyncio.create_task(read())
        for _ in range(5):
            await mongo.ensure_indexes("payments_rebuild", INDEXES["payments"])
            await mongo.put_newest("payments_rebuild", documents)
            await mongo.replace_collection("payments_rebuild", "payments")
            await mongo.replace_collection("payments_rebuild", "payments")  # again: no effect
        done.set()
        assert await reading > 5
        assert "payments_rebuild" not in await mongo.collections()
        await mongo.ensure_indexes("payments", INDEXES["payments"])

    loop.run(run())


def test_a_lease_is_exclusive_until_it_expires(loop, mongo: Mongo):
    async def run():
        stale = {"told_at": {"$lt": 5}}
        assert await mongo.acquire_lease("rebuilds", {"_id": "x", "who": "a", "told_at": 4}, stale)
        assert await mongo.acquire_lease("rebuilds", {"_id": "x", "who": "b", "told_at": 9}, stale)
        assert not await mongo.acquire_lease("rebuilds", {"_id": "x", "who": "a", "told_at": 9}, stale)
        assert (await mongo.find_one("rebuilds", "x"))["who"] == "b"

    loop.run(run())


@pytest.mark.parametrize("url", ["http://localhost", "mongodb://", "mongodb://host:port/", "mongodb://u:p:q@host/"])
def test_the_error_of_an_invalid_url_has_no_password(url: str):
    with pytest.raises(MongoConfigError) as caught:
        Mongo(url, "rentmatch")
    assert "p:q" not in str(caught.value)


def test_every_kind_has_records_and_indexes():
    arrived = month(SEED, 25, 5).arrived
    for kind in KINDS:
        assert kind_of(record_of_kind(arrived, kind)) == kind
    assert all(isinstance(index, Index) for indexes in INDEXES.values() for index in indexes)


def test_one_module_knows_the_driver_and_one_its_bytes():
    root = Path(read_model.mongo.__file__).parents[1]
    knowing = {
        path.relative_to(root).as_posix()
        for room in ("agents", "app.py", "domain", "gateway", "ops", "read_model", "sinks", "streams", "tables")
        for path in ([root / room] if room.endswith(".py") else (root / room).rglob("*.py"))
        if re.search(r"^\s*(from|import) (motor|pymongo|bson)\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert knowing == {"read_model/encoding.py", "read_model/mongo.py"}
