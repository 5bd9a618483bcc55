"""Drives the engine in the event loop of a worker: processes batches, commits, and advances watermarks.

It knows asyncio and the threads of fetcher and writer, and nothing of Faust.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from streams.transport.batch import Batch, TopicPartition
from streams.transport.commit import Commit
from streams.transport.commit_listener import CommitDetails, CommitListener
from streams.transport.engine import Engine, Verdict
from streams.transport.fetcher import Fetcher
from streams.transport.membership import Membership
from streams.transport.writer import TransactionFailed, Writer

log = logging.getLogger(__name__)

BUFFERED_MAX = 15_000
"""The open transaction takes no batch while it holds this many keys and records, so that memory stays bounded while
the broker does not acknowledge. A third of the keys of a backlog are references, whose states are small."""

BACKLOG_INTERVALS = 20
"""In a backlog, where latency does not matter, a commit may wait this many commit intervals while it is not full: the
more events of a key share a commit, the fewer views are derived and published."""

STOPS = "the worker stops; only what is committed counts"
"""What is logged when a worker cannot go on."""

LINGER_S = 0.005
"""After idling, wait this long so that batches that arrive together share one commit."""


class CommitLoop:
    """Owns the open transaction of a worker between `resume` and `drain`."""

    def __init__(
        self,
        engine: Engine,
        fetcher: Fetcher,
        writer: Writer,
        *,
        end_offsets: Callable[[list[TopicPartition]], Mapping[TopicPartition, int]],
        failed: Callable[[BaseException], Awaitable[None]],
        listener: CommitListener,
        commit_interval_s: float,
        progress_interval_s: float,
        write_timeout_s: float,
    ) -> None:
        self.engine = engine
        self._fetcher = fetcher
        self._writer = writer
        self._end_offsets = end_offsets
        self._failed = failed
        self._listener = listener
        self._commit_interval_s = commit_interval_s
        self._progress_interval_s = progress_interval_s
        self.write_timeout_s = write_timeout_s
        """A commit that takes longer ends the worker."""
        self._membership: Membership | None = None
        self._epoch = 0
        self.broken = False
        self._something = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._committing = asyncio.Lock()
        self._running = False
        self.last_progress_at = time.monotonic()
        """When a transaction was last committed, or there was nothing to commit."""
        self.writing_since: float | None = None
        """Since when a commit is in flight; None where none is."""
        self.moved_at = time.monotonic()
        """When a batch was last processed."""

    def resume(
        self,
        membership: Membership,
        positions: Mapping[TopicPartition, int],
        group_offsets: Mapping[TopicPartition, int],
        version_1_until: Mapping[TopicPartition, int] | None = None,
    ) -> None:
        """Process these partitions: their state is recovered, and they are ours as this member of the group."""
        self._membership = membership
        self._epoch += 1
        self.engine.assigned(self._epoch, positions, group_offsets, version_1_until)
        self._running = True
        self.last_progress_at = self.moved_at = time.monotonic()
        self._fetcher.assign(self._epoch, positions)

    async def drain(self) -> None:
        """Take in nothing more, commit what is processed, and forget the partitions."""
        self._running = False
        self._fetcher.unassign()
        try:
            async with self._committing:
                if not self.broken and self._membership is not None:
                    await self._guarded(self._commit)
        finally:
            self._membership = None
            self.engine.revoked()
            self._room.set()

    async def process(self, batch: Batch) -> None:
        """Process a batch, once the open transaction has room for it."""
        while self.engine.buffered() >= BUFFERED_MAX and not self.broken and self._running:
            self._room.clear()
            await self._room.wait()
        if self.broken:
            return
        try:
            verdict = self.engine.process(batch)
        except BaseException as error:
            await self.fail(error)
            return
        self._fetcher.done(batch)
        if verdict is Verdict.PROCESSED:
            self.moved_at = time.monotonic()
            if batch.records or self.engine.watermarks.awaits(batch.source):
                self._something.set()
        elif verdict is Verdict.GAP and self._running:
            log.warning("a batch before offset %d of %s is missing; reading it again", batch.start, batch.source)
            self._fetcher.assign(self._epoch, self.engine.expected)

    async def fail(self, error: BaseException) -> None:
        """Stop for good: what is not committed does not count, and the process must end with an error."""
        if self.broken:
            return
        self.broken = True
        self._room.set()
        self._fetcher.unassign()
        log.critical(STOPS, exc_info=error)
        await self._failed(error)

    async def commit_forever(self) -> None:
        """Commit the open transaction, at most once in the commit interval, until the worker ends."""
        last = 0.0
        while not self.broken:
            await self._something.wait()
            await self._wait_for_batching(last)
            last = time.monotonic()
            self._something.clear()
            async with self._committing:
                if self._running:
                    await self._guarded(self._commit)

    async def _wait_for_batching(self, last: float) -> None:
        """Wait for the commit interval; in a backlog, until the commit is full or after `BACKLOG_INTERVALS` of them."""
        await asyncio.sleep(max(LINGER_S, last + self._commit_interval_s - time.monotonic()))
        latest = last + BACKLOG_INTERVALS * self._commit_interval_s
        while self._fetcher.behind and self.engine.buffered() < BUFFERED_MAX and time.monotonic() < latest:
            await asyncio.sleep(self._commit_interval_s / 4)

    async def poll_end_offsets_forever(self) -> None:
        """Advance the watermarks, so that deadlines fire, until the worker ends."""
        while not self.broken:
            await asyncio.sleep(self._progress_interval_s)
            if self._running:
                await self._guarded(self._poll_end_offsets)

    async def _guarded(self, step: Callable[[], Awaitable[None]]) -> None:
        try:
            await step()
        except Exception as error:
            await self.fail(error)

    async def _commit(self) -> None:
        commit = self.engine.prepare_commit()
        self._room.set()
        if commit is not None:
            try:
                await self._write(commit)
            except Exception:
                self._listener.failed()
                raise
        self.last_progress_at = time.monotonic()

    async def _write(self, commit: Commit) -> None:
        assert self._membership is not None
        began = self.writing_since = time.monotonic()
        written = asyncio.wrap_future(self._writer.submit(commit, self._membership))
        try:
            # The last guard. The writer gives up a call that does not return long before (decision 14).
            await asyncio.wait_for(asyncio.shield(written), self.write_timeout_s)
        except TimeoutError:
            raise TransactionFailed(f"no answer for {self.write_timeout_s:.0f} s; it is given up") from None
        self.writing_since = None
        self.engine.committed(commit)
        commit.count_outputs()
        seconds = time.monotonic() - began
        self._listener.committed(
            CommitDetails(
                counts=commit.counts,
                records=len(commit),
                seconds=seconds,
                occurred=commit.occurred,
                stamped_ms=commit.stamped_ms,
            )
        )
        self._something.set()  # more deadlines may be due than one commit holds, and watermarks travel downstream

    async def _poll_end_offsets(self) -> None:
        requests = self.engine.end_offset_requests()
        if not requests:
            return
        epoch = self._epoch
        ends = await asyncio.to_thread(self._end_offsets, [request.source for request in requests])
        if epoch != self._epoch:
            return
        for request in requests:
            if request.source in ends:
                self.engine.watermarks.on_end_offset(request, ends[request.source])
        self._something.set()
