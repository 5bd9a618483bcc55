"""The one transactional producer of a worker: writes a commit, whole or not at all, in a thread of its own."""

import itertools
import logging
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from confluent_kafka import TopicPartition as KafkaPartition

from streams.topics import DEAD_LETTER, Topic, TopicRole
from streams.transport.commit import Commit, DeadRecord
from streams.transport.membership import Membership
from streams.transport.pieces import bytes_of_dead_letter, bytes_of_message, pieces_of
from streams.transport.producer_thread import ANSWER_S, STEP_S, NoAnswer, ProducerThread

log = logging.getLogger(__name__)

_LINGER_MS = 500
"""`linger.ms`: hold records until flush or this timeout, so that the records of a partition share a batch."""

_GIVE_UP_AFTER_S = 120.0
"""How long a transaction step is retried while the broker is away."""

_INIT_S = 60.0
"""How long a new producer may take to fence its predecessor: the broker completes the transaction that it left open."""

_RECONNECT_MS_MAX = 1_000
"""Reconnect to a broker that is back within a second; librdkafka's default is up to ten."""

RECOVERY_S = 30.0
"""The time for a lost attempt, a fresh producer and finding out the outcome, beside that for the transactions."""

FRESH_MAX = 10
"""After this many fresh producers within `FRESH_WITHIN_S` the worker ends. A hung one is never freed: about 2 MB, and
4 threads plus one for each broker."""

FRESH_WITHIN_S = 3_600.0

FREED_AT_ONCE = 2_000
"""Records that are freed at a time, in about a millisecond."""

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
"""The errors with which librdkafka fails a transaction when a broker was away for too long."""

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
"""The errors after the broker aborted a transaction that exceeded its timeout. In a younger transaction the same errors
mean that another producer has our transactional id."""


class TransactionFailed(RuntimeError):
    """The transaction failed, or its outcome is unknown. The worker must end; only committed state counts."""


class AttemptLost(TransactionFailed):
    """An attempt failed because a broker was away. A fresh producer can find out whether it was committed."""


def _free(commit: Commit) -> None:
    """Free what a commit has written, in parts: all at once, it would keep Python's lock from the event loop."""
    written: list[list[Any]] = [
        *commit.records.values(),
        *(write.changes for write in commit.table_writes),
        commit.dead_letters,
    ]
    for records in written:
        while records:
            del records[-FREED_AT_ONCE:]


class Writer:
    """Writes one commit after the other, and lets the local store `apply` each that is committed.

    When an attempt is lost because a broker was away or librdkafka hangs, a fresh producer takes over
    (docs/decisions/0014). Any other error is final: the worker ends, and recovers from what is committed.
    """

    def __init__(
        self,
        conf: Mapping[str, Any],
        names: Mapping[Topic, str],
        transactional_id: str,
        timeout_ms: int,
        apply: Callable[[Commit], None],
    ) -> None:
        self._names = names
        self._apply = apply
        self._timeout_s = timeout_ms / 1_000
        self._client = dict(conf) | {"reconnect.backoff.max.ms": _RECONNECT_MS_MAX}
        self._conf = self._client | {
            "transactional.id": transactional_id,
            "transaction.timeout.ms": timeout_ms,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": _LINGER_MS,
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
        """Called after each step of a transaction; fault tests inject a kill here."""

    def start(self, timeout_s: float) -> None:
        """Fence a former worker of the same transactional id, and complete the transaction that it left open.

        Raises:
            KafkaException: the broker cannot be reached, or refuses.

        """
        self._thread.start()
        self._started.result(timeout_s + 5)

    def submit(self, commit: Commit, membership: Membership) -> "Future[None]":
        """Write a commit; the future is done when the transaction is committed, or has failed."""
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
                self._apply(commit)
                self.after_step("store")
            except BaseException as error:
                done.set_exception(error)
                break
            done.set_result(None)
            _free(commit)
        self._producer_thread.abandon()

    @property
    def _producer(self) -> Producer:
        return self._producer_thread.producer

    def _open(self) -> None:
        """Make a producer; the broker fences its predecessor, and completes or aborts the open transaction of that."""
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
                log.warning("the outcome of a commit is unknown, a fresh producer finds it out: %s", lost)
            self._open_fresh()
            if self._is_committed(commit, membership, commit_id):
                log.warning("the commit was committed")
                return
            log.warning("the commit was aborted and is written again")

    def _open_fresh(self) -> None:
        """Replace a producer that is of no use any more.

        Raises:
            TransactionFailed: there were too many of late, or the broker does not accept it.

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

    def _is_committed(self, commit: Commit, membership: Membership, commit_id: str) -> bool:
        """Whether a commit whose producer has been fenced was committed.

        No transaction of ours is open any more, so the group's offsets show it, by the commit id in their metadata. The
        offsets alone would not: a commit of deadlines does not change them. One id is enough, since a transaction is
        atomic. If it was committed and no id is left, the next owners have committed all its partitions; then this
        worker is not a member of that generation, and is refused when it writes again.

        Raises:
            TransactionFailed: the broker does not answer.

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
                        raise TransactionFailed(f"the outcome of a commit cannot be read: {failure}") from failure
                    log.info("reading the outcome of the commit again: %s", failure)
        finally:
            consumer.close()
        for partition in found:
            if partition.error is not None:
                raise TransactionFailed(f"the outcome of a commit cannot be read: {partition.error}")
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
        for number, pieces in enumerate(self._rounds(commit)):
            if number:
                self._flush()
            for produce in pieces:
                if produce is not None:
                    produce()
        self.after_step("produce")
        # Before the offsets: the group accepts them as long as this worker is a member. A worker that takes over its
        # partitions after that finds all records there, and waits for the transaction; it would miss later ones.
        self._flush()
        self.after_step("flushed")
        offsets = self._offsets(commit, commit_id)
        if not offsets:
            raise TransactionFailed("a transaction without offsets would not be fenced")
        metadata = membership.metadata()
        self._retried(lambda: thread.call(lambda: producer.send_offsets_to_transaction(offsets, metadata, STEP_S)))
        self.after_step("offsets")
        self._retried(lambda: thread.call(lambda: producer.commit_transaction(STEP_S)))
        if self._delivery_error is not None:
            raise TransactionFailed(f"a record was not written: {self._delivery_error}")
        self.after_step("commit")

    def _rounds(self, commit: Commit) -> Iterator[tuple[Callable[[], None] | None, ...]]:
        """Give what produces the records of a commit, in rounds: of each partition one piece, which may be in flight.

        In the next round the broker has to have the pieces of this one.
        """
        places: list[list[Callable[[], None]]] = []
        for (topic, partition), messages in commit.records.items():
            if topic.role is TopicRole.CHANGELOG:
                messages[-1]["callback"] = _note_end(commit.changelog_ends, topic, partition)  # type: ignore[assignment]
            name = self._names[topic]
            pieces = pieces_of(messages, bytes_of_message)
            places.append([partial(self._produce_piece, name, partition, piece) for piece in pieces])
        letters = pieces_of(commit.dead_letters, bytes_of_dead_letter)
        places.append([partial(self._produce_dead_letters, piece) for piece in letters])
        return itertools.zip_longest(*places)

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

    def _produce_dead_letters(self, letters: list[DeadRecord]) -> None:
        for key, value, headers in letters:
            self._patiently(
                lambda key=key, value=value, headers=headers: self._producer.produce(  # type: ignore[misc]
                    self._names[DEAD_LETTER], key=key, value=value, headers=headers, on_delivery=self._delivered
                )
            )

    def _flush(self) -> None:
        """Wait until the broker has all records so far, or has refused some, which makes the next step fail."""
        deadline = time.monotonic() + _GIVE_UP_AFTER_S
        while self._producer.flush(1.0):
            if time.monotonic() > deadline:
                raise TransactionFailed("the broker does not acknowledge the records")

    def _patiently(self, produce: Callable[[], Any]) -> Any:
        """Produce, waiting while librdkafka's queue is full."""
        deadline = time.monotonic() + _GIVE_UP_AFTER_S
        while True:
            try:
                return produce()
            except BufferError:
                if time.monotonic() > deadline:
                    raise TransactionFailed("the broker accepts no records") from None
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
                    raise self._failure("the transaction failed", error) from failure
                log.warning("the broker did not answer, trying again: %s", error)

    def _failure(self, what: str, error: KafkaError) -> TransactionFailed:
        expired = time.monotonic() - self._began >= self._timeout_s
        lost = error.code() in _AWAY or (expired and error.code() in _EXPIRED)
        return (AttemptLost if lost else TransactionFailed)(f"{what}: {error}")


def _note_end(
    ends: dict[tuple[Topic, int], int], topic: Topic, partition: int
) -> Callable[[KafkaError | None, Message], None]:
    """Return a callback that notes the offset after the last record of a changelog.

    It must not refer to the commit, whose records refer to it: the cycle would keep all of them until the garbage
    collector runs, which is rarely.
    """

    def note_end(error: KafkaError | None, message: Message) -> None:
        if error is None:
            ends[topic, partition] = message.offset() + 1

    return note_end
