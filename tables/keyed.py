"""The facts that wait for the next settling, key by key, and the states that they are applied to.

Between two commits a worker holds facts, not states. A fact waits with its key until the open transaction is settled.
Then the key's state is read from the store, its facts are applied, and what follows from it is written; the state is
dropped again. So a commit may hold as many keys as their facts have room for, which take a fraction of the states, and
a state is decoded, derived and packed while it is at hand. Store and changelog only ever see a state at a commit; the
store's cache keeps hot keys in memory, packed, at an eighth of their decoded size.
"""

from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from domain.publishing import Published
from domain.time import FAR_FUTURE, FAR_PAST, Micros
from streams.topology import Table
from streams.transport.commit import Commit, StateChange, TableWrite
from tables.memory import FACT_BYTES, KEY_BYTES
from tables.packing import AMONG_VERSION_1, FORMAT, Unpacker, deadline_of, is_outdated, pack
from tables.store import TALLY_KEY, Store, TablePartition
from tables.tallies import Tallies

S = TypeVar("S")

DEADLINES_MAX = 2_000
"""The deadlines of a partition that fire in one commit: a jump of the clock must not make one huge commit."""

READ_AT_ONCE = 200
"""The states that are looked up in the store together, before the event loop may go on."""


class KeyEntry(msgspec.Struct, Generic[S], eq=False, gc=False):
    """A key while it is settled: its state, what was last published for it, and its next deadline."""

    key: str
    state: S
    published: Published
    deadline: Micros
    """The one that the store's index has."""
    packed_bytes: int
    is_due: bool = False
    """Its deadline has passed, or version 1 had a part in it."""
    is_outdated: bool = False
    """Its value was written by version 1, or while version 1 took part, and not again since."""


class Waiting:
    """What waits for the next settling in one partition."""

    __slots__ = ("due", "facts")

    def __init__(self) -> None:
        self.facts: dict[str, list[Any]] = {}
        """By key: facts, each behind its origin. None for a key that is only due."""
        self.due: set[str] = set()
        """Keys that change by the clock."""


class KeyedTable(Generic[S]):
    """A table's partitions on this worker."""

    def __init__(self, spec: Table, store: Store) -> None:
        self.spec = spec
        self._store = store
        self._new = spec.new
        self._unpack: Unpacker[Any] = Unpacker(spec.state)
        self._waiting: dict[int, Waiting] = {}
        """Of each partition that this worker has."""
        self._quiet_until: dict[int, Micros] = {}
        """No key of the partition has a deadline before this: most commits need not search the index."""
        self._upgraded_to: dict[int, str] = {}
        """Of the partitions that may have values of version 1: the last key that was gone through."""
        self.tallies = Tallies()
        self.waiting_bytes = 0
        """About the memory that the waiting facts take."""

    def owns(self, partition: int) -> bool:
        """Whether this worker has that partition."""
        return partition in self._waiting

    def assigned(self, partitions: Iterable[int]) -> None:
        """Own these partitions from now on; their state is in the store."""
        for partition in partitions:
            self._waiting[partition] = Waiting()
            self._quiet_until[partition] = FAR_PAST
            self.tallies.load(partition, self._store.tally(self._place(partition)))
            if self.tallies.committed[partition].format < FORMAT:
                self._upgraded_to[partition] = ""

    def revoked(self) -> None:
        """Forget everything in memory."""
        self._waiting.clear()
        self._quiet_until.clear()
        self._upgraded_to.clear()
        self.tallies.revoked()
        self.waiting_bytes = 0

    def add(self, partition: int, keys: Sequence[str], facts: Sequence[Any], origin: object) -> None:
        """Let facts wait, each with its key.

        Args:
            partition: of all of them.
            keys: of the facts, in their order.
            facts: what the next settling applies.
            origin: where they were read.

        """
        waiting = self._waiting[partition].facts
        known = len(waiting)
        for key, fact in zip(keys, facts, strict=True):
            some = waiting.get(key)
            if some is None:
                waiting[key] = [origin, fact]
            else:
                some.append(origin)
                some.append(fact)
        self.waiting_bytes += FACT_BYTES * len(facts) + KEY_BYTES * (len(waiting) - known)

    def is_settled(self, partition: int, key: str) -> bool:
        """Whether version 1 has no part any more in what the open transaction writes of a key."""
        upgraded_to = self._upgraded_to.get(partition)
        return upgraded_to is None or key <= upgraded_to

    def fire_deadlines(self, partition: int, until: Micros, *, upgrade: bool = True) -> Generator[None, None, bool]:
        """Let keys wait whose deadline is up to `until`, as many as a commit should hold; whether more may be due.

        In steps. Not while a transaction is in flight: the store has to know its deadlines.

        Values that version 1 had a part in are due, too: once each of them has been derived and published again, as far
        as the rules of today say something else of it. That waits until version 1 has none any more (`upgrade`).
        """
        if upgrade and partition in self._upgraded_to and self._upgrade(partition):
            return True
        if until < self._quiet_until[partition]:
            return False
        place = self._place(partition)
        while due := self._store.due(place, until, DEADLINES_MAX):
            outdated = []
            for begin in range(0, len(due), READ_AT_ONCE):
                some = due[begin : begin + READ_AT_ONCE]
                fired = []
                packed = self._store.get_many(place, [key for _, key in some])
                for (deadline, key), value in zip(some, packed, strict=True):
                    if value is not None and deadline_of(value) == deadline:
                        fired.append(key)
                    else:
                        outdated.append((deadline, key))  # recovery leaves outdated index entries
                self._add_due(partition, fired)
                yield
            if outdated:
                self._store.drop_due(place, outdated)
            if len(outdated) < len(due):
                return len(due) == DEADLINES_MAX
        self._quiet_until[partition] = self._store.first_deadline(place)
        return False

    def _add_due(self, partition: int, keys: Sequence[str]) -> None:
        waiting = self._waiting[partition]
        waiting.due.update(keys)
        for key in keys:
            waiting.facts.setdefault(key, [])
        self.waiting_bytes += KEY_BYTES * len(keys)

    def _upgrade(self, partition: int) -> bool:
        """Let the next keys wait whose values version 1 had a part in; whether there may be more."""
        page = self._store.items_after(self._place(partition), self._upgraded_to[partition], DEADLINES_MAX)
        keys = [key for key, value in page if is_outdated(value)]
        if len(page) == DEADLINES_MAX:
            self._upgraded_to[partition] = page[-1][0]
        else:
            del self._upgraded_to[partition]
            self.tallies.open(partition).format = FORMAT
            keys += [key for key, _ in page[-1:] if key not in keys]  # so that the tally is written
        self._add_due(partition, keys)
        return partition in self._upgraded_to

    def waiting(self) -> int:
        """The number of keys that wait."""
        return sum([len(waiting.facts) for waiting in self._waiting.values()])

    def settle(self) -> Iterator[tuple[int, Iterator[tuple[KeyEntry[S], list[Any]]]]]:
        """Go through all that waits: each partition that has anything, with its keys and their facts.

        Not while a transaction is in flight: what it changed is not in the store before its end. Facts that are passed
        on wait no longer.
        """
        for partition, waiting in self._waiting.items():
            if waiting.facts:
                self._waiting[partition] = Waiting()
                yield partition, self._entries(partition, waiting)
        self.waiting_bytes = 0

    def _entries(self, partition: int, waiting: Waiting) -> Iterator[tuple[KeyEntry[S], list[Any]]]:
        place = self._place(partition)
        facts, due = waiting.facts, waiting.due
        keys = list(facts)
        for begin in range(0, len(keys), READ_AT_ONCE):
            some = keys[begin : begin + READ_AT_ONCE]
            for key, packed in zip(some, self._store.get_many(place, some), strict=True):
                entry = self._entry(key, packed)
                if key in due:
                    entry.is_due = True
                yield entry, facts.pop(key)

    def committed(self) -> None:
        """The transaction is committed and in the store."""
        self.tallies.committed_now()

    def entry(self, partition: int, key: str) -> KeyEntry[S]:
        """A key as it is in the store, for readers."""
        return self._entry(key, self._store.get(self._place(partition), key))

    def writer(self, commit: Commit, partition: int) -> "ChangelogWriter[S]":
        """Return what writes the settled keys of a partition into a commit."""
        return ChangelogWriter(self, commit, partition)

    def _place(self, partition: int) -> TablePartition:
        return TablePartition(self.spec.id, partition)

    def _entry(self, key: str, packed: bytes | None) -> KeyEntry[S]:
        if packed is None:
            return KeyEntry(key, self._new(key), Published(), FAR_FUTURE, 0)
        state, published = self._unpack(packed)
        return KeyEntry(
            key, state, published, deadline_of(packed), len(packed), is_due=False, is_outdated=is_outdated(packed)
        )


class ChangelogWriter(Generic[S]):
    """Writes the settled keys of one partition into a commit, for the changelog and for the store."""

    def __init__(self, table: KeyedTable[S], commit: Commit, partition: int) -> None:
        self._table = table
        self._commit = commit
        self._partition = partition
        self._changes: list[StateChange] = []
        self._upgraded_to = table._upgraded_to.get(partition)
        self._quiet_until = table._quiet_until[partition]

    def write(self, entry: KeyEntry[S], deadline: Micros) -> None:
        """Write an entry, with its next deadline: FAR_FUTURE where there is none."""
        among_version_1 = self._upgraded_to is not None and entry.key > self._upgraded_to
        format_ = AMONG_VERSION_1 if among_version_1 else FORMAT
        value = pack(deadline, entry.state, entry.published, format_)
        self._commit.send(self._table.spec.changelog, self._partition, entry.key.encode(), value)
        self._changes.append(StateChange(entry.key, value, deadline, entry.deadline))
        self._quiet_until = min(self._quiet_until, deadline)

    def close(self) -> None:
        """Write the partition's tally, and hand everything to the local store."""
        table, spec = self._table, self._table.spec
        table._quiet_until[self._partition] = self._quiet_until
        tally = table.tallies.changed(self._partition)
        if tally is not None:
            self._commit.send(spec.changelog, self._partition, TALLY_KEY, tally)
        if self._changes or tally is not None:
            self._commit.table_writes.append(TableWrite(spec.id, spec.changelog, self._partition, self._changes, tally))
