"""Rent that is a test's own, written to the broker of a running console: charged, paid, and paid twice."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from domain.facts import InputFact
from domain.time import micros_of
from streams import topics
from streams.codec.codec import Codec
from streams.codec.json_form import fact_from_json, fact_to_json
from streams.routing import key_of, topic_of
from streams.topics import Topic
from tests.kit.build_scenario import charged, initiated, outcome, posted

RENT = 85_000


class Rents:
    """Writes facts of its own, with ids that no other test has.

    Args:
        broker: host:port.

    """

    def __init__(self, broker: str) -> None:
        self._broker = broker
        self._codec = Codec()
        self._producer = Producer({"bootstrap.servers": broker, "partitioner": "murmur2_random", "log_level": 2})

    def write(self, *facts: InputFact) -> None:
        """Write facts to their topics; returns when the broker has them."""
        for fact in facts:
            name = topic_of(fact).name
            self._producer.produce(name, self._codec.encode(fact, name), key_of(fact))
        assert self._producer.flush(20) == 0

    def write_json(self, text: str, **more: Any) -> None:
        """Write a record that a page shows, with what its sender adds."""
        self.write(fact_from_json({**json.loads(text), **more}))

    def paid_twice(self, days_ago: int = 10) -> str:
        """A payment that was collected twice, and posted once; returns its id."""
        name = uuid.uuid4().hex[:8]
        payment, obligation = f"TWICE-{name}", f"O-{name}"
        own: dict[str, Any] = {"obligation_id": obligation, "tenant_id": f"T-{name}", "property_id": f"PR-{name}"}
        self.write(
            self.charge(obligation, name),
            initiated(payment, _ago(days_ago), RENT, event_id=f"I-{name}", **own),
            *(
                outcome(
                    "SETTLED",
                    _ago(days_ago - 1, hours=at - 1),
                    RENT,
                    payment,
                    event_id=f"S{at}-{name}",
                    processor_reference=f"{payment}-{at}",
                )
                for at in (1, 2)
            ),
            posted(
                f"G-{name}", _ago(days_ago - 1, hours=2), RENT, payment, event_id=f"G-{name}", obligation_id=obligation
            ),
        )
        return payment

    def collected_again(self, payment: str, attempt: int) -> None:
        """Another settlement of a payment."""
        self.write(
            outcome(
                "SETTLED", _ago(1), RENT, payment, event_id=uuid.uuid4().hex, processor_reference=f"{payment}-{attempt}"
            )
        )

    def paid(self, days_ago: int = 10) -> tuple[str, str]:
        """A payment that is settled and posted as it was initiated; returns it and its obligation."""
        name = uuid.uuid4().hex[:8]
        payment, obligation = f"PAID-{name}", f"O-{name}"
        own: dict[str, Any] = {"obligation_id": obligation, "tenant_id": f"T-{name}", "property_id": f"PR-{name}"}
        self.write(
            self.charge(obligation, name),
            initiated(payment, _ago(days_ago), RENT, event_id=f"I-{name}", **own),
            outcome(
                "SETTLED", _ago(days_ago - 1), RENT, payment, event_id=f"S-{name}", processor_reference=f"{payment}-1"
            ),
            posted(
                f"G-{name}", _ago(days_ago - 1, hours=2), RENT, payment, event_id=f"G-{name}", obligation_id=obligation
            ),
        )
        return payment, obligation

    def in_suspense(self) -> tuple[str, str]:
        """A settlement without a payment id, and a payment that waits for one; returns reference and payment."""
        name = uuid.uuid4().hex[:8]
        payment, obligation, reference = f"WAITS-{name}", f"O-{name}", f"R-{name}"
        own: dict[str, Any] = {"obligation_id": obligation, "tenant_id": f"T-{name}", "property_id": f"PR-{name}"}
        unkeyed = outcome("SETTLED", _ago(3), RENT, event_id=f"S-{name}", processor_reference=reference)
        self.write(
            self.charge(obligation, name),
            initiated(payment, _ago(4), RENT, event_id=f"I-{name}", **own),
            msgspec.structs.replace(unkeyed, payment_id=None),
        )
        return f"bank/{reference}", payment

    def charge(self, obligation: str, name: str) -> InputFact:
        """A month of rent."""
        return charged(
            RENT,
            due=_day(20),
            obligation_id=obligation,
            lease_id=f"L-{name}",
            tenant_id=f"T-{name}",
            property_id=f"PR-{name}",
            event_id=f"C-{name}",
            occurred_at=micros_of(datetime.fromisoformat(_ago(30))),
        )

    def decisions_about(self, key: str) -> list[dict[str, Any]]:
        """The decisions about a key that are on the topic, in its order."""
        return [one for one in self._all(topics.DECISIONS) if one["key"] == key]

    def _all(self, topic: Topic) -> list[dict[str, Any]]:
        consumer = Consumer({"bootstrap.servers": self._broker, "group.id": uuid.uuid4().hex, "log_level": 2})
        try:
            found = []
            for partition in consumer.list_topics(topic.name, 10).topics[topic.name].partitions:
                at = TopicPartition(topic.name, partition, 0)
                consumer.assign([at])
                _, end = consumer.get_watermark_offsets(at, 10)
                read, until = 0, time.monotonic() + 20
                while read < end and time.monotonic() < until:
                    record = consumer.poll(1)
                    if record is None or record.error():
                        continue
                    read = (record.offset() or 0) + 1
                    found.append(fact_to_json(self._codec.decode_input(topic, record.value(), record.headers())))
            return found
        finally:
            consumer.close()


def _ago(days: int, hours: int = 0) -> str:
    """This many days ago, and so many hours after that."""
    return (datetime.now(UTC) - timedelta(days=days, hours=-hours)).isoformat(timespec="seconds")


def _day(days_ago: int) -> str:
    return (datetime.now(UTC) - timedelta(days=days_ago)).date().isoformat()
