"""Reads the worker's outputs as any consumer downstream would: committed records only."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

from streams import topics
from streams.broker.cluster import ANSWER_SECONDS_MAX, BrokerError, connect
from streams.headers import Header, headers_of
from streams.settings import Settings
from streams.topics import Topic

FOLLOWED = (*topics.OUTPUTS, topics.DEAD_LETTER)

READ_WHOLE = (*topics.INPUTS, *FOLLOWED)
"""Topics from which the broker might drop records before they are read. (The internal topics count as well, but the
worker stops by itself when it misses a record there.)"""


@dataclass(frozen=True)
class DeadLetterRecord:
    """A record of the dead-letter topic."""

    key: bytes | None
    value: bytes | None
    headers: list[Header]


@dataclass
class Follower:
    """Reads the outputs into `last` and `letters`."""

    settings: Settings
    last: dict[Topic, dict[bytes, bytes]] = field(default_factory=lambda: defaultdict(dict))
    """The last record of each key, without those whose last record is a tombstone."""
    letters: list[DeadLetterRecord] = field(default_factory=list)
    records: int = 0
    first_ms: int = 0
    last_ms: int = 0
    """Timestamps of the worker's first and last record, in milliseconds since 1970 UTC."""
    _reached: dict[tuple[str, int], int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Connect, and start at the beginning of every output.

        Raises:
            BrokerError: no broker answers.

        """
        consumer, cluster = connect(
            Consumer,
            self.settings,
            group_id=f"{self.settings.application_id}-follow",  # required by the client; nothing is committed to it
            enable_auto_commit=False,
            enable_partition_eof=True,
            isolation_level="read_committed",
            fetch_wait_max_ms=50,
        )
        self._consumer: Any = consumer
        self._topic_of = {self.settings.topic(topic): topic for topic in FOLLOWED}
        self._reached = {(name, number): 0 for name in self._topic_of for number in cluster.topics[name].partitions}
        consumer.assign([TopicPartition(*place, OFFSET_BEGINNING) for place in self._reached])

    def close(self) -> None:
        """Release the connection."""
        self._consumer.close()

    def take(self, timeout_s: float) -> int:
        """Read the records that have arrived, and return how many.

        Raises:
            BrokerError: a topic cannot be read.

        """
        taken = 0
        for message in self._consumer.consume(5_000, timeout_s):
            place, error = (message.topic(), message.partition()), message.error()
            if error is None:
                self._reached[place] = message.offset() + 1
                self._note(self._topic_of[message.topic()], message)
                taken += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                # After transaction markers, which have offsets and are never delivered.
                self._reached[place] = message.offset()
            else:
                raise BrokerError(f"{message.topic()} cannot be read: {error.str()}")
        self.records += taken
        return taken

    def _note(self, topic: Topic, message: Any) -> None:
        stamp_ms = message.timestamp()[1]
        self.first_ms = min(self.first_ms or stamp_ms, stamp_ms)
        self.last_ms = max(self.last_ms, stamp_ms)
        if topic is topics.DEAD_LETTER:
            self.letters.append(DeadLetterRecord(message.key(), message.value(), headers_of(message) or []))
        else:
            self._keep(topic, message.key(), message.value())

    def _keep(self, topic: Topic, key: bytes, value: bytes | None) -> None:
        if value is None:  # a tombstone: the key is no more
            self.last[topic].pop(key, None)
        else:
            self.last[topic][key] = value

    def is_at_the_end(self) -> bool:
        """Return whether everything on the outputs has been read."""
        return all(self._ends(*place)[1] <= reached for place, reached in self._reached.items())

    def truncated_topics(self) -> list[str]:
        """Return the topics from which the broker has dropped records, so that `last` may be incomplete."""
        lost = []
        for topic in READ_WHOLE:
            name = self.settings.topic(topic)
            if any(self._ends(name, number)[0] > 0 for number in range(self._partitions(name))):
                lost.append(name)
        return lost

    def _partitions(self, name: str) -> int:
        return len(self._consumer.list_topics(name, timeout=ANSWER_SECONDS_MAX).topics[name].partitions)

    def _ends(self, name: str, number: int) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(name, number), timeout=ANSWER_SECONDS_MAX)
        return low, high
