"""The registry against a server with its interface: what is asked, what is kept, what goes wrong."""

import base64
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from streams import topics
from streams.codec import framing, registry
from streams.codec.avro_schemas import OURS
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput, DeadLetterClass
from streams.codec.registry import RegistryUnavailable, SchemaRefusedError, SchemaRegistry
from tests.kit import avro_samples as samples

NOT_FOUND = (404, {"error_code": 40403, "message": "Schema not found"})


class FakeRegistry(ThreadingHTTPServer):
    """Answers what `answers` says of "METHOD /path", and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, Any]] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/apis/ccompat/v7"


class _Handler(BaseHTTPRequestHandler):
    server: FakeRegistry

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: Any) -> None:
        path = self.path.removeprefix("/apis/ccompat/v7").partition("?")[0]
        asked = f"{self.command} {path}"
        self.server.asked.append((asked, body))
        self.server.headers.append(dict(self.headers))
        status, answer = self.server.answers.get(asked, NOT_FOUND)
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: the test says what it saw."""


@pytest.fixture
def server() -> Iterator[FakeRegistry]:
    fake = FakeRegistry()
    thread = threading.Thread(target=fake.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield fake
    fake.shutdown()
    thread.join()
    fake.server_close()


POSTED_TEXT = OURS["PaymentPosted"].text
VALUE = framing.confluent(42) + Codec().encode(samples.POSTED, "any")[10:]


def test_a_schema_is_fetched_once(server: FakeRegistry) -> None:
    server.answers["GET /schemas/ids/42"] = (200, {"schema": POSTED_TEXT})
    codec = Codec(SchemaRegistry(server.url + "/"))
    for _ in range(3):
        assert codec.decode_input(topics.LEDGER_EVENTS, VALUE) == samples.POSTED
    assert server.asked == [("GET /schemas/ids/42", None)]
    assert "Authorization" not in server.headers[0]


def test_a_schema_is_registered_once_under_its_subject(server: FakeRegistry) -> None:
    subject = "POST /subjects/eu.ledger-events-rentmatch.v1.PaymentPosted/versions"
    server.answers[subject] = (200, {"id": 77})
    codec = Codec(SchemaRegistry(server.url))
    for _ in range(3):
        assert codec.encode(samples.POSTED, "eu.ledger-events") == framing.confluent(77) + VALUE[5:]
    assert server.asked == [(subject, {"schema": POSTED_TEXT, "schemaType": "AVRO", "references": []})]


def test_basic_authentication(server: FakeRegistry) -> None:
    server.answers["GET /schemas/ids/1"] = (200, {"schema": POSTED_TEXT})
    SchemaRegistry(server.url, "anna", "s:ü").schema(1)
    scheme, credentials = server.headers[0]["Authorization"].split()
    assert (scheme, base64.b64decode(credentials).decode()) == ("Basic", "anna:s:ü")


def test_an_id_that_the_registry_does_not_know_is_bad_input(
    server: FakeRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(registry.time, "monotonic", lambda: now[0])
    codec = Codec(SchemaRegistry(server.url))
    for _ in range(3):
        with pytest.raises(BadInput, match="schema id 42") as caught:
            codec.decode_input(topics.LEDGER_EVENTS, VALUE)
        assert caught.value.error_class is DeadLetterClass.UNKNOWN_SCHEMA
    assert len(server.asked) == 1, "a flood of unknown ids must not become a flood of requests"
    now[0] += registry.UNKNOWN_FOR_SECONDS
    server.answers["GET /schemas/ids/42"] = (200, {"schema": POSTED_TEXT})
    assert codec.decode_input(topics.LEDGER_EVENTS, VALUE) == samples.POSTED


@pytest.mark.parametrize(
    "answer",
    [
        (200, {"schema": '{"type": "object"}', "schemaType": "JSON"}),
        (200, {"schema": '{"type": "nonsense"}'}),
        (200, {"schema": "{"}),
        (200, {}),
    ],
)
def test_an_answer_without_an_avro_schema_is_bad_input(server: FakeRegistry, answer: tuple[int, Any]) -> None:
    server.answers["GET /schemas/ids/42"] = answer
    with pytest.raises(BadInput, match="schema 42 is") as caught:
        Codec(SchemaRegistry(server.url)).decode_input(topics.LEDGER_EVENTS, VALUE)
    assert caught.value.error_class is DeadLetterClass.UNKNOWN_SCHEMA


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((500, {"error_code": 50001, "message": "store"}), "500.*store"),
        ((503, b"<html>"), "503"),
        ((401, {"error_code": 401, "message": "who?"}), "401.*who"),
        ((403, b""), "403"),
        ((429, b"slow down"), "429"),
        ((404, b"<html>not here</html>"), "RENTMATCH_SCHEMA_REGISTRY_URL"),
        ((404, {"error_code": 404, "message": "HTTP 404 Not Found"}), "RENTMATCH_SCHEMA_REGISTRY_URL"),
        ((404, ["what"]), "RENTMATCH_SCHEMA_REGISTRY_URL"),
        ((200, b"<html>welcome</html>"), "JSONDecodeError"),
        ((200, [1]), "AttributeError|TypeError"),
        ((200, {"schema": "{}", "references": [7]}), "schema 42"),
    ],
)
def test_an_unreachable_registry_does_not_make_a_record_bad_input(
    server: FakeRegistry, answer: tuple[int, Any], says: str
) -> None:
    server.answers["GET /schemas/ids/42"] = answer
    codec = Codec(SchemaRegistry(server.url))
    with pytest.raises(RegistryUnavailable, match=says):
        codec.decode_input(topics.LEDGER_EVENTS, VALUE)
    server.answers["GET /schemas/ids/42"] = (200, {"schema": POSTED_TEXT})
    assert codec.decode_input(topics.LEDGER_EVENTS, VALUE) == samples.POSTED


GUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
BY_GUID = f"GET /schemas/guids/{GUID}"
GUID_HEADERS = [("__value_schema_id", bytes.fromhex("016f9619ff8b86d011b42d00c04fc964ff"))]


def test_a_schema_is_fetched_once_by_its_guid(server: FakeRegistry) -> None:
    server.answers[BY_GUID] = (200, {"schema": POSTED_TEXT, "guid": GUID})
    codec = Codec(SchemaRegistry(server.url))
    for _ in range(3):
        assert codec.decode_input(topics.LEDGER_EVENTS, VALUE[5:], GUID_HEADERS) == samples.POSTED
    assert server.asked == [(BY_GUID, None)]


def test_a_guid_that_the_registry_does_not_know_is_bad_input(server: FakeRegistry) -> None:
    codec = Codec(SchemaRegistry(server.url))
    for _ in range(3):
        with pytest.raises(BadInput, match=f"does not know schema GUID {GUID}") as caught:
            codec.decode_input(topics.LEDGER_EVENTS, VALUE[5:], GUID_HEADERS)
        assert caught.value.error_class is DeadLetterClass.UNKNOWN_SCHEMA
    assert server.asked == [(BY_GUID, None)]


def test_a_registry_that_does_not_look_schemas_up_by_guid(server: FakeRegistry) -> None:
    server.answers[BY_GUID] = (404, {"error_code": 404, "message": "HTTP 404 Not Found"})
    server.answers["GET /schemas/types"] = (200, ["AVRO"])
    codec = Codec(SchemaRegistry(server.url))
    for _ in range(3):
        with pytest.raises(BadInput, match="does not look schemas up by GUID") as caught:
            codec.decode_input(topics.LEDGER_EVENTS, VALUE[5:], GUID_HEADERS)
        assert caught.value.error_class is DeadLetterClass.UNKNOWN_SCHEMA
    assert [asked for asked, _ in server.asked] == [BY_GUID, "GET /schemas/types"]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        ((404, b"<html>not here</html>"), "RENTMATCH_SCHEMA_REGISTRY_URL"),
        ((500, {"error_code": 50001, "message": "store"}), "500.*store"),
        ((200, b"<html>welcome</html>"), "JSONDecodeError"),
        ((200, [1]), "AttributeError|TypeError"),
    ],
)
def test_an_unreachable_registry_does_not_make_a_guid_bad_input(
    server: FakeRegistry, answer: tuple[int, Any], says: str
) -> None:
    server.answers[BY_GUID] = answer
    codec = Codec(SchemaRegistry(server.url))
    with pytest.raises(RegistryUnavailable, match=says):
        codec.decode_input(topics.LEDGER_EVENTS, VALUE[5:], GUID_HEADERS)
    server.answers[BY_GUID] = (200, {"schema": POSTED_TEXT})
    assert codec.decode_input(topics.LEDGER_EVENTS, VALUE[5:], GUID_HEADERS) == samples.POSTED


@pytest.mark.parametrize(
    "answer", [(200, {}), (200, {"schema": "{"}), (200, {"schema": "syntax", "schemaType": "PROTOBUF"})]
)
def test_a_guid_of_no_avro_schema_is_bad_input(server: FakeRegistry, answer: tuple[int, Any]) -> None:
    server.answers[BY_GUID] = answer
    with pytest.raises(BadInput, match=f"schema {GUID} is"):
        Codec(SchemaRegistry(server.url)).decode_input(topics.LEDGER_EVENTS, VALUE[5:], GUID_HEADERS)


def test_no_connection() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RegistryUnavailable, match="refused"):
            SchemaRegistry(url).schema(1)


def test_a_registry_that_never_answers() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(RegistryUnavailable, match="timed out"):
            SchemaRegistry(url, timeout_s=0.1).register("s", "{}")


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        ((409, {"error_code": 409, "message": "incompatible"}), SchemaRefusedError, "incompatible"),
        ((422, {"error_code": 42201, "message": "invalid"}), SchemaRefusedError, "invalid"),
        ((404, {"error_code": 40401, "message": "no subject"}), SchemaRefusedError, "no subject"),
        ((200, {"id": "7"}), RegistryUnavailable, "without a schema id"),
        ((200, {}), RegistryUnavailable, "without a schema id"),
        ((500, b""), RegistryUnavailable, "500"),
    ],
)
def test_a_schema_that_is_not_registered(
    server: FakeRegistry, answer: tuple[int, Any], error: type[Exception], says: str
) -> None:
    server.answers["POST /subjects/mismatch-alerts-value/versions"] = answer
    codec = Codec(SchemaRegistry(server.url))
    for _ in range(2):
        with pytest.raises(error, match=says):
            codec.encode(samples.OUTPUTS[2], "mismatch-alerts")
    assert len(server.asked) == 2, "a failure is not kept"


def test_schemas_that_refer_to_others(server: FakeRegistry) -> None:
    """One subject for the topic: a union of records, each with its own subject, as Confluent advises."""
    plan = json.loads(OURS["PlanChanged"].text)
    part = plan["fields"][4]["type"]["items"] | {"namespace": "rentmatch.v1"}
    plan["fields"][4]["type"]["items"] = "rentmatch.v1.Installment"
    union = json.dumps(["rentmatch.v1.PlanChanged", "rentmatch.v1.PaymentPosted"])
    refer = [{"name": "x", "subject": "plan changed", "version": 3}, {"name": "y", "subject": "posted", "version": 1}]
    server.answers |= {
        "GET /schemas/ids/42": (200, {"schema": union, "references": refer}),
        "GET /subjects/plan%20changed/versions/3": (
            200,
            {"schema": json.dumps(plan), "references": [{"name": "z", "subject": "part", "version": 2}]},
        ),
        "GET /subjects/part/versions/2": (200, {"schema": json.dumps(part)}),
        "GET /subjects/posted/versions/1": (200, {"schema": POSTED_TEXT}),
    }
    codec = Codec(SchemaRegistry(server.url))
    for index, fact in enumerate((samples.PLAN_CHANGED, samples.POSTED)):
        value = framing.confluent(42) + bytes((index * 2,)) + Codec().encode(fact, "any")[10:]
        assert codec.decode_input(topics.LEDGER_EVENTS, value) == fact


def test_an_invalid_url() -> None:
    with pytest.raises(ValueError, match="http://"):
        SchemaRegistry("localhost:8081")


def test_a_second_registry_is_tried_when_the_first_is_unreachable(server: FakeRegistry) -> None:
    server.answers["GET /schemas/ids/42"] = (200, {"schema": POSTED_TEXT})
    assert SchemaRegistry(f"http://127.0.0.1:1,{server.url}").schema(42).identity == OURS["PaymentPosted"].identity


def test_the_client_is_imported_only_where_a_registry_is_configured() -> None:
    """It takes 0.1 s and 20 MiB, with the packages that it needs."""
    program = (
        "import sys, app\n"
        "from streams.codec.codec import codec_of\n"
        "from streams.settings import load\n"
        "codec_of(load({}))\n"
        "assert 'confluent_kafka.schema_registry' not in sys.modules\n"
        "codec_of(load({'RENTMATCH_SCHEMA_REGISTRY_URL': 'http://127.0.0.1:1'}))\n"
        "assert 'confluent_kafka.schema_registry' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
