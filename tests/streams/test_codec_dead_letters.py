"""A dead letter's headers: the original ones, then everything that the contract lists. They can be parsed."""

import random
from dataclasses import replace

import pytest

from streams.codec.dead_letters import MESSAGE_CHARACTERS_MAX, BadInput, DeadLetter, DeadLetterClass, quoted
from streams.headers import Header

LETTER = DeadLetter.of(BadInput(DeadLetterClass.TRUNCATED, "ends — früh"), "ledger-events", 3, 12_345, "0.1.0")


def test_headers_have_class_message_source_and_version() -> None:
    assert LETTER.headers() == [
        ("rentmatch.error.class", b"truncated"),
        ("rentmatch.error.message", "ends — früh".encode()),
        ("rentmatch.source.topic", b"ledger-events"),
        ("rentmatch.source.partition", b"3"),
        ("rentmatch.source.offset", b"12345"),
        ("rentmatch.service.version", b"0.1.0"),
    ]


OWN = LETTER.headers()


def test_the_original_headers_come_first_and_are_kept() -> None:
    original: list[Header] = [("trace", b"\xff"), ("trace", b"2"), ("null", None), ("", b""), ("é", b"x")]
    letter = replace(LETTER, original_headers=tuple(original))
    assert letter.headers() == [*original, *OWN]
    assert DeadLetter.parse(letter.headers()) == letter


def test_a_dead_letter_without_original_headers_is_parsed() -> None:
    assert DeadLetter.parse(OWN) == LETTER


@pytest.mark.parametrize(
    "original",
    [
        [("rentmatch.error.class", b"empty_id")],
        [("rentmatch.error.message", None), ("rentmatch.source.offset", b"not a number")],
        OWN[:3],
        OWN[3:],
        OWN,
        [*OWN, *OWN],
        [*OWN, ("rentmatch.refed.from", b"dead-letter:0:1")],
        list(reversed(OWN)),
    ],
)
def test_original_headers_with_our_names_are_told_apart(original: list[Header]) -> None:
    letter = replace(LETTER, source_offset=8, original_headers=tuple(original))
    assert DeadLetter.parse(letter.headers()) == letter
    assert dict(letter.headers()) | dict(OWN) | {"rentmatch.source.offset": b"8"} == dict(letter.headers())


def test_headers_after_ours_are_ignored() -> None:
    copied = [("a", b"1"), *OWN, ("replicated.from", b"eu"), ("rentmatch.error.class", b"empty_id")]
    assert DeadLetter.parse(copied) == replace(LETTER, original_headers=(("a", b"1"),))


def test_any_original_headers_are_given_back() -> None:
    dice = random.Random(17)
    names = [*(name for name, _ in OWN), "rentmatch.refed.from", "__value_schema_id", "", "a", "\n", "\x1b[2J", "é"]
    for _ in range(5_000):
        original: list[Header] = []
        for _ in range(dice.randrange(12)):
            value = dice.choice((None, b"", dice.randbytes(dice.randrange(9)), dice.choice(OWN)[1]))
            original += dice.choice(([(dice.choice(names), value)], OWN[: dice.randrange(7)], OWN[dice.randrange(7) :]))
        letter = replace(LETTER, original_headers=tuple(original))
        parsed = DeadLetter.parse(letter.headers())
        assert parsed == letter
        again = replace(LETTER, source_partition=0, original_headers=tuple(parsed.headers()))
        assert DeadLetter.parse(again.headers()) == again


@pytest.mark.parametrize("missing", [name for name, _ in LETTER.headers()])
def test_a_missing_header_is_named(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        DeadLetter.parse([(name, value) for name, value in LETTER.headers() if name != missing])


@pytest.mark.parametrize("wrong", [("rentmatch.error.class", b"bored"), ("rentmatch.source.offset", b"-1")])
def test_a_wrong_header_is_refused(wrong: tuple[str, bytes]) -> None:
    with pytest.raises(ValueError, match=wrong[1].decode()):
        DeadLetter.parse([wrong if name == wrong[0] else (name, value) for name, value in OWN])


def test_headers_that_are_not_in_a_row_are_refused() -> None:
    with pytest.raises(ValueError, match="not in a row"):
        DeadLetter.parse([*OWN[:3], ("between", b""), *OWN[3:]])
    with pytest.raises(ValueError, match=r"rentmatch.error.class is null"):
        DeadLetter.parse([("rentmatch.error.class", None), *OWN[1:]])


def test_without_headers_it_is_not_a_dead_letter() -> None:
    with pytest.raises(ValueError, match="not a dead letter"):
        DeadLetter.parse(None)


def test_a_message_quotes_little_of_the_input() -> None:
    assert quoted("x" * 10_000) == "'" + "x" * 60 + "'"
    assert quoted("a\nb\udc80") == r"'a\nb\udc80'"
    letter = DeadLetter.of(BadInput(DeadLetterClass.EMPTY_ID, "\udc80" + "é" * 5_000), "t", 0, 0, "v")
    message = dict(letter.headers())["rentmatch.error.message"].decode()
    assert message.startswith("\\udc80")
    assert message.count("é") == MESSAGE_CHARACTERS_MAX - 1
