"""What waits in a table for the next commit, and what a commit writes of it."""

from domain.facts import PaymentFact
from domain.payments.state import PaymentState, apply
from domain.time import FAR_FUTURE
from streams.topology import PAYMENTS
from streams.transport.commit import Commit
from tables.keyed import READ_AT_ONCE, KeyedTable
from tables.memory import FACT_BYTES, KEY_BYTES
from tables.store import TablePartition
from tests.kit.build_scenario import initiated, outcome
from tests.kit.memory import MemoryStore

PLACE = TablePartition(PAYMENTS.id, 0)


def table_of(store: MemoryStore) -> KeyedTable[PaymentState]:
    table: KeyedTable[PaymentState] = KeyedTable(PAYMENTS, store)
    table.assigned([0])
    return table


def committed(table: KeyedTable[PaymentState], store: MemoryStore, deadline: int = FAR_FUTURE) -> Commit:
    """Apply what waits, and bring it into the store."""
    commit = Commit()
    for partition, entries in table.settle():
        writer = table.writer(commit, partition)
        for entry, waiting in entries:
            for fact in waiting[1::2]:
                apply(entry.state, fact)
            writer.write(entry, deadline)
        writer.close()
    commit.changelog_ends = {(write.changelog, write.partition): 1 for write in commit.table_writes}
    store.apply(commit)
    table.committed()
    return commit


def add(table: KeyedTable[PaymentState], *facts: PaymentFact) -> None:
    table.add(0, [fact.payment_id or "" for fact in facts], facts, "here")


def test_facts_wait_with_their_key_each_behind_its_origin() -> None:
    table = table_of(MemoryStore())
    first, second, other = initiated("P-1"), outcome(payment="P-1"), initiated("P-2")
    add(table, first, other)
    table.add(0, ["P-1"], [second], "there")
    assert (table.waiting(), table.waiting_bytes) == (2, 3 * FACT_BYTES + 2 * KEY_BYTES)
    [(partition, entries)] = table.settle()
    assert partition == 0
    assert [(entry.key, entry.is_due, waiting) for entry, waiting in entries] == [
        ("P-1", False, ["here", first, "there", second]),
        ("P-2", False, ["here", other]),
    ]
    assert (table.waiting(), table.waiting_bytes) == (0, 0)


def test_a_state_is_read_from_the_store_each_time() -> None:
    store = MemoryStore()
    table = table_of(store)
    add(table, initiated("P-1"))
    assert committed(table, store).keys == 1
    add(table, outcome(payment="P-1"))
    [(_, entries)] = table.settle()
    [(entry, _)] = entries
    assert entry.state.initiation is not None
    assert entry.state.attempts == {}
    assert entry.packed_bytes == len(store.get(PLACE, "P-1") or b"")


def test_more_keys_than_are_read_at_once_all_come_once() -> None:
    table = table_of(MemoryStore())
    ids = [f"P-{number}" for number in range(2 * READ_AT_ONCE + 1)]
    add(table, *map(initiated, ids))
    [(_, entries)] = table.settle()
    assert [entry.key for entry, _ in entries] == ids


def test_a_key_waits_when_its_deadline_has_passed() -> None:
    store = MemoryStore()
    table = table_of(store)
    add(table, initiated("P-1"), initiated("P-2"))
    committed(table, store, deadline=10)
    add(table, outcome(payment="P-2"))
    assert list(table.fire_deadlines(0, 9)) == []
    assert table.waiting() == 1
    assert len(list(table.fire_deadlines(0, 10))) == 1
    [(_, entries)] = table.settle()
    assert sorted((entry.key, entry.is_due, len(waiting)) for entry, waiting in entries) == [
        ("P-1", True, 0), ("P-2", True, 2),
    ]  # fmt: skip


def test_an_outdated_entry_of_the_index_fires_nothing() -> None:
    store = MemoryStore()
    table = table_of(store)
    add(table, initiated("P-1"))
    committed(table, store, deadline=10)
    store._index[PLACE] |= {(5, "P-1"), (6, "P-9")}  # as recovery leaves them
    list(table.fire_deadlines(0, 7))
    assert table.waiting() == 0
    assert store._index[PLACE] == {(10, "P-1")}


def test_what_is_revoked_waits_no_longer() -> None:
    table = table_of(MemoryStore())
    add(table, initiated("P-1"))
    table.revoked()
    assert (table.waiting(), table.waiting_bytes, table.owns(0)) == (0, 0, False)
