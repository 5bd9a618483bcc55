"""The first bytes of a value decide its framing; others are refused with a reason."""

import pytest

from streams.codec import framing
from streams.codec.dead_letters import BadInput, DeadLetterClass


def test_confluent_framing() -> None:
    assert framing.confluent(1_234_567) == bytes.fromhex("000012d687")
    assert framing.schema_id(bytes.fromhex("000012d687") + b"body") == 1_234_567
    assert framing.frame_size(bytes.fromhex("000012d687")) == 5


def test_single_object_encoding() -> None:
    frame = framing.single_object(bytes(range(8)))
    assert frame == bytes.fromhex("c301") + bytes(range(8))
    assert framing.frame_size(frame + b"body") == 10
    assert framing.schema_id(frame) is None


@pytest.mark.parametrize(
    ("value", "error_class", "says"),
    [
        (None, DeadLetterClass.EMPTY_VALUE, "tombstone"),
        (b"", DeadLetterClass.EMPTY_VALUE, "empty"),
        (b"{}", DeadLetterClass.UNKNOWN_FRAMING, "b'{}'"),
        (b"\x01\x00\x00\x00\x01", DeadLetterClass.UNKNOWN_FRAMING, "C3 01"),
        (b"\xc3", DeadLetterClass.UNKNOWN_FRAMING, "C3 01"),
        (b"\xc3\x02" + bytes(9), DeadLetterClass.UNKNOWN_FRAMING, "C3 01"),
        (b"\x00\x00\x00\x01", DeadLetterClass.TRUNCATED, "4 bytes"),
        (b"\xc3\x01" + bytes(7), DeadLetterClass.TRUNCATED, "9 bytes"),
    ],
)
def test_a_value_without_a_complete_frame(value: bytes | None, error_class: DeadLetterClass, says: str) -> None:
    with pytest.raises(BadInput, match=says) as caught:
        framing.frame_size(value)
    assert caught.value.error_class is error_class
