"""One month of rent behind a real gateway for all browser tests: broker, worker, projector and read model included."""

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import APIRequestContext, Browser, BrowserContext

from tests.conftest import go_without
from tests.kit.browser import WIDTHS, Watched, browser
from tests.kit.rents import Rents
from tools.local.cache import MissingToolError
from tools.local.processes import Process, free_ports
from tools.local.worker import REPOSITORY

OBLIGATIONS = 60
WORKED_S = 120
PEOPLE = ("ana=admin", "ben=approver", "vera=viewer")
START_S = 240
"""The first start in a fresh clone installs the console's packages and builds it."""


class RunningConsole(NamedTuple):
    """A console with its data, as `make console` runs it."""

    url: str
    links: dict[str, str]
    """The one-time sign-in link of each person."""
    broker: str
    pid: int
    """Of the process that runs all others."""

    def pid_of(self, part: str) -> int:
        """The process of a part, as `worker`.

        Raises:
            LookupError: it does not run at the moment.

        """
        for folder in Path("/proc").iterdir():
            if not folder.name.isdigit():
                continue
            try:
                parent = int((folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # it has ended meanwhile
            if parent == self.pid and [b"ops.cli", part.encode()] == words[3:5]:
                return int(folder.name)
        raise LookupError(f"no {part} runs")


OpenPage = Callable[..., Watched]
"""`open_page(path, width="desk", dark=False, person="ana")`: a page of the console in a window of its own."""


@pytest.fixture(scope="package")
def console(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    """The console, started once."""
    (port,) = free_ports(1)
    log = tmp_path_factory.mktemp("console") / "log"
    command = [sys.executable, "-m", "tools.console", "--obligations", str(OBLIGATIONS), "--port", str(port)]
    command += [word for person in PEOPLE for word in ("--person", person)]
    process = Process(command, log, cwd=REPOSITORY)
    process.start()
    try:
        until = time.monotonic() + START_S
        while len(links := _links(log)) < len(PEOPLE):
            if not process.is_running or time.monotonic() > until:
                pytest.fail(f"the console did not start:\n{log.read_text(encoding='utf-8')[-3000:]}", pytrace=False)
            time.sleep(0.2)
        broker = re.search(r"RENTMATCH_BROKER=(\S+)", log.read_text(encoding="utf-8"))
        assert broker is not None
        yield RunningConsole(f"http://127.0.0.1:{port}", links, broker[1], process.pid)
    finally:
        process.terminate()


def _links(log: Path) -> dict[str, str]:
    return dict(re.findall(r"(\w+) signs in with (\S+)", log.read_text(encoding="utf-8")))


@pytest.fixture(scope="package")
def chromium(pytestconfig: pytest.Config) -> Iterator[Browser]:
    """The browser, started once. Playwright has an event loop in this thread, so it ends before other tests run one."""
    try:
        with browser() as started:
            yield started
    except MissingToolError as error:
        go_without(pytestconfig, "Chromium", error)


@pytest.fixture(scope="package")
def sessions(console: RunningConsole, chromium: Browser) -> Callable[[str], dict[str, object]]:
    """Sign a person in with their link, once; returns what a window needs to be theirs."""
    known: dict[str, dict[str, object]] = {}

    def state(person: str) -> dict[str, object]:
        if person not in known:
            context = chromium.new_context()
            page = context.new_page()
            page.goto(console.links[person])
            page.get_by_role("heading", name="Overview").wait_for()
            if not known:
                _wait_until_worked(context.request, console.url)
            known[person] = dict(context.storage_state())
            context.close()
        return known[person]

    return state


def _wait_until_worked(request: APIRequestContext, url: str) -> None:
    """Wait until the month is in the read model: a list that still fills changes while a test reads it."""
    documents: dict[str, str] = json.loads((REPOSITORY / "gateway/console/persisted-documents.json").read_bytes())
    health = next(identity for identity, text in documents.items() if "query Health" in text)
    until, quiet = time.monotonic() + WORKED_S, 0
    while quiet < 3:
        answer = request.post(
            f"{url}/graphql", headers={"X-Rentmatch": "1", "Origin": url}, data={"documentId": health}
        ).json()
        found = (answer.get("data") or {}).get("health")
        behind = None if found is None else sum(one["lag"] for one in found["topics"]) + found["readModel"]["lag"]
        quiet = quiet + 1 if behind == 0 else 0
        if time.monotonic() > until:
            pytest.fail(f"the month is not in the read model: {behind} records behind, {answer}", pytrace=False)
        time.sleep(1)


@pytest.fixture
def open_page(
    console: RunningConsole, chromium: Browser, sessions: Callable[[str], dict[str, object]]
) -> Iterator[OpenPage]:
    """Open pages; their windows are closed afterwards."""
    opened: list[BrowserContext] = []

    def open_(path: str, *, width: str = "desk", dark: bool = False, person: str = "ana") -> Watched:
        across, down = WIDTHS[width]
        context = chromium.new_context(
            base_url=console.url,
            storage_state=sessions(person),  # type: ignore[arg-type]
            viewport={"width": across, "height": down},
            color_scheme="dark" if dark else "light",
        )
        context.set_default_timeout(20_000)
        opened.append(context)
        watched = Watched(context.new_page())
        watched.page.goto(path)
        return watched

    yield open_
    for context in opened:
        context.close()


@pytest.fixture(scope="package")
def rents(console: RunningConsole) -> Rents:
    """Writes facts about rent that is a test's own."""
    return Rents(console.broker)
