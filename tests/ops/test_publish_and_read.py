"""`read` prints the records that `publish` wrote; bad lines and bad records are reported, never dropped silently."""

import base64
import json
import re
import signal
import subprocess
import sys
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from domain.records import PaymentReconciliation, PaymentStatus, Posted, Settled
from ops.commands import read
from streams import topics
from streams.codec.codec import Codec
from streams.codec.json_form import fact_to_json
from streams.routing import key_of
from tests.kit import avro_samples as samples
from tests.kit.command_line import Run
from tests.kit.reading import read_all
from tests.kit.records import initiated, lines


def parsed(stdout: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def produce(broker: str, topic: str, *records: tuple[bytes | None, bytes | None, int]) -> None:
    producer = Producer({"bootstrap.servers": broker, "log_level": 2})
    for key, value, partition in records:
        producer.produce(topic, value, key, partition=partition)
        assert producer.flush(10) == 0


def payment(version: int, status: PaymentStatus = PaymentStatus.SETTLED) -> bytes:
    record = PaymentReconciliation(
        payment_id="P-1",
        version=version,
        status=status,
        currency="USD",
        initiated=None,
        settled=Settled(
            gross_minor=5,
            fee_minor=0,
            net_minor=5,
            returned_minor=0,
            refunded_minor=0,
            charged_back_minor=0,
            standing_minor=5,
        ),
        posted=Posted(0, {}),
        open_breaks=(),
        rests_on=1_000_000,
    )
    return Codec().encode(record, "payment-reconciliations")


def test_published_records_are_read_back(run: Run) -> None:
    sent = [initiated(f"P-{number}", amount_minor=number + 1) for number in range(300)]
    published = run("publish", "payment-initiated", stdin=lines(*sent))
    assert published.exit_code == 0, published.output
    assert published.stderr == "300 published to here.payment-initiated\n"

    result = run("read", "payment-initiated", "--json")
    assert result.exit_code == 0
    found = parsed(result.stdout)
    assert sorted(found, key=lambda record: record["payment_id"]) == sorted(sent, key=lambda r: r["payment_id"])

    placed = parsed(run("read", "here.payment-initiated", "--json", "--metadata", "--limit", "5").stdout)
    assert len(placed) == 5
    for record in placed:
        assert record["_kafka"]["topic"] == "here.payment-initiated"
        assert record["_kafka"]["key"] == record["payment_id"]

    # What `read --metadata` prints can be published again.
    assert run("publish", "payment-initiated", "--dry-run", stdin=lines(*placed)).exit_code == 0


def test_the_key_on_ledger_events_is_the_obligation(run: Run) -> None:
    cancelled = {
        "type": "ObligationCancelled",
        "event_id": "e",
        "occurred_at": "2026-07-01T15:00:00Z",
        "obligation_id": "O-9",
        "reason": "moved out",
    }
    assert run("publish", "ledger-events", stdin=lines(cancelled)).exit_code == 0
    (found,) = parsed(run("read", "ledger-events", "--json", "--metadata").stdout)
    assert found["_kafka"]["key"] == "O-9"


@pytest.mark.parametrize("topic", topics.INPUTS, ids=lambda topic: topic.name)
def test_every_record_is_published_on_its_topic_under_its_key(run: Run, topic: topics.Topic) -> None:
    sent = [fact_to_json(fact) for fact in samples.FACTS if samples.TOPIC_OF[fact] is topic]
    assert {record["type"] for record in sent} == {record.__name__ for record in topic.records}
    assert run("publish", topic.name, stdin=lines(*sent)).exit_code == 0
    found = parsed(run("read", topic.name, "--json", "--metadata").stdout)
    keys = [(record, record.pop("_kafka")["key"]) for record in found]
    assert sorted(map(json.dumps, found)) == sorted(map(json.dumps, sent))
    for record, key in keys:
        assert key == (record["key"] if topic is topics.DECISIONS else record[topic.key] or "acme/ch_1")
    for other in topics.INPUTS:
        if other is not topic:
            refused = run("publish", other.name, "--dry-run", "--keep-going", stdin=lines(*sent))
            assert refused.stderr.count(f"travels on {topic.name}, not on {other.name}") == len(sent)


def test_the_key_of_a_record_without_a_payment_is_that_of_its_attempt() -> None:
    own = msgspec.structs.replace(samples.SETTLED, payment_id=None, processor="a/b", processor_reference="x/y")
    assert key_of(own) == b"a%2Fb/x/y"
    assert key_of(msgspec.structs.replace(own, original_reference="ch_1")) == b"a%2Fb/ch_1"


def test_stops_at_the_first_bad_line_and_says_where(run: Run) -> None:
    bad = initiated("P-2", amount_minor=0)
    result = run("publish", "payment-initiated", stdin=lines(initiated("P-1"), bad, initiated("P-3")))
    assert result.exit_code == 1
    assert "line 2: " in result.stderr
    assert "amount_minor" in result.stderr
    assert "1 published to here.payment-initiated, stopped at line 2" in result.stderr
    assert [r["payment_id"] for r in parsed(run("read", "payment-initiated", "--json").stdout)] == ["P-1"]


def test_keep_going_publishes_the_good_and_lists_the_bad(run: Run) -> None:
    text = (
        lines(initiated("P-1"))
        + "not json\n\n"
        + lines(
            initiated("P-2", amount_minor=8.5),
            {**initiated("P-3"), "type": "ObligationCancelled"},
            {
                "type": "ObligationCancelled",
                "event_id": "e",
                "occurred_at": "2026-07-01T15:00:00Z",
                "obligation_id": "O-9",
                "reason": "",
            },
            initiated("P-4"),
        )
        + "[1]\n"
    )
    result = run("publish", "payment-initiated", "--keep-going", stdin=text)
    assert result.exit_code == 1
    messages = result.stderr.splitlines()
    assert [line.split(":")[0] for line in messages[:-1]] == ["line 2", "line 4", "line 5", "line 6", "line 8"]
    assert "travels on ledger-events" in messages[3]
    assert "2 published to here.payment-initiated, 5 bad lines left out" in messages[-1]
    read = parsed(run("read", "payment-initiated", "--json").stdout)
    assert sorted(record["payment_id"] for record in read) == ["P-1", "P-4"]


@pytest.mark.parametrize(
    "twice",
    [
        '{"type": "PaymentInitiated", "amount_minor": 1, "amount_minor": 2}',
        '{"type": "_raw", "base64": "", "key": "a", "key": "a"}',
        '{"type": "PlanChanged", "installments": [{"amount_minor": 1, "due_date": "2026-07-01", "amount_minor": 1}]}',
        '{"type": "_raw", "base64": "", "_kafka": {"key": 1, "key": 1}}',
    ],
)
def test_a_name_that_occurs_twice_is_refused(bare_run: Run, twice: str) -> None:
    result = bare_run("publish", "payment-initiated", "--dry-run", stdin=f"{lines(initiated())}{twice}\n")
    assert result.exit_code == 1
    assert re.search(r"line 2: the name '(amount_minor|key)' occurs twice", result.stderr)


@pytest.mark.parametrize(
    "bad", ["not json", "NaN", '{"type": Infinity}', "[" * 100_000, "\udc80", '"' + "9" * 5000, "1" * 5000]
)
def test_what_is_not_json_is_a_bad_line(bare_run: Run, bad: str) -> None:
    line = bad.encode(errors="surrogateescape") + b"\n"
    result = bare_run("publish", "payment-initiated", "--dry-run", stdin=line)
    assert result.exit_code == 1
    assert "line 1: not JSON: " in result.stderr


def test_a_byte_order_mark_is_skipped(bare_run: Run) -> None:
    marked = "\ufeff" + lines(initiated("P-1"), initiated("P-2"))
    result = bare_run("publish", "payment-initiated", "--dry-run", stdin=marked)
    assert (result.exit_code, result.stderr) == (0, "2 valid for payment-initiated\n")
    assert bare_run("publish", "payment-initiated", "--dry-run", stdin="\ufeff\n").exit_code == 0
    inside = lines(initiated("P-1")) + "\ufeff" + lines(initiated("P-2"))
    assert bare_run("publish", "payment-initiated", "--dry-run", stdin=inside).exit_code == 1


def test_dry_run_needs_no_broker_and_publishes_nothing(bare_run: Run, run: Run) -> None:
    away = {"RENTMATCH_BROKER": "127.0.0.1:1"}
    result = bare_run("publish", "payment-initiated", "--dry-run", stdin=lines(initiated()), env=away)
    assert (result.exit_code, result.stderr) == (0, "1 valid for here.payment-initiated\n")
    bad = bare_run("publish", "payment-initiated", "--dry-run", stdin=lines(initiated(currency="QQQ")), env=away)
    assert bad.exit_code == 1
    assert run("read", "payment-initiated", "--json").stdout == ""


def test_raw_bytes_are_published_as_they_are_and_shown_as_undecodable(run: Run) -> None:
    garbage = base64.b64encode(b"\xff\xfegarbage").decode()
    text = lines({"type": "_raw", "base64": garbage, "key": "K"}, initiated("P-1"))
    assert run("publish", "payment-initiated", stdin=text).exit_code == 0
    result = run("read", "payment-initiated", "--json", "--metadata")
    assert result.exit_code == 1
    by_type = {record["type"]: record for record in parsed(result.stdout)}
    assert by_type["_undecodable"]["base64"] == garbage
    assert by_type["_undecodable"]["error"].startswith("unknown_framing: ")
    assert by_type["_undecodable"]["_kafka"]["key"] == "K"
    assert by_type["PaymentInitiated"]["payment_id"] == "P-1"
    assert "1 records could not be decoded" in result.stderr

    for bad in ({"base64": "%%%"}, {"base64": None}, {"base64": "", "more": 1}, {"base64": "", "key": 3}):
        assert run("publish", "payment-initiated", stdin=lines({"type": "_raw", **bad})).exit_code == 1


def test_headers_of_raw_bytes_are_published_and_shown(run: Run, mock_broker: str) -> None:
    headers: list[dict[str, str | None]] = [
        {"name": "traceparent", "text": "00-é"},
        {"name": "traceparent", "text": None},
        {"name": "", "text": ""},
        {"name": "__value_schema_id", "base64": base64.b64encode(b"\x01" + b"\xff" * 16).decode()},
    ]
    text = lines({"type": "_raw", "base64": "AAA=", "key": "K", "headers": headers}, initiated("P-1"))
    assert run("publish", "payment-initiated", stdin=text).exit_code == 0
    by_key = {record.key: record for record in read_all(mock_broker, "here.payment-initiated")}
    assert by_key[b"K"].headers == (
        ("traceparent", "00-é".encode()),
        ("traceparent", None),
        ("", b""),
        ("__value_schema_id", b"\x01" + b"\xff" * 16),
    )
    assert by_key[b"P-1"].headers == ()
    result = run("read", "payment-initiated", "--json", "--metadata")
    by_type = {record["type"]: record for record in parsed(result.stdout)}
    assert by_type["_undecodable"]["error"].startswith("unknown_schema: the record names schema GUID ffffffff-")
    assert by_type["_undecodable"]["_kafka"]["headers"] == headers
    assert "headers" not in by_type["PaymentInitiated"]["_kafka"]


@pytest.mark.parametrize(
    ("headers", "says"),
    [
        ({}, "headers must be a list"),
        ([7], "a header is an object"),
        ([{"name": "a"}], "a header is an object"),
        ([{"name": "a", "text": "b", "base64": ""}], "a header is an object"),
        ([{"name": None, "text": "b"}], "the name of a header"),
        ([{"name": "a\0b", "text": "b"}], "the name of a header"),
        ([{"name": "\ud800", "text": "b"}], "the name of a header"),
        ([{"name": "a", "text": 7}], "the text of a header"),
        ([{"name": "a", "text": "\ud800"}], "the text of a header"),
        ([{"name": "a", "base64": None}], "base64 must be text"),
        ([{"name": "a", "base64": "%"}], "base64: "),
    ],
)
def test_headers_of_another_form_are_refused(bare_run: Run, headers: Any, says: str) -> None:
    text = lines({"type": "_raw", "base64": "AAA=", "headers": headers})
    result = bare_run("publish", "payment-initiated", "--dry-run", stdin=text)
    assert result.exit_code == 1
    assert says in result.stderr


def test_last_is_the_later_offset_within_a_partition_and_the_higher_version_across(run: Run, mock_broker: str) -> None:
    topic = "here.payment-reconciliations"
    # A version that falls within a partition would be a fault of the service: the last word must not be hidden.
    produce(mock_broker, topic, (b"P-1", payment(9), 0), (b"P-1", payment(2), 0))
    (found,) = parsed(run("read", "payment-reconciliations", "--last", "--json").stdout)
    assert found["version"] == 2

    produce(mock_broker, topic, (b"P-1", payment(7, PaymentStatus.RECONCILED), 1), (b"P-1", payment(5), 2))
    (found,) = parsed(run("read", "payment-reconciliations", "--last", "--json").stdout)
    assert (found["version"], found["status"], found["type"]) == (7, "reconciled", "PaymentReconciliation")
    assert found["rests_on"] == "1970-01-01T00:00:01.000000Z"


@pytest.mark.parametrize("topic", ["payment-reconciliations", "reference-reconciliations", "payments-changelog"])
def test_last_leaves_out_what_is_deleted(run: Run, mock_broker: str, topic: str) -> None:
    record = payment(1)
    produce(mock_broker, f"here.{topic}", (b"P-1", record, 0), (b"P-1", None, 0), (b"P-2", None, 1))
    result = run("read", topic, "--last", "--json")
    assert (result.exit_code, result.stdout) == (0, "")
    types = [found["type"] for found in parsed(run("read", topic, "--json").stdout)]
    assert types.count("_deleted") == 2
    # It is there again once it is told again, in whichever partition.
    produce(mock_broker, f"here.{topic}", (b"P-1", record, 0))
    assert len(parsed(run("read", topic, "--last", "--json").stdout)) == 1


def test_a_null_input_is_no_deletion(run: Run, mock_broker: str) -> None:
    produce(mock_broker, "here.decisions", (b"P-1", None, 0))
    result = run("read", "decisions", "--last", "--json")
    assert result.exit_code == 1
    assert parsed(result.stdout)[0]["error"].startswith("empty_value: ")


def test_a_deleted_key_and_a_readable_form(run: Run, mock_broker: str) -> None:
    produce(mock_broker, "here.payment-reconciliations", (b"P-1", payment(1), 0), (b"P-2", None, 0))
    result = run("read", "payment-reconciliations", "--metadata")
    first, second = result.stdout.splitlines()
    assert first.startswith("0:0 ")
    assert "P-1  PaymentReconciliation  payment_id=P-1 version=1 status=settled currency=USD" in first
    assert "initiated" not in first  # what is null is left out
    assert "P-2  _deleted" in second


def test_errors_say_what_to_do(bare_run: Run, run: Run) -> None:
    unknown = run("read", "payments")
    assert unknown.exit_code == 2
    assert "payment-reconciliations" in unknown.stderr
    assert run("publish", "payment-facts", stdin="").exit_code == 2  # only inputs are ours to write by hand
    assert run("read", "ledger-events", "--last", "--follow").exit_code == 2

    missing = run("read", "ledger-events", env={"RENTMATCH_TOPIC_PREFIX": "elsewhere."})
    assert missing.exit_code == 1
    assert "rentmatch provision" in missing.stderr
    missing = run("publish", "ledger-events", stdin="", env={"RENTMATCH_TOPIC_PREFIX": "elsewhere."})
    assert missing.exit_code == 1
    assert "elsewhere.ledger-events does not exist" in missing.stderr

    setting = bare_run("read", "ledger-events", env={"RENTMATCH_BROKR": "x:1"})
    assert setting.exit_code == 2
    assert "did you mean RENTMATCH_BROKER?" in setting.stderr
    files = bare_run(
        "read",
        "ledger-events",
        env={"RENTMATCH_SECURITY_PROTOCOL": "SSL", "RENTMATCH_SECURITY_CA_FILE": "/nowhere.pem"},
    )
    assert files.exit_code == 1
    assert "RENTMATCH_SECURITY_" in files.stderr


def test_an_undelivered_record_is_named(run: Run) -> None:
    huge = {"type": "_raw", "base64": base64.b64encode(bytes(14 * 1024 * 1024)).decode(), "key": "K"}
    result = run("publish", "payment-initiated", stdin=lines(initiated("P-1"), huge, initiated("P-2")))
    assert result.exit_code == 1
    assert "line 2: not delivered: " in result.stderr
    assert "2 published to here.payment-initiated, 1 not delivered" in result.stderr


def test_a_missing_broker_is_reported(bare_run: Run, impatient: None) -> None:
    result = bare_run("read", "ledger-events", env={"RENTMATCH_BROKER": "127.0.0.1:1"})
    assert result.exit_code == 1
    assert "no Kafka broker answers at 127.0.0.1:1" in result.stderr
    assert "RENTMATCH_BROKER" in result.stderr


def test_internal_topics_are_shown_by_their_describer(
    run: Run, mock_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def describer(key: bytes | None, value: bytes | None) -> list[dict[str, Any]]:
        if value == b"bad":
            raise KeyError("no such field")
        return [{"type": "Fact", "number": number} for number in value or b""]

    monkeypatch.setattr(read, "describers", lambda topology: {"payment-facts": describer})
    produce(mock_broker, "here.payment-facts", (b"P-1", b"\x01\x02", 0), (b"P-1", b"bad", 0))
    shown = run("read", "payment-facts", "--json")
    assert [record.get("number") for record in parsed(shown.stdout)] == [1, 2, None]
    assert shown.exit_code == 1
    assert "KeyError" in parsed(shown.stdout)[2]["error"]
    produce(mock_broker, "here.progress", (b"any", b"any", 0))
    (unknown,) = parsed(run("read", "progress", "--json").stdout)
    assert unknown["error"] == "there is no describer of progress"


def test_follow_prints_new_records_until_ctrl_c(run: Run, mock_broker: str) -> None:
    # A shell starts background processes with SIGINT ignored, which their children inherit.
    listening = "from signal import *; signal(SIGINT, default_int_handler); import ops.cli; ops.cli.main()"
    words = [sys.executable, "-c", listening, "read", "payment-initiated", "--follow", "--json"]
    reader = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert reader.stdout is not None
    try:
        for payment_id in ("P-1", "P-2"):
            assert run("publish", "payment-initiated", stdin=lines(initiated(payment_id))).exit_code == 0
            assert json.loads(reader.stdout.readline())["payment_id"] == payment_id
        reader.send_signal(signal.SIGINT)
        _, errors = reader.communicate(timeout=30)
        assert (reader.returncode, errors) == (0, "")
    finally:
        reader.kill()


def test_an_id_cannot_drive_the_terminal_or_forge_a_record(run: Run) -> None:
    hostile = "P-1\x1b[2J\n0:9  P-2  PaymentInitiated"
    assert run("publish", "payment-initiated", stdin=lines(initiated(hostile))).exit_code == 0
    (line,) = run("read", "payment-initiated").stdout.splitlines()
    assert line.isprintable()
    assert r"P-1\x1b[2J\n0:9" in line
    (found,) = parsed(run("read", "payment-initiated", "--json").stdout)
    assert found["payment_id"] == hostile
