"""Runs a reader of a ledger beside its web server, until it is told to stop."""

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from aiohttp import web

from connectors.ledger.output import LedgerOutput, RowStates
from connectors.ledger.progress import ReaderProgress, ReaderState
from domain.time import rfc3339
from ops.ledger.metrics import CONNECTED, LedgerMetrics
from sinks.health import HealthVerdict
from sinks.pages import add_pages
from sinks.serving import served

STALLED_AFTER_S = 300.0
"""A step ends after a second, or with a transaction of Kafka's; none takes longer than its timeouts together."""


class Reader(Protocol):
    """What reads a ledger."""

    def run(self, stopped: Callable[[], bool]) -> None:
        """Read and write until `stopped()`."""


class ReaderProcess:
    """A reader, with the pages that tell of it.

    Args:
        ledger: the mapping's name.
        progress: which the reader keeps.

    """

    def __init__(self, ledger: str, progress: ReaderProgress) -> None:
        self.progress = progress
        self.output: LedgerOutput | None = None
        self.metrics = LedgerMetrics(ledger, progress, self._states)
        self._stopped = threading.Event()

    def _states(self) -> RowStates | None:
        return None if self.output is None else self.output.states

    def run(self, open_reader: Callable[["ReaderProcess"], Reader], host: str, port: int) -> None:
        """Open the reader and run it, until SIGTERM or Ctrl-C; the work at hand is finished first.

        Args:
            open_reader: makes the reader, and sets `output`.
            host: of the web server.
            port: of the web server; 0: none.

        Raises:
            PortUnavailable: the web server cannot listen.
            Exception: whatever the reader raises.

        """
        asyncio.run(self._run(open_reader, host, port))

    async def _run(self, open_reader: Callable[["ReaderProcess"], Reader], host: str, port: int) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stopped.set)
        pages = web.Application()
        add_pages(pages, live=self.live, ready=self.ready, families=self.metrics.families, details=self.details)
        async with served(pages, host, port):
            await asyncio.to_thread(lambda: open_reader(self).run(self._stopped.is_set))

    # Health

    def live(self) -> HealthVerdict:
        """Whether the reader still makes steps."""
        silent = time.monotonic() - self.progress.stepped_at
        state = self.progress.state
        if silent > STALLED_AFTER_S and state not in (ReaderState.STARTING, ReaderState.SNAPSHOT):
            return HealthVerdict(False, "stalled", f"the last step ended {silent:.0f} s ago")
        return HealthVerdict(True, state, state)

    def ready(self) -> HealthVerdict:
        """Whether changes are read as they come."""
        state, why = self.progress.state, self.progress.why
        return HealthVerdict(state is ReaderState.FOLLOWING, state, why or _WHY.get(state, state))

    def details(self) -> Mapping[str, Any]:
        """What both pages have besides."""
        caught_up, last = self.progress.caught_up, self.progress.last_change
        return {
            "connected": self.progress.state in CONNECTED,
            "position": self.progress.position,
            "caught_up_to": None if caught_up is None else rfc3339(caught_up),
            "last_change": None if last is None else rfc3339(last),
        }


_WHY = {
    ReaderState.STARTING: "reading what was reported before",
    ReaderState.WAITING: "none of the topics of the mapping exists yet",
    ReaderState.SNAPSHOT: "reading all rows",
}
