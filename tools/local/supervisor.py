"""Keeps processes running: starts each when its dependencies are healthy, and restarts it when it exits or hangs.

Only the probes run in threads of their own: Linux ends a child with the thread that forked it, so one thread must call
both `tick` and `stop`. Nothing is printed here; events are reported to a callback.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tools.local.processes import Process

PROBE_EVERY_S = 0.5
BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""The pause before the first restart, the second, …; from then on the last."""
STEADY_AFTER_S = 60.0
"""After this long in health the pauses begin with the first again."""


class State(StrEnum):
    """The state of a part."""

    WAITING = "waiting"
    """A dependency is not healthy yet."""
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    """It runs, was healthy, and is not any more."""
    DONE = "done"
    """A task that has succeeded."""
    FAILED = "failed"
    """It exited, and is restarted after a pause."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Health:
    """The result of a probe."""

    ready: bool
    why: str
    is_alive: bool = True
    """False: it reports that only a restart helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process and how to tell whether it is healthy."""

    name: str
    what: str
    command: Sequence[str]
    directory: Path
    """Its working directory; created if missing."""
    log: Path
    environment: Mapping[str, str]
    """Its whole environment: nothing is inherited."""
    probe: Callable[[], Health] | None = None
    """Called in another thread, twice a second."""
    is_task: bool = False
    """It has one thing to do: it is done with exit status 0, and not restarted."""
    needs: Sequence[str] = ()
    """Parts that must be healthy or done before it starts, and that are stopped after it."""
    address: str = ""
    stopping_s: float = 30
    """From SIGTERM to SIGKILL."""


@dataclass
class Supervised:
    """A part with its process and state."""

    part: Part
    process: Process
    state: State = State.WAITING
    why: str = ""
    starts: int = 0
    since: float = field(default_factory=time.monotonic)
    """When it entered its state, by the monotonic clock."""
    failures: int = 0
    start_at: float = 0.0
    probing: Future[Health] | None = None
    probed_at: float = 0.0
    kill_at: float | None = None
    """When it is killed, after it has been asked to stop."""

    @property
    def is_well(self) -> bool:
        """Whether its dependents may start."""
        return self.state in (State.HEALTHY, State.DONE)

    @property
    def pid(self) -> int | None:
        """Its process id; None while there is no process."""
        return self.process.pid if self.process.is_running else None

    def turn(self, state: State, why: str = "") -> None:
        """Enter a state."""
        self.why = why
        if self.state is not state:
            self.state, self.since = state, time.monotonic()


class Supervisor:
    """Runs parts; `report` receives a sentence for each event."""

    def __init__(self, parts: Sequence[Part], report: Callable[[str], object]) -> None:
        self.parts = {
            part.name: Supervised(part, Process(part.command, part.log, cwd=part.directory, env=part.environment))
            for part in parts
        }
        self._report = report
        self._probes = ThreadPoolExecutor(max_workers=max(1, len(parts)), thread_name_prefix="probe")
        unknown = {need for part in parts for need in part.needs} - set(self.parts)
        if unknown:
            raise ValueError(f"needed, but no part: {', '.join(sorted(unknown))}")

    @property
    def is_well(self) -> bool:
        """Whether every part is healthy or done."""
        return all(one.is_well for one in self.parts.values())

    def tick(self) -> None:
        """Start, restart and probe parts as due, without waiting. Call it a few times a second."""
        for one in self.parts.values():
            if one.state in (State.WAITING, State.FAILED):
                self._start_if_due(one)
            elif one.state is not State.DONE and not one.process.is_running:
                self._exited(one)
            elif one.state is not State.DONE and one.part.probe is not None:
                self._probe(one, one.part.probe)

    def stop(self, hurry: Callable[[], bool] = lambda: False, shown: Callable[[], object] = lambda: None) -> None:
        """Stop all parts, each after its dependents: SIGTERM, and SIGKILL for those that do not exit in time.

        Args:
            hurry: once it returns True, everything left is killed at once.
            shown: called a few times a second.

        """
        while running := [one for one in self.parts.values() if one.process.is_running]:
            needed = {need for one in running for need in one.part.needs}
            for one in running:
                if hurry() or (one.kill_at is not None and time.monotonic() > one.kill_at):
                    self._report(f"{one.part.name} is killed")
                    one.process.kill()
                elif one.kill_at is None and one.part.name not in needed:
                    one.kill_at = time.monotonic() + one.part.stopping_s
                    one.process.thaw()
                    one.process.ask_to_end()
                    one.why = "asked to stop"
            shown()
            time.sleep(0.05)
            for one in running:
                if not one.process.is_running:
                    self._report(f"{one.part.name} has exited with status {one.process.exit_code}")
        for one in self.parts.values():
            one.turn(State.STOPPED)
        self._probes.shutdown(wait=False, cancel_futures=True)
        shown()

    def _start_if_due(self, one: Supervised) -> None:
        if time.monotonic() < one.start_at:
            return
        missing = [need for need in one.part.needs if not self.parts[need].is_well]
        if missing:
            if one.state is State.WAITING:
                one.why = f"for {', '.join(missing)}"
            return
        one.part.directory.mkdir(parents=True, exist_ok=True)
        one.part.log.parent.mkdir(parents=True, exist_ok=True)
        one.process.start()
        one.probing = None
        one.starts += 1
        one.turn(State.STARTING)

    def _exited(self, one: Supervised) -> None:
        status = one.process.exit_code or 0
        if one.part.is_task and status == 0:
            one.turn(State.DONE)
            self._report(f"{one.part.name} is done")
            return
        if one.state is State.HEALTHY and time.monotonic() - one.since > STEADY_AFTER_S:
            one.failures = 0
        wait_s = BACKOFF_S[min(one.failures, len(BACKOFF_S) - 1)]
        one.failures += 1
        one.start_at = time.monotonic() + wait_s
        how = f"was killed by signal {-status}" if status < 0 else f"exited with status {status}"
        one.turn(State.FAILED, how)
        last_line = one.process.tail(1).splitlines()[-1][:200]
        self._report(f"{one.part.name} {how}; it restarts in {wait_s:g} s ({one.part.log}: {last_line})")

    def _probe(self, one: Supervised, probe: Callable[[], Health]) -> None:
        if one.probing is None:
            if time.monotonic() - one.probed_at >= PROBE_EVERY_S:
                one.probed_at = time.monotonic()
                one.probing = self._probes.submit(probe)
            return
        if not one.probing.done():
            return
        found, one.probing = one.probing.result(), None
        if not found.is_alive:
            self._report(f"{one.part.name} is not alive ({found.why}); it is killed")
            one.process.kill()
        elif found.ready and one.state is not State.HEALTHY:
            self._report(f"{one.part.name} is healthy after {time.monotonic() - one.since:.1f} s")
            one.turn(State.HEALTHY)
        elif not found.ready and one.state is State.HEALTHY:
            self._report(f"{one.part.name} is not healthy any more: {found.why}")
            one.turn(State.UNHEALTHY)
        one.why = found.why
