"""A dead letter's headers have everything that the contract lists, and can be parsed."""

import pytest

from streams.codec.dead_letters import MESSAGE_CHARACTERS_MAX, BadInput, DeadLetter, DeadLetterClass, quoted

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


def test_headers_are_parsed_among_others() -> None:
    assert DeadLetter.parse([("trace", b"\xff"), *LETTER.headers()]) == LETTER


@pytest.mark.parametrize("missing", [name for name, _ in LETTER.headers()])
def test_a_missing_header_is_named(missing: str) -> None:
    with pytest.raises(ValueError, match=missing):
        DeadLetter.parse([(name, value) for name, value in LETTER.headers() if name != missing])


@pytest.mark.parametrize("wrong", [("rentmatch.error.class", b"bored"), ("rentmatch.source.offset", b"-1")])
def test_a_wrong_header_is_refused(wrong: tuple[str, bytes]) -> None:
    with pytest.raises(ValueError, match=wrong[1].decode()):
        DeadLetter.parse([*LETTER.headers(), wrong])


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
