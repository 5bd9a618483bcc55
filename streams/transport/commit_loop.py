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
from streams.transport.commit_size import CommitSize
from streams.transport.engine import Engine, Verdict
from streams.transport.fetcher import Fetcher
from streams.transport.membership import Membership
from streams.transport.writer import TransactionFailed, Writer

log = logging.getLogger(__name__)

BACKLOG_INTERVALS = 50
"""In a backlog, where latency does not matter, a commit may wait this many commit intervals while it is not full: the
more events of a key share a commit, the fewer views are derived and published. They count from when it was opened, or
else the time that its predecessor takes would be taken from it."""

SLICE_S = 0.01
"""A commit is settled in slices of this length, between which the event loop does its other work."""

STOPS = "the worker stops; only what is committed counts"
"""What is logged when a worker cannot go on."""

LINGER_S = 0.005
"""After idling, wait this long so that batches that arrive together share one commit."""


class CommitLoop:
    """Owns the open transaction of a worker between `resume` and `drain`.

    Args:
        engine: the worker's.
        fetcher: reads the batches.
        writer: writes the transactions.
        end_offsets: asks the broker for end offsets. Blocking.
        failed: called once, when the worker cannot go on.
        listener: observes commits.
        commit_interval_s: time between two commits under load.
        progress_interval_s: time between two measurements of the watermarks.
        write_timeout_s: a commit that takes longer ends the worker.
        size: how large a commit may grow.
        clock: seconds, for the length of a slice.

    """

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
        size: CommitSize,
        clock: Callable[[], float] = time.monotonic,
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
        self._size = size
        self._clock = clock
        self._membership: Membership | None = None
        self._epoch = 0
        self._is_settling = False
        self._given_up = False
        """Whether the open transaction was given up half settled: its partitions must be forgotten."""
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
        self._opened_at = time.monotonic()
        """When the open transaction was opened."""
        self._turn_due = 0.0
        """When a batch has to wait for the event loop's other work."""

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
        self._given_up = False
        self._running = True
        self.last_progress_at = self.moved_at = self._opened_at = time.monotonic()
        self._fetcher.assign(self._epoch, positions)

    async def drain(self) -> None:
        """Take in nothing more, commit what is processed, and forget the partitions.

        The group waits for this. So a large transaction is given up, which one slice cannot settle: whoever owns the
        partitions next reads it again.
        """
        self._running = False
        self._fetcher.unassign()
        self._room.set()
        try:
            async with self._committing:
                if not self.broken and not self._given_up and self._membership is not None:
                    await self._guarded(self._commit)
        finally:
            self._membership = None
            self.engine.revoked()
            self._room.set()

    async def process(self, batch: Batch) -> None:
        """Process a batch, once the open transaction has room for it."""
        if self._clock() >= self._turn_due:
            # A queue that is not empty gives the event loop no turn. Not at each batch: a turn lets other threads have
            # the interpreter, and there are as many small batches as partitions.
            await asyncio.sleep(0)
            self._turn_due = self._clock() + SLICE_S
        while self._running and not self.broken and (self._is_settling or self._is_full()):
            self._room.clear()
            await self._room.wait()
        if self.broken or not self._running:
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
        latest = self._opened_at + BACKLOG_INTERVALS * self._commit_interval_s
        while self._running and self._fetcher.behind and not self._is_full() and time.monotonic() < latest:
            await asyncio.sleep(self._commit_interval_s / 4)

    def _is_full(self) -> bool:
        return self.engine.buffered_bytes() >= self._size.bytes

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

    async def _settle(self) -> Commit | None:
        """Settle the open transaction in slices; None if there is nothing to commit, or it was given up."""
        steps = self.engine.settle()
        self._is_settling = True
        try:
            while True:
                end = self._clock() + SLICE_S
                try:
                    next(steps)
                    while self._clock() < end:
                        next(steps)
                except StopIteration as done:
                    commit: Commit | None = done.value
                    return commit
                if self._running:
                    await asyncio.sleep(0)
                if self.broken or not self._running:
                    log.info("a transaction that is not settled yet is given up, and read again")
                    self._given_up = True
                    return None
        finally:
            steps.close()
            self._is_settling = False
            self._opened_at = time.monotonic()
            self._room.set()

    async def _commit(self) -> None:
        commit = await self._settle()
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
        commit.count_outputs()
        records, keys = len(commit), commit.keys  # the writer frees them when it is done
        written = asyncio.wrap_future(self._writer.submit(commit, self._membership))
        try:
            # The last guard. The writer gives up a call that does not return long before (decision 14).
            await asyncio.wait_for(asyncio.shield(written), self.write_timeout_s)
        except TimeoutError:
            raise TransactionFailed(f"no answer for {self.write_timeout_s:.0f} s; it is given up") from None
        self.writing_since = None
        self.engine.committed(commit)
        seconds = time.monotonic() - began
        self._size.written(seconds)
        self._listener.committed(
            CommitDetails(
                counts=commit.counts,
                records=records,
                keys=keys,
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
