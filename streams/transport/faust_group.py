"""Faust's transport for the scheme `rentmatch://`: the group membership is aiokafka's, the records are not.

Faust and aiokafka keep what they are good at: joining, heartbeats, the assignor with its standbys, rebalances, agents.
Records are read by fetcher.py, reach the agents through `BatchTopic`, and are written by writer.py.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol, cast

import aiokafka
import faust
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import LeaveGroupRequest
from faust.transport import base
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, Message
from faust.types.transports import TPorTopicSet
from mode import Service
from mode.types import ServiceT
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from streams.topics import Topic
from streams.transport.batch import Batch
from streams.transport.commit_loop import CommitLoop
from streams.transport.fetcher import Fetcher
from streams.transport.lag import LagMonitor
from streams.transport.membership import Membership
from streams.transport.writer import Writer

log = logging.getLogger(__name__)

LEAVING_S = 0.3
"""A member that no rebalance holds back has left the group long before."""


class TransportParts(Protocol):
    """What the transport needs of a worker (tables/worker.py)."""

    @property
    def commit_loop(self) -> CommitLoop:
        """Processes and commits."""

    @property
    def fetcher(self) -> Fetcher:
        """Reads."""

    @property
    def writer(self) -> Writer:
        """Writes the transactions."""

    @property
    def lag_monitor(self) -> LagMonitor:
        """Polls how much there is to read."""


class BatchQueue(ThrowableQueue):  # type: ignore[misc]
    """The queue of an agent. Faust's flow control never suspends or clears it, so no batch is lost in it.

    It needs neither: what a rebalance makes stale carries an old epoch, and the fetcher bounds what is in it.
    """

    def __init__(self) -> None:
        super().__init__(flow_control=FlowControlEvent(initially_suspended=False))


class BatchTopic(faust.Topic):  # type: ignore[misc]
    """The topics that an agent reads. Its values are batches, which `deliver` puts there as they are.

    Faust subscribes the group to these topics, and starts, supervises and stops the agent; a batch takes no other way
    through Faust than this one queue.
    """

    def __init__(self, *args: Any, queue: BatchQueue | None = None, **kwargs: Any) -> None:
        super().__init__(*args, queue=queue or BatchQueue(), **kwargs)

    def _clone_args(self) -> Mapping[str, Any]:
        """Let all clones share the queue: the agent reads from a clone of a clone."""
        return {**super()._clone_args(), "queue": self.queue}

    def get_topic_name(self) -> str:
        """All names: Faust's own refuses to name several topics, and `faust -A app agents` asks."""
        return ", ".join(self.topics)


class BatchStream(Protocol):
    """What an agent's function is run with: a Faust stream whose values are batches."""

    app: Any

    def __aiter__(self) -> "BatchStream":
        """Iterate over the batches."""

    async def __anext__(self) -> Batch:
        """Wait for the next batch."""


def queues_of(app: faust.App) -> dict[str, BatchQueue]:
    """The queue of the agent that reads a topic, by the topic's name on this installation."""
    return {name: agent.channel.queue for agent in app.agents.values() for name in agent.channel.topics}


def deliver(batches: list[Batch], queues: Mapping[Topic, BatchQueue]) -> None:
    """Put each batch into the queue of the agent that reads its topic."""
    for batch in batches:
        queues[batch.source.topic].put_nowait(batch)


class Listener(driver.ConsumerRebalanceListener):  # type: ignore[misc]
    """Notes our membership at the moment of assignment: aiokafka resets it when the next rebalance begins."""

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Note generation and member id, keep aiokafka from fetching, and go on as Faust does."""
        consumer: aiokafka.AIOKafkaConsumer = self._thread._ensure_consumer()
        consumer.pause(*assigned)
        coordinator = consumer._coordinator
        self._thread.consumer.membership = Membership(
            self._thread.app.conf.id, coordinator.generation, coordinator.member_id
        )
        await super().on_partitions_assigned(assigned)


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """Leaves the group at once, also while it waits to join its next generation."""

    async def on_thread_stop(self) -> None:
        """Stop as Faust does; if that takes longer, leave the group by another connection.

        While a rebalance waits for a member that does not answer, the broker answers no request that follows our own
        JoinGroup on its connection. LeaveGroup would wait there until the silent member's session ends.
        """
        stopping = asyncio.ensure_future(super().on_thread_stop())
        done, _ = await asyncio.wait([stopping], timeout=LEAVING_S)
        if not done and self._consumer is not None:
            await self._leave_group(self._consumer)
        await stopping

    def close(self) -> None:
        """Do nothing: `on_thread_stop` closes the consumer, and leaves the group.

        Faust calls this when partitions are revoked or assigned while it stops. Its own method marks the consumer
        closed, and a closed consumer does not leave the group: it stays a member until its session ends.
        """

    async def _leave_group(self, consumer: aiokafka.AIOKafkaConsumer) -> None:
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

    membership: Membership | None = None
    """Of the last assignment; None before the first."""

    def _new_consumer_thread(self) -> ConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @property
    def worker(self) -> TransportParts | None:
        """The worker, while it is open."""
        return cast(TransportParts | None, self.app.worker)

    @property
    def _open_worker(self) -> TransportParts:
        if self.worker is None:
            raise RuntimeError("the group calls a worker that is not open")
        return self.worker

    async def on_start(self) -> None:
        """Start reading (nothing is assigned yet)."""
        self._open_worker.fetcher.start()
        await super().on_start()

    async def on_stop(self) -> None:
        """Commit what is processed; the group is left right after."""
        if self.worker is not None:
            await self.worker.commit_loop.drain()
            await asyncio.to_thread(self.worker.fetcher.stop)
        self.transport._topic_waiters.clear()

    @Service.task  # type: ignore[untyped-decorator]
    async def _commit_forever(self) -> None:
        await self._open_worker.commit_loop.commit_forever()

    @Service.task  # type: ignore[untyped-decorator]
    async def _poll_end_offsets_forever(self) -> None:
        await self._open_worker.commit_loop.poll_end_offsets_forever()

    @Service.task  # type: ignore[untyped-decorator]
    async def _poll_lag_forever(self) -> None:
        await self._open_worker.lag_monitor.poll_forever()

    async def on_task_error(self, exc: BaseException) -> None:
        """End the worker for an agent that raised: Faust would restart the agent without the batch that it took."""
        if self.worker is not None:
            await self.worker.commit_loop.fail(exc)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Commit first, then let go."""
        await self._open_worker.commit_loop.drain()
        await super().on_partitions_revoked(revoked)

    async def _drain_messages(self, fetcher: ServiceT) -> None:
        """Wait for the end: batches do not come through Faust's fetcher."""
        try:
            await fetcher.wait_until_stopped()
        except asyncio.CancelledError:
            # A cancellation after stop() is the end; in a rebalance Faust would take it for a crash.
            if not fetcher.should_stop:
                raise

    def track_message(self, message: Message) -> None:
        """Ignore it: Faust's acks decide nothing here."""

    def ack(self, message: Message) -> bool:
        """Ignore it: Faust's acks decide nothing here."""
        return True

    async def commit(self, topics: TPorTopicSet | None = None, start_new_transaction: bool = True) -> bool:
        """Do nothing: the commit loop commits."""
        return False

    async def wait_empty(self) -> None:
        """Commit what is processed."""
        await self._open_worker.commit_loop.drain()

    async def perform_seek(self) -> None:
        """Do nothing: positions are the fetcher's."""

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: it watches aiokafka's fetcher, which is idle on purpose."""


class Producer(base.Producer):  # type: ignore[misc]
    """The place of Faust's producer. Records leave through the writer's transactions and in no other way."""

    async def on_start(self) -> None:
        """Fence a former worker of our name, and abort the transaction that it left open."""
        await super().on_start()
        await asyncio.to_thread(self.app.worker.writer.start, 60.0)

    async def on_stop(self) -> None:
        """Finish what was submitted, unless the worker ends because it cannot."""
        await super().on_stop()
        worker = self.app.worker
        if worker is not None and not worker.commit_loop.broken:
            await asyncio.to_thread(worker.writer.stop)

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
