"""The store on disk and its stand-in in memory keep the same rules."""

import subprocess
import sys
from pathlib import Path

import pytest

from domain.time import FAR_FUTURE
from streams.transport.commit import StateChange
from tables.store import TALLY_KEY, Store, TablePartition, instant_bytes
from tests.kit.memory import MemoryStore

HERE, THERE = TablePartition(b"p", 3), TablePartition(b"o", 3)


@pytest.fixture(params=["disk", "memory"])
def store(request, tmp_path):
    made = Store(tmp_path / "store", "changelogs") if request.param == "disk" else MemoryStore()
    yield made
    made.close()


def value(deadline, text):
    return instant_bytes(deadline) + text


def test_a_written_value_is_found_by_partition_and_key(store):
    store.write(
        [(HERE, [StateChange("a", b"1", 5, FAR_FUTURE)], 10), (THERE, [StateChange("a", b"2", 6, FAR_FUTURE)], 20)]
    )
    assert store.get_many(HERE, ["a", "b"]) == [b"1", None]
    assert store.get(THERE, "a") == b"2"
    assert (store.offset(HERE), store.offset(THERE), store.offset(TablePartition(b"p", 4))) == (10, 20, 0)


def test_deadlines_come_in_the_order_of_time_also_before_1970(store):
    store.write(
        [(HERE, [StateChange(str(at), b"", at, FAR_FUTURE) for at in (7, -3, 0, 2**62, FAR_FUTURE, -(2**61))], 1)]
    )
    assert store.due(HERE, 7, 1_000) == [(-(2**61), str(-(2**61))), (-3, "-3"), (0, "0"), (7, "7")]
    assert store.due(HERE, -4, 1_000) == [(-(2**61), str(-(2**61)))]
    assert store.due(THERE, 7, 1_000) == []


def test_a_deadline_that_moves_is_in_the_index_once(store):
    store.write([(HERE, [StateChange("a", b"1", 5, FAR_FUTURE)], 1)])
    store.write([(HERE, [StateChange("a", b"2", 9, 5)], 2)])
    assert store.due(HERE, 100, 1_000) == [(9, "a")]
    store.write([(HERE, [StateChange("a", b"3", FAR_FUTURE, 9)], 3)])
    assert store.due(HERE, 100, 1_000) == []


def test_recovery_stores_changelog_values_and_a_tombstone_deletes(store):
    store.recover(HERE, [(b"a", value(5, b"x")), (b"b", value(FAR_FUTURE, b"y")), (b"c", value(1, b"z"))], 30)
    store.recover(HERE, [(b"a", value(8, b"w")), (b"c", None)], 40)
    assert store.get_many(HERE, ["a", "b", "c"]) == [value(8, b"w"), value(FAR_FUTURE, b"y"), None]
    assert store.offset(HERE) == 40
    # Old entries may be left behind; whoever asks looks at the state itself.
    assert (8, "a") in store.due(HERE, 100, 1_000)
    store.drop_due(HERE, [(5, "a"), (1, "c")])
    assert store.due(HERE, 100, 1_000) == [(8, "a")]


def test_dropping_a_partition_keeps_the_others(store):
    neighbour = TablePartition(b"p", 4)
    for place in (HERE, neighbour, THERE):
        store.write([(place, [StateChange("key ÿ", b"1", 5, FAR_FUTURE)], 10)])
    store.forget(HERE)
    assert store.get(HERE, "key ÿ") is None
    assert store.due(HERE, 100, 1_000) == []
    assert store.offset(HERE) == 0
    assert list(store.items(HERE)) == []
    for place in (neighbour, THERE):
        assert list(store.items(place)) == [("key ÿ", b"1")]
        assert store.due(place, 100, 1_000) == [(5, "key ÿ")]
        assert store.offset(place) == 10


def test_a_tally_is_stored_apart_from_the_keys(store):
    assert store.tally(HERE) is None
    last = StateChange("\U0010ffff", b"1", FAR_FUTURE, FAR_FUTURE)
    store.write([(HERE, [last], 10)], {HERE: value(FAR_FUTURE, b"t1")})
    assert store.tally(HERE) == value(FAR_FUTURE, b"t1")
    assert store.tally(THERE) is None
    assert list(store.items(HERE)) == [("\U0010ffff", b"1")]
    store.write([(HERE, [StateChange("a", b"2", 5, FAR_FUTURE)], 11)])
    assert store.tally(HERE) == value(FAR_FUTURE, b"t1")
    # Recovery takes it as it takes any record of the changelog, and the clock never wakes it.
    store.recover(HERE, [(b"a", value(5, b"x")), (TALLY_KEY, value(FAR_FUTURE, b"t2"))], 20)
    assert store.tally(HERE) == value(FAR_FUTURE, b"t2")
    assert store.due(HERE, FAR_FUTURE, 10) == [(5, "a")]
    assert list(store.items(HERE)) == [("a", value(5, b"x")), ("\U0010ffff", b"1")]
    store.forget(HERE)
    assert store.tally(HERE) is None


def test_the_store_is_durable_and_refuses_a_second_process(tmp_path):
    first = Store(tmp_path / "s", "changelogs")
    first.write([(HERE, [StateChange("a", b"1", 5, FAR_FUTURE)], 10)])
    with pytest.raises(Exception, match=r"(?i)lock"):
        Store(tmp_path / "s", "changelogs")
    first.close()
    again = Store(tmp_path / "s", "changelogs")
    assert again.get(HERE, "a") == b"1"
    assert again.due(HERE, 5, 10) == [(5, "a")]
    again.close()


def test_due_deadlines_are_found_after_unrelated_allocations(store):
    for start in range(0, 3_000, 100):
        numbers = range(start, start + 100)
        store.write([(HERE, [StateChange(f"P-{n:07}", b"x" * 300, n, FAR_FUTURE) for n in numbers], start)])
    found = store.due(HERE, 3_000, 2_000)
    assert found == [(n, f"P-{n:07}") for n in range(2_000)]
    junk = [bytes(number % 90) for number in range(20_000)]
    assert len(store.due(HERE, 2_999, 10_000)) == 3_000
    del junk


def test_a_store_of_other_changelogs_is_emptied(tmp_path):
    first = Store(tmp_path / "s", "cluster 1")
    first.write([(HERE, [StateChange("a", b"1", 5, FAR_FUTURE)], 10)])
    first.close()
    other = Store(tmp_path / "s", "cluster 2")
    assert other.get(HERE, "a") is None
    assert other.offset(HERE) == 0
    assert other.first_deadline(HERE) == FAR_FUTURE
    other.close()
    assert Store(tmp_path / "s", "cluster 2").offset(HERE) == 0


def test_a_store_is_kept_when_a_new_version_has_another_changelog(tmp_path):
    first = Store(tmp_path / "s", "cluster a b")
    first.write([(HERE, [StateChange("k", b"1", 5, FAR_FUTURE)], 10)])
    first.close()
    for identity, kept in (("cluster a c b", b"1"), ("cluster a c b", b"1"), ("cluster a d b", None)):
        store = Store(tmp_path / "s", identity)
        assert store.get(HERE, "k") == kept
        store.close()


def test_the_cache_is_as_large_when_a_store_is_opened_again(tmp_path):
    for _ in range(2):
        store = Store(tmp_path / "s", "changelogs", cache_mebibytes=32)
        assert store._db.property_int_value("rocksdb.block-cache-capacity") == 32 << 20
        store.write([(HERE, [StateChange("a", b"1", 5, FAR_FUTURE)], 10)])
        assert store.get(HERE, "a") == b"1"
        store.close()


KILLED = """
import os, sys
from pathlib import Path
from domain.time import FAR_FUTURE
from tables.store import Store, TablePartition, instant_bytes
store = Store(Path(sys.argv[1]), "of these")
value = instant_bytes(FAR_FUTURE) + b"state"
for number, key in enumerate((b"a", b"b"), 1):
    store.recover(TablePartition(b"p", 0), [(key, value)], number, is_logged=False)
    if number == int(sys.argv[2]):
        store.flush()
os._exit(9)
"""


@pytest.mark.parametrize("flushed", [0, 1, 2])
def test_a_crash_loses_what_was_recovered_without_the_log_together_with_its_offset(tmp_path: Path, flushed: int):
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), str(flushed)], check=False, timeout=60)
    store = Store(tmp_path, "of these")
    place = TablePartition(b"p", 0)
    assert ([key for key, _ in store.items(place)], store.offset(place)) == (["a", "b"][:flushed], flushed)
    store.close()


def test_after_a_crash_between_two_parts_of_a_write_offset_and_tally_are_those_before(tmp_path, monkeypatch):
    monkeypatch.setattr("tables.store.WRITTEN_AT_ONCE", 2)
    store = Store(tmp_path, "changelogs")
    before, after = value(FAR_FUTURE, b"t1"), value(FAR_FUTURE, b"t2")
    store.write([(HERE, [StateChange("a", value(5, b"1"), 5, FAR_FUTURE)], 10)], {HERE: before})
    changes = [StateChange(key, value(7, b"2"), 7, 5 if key == "a" else FAR_FUTURE) for key in "abc"]

    def crashing():
        yield from changes
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.write([(HERE, crashing(), 13)], {HERE: after})
    assert [key for key, _ in store.items(HERE)] == ["a", "b"]
    assert (store.offset(HERE), store.tally(HERE)) == (10, before)
    store.recover(HERE, [(key.encode(), value(7, b"2")) for key in "abc"] + [(TALLY_KEY, after)], 14)
    assert list(store.items(HERE)) == [(key, value(7, b"2")) for key in "abc"]
    assert (store.offset(HERE), store.tally(HERE)) == (14, after)
    assert store.due(HERE, 100, 10) == [(7, "a"), (7, "b"), (7, "c")]
    store.write([(HERE, changes[:0], 15), (THERE, changes, 3)])
    assert (store.offset(HERE), store.offset(THERE), len(list(store.items(THERE)))) == (15, 3, 3)
    store.close()
