"""Rebuilds the read model from the topics, in collections beside the live ones, which it then replaces.

Projectors may run meanwhile; they write to the live collections. A document that a projector writes before the swap is
dropped with its collection, but its record was on the topic before the swap. So after the swap, the rebuild reads all
records since its own last read once more, and writes them to the new live collections. An older version never replaces
a newer one, so the order of the two writers does not matter.
"""

import asyncio
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from domain.time import MINUTE, Micros
from read_model.consumer import BATCH_RECORDS, group_of
from read_model.decisions import DECISIONS
from read_model.documents import KINDS, POISONED, READ, REBUILDS
from read_model.mongo import Mongo, MongoUnavailable
from read_model.projector import received
from read_model.retrying import retry_forever
from read_model.shape import declare_shape
from read_model.summaries import SummaryKeeper
from read_model.writer import LIVE, Collections, Outcomes, ReadModelWriter, ReceivedRecord
from streams.broker import reading
from streams.broker.cluster import ANSWER_SECONDS_MAX, connect
from streams.codec.codec import Codec
from streams.settings import Settings
from streams.topics import Topic

log = logging.getLogger(__name__)

SUFFIX = "_rebuild"
BATCH_BYTES = 16 * 1024 * 1024
LEASE_US = 5 * MINUTE
"""A rebuild that has not renewed its lease for this long is dead; another may begin."""
LEASE_ID = "read-model"


class RebuildInProgress(RuntimeError):
    """Another rebuild is running; the message names its process."""


@dataclass
class RebuildResult:
    """The outcome of a rebuild."""

    outcomes: Outcomes = field(default_factory=Counter)
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    """The end of the reading of each partition, by full topic name."""


class Rebuild:
    """One rebuild; call `run` once. A rebuild that was killed is started again by another.

    Args:
        settings: the settings of the deployment.
        mongo: the database.
        codec: decodes the records.
        clock: microseconds since 1970.
        replace_history: replace the history by the versions that the topics still have.
        progress: called with the number of offsets that are done, and of all.

    """

    def __init__(
        self,
        settings: Settings,
        mongo: Mongo,
        codec: Codec,
        clock: Callable[[], Micros],
        *,
        replace_history: bool,
        progress: Callable[[int, int], None],
    ) -> None:
        self._settings = settings
        self._mongo = mongo
        self._codec = codec
        self._clock = clock
        self._progress = progress
        # Compaction may have removed versions from the topics. So by default the live history stays, and the versions
        # that the topics still have are written again.
        self._collections = (
            Collections(SUFFIX, SUFFIX) if replace_history else Collections(SUFFIX, "", overwrite_history=True)
        )
        self._fresh = [self._collections.current(kind) for kind in (*KINDS, DECISIONS)]
        self._fresh.append(self._collections.summaries)
        if replace_history:
            self._fresh += [self._collections.history(kind) for kind in KINDS]
        self._who = f"{socket.gethostname()} process {os.getpid()}"
        self._at: dict[Topic, dict[int, int]] = {}
        self._total = self._done = 0
        self.result = RebuildResult()

    async def run(self) -> RebuildResult:
        """Rebuild, swap, and catch up. Waits while MongoDB is unavailable.

        Raises:
            RebuildInProgress: another rebuild is running.
            BrokerError: the broker does not answer, or a topic is missing.
            MongoConfigError: an existing index conflicts with one of ours.

        """
        await retry_forever(self._acquire_lease)
        try:
            return await self._rebuild()
        finally:
            with suppress(MongoUnavailable):  # the lease then expires
                await self._mongo.delete(REBUILDS, {"_id": LEASE_ID, "who": self._who})

    async def _rebuild(self) -> RebuildResult:
        began_at = self._clock()
        for collection in self._fresh:
            await retry_forever(self._mongo.drop, collection)
        building = ReadModelWriter(self._mongo, self._clock, self._collections)
        await retry_forever(building.prepare)
        await self._catch_up(building)  # may take hours, while more records arrive
        await self._catch_up(building)  # now few are left
        await self._make_summaries(SummaryKeeper(self._mongo, self._clock, self._collections))
        for collection in self._fresh:
            await retry_forever(self._mongo.replace_collection, collection, collection.removesuffix(SUFFIX))
        # The records that projectors wrote to the replaced collections are before the present ends of the topics.
        await self._catch_up(ReadModelWriter(self._mongo, self._clock, LIVE))
        await retry_forever(declare_shape, self._mongo)
        await self._make_summaries(SummaryKeeper(self._mongo, self._clock, LIVE))
        # A record that still cannot be written was put aside again; the older entries of `poisoned` are obsolete.
        await retry_forever(self._mongo.delete, POISONED, {"put_aside_at": {"$lt": began_at}})
        self.result.offsets = {
            (self._settings.topic(topic), partition): offset
            for topic, offsets in self._at.items()
            for partition, offset in offsets.items()
        }
        return self.result

    async def _acquire_lease(self) -> None:
        now = self._clock()
        mine = {"_id": LEASE_ID, "who": self._who, "told_at": now}
        free = {"$or": [{"who": self._who}, {"told_at": {"$lt": now - LEASE_US}}]}
        if not await self._mongo.acquire_lease(REBUILDS, mine, free):
            other = await self._mongo.find_one(REBUILDS, LEASE_ID) or {}
            raise RebuildInProgress(
                f"{other.get('who', 'another process')} is rebuilding the read model. If it was killed, its lease "
                f"expires {LEASE_US // MINUTE} minutes after the last renewal."
            )

    async def _catch_up(self, writer: ReadModelWriter) -> None:
        """Read every topic from the present position to its present end, and write the records."""
        for topic in READ:
            bounds = await asyncio.to_thread(reading.bounds, self._settings, topic)
            at = self._at.setdefault(topic, {})
            for partition, (low, _) in bounds.items():
                at[partition] = max(at.get(partition, 0), low)
            ends = {partition: high for partition, (_, high) in bounds.items()}
            self._total += sum(max(0, ends[p] - at[p]) for p in ends)
            # The iterator blocks, so a thread takes one batch at a time from it.
            records = reading.records_between(self._settings, topic, dict(at), ends)
            before = sum(at.values())
            try:
                while batch := await asyncio.to_thread(_batch, records):
                    await self._write(writer, topic, batch)
                    for record in batch:
                        # Not the end: an open transaction may hide records before it, which come later.
                        at[record.partition] = record.offset + 1
                    self._report(sum(at.values()) - before)
            finally:
                with suppress(ValueError):  # a thread is reading it, and closes it
                    records.close()  # type: ignore[attr-defined]
            self._done = self._total
            self._report(0)

    async def _make_summaries(self, keeper: SummaryKeeper) -> None:
        """Make the marked summaries, until nothing is marked or all that is was marked since by a projector."""
        while (await retry_forever(partial(keeper.make_marked, rest=False)))[0]:
            await retry_forever(self._acquire_lease)

    def _report(self, more: int) -> None:
        self._progress(self._done + more, self._total)

    async def _write(self, writer: ReadModelWriter, topic: Topic, batch: list[reading.ConsumedRecord]) -> None:
        def decoded() -> list[ReceivedRecord]:
            return [received(self._codec, one) for one in batch]

        async def write() -> None:
            self.result.outcomes.update(await writer.write(decoded()))

        await retry_forever(write)
        await retry_forever(self._acquire_lease)


def _batch(records: Iterator[reading.ConsumedRecord]) -> list[reading.ConsumedRecord]:
    batch, size = [], 0
    for record in islice(records, BATCH_RECORDS):
        batch.append(record)
        size += len(record.value or b"")
        if size >= BATCH_BYTES:
            break
    return batch


def set_group_offsets(settings: Settings, offsets: dict[tuple[str, int], int]) -> str | None:
    """Set the projectors' group to the end of a rebuild, so that they do not read the same records again.

    This is an optimization, and possible only while no projector runs.

    Returns:
        The reason why it was not done; None if it was.

    """
    admin, _ = connect(AdminClient, settings)
    asked = ConsumerGroupTopicPartitions(
        group_of(settings), [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
    )
    try:
        done = next(iter(admin.alter_consumer_group_offsets([asked]).values())).result(ANSWER_SECONDS_MAX + 1)
    except KafkaException as error:
        return str(error.args[0].str())
    return next((str(found.error.str()) for found in done.topic_partitions if found.error is not None), None)
