"""One worker, built whole from its parts: `async with open_worker(…) as worker`."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka.admin import AdminClient

from domain.time import Micros
from streams.broker.cluster import identity, partition_counts
from streams.codec.codec import Codec, codec_of
from streams.settings import Settings
from streams.topics import PROGRESS, Topic
from streams.topology import Topology
from streams.transport import compatibility
from streams.transport.batch import Batch
from streams.transport.commit import Stage
from streams.transport.commit_listener import CommitListener
from streams.transport.commit_loop import CommitLoop
from streams.transport.commit_size import CommitSize
from streams.transport.engine import Engine
from streams.transport.fetcher import Fetcher
from streams.transport.lag import LagMonitor, fetch_offsets
from streams.transport.offsets import end_offsets
from streams.transport.watermarks import WatermarkTracker, decode_watermark
from streams.transport.writer import RECOVERY_S, Writer
from tables import keyed, slots
from tables.committed import CommittedReader
from tables.keyed import KeyedTable
from tables.standby import StandbyReplicator
from tables.store import Store

log = logging.getLogger(__name__)

_LIBRDKAFKA = {"logger": logging.getLogger("librdkafka")}
"""Lets a client that is polled log as everything else does, instead of writing to standard error by itself."""

GC_THRESHOLDS = (1_000_000, 20, 50)
"""Facts and records come and go by the 100,000 and hold no cycles. To look at them takes the collector 0.1 s and more,
in which the event loop stands still. The largest commits have some 600,000 objects that it counts."""

MakeStages = Callable[[Store, Codec, Mapping[Topic, int]], Sequence[Stage]]
"""Makes the stages, in flow order, from the store, the codec and the number of partitions of each topic."""


@dataclass(frozen=True)
class Worker:
    """The parts of an open worker."""

    settings: Settings
    topology: Topology
    name: str
    """Stable over restarts: its transactional id."""
    names: Mapping[Topic, str]
    """The topics' names on this installation."""
    kafka: Mapping[str, Any]
    """The librdkafka configuration that its clients start from."""
    store: Store
    engine: Engine
    fetcher: Fetcher
    writer: Writer
    commit_loop: CommitLoop
    lag_monitor: LagMonitor
    standby: StandbyReplicator
    committed: CommittedReader
    tables: Mapping[str, KeyedTable[Any]]
    """By name."""
    listener: CommitListener

    def count_partitions(self) -> dict[Topic, int]:
        """The number of partitions of each topic now; inputs may grow while the worker runs. Blocking."""
        return partition_counts(self.settings, self.topology)


@asynccontextmanager
async def open_worker(
    settings: Settings,
    *,
    topology: Topology,
    clock: Callable[[], Micros],
    make_stages: MakeStages,
    deliver: Callable[[list[Batch]], None],
    failed: Callable[[BaseException], Awaitable[None]],
    listener: CommitListener,
) -> AsyncIterator[Worker]:
    """Check the topics, take a slot, open the store, make the clients; close all of it after the block.

    Args:
        settings: of the service.
        topology: what it runs.
        clock: the service's clock, microseconds since 1970.
        make_stages: makes the agents' stages.
        deliver: called in the event loop with batches that were read.
        failed: called once, when the worker cannot go on.
        listener: observes commits and rebalances.

    Raises:
        streams.broker.cluster.BrokerError: no broker answers, or topics are missing or do not fit together.
        tables.slots.NoSlot: the worker id is in use.

    """
    compatibility.check()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    loop = asyncio.get_running_loop()
    kafka = settings.kafka(**{"client.id": settings.application_id})
    names = {topic: settings.topic(topic) for topic in topology.topics}
    partitions = await asyncio.to_thread(partition_counts, settings, topology)
    with ExitStack() as opened:
        slot = slots.take(settings.state_dir, settings.topic_prefix + settings.application_id, settings.worker_id)
        opened.callback(slot.lock.close)
        cluster = await asyncio.to_thread(identity, settings, [table.changelog for table in topology.tables])
        store = Store(slot.folder / "store", cluster)
        opened.callback(store.close)
        codec = codec_of(settings)
        log.info("the Avro codec is %s", "compiled" if codec.is_compiled else "plain Python")
        log.info("the rules are %s", "plain Python" if str(keyed.__file__).endswith(".py") else "compiled")
        stages = make_stages(store, codec, partitions)
        state_bytes = settings.state_memory_mib << 20
        engine = Engine(stages, WatermarkTracker(partitions, topology.upstream, topology.late), clock)
        committed = CommittedReader(store, engine, partitions, settings.policy, topology)
        opened.callback(committed.close)
        admin = AdminClient(dict(kafka))

        def on_batches(batches: list[Batch]) -> None:
            loop.call_soon_threadsafe(deliver, batches)

        def on_error(error: BaseException) -> None:
            asyncio.run_coroutine_threadsafe(commit_loop.fail(error), loop)

        def take_watermark(key: bytes, value: bytes) -> None:
            try:
                engine.watermarks.on_remote(key, decode_watermark(value))
            except Exception as error:
                on_error(error)

        def on_watermark(key: bytes, value: bytes) -> None:
            loop.call_soon_threadsafe(take_watermark, key, value)

        fetcher = Fetcher(kafka | _LIBRDKAFKA, names, on_batches, on_error)
        writer = Writer(kafka | _LIBRDKAFKA, names, slot.name, settings.transaction_timeout_ms, store.apply)
        commit_loop = CommitLoop(
            engine,
            fetcher,
            writer,
            end_offsets=partial(end_offsets, admin, names),
            failed=failed,
            listener=listener,
            commit_interval_s=settings.commit_interval_ms / 1_000,
            progress_interval_s=settings.progress_interval_ms / 1_000,
            size=CommitSize(2 * state_bytes // 5, settings.transaction_timeout_ms / 1_000),
            write_timeout_s=2 * settings.transaction_timeout_ms / 1_000 + RECOVERY_S,
        )
        yield Worker(
            settings=settings,
            topology=topology,
            name=slot.name,
            names=names,
            kafka=kafka,
            store=store,
            engine=engine,
            fetcher=fetcher,
            writer=writer,
            commit_loop=commit_loop,
            lag_monitor=LagMonitor(engine, partial(fetch_offsets, admin, names)),
            standby=StandbyReplicator(
                kafka | _LIBRDKAFKA,
                settings.application_id,
                store,
                progress_name=names[PROGRESS],
                on_watermark=on_watermark,
                failed=on_error,
            ),
            committed=committed,
            tables={stage.table.spec.name: stage.table for stage in stages if isinstance(stage.table, KeyedTable)},
            listener=listener,
        )
