"""Keeps processes running: each is started when what it needs is healthy, and again when it ends or is not alive.

Everything but the probes happens in the thread that calls `tick` and `stop`: Linux ends a child with the thread that
forked it. Nothing is printed here; what happens is told to a callback.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from tools.local.processes import Child

PROBE_EVERY_S = 0.5
BACKOFF_S = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
"""How long a part that ended is left alone: the first time, the second, …; from then on the last."""
STEADY_AFTER_S = 60.0
"""Who was healthy for this long begins with the first of them again."""


class State(StrEnum):
    """How a part stands."""

    WAITING = "waiting"
    """What it needs is not healthy yet."""
    STARTING = "starting"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    """It runs, was healthy, and is not any more."""
    DONE = "done"
    """It had one thing to do and did it."""
    FAILED = "failed"
    """It ended, and is started again soon."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Health:
    """What a probe found."""

    ready: bool
    why: str
    is_alive: bool = True
    """False: it says itself that only a new start helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A process and how to tell that it is well."""

    name: str
    what: str
    command: Sequence[str]
    directory: Path
    """Its working directory; made if it is not there."""
    log: Path
    environment: Mapping[str, str]
    """All of it: nothing is inherited."""
    probe: Callable[[], Health] | None = None
    """Asked from another thread, twice a second."""
    is_task: bool = False
    """It has one thing to do: exit status 0 says that it is done, and it is not started again."""
    needs: Sequence[str] = ()
    """Parts that must be healthy, or done, before it starts, and that outlive it when all are stopped."""
    address: str = ""
    stopping_s: float = 30
    """From SIGTERM to SIGKILL."""


@dataclass
class Supervised:
    """A part as it stands."""

    part: Part
    child: Child | None = None
    state: State = State.WAITING
    why: str = ""
    starts: int = 0
    since: float = field(default_factory=time.monotonic)
    """When it got into its state, by the monotonic clock."""
    failures: int = 0
    start_at: float = 0.0
    probing: Future[Health] | None = None
    probed_at: float = 0.0
    end_by: float | None = None
    """When it will be killed, once it has been asked to end."""

    @property
    def is_well(self) -> bool:
        """Others may build on it."""
        return self.state in (State.HEALTHY, State.DONE)

    @property
    def is_running(self) -> bool:
        """There is a process."""
        return self.child is not None and self.child.exit_code is None

    @property
    def pid(self) -> int | None:
        """Its process id; None while there is no process."""
        return self.child.pid if self.child is not None and self.is_running else None


class Supervisor:
    """Runs parts; `tell` is given a sentence for everything that happens."""

    def __init__(self, parts: Sequence[Part], tell: Callable[[str], object]) -> None:
        self.parts = {part.name: Supervised(part) for part in parts}
        self._tell = tell
        self._probes = ThreadPoolExecutor(max_workers=max(1, len(parts)), thread_name_prefix="probe")
        unknown = {need for part in parts for need in part.needs} - set(self.parts)
        if unknown:
            raise ValueError(f"needed, but no part: {', '.join(sorted(unknown))}")

    @property
    def is_well(self) -> bool:
        """Every part is healthy, or done."""
        return all(one.is_well for one in self.parts.values())

    def tick(self) -> None:
        """Look at every part once and do what is to be done; returns at once. Call it a few times a second."""
        for one in self.parts.values():
            if one.child is None:
                self._start_if_due(one)
            elif one.child.exit_code is not None:
                self._ended(one, one.child.exit_code)
            else:
                self._probe(one)

    def stop(self, hurry: Callable[[], bool] = lambda: False, shown: Callable[[], object] = lambda: None) -> None:
        """End all, each only after what needs it has ended: SIGTERM, and SIGKILL for who does not end in time.

        Args:
            hurry: once it says True, all that is left is killed at once.
            shown: called a few times a second.

        """
        while running := [one for one in self.parts.values() if one.is_running]:
            needed = {need for one in running for need in one.part.needs}
            for one in running:
                if hurry() or (one.end_by is not None and time.monotonic() > one.end_by):
                    self._tell(f"{one.part.name} is killed")
                    self._child(one).kill()
                elif one.end_by is None and one.part.name not in needed:
                    one.end_by = time.monotonic() + one.part.stopping_s
                    self._child(one).thaw()
                    self._child(one).ask_to_end()
                    one.why = "asked to end"
            shown()
            time.sleep(0.05)
            for one in running:
                if not one.is_running:
                    self._turn(one, State.STOPPED, "")
                    self._tell(f"{one.part.name} has ended, status {self._child(one).exit_code}")
        for one in self.parts.values():
            self._turn(one, State.STOPPED, "")
        self._probes.shutdown(wait=False, cancel_futures=True)
        shown()

    def _start_if_due(self, one: Supervised) -> None:
        if one.state is State.DONE or time.monotonic() < one.start_at:
            return
        missing = [need for need in one.part.needs if not self.parts[need].is_well]
        if missing:
            if one.state is State.WAITING:
                one.why = f"for {', '.join(missing)}"
            return
        part = one.part
        part.directory.mkdir(parents=True, exist_ok=True)
        part.log.parent.mkdir(parents=True, exist_ok=True)
        one.child = Child(part.command, part.log, cwd=part.directory, env=part.environment)
        one.probing = None
        one.starts += 1
        self._turn(one, State.STARTING, "")

    def _ended(self, one: Supervised, status: int) -> None:
        ended, one.child = one.child, None
        if one.part.is_task and status == 0:
            self._turn(one, State.DONE, "")
            self._tell(f"{one.part.name} is done")
            return
        if one.state is State.HEALTHY and time.monotonic() - one.since > STEADY_AFTER_S:
            one.failures = 0
        wait_s = BACKOFF_S[min(one.failures, len(BACKOFF_S) - 1)]
        one.failures += 1
        one.start_at = time.monotonic() + wait_s
        how = f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
        self._turn(one, State.FAILED, how)
        last = ended.tail(1).splitlines()[-1] if ended is not None else ""
        self._tell(f"{one.part.name} {how}; it is started again in {wait_s:g} s ({one.part.log}: {last[:200]})")

    def _probe(self, one: Supervised) -> None:
        if one.part.probe is None:
            return
        if one.probing is None:
            if time.monotonic() - one.probed_at >= PROBE_EVERY_S:
                one.probed_at = time.monotonic()
                one.probing = self._probes.submit(one.part.probe)
            return
        if not one.probing.done():
            return
        found, one.probing = one.probing.result(), None
        if not found.is_alive:
            self._tell(f"{one.part.name} is not alive ({found.why}); it is killed")
            self._child(one).kill()
        elif found.ready:
            if one.state is not State.HEALTHY:
                self._tell(f"{one.part.name} is healthy after {time.monotonic() - one.since:.1f} s")
                self._turn(one, State.HEALTHY, "")
            one.why = found.why
        else:
            if one.state is State.HEALTHY:
                self._tell(f"{one.part.name} is not healthy any more: {found.why}")
                self._turn(one, State.UNHEALTHY, found.why)
            one.why = found.why

    def _turn(self, one: Supervised, state: State, why: str) -> None:
        one.why = why
        if one.state is not state:
            one.state, one.since = state, time.monotonic()

    @staticmethod
    def _child(one: Supervised) -> Child:
        if one.child is None:
            raise RuntimeError(f"{one.part.name} does not run")
        return one.child
