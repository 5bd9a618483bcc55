"""Faust's transport, for the scheme `rentmatch://`: membership in the group is aiokafka's, records are not.

Faust and aiokafka keep what they are good at: joining, heartbeats, the assignor with its standbys, rebalances, agents
and their channels. Records come from streams/transport/fetcher.py and leave through streams/transport/writer.py.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, ClassVar, Protocol, cast

import aiokafka
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import LeaveGroupRequest
from faust.transport import base
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.transports import TPorTopicSet
from faust.types.tuples import ConsumerMessage
from mode import Service
from mode.types import ServiceT

from streams.topics import Topic
from streams.transport.batch import Batch
from streams.transport.commit_loop import CommitLoop
from streams.transport.fetcher import Fetcher
from streams.transport.lag import LagMonitor
from streams.transport.writer import Membership, Writer

log = logging.getLogger(__name__)

LEAVING_S = 0.3
"""A member that no rebalance holds has left the group long before."""


class Pipeline(Protocol):
    """What the transport finds at `app.pipeline`; made in app.py."""

    opened: bool
    commit_loop: CommitLoop
    fetcher: Fetcher
    writer: Writer
    lag_monitor: LagMonitor
    arrived: "asyncio.Queue[list[Batch]]"
    names: Mapping[Topic, str]
    membership: Membership | None

    def start_reading(self) -> None:
        """Start the threads that read."""

    def stop_reading(self) -> None:
        """Stop them."""


class Listener(driver.ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes who we are in the group at the moment of assignment: aiokafka resets it when the next rebalance begins."""

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Take generation and member id, keep aiokafka from fetching, and go on as Faust does."""
        consumer: aiokafka.AIOKafkaConsumer = self._thread._ensure_consumer()
        consumer.pause(*assigned)
        coordinator = consumer._coordinator
        app = self._thread.app
        app.pipeline.membership = Membership(app.conf.id, coordinator.generation, coordinator.member_id)
        await super().on_partitions_assigned(assigned)


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Leaves the group at once, also while it waits to be let into its next generation."""

    async def on_thread_stop(self) -> None:
        """Stop as Faust does; if that takes longer, say goodbye by another connection.

        While a rebalance waits for a member that does not answer, the broker answers nothing that comes behind our own
        request to join, on its connection. So the goodbye would wait until the silent member's session ends.
        """
        stopping = asyncio.ensure_future(super().on_thread_stop())
        done, _ = await asyncio.wait([stopping], timeout=LEAVING_S)
        if not done and self._consumer is not None:
            await self._say_goodbye(self._consumer)
        await stopping

    async def _say_goodbye(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
        coordinator = consumer._coordinator
        if coordinator.coordinator_id is None or not coordinator.member_id:
            return
        request = LeaveGroupRequest(self.app.conf.id, coordinator.member_id)
        try:
            await consumer._client.send(coordinator.coordinator_id, request, group=ConnectionGroup.DEFAULT)
        except KafkaError as error:
            log.warning("the group was not left at once, its session has to end: %s", error)


class Consumer(driver.Consumer):  # type: ignore[misc]
    """A member of the group whose batches come from our fetcher, and whose commits are our transactions."""

    RebalanceListener: ClassVar[type] = Listener

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def pipeline(self) -> Pipeline:
        """The parts that app.py put together."""
        return cast(Pipeline, self.app.pipeline)

    async def on_start(self) -> None:
        """Start reading (nothing is assigned yet)."""
        self.pipeline.start_reading()
        await super().on_start()

    async def on_stop(self) -> None:
        """Commit what is done; the group is left right after."""
        if self.pipeline.opened:
            await self.pipeline.commit_loop.drain()
            await asyncio.to_thread(self.pipeline.stop_reading)
        self.transport._topic_waiters.clear()

    @Service.task  # type: ignore[untyped-decorator]
    async def _commit_forever(self) -> None:
        await self.pipeline.commit_loop.commit_forever()

    @Service.task  # type: ignore[untyped-decorator]
    async def _ask_forever(self) -> None:
        await self.pipeline.commit_loop.poll_end_offsets_forever()

    @Service.task  # type: ignore[untyped-decorator]
    async def _observe_forever(self) -> None:
        await self.pipeline.lag_monitor.poll_forever()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit first, then let go."""
        await self.pipeline.commit_loop.drain()
        await super().on_partitions_revoked(revoked)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        arrived = self.pipeline.arrived
        try:
            while not (self.should_stop or fetcher.should_stop):
                # Not asyncio.wait_for: before Python 3.12 it loses a cancellation that comes together with a batch.
                batches = await arrived.get()
                if fetcher.should_stop:
                    return  # the flow of messages is suspended by now: whoever hands one on waits for ever
                await self.callback(self._message(batches))
        except asyncio.CancelledError:
            # Being told to stop is an end; while a rebalance goes on Faust would take it for a crash.
            if not fetcher.should_stop:
                raise

    def _message(self, batches: list[Batch]) -> ConsumerMessage:
        """A list of batches for one agent, in the shape of a Kafka message of the first one's partition."""
        first = batches[0]
        name = self.pipeline.names[first.source.topic]
        number = first.source.number
        return ConsumerMessage(
            name, number, first.start, 0.0, 0, [], None, batches, None, 0, 0, TP(name, number),
            generation_id=self.app.consumer_generation_id,
        )  # fmt: skip

    def track_message(self, message: Message) -> None:
        """Faust's acks decide nothing here."""

    def ack(self, message: Message) -> bool:
        """Faust's acks decide nothing here."""
        return True

    async def commit(self, topics: TPorTopicSet | None = None, start_new_transaction: bool = True) -> bool:
        """Do nothing: the commit loop commits."""
        return False

    async def wait_empty(self) -> None:
        """Commit what is done until nothing is open."""
        await self.pipeline.commit_loop.drain()

    async def perform_seek(self) -> None:
        """Do nothing: positions are the fetcher's."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: it watches aiokafka's fetcher, which is idle on purpose."""


class Producer(base.Producer):  # type: ignore[misc]
    """The place of Faust's producer. Records leave through the writer's transactions and in no other way."""

    async def on_start(self) -> None:
        """Fence off a former worker of our name, and abort what it left open."""
        await super().on_start()
        await asyncio.to_thread(self.app.pipeline.writer.start, 60.0)

    async def on_stop(self) -> None:
        """Finish what was submitted."""
        await super().on_stop()
        if self.app.pipeline.opened:
            await asyncio.to_thread(self.app.pipeline.writer.stop)

    async def send(self, *args: Any, **kwargs: Any) -> Any:
        """Refuse.

        Raises:
            RuntimeError: always; a record outside of the transaction would break exactly once.

        """
        raise RuntimeError("records leave through the transaction only (streams/transport/writer.py)")

    send_and_wait = send

    def send_soon(self, fut: Any) -> None:
        """Refuse, as `send`.

        Raises:
            RuntimeError: always.

        """
        raise RuntimeError("records leave through the transaction only (streams/transport/writer.py)")

    async def flush(self) -> None:
        """Do nothing: a commit flushes."""


class Transport(base.Transport):  # type: ignore[misc]
    """Found by Faust through the entry point `faust.transports`, for broker URLs `rentmatch://host:port`."""

    Consumer: ClassVar[type] = Consumer
    Producer: ClassVar[type] = Producer
    driver_version = f"aiokafka={aiokafka.__version__}"
    default_port = 9092

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._topic_waiters: dict[str, Any] = {}


def as_batches(stream: Any) -> AsyncIterator[list[Batch]]:
    """A Faust stream of ours, as what it is: its values are lists of batches."""
    return cast(AsyncIterator[list[Batch]], stream)
