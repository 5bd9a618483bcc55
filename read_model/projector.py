"""The projector: reads the output topics, writes the read model, and commits offsets after MongoDB has acknowledged."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from confluent_kafka import KafkaException

from domain.facts import BreakDecided
from domain.records import Output
from read_model.consumer import OutputConsumer
from read_model.documents import READ
from read_model.metrics import ReadModelMetrics
from read_model.mongo import Mongo, MongoUnavailable
from read_model.retrying import UNAVAILABLE, reason_of, retry_forever
from read_model.shape import OUTDATED, has_shape
from read_model.summaries import SummaryKeeper
from read_model.writer import ReadModelWriter, ReceivedRecord
from sinks.health import HealthVerdict
from streams import topics
from streams.broker.reading import ConsumedRecord, consumed
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput

log = logging.getLogger(__name__)

WATCH_EVERY_S = 2.0
"""Interval of the ping to MongoDB and of the lag measurement."""
SUMMARIES_EVERY_S = 1.0
"""Interval in which marked summaries are made."""
KEEP_ALIVE_EVERY_S = 0.5
"""While a write is retried: interval of polls to the group, and the longest wait for `stop`."""
PING_TIMEOUT_S = 5.0
STALLED_AFTER_S = 300.0
"""Longer than the longest write takes to fail: without activity for this long, the projector is stuck."""


def received(codec: Codec, one: ConsumedRecord) -> ReceivedRecord:
    """Decode a record of a topic that is read. Null as the value of an output is a tombstone of its key.

    Raises:
        RegistryError: the Schema Registry has to be asked for the schema and does not answer.

    """
    record: Output | BreakDecided | None = None
    reason = ""
    try:
        if one.topic is topics.DECISIONS:
            fact = codec.decode_input(one.topic, one.value, one.headers)
            assert isinstance(fact, BreakDecided)  # the topic's only record
            record = fact
        elif one.value is None and one.key is not None:
            one.key.decode()
        else:
            record = codec.decode_output(one.value)
    except BadInput as error:
        reason = f"{error.error_class}: {error.message}"
    except UnicodeDecodeError:
        reason = "a tombstone whose key is not UTF-8"
    return ReceivedRecord(READ[one.topic], one.name, one.partition, one.offset, one.key, one.value, record, reason)


class Projector:
    """The work of a projector process; call `run` once."""

    def __init__(
        self,
        source: OutputConsumer,
        codec: Codec,
        mongo: Mongo,
        writer: ReadModelWriter,
        keeper: SummaryKeeper,
        metrics: ReadModelMetrics,
    ) -> None:
        self._source = source
        self._codec = codec
        self._mongo = mongo
        self._writer = writer
        self._keeper = keeper
        self._metrics = metrics
        self._active_at = time.monotonic()
        self._prepared = False
        self._attempting = False
        self._write_error: str | None = None
        self._ping_error: str | None = "MongoDB has not answered yet"

    # Health

    def live(self) -> HealthVerdict:
        """Whether it works or waits for MongoDB."""
        idle_s = time.monotonic() - self._active_at
        if idle_s > STALLED_AFTER_S:
            return HealthVerdict(False, "stalled", f"no activity for {idle_s:.0f} s")
        return HealthVerdict(True, "working", "working")

    def ready(self) -> HealthVerdict:
        """Whether records are being written."""
        why = self._write_error or self._ping_error
        if why is not None:
            return HealthVerdict(False, "waiting_for_mongo", why)
        if not self._prepared:
            return HealthVerdict(False, "preparing", "creating indexes")
        if self._source.error is not None:
            return HealthVerdict(False, "waiting_for_broker", f"Kafka: {self._source.error}")
        if not self._source.joined:
            return HealthVerdict(False, "joining", "joining the consumer group")
        return HealthVerdict(True, "projecting", "projecting")

    # Work

    async def run(self, stop: asyncio.Event) -> None:
        """Project until `stop` is set; the batch in hand is then written and committed.

        Raises:
            MongoConfigError: an existing index conflicts with one of ours.
            KafkaException: the consumer has failed for good.

        """
        watching = asyncio.create_task(self._watch())
        keeping: asyncio.Task[None] | None = None
        try:
            self._prepared = await self._retry(self._writer.prepare, stop)
            keeping = asyncio.create_task(self._keep_summaries())
            while not stop.is_set():
                await self._project_batch(stop)
                if keeping.done():
                    keeping.result()  # it ends only by a bug
        finally:
            watching.cancel()
            if keeping is not None:
                keeping.cancel()
                await asyncio.wait({keeping})
            await asyncio.to_thread(self._source.close)

    async def _project_batch(self, stop: asyncio.Event) -> None:
        self._active_at = time.monotonic()
        messages = await asyncio.to_thread(self._source.fetch)
        if messages and not await self._retry(lambda: self._write(messages), stop):
            return  # not committed, so the next projector reads it again
        self._source.mark_written()
        await asyncio.to_thread(self._source.commit)

    async def _write(self, messages: Sequence[Any]) -> None:
        outcomes = await self._writer.write(self._received(messages))
        for (collection, outcome), count in outcomes.items():
            self._metrics.documents.labels(collection, outcome).inc(count)
        self._metrics.last_write.set_to_current_time()

    async def _retry(self, operation: Callable[[], Awaitable[None]], stop: asyncio.Event) -> bool:
        """Retry an operation until it succeeds, as a live member of the group. False: stopped between two attempts."""

        async def attempt() -> None:
            self._attempting, self._active_at = True, time.monotonic()
            try:
                await operation()
            except UNAVAILABLE as error:
                self._set_write_error(reason_of(error))
                raise
            finally:
                self._attempting, self._active_at = False, time.monotonic()
            if self._write_error is not None:
                log.warning("writing again")
                self._set_write_error(None)

        retrying = asyncio.create_task(retry_forever(attempt))
        while not (await asyncio.wait({retrying}, timeout=KEEP_ALIVE_EVERY_S))[0]:
            if self._attempting:
                continue
            if stop.is_set():
                retrying.cancel()
                await asyncio.wait({retrying})
                return False
            await asyncio.to_thread(self._source.keep_alive)
        retrying.result()
        return True

    def _received(self, messages: Sequence[Any]) -> list[ReceivedRecord]:
        return [received(self._codec, consumed(self._source.topics[message.topic()], message)) for message in messages]

    def _set_write_error(self, why: str | None) -> None:
        self._write_error = why
        self._update_mongo_up()

    def _update_mongo_up(self) -> None:
        self._metrics.mongo_up.set(self._write_error is None and self._ping_error is None)

    async def _keep_summaries(self) -> None:
        """Make the marked summaries, and say whether lists and counts are refused."""
        outdated: bool | None = None
        while True:
            try:
                if outdated is not False:
                    was, outdated = outdated, not await has_shape(self._mongo)
                    self._metrics.outdated.set(outdated)
                    if outdated and was is None:
                        log.error("%s; until then the gateway refuses to read it", OUTDATED)
                made, left = await self._keeper.make_marked()
                self._metrics.summaries.inc(made)
                self._metrics.summaries_behind.set(left)
            except MongoUnavailable as error:
                log.warning("summaries wait for MongoDB: %s", error)
            await asyncio.sleep(SUMMARIES_EVERY_S)

    async def _watch(self) -> None:
        """Keep health and lag up to date, also while no records arrive or a write hangs."""
        while True:
            try:
                await asyncio.wait_for(self._mongo.ping(), PING_TIMEOUT_S)
                self._ping_error = None
            except MongoUnavailable as error:
                self._ping_error = f"MongoDB: {error}"
            except TimeoutError:
                self._ping_error = f"MongoDB has not answered for {PING_TIMEOUT_S:.0f} s"
            self._update_mongo_up()
            try:
                for name, lag in (await asyncio.to_thread(self._source.lags)).items():
                    self._metrics.lag.labels(self._source.topics[name].name).set(lag)
            except KafkaException as error:
                self._source.error = f"the broker does not answer: {error.args[0].str()}"
            except Exception:
                log.exception("the lag is unknown")
            await asyncio.sleep(WATCH_EVERY_S)
