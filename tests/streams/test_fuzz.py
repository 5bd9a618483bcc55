"""Hostile bytes: every value decodes to a valid fact or raises `BadInput`, and soon."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from streams import topics
from streams.codec.avro_schemas import OURS, parse_writer
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput
from streams.codec.resolution import resolve
from streams.codec.validation import check
from tests.kit import avro_samples as samples
from tests.kit.avro_bodies import BOTH
from tests.kit.avro_samples import written
from tests.kit.mutations import mutated
from tests.streams.test_codec_resolution import EXTRA

MUTATIONS = 100_000
SEED = 20_260_703


def outcome(read: Callable[..., Any], *arguments: Any) -> Any:
    """The record, or the class and message of the error."""
    try:
        return read(*arguments)
    except BadInput as error:
        return error.error_class, error.message


def test_mutated_facts_are_facts_or_bad_input() -> None:
    dice = random.Random(SEED)
    codec, plain = Codec(), Codec(compiled=False)
    values = [(fact, codec.encode(fact, "any")) for fact in samples.FACTS]
    general = {name: resolve(schema, schema) for name, schema in OURS.items()}
    good = 0
    for turn in range(MUTATIONS):
        fact, value = values[turn % len(values)]
        hostile = mutated(value, dice)
        found = outcome(codec.decode_input, samples.TOPIC_OF[fact], hostile)
        assert outcome(plain.decode_input, samples.TOPIC_OF[fact], hostile) == found
        if isinstance(found, tuple):
            continue
        good += 1
        assert check(found) == found
        assert codec.decode_input(samples.TOPIC_OF[fact], codec.encode(found, "any")) == found
        if hostile[:10] == value[:10]:
            assert check(general[type(fact).__name__](hostile, 10)) == found
    # Enough must stay readable, or the deeper code was never reached.
    assert good > MUTATIONS // 50


def test_mutated_outputs_are_outputs_or_bad_input() -> None:
    dice = random.Random(SEED + 1)
    codec, plain = Codec(), Codec(compiled=False)
    values = [codec.encode(record, "any") for record in samples.OUTPUTS]
    for turn in range(MUTATIONS // 10):
        hostile = mutated(values[turn % len(values)], dice)
        found = outcome(codec.decode_output, hostile)
        assert isinstance(found, tuple) or type(found).__name__ in OURS
        assert outcome(plain.decode_output, hostile) == found


def test_random_bytes_are_bad_input_on_every_topic() -> None:
    dice = random.Random(SEED + 2)
    codec = Codec()
    for _ in range(3_000):
        noise = dice.choice((b"", b"\x00", b"\xc3\x01")) + dice.randbytes(dice.randrange(40))
        for topic in topics.INPUTS:
            with pytest.raises(BadInput):
                codec.decode_input(topic, noise)


def test_mutated_bytes_of_an_evolved_writer() -> None:
    """The general reader alone, with skipped fields of every kind."""

    dice = random.Random(SEED + 3)
    for new, extra in EXTRA:
        source = json.loads(OURS["PlanChanged"].text)
        source["fields"].insert(2, {"name": "extra", "type": new})
        writer = parse_writer(json.dumps(source))
        read = resolve(writer, OURS["PlanChanged"])
        value = written(writer.parsed, samples.plain(samples.PLAN_CHANGED) | {"extra": extra})
        assert read(value, 0) == samples.PLAN_CHANGED
        for _ in range(500):
            hostile = mutated(value, dice)
            found = outcome(read, hostile, 0)
            assert isinstance(found, tuple) or type(found) is type(samples.PLAN_CHANGED)


@BOTH
@pytest.mark.parametrize("fact", samples.FACTS, ids=lambda fact: type(fact).__name__)
def test_every_cut_and_every_byte(bodies: Any, fact: Any) -> None:
    """Each prefix is truncated; each byte at each place has the outcome that the general reader and the rules have."""
    name = type(fact).__name__
    value = Codec().encode(fact, "any")
    read = resolve(OURS[name], OURS[name])

    def plainly(data: bytes) -> Any:
        return check(read(data, 10))

    for end in range(10, len(value)):
        with pytest.raises(BadInput):
            bodies.DECODE[name](value[:end], 10)
    for at in range(10, len(value)):
        for byte in (0, 1, 2, 3, 0x3F, 0x40, 0x7F, 0x80, 0x81, 0xC3, 0xFF):
            hostile = value[:at] + bytes((byte,)) + value[at + 1 :]
            assert outcome(bodies.DECODE[name], hostile, 10) == outcome(plainly, hostile)
