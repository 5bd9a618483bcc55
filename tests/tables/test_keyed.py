"""Which states a table keeps in memory."""

from streams.topology import PAYMENTS
from streams.transport.commit import Commit
from tables.keyed import KeyedTable
from tables.memory import FACT_BYTES, decoded_bytes
from tests.kit.memory import MemoryStore


def table_with(*keys: str) -> KeyedTable:
    table = KeyedTable(PAYMENTS, MemoryStore())
    table.assigned([0])
    table.entries(0, list(keys))
    return table


def kept(table: KeyedTable) -> list[str]:
    return list(table._entries[0])


def test_the_least_recently_used_states_are_released_first() -> None:
    table = table_with("a", "b", "c", "d")
    table.entries(0, ["a"])
    list(table.release(table.decoded_bytes // 2))
    assert kept(table) == ["d", "a"]
    assert table.decoded_bytes == 2 * decoded_bytes(0)


def test_what_the_open_transaction_changed_stays() -> None:
    table = table_with("a", "b", "c", "d")
    table.mark_dirty(0, table.entries(0, ["b", "b"]))
    assert table.dirty_bytes == decoded_bytes(0) + 2 * FACT_BYTES
    assert table.decoded_bytes == 4 * decoded_bytes(0) + 2 * FACT_BYTES
    list(table.release(table.decoded_bytes))
    assert kept(table) == ["b"]
    assert table.decoded_bytes == table.dirty_bytes


def test_a_commit_measures_what_it_writes() -> None:
    table = table_with("a", "b")
    (entry,) = table.entries(0, ["a"])
    table.mark_dirty(0, [entry] * 50)
    table.grow(entry, 10_000)
    assert table.dirty_bytes == entry.memory_bytes == decoded_bytes(10_000) + 50 * FACT_BYTES
    commit = Commit()
    writer = table.writer(commit, 0)
    writer.write(entry, 7)
    writer.close()
    table.flushed()
    assert commit.keys == 1
    assert (entry.is_dirty, table.dirty_bytes) == (False, 0)
    assert table.decoded_bytes == decoded_bytes(entry.packed_bytes) + decoded_bytes(0) < decoded_bytes(1_000)
