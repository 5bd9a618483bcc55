"""Faust's table manager, with recovery into our own store: the tables Faust sees are names for its assignor.

Faust decides who keeps which partition, and who keeps a standby of it; what is in a table, how it is written and how
it is recovered is ours (tables/keyed.py, tables/store.py, tables/recovery.py).
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any, Protocol, cast

from faust.tables import TableManager
from faust.types import TP
from mode import Service

from streams.topics import Topic
from streams.transport import watermarks
from streams.transport.batch import TopicPartition
from streams.transport.commit_loop import CommitLoop
from streams.transport.watermarks import WatermarkTracker
from streams.transport.writer import Membership
from tables.recovery import Changelog, Recovery, RecoveryFailed
from tables.standby import StandbyReplicator
from tables.store import Store, TablePartition

log = logging.getLogger(__name__)


class Kept(Protocol):
    """What the manager finds at `app.pipeline`."""

    commit_loop: CommitLoop
    store: Store
    names: Mapping[Topic, str]
    sources: Mapping[str, Topic]
    """Topics that are read in batches, by their name here."""
    changelogs: Mapping[str, bytes]
    """The letter of the table, by the name of its changelog."""
    tables_of: Mapping[Topic, str]
    """The name of the changelog that belongs to a source topic, where one does."""
    membership: Membership | None
    progress_topic: Topic
    standby: StandbyReplicator

    def kafka(self) -> dict[str, Any]:
        """The librdkafka configuration to start from."""

    def count_partitions(self) -> Mapping[Topic, int]:
        """How many partitions each topic has now."""


class RecoveryService(Service):  # type: ignore[misc]
    """What Faust calls at a rebalance; the work is done in a task, because the group waits for the callback."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self.app = app
        self.completed = asyncio.Event()
        self.records_recovered = 0
        self.seconds = 0.0
        self._recovery: Recovery | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = 0
        super().__init__(**kwargs)

    @property
    def kept(self) -> Kept:
        """The parts that app.py put together."""
        return cast(Kept, self.app.pipeline)

    @property
    def remaining(self) -> int:
        """Changelog records that the recovery that is going on has still to read."""
        return 0 if self._recovery is None else self._recovery.remaining

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """A rebalance began: what is being recovered may not be ours any more."""
        self._turn += 1
        self.completed.clear()

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Recover what was assigned, then read on."""
        self._turn += 1
        self.completed.clear()
        self.kept.commit_loop.listener.rebalanced()
        before = self._task
        self._task = asyncio.create_task(self._recover(self._turn, before, set(assigned)))

    async def on_stop(self) -> None:
        """Stop following and recovering."""
        self._turn += 1
        if self._task is not None:
            await asyncio.wait([self._task], timeout=30)
        await asyncio.to_thread(self.kept.standby.stop)

    async def _recover(self, turn: int, before: "asyncio.Task[None] | None", assigned: set[TP]) -> None:
        try:
            if before is not None:
                await asyncio.wait([before])  # only one at a time touches the store
            await self._recover_now(turn, assigned)
        except RecoveryFailed as error:
            if turn == self._turn:
                await self.kept.commit_loop.fail(error)
        except Exception as error:
            await self.kept.commit_loop.fail(error)

    async def _recover_now(self, turn: int, assigned: set[TP]) -> None:
        kept = self.kept
        started = time.monotonic()
        await asyncio.to_thread(kept.standby.stop)
        partitions = await asyncio.to_thread(kept.count_partitions)
        self._watermarks().repartitioned(partitions)
        membership = kept.membership
        positions, actives, standbys = self._shares(assigned)
        recovery = self._recovery = Recovery(kept.kafka(), self.app.conf.id, kept.names, lambda: turn != self._turn)
        try:
            await asyncio.to_thread(recovery.positions, positions)
            self.records_recovered = await asyncio.to_thread(recovery.read_state, kept.store, actives)
            progress_name = kept.names[kept.progress_topic]
            marks: list[tuple[bytes, bytes]] = []
            heard_to = await asyncio.to_thread(
                recovery.read_marks, lambda key, value: marks.append((key, value)), progress_name
            )
            everywhere = await asyncio.to_thread(recovery.everywhere, self._all_sources(partitions))
            at = await asyncio.to_thread(recovery.positions, positions)
        finally:
            await asyncio.to_thread(recovery.close)
        if turn != self._turn or membership is None:
            return
        for key, value in marks:
            self._watermarks().on_remote(key, watermarks.decode_watermark(value))
        kept.standby.start(heard_to, standbys)
        self.seconds = time.monotonic() - started
        log.info(
            "recovered %d records of %d partitions in %.1f s, %d standby",
            self.records_recovered, len(actives), self.seconds, len(standbys),
        )  # fmt: skip
        await self._read_on(membership, at, everywhere)

    async def _read_on(
        self,
        membership: Membership,
        positions: dict[TopicPartition, int],
        everywhere: dict[TopicPartition, int],
    ) -> None:
        app = self.app
        await app.on_rebalance_complete.send()
        self.kept.commit_loop.resume(membership, positions, everywhere)
        self.completed.set()
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()
        app.tables.on_actives_ready()
        app.tables.on_standbys_ready()
        app.on_rebalance_end()

    def _all_sources(self, partitions: Mapping[Topic, int]) -> list[TopicPartition]:
        return [
            TopicPartition(topic, number) for topic in self.kept.sources.values() for number in range(partitions[topic])
        ]

    def _watermarks(self) -> WatermarkTracker:
        return self.kept.commit_loop.engine.watermarks

    def _shares(self, assigned: set[TP]) -> tuple[list[TopicPartition], list[Changelog], list[Changelog]]:
        """What to read, which changelogs to recover for it, which others to keep warm.

        The changelogs follow the source partitions, whatever the assignor says of them: whoever reads a partition
        of facts keeps its state.
        """
        kept = self.kept
        positions = [
            TopicPartition(kept.sources[tp.topic], tp.partition) for tp in assigned if tp.topic in kept.sources
        ]
        actives = [
            self._changelog(kept.tables_of[source.topic], source.number)
            for source in positions
            if source.topic in kept.tables_of
        ]
        mine = {(changelog.name, changelog.number) for changelog in actives}
        standbys = [
            self._changelog(tp.topic, tp.partition)
            for tp in self.app.assignor.assigned_standbys()
            if tp.topic in kept.changelogs and (tp.topic, tp.partition) not in mine
        ]
        return positions, actives, standbys

    def _changelog(self, name: str, number: int) -> Changelog:
        return Changelog(name, number, TablePartition(self.kept.changelogs[name], number))


class Manager(TableManager):  # type: ignore[misc]
    """Faust's table manager with our recovery."""

    _recovery: RecoveryService | None

    @property
    def recovery(self) -> RecoveryService:
        """Our recovery, in the place of Faust's."""
        if self._recovery is None:
            self._recovery = RecoveryService(self.app, beacon=self.beacon, loop=self.loop)
        return self._recovery
