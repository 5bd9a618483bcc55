"""Monitors a consumer group and its topics from outside, as an operator's tools would: members, offsets, lag."""

import warnings
from collections.abc import Iterable

from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)

from streams.settings import Settings
from streams.topology import TOPOLOGY
from streams.transport.offsets import list_offsets

READ = tuple(topic.name for topic in TOPOLOGY.sources)
"""The topics that the group reads."""

INPUTS = tuple(topic.name for topic in TOPOLOGY.inputs)


def _upstream_first() -> list[list[str]]:
    """Return the topics that the group reads, each after those that its watermark waits for."""
    waiting = dict(TOPOLOGY.upstream)
    steps = [list(INPUTS)]
    while waiting:
        ready = [topic for topic, before in waiting.items() if not any(other in waiting for other in before)]
        steps.append([topic.name for topic in ready])
        waiting = {topic: before for topic, before in waiting.items() if topic not in ready}
    return steps


UPSTREAM_FIRST = _upstream_first()

Place = tuple[str, int]
"""Topic (default name) and partition."""


class GroupMonitor:
    """Queries the broker about a deployment's topics and consumer group. Topics go by their default names."""

    def __init__(self, settings: Settings) -> None:
        self._group = settings.application_id
        self._names = {topic.name: settings.topic(topic) for topic in TOPOLOGY.topics}
        self._partitions: dict[str, int] = {}
        self.steps = UPSTREAM_FIRST
        """The topics that the group reads, each after those that its watermark waits for."""
        conf = settings.kafka(log_level=2)
        self._admin = AdminClient(conf)
        # Never joins the group. Under read_committed the broker reports no offset that an open transaction may change.
        self._consumer = Consumer(
            conf | {"group.id": self._group, "isolation.level": "read_committed", "enable.partition.eof": True,
                    "enable.auto.commit": False, "fetch.wait.max.ms": 50}
        )  # fmt: skip

    def move(self, topic: str, name: str, partitions: int) -> None:
        """Note that a topic has been repartitioned under another full name."""
        self._names[topic], self._partitions[topic] = name, partitions

    def close(self) -> None:
        """Release the connection."""
        self._consumer.close()

    def members(self) -> int | None:
        """Return how many members the group has; None while the broker does not answer."""
        # Not describe_consumer_groups: librdkafka ends the whole process when the broker goes away under it (#4605).
        try:
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                found = self._admin.list_groups(self._group, timeout=5)
        except KafkaException:
            return None
        return len(found[0].members) if found and found[0].error is None else None

    def coordinator(self) -> int:
        """Return the node (0 is the first) that coordinates the group: it leads the group's partition of the offsets.

        Raises:
            KafkaException: the broker does not answer.

        """
        # Not describe_consumer_groups, as above.
        offsets = "__consumer_offsets"
        partitions = self._admin.list_topics(offsets, 10).topics[offsets].partitions
        number = (java_hash(self._group) & 0x7FFF_FFFF) % len(partitions)
        return int(partitions[number].leader) - 1

    def ends(self, names: Iterable[str], *, stable: bool = False) -> dict[Place, int]:
        """Return the end offsets of these topics: after all records, or only after the `stable` (committed) ones.

        Raises:
            KafkaException: the broker does not answer.

        """
        isolation = IsolationLevel.READ_COMMITTED if stable else IsolationLevel.READ_UNCOMMITTED
        found = list_offsets(self._admin, self._places(names), OffsetSpec.latest(), isolation)
        return {self._place(TopicPartition(*place)): info.offset for place, info in found.items()}

    def committed(self) -> dict[Place, int]:
        """Return the group's committed offset in each partition that it reads; 0 where there is none.

        Raises:
            KafkaException: the broker does not answer, or a transaction is open on the offsets.

        """
        places = self._places(name for names in self.steps for name in names)
        return {self._place(found): max(found.offset, 0) for found in self._consumer.committed(places, 10)}

    def is_at_end(self) -> bool:
        """Return whether the group has committed the end of everything that it reads, transaction markers included.

        The ends are queried after the offsets: what a transaction writes is there when its offsets are.

        Raises:
            KafkaException: the broker does not answer, or a transaction is open on the offsets.

        """
        committed = self.committed()
        return all(committed[place] >= end for place, end in self.ends(READ).items())

    def lag(self) -> dict[Place, int]:
        """Return how many offsets the group is behind, by partition; partitions without unread records are left out.

        Transaction markers and aborted records do not count: the group need not move past them. Upstream topics are
        queried first, because what they still bring must be seen downstream.

        Raises:
            KafkaException: the broker does not answer.

        """
        lag: dict[Place, int] = {}
        for names in self.steps:
            committed = self.committed()
            for place, end in self.ends(names).items():
                if committed[place] < end and self._has_records(place, committed[place], end):
                    lag[place] = end - committed[place]
        return lag

    def _has_records(self, place: Place, start: int, end: int) -> bool:
        """Return whether a committed record follows from `start` on, or `end` cannot be reached."""
        self._consumer.assign([TopicPartition(self._names[place[0]], place[1], start)])
        try:
            while True:
                message = self._consumer.poll(10)
                if message is None:
                    return True
                error = message.error()
                if error is None:
                    return True
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                return (message.offset() or 0) < end
        finally:
            self._consumer.unassign()

    def rewind(self, names: Iterable[str] = READ) -> None:
        """Reset the group to the beginning of these topics, by default of all; it must have no members."""
        places = [TopicPartition(place.topic, place.partition, 0) for place in self._places(names)]
        request = ConsumerGroupTopicPartitions(self._group, places)
        self._admin.alter_consumer_group_offsets([request])[self._group].result(15)

    def configure(self, topic: str, **configs: str) -> None:
        """Change settings of a topic: `_` stands for `.` in their names, an empty value for the default."""
        entries = [
            ConfigEntry(
                name.replace("_", "."),
                value,
                incremental_operation=AlterConfigOpType.SET if value else AlterConfigOpType.DELETE,
            )
            for name, value in configs.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, self._names[topic], incremental_configs=entries)
        self._admin.incremental_alter_configs([resource], request_timeout=10)[resource].result(15)

    def _places(self, names: Iterable[str]) -> list[TopicPartition]:
        return [TopicPartition(self._names[name], number) for name in names for number in range(self._count(name))]

    def _count(self, name: str) -> int:
        if name not in self._partitions:
            full = self._names[name]
            count = len(self._admin.list_topics(full, timeout=10).topics[full].partitions)
            if not count:  # there is no such topic yet
                return 0
            self._partitions[name] = count
        return self._partitions[name]

    def _place(self, partition: TopicPartition) -> Place:
        default = next(name for name, full in self._names.items() if full == partition.topic)
        return default, partition.partition


def java_hash(text: str) -> int:
    """Java's hash of a string of ASCII characters, by which Kafka chooses a group's partition."""
    found = 0
    for character in text:
        found = (31 * found + ord(character)) & 0xFFFF_FFFF
    return found
