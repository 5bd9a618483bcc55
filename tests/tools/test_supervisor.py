"""The supervisor, tested with small real processes."""

import os
import re
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.local import supervisor as module
from tools.local.processes import Process, wait_until
from tools.local.supervisor import Health, Part, State, Supervisor

SLEEPS = "import time; time.sleep(600)"
OBEYS_SLOWLY = (
    "import signal, sys, time\n"
    "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), sys.exit(0)))\n"
    "print('ready', flush=True)\n"
    "time.sleep(600)"
)
IGNORES = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
)

MakePart = Callable[..., Part]


def healthy() -> Health:
    return Health(True, "fine")


@pytest.fixture
def part(tmp_path: Path) -> MakePart:
    def make(name: str, code: str, **more: Any) -> Part:
        given: dict[str, Any] = {"probe": healthy} | more
        return Part(
            name=name,
            what=f"a stand-in called {name}",
            command=[sys.executable, "-c", code],
            directory=tmp_path,
            log=tmp_path / f"{name}.log",
            environment=dict(os.environ),
            **given,
        )

    return make


def run_until(supervisor: Supervisor, holds: Callable[[], bool], timeout_s: float = 15) -> None:
    until = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < until, {name: (one.state, one.why) for name, one in supervisor.parts.items()}
        supervisor.tick()
        time.sleep(0.02)


def says_ready(part: Part) -> Callable[[], Health]:
    return lambda: Health(part.log.exists() and "ready" in part.log.read_text(), "")


def test_a_part_starts_after_its_dependencies_and_stops_before_them(part: MakePart) -> None:
    events: list[str] = []
    gate = {"open": False}
    base = part("base", OBEYS_SLOWLY, probe=lambda: Health(gate["open"], "opens later"))
    task = part("task", "pass", probe=None, is_task=True, needs=["base"])
    user = part("user", OBEYS_SLOWLY, needs=["task", "base"])
    supervisor = Supervisor([base, task, user], events.append)
    run_until(supervisor, lambda: supervisor.parts["base"].why == "opens later")
    assert supervisor.parts["user"].state is State.WAITING
    assert supervisor.parts["user"].why == "for task, base"
    gate["open"] = True
    run_until(supervisor, lambda: supervisor.is_well)
    assert supervisor.parts["task"].state is State.DONE
    wait_until(lambda: all("ready" in one.log.read_text() for one in (base, user)), 60, "both to listen to signals")
    supervisor.stop()
    assert events[-2:] == ["user has exited with status 0", "base has exited with status 0"]
    assert {one.state for one in supervisor.parts.values()} == {State.STOPPED}


def test_a_part_that_exits_is_restarted_with_back_off(part: MakePart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", (0.1, 0.3))
    events: list[str] = []
    supervisor = Supervisor([part("weak", "print('out of paper'); raise SystemExit(3)")], events.append)
    run_until(supervisor, lambda: supervisor.parts["weak"].failures == 3)
    ends = [sentence for sentence in events if "is healthy" not in sentence]  # if it was looked at while it ran
    assert len(ends) == 3
    assert all("weak exited with status 3" in sentence and "out of paper" in sentence for sentence in ends)
    waits = [re.search(r"restarts in (\S+) s", sentence) for sentence in ends]
    assert [found[1] for found in waits if found] == ["0.1", "0.3", "0.3"]
    assert not supervisor.is_well
    supervisor.stop()


def test_a_killed_part_is_restarted(part: MakePart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", (0.1,))
    events: list[str] = []
    supervisor = Supervisor([part("one", SLEEPS)], events.append)
    run_until(supervisor, lambda: supervisor.is_well)
    first = supervisor.parts["one"].pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    run_until(supervisor, lambda: not supervisor.is_well)
    run_until(supervisor, lambda: supervisor.is_well)
    assert supervisor.parts["one"].pid not in (None, first)
    assert any("one was killed by signal 9" in sentence for sentence in events)
    supervisor.stop()


def test_a_part_that_is_not_alive_is_killed_and_restarted(part: MakePart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_S", (0.1,))
    found = {"is_alive": False}
    stuck = part("stuck", SLEEPS, probe=lambda: Health(found["is_alive"], "stuck", is_alive=found["is_alive"]))
    supervisor = Supervisor([stuck], lambda _: None)
    run_until(supervisor, lambda: supervisor.parts["stuck"].failures == 1)
    found["is_alive"] = True
    run_until(supervisor, lambda: supervisor.is_well)
    assert supervisor.parts["stuck"].starts == 2
    supervisor.stop()


def test_an_unhealthy_part_keeps_running(part: MakePart) -> None:
    events: list[str] = []
    found = {"ready": True}
    supervisor = Supervisor([part("one", SLEEPS, probe=lambda: Health(found["ready"], "so so"))], events.append)
    run_until(supervisor, lambda: supervisor.is_well)
    found["ready"] = False
    run_until(supervisor, lambda: supervisor.parts["one"].state is State.UNHEALTHY)
    assert events[-1] == "one is not healthy any more: so so"
    assert supervisor.parts["one"].starts == 1
    supervisor.stop()


def test_a_part_that_ignores_sigterm_is_killed(part: MakePart) -> None:
    events: list[str] = []
    deaf = part("deaf", IGNORES, stopping_s=0.3)
    supervisor = Supervisor([deaf], events.append)
    run_until(supervisor, lambda: supervisor.is_well and says_ready(deaf)().ready)
    supervisor.stop()
    assert events[-2:] == ["deaf is killed", "deaf has exited with status -9"]


def test_a_hurried_stop_kills_everything_at_once(part: MakePart) -> None:
    events: list[str] = []
    deaf = part("deaf", IGNORES)
    other = part("other", IGNORES, needs=["deaf"])
    supervisor = Supervisor([deaf, other], events.append)
    run_until(supervisor, lambda: supervisor.is_well and says_ready(other)().ready)
    started = time.monotonic()
    supervisor.stop(hurry=lambda: True)
    assert time.monotonic() - started < 5
    assert {"deaf is killed", "other is killed"} <= set(events)


def test_a_frozen_part_can_be_stopped(part: MakePart) -> None:
    obedient = part("obedient", OBEYS_SLOWLY)
    supervisor = Supervisor([obedient], lambda _: None)
    run_until(supervisor, lambda: supervisor.is_well and says_ready(obedient)().ready)
    pid = supervisor.parts["obedient"].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    supervisor.stop()
    assert supervisor.parts["obedient"].state is State.STOPPED


def test_an_unknown_dependency_is_an_error(part: MakePart) -> None:
    with pytest.raises(ValueError, match="needed, but no part: nobody"):
        Supervisor([part("one", SLEEPS, needs=["nobody"])], lambda _: None)


def test_parts_die_with_a_killed_supervisor(tmp_path: Path) -> None:
    code = (
        "import os, sys, time; from pathlib import Path; from tools.local.supervisor import *\n"
        "folder = Path(sys.argv[1])\n"
        "part = Part(name='one', what='', command=[sys.executable, '-c', 'import time; time.sleep(600)'],\n"
        "            directory=folder, log=folder / 'one.log', environment=dict(os.environ))\n"
        "supervisor = Supervisor([part], print)\n"
        "while True:\n"
        "    supervisor.tick(); time.sleep(0.05)\n"
        "    (folder / 'pid').write_text(f'{supervisor.parts[\"one\"].pid}\\n')\n"
    )
    parent = Process([sys.executable, "-c", code, str(tmp_path)], tmp_path / "parent.log", cwd=Path.cwd())
    parent.start()
    pid_file = tmp_path / "pid"
    wait_until(lambda: pid_file.exists() and pid_file.read_text().endswith("\n"), 60, "the pid", process=parent)
    status = Path("/proc", pid_file.read_text().strip(), "status")
    assert status.exists()
    parent.kill()
    wait_until(lambda: not status.exists() or "\nState:\tZ" in status.read_text(), 60, "the part's end")
