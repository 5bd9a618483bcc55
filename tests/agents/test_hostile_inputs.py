"""A million hostile records through the real first stage: each is carried on as a fact or set aside as it came."""

import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from agents.agent import AgentContext, Clocks
from agents.route_inputs import RouteInputs
from agents.router import Origin
from domain.facts import AttemptClaim, ProcessorSettled
from domain.policy import Policy
from streams import topics
from streams.codec.avro_schemas import OURS, Schema
from streams.codec.codec import Codec, framing
from streams.codec.dead_letters import MESSAGE_CHARACTERS_MAX, BadInput, DeadLetter, DeadLetterClass
from streams.codec.validation import check
from streams.headers import Header
from streams.topics import Topic
from streams.topology import ROUTE_INPUTS, TOPOLOGY
from streams.transport.batch import Batch, RawRecord, TopicPartition
from streams.transport.commit import Commit
from tests.kit import avro_samples as samples
from tests.kit.memory import MemoryStore
from tests.kit.mutations import mutated

BATCH = 1_000
IDS = {name: number for number, name in enumerate(OURS, start=1)}


class KnownIds:
    """The registry's part that decoding asks: ids of our own schemas, and none else."""

    def schema(self, schema_id: int | UUID) -> Schema:
        for name, number in IDS.items():
            if number == schema_id:
                return OURS[name]
        raise BadInput(DeadLetterClass.UNKNOWN_SCHEMA, f"no schema {schema_id}")


class Learned:
    """Keeps all partitions and counts what it is told; each fact must keep every rule."""

    def __init__(self, beside: tuple[type, ...]) -> None:
        self.facts = 0
        self.beside = beside
        """What goes here beside a record that is counted elsewhere."""

    def owns(self, partition: int) -> bool:
        return True

    def add_facts(self, partition: int, keys: Sequence[str], facts: Sequence[Any], origin: Origin) -> None:
        for fact in facts:
            if not isinstance(fact, self.beside):
                check(fact)
                self.facts += 1


def hostile_values(dice: random.Random) -> dict[Any, list[bytes]]:
    """Good values by topic, in both framings, to be spoiled."""
    codec = Codec()
    by_topic: dict[Any, list[bytes]] = {}
    for fact in samples.FACTS:
        value = codec.encode(fact, "any")
        body = value[framing.SINGLE_OBJECT_SIZE :]
        confluent = framing.confluent(IDS[type(fact).__name__]) + body
        by_topic.setdefault(samples.TOPIC_OF[fact], []).extend((value, confluent))
    return by_topic


def hostile_headers(dice: random.Random) -> list[Header]:
    """None for most records; names of ours, Confluent's names, and any other."""
    if dice.random() < 0.7:
        return []
    names = ("__value_schema_id", "__key_schema_id", "rentmatch.error.class", "rentmatch.refed.from", "", "trace")
    ids = (framing.confluent(dice.choice(list(IDS.values()))), b"\x01" + dice.randbytes(16), None)
    return [(dice.choice(names), dice.choice((*ids, dice.randbytes(3)))) for _ in range(dice.randrange(1, 5))]


@pytest.mark.parametrize(
    "records", [pytest.param(100_000, id="short"), pytest.param(1_000_000, id="million", marks=pytest.mark.soak)]
)
def test_every_record_is_a_fact_or_a_dead_letter_as_it_came(records: int) -> None:
    dice = random.Random(records)
    beside: dict[Topic, tuple[type, ...]] = {
        topics.REFERENCE_FACTS: (AttemptClaim,),
        topics.PAYOUT_FACTS: (ProcessorSettled,),
    }
    learned = {topic: Learned(beside.get(topic, ())) for topic in ROUTE_INPUTS.outputs}
    names = {topic: topic.name for topic in topics.ALL}
    codec = Codec(KnownIds())  # type: ignore[arg-type]
    context = AgentContext(
        topology=TOPOLOGY,
        policy=Policy(),
        clocks=Clocks(lambda: 0, lambda: 1),
        codec=codec,
        store=MemoryStore(),  # type: ignore[arg-type]
        names=names,
        partitions=dict.fromkeys(topics.ALL, 3),
        version="9.9",
    )
    stage = RouteInputs(context, learned)
    by_topic = hostile_values(dice)
    classes: set[str] = set()
    dead = offset = 0
    while offset < records:
        topic = dice.choice(topics.INPUTS)
        values = [mutated(dice.choice(by_topic[topic]), dice) for _ in range(BATCH)]
        batch = [RawRecord(dice.randbytes(dice.randrange(4)), value, offset + at) for at, value in enumerate(values)]
        sent = {record.offset: made for record in batch if (made := hostile_headers(dice))}
        stage.handle(Batch(TopicPartition(topic, 1), 1, offset, offset + BATCH, batch, headers=sent))
        commit = Commit()
        list(stage.flush(commit, {}))
        by_offset = {record.offset: record for record in batch}
        for key, value, headers in commit.dead_letters:
            letter = DeadLetter.parse(headers)
            origin = by_offset.pop(letter.source_offset)
            assert (key, value) == (origin.key, origin.value)
            assert (letter.source_topic, letter.source_partition) == (topic.name, 1)
            assert letter.original_headers == tuple(sent.get(letter.source_offset, ()))
            assert len(letter.message) <= MESSAGE_CHARACTERS_MAX
            classes.add(letter.error_class)
        dead += len(commit.dead_letters)
        offset += BATCH
        assert sum(each.facts for each in learned.values()) == offset - dead
    # Most are bad, and some are still good, or the deeper code was never reached.
    assert records // 50 < offset - dead < records
    assert len(classes) > len(DeadLetterClass) // 2
