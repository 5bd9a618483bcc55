"""Debezium's topics to `ledger-events`: reads, translates and writes in transactions that hold the offsets, too."""

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import stamina
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from connectors.ledger.changes import Change, MappingError
from connectors.ledger.envelopes import DebeziumRecord, Envelopes
from connectors.ledger.mapping import LedgerMapping
from connectors.ledger.output import LedgerOutput, RefusedChange
from connectors.ledger.progress import ReaderProgress, ReaderState
from connectors.ledger.row_state import LedgerFact
from connectors.ledger.translation import Translator
from domain.time import Micros
from streams.broker.cluster import ANSWER_SECONDS_MAX, BrokerError, connect, look_up
from streams.clocks import system_clock
from streams.codec.dead_letters import BadInput, DeadLetter
from streams.codec.registry import RegistryUnavailable, SchemaRegistry
from streams.headers import headers_of
from streams.settings import Settings

log = logging.getLogger(__name__)

BATCH_MAX = 2_000
"""Records in a transaction."""
WAIT_S = 0.2
"""How long a transaction waits for more."""
LOOK_S = 3.0
"""How often new topics and partitions are looked for: Debezium creates a topic with its table's first change."""
REGISTRY_S = 60.0
"""How long the Schema Registry may be away before the process ends."""


def topics_of(mapping: LedgerMapping) -> dict[str, str]:
    """The ledger's table by topic.

    Raises:
        MappingError: a topic is not known.

    """
    found: dict[str, str] = {}
    for entry in mapping.table:
        topic = entry.topic
        if topic is None:
            if not mapping.debezium.topic_prefix:
                raise MappingError(
                    f"{entry.id}: on which topic are its changes? Set topic_prefix under [debezium] to the connector's "
                    "topic.prefix, or `topic` of the table"
                )
            topic = f"{mapping.debezium.topic_prefix}.{entry.table}"
        found[topic] = entry.table
    return found


class DebeziumReader:
    """Reads Debezium's topics and writes facts, until it is told to stop.

    It assigns itself all partitions: one process at a time reads for a mapping, and the transactional id keeps it so.

    Args:
        settings: of the installation.
        mapping: of the ledger.
        output: writes, and knows what was reported.
        registry: for Avro; None: there is none.
        version: of the service, for dead letters.
        after_gap: go on with the oldest record where the next one has expired, rather than end.
        clock: the time of day; that of the ledger's server should agree.
        progress: it keeps; by default one of its own.

    Raises:
        BrokerError: no broker answers.
        MappingError: a topic is not known, or the mapping does not fit.

    """

    def __init__(
        self,
        settings: Settings,
        mapping: LedgerMapping,
        output: LedgerOutput,
        registry: SchemaRegistry | None,
        *,
        version: str,
        after_gap: bool = False,
        clock: Callable[[], Micros] = system_clock,
        progress: ReaderProgress | None = None,
    ) -> None:
        self._settings, self._output, self._version, self._clock = settings, output, version, clock
        self.progress = progress or ReaderProgress()
        self._topics = topics_of(mapping)
        self._translator = Translator(mapping)
        self._envelopes = Envelopes(self._topics, unwrapped=mapping.debezium.unwrapped, registry=registry)
        self._consumer, _ = connect(
            Consumer,
            settings,
            group_id=output.group,
            enable_auto_commit=False,
            enable_partition_eof=True,
            isolation_level="read_committed",
            auto_offset_reset="earliest" if after_gap else "error",
        )
        self._assigned: set[tuple[str, int]] = set()
        self._looked_at = 0.0
        self._at_end: set[tuple[str, int]] = set()
        """Partitions whose end was reached, with no record since."""
        self._read_up_to: dict[tuple[str, int], Micros] = {}
        """By partition, when the last change that was read of it was committed."""

    def run(self, stopped: Callable[[], bool]) -> None:
        """Read and write until `stopped()`.

        Raises:
            BrokerError: the topics cannot be read.
            MappingError: the mapping does not fit the ledger.
            OutputLost: a transaction failed.
            RegistryUnavailable: the Schema Registry was away for too long.

        """
        try:
            while not stopped():
                self._look_for_partitions()
                self._step(self._consumer.consume(BATCH_MAX, timeout=WAIT_S))
                self.progress.stepped()
            done = self.progress
            log.info("read %d changes: %d facts, %d dead letters", done.changes, done.published, done.refused)
        finally:
            self._consumer.close()

    def _look_for_partitions(self) -> None:
        now = time.monotonic()
        if self._looked_at and now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        try:
            known: Mapping[str, Any] = self._consumer.list_topics(timeout=ANSWER_SECONDS_MAX).topics
        except KafkaException as error:
            log.warning("topics cannot be looked up: %s", error.args[0].str())
            if self.progress.state is not ReaderState.DISCONNECTED:
                self.progress.enter(ReaderState.DISCONNECTED, f"topics cannot be looked up: {error.args[0].str()}")
            return
        if self._assigned and self._at_end == self._assigned:
            self.progress.read_up_to(self._clock())
        there = {(name, number) for name in self._topics if name in known for number in known[name].partitions}
        new = sorted(there - self._assigned)
        self.progress.state = ReaderState.FOLLOWING if there else ReaderState.WAITING
        if not new:
            return
        look_up(self._consumer, {name for name, _ in new})
        try:
            committed = self._consumer.committed([TopicPartition(*place) for place in new], ANSWER_SECONDS_MAX)
        except KafkaException as error:
            raise BrokerError(f"the offsets of {self._output.group} cannot be read: {error.args[0].str()}") from None
        for place in committed:
            if place.error is not None:
                raise BrokerError(f"the offset of {place.topic} cannot be read: {place.error.str()}")
            place.offset = place.offset if place.offset >= 0 else OFFSET_BEGINNING
        self._consumer.incremental_assign(committed)
        self._assigned |= set(new)
        log.info("reading %s", ", ".join(f"{name}[{number}]" for name, number in new))

    def _step(self, messages: list[Any]) -> None:
        facts: list[LedgerFact] = []
        letters: list[RefusedChange] = []
        offsets: dict[tuple[str, int], int] = {}
        read = 0
        last_change: Micros | None = None
        for message in messages:
            error, place = message.error(), (message.topic(), message.partition())
            if error is not None:
                if error.code() == KafkaError._PARTITION_EOF:
                    self._at_end.add(place)
                    continue
                raise self._unreadable(message, error)
            read += 1
            committed_at = self._translate(message, facts, letters)
            if committed_at is not None:
                self._read_up_to[place] = last_change = committed_at
            offsets[place] = message.offset() + 1
            self._at_end.discard(place)
        if not offsets:
            return
        places = [TopicPartition(topic, number, offset) for (topic, number), offset in offsets.items()]
        self._output.commit(facts, letters, offsets=places, reader=self._consumer)
        self.progress.committed(read, len(facts), len(letters), last_change)
        behind = self._assigned - self._at_end
        if behind and behind <= self._read_up_to.keys():
            self.progress.read_up_to(min(self._read_up_to[place] for place in behind))
        log.debug("%d changes are %d facts, %d dead letters", read, len(facts), len(letters))

    def _translate(self, message: Any, facts: list[LedgerFact], letters: list[RefusedChange]) -> Micros | None:
        """Add what a record comes to; when its change was committed, where it is one."""
        record = DebeziumRecord(
            topic=message.topic(),
            partition=message.partition(),
            offset=message.offset(),
            timestamp_ms=max(message.timestamp()[1], 0),
            key=message.key(),
            value=message.value(),
        )
        refused: list[BadInput] = []
        change: Change | None = None
        try:
            change = self._change(record)
            if change is not None and self._translator.knows(change.table):
                done = self._translator.apply(change, self._output.states)
                facts += done.facts
                refused = done.refused
        except BadInput as error:
            refused = [error]
        for why in refused:
            log.warning(
                "%s[%d]:%d is a dead letter: %s", record.topic, record.partition, record.offset, why.error_class
            )
            reason = DeadLetter.of(
                why, record.topic, record.partition, record.offset, self._version, headers_of(message) or ()
            )
            letters.append(RefusedChange(record.key, record.value, reason))
        return None if change is None else change.committed_at

    def _change(self, record: DebeziumRecord) -> Change | None:
        for attempt in stamina.retry_context(on=RegistryUnavailable, attempts=None, timeout=REGISTRY_S):
            with attempt:
                return self._envelopes.change(record)
        raise AssertionError("the last attempt returns or raises")

    def _unreadable(self, message: Any, error: KafkaError) -> BrokerError:
        place = f"{message.topic()}[{message.partition()}]"
        if error.code() in {KafkaError.OFFSET_OUT_OF_RANGE, KafkaError._AUTO_OFFSET_RESET}:
            return BrokerError(
                f"{place}: the next record to read has expired, so changes are lost. Let Debezium take a new snapshot "
                "of the table, then start with --after-gap: rows that were changed meanwhile are then corrected"
            )
        return BrokerError(f"{place} cannot be read: {error.str()}")
