"""docs/adding-a-table.md is applied to a copy of the sources, and its own test is run there."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from streams import topics
from streams.topology import TOPOLOGY

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/adding-a-table.md").read_text(encoding="utf-8")

CHANGED_FILES_MAX = 3
COPIED = ("agents", "domain", "gateway", "ops", "read_model", "schemas", "sinks", "streams", "tables", "tests/kit")

DERIVED = """
import json
from app import create_app
from ops.commands.topology import mermaid
from ops.internal_records import describers
from sinks.metrics import names_of
from streams.broker.provisioning import desired_topics
from streams.settings import load
from streams.topology import TOPOLOGY
from tables.repartition import moved
settings = load({"RENTMATCH_TOPIC_RENT_ROLLS": "rolls"})
app = create_app(settings)
print(json.dumps({
    "agents": list(app.agents),
    "tables": list(app.tables),
    "created": [desired.name for desired in desired_topics(settings)],
    "described": sorted(describers(TOPOLOGY)),
    "moved": [topic.name for topic in moved(TOPOLOGY)],
    "labels": names_of(TOPOLOGY)._asdict(),
    "upstream": {topic.name: [before.name for before in found] for topic, found in TOPOLOGY.upstream.items()},
    "ends": [topic.name for topic in TOPOLOGY.sinks],
    "picture": mermaid(TOPOLOGY),
}, default=list))
"""

_PLACE = re.compile(r"(New\s+file|Change)\s+`([^`]+)`:")
_BLOCK = re.compile(r"```(python|json|diff)\n(.*?)```\n", re.DOTALL)


class Step(NamedTuple):
    path: str
    is_diff: bool
    text: str


def steps() -> list[Step]:
    """The blocks of the page in their order, each with the last path that was named before it."""
    found = []
    for block in _BLOCK.finditer(PAGE):
        kind, path = _PLACE.findall(PAGE[: block.start()])[-1]
        is_diff = block[1] == "diff"
        assert is_diff == (kind == "Change"), path
        found.append(Step(path, is_diff, block[2]))
    return found


def changed(source: str, diff: str) -> str:
    """Apply one hunk without line numbers: its old lines must be in the source exactly once."""
    lines = [" \n" if line == "\n" else line for line in diff.splitlines(keepends=True)]
    assert all(line[0] in " +-" for line in lines), diff
    old = "".join(line[1:] for line in lines if line[0] in " -")
    assert source.count(old) == 1, f"not there exactly once:\n{old}"
    return source.replace(old, "".join(line[1:] for line in lines if line[0] in " +"))


def apply_to(folder: Path) -> None:
    for step in steps():
        path = folder / step.path
        if step.is_diff:
            path.write_text(changed(path.read_text(encoding="utf-8"), step.text), encoding="utf-8")
        else:
            assert not path.exists(), step.path
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text, encoding="utf-8")


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("with-a-table")
    for name in COPIED:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "pyproject.toml", "tests/__init__.py"):
        shutil.copy(ROOT / name, folder / name)
    apply_to(folder)
    return folder


def in_copy(folder: Path, *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], cwd=folder, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_takes_three_files_beside_the_domains_own() -> None:
    own = ("domain/", "schemas/", "tests/")
    assert len({step.path for step in steps() if not step.path.startswith(own)}) <= CHANGED_FILES_MAX


def test_the_table_lives_through_crash_and_recovery(copy: Path) -> None:
    printed = in_copy(copy, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/agents/test_rent_rolls.py")
    assert "11 passed" in printed, printed


def test_the_rest_follows_from_the_graph(copy: Path) -> None:
    derived = json.loads(in_copy(copy, "-c", DERIVED))
    assert any("keep_rent_rolls" in name for name in derived["agents"])
    assert derived["tables"][-1] == "rent-rolls"
    assert derived["tables"][:-1] == [table.name for table in TOPOLOGY.tables]
    assert {"property-facts", "rent-rolls-changelog", "rolls"} <= set(derived["created"])
    assert {"property-facts", "rent-rolls-changelog"} <= set(derived["described"])
    assert {"property-facts", "rent-rolls-changelog"} <= set(derived["moved"])
    assert "rent-rolls" in derived["labels"]["tables"]
    assert "rent-rolls" in derived["labels"]["outputs"]
    assert derived["upstream"]["property-facts"] == [topic.name for topic in topics.INPUTS]
    assert derived["ends"] == [*(topic.name for topic in TOPOLOGY.sinks), "property-facts"]
    assert "    keep_rent_rolls <--> rent_rolls_table[(rent-rolls)]" in derived["picture"]
    assert "    keep_rent_rolls --> rent_rolls[rent-rolls]" in derived["picture"]


def test_the_code_of_the_page_is_formatted_and_linted(copy: Path) -> None:
    paths = [step.path for step in steps() if step.path.endswith(".py")]
    in_copy(copy, "-m", "ruff", "check", *paths)
    in_copy(copy, "-m", "ruff", "format", "--check", *paths)
