"""Random mutations of encoded records, for tests with hostile input."""

import random

from tests.kit.avro_samples import number

NASTY = [
    b"",
    b"\x00",
    b"\x01",
    b"\x7f",
    b"\x80",
    b"\xff",
    b"\xff" * 9 + b"\x01",
    b"\xff" * 12,
    number(-(1 << 63)),
    number((1 << 63) - 1),
]


def mutated(value: bytes, dice: random.Random) -> bytes:
    """Return the value with one to three mutations: a bit or byte changed, bytes cut, doubled or inserted."""
    for _ in range(dice.choice((1, 1, 2, 3))):
        at = dice.randrange(len(value) + 1)
        match dice.randrange(6):
            case 0 if value:
                at %= len(value)
                value = value[:at] + bytes((value[at] ^ 1 << dice.randrange(8),)) + value[at + 1 :]
            case 1 if value:
                at %= len(value)
                value = value[:at] + bytes((dice.randrange(256),)) + value[at + 1 :]
            case 2:
                value = value[:at]
            case 3:
                value = value[:at] + value[at // 2 :]
            case 4:
                value = value[:at] + value[at + dice.randrange(1, 9) :]
            case _:
                value = value[:at] + dice.choice(NASTY) + value[at:]
    return value
