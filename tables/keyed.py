"""The state of each key between events, and which keys the open transaction has changed.

A key's state is decoded in memory while a transaction that changed it is open or in flight, and for as long after that
as there is room for it; otherwise it is packed in the store (whose cache keeps hot keys in memory at an eighth of the
size), and in the changelog for good. Store and changelog only ever see it at a commit.
"""

from collections import OrderedDict
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from domain.publishing import Published
from domain.time import FAR_FUTURE, FAR_PAST, Micros
from streams.topology import Table
from streams.transport.commit import Commit, StateChange, TableWrite
from tables.memory import BYTES_OF_A_PACKED_BYTE, FACT_BYTES, decoded_bytes
from tables.packing import AMONG_VERSION_1, FORMAT, Unpacker, deadline_of, is_outdated, pack
from tables.store import TALLY_KEY, Store, TablePartition
from tables.tallies import Tallies

S = TypeVar("S")

DEADLINES_MAX = 2_000
"""The deadlines of a partition that fire in one commit: a jump of the clock must not make one huge commit."""

READ_AT_ONCE = 500
"""The states with due deadlines that are read before the event loop may go on."""

RELEASED_AT_ONCE = 200
"""The states that are released before the event loop may go on."""


class KeyEntry(msgspec.Struct, Generic[S], eq=False, gc=False):
    """A key in memory: its state, what was last published for it, and its next deadline."""

    key: str
    state: S
    published: Published
    deadline: Micros
    """The indexed deadline; if a commit is in flight, the one that it will write."""
    packed_bytes: int
    memory_bytes: int
    """About what it takes in memory, as counted in `KeyedTable.decoded_bytes`."""
    is_dirty: bool = False
    """The open transaction changed it."""
    is_outdated: bool = False
    """Its value was written by version 1, or while version 1 took part, and not again since."""


class KeyedTable(Generic[S]):
    """A table's partitions on this worker: entries by key, least recently used first, and those that are dirty."""

    def __init__(self, spec: Table, store: Store) -> None:
        self.spec = spec
        self._store = store
        self._new = spec.new
        self._unpack: Unpacker[Any] = Unpacker(spec.state)
        self._entries: dict[int, OrderedDict[str, KeyEntry[S]]] = {}
        """By partition; least recently used first."""
        self._dirty: dict[int, dict[str, KeyEntry[S]]] = {}
        self._quiet_until: dict[int, Micros] = {}
        """No key of the partition has a deadline before this: most commits need not search the index."""
        self._upgraded_to: dict[int, str] = {}
        """Of the partitions that may have values of version 1: the last key that was gone through."""
        self.tallies = Tallies()
        self.decoded_bytes = 0
        """About the memory that its decoded states take, those in `dirty_bytes` included."""
        self.dirty_bytes = 0
        """About the memory that the states take which the open transaction changed."""

    @property
    def dirty(self) -> Mapping[int, Mapping[str, KeyEntry[S]]]:
        """The entries that the open transaction changed, by partition and key."""
        return self._dirty

    def owns(self, partition: int) -> bool:
        """Whether this worker has that partition."""
        return partition in self._entries

    def assigned(self, partitions: Iterable[int]) -> None:
        """Own these partitions from now on; their state is in the store."""
        for partition in partitions:
            self._entries[partition] = OrderedDict()
            self._quiet_until[partition] = FAR_PAST
            self.tallies.load(partition, self._store.tally(self._place(partition)))
            if self.tallies.committed[partition].format < FORMAT:
                self._upgraded_to[partition] = ""

    def revoked(self) -> None:
        """Forget everything in memory."""
        self._entries.clear()
        self._dirty.clear()
        self._quiet_until.clear()
        self._upgraded_to.clear()
        self.tallies.revoked()
        self.decoded_bytes = self.dirty_bytes = 0

    def entries(self, partition: int, keys: list[str]) -> list[KeyEntry[S]]:
        """The entries of some keys, created where nothing is known of them; one lookup in the store serves all."""
        known = self._entries[partition]
        used = known.move_to_end
        missing = []
        for key in keys:
            if key in known:
                used(key)
            else:
                missing.append(key)
        if missing:
            missing = list(dict.fromkeys(missing))
            for key, packed in zip(missing, self._store.get_many(self._place(partition), missing), strict=True):
                entry = known[key] = self._load(key, packed)
                self.decoded_bytes += entry.memory_bytes
        return [known[key] for key in keys]

    def mark_dirty(self, partition: int, entries: Sequence[KeyEntry[S]]) -> None:
        """Note that the open transaction changed these entries, so that the next flush derives their views.

        Args:
            partition: of all of them.
            entries: each as often as a fact changed it.

        """
        if not entries:
            return
        dirty = self._dirty.setdefault(partition, {})
        grown = FACT_BYTES * len(entries)
        for entry in entries:
            if not entry.is_dirty:
                entry.is_dirty = True
                dirty[entry.key] = entry
                self.dirty_bytes += entry.memory_bytes
            entry.memory_bytes += FACT_BYTES
        self.dirty_bytes += grown
        self.decoded_bytes += grown

    def grow(self, entry: KeyEntry[S], packed_bytes: int) -> None:
        """Note that a fact adds about so many bytes to a packed state."""
        entry.packed_bytes += packed_bytes
        size = BYTES_OF_A_PACKED_BYTE * packed_bytes
        entry.memory_bytes += size
        self.decoded_bytes += size
        if entry.is_dirty:
            self.dirty_bytes += size

    def is_settled(self, partition: int, key: str) -> bool:
        """Whether version 1 has no part any more in what the open transaction writes of a key."""
        upgraded_to = self._upgraded_to.get(partition)
        return upgraded_to is None or key <= upgraded_to

    def fire_deadlines(self, partition: int, until: Micros, *, upgrade: bool = True) -> Generator[None, None, bool]:
        """Mark keys dirty whose deadline is up to `until`, as many as a commit should hold; whether more may be due.

        In steps.

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
                for (deadline, key), entry in zip(some, self.entries(partition, [key for _, key in some]), strict=True):
                    if entry.deadline == deadline:
                        fired.append(entry)
                    else:
                        outdated.append((deadline, key))  # recovery leaves outdated index entries
                self.mark_dirty(partition, fired)
                yield
            if outdated:
                self._store.drop_due(place, outdated)
            if len(outdated) < len(due):
                return len(due) == DEADLINES_MAX
        self._quiet_until[partition] = self._store.first_deadline(place)
        return False

    def _upgrade(self, partition: int) -> bool:
        """Mark the next keys dirty whose values version 1 had a part in; whether there may be more."""
        page = self._store.items_after(self._place(partition), self._upgraded_to[partition], DEADLINES_MAX)
        keys = [key for key, value in page if is_outdated(value)]
        if len(page) == DEADLINES_MAX:
            self._upgraded_to[partition] = page[-1][0]
        else:
            del self._upgraded_to[partition]
            self.tallies.open(partition).format = FORMAT
            keys += [key for key, _ in page[-1:] if key not in keys]  # so that the tally is written
        self.mark_dirty(partition, self.entries(partition, keys))
        return partition in self._upgraded_to

    def buffered(self) -> int:
        """The number of keys that the open transaction changed."""
        return sum(map(len, self._dirty.values()))

    def writer(self, commit: Commit, partition: int) -> "ChangelogWriter[S]":
        """Return what writes the dirty entries of a partition into a commit."""
        return ChangelogWriter(self, commit, partition)

    def flushed(self) -> None:
        """All dirty entries are in a commit; none is dirty after it."""
        self._dirty = {}
        self.dirty_bytes = 0

    def committed(self) -> None:
        """The transaction is committed and in the store."""
        self.tallies.committed_now()

    def release(self, size: int) -> Iterator[None]:
        """Forget the least recently used states that take about `size` bytes, in steps; those that are dirty stay.

        Each partition forgets the same part of its states. Not while a transaction is in flight: what it changed is not
        in the store before its end.
        """
        decoded = self.decoded_bytes
        for entries in self._entries.values():
            for number in range(len(entries) * size // decoded):
                key, entry = entries.popitem(last=False)
                if entry.is_dirty:  # and all that follow were used later: by the open transaction, too
                    entries[key] = entry
                    entries.move_to_end(key, last=False)
                    break
                self.decoded_bytes -= entry.memory_bytes
                if number % RELEASED_AT_ONCE == 0:
                    yield

    def _place(self, partition: int) -> TablePartition:
        return TablePartition(self.spec.id, partition)

    def _load(self, key: str, packed: bytes | None) -> KeyEntry[S]:
        if packed is None:
            return KeyEntry(key, self._new(key), Published(), FAR_FUTURE, 0, decoded_bytes(0))
        state, published = self._unpack(packed)
        return KeyEntry(
            key,
            state,
            published,
            deadline_of(packed),
            len(packed),
            decoded_bytes(len(packed)),
            is_outdated=is_outdated(packed),
        )


class ChangelogWriter(Generic[S]):
    """Writes the dirty entries of one partition into a commit, for the changelog and for the store."""

    def __init__(self, table: KeyedTable[S], commit: Commit, partition: int) -> None:
        self._table = table
        self._commit = commit
        self._partition = partition
        self._changes: list[StateChange] = []
        self._upgraded_to = table._upgraded_to.get(partition)
        self._quiet_until = table._quiet_until[partition]

    def write(self, entry: KeyEntry[S], deadline: Micros) -> None:
        """Write an entry, with its next deadline: FAR_FUTURE where there is none."""
        entry.is_outdated = self._upgraded_to is not None and entry.key > self._upgraded_to
        format_ = AMONG_VERSION_1 if entry.is_outdated else FORMAT
        value = pack(deadline, entry.state, entry.published, format_)
        self._commit.send(self._table.spec.changelog, self._partition, entry.key.encode(), value)
        self._changes.append(StateChange(entry.key, value, deadline, entry.deadline))
        entry.deadline = deadline
        entry.packed_bytes = len(value)
        entry.is_dirty = False
        memory = decoded_bytes(len(value))
        self._table.decoded_bytes += memory - entry.memory_bytes
        entry.memory_bytes = memory
        self._quiet_until = min(self._quiet_until, deadline)

    def close(self) -> None:
        """Write the partition's tally, and hand everything to the local store."""
        table, spec = self._table, self._table.spec
        table._quiet_until[self._partition] = self._quiet_until
        tally = table.tallies.changed(self._partition)
        if tally is not None:
            self._commit.send(spec.changelog, self._partition, TALLY_KEY, tally)
        self._commit.table_writes.append(TableWrite(spec.id, spec.changelog, self._partition, self._changes, tally))
