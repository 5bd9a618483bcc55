"""The walk in docs/connecting.md from a downloaded report to an explained break: its files, commands and output."""

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams import topics
from streams.broker import reading
from streams.codec.codec import Codec
from streams.codec.json_form import instant_from_text
from streams.settings import Settings
from tests.kit.command_line import Run
from tests.kit.documents import walk_commands, walk_files, walk_instant, walk_python
from tests.kit.driver import Driver
from tests.ops.test_exceptions import put_on

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def mock_broker() -> Iterator[str]:
    """The broker that the page starts, instead of the tests' own."""
    words = [sys.executable, "-c", walk_python()]
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.kill()


class Worker:
    """A worker in this process between the page's commands: it reads from the broker, and its results go there."""

    def __init__(self, broker: str) -> None:
        self._settings = Settings(broker=broker, topic_prefix="here.")
        self._broker = broker
        self._driver = Driver(now=instant_from_text(walk_instant()))
        self._read: Counter[str] = Counter()

    def catch_up(self) -> None:
        codec = Codec()
        for topic in (topics.PROCESSOR_SETTLED, topics.PAYOUTS, topics.BANK_ENTRIES):
            records = list(reading.records(self._settings, topic))
            for record in records[self._read[topic.name] :]:
                self._driver.pipe(codec.decode_input(topic, record.value, record.headers))
            self._read[topic.name] = len(records)
        self._driver.run()
        put_on(self._broker, self._driver)


def filtered(output: str, pipe: str) -> str:
    """What `tail`, `head`, `jq` or nothing leaves of an output."""
    name, *words = shlex.split(pipe) or ["cat"]
    lines = output.splitlines()
    if name == "tail":
        lines = lines[-int(words[1]) :]
    elif name == "head":
        lines = lines[: int(words[1])]
    elif name == "jq":
        fields = words[1].strip("{}").split(", ")
        lines = [
            json.dumps({field: json.loads(line)[field] for field in fields}, separators=(",", ":")) for line in lines
        ]
    else:
        assert name == "cat", pipe
    return "\n".join(line.rstrip() for line in lines)


def answers(run: Run, broker: str, folder: Path) -> list[tuple[str, str]]:
    """Each command of the page, and what it really prints, without the spaces at the ends of lines."""
    for name, content in walk_files().items():
        (folder / name).write_text(content)
    worker, found = Worker(broker), []
    for line, _ in walk_commands():
        command, _, pipe = line.partition(" | ")
        command, is_redirected, _ = command.partition(" >")
        if " import " not in command:
            worker.catch_up()
        result = run(*shlex.split(command)[1:], env={"RENTMATCH_CLOCK": walk_instant(), "RENTMATCH_HTTP_PORT": "0"})
        assert result.exit_code == 0, result.output
        kept = "" if is_redirected else filtered(result.stdout, pipe)
        hints = filtered(result.stderr, "")  # no part of a pipe, and printed before its last command ends
        found.append((line, "\n".join(text for text in ((hints, kept) if pipe else (kept, hints)) if text)))
    return found


def without_event_ids(text: str) -> str:
    """The id of a written event is random."""
    return re.sub(r"as event [0-9a-f]{32}", "as event …", text)


def test_the_walk_prints_what_the_page_shows(
    run: Run, mock_broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sorted(walk_files()) == ["bank.csv", "bank.toml", "payouts.csv", "stripe.toml"]
    assert len(walk_commands()) == 11
    for (command, said), (_, shown) in zip(answers(run, mock_broker, tmp_path), walk_commands(), strict=True):
        assert without_event_ids(said) == without_event_ids(shown), command
