"""What is remembered of each key between events, and what the open transaction has done to it.

A key's state is decoded in memory while a transaction that touched it is open or on its way, and for a while after;
otherwise it is packed in the store (whose cache keeps hot ones in memory at an eighth of the size), and in the
changelog for good. Store and changelog only ever see it at a commit.
"""

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from domain.publishing import Published
from domain.time import FAR_FUTURE, FAR_PAST, Micros
from streams.topics import Topic
from streams.transport.commit import Commit
from tables.packing import Unpacker, deadline_of, pack
from tables.store import TALLY_KEY, StateChange, Store, TablePartition
from tables.tallies import Tallies

S = TypeVar("S")

HOT_KEYS = 10_000
"""A table keeps the decoded states of the keys touched last, up to about twice this many: decoding is what costs most
about a key that is touched again."""

DEADLINES_MAX = 2_000
"""How many keys of a partition the clock wakes for one commit: a jump of the clock must not make one huge commit."""


class Entry(Generic[S]):
    """A key in memory: what is known of it, what was last told of it, when the clock next matters to it."""

    __slots__ = ("deadline", "history", "key", "packed_bytes", "state")

    def __init__(self, key: str, state: S, history: Published, deadline: Micros, packed_bytes: int) -> None:
        self.key = key
        self.state = state
        self.history = history
        self.deadline = deadline
        """As the store's index has it, or will once the transaction on its way holds."""
        self.packed_bytes = packed_bytes


class KeyedTable(Generic[S]):
    """One of the two tables: entries by partition and key, which of them the open transaction touched."""

    def __init__(self, letter: bytes, changelog: Topic, store: Store, state: type[S], new: Callable[[str], S]) -> None:
        self.letter = letter
        self.changelog = changelog
        self.store = store
        self._new = new
        self._unpack = Unpacker(state)
        self._entries: dict[int, dict[str, Entry[S]]] = {}
        self._older: dict[int, dict[str, Entry[S]]] = {}
        """The generation before: an entry that is not asked for while it is here is let go of."""
        self.dirty: dict[int, dict[str, Entry[S]]] = {}
        self._quiet_until: dict[int, Micros] = {}
        """No key of the partition has a deadline before this: most commits need not look into the index."""
        self.tallies = Tallies()

    def place(self, partition: int) -> TablePartition:
        """Where the store keeps a partition."""
        return TablePartition(self.letter, partition)

    def owns(self, partition: int) -> bool:
        """Whether this worker has that partition."""
        return partition in self._entries

    def assigned(self, partitions: Iterable[int]) -> None:
        """Keep these partitions from now on."""
        for partition in partitions:
            self._entries[partition] = {}
            self._older[partition] = {}
            self._quiet_until[partition] = FAR_PAST
            self.tallies.load(partition, self.store.tally(self.place(partition)))

    def revoked(self) -> None:
        """Forget all that is in memory."""
        self._entries.clear()
        self._older.clear()
        self.dirty.clear()
        self._quiet_until.clear()
        self.tallies.revoked()

    def entries(self, partition: int, keys: list[str]) -> list[Entry[S]]:
        """The entries of some keys, made where nothing is known of them; the store is asked once for all."""
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
            for key, packed in zip(missing, self.store.get_many(self.place(partition), missing), strict=True):
                hot[key] = self._load(key, packed)
        return [hot[key] for key in keys]

    def mark_dirty(self, partition: int, entry: Entry[S]) -> None:
        """The open transaction changed this entry: it has to be settled."""
        self.dirty.setdefault(partition, {})[entry.key] = entry

    def fire_deadlines(self, partition: int, until: Micros) -> bool:
        """Touch keys whose deadline is up to `until`, as many as a commit should hold; whether there may be more."""
        if until < self._quiet_until[partition]:
            return False
        place = self.place(partition)
        while due := self.store.due(place, until, DEADLINES_MAX):
            entries = self.entries(partition, [key for _, key in due])
            outdated = []
            for (deadline, key), entry in zip(due, entries, strict=True):
                if entry.deadline == deadline:
                    self.mark_dirty(partition, entry)
                else:
                    outdated.append((deadline, key))  # recovery leaves old entries behind
            if outdated:
                self.store.drop_due(place, outdated)
            if len(outdated) < len(due):
                return len(due) == DEADLINES_MAX
        self._quiet_until[partition] = self.store.first_deadline(place)
        return False

    def buffered(self) -> int:
        """How many keys the open transaction touched."""
        return sum(map(len, self.dirty.values()))

    def flush(self, commit: Commit, settled: dict[int, list[tuple[Entry[S], Micros]]]) -> None:
        """Put the settled entries, each with its new deadline, into the changelog; the store follows at the commit."""
        for partition, entries in settled.items():
            written = []
            for entry, deadline in entries:
                value = pack(deadline, entry.state, entry.history)
                commit.send(self.changelog, partition, entry.key.encode(), value)
                written.append(StateChange(entry.key, value, deadline, entry.deadline))
                entry.deadline = deadline
                entry.packed_bytes = len(value)
                self._quiet_until[partition] = min(self._quiet_until[partition], deadline)
            tally = self.tallies.changed(partition)
            if tally is not None:
                commit.send(self.changelog, partition, TALLY_KEY, tally)
            commit.stored.append((self, partition, written, tally))
        self.dirty = {}

    def committed(self, commit: Commit) -> None:
        """Let go of what was not touched for long: it is in the store."""
        self.tallies.hold()
        if sum(map(len, self._entries.values())) > HOT_KEYS:
            self._older = self._entries
            self._entries = {partition: dict(self.dirty.get(partition, ())) for partition in self._older}

    def _load(self, key: str, packed: bytes | None) -> Entry[S]:
        if packed is None:
            return Entry(key, self._new(key), Published(), FAR_FUTURE, 0)
        state, history = self._unpack(packed)
        return Entry(key, state, history, deadline_of(packed), len(packed))


def write_stores(commit: Commit, store: Store) -> None:
    """Make a commit that holds the local truth: all tables, all partitions, in one write."""
    store.write(
        (
            (table.place(partition), written, commit.changelog_ends[table.changelog, partition])
            for table, partition, written, _ in commit.stored
        ),
        {table.place(partition): tally for table, partition, _, tally in commit.stored if tally is not None},
    )
