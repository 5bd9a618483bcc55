"""The deployment that a measurement uses, with topics and a group of its own."""

import time
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from domain.time import Micros, rfc3339
from ops.deployment import Deployment
from streams import topics
from streams.topics import Topic
from tools.group_monitor import GroupMonitor
from tools.local.worker import COMMAND, REPOSITORY, WorkerProcess


class MeasuredDeployment(Deployment):
    """A deployment under names of its own; its inputs may be those of another one.

    `clock` is the instant at which the workers' clock stands still; None lets them read the system's.
    """

    def __init__(
        self,
        broker: str,
        *,
        inputs: str | None = None,
        clock: Micros | None = None,
        partitions: int = 8,
        **env: str,
    ) -> None:
        self.name = f"bench-{uuid.uuid4().hex[:8]}"
        self.inputs = inputs or self.name
        names = {
            f"RENTMATCH_{topic.setting.upper()}": f"{self.inputs if topic in topics.INPUTS else self.name}-{topic.name}"
            for topic in topics.ALL
        }
        own = {
            "RENTMATCH_BROKER": broker,
            "RENTMATCH_APPLICATION_ID": self.name,
            "RENTMATCH_PARTITIONS": str(partitions),
            "RENTMATCH_CLOCK": "system" if clock is None else rfc3339(clock),
        }
        super().__init__(names | own | env)
        self.create_topics()
        self._monitor = GroupMonitor(self.settings)
        self._wait_until_led()

    def kafka(self, conf: dict[str, Any]) -> dict[str, Any]:
        """Return the librdkafka configuration of a client that is not a worker's.

        It logs only critical errors: a broker that stops at the end of a run is expected.
        """
        return self.settings.kafka(**{"log_level": 2} | conf)

    def worker(
        self, directory: Path, *, code: Path = REPOSITORY, command: Sequence[str] = COMMAND, **env: str
    ) -> WorkerProcess:
        """Return a worker process, not started yet, that keeps its state in `directory` and has its name as id.

        Args:
            directory: of its log and its store.
            code: the folder that its code is in: a checkout or an unpacked wheel.
            command: starts it. It may be a module of the benchmarks, which a wheel does not have: they are taken from
                this checkout, and all else from `code`.
            env: further settings.

        """
        own = {"RENTMATCH_WORKER_ID": directory.name, "PYTHONPATH": str(REPOSITORY)}
        return WorkerProcess(directory, self.env | own | env, command=command, code=code)

    def members(self) -> int | None:
        """Return how many members the group has; None while the broker does not answer."""
        return self._monitor.members()

    def is_read(self) -> bool:
        """Return whether the group has committed the end of every topic that it reads."""
        return self._monitor.is_at_end()

    def has_read(self, *of: Topic) -> bool:
        """Return whether the group has committed the end of these topics."""
        committed = self._monitor.committed()
        return all(committed[place] >= end for place, end in self.ends(*of).items())

    def ends(self, *of: Topic) -> dict[tuple[str, int], int]:
        """Return the end offset of each partition of these topics, open transactions included."""
        return self._monitor.ends([topic.name for topic in of])

    def _wait_until_led(self, timeout_s: float = 60) -> None:
        """Wait until each partition has a leader: a worker that asks earlier ends with an error."""
        until = time.monotonic() + timeout_s
        while True:
            try:
                self.ends(*topics.ALL)
                return
            except KafkaException:
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    def remove(self, *, with_inputs: bool = True) -> None:
        """Delete the topics, whose records would slow down the next measurement, also those that a program made."""
        self._monitor.close()
        self.delete_topics([topic for topic in topics.ALL if with_inputs or topic not in topics.INPUTS])
        ours = {self.topic(topic) for topic in topics.ALL}
        admin = AdminClient(self.kafka({}))
        made = [name for name in admin.list_topics(timeout=15).topics if self.name in name and name not in ours]
        for deleted in admin.delete_topics(made).values() if made else ():
            deleted.result(60)
