"""The README says what is so: its settings, commands, example and links are held against the code."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from domain.facts import PostingReversed
from ops.cli import COMMANDS, cli
from ops.commands.publish import topic_of
from streams import topics
from streams.codec.json_form import fact_from_json, instant_from_text, output_to_json
from streams.settings import Settings, described
from tests.kit.driver import Driver

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / name for name in ("README.md", "CHANGELOG.md")] + sorted((ROOT / "docs").rglob("*.md"))

FOR_TESTS = {"RENTMATCH_REQUIRE_KAFKA", "RENTMATCH_TEST_BROKER"}
"""Variables of tests/kit/environment.py, which are no settings."""


def settings_table() -> str:
    """The README's table, from the settings themselves."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for row in described():
        default = f"`{row.default}`" if row.default else ""
        lines.append(f"| `{row.name}` | {default} | {row.meaning} |")
    return "\n".join(lines)


def test_the_settings_table_is_that_of_the_settings() -> None:
    found = re.search(r"<!-- settings: begin .*?-->\n(.*?)\n?<!-- settings: end -->", README, re.DOTALL)
    assert found is not None
    assert found[1] == settings_table(), f"the README's table should be:\n{settings_table()}"


def test_every_variable_that_the_readme_names_is_a_setting() -> None:
    known = {"RENTMATCH_" + name.upper() for name in Settings.model_fields} | FOR_TESTS
    assert set(re.findall(r"RENTMATCH_[A-Z_]*[A-Z]", README)) - known == set()


def test_the_commands_table_lists_every_command() -> None:
    section = README.partition("## Commands")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", section, re.MULTILINE)) == set(COMMANDS)


def invocations() -> list[str]:
    """Each `rentmatch …` that stands in code, without what the shell makes of its end."""
    code = re.findall(r"```(?:bash|console)\n(.*?)```", README, re.DOTALL) + re.findall(r"`([^`\n]+)`", README)
    return sorted({found.strip() for text in code for found in re.findall(r"\brentmatch ([^\n<>|&#]+)", text)})


@pytest.mark.parametrize("words", invocations())
def test_every_command_line_of_the_readme_is_understood(words: str) -> None:
    if words in ("COMMAND --help",):
        return
    _understood(cli, shlex.split(words.replace("…", "")))


def _understood(command: click.Command, words: list[str], name: str = "rentmatch", parent: Any = None) -> None:
    context = command.make_context(name, list(words), parent=parent)
    if isinstance(command, click.Group):
        left = [*context._protected_args, *context.args]
        found_name, found, rest = command.resolve_command(context, left)
        assert found is not None
        assert found_name is not None
        _understood(found, rest, found_name, context)


def test_a_command_line_that_is_wrong_is_noticed() -> None:
    assert len(invocations()) > 15
    for words in ("reed", "read --lsat", "demo --obligations none", "dead-letters mend"):
        with pytest.raises(click.UsageError):
            _understood(cli, words.split())


def example_input() -> Iterator[tuple[str, dict[str, Any]]]:
    """What the README publishes: topic and record."""
    for topic, lines in re.findall(r"rentmatch publish (\S+) <<'END'\n(.*?)\nEND", README, re.DOTALL):
        yield from ((topic, json.loads(line)) for line in lines.splitlines())


def example_output() -> list[tuple[str, dict[str, Any]]]:
    """What the README says comes out: topic and record."""
    found = re.findall(r"^\$ rentmatch read (\S+) --last --json\n((?:\{.*\}\n)+)", README, re.MULTILINE)
    return [(topic, json.loads(line)) for topic, lines in found for line in lines.splitlines()]


@pytest.fixture
def driver() -> Driver:
    """The README's records, read by the service at the instant that the README names."""
    instant = re.search(r"RENTMATCH_CLOCK=(\S+) rentmatch worker", README)
    assert instant is not None
    driver = Driver(now=instant_from_text(instant[1]))
    for topic, record in example_input():
        fact = fact_from_json(record)
        assert topic_of(fact).name == topic
        driver.pipe(fact)
    driver.run()
    return driver


def without_version(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name != "version"}


def test_the_example_gives_what_the_readme_shows(driver: Driver) -> None:
    shown = example_output()
    assert len(list(example_input())) == 5
    assert {topic for topic, _ in shown} == {topic.name for topic in topics.OUTPUTS}
    for topic in topics.OUTPUTS:
        found = [without_version(output_to_json(record)) for record in driver.last(topic).values()]
        assert found == [without_version(record) for name, record in shown if name == topic.name]


def test_the_example_ends_as_the_readme_says(driver: Driver) -> None:
    reversal = PostingReversed("e-6", driver.world.now, "O-17", "V-1", "J-1", "P-9", 85_000, "USD", "returned, R01")
    driver.pipe(reversal)
    driver.run()
    (alert,) = driver.last(topics.MISMATCH_ALERTS).values()
    (payment,) = driver.last(topics.PAYMENT_RECONCILIATIONS).values()
    assert (output_to_json(alert)["lifecycle"], output_to_json(payment)["status"]) == ("resolved", "returned")


def test_the_folders_are_there() -> None:
    section = README.partition("## The repository")[2].partition("\n## ")[0]
    named = re.findall(r"`([\w/]+/|app\.py)`(?=[^|]*\|[^|]*\|$)", section, re.MULTILINE)
    assert len(named) >= 10
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_the_make_targets_are_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"^make ([a-z]+)|`make ([a-z]+)", README, re.MULTILINE))
    assert {one or other for one, other in named} <= targets
    assert {one or other for one, other in named} >= {"demo", "test", "lint", "types"}


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    broken = []
    text = document.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        path = (document.parent / name).resolve() if name else document
        if not path.exists():
            broken.append(target)
        elif anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            if anchor not in map(slug, headings):
                broken.append(target)
    assert broken == []
