"""The local store: the committed state on disk, with the changelog offset that it is as of.

One RocksDB per worker holds all partitions of all tables. It is a cache of the changelogs: it may be deleted while the
worker is down, and never holds anything that is not committed.

Keys (all integers big-endian, so that RocksDB's order is ours):
- `v` table partition id      → the packed state of a key
- `v` table partition TALLY_KEY → the tally of the partition (domain/tally.py); it comes last, and is no id
- `d` table partition instant id → nothing: the deadline index, in the order of time
- `o` table partition         → the changelog offset after the last record in the store
- `identity`                  → which cluster's which changelogs these are
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from rocksdict import (
    BlockBasedOptions,
    Cache,
    DBCompressionType,
    Options,
    Rdict,
    ReadOptions,
    WriteBatch,
    WriteOptions,
)

from domain.time import FAR_FUTURE, Micros
from streams.transport.commit import Commit, StateChange

_BIAS = 1 << 63
"""Added to an instant so that instants before 1970 sort before those after it as unsigned bytes."""

TALLY_KEY = b"\xfftally"
"""The key of a partition's tally, here and in the changelog. No id: ids are UTF-8, which has no byte 0xff."""


WRITTEN_AT_ONCE = 1_000
"""States in one write, some milliseconds: rocksdict holds Python's lock meanwhile, and the event loop waits for it."""


class TablePartition(NamedTuple):
    """A partition of a table: the table is one letter."""

    table: bytes
    partition: int

    def prefix(self, kind: bytes) -> bytes:
        """The first bytes of all its keys of one kind."""
        return kind + self.table + self.partition.to_bytes(4, "big")


def instant_bytes(instant: Micros) -> bytes:
    """Eight bytes that sort as the instants do."""
    return (instant + _BIAS).to_bytes(8, "big")


def instant_of(eight: bytes) -> Micros:
    """The instant of eight such bytes."""
    return int.from_bytes(eight, "big") - _BIAS


def _options(cache_mebibytes: int) -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    # What was written last is asked for next: it should still be in memory, and not be compressed at once.
    options.set_write_buffer_size(64 << 20)
    options.set_max_write_buffer_number(3)
    options.set_compression_per_level([DBCompressionType.none()] * 3 + [DBCompressionType.lz4()] * 4)
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(2)
    options.set_max_open_files(256)
    table = BlockBasedOptions()
    table.set_block_cache(Cache(cache_mebibytes << 20))
    table.set_bloom_filter(10, False)
    # Indexes and filters grow with the state. In the cache they are bounded with it, those of the newest files stay.
    table.set_cache_index_and_filter_blocks(True)
    table.set_pin_l0_filter_and_index_blocks_in_cache(True)
    options.set_block_based_table_factory(table)
    return options


_IDENTITY = b"identity"


def _is_part(known: list[str], now: list[str]) -> bool:
    """Whether all these changelogs are still there, on the same cluster; their ids follow the cluster's."""
    return len(known) > 1 and known[:1] == now[:1] and set(known) <= set(now)


class Store:
    """The store at `path`, of the changelogs that are known by `identity`.

    A store that was made for others is emptied: its offsets would mean nothing, and its states would be wrong. If there
    are only more of them, because a new version has another table, it is kept. Not shared between processes: RocksDB's
    own lock refuses a second.

    Args:
        path: its folder.
        identity: the ids of the cluster and the changelogs, separated by spaces.
        cache_mebibytes: the size of its cache.

    """

    def __init__(self, path: Path, identity: str, cache_mebibytes: int = 96) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        options = _options(cache_mebibytes)
        # Without the column family named, rocksdict takes the options of an existing store from disk, without a cache.
        self._db = Rdict(str(path), options, column_families={"default": options})
        known = (self._db.get(_IDENTITY) or b"").decode()
        if known != identity:
            if not _is_part(known.split(), identity.split()):
                self._db.delete_range(b"", b"\xff")
            self._db[_IDENTITY] = identity.encode()
        # RocksDB's iterators point into their options, which rocksdict 0.3.29 does not keep alive for them.
        self._reading = ReadOptions()
        self._unlogged = WriteOptions()
        self._unlogged.disable_wal = True  # type: ignore[assignment,method-assign]  # the stub has it for a method

    def get_many(self, place: TablePartition, keys: list[str]) -> list[bytes | None]:
        """The states of some keys, in their order; None for a key that is not known."""
        prefix = place.prefix(b"v")
        found: Any = self._db.get([prefix + key.encode() for key in keys])
        return cast(list[bytes | None], found)

    def get(self, place: TablePartition, key: str) -> bytes | None:
        """The state of a key."""
        found: bytes | None = self._db.get(place.prefix(b"v") + key.encode())
        return found

    def tally(self, place: TablePartition) -> bytes | None:
        """The packed tally of a partition."""
        found: bytes | None = self._db.get(place.prefix(b"v") + TALLY_KEY)
        return found

    def due(self, place: TablePartition, until: Micros, most: int) -> list[tuple[Micros, str]]:
        """At most `most` index entries with a deadline up to `until` (inclusive), oldest first.

        Some may be out of date.
        """
        prefix = place.prefix(b"d")
        end = prefix + instant_bytes(until)
        found: list[tuple[Micros, str]] = []
        entries = self._db.iter(self._reading)
        entries.seek(prefix)
        while entries.valid() and len(found) < most:
            key = entries.key()
            if not key.startswith(prefix) or key[6:14] > end[6:14]:
                break
            found.append((instant_of(key[6:14]), key[14:].decode()))
            entries.next()
        return found

    def first_deadline(self, place: TablePartition) -> Micros:
        """The earliest deadline in the index; FAR_FUTURE where there is none."""
        due = self.due(place, FAR_FUTURE, 1)
        return due[0][0] if due else FAR_FUTURE

    def drop_due(self, place: TablePartition, entries: Iterable[tuple[Micros, str]]) -> None:
        """Remove index entries that were found out of date."""
        batch = WriteBatch(raw_mode=True)
        prefix = place.prefix(b"d")
        for deadline, key in entries:
            batch.delete(prefix + instant_bytes(deadline) + key.encode())
        self._db.write(batch)

    def offset(self, place: TablePartition) -> int:
        """The changelog offset after the last record in the store; 0 where there is none."""
        found = self._db.get(place.prefix(b"o"))
        return int.from_bytes(found, "big") if found else 0

    def write(
        self,
        changes: Iterable[tuple[TablePartition, Iterable[StateChange], int]],
        tallies: Mapping[TablePartition, bytes] | None = None,
    ) -> None:
        """Write the changes of some places, each with its new changelog offset and its tally, if that has changed.

        Many changes are written one part after the other. Offset and tally of a place come with its last part: after a
        crash in between, recovery reads the place's changelog from the offset before, and writes all of it again.
        """
        batch, size = WriteBatch(raw_mode=True), 0
        for place, written, offset in changes:
            values = place.prefix(b"v")
            index = place.prefix(b"d")
            for change in written:
                encoded = change.key.encode()
                deadline, old_deadline = change.deadline, change.old_deadline
                batch.put(values + encoded, change.value)
                if deadline != old_deadline:
                    if old_deadline != FAR_FUTURE:
                        batch.delete(index + instant_bytes(old_deadline) + encoded)
                    if deadline != FAR_FUTURE:
                        batch.put(index + instant_bytes(deadline) + encoded, b"")
                size += 1
                if size == WRITTEN_AT_ONCE:
                    self._db.write(batch)
                    batch, size = WriteBatch(raw_mode=True), 0
                    time.sleep(0)  # compiled code gives Python's lock away only when it waits
            batch.put(place.prefix(b"o"), offset.to_bytes(8, "big"))
            tally = tallies.get(place) if tallies else None
            if tally is not None:
                batch.put(values + TALLY_KEY, tally)
        self._db.write(batch)

    def apply(self, commit: Commit) -> None:
        """Apply what a committed transaction changed in all tables."""
        self.write(
            (
                (TablePartition(write.table_id, write.partition), write.changes,
                 commit.changelog_ends[write.changelog, write.partition])
                for write in commit.table_writes
            ),
            {
                TablePartition(write.table_id, write.partition): write.aggregates
                for write in commit.table_writes
                if write.aggregates is not None
            },
        )  # fmt: skip

    def recover(
        self,
        place: TablePartition,
        records: Iterable[tuple[bytes, bytes | None]],
        offset: int,
        *,
        is_logged: bool = True,
    ) -> None:
        """Take changelog records as they are: a value begins with its deadline, a null value forgets the key.

        Outdated entries of the deadline index remain; `due` may return them.

        Args:
            place: of all of them.
            records: key and value of each.
            offset: after the last one.
            is_logged: without RocksDB's log it is cheaper, and `flush` must follow before anything else is written of
                that place. A crash before that loses the last records together with their offsets.

        """
        batch = WriteBatch(raw_mode=True)
        put = batch.put
        values = place.prefix(b"v")
        index = place.prefix(b"d")
        none = instant_bytes(FAR_FUTURE)
        for key, value in records:
            if value is None:
                batch.delete(values + key)
                continue
            put(values + key, value)
            deadline = value[:8]
            if deadline != none:
                put(index + deadline + key, b"")
        put(place.prefix(b"o"), offset.to_bytes(8, "big"))
        self._db.write(batch, None if is_logged else self._unlogged)

    def flush(self) -> None:
        """Bring to disk what was written without the log."""
        self._db.flush()

    def forget(self, place: TablePartition) -> None:
        """Remove all that is known of a partition."""
        batch = WriteBatch(raw_mode=True)
        for kind in (b"v", b"d", b"o"):
            prefix = place.prefix(kind)
            batch.delete_range(prefix, prefix + b"\xff" * 16)
            batch.delete(prefix)
        self._db.write(batch)

    def items_after(self, place: TablePartition, after: str, most: int) -> list[tuple[str, bytes]]:
        """At most `most` keys of a partition with their states, in the order of their bytes: those after this one."""
        prefix = place.prefix(b"v")
        first = prefix + after.encode()
        found: list[tuple[str, bytes]] = []
        entries = self._db.iter(self._reading)
        entries.seek(first)
        while entries.valid() and len(found) < most:
            key = entries.key()
            if not key.startswith(prefix) or key[6:] == TALLY_KEY:
                break
            if key != first:
                found.append((key[6:].decode(), entries.value()))
            entries.next()
        return found

    def items(self, place: TablePartition) -> Iterator[tuple[str, bytes]]:
        """All keys of a partition with their states, in the order of their bytes; the tally is none of them."""
        prefix = place.prefix(b"v")
        entries = self._db.iter(self._reading)
        entries.seek(prefix)
        while entries.valid():
            key = entries.key()
            if not key.startswith(prefix) or key[len(prefix) :] == TALLY_KEY:
                return
            yield key[len(prefix) :].decode(), entries.value()
            entries.next()

    def close(self) -> None:
        """Flush and release the lock."""
        self._db.close()
