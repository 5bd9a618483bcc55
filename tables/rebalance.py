"""Faust's table manager with our recovery: to Faust, a table is a name for its assignor.

Faust decides which worker owns which partition, and which keeps a standby of it. What a table holds, how it is written
and how it is recovered is ours (keyed.py, store.py, recovery.py).
"""

import asyncio
import logging
import sys
import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

from faust.tables import TableManager
from faust.types import TP
from mode import Service

from streams.topics import PROGRESS, Topic
from streams.transport.batch import TopicPartition
from streams.transport.membership import Membership
from streams.transport.watermarks import decode_watermark
from tables.recovery import Changelog, Recovery, RecoveryFailed
from tables.store import TablePartition
from tables.tallies import is_outdated
from tables.worker import Worker

log = logging.getLogger(__name__)


class RecoveryService(Service):  # type: ignore[misc]
    """What Faust calls at a rebalance. The work is done in a task, because the group waits for the callback."""

    def __init__(self, app: Any, **kwargs: Any) -> None:
        self.app = app
        self.completed = asyncio.Event()
        """Set while this worker's share is recovered."""
        self.records_recovered = 0
        self.seconds = 0.0
        self._recovery: Recovery | None = None
        self._task: asyncio.Task[None] | None = None
        self._turn = 0
        super().__init__(**kwargs)

    @property
    def _worker(self) -> Worker:
        return cast(Worker, self.app.worker)

    @property
    def remaining(self) -> int:
        """The changelog records that a running recovery has still to read."""
        return 0 if self._recovery is None else self._recovery.remaining

    def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """A rebalance began: what is being recovered may not be ours any more."""
        self._turn += 1
        self.completed.clear()

    async def on_rebalance(
        self, assigned: set[TP], revoked: set[TP], newly_assigned: set[TP], generation_id: int = 0
    ) -> None:
        """Recover what was assigned, then process it."""
        self._turn += 1
        self.completed.clear()
        self._worker.listener.rebalanced()
        previous = self._task
        self._task = asyncio.create_task(
            self._recover(self._turn, previous, set(assigned), self.app.consumer.membership)
        )

    async def on_stop(self) -> None:
        """Stop recovering and replicating."""
        self._turn += 1
        if self._task is not None:
            await asyncio.wait([self._task], timeout=30)
        if self._worker is not None:
            await asyncio.to_thread(self._worker.standby.stop)

    async def _recover(
        self, turn: int, previous: "asyncio.Task[None] | None", assigned: set[TP], membership: Membership | None
    ) -> None:
        worker = self._worker  # of now: the app lets go of it when it shuts down
        try:
            if previous is not None:
                await asyncio.wait([previous])  # only one at a time writes the store
            await self._recover_now(worker, turn, assigned, membership)
        except RecoveryFailed as error:
            if turn == self._turn:
                await worker.commit_loop.fail(error)
        except Exception as error:
            await worker.commit_loop.fail(error)

    async def _recover_now(self, worker: Worker, turn: int, assigned: set[TP], membership: Membership | None) -> None:
        watermarks = worker.engine.watermarks
        started = time.monotonic()
        await asyncio.to_thread(worker.standby.stop)
        partitions = await asyncio.to_thread(worker.count_partitions)
        watermarks.repartitioned(partitions)
        sources, actives, standbys = self._shares(worker, assigned)
        recovery = self._recovery = Recovery(worker.kafka, self.app.conf.id, worker.names, lambda: turn != self._turn)
        try:
            await asyncio.to_thread(recovery.positions, sources)
            self.records_recovered = await asyncio.to_thread(recovery.read_state, worker.store, actives)
            published, progress_end = await asyncio.to_thread(recovery.read_all, worker.names[PROGRESS])
            group_offsets = await asyncio.to_thread(recovery.group_offsets, _all_sources(worker, partitions))
            positions = await asyncio.to_thread(recovery.positions, sources)
            version_1_until = await asyncio.to_thread(self._version_1_until, recovery, worker, sources)
        finally:
            await asyncio.to_thread(recovery.close)
        if turn != self._turn or membership is None:
            return
        for key, value in published:
            watermarks.on_remote(key, decode_watermark(value))
        worker.standby.start(progress_end, standbys)
        self.seconds = time.monotonic() - started
        log.info(
            "recovered %d records of %d partitions in %.1f s, %d standby partitions",
            self.records_recovered, len(actives), self.seconds, len(standbys),
        )  # fmt: skip
        await self._resume(worker, membership, positions, group_offsets, version_1_until)

    async def _resume(
        self,
        worker: Worker,
        membership: Membership,
        positions: dict[TopicPartition, int],
        group_offsets: dict[TopicPartition, int],
        version_1_until: dict[TopicPartition, int],
    ) -> None:
        app = self.app
        await app.on_rebalance_complete.send()
        worker.commit_loop.resume(membership, positions, group_offsets, version_1_until)
        self.completed.set()
        app.flow_control.resume()
        app.consumer.resume_flow()
        await app._fetcher.maybe_start()
        app.tables.on_actives_ready()
        app.tables.on_standbys_ready()
        app.on_rebalance_end()

    def _version_1_until(
        self, recovery: Recovery, worker: Worker, sources: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Up to which offset workers of version 1 may have written to the partitions that feed outdated tables.

        Never, while such workers are in the group. Blocking.
        """
        outdated = [
            source
            for source in sources
            if (table := worker.topology.table_of(source.topic)) is not None
            and is_outdated(worker.store.tally(TablePartition(table.id, source.number)))
        ]
        if not outdated:
            return {}
        if self._is_among_version_1(worker):
            log.warning(
                "workers of version 1 are in the group: what they have a part in is gone through when they are gone"
            )
            return dict.fromkeys(outdated, sys.maxsize)
        return recovery.ends(outdated)

    def _is_among_version_1(self, worker: Worker) -> bool:
        """Whether the group gives partitions to workers that do not read all topics of the pipeline.

        The assignor gives each worker the same partitions of all topics with the same readers.
        """
        inner = [worker.names[topic] for topic in worker.topology.tables_by_source]
        return any(
            len({tuple(sorted(topics.get(name, ()))) for name in inner}) > 1
            for topics in self.app.router.external_topics_metadata().values()
        )

    def _shares(
        self, worker: Worker, assigned: set[TP]
    ) -> tuple[list[TopicPartition], list[Changelog], list[Changelog]]:
        """The partitions to process, the changelogs to recover for them, and other changelogs to keep warm.

        The changelogs follow the source partitions, whatever the assignor says of them: the worker that processes a
        partition of facts owns its state. A table with several topics needs the partition of each: the assignor gives
        them to one worker where all members subscribe to the same topics, but not in a group of two versions.
        """
        topology = worker.topology
        source_of = {worker.names[topic]: topic for topic in topology.sources}
        given = [TopicPartition(source_of[tp.topic], tp.partition) for tp in assigned if tp.topic in source_of]
        complete = topology.complete(given)
        sources = [source for source in given if source in complete]
        if waiting := sorted(f"{source.topic.name}[{source.number}]" for source in given if source not in complete):
            log.warning(
                "not processed until the group gives this worker the same partitions of all topics of their table, "
                "which it does once all workers are of one version: %s",
                ", ".join(waiting),
            )
        changelogs = {
            (worker.names[table.changelog], source.number): TablePartition(table.id, source.number)
            for source in sources
            if (table := topology.table_of(source.topic)) is not None
        }
        id_of = {worker.names[table.changelog]: table.id for table in topology.tables}
        standbys = [
            Changelog(tp.topic, tp.partition, TablePartition(id_of[tp.topic], tp.partition))
            for tp in self.app.assignor.assigned_standbys()
            if tp.topic in id_of and (tp.topic, tp.partition) not in changelogs
        ]
        return sources, [Changelog(*place, partition) for place, partition in changelogs.items()], standbys


def _all_sources(worker: Worker, partitions: Mapping[Topic, int]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic in worker.topology.sources for number in range(partitions[topic])]


class Manager(TableManager):  # type: ignore[misc]
    """Faust's table manager with our recovery."""

    _recovery: RecoveryService | None

    @property
    def recovery(self) -> RecoveryService:
        """Our recovery, in the place of Faust's."""
        if self._recovery is None:
            self._recovery = RecoveryService(self.app, beacon=self.beacon, loop=self.loop)
        return self._recovery

    async def on_start(self) -> None:
        """Join the group at once. Faust waits a second here, for tables that are declared late; ours all are by now."""
        await self._update_channels()
        await self.recovery.start()
