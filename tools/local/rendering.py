"""How the topology is shown: on a terminal a table that stays up to date, with the events above it; else the events."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tools.local.supervisor import State, Supervised

STYLES = {
    State.WAITING: "dim",
    State.STARTING: "yellow",
    State.HEALTHY: "green",
    State.UNHEALTHY: "bold red",
    State.DONE: "green",
    State.FAILED: "bold red",
    State.STOPPED: "dim",
}


def rows_of(supervised: Iterable[Supervised]) -> list[dict[str, Any]]:
    """Return the state of each part as JSON, as `status` shows it."""
    now = time.monotonic()
    return [
        {
            "name": one.part.name,
            "what": one.part.what,
            "state": one.state.value,
            "why": one.why,
            "pid": one.pid,
            "starts": one.starts,
            "seconds": round(now - one.since),
            "address": one.part.address,
            "log": str(one.part.log),
        }
        for one in supervised
    ]


def table_of(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Return a table of the parts."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("part", "state", "for", "pid", "starts", "address", ""):
        table.add_column(column, justify="right" if column in ("for", "pid", "starts") else "left", no_wrap=True)
    for row in rows:
        table.add_row(
            row["name"],
            Text(row["state"], style=STYLES[State(row["state"])]),
            f"{row['seconds']} s",
            str(row["pid"] or "-"),
            str(row["starts"]),
            row["address"],
            Text(row["why"] or row["what"], style="dim"),
        )
    return table


class Display:
    """Shows events as lines and, on a terminal, the table below them; a `with` block."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4)

    def __enter__(self) -> "Display":
        """Begin to draw."""
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the last table on the screen."""
        self._live.stop()

    def report(self, event: str) -> None:
        """Print an event with the time of day."""
        self.note(f"{time.strftime('%H:%M:%S')} {event}")

    def note(self, text: str) -> None:
        """Print a text."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def update(self, rows: list[dict[str, Any]]) -> None:
        """Show the current state of the parts."""
        self._live.update(table_of(rows))
