"""Dead letters: listed, shown with a verdict, and re-fed byte for byte."""

import json
import time

import pytest
from confluent_kafka import Producer

from domain.facts import PaymentInitiated
from ops.commands.dead_letters import hex_dump, since_ms
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput, DeadLetter, DeadLetterClass
from streams.codec.json_form import fact_from_json
from streams.headers import Header, Headers
from tests.kit.command_line import Run
from tests.kit.reading import read_all
from tests.kit.records import initiated

TOPIC = "here.dead-letter"
GARBAGE = b"\xff\xfe\x00garbage"


def readable() -> bytes:
    fact = fact_from_json(initiated())
    assert isinstance(fact, PaymentInitiated)
    return Codec().encode(fact, "payment-initiated")


def bury(
    broker: str,
    value: bytes | None,
    source: str = "here.payment-initiated",
    error_class: DeadLetterClass = DeadLetterClass.UNKNOWN_FRAMING,
    offset: int = 7,
    headers: bool = True,
    original: Headers = (),
) -> None:
    letter = DeadLetter.of(BadInput(error_class, "what was found"), source, 2, offset, "1.2.3", original)
    producer = Producer({"bootstrap.servers": broker, "log_level": 2})
    producer.produce(TOPIC, value, b"P-1", partition=0, headers=letter.headers() if headers else [])
    assert producer.flush(10) == 0


def test_list_shows_class_and_source_and_filters(run: Run, mock_broker: str) -> None:
    bury(mock_broker, GARBAGE)
    bury(mock_broker, readable(), "here.ledger-events", DeadLetterClass.WRONG_RECORD)
    bury(mock_broker, None, headers=False)

    listed = run("dead-letters", "list")
    assert listed.exit_code == 0
    assert "unknown_framing" in listed.stdout
    assert "here.ledger-events 2:7" in listed.stdout

    def ids(*filters: str) -> list[str]:
        result = run("dead-letters", "list", "--json", *filters)
        assert result.exit_code == 0, result.output
        return [json.loads(line)["id"] for line in result.stdout.splitlines()]

    assert ids() == ["0:0", "0:1", "0:2"]
    assert ids("--class", "wrong_record") == ["0:1"]
    assert ids("--topic", "payment-initiated") == ["0:0"]
    assert ids("--topic", "here.ledger-events", "--class", "unknown_framing") == []
    assert ids("--since", "1h") == ["0:0", "0:1", "0:2"]
    assert ids("--since", "2999-01-01T00:00:00Z") == []

    first = json.loads(run("dead-letters", "list", "--json").stdout.splitlines()[0])
    assert first["class"] == "unknown_framing"
    assert (first["source_topic"], first["source_partition"], first["source_offset"]) == (
        "here.payment-initiated",
        2,
        7,
    )
    assert (first["key"], first["bytes"], first["message"]) == ("P-1", len(GARBAGE), "what was found")

    assert run("dead-letters", "list", "--class", "no_such_class").exit_code == 2
    assert run("dead-letters", "list", "--since", "yesterday").exit_code == 2
    assert run("dead-letters", "list", "--topic", "dead-letter").exit_code == 2


def test_show_dumps_the_bytes_and_gives_a_verdict(run: Run, mock_broker: str) -> None:
    bury(mock_broker, GARBAGE)
    bury(mock_broker, readable())
    bury(mock_broker, readable(), "somebody.elses-topic")

    shown = run("dead-letters", "show", "0:0").stdout
    assert "ff fe 00 67 61 72 62 61 67 65" in shown
    assert "...garbage" in shown
    assert "It still cannot be read (unknown_framing)" in shown

    fixed = run("dead-letters", "show", "0:1").stdout
    assert "It can be read now" in fixed
    assert '"payment_id":"P-1"' in fixed
    assert "rentmatch dead-letters refeed 0:1" in fixed

    assert "names no input topic of this installation" in run("dead-letters", "show", "0:2").stdout

    missing = run("dead-letters", "show", "0:99")
    assert missing.exit_code == 1
    assert "no dead letter 0:99" in missing.stderr
    assert run("dead-letters", "show", "99:0").exit_code == 1
    assert run("dead-letters", "show", "99").exit_code == 2


def test_refeed_publishes_the_same_bytes_and_key_once(run: Run, mock_broker: str) -> None:
    bury(mock_broker, readable())
    bury(mock_broker, GARBAGE)
    bury(mock_broker, GARBAGE, offset=8)
    bury(mock_broker, GARBAGE, "somebody.elses-topic")

    by_id = run("dead-letters", "refeed", "0:0")
    assert by_id.exit_code == 0, by_id.output
    assert by_id.stdout == "0:0: re-fed to here.payment-initiated\n"
    (record,) = read_all(mock_broker, "here.payment-initiated")
    assert (record.key, record.value) == (b"P-1", readable())
    assert dict(record.headers) == {"rentmatch.refed.from": b"here.dead-letter:0:0"}

    asked = run("dead-letters", "refeed", "--class", "unknown_framing")
    assert asked.exit_code == 2
    assert "4 dead letters match" in asked.stderr
    assert len(read_all(mock_broker, "here.payment-initiated")) == 1

    every = run("dead-letters", "refeed", "--class", "unknown_framing", "--yes")
    assert every.exit_code == 1  # one of them has no home here
    assert [line.split(":")[1] for line in every.stdout.splitlines()] == ["0", "1"]
    assert "0:2: the same record as 0:1" in every.stderr
    assert "0:3: left out" in every.stderr
    values = [record.value for record in read_all(mock_broker, "here.payment-initiated")]
    assert sorted(values, key=str) == sorted([readable(), readable(), GARBAGE], key=str)


ORIGINAL: list[Header] = [
    ("traceparent", b"00-4bf9"),
    ("rentmatch.error.class", b"empty_id"),
    ("traceparent", None),
    ("\x1b[2J\u202e", b"\x1b]0;\n"),
    ("", b"\xff\xfe"),
]


def test_original_headers_are_listed_and_shown_without_what_a_terminal_obeys(run: Run, mock_broker: str) -> None:
    bury(mock_broker, GARBAGE, original=ORIGINAL)
    bury(mock_broker, GARBAGE)
    bury(mock_broker, GARBAGE, headers=False)

    first, second, third = map(json.loads, run("dead-letters", "list", "--json").stdout.splitlines())
    assert first["class"] == "unknown_framing"
    assert first["original_headers"] == [
        {"name": "traceparent", "text": "00-4bf9"},
        {"name": "rentmatch.error.class", "text": "empty_id"},
        {"name": "traceparent", "text": None},
        {"name": "\x1b[2J\u202e", "text": "\x1b]0;\n"},
        {"name": "", "base64": "//4="},
    ]
    assert "original_headers" not in second
    assert "original_headers" not in third

    shown = run("dead-letters", "show", "0:0").stdout
    assert [line for line in shown.splitlines() if line.startswith("  header")] == [
        "  header traceparent: 00-4bf9",
        "  header rentmatch.error.class: empty_id",
        "  header traceparent: -",
        r"  header \x1b[2J\u202e: \x1b]0;\n",
        "  header : hex:fffe",
    ]
    read = run("read", "dead-letter", "--json", "--metadata")
    assert read.exit_code == 0
    described = json.loads(read.stdout.splitlines()[0])
    assert described["headers"]["rentmatch.error.class"] == "unknown_framing"
    assert described["original_headers"] == first["original_headers"]
    assert described["_kafka"]["headers"][: len(ORIGINAL)] == first["original_headers"]
    for command in (("list",), ("list", "--json"), ("show", "0:0")):
        assert "\x1b" not in run("dead-letters", *command).stdout


def test_refeed_gives_the_original_headers_back_in_order(run: Run, mock_broker: str) -> None:
    bury(mock_broker, GARBAGE, original=ORIGINAL)
    assert run("dead-letters", "refeed", "0:0").exit_code == 0
    (record,) = read_all(mock_broker, "here.payment-initiated")
    assert list(record.headers) == [*ORIGINAL, ("rentmatch.refed.from", b"here.dead-letter:0:0")]

    # It is still bad, and becomes a dead letter again: one header names the latest of them.
    bury(mock_broker, GARBAGE, original=record.headers)
    assert run("dead-letters", "refeed", "0:1").exit_code == 0
    again = [one for one in read_all(mock_broker, "here.payment-initiated") if one != record]
    assert [list(one.headers) for one in again] == [[*ORIGINAL, ("rentmatch.refed.from", b"here.dead-letter:0:1")]]


def test_a_header_that_refeed_did_not_add_is_given_back(run: Run, mock_broker: str) -> None:
    kept: list[list[Header]] = [
        [("rentmatch.refed.from", b"other.dead-letter:0:0")],
        [("rentmatch.refed.from", b"here.dead-letter:0:0"), ("later", b"")],
        [("rentmatch.refed.from", None)],
    ]
    for number, original in enumerate(kept):
        bury(mock_broker, str(number).encode(), original=original)
    assert run("dead-letters", "refeed", "--class", "unknown_framing", "--yes").exit_code == 0
    found = {record.value: list(record.headers) for record in read_all(mock_broker, "here.payment-initiated")}
    assert found == {
        str(number).encode(): [*original, ("rentmatch.refed.from", f"here.dead-letter:0:{number}".encode())]
        for number, original in enumerate(kept)
    }


def test_the_same_bytes_with_other_headers_are_another_record(run: Run, mock_broker: str) -> None:
    mark = ("rentmatch.refed.from", b"here.dead-letter:0:0")
    bury(mock_broker, GARBAGE, original=[("a", b"1")])
    bury(mock_broker, GARBAGE, original=[("a", b"2")])
    bury(mock_broker, GARBAGE, original=[("a", b"1"), mark])
    result = run("dead-letters", "refeed", "--class", "unknown_framing", "--yes")
    assert "0:2: the same record as 0:0" in result.stderr
    assert len(read_all(mock_broker, "here.payment-initiated")) == 2


def test_the_verdict_reads_the_schema_in_a_header(run: Run, mock_broker: str) -> None:
    bury(mock_broker, readable()[10:], original=[("__value_schema_id", b"\0\0\0\0\x07")])
    shown = run("dead-letters", "show", "0:0").stdout
    assert "It still cannot be read (unknown_schema): the record names schema id 7" in shown


@pytest.mark.parametrize("words", [[], ["0:0", "--class", "truncated"]])
def test_refeed_needs_ids_or_filters(run: Run, words: list[str]) -> None:
    assert run("dead-letters", "refeed", *words).exit_code == 2


def test_nothing_to_list_or_refeed(run: Run) -> None:
    assert run("dead-letters", "list").stderr == "no dead letters\n"
    result = run("dead-letters", "refeed", "--class", "truncated", "--yes")
    assert (result.exit_code, result.stderr) == (0, "no dead letters match; nothing to do\n")


def test_since_is_an_age_or_an_instant() -> None:
    now_ms = 1_782_907_200_000  # 2026-07-01T12:00:00Z
    assert time.gmtime(now_ms // 1000)[:5] == (2026, 7, 1, 12, 0)
    assert since_ms("90m", now_ms) == now_ms - 90 * 60 * 1000
    assert since_ms("7d", now_ms) == now_ms - 7 * 86_400_000
    assert since_ms("2026-07-01T14:00:00+02:00", now_ms) == now_ms
    for bad in ("2026-07-01T12:00:00", "7", "d", "7w"):
        with pytest.raises(ValueError, match="neither an age"):
            since_ms(bad, now_ms)


def test_a_long_value_is_cut_with_a_note() -> None:
    rows = list(hex_dump(bytes(5000)))
    assert len(rows) == 4096 // 16 + 1
    assert rows[-1].strip().startswith("… 904 more bytes")
