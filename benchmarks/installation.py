"""The topics, the group and the settings of one measurement, and how far its workers have read."""

import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, IsolationLevel
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from domain.facts import Micros
from streams import settings as settings_module
from streams import topics
from streams.broker.provisioning import provision
from streams.topics import Topic
from tools.local.worker import WorkerProcess

READ = (*topics.INPUTS, topics.PAYMENT_FACTS, topics.OBLIGATION_FACTS)
"""The topics that a worker reads in batches."""


def instant_text(at: Micros) -> str:
    """An instant as RENTMATCH_CLOCK takes it."""
    return datetime.fromtimestamp(at // 1_000_000, UTC).isoformat()


class Installation:
    """One installation of rentmatch on a broker, under names of its own; its inputs may be another one's.

    `clock` is the instant at which the service's clock stands still; None: it goes by the system's.
    """

    def __init__(
        self,
        broker: str,
        *,
        inputs: str | None = None,
        clock: Micros | None = None,
        partitions: int = 8,
        **environment: str,
    ) -> None:
        self.name = f"bench-{uuid.uuid4().hex[:8]}"
        self.inputs = inputs or self.name
        self.environment = {
            "RENTMATCH_BROKER": broker,
            "RENTMATCH_APPLICATION_ID": self.name,
            "RENTMATCH_PARTITIONS": str(partitions),
            "RENTMATCH_CLOCK": "system" if clock is None else instant_text(clock),
        }
        for topic in topics.ALL:
            owner = self.inputs if topic in topics.INPUTS else self.name
            self.environment[f"RENTMATCH_{topic.setting.upper()}"] = f"{owner}-{topic.name}"
        self.environment |= environment
        self.settings = settings_module.load(self.environment)
        report = provision(self.settings)
        if report.errors:
            raise RuntimeError("; ".join(report.errors))
        self._admin = AdminClient(self.kafka({}))
        self._group = Consumer(self.kafka({"group.id": self.name, "isolation.level": "read_committed"}))

    def kafka(self, conf: dict[str, Any]) -> dict[str, Any]:
        """The librdkafka configuration of a client that is not a worker's.

        It tells only what is critical: a broker that goes away at the end of a run is no news.
        """
        return self.settings.kafka(**{"log_level": 2} | conf)

    def topic(self, topic: Topic) -> str:
        """The name of a topic here."""
        return self.settings.topic(topic)

    def worker(self, directory: Path, **environment: str) -> WorkerProcess:
        """A worker process, not started yet, with its state under `directory` and its name for its id."""
        return WorkerProcess(directory, self.environment | {"RENTMATCH_WORKER_ID": directory.name} | environment)

    def ends(self, *of: Topic) -> dict[tuple[str, int], int]:
        """The end offset of each partition of these topics, open transactions included."""
        known = self._admin.list_topics(timeout=30).topics
        asked = {
            KafkaPartition(self.topic(topic), number): OffsetSpec.latest()
            for topic in of
            for number in known[self.topic(topic)].partitions
        }
        futures = self._admin.list_offsets(asked, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=30)
        return {(place.topic, place.partition): future.result(30).offset for place, future in futures.items()}

    def committed(self, places: dict[tuple[str, int], int]) -> dict[tuple[str, int], int]:
        """The group's offset in each of these partitions; 0 where it has none."""
        found = self._group.committed([KafkaPartition(*place) for place in places], 30)
        return {(one.topic, one.partition): max(0, one.offset) for one in found}

    def is_read(self) -> bool:
        """Whether the group has committed up to the end of everything that it reads.

        The ends are asked for after the offsets: what a transaction writes is there when its offsets are.
        """
        places = self._places
        committed = self.committed(places)
        return all(committed[place] >= end for place, end in self.ends(*READ).items())

    @property
    def _places(self) -> dict[tuple[str, int], int]:
        known = self._admin.list_topics(timeout=30).topics
        return {(self.topic(topic), number): 0 for topic in READ for number in known[self.topic(topic)].partitions}

    def remove(self, *, with_inputs: bool = True) -> None:
        """Delete the topics: what they hold would be in the way of the next measurement."""
        self._group.close()
        names = [self.topic(topic) for topic in topics.ALL if with_inputs or topic not in topics.INPUTS]
        for future in self._admin.delete_topics(names).values():
            future.result(60)
