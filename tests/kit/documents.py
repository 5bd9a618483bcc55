"""What tests read in the pages: anchors, and the example of docs/connecting.md."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "connecting.md").read_text(encoding="utf-8")


def slug(heading: str) -> str:
    """Return the anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def example_input() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield topic and record of each line that the page publishes."""
    for topic, lines in re.findall(r"rentmatch publish (\S+) <<'END'\n(.*?)\nEND", PAGE, re.DOTALL):
        yield from ((topic, json.loads(line)) for line in lines.splitlines())


def example_output() -> list[tuple[str, list[str], dict[str, Any]]]:
    """Return topic, selected fields and record of each output that the page shows."""
    command = r"^\$ rentmatch read (\S+) --last --json \| jq -c '\{(.*)\}'\n(\{.*\})"
    found = re.findall(command, PAGE, re.MULTILINE)
    return [(topic, fields.split(", "), json.loads(line)) for topic, fields, line in found]


def example_instant() -> str:
    """Return the instant at which the page fixes the clock, as ISO 8601 text."""
    (found,) = re.findall(r"RENTMATCH_CLOCK=(\S+) rentmatch worker", PAGE)
    return str(found)


WALK = PAGE.partition("\n## From a downloaded report")[2].partition("\n## ")[0]
"""The section that goes from a downloaded report to an explained break."""


def walk_files() -> dict[str, str]:
    """Return the files that the walk writes, by name."""
    return dict(re.findall(r"^cat >(\S+) <<'END'\n(.*?\n)END$", WALK, re.DOTALL | re.MULTILINE))


def walk_python() -> str:
    """Return the program that is the walk's broker."""
    (found,) = re.findall(r"^python - .*<<'END' &\n(.*?\n)END$", WALK, re.DOTALL | re.MULTILINE)
    return str(found)


def walk_instant() -> str:
    """Return the instant at which the walk fixes the clock, as ISO 8601 text."""
    (found,) = re.findall(r"RENTMATCH_CLOCK=(\S+)", WALK)
    return str(found)


def walk_commands() -> list[tuple[str, str]]:
    """Return each command that the walk runs, and the output that it shows."""
    blocks = re.findall(r"^```console\n(.*?)^```$", WALK, re.DOTALL | re.MULTILINE)
    found = [one.partition("\n") for block in blocks for one in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output.rstrip("\n")) for command, _, output in found]
