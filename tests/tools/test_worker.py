"""Worker processes, tested with a small web server in place of the worker."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.local.processes import wait_until
from tools.local.worker import WorkerProcess

STAND_IN = """
import http.server, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))
print("RENTMATCH variables:", sorted(n for n in os.environ if n.startswith("RENTMATCH_")), flush=True)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", int(os.environ["RENTMATCH_HTTP_PORT"])), Handler).serve_forever()
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(tmp_path, {"RENTMATCH_BROKER": "127.0.0.1:1"}, command=(sys.executable, "-c", STAND_IN))
    worker.start()
    worker.wait_ready()
    yield worker
    worker.kill()


def test_its_settings_are_only_those_given(worker: WorkerProcess) -> None:
    expected = ["RENTMATCH_BROKER", "RENTMATCH_HTTP_PORT", "RENTMATCH_STATE_DIR"]
    assert f"RENTMATCH variables: {expected}" in worker.tail()


def test_a_killed_worker_can_be_restarted(worker: WorkerProcess) -> None:
    worker.kill()
    assert worker.exit_code == -9
    worker.start()
    worker.wait_ready()
    assert worker.exit_code is None


def test_terminate_returns_the_exit_status(worker: WorkerProcess) -> None:
    assert worker.terminate() == 7


def test_a_frozen_worker_is_not_ready_until_thawed(worker: WorkerProcess) -> None:
    worker.freeze()
    with pytest.raises(TimeoutError):
        worker.wait_ready(timeout_s=0.5)
    worker.thaw()
    worker.wait_ready()


def test_an_early_exit_is_reported_with_the_log(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, {}, command=(sys.executable, "-c", "raise SystemExit('no broker')"))
    worker.start()
    with pytest.raises(RuntimeError, match="no broker"):
        worker.wait_ready()
    assert worker.exit_code == 1


def test_a_worker_dies_with_the_tests_that_started_it(tmp_path: Path) -> None:
    worker_code = "import time; time.sleep(600)"
    code = (
        "import sys, time; from pathlib import Path; from tools.local.worker import WorkerProcess\n"
        f"worker = WorkerProcess(Path(sys.argv[1]), {{}}, command=(sys.executable, '-c', {worker_code!r}))\n"
        "worker.start(); Path(sys.argv[1], 'pid').write_text(str(worker.pid) + '\\n'); time.sleep(600)"
    )
    parent = WorkerProcess(tmp_path / "parent", {}, command=(sys.executable, "-c", code, str(tmp_path)))
    parent.start()
    pid_file = tmp_path / "pid"
    wait_until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"), 60, "the pid")
    status = Path("/proc", pid_file.read_text().strip())
    assert status.exists()
    parent.kill()
    wait_until(lambda: not status.exists() or "\nState:\tZ" in (status / "status").read_text(), 60, "the worker's end")
