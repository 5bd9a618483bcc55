"""The one transactional producer of a worker: writes a commit, whole or not at all, in a thread of its own."""

import itertools
import logging
import queue
import struct
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any, NamedTuple, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from streams.topics import DEAD_LETTER, Role, Topic
from streams.transport.commit import Commit, DeadRecord
from streams.transport.producer_thread import ANSWER_S, STEP_S, NoAnswer, ProducerThread

log = logging.getLogger(__name__)

R = TypeVar("R")

_ON_THE_WAY_MAX = 900_000
"""So many bytes of one partition are sent at a time, and as one batch (librdkafka's `batch.size` is 1,000,000): then no
batch of a partition can overtake another. A broker that has just become a partition's leader takes the second of two
that are on their way, having refused the first, and then refuses the first for good (KAFKA-15591); librdkafka counts it
as written, because a later one is."""

_BATCH_RECORDS = 10_000
"""As many records as librdkafka puts into a batch (`batch.num.messages`)."""

_RECORD_BYTES = 50
"""What a batch adds to key and value of a record, and a little more."""

_GATHER_MS = 500
"""Nothing leaves before it is waited for, or so many milliseconds passed: what is of one partition goes together."""

_GIVE_UP_AFTER_S = 120.0
"""How long a transaction step is retried while the broker is away."""

_INIT_S = 60.0
"""How long a new producer may take to fence off the one before it: the broker finishes what that one left open."""

_RECONNECT_MS_MAX = 1_000
"""A broker that is back is found within a second; librdkafka would wait up to ten."""

RECOVERY_S = 30.0
"""What a lost attempt, a fresh producer and the question after the outcome may take in all, beside the transactions."""

FRESH_MAX = 10
"""So many fresh producers are made in `FRESH_WITHIN_S`; then the worker ends. One that hangs is never freed: about
2 MB, and 4 threads plus one for each broker."""

FRESH_WITHIN_S = 3_600.0

_AWAY = frozenset(
    {
        KafkaError._MSG_TIMED_OUT,
        KafkaError._TIMED_OUT,
        KafkaError._TIMED_OUT_QUEUE,
        KafkaError._TRANSPORT,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
        KafkaError.REQUEST_TIMED_OUT,
    }
)
"""What librdkafka fails a transaction with when a broker was away for too long."""

_EXPIRED = frozenset(
    {
        KafkaError._FENCED,
        KafkaError._STATE,
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.INVALID_PRODUCER_ID_MAPPING,
        KafkaError.INVALID_TXN_STATE,
        KafkaError.PRODUCER_FENCED,
    }
)
"""What it says once the broker has aborted a transaction that took too long. In a transaction that is younger than its
timeout the same errors mean that another producer has our transactional id."""


class TransactionFailed(RuntimeError):
    """The transaction did not hold, or nobody knows. The worker must end; what is committed is the truth."""


class AttemptLost(TransactionFailed):
    """An attempt failed for want of a broker. Whether it held, a fresh producer can find out."""


class Membership(NamedTuple):
    """Who this worker is in its group: taken when partitions are assigned, never later (it is reset in a rebalance)."""

    group: str
    generation: int
    member_id: str

    def metadata(self) -> bytes:
        """What librdkafka sends along with offsets, so that the broker refuses those of a former member (KIP-447).

        The layout is librdkafka's `rd_kafka_consumer_group_metadata_write`; a contract test compares it.

        Raises:
            TransactionFailed: there is no membership; the broker would take the offsets without any fencing.

        """
        if self.generation < 0 or not self.member_id:
            raise TransactionFailed("not a member of the group: offsets would be taken without fencing")
        return (
            b"CGMDv2:"
            + struct.pack("=i", self.generation)
            + self.group.encode()
            + b"\0"
            + self.member_id.encode()
            + b"\0\1"
        )


class Writer:
    """Writes commits one after the other, and lets the local store `keep` each that holds.

    An attempt that is lost because a broker was away, or because librdkafka hangs, is looked after by a fresh producer
    (docs/decisions/0014). Any other error is final: the worker ends, and recovers from what is committed.
    """

    def __init__(
        self,
        conf: Mapping[str, Any],
        names: Mapping[Topic, str],
        transactional_id: str,
        timeout_ms: int,
        keep: Callable[[Commit], None],
    ) -> None:
        self._names = names
        self._keep = keep
        self._timeout_s = timeout_ms / 1_000
        self._client = dict(conf) | {"reconnect.backoff.max.ms": _RECONNECT_MS_MAX}
        self._conf = self._client | {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": timeout_ms,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": _GATHER_MS,
            "message.max.bytes": 16 << 20,
            "queue.buffering.max.messages": 2_000_000,
            "queue.buffering.max.kbytes": 1 << 20,
        }
        self._work: queue.SimpleQueue[tuple[Commit, Membership, Future[None]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="rentmatch-writer", daemon=True)
        self._started: Future[None] = Future()
        self._producer_thread: ProducerThread
        self._commit_ids = (f"{uuid.uuid4().hex}:{number}" for number in itertools.count(1))
        self._made_fresh: list[float] = []
        self._began = 0.0
        """When the open transaction was begun."""
        self._delivery_error: KafkaError | None = None
        self.after_step: Callable[[str], None] = lambda step: None
        """Called behind each step of a transaction; fault tests put a kill here."""

    def start(self, timeout_s: float) -> None:
        """Fence off and clean up after a former worker of the same transactional id.

        Raises:
            KafkaException: the broker cannot be reached, or refuses.

        """
        self._thread.start()
        self._started.result(timeout_s + 5)

    def submit(self, commit: Commit, membership: Membership) -> "Future[None]":
        """Write a commit; the future is done when the transaction holds, or has failed."""
        done: Future[None] = Future()
        self._work.put((commit, membership, done))
        return done

    def stop(self) -> None:
        """Finish what was submitted, then end."""
        self._work.put(None)
        self._thread.join(30)

    def _run(self) -> None:
        try:
            self._open()
        except BaseException as error:
            self._started.set_exception(error)
            return
        self._started.set_result(None)
        while (work := self._work.get()) is not None:
            commit, membership, done = work
            try:
                self._write(commit, membership)
                self._keep(commit)
                self.after_step("store")
            except BaseException as error:
                done.set_exception(error)
                break
            done.set_result(None)
        self._producer_thread.abandon()

    @property
    def _producer(self) -> Producer:
        return self._producer_thread.producer

    def _open(self) -> None:
        """Make a producer; the broker fences off the one before it, and finishes or aborts what that left open."""
        thread = ProducerThread(Producer(self._conf))
        initialize = partial(thread.producer.init_transactions, _INIT_S)
        thread.run(lambda: thread.call(initialize, _INIT_S + ANSWER_S - STEP_S))
        self._producer_thread = thread

    def _write(self, commit: Commit, membership: Membership) -> None:
        commit_id = next(self._commit_ids)
        while True:
            thread = self._producer_thread
            try:
                thread.run(partial(self._attempt, thread, commit, membership, commit_id))
                return
            except (AttemptLost, NoAnswer) as lost:
                log.warning("a commit is in doubt, a fresh producer finds out: %s", lost)
            self._open_fresh()
            if self._holds(commit, membership, commit_id):
                log.warning("the commit in doubt holds")
                return
            log.warning("the commit in doubt was aborted: written again")

    def _open_fresh(self) -> None:
        """Put a fresh producer in the place of one that is of no use any more.

        Raises:
            TransactionFailed: there have been too many of late, or the broker does not take it.

        """
        now = time.monotonic()
        self._made_fresh = [at for at in self._made_fresh if now - at < FRESH_WITHIN_S]
        if len(self._made_fresh) >= FRESH_MAX:
            raise TransactionFailed(f"{FRESH_MAX} producers were lost within {FRESH_WITHIN_S:.0f} s")
        self._made_fresh.append(now)
        self._producer_thread.abandon()
        try:
            self._open()
        except (KafkaException, NoAnswer) as failure:
            raise TransactionFailed(f"a fresh producer cannot take over: {failure}") from failure

    def _holds(self, commit: Commit, membership: Membership, commit_id: str) -> bool:
        """Whether a commit whose producer has been fenced off was committed.

        No transaction of ours is open any more, so the group's offsets say it, by the id that was sent along with them.
        The offsets alone would not: those of a commit of deadlines are what they were. One id is enough, since a commit
        is whole. If there is none although it held, all its partitions have been committed by their next owners; then
        this worker is not a member of that generation, and is refused when it writes again.

        Raises:
            TransactionFailed: the broker does not say.

        """
        consumer = Consumer(
            self._client
            | {"group.id": membership.group, "enable.auto.commit": False, "isolation.level": "read_committed"}
        )
        deadline = time.monotonic() + RECOVERY_S
        try:
            while True:
                try:
                    found = consumer.committed(self._offsets(commit, commit_id), STEP_S)
                    break
                except KafkaException as failure:
                    if time.monotonic() > deadline:
                        raise TransactionFailed(f"nobody can say whether a commit holds: {failure}") from failure
                    log.info("asking again whether the commit in doubt holds: %s", failure)
        finally:
            consumer.close()
        for partition in found:
            if partition.error is not None:
                raise TransactionFailed(f"nobody can say whether a commit holds: {partition.error}")
        return any(partition.metadata == commit_id for partition in found)

    def _offsets(self, commit: Commit, commit_id: str) -> list[KafkaPartition]:
        return [
            KafkaPartition(self._names[source.topic], source.number, offset, commit_id)
            for source, offset in commit.offsets.items()
        ]

    def _attempt(self, thread: ProducerThread, commit: Commit, membership: Membership, commit_id: str) -> None:
        """Write a commit in one transaction. Runs in the producer's thread."""
        producer = thread.producer
        self._delivery_error = None
        self._began = time.monotonic()
        thread.call(producer.begin_transaction)
        self.after_step("begin")
        for (topic, partition), records in commit.records.items():
            self._produce(commit, topic, partition, records)
        self._produce_dead_letters(commit)
        self.after_step("produce")
        # Before the offsets: the group lets them pass as long as this worker is a member. Whoever takes its partitions
        # over after that finds all records there, and waits for the transaction; what came later would be missed.
        self._flush()
        self.after_step("flushed")
        offsets = self._offsets(commit, commit_id)
        if not offsets:
            raise TransactionFailed("a transaction without offsets is fenced by nobody")
        metadata = membership.metadata()
        self._retried(lambda: thread.call(lambda: producer.send_offsets_to_transaction(offsets, metadata, STEP_S)))
        self.after_step("offsets")
        self._retried(lambda: thread.call(lambda: producer.commit_transaction(STEP_S)))
        if self._delivery_error is not None:
            raise TransactionFailed(f"a record was not written: {self._delivery_error}")
        self.after_step("commit")

    def _produce(self, commit: Commit, topic: Topic, partition: int, messages: list[Any]) -> None:
        if topic.role is Role.CHANGELOG:
            # It must not know the commit, whose records know it: a cycle would keep all of them until the collector
            # comes by, which is rarely.
            ends = commit.changelog_ends

            def note_end(error: KafkaError | None, message: Message) -> None:
                if error is None:
                    ends[topic, partition] = message.offset() + 1

            messages[-1]["callback"] = note_end
        for piece in self._pieces_in_turn(messages, _bytes_of_message):
            self._produce_piece(self._names[topic], partition, piece)

    def _produce_piece(self, name: str, partition: int, messages: list[Any]) -> None:
        while messages:
            taken = self._patiently(lambda: self._producer.produce_batch(name, messages, partition))  # noqa: B023
            if taken == len(messages):
                return
            refused = [message for message in messages if "_error" in message]
            for message in refused:
                error = message.pop("_error")
                if error.code() != KafkaError._QUEUE_FULL:
                    raise self._failure(f"a record for {name} was refused", error)
            messages = refused
            self._producer.poll(0.05)

    def _produce_dead_letters(self, commit: Commit) -> None:
        for piece in self._pieces_in_turn(commit.dead_letters, _bytes_of_dead_letter):
            for key, value, headers in piece:
                self._patiently(
                    lambda key=key, value=value, headers=headers: self._producer.produce(  # type: ignore[misc]
                        self._names[DEAD_LETTER], key=key, value=value, headers=headers, on_delivery=self._delivered
                    )
                )

    def _pieces_in_turn(self, records: list[R], bytes_of: Callable[[R], int]) -> Iterator[list[R]]:
        """Records of one topic, as many at a time as may be on the way; the next ones when the broker has these."""
        for number, piece in enumerate(_pieces(records, bytes_of)):
            if number:
                self._flush()
            yield piece

    def _flush(self) -> None:
        """Wait until the broker has all records so far, or has refused some: the next step tells which."""
        deadline = time.monotonic() + _GIVE_UP_AFTER_S
        while self._producer.flush(1.0):
            if time.monotonic() > deadline:
                raise TransactionFailed("the broker does not confirm the records")

    def _patiently(self, produce: Callable[[], Any]) -> Any:
        """Produce, waiting while librdkafka's queue is full."""
        deadline = time.monotonic() + _GIVE_UP_AFTER_S
        while True:
            try:
                return produce()
            except BufferError:
                if time.monotonic() > deadline:
                    raise TransactionFailed("the broker takes no records") from None
                self._producer.poll(0.05)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._delivery_error = error

    def _retried(self, step: Callable[[], None]) -> None:
        deadline = time.monotonic() + _GIVE_UP_AFTER_S
        while True:
            try:
                return step()
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                if not error.retriable() or time.monotonic() > deadline:
                    raise self._failure("the transaction did not hold", error) from failure
                log.warning("the broker did not answer, trying again: %s", error)

    def _failure(self, what: str, error: KafkaError) -> TransactionFailed:
        expired = time.monotonic() - self._began >= self._timeout_s
        lost = error.code() in _AWAY or (expired and error.code() in _EXPIRED)
        return (AttemptLost if lost else TransactionFailed)(f"{what}: {error}")


def _pieces(records: list[R], bytes_of: Callable[[R], int]) -> list[list[R]]:
    """Records of one partition, in parts that go as one batch each."""
    pieces: list[list[R]] = [[]]
    size = 0
    for record in records:
        own = bytes_of(record)
        if pieces[-1] and (size + own > _ON_THE_WAY_MAX or len(pieces[-1]) == _BATCH_RECORDS):
            pieces.append([])
            size = 0
        pieces[-1].append(record)
        size += own
    return pieces


def _bytes_of_message(message: Mapping[str, Any]) -> int:
    return len(message["key"] or b"") + len(message["value"] or b"") + _RECORD_BYTES


def _bytes_of_dead_letter(letter: DeadRecord) -> int:
    key, value, headers = letter
    return len(key or b"") + len(value or b"") + sum(len(text) for _, text in headers) + 10 * _RECORD_BYTES
