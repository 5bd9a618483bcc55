"""A projector that pauses during a rebalance continues afterwards, with its new partitions."""

import threading
from pathlib import Path

import pytest
from confluent_kafka import Producer

from read_model.consumer import OutputConsumer
from read_model.documents import READ
from tests.kit.deployment import AuditedDeployment
from tools.local.processes import wait_until

pytestmark = pytest.mark.kafka

TOPIC = "payment-reconciliations"
PARTITIONS = 4
ALL = PARTITIONS * len(READ)
"""The partitions of all topics that are projected."""


def test_partitions_paused_before_a_rebalance_are_read_after_it(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    with AuditedDeployment(
        kafka, topic_prefix, tmp_path, clock=0, partitions=PARTITIONS, session_timeout_ms=3_000
    ) as deployment:
        first = OutputConsumer(deployment.settings)
        wait_until(lambda: first.fetch() == [] and len(first._assigned) == ALL, 60, "all partitions")
        first.keep_alive()  # as while MongoDB is down

        second, stop = OutputConsumer(deployment.settings), threading.Event()
        taken: list[str] = []

        def join() -> None:
            while not stop.is_set():
                taken.extend(message.key().decode() for message in second.fetch())
                second.mark_written()

        joining = threading.Thread(target=join)
        joining.start()
        try:
            # Its partitions are revoked while it is paused, …
            wait_until(lambda: (first.keep_alive(), first._assigned)[1] == set(), 60, "the first to let go")
            # … and some are assigned again when it already continues.
            wait_until(lambda: first.fetch() == [] and 0 < len(first._assigned) < ALL, 60, "a share")
            producer = Producer({"bootstrap.servers": kafka})
            for partition in range(PARTITIONS):
                producer.produce(deployment.name(TOPIC), b"", f"P-{partition}".encode(), partition)
            assert producer.flush(10) == 0
            mine: list[str] = []

            def all_are_read() -> bool:
                mine.extend(message.key().decode() for message in first.fetch())
                return sorted(mine + taken) == ["P-0", "P-1", "P-2", "P-3"]

            wait_until(all_are_read, 60, f"all records; of its share {sorted(first._assigned)}")
            assert mine != []
        finally:
            stop.set()
            joining.join()
            first.close()
            second.close()
