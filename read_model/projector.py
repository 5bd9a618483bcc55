"""The projector: reads the output topics, writes the read model, and commits what MongoDB has acknowledged."""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from confluent_kafka import KafkaException

from read_model.consumer import OutputConsumer
from read_model.documents import Kind
from read_model.metrics import ReadModelMetrics
from read_model.mongo import Mongo, MongoUnavailable
from read_model.retrying import retry_forever, wait
from read_model.writer import ReadModelWriter, ReceivedRecord
from sinks.health import Verdict
from streams import topics
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput
from streams.topics import Topic

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
"""How often MongoDB is asked whether it is there, and the broker where the ends are."""
ANSWER_S = 5.0
STALLED_AFTER_S = 300.0
"""Longer than the longest attempt to write takes to fail. What has not turned for so long will not any more."""

KIND_OF: dict[Topic, Kind] = {
    topics.PAYMENT_RECONCILIATIONS: "payments",
    topics.OBLIGATION_RECONCILIATIONS: "obligations",
    topics.MISMATCH_ALERTS: "breaks",
    topics.LATE_PAYMENT_ALERTS: "alerts",
}


def arrived(
    codec: Codec, topic: Topic, name: str, partition: int, offset: int, key: bytes | None, value: bytes | None
) -> ReceivedRecord:
    """What a record of an output topic holds.

    Raises:
        RegistryError: its schema must be asked for and the Schema Registry does not answer.

    """
    record, reason = None, ""
    try:
        record = codec.decode_output(value)
    except BadInput as error:
        reason = f"{error.error_class}: {error.message}"
    return ReceivedRecord(KIND_OF[topic], name, partition, offset, key, value, record, reason)


class Projector:
    """One projector process' work. `run` is to be called once."""

    def __init__(
        self, source: OutputConsumer, codec: Codec, mongo: Mongo, writer: ReadModelWriter, metrics: ReadModelMetrics
    ) -> None:
        self._source = source
        self._codec = codec
        self._mongo = mongo
        self._writer = writer
        self._metrics = metrics
        self._turned_at = time.monotonic()
        self._prepared = False
        self._cannot_write: str | None = None
        self._cannot_ask: str | None = "MongoDB has not been asked yet"

    # Health

    def live(self) -> Verdict:
        """Whether it works, or waits for MongoDB as it should."""
        idle_s = time.monotonic() - self._turned_at
        if idle_s > STALLED_AFTER_S:
            return Verdict(False, "stalled", f"nothing has moved for {idle_s:.0f} s")
        return Verdict(True, "working", "working")

    def ready(self) -> Verdict:
        """Whether what comes is written."""
        why = self._cannot_write or self._cannot_ask
        if why is not None:
            return Verdict(False, "waiting_for_mongo", why)
        if not self._prepared:
            return Verdict(False, "preparing", "creating indexes")
        if self._source.trouble is not None:
            return Verdict(False, "waiting_for_broker", f"Kafka: {self._source.trouble}")
        if not self._source.joined:
            return Verdict(False, "joining", "joining the consumer group")
        return Verdict(True, "projecting", "projecting")

    # Work

    async def run(self, stop: asyncio.Event) -> None:
        """Project until told to stop; then what is in hand is finished and committed.

        Raises:
            MongoConfigError: an index is in the way.
            KafkaException: the consumer can never read again.

        """
        watching = asyncio.create_task(self._watch())
        try:
            await retry_forever(self._prepare, pause=lambda s: self._pause(s, stop), troubled=self._troubled)
            while not stop.is_set():
                await self._turn(stop)
        finally:
            watching.cancel()
            await asyncio.to_thread(self._source.close)

    async def _prepare(self) -> bool:
        await self._writer.prepare()
        self._prepared = True
        return True

    async def _turn(self, stop: asyncio.Event) -> None:
        self._turned_at = time.monotonic()
        messages = await asyncio.to_thread(self._source.fetch)
        if messages:

            async def write() -> bool:
                self._turned_at = time.monotonic()
                outcomes = await self._writer.write(self._arrived(messages))
                for (collection, outcome), count in outcomes.items():
                    self._metrics.documents.labels(collection, outcome).inc(count)
                self._metrics.last_write.set_to_current_time()
                return True

            if not await retry_forever(write, pause=lambda s: self._pause(s, stop), troubled=self._troubled):
                return  # to stop while MongoDB is away: not committed, so it is read again
        self._source.written()
        await asyncio.to_thread(self._source.commit)

    def _arrived(self, messages: Sequence[Any]) -> list[ReceivedRecord]:
        return [
            arrived(
                self._codec, self._source.topics[message.topic()],
                message.topic(), message.partition(), message.offset(), message.key(), message.value(),
            )
            for message in messages
        ]  # fmt: skip

    async def _pause(self, seconds: float, stop: asyncio.Event) -> bool:
        """Wait, staying a member of the group; whether it is to stop."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._turned_at = time.monotonic()
            await asyncio.to_thread(self._source.keep_alive)
            if await wait(min(left, 1.0), stop):
                return True
        return False

    def _troubled(self, why: str | None) -> None:
        self._cannot_write = why
        self._tell_up()

    def _tell_up(self) -> None:
        self._metrics.mongo_up.set(self._cannot_write is None and self._cannot_ask is None)

    async def _watch(self) -> None:
        """Keep health and lag true, also while nothing comes or a write hangs."""
        while True:
            try:
                await asyncio.wait_for(self._mongo.ping(), ANSWER_S)
                self._cannot_ask = None
            except MongoUnavailable as error:
                self._cannot_ask = f"MongoDB: {error}"
            except TimeoutError:
                self._cannot_ask = f"MongoDB has not answered for {ANSWER_S:.0f} s"
            self._tell_up()
            try:
                for name, lag in (await asyncio.to_thread(self._source.lags)).items():
                    self._metrics.lag.labels(self._source.topics[name].name).set(lag)
            except KafkaException as error:
                self._source.trouble = f"the broker does not tell the ends: {error.args[0].str()}"
            except Exception:
                log.exception("the lag is not known")
            await asyncio.sleep(LOOK_EVERY_S)
