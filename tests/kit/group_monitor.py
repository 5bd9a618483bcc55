"""Looks at a group and its topics from outside, as an operator's tools would: members, offsets, what is unread."""

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

READ = ("payment-initiated", "processor-settled", "ledger-events", "payment-facts", "obligation-facts")
"""The topics that the group reads, upstream first."""

Place = tuple[str, int]
"""Topic (default name) and partition."""


class Onlooker:
    """Asks the broker about the topics under a prefix and the group that reads them. Topics go by default names."""

    def __init__(self, bootstrap: str, prefix: str, group: str, partitions: int) -> None:
        self._prefix = prefix
        self._group = group
        self._partitions = partitions
        self.moved: dict[str, tuple[str, int]] = {}
        """Topics (default names) that were given other names (behind the prefix) and partitions on the way."""
        quiet = {"bootstrap.servers": bootstrap, "log_level": 2}
        self._admin = AdminClient(quiet)
        # Joins nothing; under read_committed it is told no offset that an open transaction may still change.
        self._consumer = Consumer(
            quiet | {"group.id": group, "isolation.level": "read_committed", "enable.partition.eof": True,
                     "enable.auto.commit": False, "fetch.wait.max.ms": 50}
        )  # fmt: skip

    def close(self) -> None:
        """Release the connection."""
        self._consumer.close()

    def members(self) -> int | None:
        """How many members the group has; None while the broker does not tell."""
        # Not describe_consumer_groups: librdkafka ends the whole process when the broker goes away under it (#4605).
        try:
            with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
                found = self._admin.list_groups(self._group, timeout=5)
        except KafkaException:
            return None
        return len(found[0].members) if found and found[0].error is None else None

    def ends(self, topics: Iterable[str], *, stable: bool = False) -> dict[Place, int]:
        """The end offsets of these topics: behind all that is written, or behind what is `stable` only.

        Raises:
            KafkaException: the broker does not tell.
        """
        asked = self._places(topics)
        futures = self._admin.list_offsets(
            {partition: OffsetSpec.latest() for partition in asked},
            isolation_level=IsolationLevel.READ_COMMITTED if stable else IsolationLevel.READ_UNCOMMITTED,
            request_timeout=10,
        )
        return {self._place(partition): future.result(15).offset for partition, future in futures.items()}

    def committed(self) -> dict[Place, int]:
        """The group's committed offsets, behind no open transaction; 0 where there is none.

        Raises:
            KafkaException: the broker does not tell, or a transaction is open on them.
        """
        return {self._place(found): max(found.offset, 0) for found in self._consumer.committed(self._places(READ), 10)}

    def lag(self) -> dict[Place, int]:
        """How many offsets each partition that is read has before its end; partitions without any record are left out.

        What is left of a transaction's markers, or of aborted ones, is no record: nobody need move past it. Upstream
        is looked at first, because what it still brings must be seen downstream.

        Raises:
            KafkaException: the broker does not tell.
        """
        behind: dict[Place, int] = {}
        for topics in (READ[:3], READ[3:4], READ[4:]):
            committed = self.committed()
            for place, end in self.ends(topics).items():
                if committed[place] < end and self._holds_records(place, committed[place], end):
                    behind[place] = end - committed[place]
        return behind

    def _holds_records(self, place: Place, start: int, end: int) -> bool:
        """Whether a reader of committed records meets one from `start` on, or cannot get to `end`."""
        name, _ = self.moved.get(place[0], (place[0], 0))
        self._consumer.assign([TopicPartition(self._prefix + name, place[1], start)])
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

    def rewind(self) -> None:
        """Set the group back to the beginning of all that it reads; no member may be there."""
        places = [TopicPartition(place.topic, place.partition, 0) for place in self._places(READ)]
        request = ConsumerGroupTopicPartitions(self._group, places)
        self._admin.alter_consumer_group_offsets([request])[self._group].result(15)

    def configure(self, topic: str, **configs: str) -> None:
        """Change settings of a topic: `_` stands for `.` in their names, no value for the default."""
        entries = [
            ConfigEntry(
                name.replace("_", "."),
                value,
                incremental_operation=AlterConfigOpType.SET if value else AlterConfigOpType.DELETE,
            )
            for name, value in configs.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, self._prefix + topic, incremental_configs=entries)
        self._admin.incremental_alter_configs([resource], request_timeout=10)[resource].result(15)

    def _places(self, topics: Iterable[str]) -> list[TopicPartition]:
        places = []
        for topic in topics:
            name, partitions = self.moved.get(topic, (topic, self._partitions))
            places += [TopicPartition(self._prefix + name, number) for number in range(partitions)]
        return places

    def _place(self, partition: TopicPartition) -> Place:
        name = partition.topic.removeprefix(self._prefix)
        default = next((topic for topic, (moved, _) in self.moved.items() if moved == name), name)
        return default, partition.partition
