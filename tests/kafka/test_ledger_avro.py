"""Debezium's Avro by a real Schema Registry: the facts come out with the registry's framing."""

import io
import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest
from confluent_kafka import Producer

from domain.facts import PaymentPosted
from streams.codec.codec import Codec
from streams.codec.registry import SchemaRegistry
from tests.kit.ledger_process import LedgerProcess
from tools.local.kafka import create_topic
from tools.local.processes import wait_until

pytestmark = pytest.mark.kafka

MAPPING = """
name = "avro"
[debezium]
topic_prefix = "{prefix}shop"
[[table]]
table = "public.posting"
record = "PaymentPosted"
[table.fields]
posting_id = "id"
payment_id = {{ text = "{{id}} of {{day}}" }}
obligation_id = {{ value = "O1" }}
amount = "amount"
currency = {{ value = "EUR" }}
"""


def of_connect(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "connect.version": 1, "connect.name": name, **more}


DECIMAL = of_connect("bytes", "org.apache.kafka.connect.data.Decimal", scale=2, precision=12, logicalType="decimal")
DAY = of_connect("int", "org.apache.kafka.connect.data.Date", logicalType="date")
ROW = {"type": "record", "name": "Value", "fields": [
    {"name": "id", "type": "long"}, {"name": "amount", "type": ["null", DECIMAL]}, {"name": "day", "type": DAY},
]}  # fmt: skip
SOURCE = {"type": "record", "name": "Source", "fields": [
    {"name": "schema", "type": "string"}, {"name": "table", "type": "string"},
    {"name": "ts_ms", "type": "long"}, {"name": "lsn", "type": ["null", "long"]},
]}  # fmt: skip
ENVELOPE = {"type": "record", "name": "Envelope", "namespace": "shop.public.posting", "fields": [
    {"name": "before", "type": ["null", ROW]}, {"name": "after", "type": ["null", "Value"]},
    {"name": "source", "type": SOURCE}, {"name": "op", "type": "string"},
]}  # fmt: skip
KEY = {"type": "record", "name": "Key", "namespace": "shop.public.posting", "fields": [{"name": "id", "type": "long"}]}


def test_avro_by_the_registry(kafka: str, topic_prefix: str, schema_registry_url: str, tmp_path: Path) -> None:
    registry = SchemaRegistry(schema_registry_url)
    topic = f"{topic_prefix}shop.public.posting"

    def framed(part: str, schema: Any, value: Any) -> bytes:
        number, out = registry.register(f"{topic}-{part}", json.dumps(schema)), io.BytesIO()
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)
        return b"\0" + number.to_bytes(4, "big") + out.getvalue()

    create_topic(kafka, topic)
    producer = Producer({"bootstrap.servers": kafka})
    reader = LedgerProcess(
        tmp_path, kafka, topic_prefix, "debezium", MAPPING.format(prefix=topic_prefix),
        {"RENTMATCH_SCHEMA_REGISTRY_URL": schema_registry_url},
    )  # fmt: skip
    reader.provision()
    source = {"schema": "public", "table": "posting", "ts_ms": 1_795_652_877_319, "lsn": 1}
    for number, amount in ((1, "12.50"), (2, "0.01")):
        row = {"id": number, "amount": Decimal(amount), "day": date(2026, 7, 1)}
        value = {"before": None, "after": row, "source": source | {"lsn": number}, "op": "c"}
        producer.produce(topic, framed("value", ENVELOPE, value), framed("key", KEY, {"id": number}))
    assert producer.flush(30) == 0
    codec = Codec(registry)
    try:
        reader.start()
        wait_until(lambda: len(reader.facts(codec)) == 2, 60, "both facts", process=reader)
    finally:
        reader.kill()
    found = {fact.payment_id: fact.amount_minor for fact in reader.facts(codec) if isinstance(fact, PaymentPosted)}
    assert found == {"1 of 2026-07-01": 1_250, "2 of 2026-07-01": 1}
