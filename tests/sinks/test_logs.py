"""The log: JSON that machines can read, and no secret in it, whoever wrote the line."""

import json
import logging
import logging.config
import sys
from pathlib import Path

import pytest

from sinks.logs import HIDDEN, config, formatter
from streams.settings import load
from tests.kit.deployment import AuditedDeployment

SECRET = 'hunter2-"quoted"\\'


def record(message: str, *arguments: object, **extra: object) -> logging.LogRecord:
    made = logging.getLogger("test").makeRecord(
        "streams.transport.commit_loop", logging.INFO, "f.py", 1, message, arguments, None
    )
    vars(made).update(extra)
    return made


def test_a_line_is_one_json_object_with_what_the_caller_gave() -> None:
    line = formatter("json", {"application": "rm", "worker": "a"}, []).format(
        record("recovered %d\nrecords", 7, route="/v1/payments/{id}", status=200, place=Path("x"))
    )
    assert "\n" not in line
    told = json.loads(line)
    assert told["message"] == "recovered 7\nrecords"
    assert (told["application"], told["worker"], told["level"]) == ("rm", "a", "INFO")
    assert (told["route"], told["status"], told["place"]) == ("/v1/payments/{id}", 200, "x")
    assert told["at"].endswith("+00:00")


def test_what_is_given_cannot_take_the_place_of_what_a_line_says_of_itself() -> None:
    told = json.loads(formatter("json", {"worker": "a"}, []).format(record("true", level="DEBUG", worker="b")))
    assert (told["level"], told["worker"]) == ("INFO", "a")


def test_an_error_is_logged_with_its_type_and_place() -> None:
    try:
        raise ValueError("no")
    except ValueError:
        failed = record("it failed")
        failed.exc_info = sys.exc_info()
    told = json.loads(formatter("json", {}, []).format(failed))
    assert (told["error"]["type"], told["error"]["message"]) == ("ValueError", "no")
    assert "test_logs.py" in told["error"]["traceback"]


@pytest.mark.parametrize("style", ["json", "text"])
def test_a_secret_is_hidden_wherever_it_stands(style: str) -> None:
    try:
        raise ValueError(f"cannot log in with {SECRET}")
    except ValueError:
        failed = record("password %s", SECRET, url=f"mongodb://me:{SECRET}@db")
        failed.exc_info = sys.exc_info()
    line = formatter(style, {}, [SECRET]).format(failed)
    assert HIDDEN in line
    assert "hunter2" not in line


def test_the_settings_know_their_secrets() -> None:
    settings = load(
        {
            "RENTMATCH_SECURITY_SASL_PASSWORD": "sasl-pass",
            "RENTMATCH_SECURITY_KEY_PASSWORD": "key-pass",
            "RENTMATCH_SCHEMA_REGISTRY_URL": "https://me:reg%2Fpass@registry",
            "RENTMATCH_SCHEMA_REGISTRY_PASSWORD": "basic-pass",
        }
    )
    assert settings.secrets() >= {"sasl-pass", "key-pass", "reg%2Fpass", "reg/pass", "basic-pass"}
    assert "rentmatch" not in settings.secrets()


def test_the_configuration_configures(capsys: pytest.CaptureFixture[str]) -> None:
    before = logging.root.handlers[:], logging.root.level
    try:
        logging.config.dictConfig(config("json", {"worker": "a"}, ["s3cret"], "WARNING"))
        logging.getLogger("any").info("not this")
        logging.getLogger("any").warning("but s3cret this")
    finally:
        logging.root.handlers[:], _ = before
        logging.root.setLevel(before[1])
    lines = capsys.readouterr().err.splitlines()
    assert [json.loads(line)["message"] for line in lines] == [f"but {HIDDEN} this"]


@pytest.mark.kafka
def test_a_worker_logs_nothing_but_json(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    with AuditedDeployment(
        kafka, topic_prefix, tmp_path, clock=None, log_format="json", log_level="INFO"
    ) as deployment:
        worker = deployment.worker()
        worker.wait_ready()
        assert worker.terminate() == 0
        told = [json.loads(line) for line in worker.log.read_text(encoding="utf-8").splitlines()]
    assert any("recovered" in line["message"] for line in told)
    assert {line["application"] for line in told} == {deployment.group}
