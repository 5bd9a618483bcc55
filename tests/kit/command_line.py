"""The command line, pointed at a broker inside this process (librdkafka's mock cluster)."""

import os
from collections.abc import Callable

import pytest
from click.testing import CliRunner, Result

from ops.cli import cli

Run = Callable[..., Result]
"""Runs `rentmatch` with these words, `stdin` as its input and `env` over the fixture's environment."""


@pytest.fixture
def bare_run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line with no settings at all."""
    for name in [name for name in os.environ if name.startswith("RENTMATCH_")]:
        monkeypatch.delenv(name)

    def run(*words: str, stdin: str | bytes = "", env: dict[str, str] | None = None) -> Result:
        result = CliRunner().invoke(cli, words, input=stdin, env=env)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


@pytest.fixture
def run(bare_run: Run, mock_broker: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line with a mock broker on which the topics are provisioned."""
    monkeypatch.setenv("RENTMATCH_BROKER", mock_broker)
    monkeypatch.setenv("RENTMATCH_TOPIC_PREFIX", "here.")
    assert bare_run("provision").exit_code == 0
    return bare_run
