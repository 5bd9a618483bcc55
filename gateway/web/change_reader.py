"""Reads the output topics from their end, in a thread: committed records only, as any consumer downstream.

Nothing is committed to a group: what was written before the gateway started is in the read model.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

from domain.records import (
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    PaymentReconciliation,
    PayoutReconciliation,
    ReferenceReconciliation,
)
from read_model.documents import PROJECTED, DocumentKind
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput
from streams.codec.registry import RegistryError
from streams.settings import Settings

log = logging.getLogger(__name__)

BATCH_RECORDS = 1_000
WAIT_S = 0.2
RETRY_S = 5.0
CLOSING_S = 1.0
PARTITIONS_EVERY_S = 60.0
"""New partitions are looked for this often."""


class ChangedRecord(NamedTuple):
    """A record of an output topic that was written."""

    kind: DocumentKind
    key: str
    """The `_id` of its document in the read model."""
    version: int
    """0 for a tombstone: the key is no more."""


def changed(record: object) -> ChangedRecord | None:
    """What a decoded output is about."""
    match record:
        case PaymentReconciliation():
            return ChangedRecord("payments", record.payment_id, record.version)
        case ObligationReconciliation():
            return ChangedRecord("obligations", record.obligation_id, record.version)
        case ReferenceReconciliation():
            return ChangedRecord("processor_references", record.reference_key, record.version)
        case PayoutReconciliation():
            return ChangedRecord("payouts", record.payout_key, record.version)
        case MismatchAlert():
            return ChangedRecord("breaks", record.break_id, record.version)
        case LatePaymentAlert():
            return ChangedRecord("alerts", record.alert_id, record.version)
    return None


class ChangeReader:
    """The thread.

    Args:
        settings: the broker and the topics.
        codec: decodes the records.
        is_wanted: whether anybody listens; records are skipped unread while nobody does.
        take: is called in the thread with what was read; None: something may have been missed.

    """

    def __init__(
        self,
        settings: Settings,
        codec: Codec,
        is_wanted: Callable[[], bool],
        take: Callable[[Sequence[ChangedRecord] | None], None],
    ) -> None:
        self._settings = settings
        self._codec = codec
        self._is_wanted = is_wanted
        self._take = take
        self._topics = {settings.topic(topic): kind for topic, kind in PROJECTED.items()}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="changes", daemon=True)
        self.error: str | None = "not connected yet"
        """Why nothing is read now; None while it is."""

    def start(self) -> None:
        """Start reading."""
        self._thread.start()

    def close(self) -> None:
        """Stop, and wait for it, but not for a broker that does not answer: nothing is lost."""
        self._stop.set()
        self._thread.join(CLOSING_S)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._read_until_stopped()
            except KafkaException as error:
                self.error = f"Kafka: {error.args[0].str()}"
                log.warning("changes are not read: %s", error.args[0].str())
                self._stop.wait(RETRY_S)

    def _read_until_stopped(self) -> None:
        consumer = Consumer(
            self._settings.kafka(
                **{
                    "group.id": f"{self._settings.application_id}-gateway",  # required; nothing is committed to it
                    "client.id": f"{self._settings.application_id}-gateway",
                    "isolation.level": "read_committed",
                    "enable.auto.commit": False,
                    "auto.offset.reset": "latest",
                    "log_level": 2,
                }
            )
        )
        try:
            places: set[tuple[str, int]] = set()
            waited_s = PARTITIONS_EVERY_S
            while not self._stop.is_set():
                if waited_s >= PARTITIONS_EVERY_S:
                    places, waited_s = self._assigned(consumer, places), 0.0
                messages = consumer.consume(BATCH_RECORDS, WAIT_S)
                waited_s += WAIT_S if not messages else 0.01
                self._pass_on(messages)
        finally:
            consumer.close()

    def _assigned(self, consumer: Any, places: set[tuple[str, int]]) -> set[tuple[str, int]]:
        """Read all partitions that there are now: new ones from their beginning, at first all from their end."""
        cluster = consumer.list_topics(timeout=RETRY_S)
        now = {
            (name, number)
            for name in self._topics
            if name in cluster.topics
            for number in cluster.topics[name].partitions
        }
        added = sorted(now - places)
        if added and places:
            consumer.incremental_assign([TopicPartition(*place, OFFSET_BEGINNING) for place in added])
        elif added:
            consumer.assign([TopicPartition(*place, OFFSET_END) for place in added])
            self._take(None)
        self.error = None if now else "there are no output topics; `rentmatch provision` creates them"
        return places | now

    def _pass_on(self, messages: Sequence[Any]) -> None:
        found: list[ChangedRecord] = []
        for message in messages:
            error = message.error()
            if error is not None:
                if error.fatal():
                    raise KafkaException(error)
                self.error = f"Kafka: {error.str()}"
                self._take(None)
                continue
            self.error = None
            if not self._is_wanted():
                continue
            if message.value() is None:
                key = (message.key() or b"").decode(errors="replace")
                found.append(ChangedRecord(self._topics[message.topic()], key, 0))
                continue
            try:
                one = changed(self._codec.decode_output(message.value()))
            except (BadInput, RegistryError) as reason:
                # The projector reports it; here the pages ask again, whatever it was.
                log.debug("a record of %s cannot be decoded: %s", message.topic(), type(reason).__name__)
                self._take(None)
                continue
            if one is not None:
                found.append(one)
        if found:
            self._take(found)
