"""The README agrees with the code: its example, its paths, its make targets and its shape."""

import re
from pathlib import Path

from tests.kit.domain_world import World
from tests.kit.scenario_tables import check, read

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")

LINES_MAX = 100
"""Without the picture of the topology, which is drawn."""
WIDTH_MAX = 100
"""What GitHub shows of a line of code without scrolling; prose stays below it, too."""


def test_the_readme_is_short_and_does_not_scroll() -> None:
    lines = re.sub(r"```mermaid\n.*?```\n", "", README, flags=re.DOTALL).splitlines()
    assert len(lines) <= LINES_MAX
    assert [line for line in lines if len(line) > WIDTH_MAX and not line.startswith("|")] == []


def test_the_example_has_the_shown_result(tmp_path: Path) -> None:
    found = re.search(r"## Example\n.*?```text\n(.*?)```", README, re.DOTALL)
    assert found is not None
    table = tmp_path / "example.txt"
    table.write_text("== the README's example\n" + found[1])
    (scenario,) = read(table)
    (expectation,) = scenario.expectations
    assert (len(expectation.facts), len(expectation.expected)) == (5, 3)
    world = World()
    for fact in expectation.facts:
        world.apply(fact)
    world.publish(expectation.now)
    check(expectation, world)


def test_every_path_in_the_readme_exists() -> None:
    paths = re.findall(r"`((?:\.ci|[a-z_]+)/[\w./-]*)`", README)
    assert len(paths) >= 7
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_make_target_in_the_readme_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)", README, re.MULTILINE))
    assert {one or other for one, other in named} <= targets
    assert {one or other for one, other in named} >= {"demo", "test", "lint", "types"}
