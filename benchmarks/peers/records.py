"""Reads the output records of the peers (benchmarks/kafka_streams/records.avsc), in Avro's single-object encoding."""

import json
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro

from benchmarks.peers.model import OUTPUTS
from benchmarks.versus_input import Outcomes
from domain.time import Micros
from streams import topics
from streams.topics import Topic

SCHEMAS = Path(__file__).parents[1] / "kafka_streams" / "records.avsc"

HEADER_BYTES = 10
"""Of Avro's single-object encoding."""

NAMES = dict(
    zip(OUTPUTS, ("PaymentReconciliation", "ObligationReconciliation", "MismatchAlert"), strict=True),
)


@cache
def schemas() -> dict[str, Any]:
    """The schema of each output topic's records, by the topic's default name."""
    by_name = {schema["name"]: schema for schema in json.loads(SCHEMAS.read_text(encoding="utf-8"))}
    return {topic.name: fastavro.parse_schema(by_name[name]) for topic, name in NAMES.items()}


def decode(topic: Topic, value: bytes) -> dict[str, Any]:
    """Decode a record of an output topic."""
    decoded: Any = fastavro.schemaless_reader(BytesIO(value[HEADER_BYTES:]), schemas()[topic.name])
    record: dict[str, Any] = decoded
    return record


def read(found: Outcomes, topic: Topic, key: bytes, value: bytes) -> None:
    """Add a record that a peer wrote."""
    record = decode(topic, value)
    if topic is topics.PAYMENT_RECONCILIATIONS:
        found.add_payment(
            record["payment_id"],
            record["initiated_minor"],
            record["settled_gross_minor"],
            record["returned_minor"],
            record["posted_minor"],
        )
    elif topic is topics.OBLIGATION_RECONCILIATIONS:
        covered = {row["installment_id"]: row["allocated_minor"] for row in record["installments"]}
        found.add_obligation(record["obligation_id"], record["charged_minor"], record["paid_minor"], covered)
    elif record["lifecycle"] != "resolved":
        found.add_break(record["payment_id"], record["class"])


def rests_on(topic: Topic, value: bytes) -> tuple[str, Micros]:
    """The key of a reconciliation that a peer wrote, and the latest `occurred_at` of the events that it includes."""
    record = decode(topic, value)
    key = "payment_id" if topic is topics.PAYMENT_RECONCILIATIONS else "obligation_id"
    return record[key], record["rests_on"]
