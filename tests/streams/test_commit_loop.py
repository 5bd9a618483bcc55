"""The commit loop of a worker with a fetcher and a writer that the test controls; the engine is the real one."""

import asyncio
from collections.abc import Coroutine, Mapping
from concurrent.futures import Future
from typing import Any, cast

import pytest

from streams import topics
from streams.transport import commit_loop
from streams.transport.batch import Batch, TopicPartition
from streams.transport.commit import Commit
from streams.transport.commit_listener import NullListener
from streams.transport.commit_loop import CommitLoop
from streams.transport.fetcher import Fetcher
from streams.transport.writer import Membership, TransactionFailed, Writer
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

    def __init__(self, records: int = 4) -> None:
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
def test_a_full_transaction_takes_no_batch_until_it_is_released(release: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test() -> None:
        monkeypatch.setattr(commit_loop, "BUFFERED_MAX", 2)
        bench = Bench()
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
