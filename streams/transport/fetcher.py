"""Reads the source partitions of a worker: a manually assigned consumer in a thread of its own.

Group membership is not its concern (faust_group.py): it reads the partitions it is assigned from the offsets it is
given, read_committed, and delivers batches without gaps.
"""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message

from streams.broker.cluster import look_up
from streams.headers import Header, headers_of, size_of_headers
from streams.topics import Topic, TopicRole
from streams.transport.batch import Batch, RawRecord, TopicPartition
from streams.transport.source_reader import Place, SourceReader

log = logging.getLogger(__name__)

BATCH_BYTES = 128 * 1024
"""A batch is closed when it grows past this: processing it blocks the event loop, and a record of an internal topic
carries hundreds of facts."""

OUTSTANDING_BYTES = 4 << 20
"""The thread waits while records of this size are delivered and not yet processed."""

RECORD_BYTES = 100
"""About the memory that a record takes beside its value and headers."""

BACKLOG_RECORDS = 5_000
"""From this many unread records on there is a backlog. One second at 5,000 events a second."""


class Fetcher:
    """Passes batches to `deliver`, which is called in the fetcher's thread and must not block."""

    def __init__(
        self,
        conf: Mapping[str, Any],
        names: Mapping[Topic, str],
        deliver: Callable[[list[Batch]], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._conf = dict(conf) | {
            "group.id": "unused: partitions are assigned by hand",
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "max.poll.interval.ms": 86_400_000,
            "fetch.wait.max.ms": 50,
            "fetch.max.bytes": 16 << 20,
            # Not less than a producer's largest batch: the broker returns a batch that is larger for the first
            # partition of a request only, and the others would be read one after the other.
            "max.partition.fetch.bytes": 1 << 20,
            "queued.max.messages.kbytes": 8 << 10,
            "queued.min.messages": 5_000,
            "fetch.error.backoff.ms": 100,
            # A partition whose queue was full is fetched again this long after. The default of 1 s starves a worker
            # that empties the queue sooner.
            "fetch.queue.backoff.ms": 10,
        }
        self._topic_of = {name: topic for topic, name in names.items()}
        self._names = names
        self._deliver = deliver
        self._failed = failed
        self._lock = threading.Condition()
        self._positions: dict[Place, int] = {}
        self._sources: dict[Place, TopicPartition] = {}
        self._epoch = -1
        self._command: Callable[[SourceReader], None] | None = None
        self._outstanding = 0
        self._unread = 0
        """Records that the broker has and that are not delivered yet, as last counted."""
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="rentmatch-fetcher", daemon=True)

    def start(self) -> None:
        """Start the thread; it reads nothing until `assign`."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        with self._lock:
            self._stopping = True
            self._lock.notify()
        self._thread.join(10)

    def assign(self, epoch: int, positions: Mapping[TopicPartition, int]) -> None:
        """Read these partitions from these offsets from now on; batches carry this epoch.

        Also how a missing batch is read again.
        """
        at = dict(positions)

        def command(reader: SourceReader) -> None:
            self._epoch = epoch
            self._sources = {(self._names[s.topic], s.number): s for s in at}
            self._positions = {(self._names[s.topic], s.number): offset for s, offset in at.items()}
            reader.assign(self._positions)

        with self._lock:
            self._outstanding = 0
            self._command = command
            self._lock.notify()

    def unassign(self) -> None:
        """Read nothing any more."""
        self.assign(-1, {})

    @property
    def behind(self) -> bool:
        """Whether there is more to read than is being processed: a backlog.

        What is delivered does not show it alone. A worker that is quicker than its fetcher finds nothing delivered in
        the middle of a backlog.
        """
        return self._unread >= BACKLOG_RECORDS or self._outstanding >= OUTSTANDING_BYTES // 2

    def done(self, batch: Batch) -> None:
        """A batch is processed: there is room for as many bytes more."""
        with self._lock:
            if batch.epoch == self._epoch:
                self._outstanding -= batch.size
                if self._outstanding < OUTSTANDING_BYTES:
                    self._lock.notify()

    def _run(self) -> None:
        try:
            inputs = [name for name, topic in self._topic_of.items() if topic.role is TopicRole.INPUT]
            reader = SourceReader(lambda: Consumer(self._conf), inputs)
            try:
                look_up(reader.consumer, self._names.values())
                while self._read(reader):
                    pass
            finally:
                reader.close()
        except BaseException as error:
            self._failed(error)

    def _read(self, reader: SourceReader) -> bool:
        with self._lock:
            while (
                not self._stopping
                and self._command is None
                and (not self._positions or self._outstanding >= OUTSTANDING_BYTES)
            ):
                self._lock.wait(1.0)
            if self._stopping:
                return False
            command, self._command = self._command, None
        if command is not None:
            command(reader)
            if not self._positions:
                return True
        batches = reader.order(
            [(self._place_of(batch), batch) for batch in self._batches(reader.poll())], self._positions
        )
        self._unread = reader.unread
        if batches:
            with self._lock:
                if self._command is not None:
                    return True  # reassigned meanwhile: these are stale
                self._outstanding += sum([batch.size for batch in batches])
            self._deliver(batches)
        return True

    def _place_of(self, batch: Batch) -> Place:
        return self._names[batch.source.topic], batch.source.number

    def _batches(self, messages: list[Message]) -> list[Batch]:
        batches: list[Batch] = []
        opened: dict[Place, _OpenBatch] = {}
        for message in messages:
            place = (message.topic(), message.partition())
            held = opened.get(place)
            if held is None:
                held = opened[place] = _OpenBatch()
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    # The true end, after control records, which have offsets and no data.
                    self._close(batches, place, opened.pop(place), message.offset())
                else:
                    _complain(place, error)
                continue
            value = message.value()
            offset = message.offset()
            held.records.append(RawRecord(message.key(), value, offset))
            held.messages.append(message)
            if value is not None:
                held.bytes += len(value)
            headers = headers_of(message)
            if headers is not None:
                held.headers[offset] = headers
                held.bytes += size_of_headers(headers)
            if held.bytes > BATCH_BYTES:
                self._close(batches, place, opened.pop(place), offset + 1)
        for place, held in opened.items():
            if held.records:
                self._close(batches, place, held, held.records[-1].offset + 1)
        return batches

    def _close(self, batches: list[Batch], place: Place, held: "_OpenBatch", end: int) -> None:
        start = self._positions.get(place)
        if start is None or end <= start:
            return
        # Reading a record's timestamp costs time, and two of them show how old a batch is.
        stamped_ms = tuple([message.timestamp()[1] for message in (*held.messages[:1], *held.messages[-1:])])
        batches.append(
            Batch(
                source=self._sources[place],
                epoch=self._epoch,
                start=start,
                next=end,
                records=held.records,
                stamped_ms=stamped_ms,
                headers=held.headers or None,
                size=held.bytes + RECORD_BYTES * len(held.records),
            )
        )
        self._positions[place] = end


class _OpenBatch:
    """The records of one partition that will be a batch."""

    __slots__ = ("bytes", "headers", "messages", "records")

    def __init__(self) -> None:
        self.records: list[RawRecord] = []
        self.messages: list[Message] = []
        self.headers: dict[int, list[Header]] = {}
        self.bytes = 0
        """Of their values and headers."""


def _complain(place: Place, error: KafkaError) -> None:
    """Log an error that passes by itself.

    Raises:
        KafkaException: records are deleted or may not be read; going on would lose them silently.

    """
    lost = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE, KafkaError.TOPIC_AUTHORIZATION_FAILED}
    if error.fatal() or error.code() in lost:
        raise KafkaException(error)
    log.warning("reading %s: %s", place, error)
