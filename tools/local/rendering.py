"""How the topology is shown: a table that lives on a terminal, lines where there is none."""

import time
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from tools.local.supervisor import State, Supervised

TOLD_MAX = 8
"""So many of the latest events stand under the table."""

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
    """Give each part as JSON holds it: what `status` reads and shows."""
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
    """Show how the parts stand."""
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


class Shown(Protocol):
    """Where things are shown; a `with` block."""

    def __enter__(self) -> "Shown": ...

    def __exit__(self, *_: object) -> None: ...

    def tell(self, sentence: str) -> None:
        """Show that something has happened."""

    def note(self, text: str) -> None:
        """Show something that stays."""

    def update(self, rows: list[dict[str, Any]]) -> None:
        """Show how the parts stand now."""


class Lines:
    """One line for everything that happens."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> "Lines":
        """Nothing is held."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is given back."""

    def tell(self, sentence: str) -> None:
        """Print it, with the time of day."""
        self._console.print(f"{time.strftime('%H:%M:%S')} {sentence}", markup=False, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print it."""
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def update(self, rows: list[dict[str, Any]]) -> None:
        """What changes is told, so there is nothing to do."""


class Screen:
    """A table that is kept up to date, with the latest events under it."""

    def __init__(self, console: Console) -> None:
        self._live = Live(console=console, refresh_per_second=4)
        self._told: deque[str] = deque(maxlen=TOLD_MAX)
        self._note = ""
        self._rows: list[dict[str, Any]] = []

    def __enter__(self) -> "Screen":
        """Begin to draw."""
        self._live.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Draw a last time; it stays."""
        self._live.update(self._drawn(), refresh=True)
        self._live.__exit__(None, None, None)

    def tell(self, sentence: str) -> None:
        """Put it under the table."""
        self._told.append(f"{time.strftime('%H:%M:%S')} {sentence}")
        self._live.update(self._drawn())

    def note(self, text: str) -> None:
        """Put it between the table and the events."""
        self._note = text
        self._live.update(self._drawn())

    def update(self, rows: list[dict[str, Any]]) -> None:
        """Draw the table anew."""
        self._rows = rows
        self._live.update(self._drawn())

    def _drawn(self) -> RenderableType:
        told = [Text(sentence, style="dim", overflow="ellipsis", no_wrap=True) for sentence in self._told]
        return Group(table_of(self._rows), Text(""), *([Text(self._note), Text("")] if self._note else []), *told)


def shown_on(console: Console) -> Shown:
    """Give what suits the console."""
    return Screen(console) if console.is_terminal else Lines(console)
