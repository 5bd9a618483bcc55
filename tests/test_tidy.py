"""Style and layering are a test: who imports whom, what nothing uses, no float money, no clock in the domain, …

The rules are in tests/kit/tidy.py, and are themselves tested in tests/test_tidy_rules.py.
"""

import ast
import re
import subprocess
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import pytest

from streams.topology import TOPOLOGY
from tests.kit.tidy import (
    ROOMS,
    Finding,
    catch_all_cases,
    class_definitions,
    clock_reads,
    float_money,
    forbidden_imports,
    import_cycles,
    long_positional_calls,
    module_of,
    places_of_a_machine,
    prints,
    room_of,
    swallowed_exceptions,
    unused_data,
    unused_modules,
)

ROOT = Path(__file__).resolve().parents[1]

LINES_MAX = 500
FORMATS_OF_TEXT = frozenset(
    {".py", ".md", ".toml", ".lock", ".avsc", ".json", ".jsonl", ".yml", ".yaml", ".txt", ".sh", ""}
    | {".css", ".graphql", ".html", ".ts", ".tsx"}
)

INDEX_OPTIONS = re.compile(r"^\s*--?(?:index-url|extra-index-url|find-links|trusted-host|i|f)\b", re.MULTILINE)

OPEN_SETS = {
    "streams/codec/json_form.py": "types of an Avro schema, which are text",
    "streams/codec/resolution.py": "types of an Avro schema, which are text",
}
"""Files with a `case _` over something that is not a closed enum or union, and over what."""


def our_files() -> list[Path]:
    """All files that Git tracks or would add."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    return sorted(ROOT / name for name in names if name and (ROOT / name).is_file())


FILES = our_files()
TEXTS = {
    path.relative_to(ROOT): path.read_text(encoding="utf-8") for path in FILES if path.suffix not in {".png", ".so"}
}
SOURCES = {path.relative_to(ROOT): path for path in FILES if path.suffix == ".py"}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(TEXTS[path], str(path))


def sources(*rooms: str) -> dict[Path, ast.Module]:
    """The parsed sources of these rooms, or of all."""
    return {path: parsed(path) for path in SOURCES if not rooms or room_of(path) in rooms}


def listed(findings: Iterable[tuple[Path, Finding]]) -> str:
    """One finding a line; empty if there are none."""
    return "\n".join(f"{path}:{finding}" for path, finding in findings)


def test_every_room_is_known() -> None:
    assert {room_of(path) for path in SOURCES} - ROOMS == set()
    assert {"domain", "streams", "tests", "app"} <= {room_of(path) for path in SOURCES}


def test_rooms_import_only_what_they_may() -> None:
    assert (
        listed((path, found) for path, tree in sources().items() for found in forbidden_imports(module_of(path), tree))
        == ""
    )


def test_the_domain_knows_no_float() -> None:
    assert listed((path, found) for path, tree in sources("domain").items() for found in float_money(tree)) == ""


def test_the_domain_reads_no_clock() -> None:
    assert listed((path, found) for path, tree in sources("domain").items() for found in clock_reads(tree)) == ""


def test_only_command_lines_print() -> None:
    quiet = sources(*(ROOMS - {"ops", "tools", "benchmarks", "tests"}))
    assert listed((path, found) for path, tree in quiet.items() for found in prints(tree)) == ""


def test_no_error_is_swallowed() -> None:
    assert listed((path, found) for path, tree in sources().items() for found in swallowed_exceptions(tree)) == ""


def test_no_file_is_too_long_to_read() -> None:
    lengths = {path: len(full.read_text(encoding="utf-8").splitlines()) for path, full in SOURCES.items()}
    assert {str(path): lines for path, lines in lengths.items() if lines > LINES_MAX} == {}


def test_no_file_names_a_place_of_a_machine() -> None:
    texts = (
        (path.relative_to(ROOT), path.read_text(encoding="utf-8")) for path in FILES if path.suffix in FORMATS_OF_TEXT
    )
    assert listed((path, found) for path, text in texts for found in places_of_a_machine(text)) == ""


def test_no_call_has_more_than_eight_positional_arguments() -> None:
    assert listed((path, found) for path, tree in sources().items() for found in long_positional_calls(tree)) == ""


def test_a_match_over_a_closed_set_ends_in_assert_never() -> None:
    closed = sources(*(ROOMS - {"tests"}))
    found = {str(path): list(catch_all_cases(tree)) for path, tree in closed.items()}
    assert {path for path in found if found[path]} == OPEN_SETS.keys(), found


def test_no_two_classes_share_a_name() -> None:
    # A type of the GraphQL schema has the name of what it shows; it is the schema's public name.
    schema = Path("gateway/graphql/schema")
    apart = {path: tree for path, tree in sources(*(ROOMS - {"tests"})).items() if schema not in path.parents}
    found = class_definitions(apart)
    assert {name: sorted(map(str, paths)) for name, paths in found.items() if len(paths) > 1} == {}


def test_every_module_is_used() -> None:
    bound_by_name = {Path("agents") / f"{processor.name}.py" for processor in TOPOLOGY.processors}
    unused = set(unused_modules(sources(), TEXTS)) - bound_by_name
    assert listed((path, " nothing uses it") for path in unused) == ""


def test_every_data_file_is_used() -> None:
    data = [path for path in TEXTS if path.suffix not in {".py", ".pyi"} and path.name != ".gitignore"]
    assert listed((path, " nothing uses it") for path in unused_data(data, TEXTS)) == ""


def test_no_modules_import_each_other() -> None:
    assert import_cycles(sources()) == set()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "benchmarks/simple_job/quix.lock"])
def test_the_locks_are_hashed_and_name_no_host(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert INDEX_OPTIONS.findall(text) == []
    assert re.findall(r"\w+://", text) == []
    pinned = re.findall(r"^[\w.-]+==\S+ \\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
    assert len(pinned) == len(re.findall(r"^[\w.-]+", text, re.MULTILINE)) > 30


def test_the_runtime_lock_is_part_of_the_development_lock() -> None:
    runtime, dev = (
        set(re.findall(r"^[\w.-]+==\S+", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert runtime - dev == set()
