"""`OperationsPort`: how current everything is, the state of the processes, and the dead letters.

What the broker and the workers say is kept for some seconds: every page shows how current it is, and must not wait for
that. A page that asks while the broker does not answer gets what was last known.
"""

import asyncio
import base64
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import msgspec
from confluent_kafka import KafkaException
from strawberry import ID

from domain.time import Micros
from gateway.commands.dead_letters import COUNT_MAX, DeadLetters, InvalidLetterCursor
from gateway.commands.letters import Letter
from gateway.graphql.errors import ErrorCode, GatewayError, bad_argument
from gateway.graphql.schema.changes import Freshness
from gateway.graphql.schema.money import Connection, Count, Edge, PageInfo
from gateway.graphql.schema.operations import (
    DeadLetter,
    FeedHealth,
    Header,
    Health,
    ReadModelHealth,
    TopicLag,
    WorkerHealth,
)
from gateway.graphql.schema.scalars import Instant, instant
from gateway.monitoring import BrokerView, PartitionLag
from gateway.workers import Workers, WorkerStatus
from read_model.mongo import Mongo, MongoUnavailable
from streams.broker.cluster import BrokerError

log = logging.getLogger(__name__)

T = TypeVar("T")

FRESH_S = 2.0
"""What is kept is asked for again after this long."""
WAIT_S = 1.5
"""A page waits this long for the first answer."""
BYTES_SHOWN_MAX = 4_096


class LastAnswer(Generic[T]):
    """An answer that is kept: a caller gets the last one, and at most one request runs at a time.

    Args:
        ask: asks for it.
        missing: the answer before there is one.

    """

    def __init__(self, ask: Callable[[], Awaitable[T]], missing: T) -> None:
        self._ask = ask
        self._value = missing
        self._asked_at: float | None = None
        self._asking: asyncio.Task[None] | None = None

    async def value(self) -> T:
        """The last answer; the first is waited for, but not long."""
        is_old = self._asked_at is None or time.monotonic() - self._asked_at > FRESH_S
        if is_old and self._asking is None:
            self._asking = asyncio.create_task(self._refresh())
        if self._asked_at is None and self._asking is not None:
            await asyncio.wait([self._asking], timeout=WAIT_S)
        return self._value

    async def _refresh(self) -> None:
        try:
            self._value = await self._ask()
        except (BrokerError, KafkaException) as error:
            log.warning("Kafka does not say how much is not read yet: %s", error)
        finally:
            self._asked_at = time.monotonic()
            self._asking = None

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.wait([self._asking])


class GraphqlOperations:
    """The state of the processes, in the schema's types.

    Args:
        workers: are asked how they are.
        mongo: is asked whether it answers.
        look: asks the broker. Blocking.
        dead_letters: the dead letters.
        clock: the wall clock, microseconds since 1970.

    """

    def __init__(
        self,
        workers: Workers,
        mongo: Mongo,
        look: Callable[[], BrokerView],
        dead_letters: DeadLetters,
        clock: Callable[[], Micros],
    ) -> None:
        self._mongo = mongo
        self._dead_letters = dead_letters
        self._clock = clock
        self._statuses: LastAnswer[list[WorkerStatus]] = LastAnswer(workers.statuses, [])
        self._broker: LastAnswer[BrokerView | None] = LastAnswer(lambda: asyncio.to_thread(look), None)
        self._letters: LastAnswer[int] = LastAnswer(dead_letters.count, 0)

    async def freshness(self) -> Freshness:
        """How current the read model is."""
        statuses, broker = await asyncio.gather(self._statuses.value(), self._broker.value())
        # Each worker knows up to when all partitions of all workers are read; of two answers the later is the newer.
        known = [one.caught_up_to for one in statuses if one.caught_up_to is not None]
        return Freshness(
            caught_up_to=instant(max(known, default=None)),
            lag=_read_model_lag(broker),
            as_of=Instant(self._clock()),
        )

    async def health(self) -> Health:
        """The state of all processes."""
        statuses, broker, letters, is_up = await asyncio.gather(
            self._statuses.value(), self._broker.value(), self._letters.value(), self._read_model_answers()
        )
        return Health(
            freshness=await self.freshness(),
            workers=[
                WorkerHealth(
                    url=one.url,
                    ready=one.ready,
                    reason=one.reason,
                    caught_up_to=instant(one.caught_up_to),
                    partitions=one.partitions,
                )
                for one in statuses
            ],
            topics=[
                TopicLag(group=one.group, topic=one.topic, partition=one.partition, lag=one.lag)
                for one in _lags(broker, statuses)
            ],
            feeds=[
                FeedHealth(source=one.source, topic=one.topic, last_at=instant(one.last_at), silent=one.silent)
                for one in (() if broker is None else broker.feeds)
            ],
            read_model=ReadModelHealth(up=is_up, lag=_read_model_lag(broker)),
            dead_letters=Count(value=letters, at_least=letters >= COUNT_MAX),
        )

    async def dead_letters(self, *, first: int, after: str | None) -> Connection[DeadLetter]:
        """The dead letters, the latest first."""
        try:
            page = await self._dead_letters.latest(first=first, after=after)
        except InvalidLetterCursor as error:
            raise bad_argument(f"`after`: {error}") from None
        except (BrokerError, KafkaException) as error:
            log.warning("the dead letters cannot be read: %s", error)
            raise GatewayError(ErrorCode.UNAVAILABLE, "Kafka does not answer; try again") from None
        return Connection(
            edges=[
                Edge(node=self._dead_letter(letter), cursor=cursor)
                for letter, cursor in zip(page.letters, page.cursors, strict=True)
            ],
            page_info=PageInfo(has_next_page=page.has_next, end_cursor=page.cursors[-1] if page.cursors else None),
        )

    async def close(self) -> None:
        """Stop asking."""
        for kept in (self._statuses, self._broker, self._letters):
            await kept.close()

    async def _read_model_answers(self) -> bool:
        try:
            async with asyncio.timeout(WAIT_S):
                await self._mongo.ping()
        except (MongoUnavailable, TimeoutError):
            return False
        return True

    def _dead_letter(self, letter: Letter) -> DeadLetter:
        headers, value = letter.headers, letter.record.value or b""
        decoded = self._dead_letters.decoded(letter)
        return DeadLetter(
            id=ID(letter.id),
            at=Instant((letter.record.timestamp_ms or 0) * 1_000),
            topic="" if headers is None else headers.source_topic,
            partition=-1 if headers is None else headers.source_partition,
            offset=-1 if headers is None else headers.source_offset,
            error_class="unknown" if headers is None else headers.error_class.value,
            error="it has not the headers of a dead letter" if headers is None else headers.message,
            key=None if letter.record.key is None else letter.record.key.decode(errors="backslashreplace"),
            decoded=None if decoded is None else msgspec.json.encode(decoded).decode(),
            bytes=base64.b64encode(value[:BYTES_SHOWN_MAX]).decode("ascii"),
            size=len(value),
            headers=[
                Header(name=name, value="" if raw is None else raw.decode(errors="backslashreplace"))
                for name, raw in (letter.record.headers if headers is None else letter.original_headers)
            ],
        )


def _read_model_lag(broker: BrokerView | None) -> int:
    return 0 if broker is None else sum(one.lag for one in broker.projectors)


def _lags(broker: BrokerView | None, statuses: list[WorkerStatus]) -> list[PartitionLag]:
    """What is not read yet, where that is known.

    A worker that is ready has read everything to its end, and has committed that. If the broker has no offset of the
    group all the same, it does not keep those that are committed with a transaction, as an embedded one.
    """
    if broker is None:
        return []
    is_ready = any(one.ready for one in statuses)
    return [*(one for one in broker.workers if one.has_offset or not is_ready), *broker.projectors]
