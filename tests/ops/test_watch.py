"""`rentmatch watch`: files that arrive are imported once, whatever happens to the process or to the upload."""

import json
import os
import random
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from domain.time import DAY, HOUR, Micros, micros_of
from ops.watching.feeds import FeedError, load_feeds
from ops.watching.inbox import Inbox, WatchedTwice
from ops.watching.metrics import WatchMetrics
from ops.watching.watcher import Watcher
from streams.codec.codec import Codec
from streams.settings import Settings, load
from tests.kit.command_line import Run
from tests.kit.reading import read_all
from tests.kit.stripe_report import charge, report
from tools.local.processes import free_ports

CONFIG = """
[[feed]]
name = "stripe"
files = "payouts_*.csv"
format = "stripe-payouts"
account = "chk"
due = "09:00"
zone = "America/New_York"
banking_days = "USD"

[[feed]]
name = "strict"
files = "strict_*.csv"
format = "stripe-payouts"
strict = true
"""

NOON = micros_of(datetime.fromisoformat("2026-07-01T16:00:00+00:00"))


def a_report(number: int, rows: int = 3) -> bytes:
    return report(*(charge(number * 1_000 + row, "12.00", automatic_payout_id="") for row in range(rows)))


class Bench:
    """A watched directory, and a watcher whose clocks the test sets."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self.directory = directory
        self.settings = settings
        self.now: Micros = NOON
        self.seconds = 0.0
        (directory / "watch.toml").write_text(CONFIG)
        self.restart()

    def restart(self) -> None:
        """As after a kill: nothing but the directory is remembered."""
        if hasattr(self, "inbox"):
            self.inbox.close()
        feeds = load_feeds(self.directory / "watch.toml")
        self.inbox = Inbox(self.directory, 10, frozenset({"watch.toml"}))
        self.metrics = WatchMetrics(feed.name for feed in feeds)
        self.watcher = Watcher(self.settings, Codec(), self.inbox, feeds, self.metrics, lambda: self.now)

    def look(self, seconds: float = 11) -> int:
        """Let time pass, and look."""
        self.seconds += seconds
        return self.watcher.look(self.seconds)

    def put(self, name: str, content: bytes) -> None:
        (self.directory / name).write_bytes(content)

    def take(self, name: str, content: bytes) -> int:
        """Put a file, and look until it is settled."""
        self.put(name, content)
        self.look()
        return self.look()

    def names(self, folder: str = "") -> list[str]:
        return sorted(path.name for path in (self.directory / folder).iterdir() if path.is_file())

    def report(self, folder: str, name: str) -> Any:
        return json.loads((self.directory / folder / f"{name}.report.json").read_text())

    def value(self, name: str, **labels: str) -> float:
        found = self.metrics.registry.get_sample_value(name, labels)
        assert found is not None, name
        return found


@pytest.fixture
def bench(run: Run, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path, load())
    with closing(made.inbox):
        yield made


def test_a_file_that_arrives_is_imported_and_moved_with_its_report(bench: Bench, mock_broker: str) -> None:
    bench.put("payouts_1.csv", a_report(1))
    assert bench.look() == 0  # seen for the first time
    assert bench.look(5) == 0
    assert bench.look(6) == 1
    assert bench.names("done") == ["payouts_1.csv", "payouts_1.csv.report.json"]
    found = bench.report("done", "payouts_1.csv")
    assert (found["feed"], found["outcome"], found["published"]) == ("stripe", "done", 3)
    assert len(read_all(mock_broker, "here.processor-settled")) == 3
    assert bench.value("rentmatch_watch_files_total", feed="stripe", outcome="done") == 1
    assert bench.value("rentmatch_watch_lines_total", feed="stripe", outcome="published") == 3
    assert bench.look() == 0
    assert (bench.directory / "payouts_1.csv").exists() is False


def test_a_file_that_grows_is_waited_for(bench: Bench, mock_broker: str) -> None:
    whole = a_report(1, rows=50)
    for size in range(400, len(whole), 700):
        bench.put("payouts_1.csv", whole[:size])
        assert bench.look(9) == 0
    bench.put("payouts_1.csv", whole)
    assert (bench.look(9), bench.look(9), bench.look(9)) == (0, 0, 1)
    assert len(read_all(mock_broker, "here.processor-settled")) == 50


@pytest.mark.parametrize("name", ["payouts_1.csv.part", "payouts_1.csv.filepart", ".payouts_1.csv", "payouts_1.csv~"])
def test_a_name_of_an_unfinished_file_is_left_alone(bench: Bench, name: str) -> None:
    assert bench.take(name, a_report(1)) == 0
    os.rename(bench.directory / name, bench.directory / "payouts_1.csv")
    bench.look()
    assert bench.look() == 1


def test_a_file_that_is_written_to_while_it_is_read_is_read_again(
    bench: Bench, mock_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ops.watching import watcher  # noqa: PLC0415

    prepare = watcher.prepare

    def prepare_slowly(*args: Any) -> Any:
        prepared = prepare(*args)
        monkeypatch.undo()
        with open(bench.directory / "payouts_1.csv", "ab") as file:
            file.write(a_report(2).split(b"\n", 1)[1])
        return prepared

    monkeypatch.setattr(watcher, "prepare", prepare_slowly)
    assert bench.take("payouts_1.csv", a_report(1)) == 0
    assert read_all(mock_broker, "here.processor-settled") == []
    bench.look()
    assert bench.look() == 1
    assert len(read_all(mock_broker, "here.processor-settled")) == 6


def test_a_broken_file_goes_to_failed_and_holds_up_nobody(bench: Bench, mock_broker: str) -> None:
    bench.put("payouts_0.csv", b"<html>\n")
    assert bench.take("payouts_1.csv", a_report(1)) == 2
    assert bench.names("failed") == ["payouts_0.csv", "payouts_0.csv.report.json"]
    assert "line 1: there is no column" in bench.report("failed", "payouts_0.csv")["error"]
    assert len(read_all(mock_broker, "here.processor-settled")) == 3
    assert bench.value("rentmatch_watch_files_total", feed="stripe", outcome="failed") == 1


def test_a_format_with_a_defect_puts_the_file_aside(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from ops.watching import watcher  # noqa: PLC0415

    def defect(*_: Any) -> Any:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(watcher, "prepare", defect)
    assert bench.take("payouts_1.csv", a_report(1)) == 1
    assert bench.report("failed", "payouts_1.csv")["error"] == "a defect of stripe-payouts: ZeroDivisionError: oh"


def test_strict_refuses_what_is_not_understood(bench: Bench, mock_broker: str) -> None:
    odd = report(charge(1, "1.00"), charge(2, "x", net="1"))
    assert bench.take("strict_1.csv", odd) == 1
    assert bench.names("failed") == ["strict_1.csv", "strict_1.csv.report.json"]
    assert bench.report("failed", "strict_1.csv")["not_understood"][0]["line"] == 3
    assert read_all(mock_broker, "here.processor-settled") == []
    assert bench.take("payouts_1.csv", odd) == 1
    assert bench.names("done") == ["payouts_1.csv", "payouts_1.csv.report.json"]
    assert len(read_all(mock_broker, "here.dead-letter")) == 1


def test_the_same_name_again_keeps_both_and_the_same_content_one(bench: Bench) -> None:
    for number in (1, 1, 2):
        assert bench.take("payouts_1.csv", a_report(number)) == 1
    assert [name for name in bench.names("done") if name.endswith(".csv")] == ["payouts_1.2.csv", "payouts_1.csv"]
    assert bench.report("done", "payouts_1.2.csv")["published"] == 3


@pytest.mark.parametrize("step", ["rename", "replace"])
def test_killed_between_report_and_move_it_starts_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, step: str, mock_broker: str
) -> None:
    def die(*_: Any) -> None:
        raise KeyboardInterrupt

    bench.put("payouts_1.csv", a_report(1))
    bench.look()
    with monkeypatch.context() as patched:
        patched.setattr(f"ops.watching.inbox.os.{step}", die)
        with pytest.raises(KeyboardInterrupt):
            bench.look()
    assert (bench.directory / "payouts_1.csv").exists()
    bench.restart()
    bench.look()
    assert bench.look() == 1
    assert bench.names("done") == ["payouts_1.csv", "payouts_1.csv.report.json"]
    values = [record.value for record in read_all(mock_broker, "here.processor-settled")]
    assert (len(values), len(set(values))) == (6, 3)


def test_a_file_of_no_feed_stays_and_is_counted(bench: Bench) -> None:
    assert bench.take("notes.txt", b"x") == 0
    assert (bench.directory / "notes.txt").exists()
    assert bench.value("rentmatch_watch_unmatched_files") == 1


def test_without_a_broker_files_stay(bench: Bench, mock_broker: str, impatient: None) -> None:
    there = bench.settings
    bench.settings = load({"RENTMATCH_BROKER": "127.0.0.1:1"})
    bench.restart()
    assert bench.take("payouts_1.csv", a_report(1)) == 0
    assert bench.watcher.ready().state == "blocked"
    assert bench.value("rentmatch_watch_waiting_files") == 1
    bench.settings = there
    bench.restart()
    bench.look()
    assert (bench.look(), bench.watcher.ready().good) == (1, True)
    assert len(read_all(mock_broker, "here.processor-settled")) == 3


def overdue(bench: Bench) -> float:
    bench.look()
    return bench.value("rentmatch_watch_overdue_seconds", feed="stripe")


def test_a_file_that_is_missing_by_its_hour(bench: Bench) -> None:
    assert overdue(bench) == 0  # a new feed owes nothing of the past
    bench.now = NOON + DAY - 4 * HOUR  # 2 July, 08:00 in New York
    assert overdue(bench) == 0
    bench.now += 2 * HOUR
    assert overdue(bench) == 3_600
    bench.restart()
    assert overdue(bench) == 3_600
    bench.take("payouts_1.csv", a_report(1))
    assert overdue(bench) == 0
    bench.now += DAY  # 3 July, 10:00: the late file was that of yesterday
    assert overdue(bench) == 3_600
    bench.take("payouts_2.csv", a_report(2))
    bench.now += 2 * DAY  # 5 July, a Sunday
    assert overdue(bench) == 0
    bench.now += DAY - 2 * HOUR  # 6 July, 08:00
    bench.take("payouts_3.csv", a_report(3))
    bench.now += 4 * HOUR
    assert overdue(bench) == 0


def test_a_broken_file_is_still_missing(bench: Bench) -> None:
    bench.now = NOON + DAY
    bench.take("payouts_1.csv", b"<html>\n")
    assert overdue(bench) > 0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('format = "stripe-payouts"', 'format = "stripe"', "no format 'stripe'"),
        ('due = "09:00"', 'due = "9"', "due"),
        ('zone = "America/New_York"', 'zone = "Gotham"', "no IANA time zone"),
        ('banking_days = "USD"', 'banking_days = "US"', "no currency"),
        ('name = "strict"', 'name = "stripe"', "two feeds"),
        ("strict = true", "stict = true", "stict"),
        ("strict = true", "options = { zone = 1 }", "no option 'zone'"),
        ("strict = true", 'mapping = "nowhere.toml"', "nowhere.toml cannot be read"),
        ("[[feed]]", "[[feed]", "watch.toml"),
    ],
)
def test_a_configuration_that_cannot_be_used(tmp_path: Path, old: str, new: str, says: str) -> None:
    (tmp_path / "watch.toml").write_text(CONFIG.replace(old, new))
    with pytest.raises(FeedError) as error:
        load_feeds(tmp_path / "watch.toml")
    assert says in str(error.value)


def test_one_process_has_a_directory(bench: Bench) -> None:
    with pytest.raises(WatchedTwice):
        Inbox(bench.directory, 1, frozenset())


def test_once_is_for_cron(run: Run, tmp_path: Path) -> None:
    (tmp_path / "watch.toml").write_text(CONFIG)
    (tmp_path / "payouts_1.csv").write_bytes(a_report(1))
    assert run("watch", str(tmp_path), "--once", "--settle-seconds", "0.1").exit_code == 0
    assert (tmp_path / "done" / "payouts_1.csv").exists()
    refused = run("watch", str(tmp_path), "--config", str(tmp_path / "none.toml"))
    assert (refused.exit_code, "none.toml cannot be read" in refused.stderr) == (2, True)


Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(run: Run, tmp_path: Path, mock_broker: str) -> Iterator[Start]:
    """Starts `rentmatch watch` as a process."""
    (tmp_path / "watch.toml").write_text(CONFIG)
    (port,) = free_ports(1)
    env = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")} | {
        "RENTMATCH_BROKER": mock_broker, "RENTMATCH_TOPIC_PREFIX": "here.", "RENTMATCH_HTTP_PORT": str(port),
    }  # fmt: skip
    processes = []

    def started() -> "subprocess.Popen[bytes]":
        given = {name: value for name, value in os.environ.items() if name == "RENTMATCH_HTTP_PORT"}
        words = [sys.executable, "-m", "ops.cli", "watch", str(tmp_path), "--settle-seconds", "0.2"]
        with open(tmp_path / ".log", "ab") as log:
            process = subprocess.Popen(words, env=env | given, stdout=log, stderr=log)
        processes.append(process)
        return process

    yield started
    for process in processes:
        process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], log: Path, timeout_s: float = 60) -> None:
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.02)


def test_killed_at_any_moment_it_loses_no_file_and_no_line(start: Start, tmp_path: Path, mock_broker: str) -> None:
    rng = random.Random(3)
    files, rows = 40, 200
    contents = {f"payouts_{number}.csv": a_report(number, rows) for number in range(files)}
    left = dict(contents)
    kills = 0
    process = start()
    until = time.monotonic() + 90

    def done() -> int:
        return sum(not path.name.endswith(".report.json") for path in (tmp_path / "done").glob("payouts_*"))

    while left or done() < files:
        assert time.monotonic() < until, (tmp_path / ".log").read_text()
        for name in list(left)[:4]:
            partial = tmp_path / f"{name}.part"
            partial.write_bytes(left.pop(name))
            os.rename(partial, tmp_path / name)
        time.sleep(rng.uniform(0.3, 1.6))
        if kills < 12:
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            process = start()
    process.terminate()
    assert process.wait(20) == 0, (tmp_path / ".log").read_text()
    assert list(tmp_path.glob("payouts_*")) == []
    assert not (tmp_path / "failed").is_dir() or list((tmp_path / "failed").iterdir()) == []
    for name, content in contents.items():
        assert (tmp_path / "done" / name).read_bytes() == content
        assert json.loads((tmp_path / "done" / f"{name}.report.json").read_text())["published"] == rows
    values = [record.value for record in read_all(mock_broker, "here.processor-settled")]
    assert len(set(values)) == files * rows
    assert kills == 12


def test_its_pages(start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("RENTMATCH_HTTP_PORT", str(port))
    start()
    log = tmp_path / ".log"
    (tmp_path / "payouts_1.csv").write_bytes(a_report(1))
    pages: dict[str, str] = {}

    def counted() -> bool:
        """The file is counted after it is moved."""
        if not (tmp_path / "done" / "payouts_1.csv").exists():
            return False
        for page in ("livez", "readyz", "metrics"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{page}", timeout=5) as response:
                pages[page] = response.read().decode()
        return 'rentmatch_watch_files_total{feed="stripe",outcome="done"} 1.0' in pages["metrics"]

    wait_until(counted, log)
    assert json.loads(pages["readyz"])["state"] == "watching"
    assert json.loads(pages["livez"])["ok"]
