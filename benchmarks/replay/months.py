"""The figures of a replayed year by month, and whether they stay flat."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.table import Table

from benchmarks.report import Result

MILLION = 1_000_000

QUARTER = 3

FLAT = {"CPU a million events": 1.15, "peak memory": 1.10}
"""How much more the last quarter may cost than the first. CPU differs by a tenth between runs on a shared machine."""


@dataclass(frozen=True)
class Reading:
    """What a worker has used and done since it started."""

    at_s: float
    events: int
    cpu_s: float
    resident_bytes: int
    store_bytes: int
    states: int
    """Written, which is to the store and to the changelogs."""
    commits: int
    outputs: int


@dataclass(frozen=True)
class ReplayedMonth:
    """What a month took, or several."""

    number: int
    """1 is the first."""
    events: int
    seconds: float
    waited_s: float
    """Of these, how long the bench waited for the worker."""
    cpu_s: float
    resident_bytes: int
    """At its end."""
    peak_bytes: int
    store_bytes: int
    """At its end."""
    states: int
    commits: int
    outputs: int

    @classmethod
    def between(cls, number: int, before: Reading, after: Reading, *, peak_bytes: int, waited_s: float) -> Self:
        """Return the month between two readings."""
        return cls(
            number=number,
            events=after.events - before.events,
            seconds=after.at_s - before.at_s,
            waited_s=waited_s,
            cpu_s=after.cpu_s - before.cpu_s,
            resident_bytes=after.resident_bytes,
            peak_bytes=peak_bytes,
            store_bytes=after.store_bytes,
            states=after.states - before.states,
            commits=after.commits - before.commits,
            outputs=after.outputs - before.outputs,
        )

    @classmethod
    def sum(cls, months: Sequence[Self]) -> Self:
        """Return several months as one: peaks are the largest, and what is at an end that of the last."""
        last = months[-1]
        return cls(
            number=last.number,
            events=sum(month.events for month in months),
            seconds=sum(month.seconds for month in months),
            waited_s=sum(month.waited_s for month in months),
            cpu_s=sum(month.cpu_s for month in months),
            resident_bytes=last.resident_bytes,
            peak_bytes=max(month.peak_bytes for month in months),
            store_bytes=last.store_bytes,
            states=sum(month.states for month in months),
            commits=sum(month.commits for month in months),
            outputs=sum(month.outputs for month in months),
        )

    def figures(self) -> dict[str, tuple[float, str]]:
        """Return its figures by name, with their units."""
        return {
            "CPU a million events": (self.cpu_s / self.events * MILLION, "s"),
            "CPU a million states written": (self.cpu_s / self.states * MILLION, "s"),
            "peak memory": (self.peak_bytes / 2**20, "MiB"),
            "throughput": (self.events / self.seconds, "events/s"),
            "states written": (self.states / self.events, "an event"),
            "records written to outputs": (self.outputs / self.events, "an event"),
            "states a commit": (self.states / max(1, self.commits), ""),
        }


def add_quarters(result: Result, months: Sequence[ReplayedMonth]) -> None:
    """Add the first and the last quarter of a year, and whether the last costs as little as the first.

    With fewer than six months, the first and the last third of them that is whole, at least one month.
    """
    width = min(QUARTER, max(1, len(months) // 3))
    first, last = ReplayedMonth.sum(months[:width]).figures(), ReplayedMonth.sum(months[-width:]).figures()
    for name, (value, unit) in first.items():
        result.add(f"{name}, months 1 to {width}", value, unit)
        result.add(f"{name}, the last {width}", last[name][0], unit)
    for name, most in FLAT.items():
        ratio = last[name][0] / first[name][0]
        result.add(f"{name}: last beside first", ratio, "times", f"flat: <= {most:.2f}", ratio <= most)


HEADINGS = (
    "month", "events", "CPU s/M", "ev/s", "waited", "RSS", "peak", "store", "states", "outputs", "a commit",
)  # fmt: skip
"""CPU a million events; states and outputs an event, and states a commit."""


def show_months(months: Sequence[ReplayedMonth], console: Console) -> None:
    """Print the months as a table."""
    table = Table(
        title="replay by month (memory in MiB)", title_justify="left", box=None, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for name in HEADINGS:
        table.add_column(name, justify="right", no_wrap=True)
    for month in months:
        table.add_row(*cells(month))
    console.print(table)


def cells(month: ReplayedMonth) -> tuple[str, ...]:
    """Return the cells of a month's row."""
    return (
        str(month.number),
        f"{month.events:,}",
        f"{month.cpu_s / month.events * MILLION:.1f}",
        f"{month.events / month.seconds:,.0f}",
        f"{month.waited_s / month.seconds:.0%}",
        f"{month.resident_bytes / 2**20:,.0f}",
        f"{month.peak_bytes / 2**20:,.0f}",
        f"{month.store_bytes / 2**20:,.0f}",
        f"{month.states / month.events:.2f}",
        f"{month.outputs / month.events:.2f}",
        f"{month.states / max(1, month.commits):,.0f}",
    )
