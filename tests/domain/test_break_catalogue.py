"""The catalogue of breaks is complete, and everything that lists classes of breaks agrees with it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from domain.breaks.catalogue import CATALOGUE, BreakForm, BreakRule
from domain.breaks.model import PRIORITIES, Break
from domain.records import BreakClass
from streams import topics
from tests.kit.domain_world import World
from tests.kit.metrics_catalogue import ROOT
from tests.kit.scenario_tables import FOLDER, read

TITLE_CHARACTERS_MAX = 46
"""The demo's table of breaks shows titles, and is no wider than a terminal."""

Row = tuple[str, str, str, str, str]
"""A row of the contract's tables: key kind, subject, class, priority, condition."""


def scenario_breaks() -> list[tuple[str, Break]]:
    """Every break that is open in a scenario, with its key kind."""
    found = []
    for path in sorted(FOLDER.glob("*.txt")):
        for scenario in read(path) if path.stem != "README" else ():
            for expectation in scenario.expectations:
                world = World()
                for fact in expectation.facts:
                    world.apply(fact)
                world.publish(expectation.now)
                found += [(view.key_kind, one) for view in world.views() for one in view.breaks]
    return found


IN_SCENARIOS = scenario_breaks()


def of_class(break_class: BreakClass) -> BreakRule:
    assert break_class in CATALOGUE, f"add a row for {break_class} to the rows in domain/breaks"
    return CATALOGUE[break_class]


def forms() -> Iterator[tuple[BreakRule, BreakForm]]:
    for row in CATALOGUE.values():
        for form in row.forms:
            yield row, form


@pytest.mark.parametrize("break_class", BreakClass)
def test_every_class_has_a_row_a_symbol_and_a_scenario_for_each_of_its_forms(break_class: BreakClass) -> None:
    row = of_class(break_class)
    schema = json.loads((ROOT / "schemas" / "avro" / "mismatch_alert.avsc").read_text())
    (symbols,) = (field["type"]["symbols"] for field in schema["fields"] if field["name"] == "class")
    assert break_class.value in symbols, f"add {break_class} to the enum of schemas/avro/mismatch_alert.avsc"
    shown = {(key_kind, one.subject[0]) for key_kind, one in IN_SCENARIOS if one.break_class is break_class}
    for form in row.forms:
        for key_kind in form.key_kinds:
            assert (key_kind, form.subject[0]) in shown, (
                f"add a scenario to {FOLDER.relative_to(ROOT)} in which {break_class} is open on the subject "
                f"{form.subject[0]!r} of a {key_kind}; if there is one, add the rule that opens it to "
                f"domain/{key_kind}s"
            )
    described = {(key_kind, form.subject[0]) for form in row.forms for key_kind in form.key_kinds}
    assert shown <= described, f"add a form for {shown - described} to the row of {break_class} in the catalogue"


def test_rows_are_in_the_order_of_the_enum() -> None:
    assert list(CATALOGUE) == list(BreakClass), "the rows in domain/breaks are in the order of BreakClass"


def test_every_class_has_a_priority() -> None:
    assert set(PRIORITIES) == set(BreakClass)
    assert {row.break_class: row.priority for row in CATALOGUE.values()} == PRIORITIES


@pytest.mark.parametrize("break_class", BreakClass)
def test_only_what_opens_at_a_deadline_has_one(break_class: BreakClass) -> None:
    with_deadline = any(one.due_at is not None for _, one in IN_SCENARIOS if one.break_class is break_class)
    assert of_class(break_class).opens_at_deadline == with_deadline


def test_titles_fit_the_table_of_the_demo() -> None:
    for _, form in forms():
        assert len(form.title) <= TITLE_CHARACTERS_MAX, form.title


def rows_of_the_contract() -> set[Row]:
    """The rows of the tables of breaks in docs/contract.md; a row without a subject has that of the row above it.

    A table belongs to the key kind whose `…-keyed` begins a paragraph above it.
    """
    page = (ROOT / "docs" / "contract.md").read_text().replace("▲ ", "")  # marks what version 2 added
    found = set()
    key_kind = subject = ""
    for line in page[page.index("\n## 7. ") :].splitlines():
        heading = re.match(r"(Payment|Obligation|Reference|Payout|Bank-entry)-keyed\b(?!,)", line)
        if heading or line.startswith("#"):
            key_kind = heading[1].lower().replace("-", "_") if heading else ""
        elif key_kind and line.startswith("| ") and not line.startswith("| subject "):
            cells = [cell.strip() for cell in line.strip("|").split(" | ")]
            subject = cells[0] or subject
            found.add((key_kind, subject, cells[1].strip("`"), cells[2], cells[3]))
    return found


def rows_of_the_catalogue() -> set[Row]:
    found = set()
    for row, form in forms():
        subject = ", ".join((f"`{form.subject[0]}`", *form.subject[1:]))
        found |= {(kind, subject, str(row.break_class), str(row.priority), form.condition) for kind in form.key_kinds}
    return found


def test_the_tables_of_the_contract_are_the_catalogue() -> None:
    missing = [f"| {subject} | `{name}` | {priority} | {condition} |" for _, subject, name, priority, condition in
               sorted(rows_of_the_catalogue() - rows_of_the_contract())]  # fmt: skip
    assert not missing, "add to the tables of breaks in docs/contract.md, or change there:\n" + "\n".join(missing)
    surplus = rows_of_the_contract() - rows_of_the_catalogue()
    assert not surplus, f"docs/contract.md has rows that the catalogue in domain/breaks lacks: {surplus}"


def prometheus(name: str) -> Any:
    return yaml.safe_load((ROOT / "ops" / "deploy" / "prometheus" / name).read_text())


def labels_of(record: str) -> list[dict[str, str]]:
    groups = prometheus("rules/thresholds.yml")["groups"]
    return [rule["labels"] for group in groups for rule in group["rules"] if rule["record"] == record]


def test_the_alerting_rules_wait_for_the_deadlines_and_feeds_of_the_catalogue() -> None:
    by_deadline = {labels["class"] for labels in labels_of("rentmatch:break_class_has_deadline")}
    assert by_deadline == {str(row.break_class) for row in CATALOGUE.values() if row.opens_at_deadline}, (
        "in rules/thresholds.yml, rentmatch:break_class_has_deadline lists other classes than those that have "
        "opens_at_deadline in domain/breaks/catalogue.py"
    )
    of_feeds = {(labels["class"], labels["topic"]) for labels in labels_of("rentmatch:break_class_needs_feed")}
    assert of_feeds == {(str(row.break_class), row.feed) for row in CATALOGUE.values() if row.feed is not None}, (
        "in rules/thresholds.yml, rentmatch:break_class_needs_feed lists other pairs than the feeds "
        "of domain/breaks/catalogue.py"
    )


@pytest.mark.parametrize("feed", [topic.name for topic in topics.INPUTS])
def test_alertmanager_inhibits_what_follows_from_a_silent_feed(feed: str) -> None:
    inhibited: set[str] = set()
    for rule in prometheus("alertmanager.yml")["inhibit_rules"]:
        if f'topic="{feed}"' in rule["source_matchers"]:
            for matcher in rule["target_matchers"]:
                classes = re.fullmatch(r'class=~?"([a-z_|]+)"', matcher)
                inhibited |= set(classes[1].split("|")) if classes else set()
    assert inhibited == {str(row.break_class) for row in CATALOGUE.values() if row.feed == feed}, (
        f"the rule for the silence of {feed} in ops/deploy/prometheus/alertmanager.yml names other classes than the "
        "catalogue"
    )
