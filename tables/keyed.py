"""The state of each key between events, and which keys the open transaction has changed.

A key's state is decoded in memory while a transaction that changed it is open or in flight, and for a while after;
otherwise it is packed in the store (whose cache keeps hot keys in memory at an eighth of the size), and in the
changelog for good. Store and changelog only ever see it at a commit.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from domain.publishing import Published
from domain.time import FAR_FUTURE, FAR_PAST, Micros
from streams.topology import Table
from streams.transport.commit import Commit, StateChange, TableWrite
from tables.packing import AMONG_VERSION_1, FORMAT, Unpacker, deadline_of, is_outdated, pack
from tables.store import TALLY_KEY, Store, TablePartition
from tables.tallies import Tallies

S = TypeVar("S")

HOT_KEYS = 10_000
"""A table keeps the decoded states of the keys used last, up to about twice this many: decoding is the largest cost of
a key that changes again."""

DEADLINES_MAX = 2_000
"""The deadlines of a partition that fire in one commit: a jump of the clock must not make one huge commit."""


class KeyEntry(msgspec.Struct, Generic[S], eq=False, gc=False):
    """A key in memory: its state, what was last published for it, and its next deadline."""

    key: str
    state: S
    published: Published
    deadline: Micros
    """The indexed deadline; if a commit is in flight, the one that it will write."""
    packed_bytes: int
    is_outdated: bool = False
    """Its value was written by version 1, or while version 1 took part, and not again since."""


class KeyedTable(Generic[S]):
    """A table's partitions on this worker: entries by partition and key, and those that are dirty."""

    def __init__(self, spec: Table, store: Store) -> None:
        self.spec = spec
        self._store = store
        self._new = spec.new
        self._unpack: Unpacker[Any] = Unpacker(spec.state)
        self._entries: dict[int, dict[str, KeyEntry[S]]] = {}
        self._older: dict[int, dict[str, KeyEntry[S]]] = {}
        """The previous generation: an entry that is not used while it is here is evicted."""
        self._dirty: dict[int, dict[str, KeyEntry[S]]] = {}
        self._quiet_until: dict[int, Micros] = {}
        """No key of the partition has a deadline before this: most commits need not search the index."""
        self._upgraded_to: dict[int, str] = {}
        """Of the partitions that may have values of version 1: the last key that was gone through."""
        self.tallies = Tallies()

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
            self._entries[partition] = {}
            self._older[partition] = {}
            self._quiet_until[partition] = FAR_PAST
            self.tallies.load(partition, self._store.tally(self._place(partition)))
            if self.tallies.committed[partition].format < FORMAT:
                self._upgraded_to[partition] = ""

    def revoked(self) -> None:
        """Forget everything in memory."""
        self._entries.clear()
        self._older.clear()
        self._dirty.clear()
        self._quiet_until.clear()
        self._upgraded_to.clear()
        self.tallies.revoked()

    def entries(self, partition: int, keys: list[str]) -> list[KeyEntry[S]]:
        """The entries of some keys, created where nothing is known of them; one lookup in the store serves all."""
        hot = self._entries[partition]
        older = self._older[partition]
        missing = []
        for key in keys:
            if key not in hot:
                entry = older.pop(key, None)
                if entry is None:
                    missing.append(key)
                else:
                    hot[key] = entry
        if missing:
            missing = list(dict.fromkeys(missing))
            for key, packed in zip(missing, self._store.get_many(self._place(partition), missing), strict=True):
                hot[key] = self._load(key, packed)
        return [hot[key] for key in keys]

    def mark_dirty(self, partition: int, entries: Sequence[KeyEntry[S]]) -> None:
        """Note that the open transaction changed these entries, so that the next flush derives their views."""
        if entries:
            dirty = self._dirty.setdefault(partition, {})
            for entry in entries:
                dirty[entry.key] = entry

    def is_settled(self, partition: int, key: str) -> bool:
        """Whether version 1 has no part any more in what the open transaction writes of a key."""
        upgraded_to = self._upgraded_to.get(partition)
        return upgraded_to is None or key <= upgraded_to

    def fire_deadlines(self, partition: int, until: Micros, *, upgrade: bool = True) -> bool:
        """Mark keys dirty whose deadline is up to `until`, as many as a commit should hold; whether more may be due.

        Values that version 1 had a part in are due, too: once each of them has been derived and published again, as far
        as the rules of today say something else of it. That waits until version 1 has none any more (`upgrade`).
        """
        if upgrade and partition in self._upgraded_to and self._upgrade(partition):
            return True
        if until < self._quiet_until[partition]:
            return False
        place = self._place(partition)
        while due := self._store.due(place, until, DEADLINES_MAX):
            entries = self.entries(partition, [key for _, key in due])
            fired, outdated = [], []
            for (deadline, key), entry in zip(due, entries, strict=True):
                if entry.deadline == deadline:
                    fired.append(entry)
                else:
                    outdated.append((deadline, key))  # recovery leaves outdated index entries
            self.mark_dirty(partition, fired)
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

    def write_changelog(self, commit: Commit, next_deadlines: Mapping[int, list[Micros]]) -> None:
        """Add the dirty entries to a commit, for the changelog and for the store; none is dirty after it.

        Args:
            commit: filled in place.
            next_deadlines: of the dirty entries of each partition, in their order; FAR_FUTURE where there is none.

        """
        changelog = self.spec.changelog
        for partition, entries in self._dirty.items():
            changes = []
            upgraded_to = self._upgraded_to.get(partition)
            deadlines = next_deadlines[partition]
            for entry, deadline in zip(entries.values(), deadlines, strict=True):
                entry.is_outdated = upgraded_to is not None and entry.key > upgraded_to
                format_ = AMONG_VERSION_1 if entry.is_outdated else FORMAT
                value = pack(deadline, entry.state, entry.published, format_)
                commit.send(changelog, partition, entry.key.encode(), value)
                changes.append(StateChange(entry.key, value, deadline, entry.deadline))
                entry.deadline = deadline
                entry.packed_bytes = len(value)
            self._quiet_until[partition] = min(self._quiet_until[partition], *deadlines)
            tally = self.tallies.changed(partition)
            if tally is not None:
                commit.send(changelog, partition, TALLY_KEY, tally)
            commit.table_writes.append(TableWrite(self.spec.id, changelog, partition, changes, tally))
        self._dirty = {}

    def committed(self) -> None:
        """The transaction is committed and in the store: evict entries that were not used for long."""
        self.tallies.committed_now()
        if sum(map(len, self._entries.values())) > HOT_KEYS:
            self._older = self._entries
            self._entries = {partition: dict(self._dirty.get(partition, ())) for partition in self._older}

    def _place(self, partition: int) -> TablePartition:
        return TablePartition(self.spec.id, partition)

    def _load(self, key: str, packed: bytes | None) -> KeyEntry[S]:
        if packed is None:
            return KeyEntry(key, self._new(key), Published(), FAR_FUTURE, 0)
        state, published = self._unpack(packed)
        return KeyEntry(key, state, published, deadline_of(packed), len(packed), is_outdated(packed))
