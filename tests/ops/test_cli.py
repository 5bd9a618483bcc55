"""Help, settings and exit statuses."""

import json
import os
import re
import socket
import subprocess
import sys

import click
import pytest

from ops.cli import COMMANDS, cli
from ops.commands import worker
from streams.settings import Settings, load
from tests.kit.command_line import Run


def all_commands() -> list[list[str]]:
    found = []
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        found.append([name])
        if isinstance(command, click.Group):
            found += [[name, sub] for sub in command.commands]
    return found


def test_help_lists_every_command(bare_run: Run) -> None:
    result = bare_run("--help")
    assert result.exit_code == 0
    for name in COMMANDS:
        assert re.search(rf"^  {name} +[A-Z].*\.$", result.stdout, re.MULTILINE), name


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_help_of_each_command_has_an_example(bare_run: Run, words: list[str]) -> None:
    result = bare_run(*words, "--help")
    assert result.exit_code == 0
    example = re.search(r"^  Examples?:\n((?:    .+\n)+)", result.stdout, re.MULTILINE)
    assert example is not None, result.stdout
    assert "rentmatch " + words[0] in example[1]
    assert "\b" not in result.stdout.replace("\\\n", "")


def test_settings_lists_all_masks_secrets_and_marks_changes(bare_run: Run) -> None:
    env = {
        "RENTMATCH_SECURITY_SASL_PASSWORD": "hunter2",
        "RENTMATCH_SCHEMA_REGISTRY_URL": "https://me:hunter2@registry:8081/path",
        "RENTMATCH_PARTITIONS": "12",
    }
    result = bare_run("settings", "--json", env=env)
    assert result.exit_code == 0
    assert "hunter2" not in result.stdout
    rows = {row["name"]: row for row in map(json.loads, result.stdout.splitlines())}
    assert rows.keys() == {"RENTMATCH_" + name.upper() for name in Settings.model_fields}
    assert (rows["RENTMATCH_PARTITIONS"]["value"], rows["RENTMATCH_PARTITIONS"]["default"]) == (12, 8)
    assert rows["RENTMATCH_SECURITY_SASL_PASSWORD"]["value"] == "********"
    assert rows["RENTMATCH_SCHEMA_REGISTRY_URL"]["value"] == "https://me:********@registry:8081/path"
    assert all(row["meaning"] for row in rows.values())

    table = bare_run("settings", env=env).stdout
    assert "hunter2" not in table
    assert re.search(r"^\* RENTMATCH_PARTITIONS +│ 12 +│ 8 ", table, re.MULTILINE)
    assert re.search(r"^RENTMATCH_BROKER ", table, re.MULTILINE)


def test_a_bad_value_is_reported_without_a_traceback() -> None:
    env = {**os.environ, "RENTMATCH_PARTITIONS": "none"}
    result = subprocess.run(
        [sys.executable, "-m", "ops.cli", "settings"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 2
    assert result.stderr.startswith("Error: RENTMATCH_PARTITIONS: ")
    assert "Traceback" not in result.stderr


def test_unknown_commands_and_options_are_usage_errors(bare_run: Run) -> None:
    assert bare_run("reed").exit_code == 2
    assert bare_run("read", "ledger-events", "--lsat").exit_code == 2
    assert bare_run("read").exit_code == 2


def test_a_bug_keeps_its_traceback(bare_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_args: object, **_more: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(worker, "partition_counts", lambda settings: {})
    monkeypatch.setattr(worker, "run", broken)
    with pytest.raises(ZeroDivisionError):
        bare_run("worker")


def test_a_worker_without_a_broker_says_so_in_one_line(bare_run: Run, impatient: None) -> None:
    result = bare_run("worker", env={"RENTMATCH_BROKER": "127.0.0.1:1"})
    assert result.exit_code == 1
    assert "no Kafka broker answers at 127.0.0.1:1" in result.stderr


def test_a_worker_without_a_token_does_not_listen_to_other_machines(bare_run: Run, impatient: None) -> None:
    result = bare_run("worker", env={"RENTMATCH_BROKER": "127.0.0.1:1", "RENTMATCH_HTTP_HOST": "0.0.0.0"})
    assert result.exit_code == 2
    assert "RENTMATCH_HTTP_TOKEN is not set" in result.stderr
    without = bare_run(
        "worker", "--without-web", env={"RENTMATCH_BROKER": "127.0.0.1:1", "RENTMATCH_HTTP_HOST": "0.0.0.0"}
    )
    assert "no Kafka broker answers" in without.stderr


def test_a_second_worker_on_a_machine_takes_the_next_port(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        default = Settings.model_fields["http_port"].default
        settings = load({"RENTMATCH_HTTP_PORT": str(port)})
        assert worker.choose_port(settings) == port  # asked for: whoever is there, it is for the operator to decide
        unasked = Settings.model_construct(_fields_set=set(), http_host="127.0.0.1", http_port=port)
        assert worker.choose_port(unasked) > port
        assert f"Port {port} is taken" in capsys.readouterr().err
    assert default == 6066


def test_worker_options_reach_the_worker(bare_run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[tuple[bool, str]] = []
    monkeypatch.setenv("RENTMATCH_HTTP_PORT", "")
    monkeypatch.delenv("RENTMATCH_HTTP_PORT")
    monkeypatch.setenv("RENTMATCH_LOG_LEVEL", "")
    monkeypatch.delenv("RENTMATCH_LOG_LEVEL")
    monkeypatch.setattr(worker, "partition_counts", lambda settings: {})
    monkeypatch.setattr(worker, "run", lambda settings, *, with_web: calls.append((with_web, settings.log_level)))
    assert bare_run("worker").exit_code == 0
    assert bare_run("worker", "--without-web", "--log-level", "debug").exit_code == 0
    assert bare_run("worker", env={"RENTMATCH_HTTP_PORT": "0", "RENTMATCH_LOG_LEVEL": "ERROR"}).exit_code == 0
    assert bare_run("worker", "--without-web", "--log-level", "warn").exit_code == 0
    assert calls == [(True, "INFO"), (False, "DEBUG"), (False, "ERROR"), (False, "WARNING")]


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR"])
def test_faust_accepts_every_level(monkeypatch: pytest.MonkeyPatch, level: str) -> None:
    from faust.cli.faust import cli as faust_cli  # noqa: PLC0415 - takes a second

    def parsed_only(args: list[str], prog_name: str, app: object) -> None:
        faust_cli.get_command(click.Context(faust_cli), "worker").make_context("worker", args[1:])
        levels.append(args[-1])

    levels: list[str] = []
    monkeypatch.setattr(faust_cli, "main", parsed_only)
    worker.run(load({"RENTMATCH_LOG_LEVEL": level}), with_web=False)
    assert len(levels) == 1
