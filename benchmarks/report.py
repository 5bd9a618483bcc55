"""Figures, as a table for people and as JSON for comparisons."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """A measured value with its unit, and its target if there is one."""

    name: str
    value: float
    unit: str
    target: str = ""
    is_met: bool | None = None
    """None if there is no target, or if this machine cannot decide it."""
    low: float | None = None
    high: float | None = None
    """Minimum and maximum of several rounds; `value` is then their median."""
    column: str = ""
    """In a comparison: which program it is of, or which two a ratio is of. Figures of one name are a row of it."""


@dataclass
class Result:
    """The figures of one benchmark."""

    benchmark: str
    what: str
    """A sentence about the measurement."""
    figures: list[Figure] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    """Further details for readers of the JSON."""

    def add(
        self, name: str, value: float, unit: str, target: str = "", is_met: bool | None = None, column: str = ""
    ) -> None:
        """Add a figure."""
        self.figures.append(Figure(name, value, unit, target, is_met, column=column))

    def value(self, name: str, column: str = "") -> float:
        """The value of a figure."""
        return next(figure.value for figure in self.figures if (figure.name, figure.column) == (name, column))


def median_of(rounds: list[Result]) -> Result:
    """Merge the rounds of a benchmark: if there are several, the median of each figure, with minimum and maximum."""
    if len(rounds) == 1:
        return rounds[0]
    result = Result(rounds[0].benchmark, rounds[0].what, details={"rounds": [one.details for one in rounds]})
    for figures in zip(*(one.figures for one in rounds), strict=True):
        in_order = sorted(figures, key=lambda figure: figure.value)
        middle = in_order[len(in_order) // 2]
        result.figures.append(replace(middle, low=in_order[0].value, high=in_order[-1].value))
    return result


def text_of(value: float) -> str:
    """Format a number with three significant digits, or all digits of a whole number."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if value >= 1 else f"{value:.3g}"


def show(result: Result, console: Console) -> None:
    """Print a result as a table."""
    table = Table(title=result.benchmark, caption=result.what, title_justify="left", caption_justify="left")
    if any(figure.column for figure in result.figures):
        _fill_comparison(table, result.figures)
    else:
        _fill(table, result)
    console.print(table)


MARKS = {None: "", True: " met", False: " missed"}


def _fill(table: Table, result: Result) -> None:
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    spread = any(figure.low is not None for figure in result.figures)
    if spread:
        table.add_column("least to most")
    table.add_column("target")
    for figure in result.figures:
        cells = [figure.name, text_of(figure.value), figure.unit]
        if spread:
            known = figure.low is not None and figure.high is not None
            cells.append(f"{text_of(figure.low or 0)} to {text_of(figure.high or 0)}" if known else "")
        table.add_row(*cells, figure.target + MARKS[figure.is_met])


def _fill_comparison(table: Table, figures: list[Figure]) -> None:
    """A row for each name of a figure, a column for each program and each ratio, and the targets."""
    columns = list(dict.fromkeys(figure.column for figure in figures))
    table.add_column("figure")
    for column in columns:
        table.add_column(column, justify="right")
    table.add_column("target")
    for name in dict.fromkeys(figure.name for figure in figures):
        row = {figure.column: figure for figure in figures if figure.name == name}
        units = {figure.unit for figure in row.values() if figure.unit not in ("", "times")}
        cells = [_with_spread(row[column]) if column in row else "" for column in columns]
        targets = [figure.target + MARKS[figure.is_met] for figure in row.values() if figure.target]
        table.add_row(", ".join([name, *sorted(units)]), *cells, ", ".join(targets))


def _with_spread(figure: Figure) -> str:
    if figure.low is None or figure.high is None or figure.low == figure.high:
        return text_of(figure.value)
    return f"{text_of(figure.value)} ({text_of(figure.low)} to {text_of(figure.high)})"


def write_json(results: list[Result], path: Path) -> None:
    """Write all results and a description of the machine to a file."""
    machine = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
    }
    path.write_text(
        json.dumps({"machine": machine, "results": [asdict(result) for result in results]}, indent=2) + "\n"
    )
