"""The catalogue of docs/metrics.md as data, and which metrics a PromQL expression uses."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")

SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "gauge": ("",), "counter": ("",)}
ADDED_BY_PROMETHEUS = {"job", "instance"}


@dataclass(frozen=True)
class Catalogued:
    """A metric of the catalogue."""

    kind: str
    labels: frozenset[str]


def table(name: str) -> list[list[str]]:
    """Return the cells of a table of the page, row by row."""
    found = re.search(rf"<!-- {name}: begin.*?-->\n(.*?)\n<!-- {name}: end -->", PAGE, re.DOTALL)
    assert found is not None
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in found[1].splitlines()[2:]]


def names_in(cell: str) -> list[str]:
    """Return the texts in backticks."""
    return re.findall(r"`([^`]+)`", cell)


CATALOGUE = {
    names_in(cells[0])[0]: Catalogued(cells[1].partition(",")[0], frozenset(names_in(cells[2])))
    for cells in table("catalogue")
}

VALUES = {
    (names_in(cells[0])[0], names_in(cells[1])[0]): names_in(cells[2])
    for cells in table("labels")
    if cells[2].startswith("`") and "--help" not in cells[2]
}
"""The label values that the page lists completely, by metric and label."""

SERIES = {
    name + suffix: metric.labels | ({"le"} if suffix == "_bucket" else set())
    for name, metric in CATALOGUE.items()
    for suffix in SUFFIXES[metric.kind]
}
"""The known series and their labels."""


def used(expression: str) -> list[tuple[str, dict[str, str]]]:
    """Return the series that an expression uses: name, and label matchers.

    An expression that is no series of ours (`up`, a recorded name with a colon) is not in it.
    """
    found = re.findall(r"(?<![\w:])(rentmatch_\w+)(?![\w:])(?:\{([^}]*)\})?", expression)
    return [(name, dict(re.findall(r"(\w+)\s*[=!]~?\s*[\"']([^\"']*)[\"']", selector))) for name, selector in found]


def recorded(expression: str) -> list[str]:
    """Return the recorded names that an expression uses."""
    return re.findall(r"(?<![\w:])(rentmatch:[\w:]+)", expression)


KNOWN_LABELS = frozenset().union(*SERIES.values()) | ADDED_BY_PROMETHEUS
_GROUPING = re.compile(r"\b(?:by|on|without|ignoring|group_left|group_right)\s*\(([\w\s,]*)\)")
_SELECTOR = re.compile(r"\{([^{}]*)\}")


def unknown(expression: str, names_recorded: frozenset[str]) -> list[str]:
    """Findings for metrics that an expression needs and no process exports."""
    findings = [f"{name} is not recorded" for name in recorded(expression) if name not in names_recorded]
    for name, selector in used(expression):
        if name not in SERIES:
            findings.append(f"{name} is not in docs/metrics.md")
            continue
        for label, value in selector.items():
            if label not in SERIES[name] | ADDED_BY_PROMETHEUS:
                findings.append(f"{name} has no label {label}")
            elif (name, label) in VALUES and re.fullmatch(r"[\w|]+", value):
                known = VALUES[name, label]
                findings += [f"{label} of {name} is never {one}" for one in value.split("|") if one not in known]
    listed = [label for group in _GROUPING.findall(expression) for label in re.findall(r"\w+", group)]
    listed += [label for group in _SELECTOR.findall(expression) for label in re.findall(r"(\w+)\s*[=!]", group)]
    return findings + [f"no metric has a label {label}" for label in listed if label not in KNOWN_LABELS]
