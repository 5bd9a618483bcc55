"""The read model made anew from the topics, beside the one that is read, and then put in its place.

Safe while projectors run. They go on writing to the live collections. What they write to one of these before the swap
is lost with it, but stood on the topics before the swap; so after it everything that came since the rebuild's own
reading is read once more, and written to what is live now. An older version never replaces a newer one, so it does not
matter who is first.
"""

import asyncio
import logging
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from domain.time import MINUTE, Micros
from read_model.consumer import BATCH_RECORDS, group_of
from read_model.documents import KINDS, POISONED, PROJECTED, REBUILDS
from read_model.mongo import Mongo, MongoUnavailable
from read_model.projector import received
from read_model.retrying import retry_forever
from read_model.writer import LIVE, Outcomes, ReadModelWriter, ReceivedRecord, Target
from streams.broker import reading
from streams.broker.cluster import ANSWER_SECONDS_MAX, connect
from streams.codec.codec import Codec
from streams.settings import Settings
from streams.topics import Topic

log = logging.getLogger(__name__)

SUFFIX = "_rebuild"
BATCH_BYTES = 16 * 1024 * 1024
FORGOTTEN_AFTER_US = 5 * MINUTE
"""A rebuild that has not told of itself for so long is dead, and another may begin."""
LOCK = "read-model"


class RebuildInProgress(RuntimeError):
    """Another rebuild is at work; the message says whose."""


@dataclass
class RebuildResult:
    """What a rebuild came to."""

    outcomes: Outcomes = field(default_factory=Counter)
    offsets: dict[tuple[str, int], int] = field(default_factory=dict)
    """Up to where each partition was read, by full topic name."""


class Rebuild:
    """One rebuild. `run` is to be called once; a rebuild that was killed is begun again by another.

    Args:
        settings: the installation.
        mongo: the database.
        codec: reads the records.
        clock: microseconds since 1970.
        history_anew: build the history anew, too, out of what the topics still hold.
        progress: is told how many offsets of how many are done.

    """

    def __init__(
        self,
        settings: Settings,
        mongo: Mongo,
        codec: Codec,
        clock: Callable[[], Micros],
        *,
        history_anew: bool,
        progress: Callable[[int, int], None],
    ) -> None:
        self._settings = settings
        self._mongo = mongo
        self._codec = codec
        self._clock = clock
        self._progress = progress
        # A version of the history is what it is; the topics may have lost it by compaction. So by default the live
        # history is kept and its versions are written again, as far as the topics have them.
        self._target = Target(SUFFIX, SUFFIX) if history_anew else Target(SUFFIX, "", history_anew=True)
        self._fresh = [self._target.current(kind) for kind in KINDS]
        if history_anew:
            self._fresh += [self._target.history(kind) for kind in KINDS]
        self._who = f"{socket.gethostname()} process {os.getpid()}"
        self._at: dict[Topic, dict[int, int]] = {}
        self._total = self._done = 0
        self.result = RebuildResult()

    async def run(self) -> RebuildResult:
        """Rebuild, swap, and catch up. MongoDB may be away meanwhile; it is waited for.

        Raises:
            RebuildInProgress: another rebuild is at work.
            BrokerError: the broker does not answer, or a topic is missing.
            MongoConfigError: an index is in the way.

        """
        await retry_forever(self._acquire_lease)
        try:
            return await self._rebuild()
        finally:
            with suppress(MongoUnavailable):  # then it counts as dead after a while
                await self._mongo.delete(REBUILDS, {"_id": LOCK, "who": self._who})

    async def _rebuild(self) -> RebuildResult:
        began_at = self._clock()
        for collection in self._fresh:
            await retry_forever(self._mongo.drop, collection)
        building = ReadModelWriter(self._mongo, self._clock, self._target)
        await retry_forever(building.prepare)
        await self._catch_up(building)  # this may take hours, in which more comes …
        await self._catch_up(building)  # … of which now little is left
        for collection in self._fresh:
            await retry_forever(self._mongo.replace_collection, collection, collection.removesuffix(SUFFIX))
        # What projectors wrote to the collections that are gone now stands before the ends as they are now.
        await self._catch_up(ReadModelWriter(self._mongo, self._clock, LIVE))
        # What still cannot be written was put aside anew; the rest of `poisoned` is mended, or superseded.
        await retry_forever(self._mongo.delete, POISONED, {"put_aside_at": {"$lt": began_at}})
        self.result.offsets = {
            (self._settings.topic(topic), partition): offset
            for topic, offsets in self._at.items()
            for partition, offset in offsets.items()
        }
        return self.result

    async def _acquire_lease(self) -> None:
        now = self._clock()
        mine = {"_id": LOCK, "who": self._who, "told_at": now}
        free = {"$or": [{"who": self._who}, {"told_at": {"$lt": now - FORGOTTEN_AFTER_US}}]}
        if not await self._mongo.acquire_lease(REBUILDS, mine, free):
            other = await self._mongo.find_one(REBUILDS, LOCK) or {}
            raise RebuildInProgress(
                f"{other.get('who', 'another process')} is rebuilding the read model. If it was killed, it counts as "
                f"dead {FORGOTTEN_AFTER_US // MINUTE} minutes after its last sign of life."
            )

    async def _catch_up(self, writer: ReadModelWriter) -> None:
        """Read every topic from where we are to what is its end now, and write it."""
        for topic in PROJECTED:
            bounds = await asyncio.to_thread(reading.bounds, self._settings, topic)
            at = self._at.setdefault(topic, {})
            for partition, (low, _) in bounds.items():
                at[partition] = max(at.get(partition, 0), low)
            ends = {partition: high for partition, (_, high) in bounds.items()}
            self._total += sum(max(0, ends[p] - at[p]) for p in ends)
            # An iterator that blocks is taken from in a thread, a batch at a time.
            records = reading.records_between(self._settings, topic, dict(at), ends)
            before = sum(at.values())
            try:
                while batch := await asyncio.to_thread(_batch, records):
                    await self._write(writer, topic, batch)
                    for record in batch:
                        # Not the end that was asked for: what a transaction still holds back there comes later.
                        at[record.partition] = record.offset + 1
                    self._tell(sum(at.values()) - before)
            finally:
                with suppress(ValueError):  # a thread is taking from it, and closes it
                    records.close()  # type: ignore[attr-defined]
            self._done = self._total
            self._tell(0)

    def _tell(self, more: int) -> None:
        self._progress(self._done + more, self._total)

    async def _write(self, writer: ReadModelWriter, topic: Topic, batch: list[reading.ConsumedRecord]) -> None:
        def decoded() -> list[ReceivedRecord]:
            return [
                received(self._codec, topic, one.name, one.partition, one.offset, one.key, one.value) for one in batch
            ]

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
    """Let the projectors go on from where a rebuild ended, so that they need not read all that it has read.

    It can only be done while none of them runs, and is not needed for anything to be right.

    Returns:
        Why it was not done; None: it was.

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
