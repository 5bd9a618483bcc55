"""Real brokers keep their data through kill -9, and a real registry returns its schemas."""

import json
import time
import urllib.request

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from tests.conftest import MakeCluster
from tests.kit.reading import read_all, read_last
from tools.local.kafka import create_topic

pytestmark = pytest.mark.kafka


def produce(bootstrap: str, topic: str, values: range, timeout_s: float = 30) -> None:
    failed: list[KafkaError] = []
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all", "enable.idempotence": True})
    for value in values:
        producer.produce(
            topic,
            key=f"k{value % 7}",
            value=str(value),
            on_delivery=lambda error, _: failed.append(error) if error else None,
        )
    assert producer.flush(timeout_s) == 0
    assert failed == []


def test_a_killed_node_comes_back_with_its_data(kafka_cluster_factory: MakeCluster) -> None:
    cluster = kafka_cluster_factory()
    cluster.create_topic("kept", partitions=3)
    produce(cluster.bootstrap, "kept", range(100))
    cluster.kill()
    with pytest.raises(KafkaException):
        read_all(cluster.bootstrap, "kept", timeout_s=2)
    cluster.restart()
    produce(cluster.bootstrap, "kept", range(100, 120))
    records = read_all(cluster.bootstrap, "kept")
    assert sorted(int(record.value or b"") for record in records) == list(range(120))
    assert {key.decode(): int(record.value or b"") for key, record in read_last(cluster.bootstrap, "kept").items()} == {
        f"k{value % 7}": value for value in range(113, 120)
    }


def test_three_nodes_tolerate_a_killed_and_a_frozen_one(kafka_cluster_factory: MakeCluster) -> None:
    cluster = kafka_cluster_factory(nodes=3)
    cluster.create_topic("replicated", partitions=3)
    produce(cluster.bootstrap, "replicated", range(50))
    cluster.kill(0)
    produce(cluster.bootstrap, "replicated", range(50, 100), timeout_s=60)
    cluster.restart(0)
    cluster.pause(1)
    time.sleep(0.2)
    cluster.resume(1)
    cluster.wait_ready(1)
    produce(cluster.bootstrap, "replicated", range(100, 110), timeout_s=60)
    assert sorted(int(record.value or b"") for record in read_all(cluster.bootstrap, "replicated")) == list(range(110))


def test_aborted_and_open_transactions_are_not_read(kafka: str, topic_prefix: str) -> None:
    topic = topic_prefix + "transactions"
    create_topic(kafka, topic)
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic_prefix})
    producer.init_transactions(30)
    for value, commit in (("aborted", False), ("committed", True)):
        producer.begin_transaction()
        producer.produce(topic, key="k", value=value)
        producer.flush(30)
        if commit:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    producer.begin_transaction()
    producer.produce(topic, key="k", value="open")
    producer.flush(30)
    assert [record.value for record in read_all(kafka, topic)] == [b"committed"]
    uncommitted = read_all(kafka, topic, isolation="read_uncommitted")
    assert [record.value for record in uncommitted] == [b"aborted", b"committed", b"open"]
    producer.abort_transaction(30)


def test_extra_properties_reach_the_broker(kafka_cluster_factory: MakeCluster) -> None:
    cluster = kafka_cluster_factory(
        extra_properties={
            "listeners": (
                "PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port},"
                "SASL_PLAINTEXT://127.0.0.1:{extra_port}"
            ),
            "advertised.listeners": "PLAINTEXT://127.0.0.1:{port},SASL_PLAINTEXT://127.0.0.1:{extra_port}",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config": (
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            ),
        },
        format_arguments=("--add-scram", "SCRAM-SHA-512=[name=rent,password=match]"),
    )
    conf = {
        "bootstrap.servers": f"127.0.0.1:{cluster.extra_ports[0]}",
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "rent",
    }
    assert len(Producer(conf | {"sasl.password": "match"}).list_topics(timeout=20).brokers) == 1
    with pytest.raises(KafkaException):
        Producer(conf | {"sasl.password": "wrong", "log_level": 0}).list_topics(timeout=3)


def test_the_registry_returns_a_schema_by_its_id(schema_registry_url: str, topic_prefix: str) -> None:
    schema = json.dumps({"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]})
    request = urllib.request.Request(
        f"{schema_registry_url}/subjects/{topic_prefix}value/versions",
        data=json.dumps({"schema": schema}).encode(),
        headers={"Content-Type": "application/vnd.schemaregistry.v1+json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        schema_id = json.load(response)["id"]
    with urllib.request.urlopen(f"{schema_registry_url}/schemas/ids/{schema_id}", timeout=10) as response:
        assert json.loads(json.load(response)["schema"]) == json.loads(schema)
