"""The pages in docs/ agree with the code: settings, commands, the example on a broker, paths and links."""

import contextlib
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from domain.facts import PostingReversed
from ops.cli import COMMANDS, cli
from streams import topics
from streams.codec.json_form import fact_from_json, instant_from_text, output_to_json
from streams.routing import topic_of
from streams.settings import Settings, described
from streams.transport.commit_loop import BACKLOG_INTERVALS
from tests.kit.documents import example_input, example_instant, example_output, slug
from tests.kit.driver import Driver
from tests.kit.tidy import MAY_IMPORT, ROOMS

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
DOCUMENTS = [ROOT / name for name in ("README.md", "CHANGELOG.md")] + sorted(DOCS.rglob("*.md"))
TEXTS = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in DOCUMENTS}

NO_SETTINGS = {"RENTMATCH_REQUIRE_KAFKA", "RENTMATCH_TEST_BROKER", "RENTMATCH_TEST_SEED"}
"""Variables of the tests."""

WIDTH_MAX = 120


def settings_table() -> str:
    """The table of docs/settings.md, generated from the settings."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for row in described():
        default = f"`{row.default}`" if row.default else ""
        lines.append(f"| `{row.name}` | {default} | {row.meaning} |")
    return "\n".join(lines)


def test_the_settings_page_lists_the_settings() -> None:
    page = TEXTS["docs/settings.md"]
    found = re.search(r"<!-- settings: begin .*?-->\n(.*?)\n<!-- settings: end -->", page, re.DOTALL)
    assert found is not None
    assert found[1] == settings_table(), f"the table in docs/settings.md should be:\n{settings_table()}"


@pytest.mark.parametrize("document", TEXTS)
def test_every_variable_in_the_documents_is_a_setting(document: str) -> None:
    known = {"RENTMATCH_" + name.upper() for name in Settings.model_fields} | NO_SETTINGS
    named = set(re.findall(r"RENTMATCH_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_…])", TEXTS[document]))
    assert named - known == set()


def test_the_longest_wait_of_a_commit_in_a_backlog_is_documented() -> None:
    (meaning,) = [row.meaning for row in described() if row.name == "RENTMATCH_COMMIT_INTERVAL_MS"]
    assert meaning.endswith(f"up to {BACKLOG_INTERVALS} times that in a backlog")


def test_the_commands_page_lists_every_command() -> None:
    assert re.findall(r"^\| `([\w-]+)` \|", TEXTS["docs/commands.md"], re.MULTILINE) == list(COMMANDS)


PLACEHOLDERS = {"COMMAND", "ID", "CLASS", "TOPIC"}


def invocations() -> list[str]:
    """Each `rentmatch …` in code, up to a redirection or a pipe; lines with placeholders are left out."""
    found = set()
    for text in TEXTS.values():
        lines = "\n".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL)).splitlines()
        lines += re.findall(r"^\$ (.*)$", text, re.MULTILINE)
        inline = re.findall(r"(?<!`)`([^`]+)`(?!`)", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
        for line in [*lines, *(" ".join(one.split()) for one in inline)]:
            found |= {words.strip() for words in re.findall(r"(?:^|[=\s])rentmatch ([a-z][^<>|&#;]+)", line)}
    return sorted(words for words in found if not PLACEHOLDERS & set(words.split()) and "…" not in words)


@pytest.mark.parametrize("words", invocations())
def test_every_command_line_in_the_documents_is_valid(words: str) -> None:
    with contextlib.suppress(click.MissingParameter):  # prose names a command without its arguments
        _parse(cli, shlex.split(words.removesuffix(" --help")))


def _parse(command: click.Command, words: list[str], name: str = "rentmatch", parent: Any = None) -> None:
    """Parse a command line without running it; click.UsageError where it is wrong."""
    context = command.make_context(name, list(words), parent=parent)
    if isinstance(command, click.Group):
        left = [*context._protected_args, *context.args]
        found_name, found, rest = command.resolve_command(context, left)
        assert found is not None
        assert found_name is not None
        _parse(found, rest, found_name, context)


def test_a_wrong_command_line_is_refused() -> None:
    assert len(invocations()) > 25
    for words in ("reed", "read --lsat", "demo --obligations none", "dead-letters mend"):
        with pytest.raises(click.UsageError):
            _parse(cli, words.split())


@pytest.fixture
def driver() -> Driver:
    """A worker that has read the example's records at the instant that the page names."""
    driver = Driver(now=instant_from_text(example_instant()))
    for topic, record in example_input():
        fact = fact_from_json(record)
        assert topic_of(fact).name == topic
        driver.pipe(fact)
    driver.run()
    return driver


def test_the_example_on_a_broker_has_the_shown_result(driver: Driver) -> None:
    shown = example_output()
    assert len(list(example_input())) == 5
    assert {topic for topic, _, _ in shown} == {topic.name for topic in topics.OUTPUTS}
    for topic in topics.OUTPUTS:
        (found,) = [output_to_json(record) for record in driver.last(topic).values()]
        (selected,) = [(fields, record) for name, fields, record in shown if name == topic.name]
        assert {field: found[field] for field in selected[0]} == selected[1]


def test_a_reversal_resolves_the_example(driver: Driver) -> None:
    reversal = PostingReversed(
        event_id="e-6",
        occurred_at=driver.world.now,
        obligation_id="O-17",
        reversal_id="V-1",
        posting_id="J-1",
        payment_id="P-9",
        amount_minor=85_000,
        currency="USD",
        reason="returned, R01",
    )
    driver.pipe(reversal)
    driver.run()
    (alert,) = driver.last(topics.MISMATCH_ALERTS).values()
    (payment,) = driver.last(topics.PAYMENT_RECONCILIATIONS).values()
    assert (output_to_json(alert)["lifecycle"], output_to_json(payment)["status"]) == ("resolved", "returned")


def test_the_architecture_lists_the_rooms_and_their_imports() -> None:
    section = TEXTS["docs/architecture.md"].partition("## Rooms")[2]
    shown = {}
    for room, allowed in re.findall(r"^\| `(\w+)(?:/|\.py)` \| .* \|([^|]*)\|$", section, re.MULTILINE):
        names = set(re.findall(r"`([\w.]+)`", allowed))
        shown[room] = ROOMS - names if allowed.startswith(" everything") else names
    assert shown == {room: set(allowed) for room, allowed in MAY_IMPORT.items()}


# A decision that was replaced names the files of its time.
@pytest.mark.parametrize("document", [name for name, text in TEXTS.items() if "\n\nReplaced by [" not in text])
def test_every_path_in_the_documents_exists(document: str) -> None:
    paths = re.findall(rf"`((?:{'|'.join(ROOMS)}|docs)/[\w./-]*)`", TEXTS[document])
    created = re.findall(r"New\s+file `([^`]+)`", TEXTS[document])  # by who follows the page
    assert [path for path in paths if not (ROOT / path).exists() and path not in created] == []


def test_the_glossary_is_sorted_and_says_where_each_term_is_defined() -> None:
    rows = re.findall(r"^\| \*\*(.+?)\*\*.* \| .+ \| .*`[\w./]+`.* \|$", TEXTS["docs/glossary.md"], re.MULTILINE)
    assert len(rows) == TEXTS["docs/glossary.md"].count("\n| **")
    assert len(rows) >= 40
    assert rows == sorted(rows, key=str.lower)


@pytest.mark.parametrize("document", TEXTS)
def test_no_line_of_prose_is_long(document: str) -> None:
    text = re.sub(r"```.*?```", "", TEXTS[document], flags=re.DOTALL)
    long = [line for line in text.splitlines() if len(line) > WIDTH_MAX and not line.startswith(("|", "<!--"))]
    assert [line for line in long if "](" not in line or " " in line.strip("- ")] == []


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


def test_every_page_is_on_the_map() -> None:
    linked = set(re.findall(r"\]\((?:\.\./)?([\w./-]+)", TEXTS["docs/README.md"]))
    assert {path.name for path in DOCS.glob("*.md")} - {"README.md"} - linked == set()
    index = TEXTS["docs/decisions/README.md"]
    assert [path.name for path in (DOCS / "decisions").glob("0*.md") if f"({path.name})" not in index] == []


def test_the_runbook_names_panels_of_the_dashboards() -> None:
    named = re.findall(r"dashboard\s+\*(\w+)\*,\s+\"([^\"]+)\"", TEXTS["docs/runbook.md"], re.IGNORECASE)
    assert len(named) > 4
    for board, title in named:
        text = (ROOT / "ops/deploy/grafana/dashboards" / f"{board}.json").read_text(encoding="utf-8")
        assert f'"title": "{title}' in text, (board, title)
