"""The process of a ledger's reader: its health by what the reader does, its metrics, its end. The reader is made up."""

import asyncio
import json
import os
import signal
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.core import Metric

from connectors.ledger.output import OutputLost, RowStates
from connectors.ledger.progress import ReaderProgress, ReaderState
from connectors.ledger.row_state import RowState
from domain.time import SECOND
from ops.ledger.running import STALLED_AFTER_S, ReaderProcess
from tools.local.processes import free_ports

NOW = 1_780_000_000 * SECOND


def values(process: ReaderProcess) -> dict[str, float]:
    families: list[Metric] = process.metrics.families()
    found = {}
    for family in families:
        for sample in family.samples:
            assert sample.labels["ledger"] == "books"
            found[sample.name + sample.labels.get("outcome", "")] = sample.value
    return found


@pytest.fixture
def process() -> ReaderProcess:
    return ReaderProcess("books", ReaderProgress())


@pytest.mark.parametrize(
    ("state", "ready", "connected"),
    [
        (ReaderState.STARTING, False, 0),
        (ReaderState.WAITING, False, 0),
        (ReaderState.SNAPSHOT, False, 1),
        (ReaderState.FOLLOWING, True, 1),
        (ReaderState.DISCONNECTED, False, 0),
    ],
)
def test_it_is_ready_while_it_follows(process: ReaderProcess, state: ReaderState, ready: bool, connected: int) -> None:
    process.progress.enter(state, "refused" if state is ReaderState.DISCONNECTED else "")
    verdict = process.ready()
    assert (verdict.good, verdict.state) == (ready, state)
    assert verdict.why
    assert process.live().good
    assert values(process)["rentmatch_ledger_connected"] == connected


def test_it_is_not_alive_once_it_makes_no_steps(process: ReaderProcess) -> None:
    process.progress.enter(ReaderState.FOLLOWING)
    process.progress.stepped_at = time.monotonic() - STALLED_AFTER_S - 1
    assert (process.live().good, process.live().state) == (False, "stalled")
    process.progress.enter(ReaderState.SNAPSHOT)  # a table may be long before its first row comes
    process.progress.stepped_at -= STALLED_AFTER_S + 1
    assert process.live().good


def test_what_is_not_known_yet_is_absent(process: ReaderProcess) -> None:
    assert set(values(process)) == {
        "rentmatch_ledger_changes_total", "rentmatch_ledger_records_totalpublished",
        "rentmatch_ledger_records_totaldead_letter", "rentmatch_ledger_disconnections_total",
        "rentmatch_ledger_connected",
    }  # fmt: skip
    assert process.details()["caught_up_to"] is None


def test_progress_is_counted_and_does_not_go_back(process: ReaderProcess) -> None:
    progress = process.progress
    progress.committed(3, 4, 1, NOW)
    progress.committed(2, 0, 0, NOW - SECOND)
    progress.committed(0, 0, 0, None)
    progress.read_up_to(NOW)
    progress.read_up_to(NOW - 60 * SECOND)
    for _ in range(2):
        progress.enter(ReaderState.DISCONNECTED, "away")
        progress.enter(ReaderState.FOLLOWING)
    found = values(process)
    assert found["rentmatch_ledger_changes_total"] == 5
    assert found["rentmatch_ledger_records_totalpublished"] == 4
    assert found["rentmatch_ledger_records_totaldead_letter"] == 1
    assert found["rentmatch_ledger_disconnections_total"] == 2
    assert found["rentmatch_ledger_last_change_timestamp_seconds"] == NOW // SECOND
    assert found["rentmatch_ledger_caught_up_timestamp_seconds"] == NOW // SECOND


def test_the_size_of_what_is_remembered_is_that_of_the_last_states() -> None:
    states = RowStates()
    for seen in (("a",), ("a", "b"), ("c",)):
        states["t|1"] = RowState(seen=seen)
        states.committed(states.pack())
    states["t|2"] = RowState()
    states.committed(states.pack())
    once = RowStates()
    for key in states:
        once[key] = states[key]
    assert states.packed_bytes == sum(len(key) + len(packed) for key, packed in once.pack())
    assert states.packed_count == 2


class Reader:
    """Reads until it is told to stop, or fails at once."""

    def __init__(self, progress: ReaderProgress, error: Exception | None = None) -> None:
        self.progress, self.error, self.ended = progress, error, False

    def run(self, stopped: Callable[[], bool]) -> None:
        if self.error is not None:
            raise self.error
        self.progress.enter(ReaderState.FOLLOWING)
        while not stopped():
            time.sleep(0.01)
        self.ended = True


def test_its_pages_and_its_end_by_a_signal(process: ReaderProcess) -> None:
    (port,) = free_ports(1)
    reader = Reader(process.progress)
    pages: dict[str, Any] = {}

    def ask() -> None:
        until = time.monotonic() + 20
        while "ready" not in pages and time.monotonic() < until:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as response:
                    pages["ready"] = json.load(response)
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=2) as response:
                    pages["metrics"] = response.read().decode()
            except urllib.error.URLError:
                time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGTERM)

    asking = threading.Thread(target=ask)
    asking.start()
    process.run(lambda _: reader, "127.0.0.1", port)
    asking.join()
    assert reader.ended
    assert pages["ready"] == {
        "ok": True, "state": "following", "why": "following", "connected": True, "position": "",
        "caught_up_to": None, "last_change": None,
    }  # fmt: skip
    assert 'rentmatch_ledger_connected{ledger="books"} 1.0' in pages["metrics"]


def test_what_the_reader_raises_ends_the_process(process: ReaderProcess) -> None:
    with pytest.raises(OutputLost, match="fenced"):
        process.run(lambda _: Reader(process.progress, OutputLost("fenced")), "127.0.0.1", 0)
    with pytest.raises(RuntimeError):  # no loop is left running
        asyncio.get_running_loop()
