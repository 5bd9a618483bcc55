"""Figures, as a table for people and as JSON for comparisons."""

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True)
class Figure:
    """Something that was measured, in a unit; and what it should be, where there is a target."""

    name: str
    value: float
    unit: str
    target: str = ""
    met: bool | None = None
    """None where there is no target, or where this machine cannot tell."""


@dataclass
class Result:
    """The figures of one benchmark."""

    benchmark: str
    what: str
    """What was measured, in a sentence."""
    figures: list[Figure] = field(default_factory=list)
    details: dict[str, Any] = field(default_factory=dict)
    """What else may be of use to who reads the JSON."""

    def add(self, name: str, value: float, unit: str, target: str = "", met: bool | None = None) -> None:
        """Add a figure."""
        self.figures.append(Figure(name, value, unit, target, met))

    def value(self, name: str) -> float:
        """The value of a figure."""
        return next(figure.value for figure in self.figures if figure.name == name)


def text_of(value: float) -> str:
    """A number with three digits that count, or all of a whole one."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.2f}" if value >= 1 else f"{value:.3g}"


def show(result: Result, console: Console) -> None:
    """Print a result as a table."""
    table = Table(title=result.benchmark, caption=result.what, title_justify="left", caption_justify="left")
    table.add_column("figure")
    table.add_column("value", justify="right")
    table.add_column("unit")
    table.add_column("target")
    for figure in result.figures:
        mark = {None: "", True: " met", False: " missed"}[figure.met]
        table.add_row(figure.name, text_of(figure.value), figure.unit, figure.target + mark)
    console.print(table)


def write_json(results: list[Result], path: Path) -> None:
    """Write all results, and on what they were measured, to a file."""
    machine = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
    }
    path.write_text(
        json.dumps({"machine": machine, "results": [asdict(result) for result in results]}, indent=2) + "\n"
    )
