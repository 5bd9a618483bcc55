"""Against a real registry: one codec registers schemas, and another reads records with them."""

import uuid

import pytest

from streams import topics
from streams.codec.avro_schemas import OURS
from streams.codec.codec import Codec, framing
from streams.codec.dead_letters import BadInput, DeadLetterClass
from streams.codec.registry import SchemaRegistry
from tests.kit import avro_samples as samples

pytestmark = pytest.mark.kafka


def test_facts_and_outputs_through_a_real_registry(schema_registry_url: str) -> None:
    prefix = uuid.uuid4().hex
    writer, reader = (Codec(SchemaRegistry(schema_registry_url)) for _ in range(2))
    for fact, topic in samples.TOPIC_OF.items():
        value = writer.encode(fact, f"{prefix}.{topic.name}")
        assert value[0] == 0
        assert reader.decode_input(topic, value) == fact
    for record in samples.OUTPUTS:
        assert reader.decode_output(writer.encode(record, f"{prefix}.{type(record).__name__}")) == record


def test_an_id_is_the_same_for_the_same_schema(schema_registry_url: str) -> None:
    subject = f"{uuid.uuid4().hex}-value"
    first, second = (SchemaRegistry(schema_registry_url).register(subject, OURS["PlanChanged"].text) for _ in range(2))
    assert first == second
    assert SchemaRegistry(schema_registry_url).schema(first).identity == OURS["PlanChanged"].identity


def test_an_unknown_id(schema_registry_url: str) -> None:
    with pytest.raises(BadInput) as caught:
        Codec(SchemaRegistry(schema_registry_url)).decode_input(topics.LEDGER_EVENTS, framing.confluent(2_000_000_000))
    assert caught.value.error_class is DeadLetterClass.UNKNOWN_SCHEMA
