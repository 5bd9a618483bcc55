"""Reads what other workers commit: watermarks, and the changelogs of standby partitions."""

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaError, Message
from confluent_kafka import TopicPartition as KafkaPartition

from streams.broker.cluster import look_up
from tables.recovery import Changelog, LogOffsets, consumer_conf
from tables.store import Store

log = logging.getLogger(__name__)


class StandbyReplicator:
    """A thread that runs from one assignment to the next."""

    def __init__(
        self,
        conf: Mapping[str, Any],
        group: str,
        store: Store,
        progress_name: str,
        on_watermark: Callable[[bytes, bytes], None],
        failed: Callable[[BaseException], None],
    ) -> None:
        self._group = group
        self._conf = consumer_conf(conf, group) | {"queued.max.messages.kbytes": 16 << 10}
        self._store = store
        self._progress_name = progress_name
        self._on_watermark = on_watermark
        self._failed = failed
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, progress_offset: int, standbys: Iterable[Changelog]) -> None:
        """Follow the progress topic from an offset, and these changelogs from the store's offsets."""
        warm = {(changelog.name, changelog.number): changelog for changelog in standbys}
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._run, args=(progress_offset, warm, self._stop), name="rentmatch-standby", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End; after this nothing writes standby state to the store any more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(30)
            self._thread = None

    def _run(self, progress_offset: int, warm: dict[tuple[str, int], Changelog], stop: threading.Event) -> None:
        try:
            consumer = Consumer(self._conf)
            try:
                look_up(consumer, [self._progress_name, *(name for name, _ in warm)])
                consumer.assign(
                    [KafkaPartition(self._progress_name, 0, progress_offset)]
                    + [KafkaPartition(*place, offset) for place, offset in self._starts(warm).items()]
                )
                cold = set(warm)
                while not stop.is_set():
                    reached = self._take(consumer.consume(5_000, 0.1), warm)
                    if cold and not (cold := cold - reached):
                        log.info("standby of %d partitions is warm", len(warm))
            finally:
                consumer.close()
        except BaseException as error:
            if not stop.is_set():
                self._failed(error)

    def _starts(self, warm: dict[tuple[str, int], Changelog]) -> dict[tuple[str, int], int]:
        log_offsets = LogOffsets(self._conf, self._group)
        try:
            return {place: self._from(log_offsets, changelog) for place, changelog in warm.items()}
        finally:
            log_offsets.close()

    def _from(self, log_offsets: LogOffsets, changelog: Changelog) -> int:
        low, high = log_offsets.of(changelog.name, changelog.number)
        offset = self._store.offset(changelog.place)
        if offset > high:
            self._store.forget(changelog.place)
            offset = 0
        return max(low, offset)

    def _take(self, messages: list[Message], warm: dict[tuple[str, int], Changelog]) -> set[tuple[str, int]]:
        """Apply some messages; the partitions that were read to their end."""
        reached: set[tuple[str, int]] = set()
        states: dict[tuple[str, int], list[tuple[bytes, bytes | None]]] = {}
        ends: dict[tuple[str, int], int] = {}
        for message in messages:
            error = message.error()
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    reached.add((message.topic(), message.partition()))
                else:
                    log.warning("following %s: %s", message.topic(), error)
                continue
            if message.topic() == self._progress_name:
                if message.value() is not None:
                    self._on_watermark(message.key(), message.value())
                continue
            place = (message.topic(), message.partition())
            states.setdefault(place, []).append((message.key(), message.value()))
            ends[place] = message.offset() + 1
        for place, records in states.items():
            self._store.recover(warm[place].place, records, ends[place])
        return reached
