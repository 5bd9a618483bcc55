"""The commit loop of a worker with a fetcher and a writer that the test controls; the engine is the real one."""

import asyncio
import itertools
import time
from collections.abc import Callable, Coroutine, Generator, Mapping
from concurrent.futures import Future
from typing import Any, cast

import pytest

from streams import topics
from streams.transport.batch import Batch, TopicPartition
from streams.transport.commit import Commit
from streams.transport.commit_listener import NullListener
from streams.transport.commit_loop import SLICE_S, CommitLoop
from streams.transport.commit_size import CommitSize
from streams.transport.engine import Engine
from streams.transport.fetcher import Fetcher
from streams.transport.writer import Membership, TransactionFailed, Writer
from tables.memory import FACT_BYTES, KEY_BYTES
from tests.kit.driver import Worker, World, all_sources
from tests.streams.test_engine import LEDGER, charge


class StubFetcher:
    behind = False

    def __init__(self) -> None:
        self.assigned: list[dict[TopicPartition, int]] = []
        self.processed: list[Batch] = []

    def assign(self, epoch: int, positions: Mapping[TopicPartition, int]) -> None:
        self.assigned.append(dict(positions))

    def unassign(self) -> None:
        self.assigned.append({})

    def done(self, batch: Batch) -> None:
        self.processed.append(batch)


class StubWriter:
    """Commits at once, unless `holds` is set: then the test sets the futures' results."""

    def __init__(self) -> None:
        self.holds = False
        self.commits: list[tuple[Commit, Membership, Future[None]]] = []

    def submit(self, commit: Commit, membership: Membership) -> "Future[None]":
        done: Future[None] = Future()
        self.commits.append((commit, membership, done))
        if not self.holds:
            done.set_result(None)
        return done


class Bench:
    """A loop over one partition per topic, with `records` charges on the ledger."""

    def __init__(
        self, records: int = 4, *, limit_bytes: int = 1 << 30, clock: Callable[[], float] = time.monotonic
    ) -> None:
        world = World(partitions=1)
        for number in range(records):
            world.pipe(charge(number))
        self.read = world.broker.read
        self.engine = Worker(world).engine
        self.fetcher = StubFetcher()
        self.writer = StubWriter()
        self.errors: list[BaseException] = []
        self.loop = CommitLoop(
            self.engine,
            cast(Fetcher, self.fetcher),
            cast(Writer, self.writer),
            end_offsets=lambda _: {},
            failed=self._failed,
            listener=NullListener(),
            commit_interval_s=0.001,
            progress_interval_s=60,
            write_timeout_s=0.2,
            size=CommitSize(limit_bytes, 15),
            clock=clock,
        )
        self.positions = dict.fromkeys(all_sources(world), 0)
        self.resume()

    def resume(self, generation: int = 1) -> None:
        self.loop.resume(Membership("group", generation, "member"), self.positions, self.positions)

    async def _failed(self, error: BaseException) -> None:
        self.errors.append(error)

    def batch(self, start: int, count: int) -> Batch:
        return self.read(LEDGER, self.engine.epoch, start, count)


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 10))


def test_drain_commits_what_is_processed_and_forgets_the_partitions() -> None:
    async def test() -> None:
        bench = Bench()
        late = bench.batch(2, 2)
        await bench.loop.process(bench.batch(0, 2))
        await bench.loop.drain()
        [(commit, membership, _)] = bench.writer.commits
        assert commit.offsets == {LEDGER: 2}
        assert membership.generation == 1
        assert bench.fetcher.assigned[-1] == {}

        await bench.loop.process(late)  # it was in the queue when the partitions were revoked
        assert bench.engine.buffered() == 0
        assert bench.engine.expected == {}
        bench.positions[LEDGER] = 2
        bench.resume(generation=2)
        await bench.loop.process(late)
        assert bench.engine.expected[LEDGER] == 2
        await bench.loop.process(bench.batch(2, 2))
        await bench.loop.drain()
        assert [(c.offsets, m.generation) for c, m, _ in bench.writer.commits[1:]] == [({LEDGER: 4}, 2)]
        assert bench.errors == []

    run(test())


def test_a_gap_is_read_again_from_the_expected_offsets() -> None:
    async def test() -> None:
        bench = Bench()
        await bench.loop.process(bench.batch(0, 1))
        await bench.loop.process(bench.batch(2, 2))
        assert bench.fetcher.assigned[-1][LEDGER] == 1
        assert len(bench.fetcher.processed) == 2
        await bench.loop.process(bench.batch(1, 3))
        assert bench.engine.expected[LEDGER] == 4

    run(test())


def test_an_error_in_a_stage_ends_the_worker_once_and_nothing_is_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        bench = Bench()
        await bench.loop.process(bench.batch(0, 1))
        bug = RuntimeError("a bug")

        def process(batch: Batch) -> None:
            raise bug

        monkeypatch.setattr(bench.engine, "process", process)
        await bench.loop.process(bench.batch(1, 1))
        await bench.loop.process(bench.batch(2, 1))
        assert bench.loop.broken
        assert bench.errors == [bug]
        assert bench.fetcher.assigned[-1] == {}
        await bench.loop.drain()
        assert bench.writer.commits == []

    run(test())


@pytest.mark.parametrize("release", ["commit", "fail", "drain"])
def test_a_full_transaction_takes_no_batch_until_it_is_released(release: str) -> None:
    async def test() -> None:
        bench = Bench(limit_bytes=1)
        await bench.loop.process(bench.batch(0, 2))
        waiting = asyncio.create_task(bench.loop.process(bench.batch(2, 2)))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        committing = asyncio.create_task(bench.loop.commit_forever()) if release == "commit" else None
        if release == "fail":
            await bench.loop.fail(RuntimeError("over"))
        if release == "drain":
            await bench.loop.drain()
        await waiting
        assert bench.engine.expected.get(LEDGER) == {"commit": 4, "fail": 2, "drain": None}[release]
        if committing is not None:
            committing.cancel()

    run(test())


def test_a_commit_without_an_answer_ends_the_worker() -> None:
    async def test() -> None:
        bench = Bench()
        bench.writer.holds = True
        await bench.loop.process(bench.batch(0, 1))
        committing = asyncio.create_task(bench.loop.commit_forever())
        await committing
        [error] = bench.errors
        assert isinstance(error, TransactionFailed)
        assert bench.loop.broken
        await bench.loop.drain()
        assert len(bench.writer.commits) == 1

    run(test())


def test_control_records_alone_are_not_worth_a_commit() -> None:
    async def test() -> None:
        bench = Bench(records=0)
        await bench.loop.process(Batch(TopicPartition(topics.PAYMENT_FACTS, 0), bench.engine.epoch, 0, 3, []))
        await bench.loop.drain()
        assert bench.writer.commits == []

    run(test())


class Ticking:
    """A clock that moves by a step of the engine, and by nothing else."""

    STEP_S = 0.001

    def __init__(self) -> None:
        self.now = 0.0
        self.turns: list[float] = []
        """When the event loop had a turn."""

    def __call__(self) -> float:
        return self.now

    def watch(self, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
        settle = engine.settle

        def ticking() -> Generator[None, None, Commit | None]:
            steps = settle()
            while True:
                self.now += self.STEP_S
                try:
                    next(steps)
                except StopIteration as end:
                    return cast("Commit | None", end.value)
                yield

        monkeypatch.setattr(engine, "settle", ticking)

    async def note_turns(self) -> None:
        while True:
            self.turns.append(self.now)
            await asyncio.sleep(0)

    @property
    def longest_standstill_s(self) -> float:
        return max(later - earlier for earlier, later in itertools.pairwise([*self.turns, self.now]))


KEYS = 200


def test_a_large_commit_leaves_the_event_loop_free_and_takes_no_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        clock = Ticking()
        bench = Bench(records=KEYS + 1, clock=clock)
        clock.watch(bench.engine, monkeypatch)
        await bench.loop.process(bench.batch(0, KEYS))
        turns = asyncio.create_task(clock.note_turns())
        committing = asyncio.create_task(bench.loop.commit_forever())
        while clock.now < 3 * SLICE_S:
            await asyncio.sleep(0)
        assert bench.writer.commits == []
        waiting = asyncio.create_task(bench.loop.process(bench.batch(KEYS, 1)))
        while len(bench.writer.commits) < 2:
            await asyncio.sleep(0)
        first, second = (commit for commit, _, _ in bench.writer.commits)
        assert (first.offsets, second.offsets) == ({LEDGER: KEYS}, {LEDGER: KEYS + 1})
        assert first.keys == KEYS
        assert clock.now > KEYS * clock.STEP_S
        assert SLICE_S < clock.longest_standstill_s <= SLICE_S + 2 * clock.STEP_S
        assert waiting.done()
        for task in (turns, committing):
            task.cancel()

    run(test())


@pytest.mark.parametrize("settling", [False, True])
def test_a_rebalance_waits_for_one_slice_and_gives_up_the_rest(settling: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        clock = Ticking()
        bench = Bench(records=KEYS, clock=clock)
        clock.watch(bench.engine, monkeypatch)
        await bench.loop.process(bench.batch(0, KEYS))
        committing = asyncio.create_task(bench.loop.commit_forever())
        while settling and clock.now == 0:
            await asyncio.sleep(0)
        began = clock.now
        await bench.loop.drain()
        assert clock.now - began <= SLICE_S + 2 * clock.STEP_S
        assert bench.writer.commits == []
        assert bench.engine.buffered() == bench.engine.buffered_bytes() == 0
        bench.resume(generation=2)  # from where the group's offsets are
        await bench.loop.process(bench.batch(0, KEYS))
        while not bench.writer.commits:
            await asyncio.sleep(0)
        [(commit, membership, _)] = bench.writer.commits
        assert (commit.offsets, commit.keys, membership.generation) == ({LEDGER: KEYS}, KEYS, 2)
        assert bench.errors == []
        committing.cancel()

    run(test())


def test_in_a_backlog_a_commit_waits_until_it_is_full() -> None:
    async def test() -> None:
        bench = Bench(limit_bytes=2 * (FACT_BYTES + KEY_BYTES))
        bench.fetcher.behind = True
        committing = asyncio.create_task(bench.loop.commit_forever())
        await bench.loop.process(bench.batch(0, 1))
        await asyncio.sleep(0.02)  # twenty commit intervals
        assert bench.writer.commits == []
        await bench.loop.process(bench.batch(1, 1))
        while not bench.writer.commits:
            await asyncio.sleep(0.001)
        assert bench.writer.commits[0][0].keys == 2
        committing.cancel()

    run(test())


def test_a_commit_that_the_broker_takes_long_to_write_makes_the_next_one_smaller() -> None:
    size = CommitSize(64 << 20, timeout_s=15)
    size.written(4)
    assert size.bytes == 64 << 20
    size.written(10)
    assert size.bytes == 32 << 20
    size.written(1_000)
    assert size.bytes == 1 << 20
    for _ in range(20):
        size.written(1)
    assert size.bytes == 64 << 20
