"""`rentmatch gateway` as a process: it prints links, serves, says what is missing, and stops when it is told to."""

import json
import os
import re
import sys
import urllib.request
from pathlib import Path

import pytest

from gateway.web import console_files
from tests.kit.command_line import Run
from tests.kit.mongo import MongoServer
from tools.local.processes import Process, answers_200, free_ports, wait_until
from tools.local.worker import REPOSITORY


def test_it_serves_until_it_is_told_to_stop(mongo_server: MongoServer, mongo_database: str, tmp_path: Path) -> None:
    port, pages = free_ports(2)
    mine = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")}
    env = {
        **mine,
        "RENTMATCH_BROKER": "127.0.0.1:9",
        "RENTMATCH_MONGO_URL": mongo_server.url,
        "RENTMATCH_MONGO_DATABASE": mongo_database,
        "RENTMATCH_GATEWAY_PORT": str(port),
        "RENTMATCH_HTTP_PORT": str(pages),
    }
    words = ["gateway", "--without-console", "--person", "ana=admin", "--person", "b e n=approver"]
    process = Process([sys.executable, "-m", "ops.cli", *words], tmp_path / "log", cwd=REPOSITORY, env=env)
    process.start()
    try:
        wait_until(lambda: answers_200(f"http://127.0.0.1:{pages}/readyz"), 60, "the gateway", process=process)
        links = dict(re.findall(r"^(.+) signs in with (\S+)$", (tmp_path / "log").read_text(), re.MULTILINE))
        assert links.keys() == {"ana", "b e n"}
        assert all(link.startswith(f"http://127.0.0.1:{port}/session?link=") for link in links.values())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
            assert json.load(answer) == {"ok": True}
        with urllib.request.urlopen(f"http://127.0.0.1:{pages}/metrics", timeout=5) as answer:
            assert b"rentmatch_gateway_streams 0.0" in answer.read()
        assert process.terminate() == 0
    finally:
        process.kill()


def test_without_a_built_console_it_says_so(bare_run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("ops.commands.gateway.BUILD", tmp_path)
    env = {"RENTMATCH_MONGO_URL": "mongodb://127.0.0.1:9/"}
    result = bare_run("gateway", "--without-web", env=env)
    assert (result.exit_code, "make console" in result.stderr, "--without-console" in result.stderr) == (1, True, True)
    assert console_files.BUILD.name == "console"


@pytest.mark.parametrize(
    ("words", "env", "why"),
    [
        ("--person ana", {}, "NAME=ROLE"),
        ("--person ana=boss", {}, "NAME=ROLE"),
        ("--person ana=admin --person ana=viewer", {}, "twice"),
        ("", {"RENTMATCH_GATEWAY_HOST": "0.0.0.0"}, "RENTMATCH_GATEWAY_OIDC_ISSUER"),
        (
            "--person ana=admin",
            {
                "RENTMATCH_GATEWAY_OIDC_ISSUER": "https://id.example.com",
                "RENTMATCH_GATEWAY_OIDC_CLIENT_ID": "x",
                "RENTMATCH_GATEWAY_PUBLIC_URL": "https://rent.example.com",
            },
            "--person",
        ),
        ("", {}, "RENTMATCH_MONGO_URL"),
    ],
)
def test_what_is_given_wrongly_is_misuse(bare_run: Run, words: str, env: dict[str, str], why: str) -> None:
    result = bare_run("gateway", "--without-web", "--without-console", *words.split(), env=env)
    assert (result.exit_code, why in result.stderr) == (2, True), result.stderr
