"""How long a reader downstream hears nothing: it notes when each committed output came."""

import itertools
import threading
import time
import uuid
from collections.abc import Iterable

from confluent_kafka import OFFSET_END, Consumer, TopicPartition


class OutputWatch(threading.Thread):
    """Reads topics read_committed, from their ends on, and notes when records came."""

    def __init__(self, bootstrap: str, topics: Iterable[str], partitions: int) -> None:
        super().__init__(name="output-watch", daemon=True)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap, "group.id": f"watch-{uuid.uuid4().hex}", "enable.auto.commit": False,
                "isolation.level": "read_committed", "fetch.wait.max.ms": 20, "reconnect.backoff.max.ms": 500,
                "auto.offset.reset": "earliest", "log_level": 2,
            }
        )  # fmt: skip
        self._consumer.assign([TopicPartition(topic, n, OFFSET_END) for topic in topics for n in range(partitions)])
        self._came: list[float] = []
        self._stopping = threading.Event()
        self.start()

    def run(self) -> None:
        """Until told to stop."""
        while not self._stopping.is_set():
            if any(message.error() is None for message in self._consumer.consume(1_000, 0.02)):
                self._came.append(time.monotonic())
        self._consumer.close()

    def stop(self) -> None:
        """End it."""
        self._stopping.set()
        self.join(30)

    def longest_gap_s(self, since: float, until: float) -> float:
        """The longest time between two records, of those that came between two instants of `time.monotonic`."""
        edges = [since, *(at for at in self._came if since <= at <= until), until]
        return max(after - before for before, after in itertools.pairwise(edges))
