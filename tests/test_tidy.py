"""Style and layering are a test: who imports whom, no float money, no clock in the domain, nobody's machine named.

Each rule is a function from a source to findings, and is itself tested on sources that break it.
"""

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

ROOMS = frozenset(
    {
        "agents",
        "app",
        "benchmarks",
        "domain",
        "gateway",
        "ops",
        "read_model",
        "schemas",
        "simulator",
        "sinks",
        "streams",
        "tables",
        "tests",
        "tools",
    }
)

MAY_IMPORT: dict[str, frozenset[str]] = {
    # A room may always import itself. A dotted name allows that module alone.
    "domain": frozenset(),
    "schemas": frozenset(),
    "streams": frozenset({"domain", "schemas"}),
    "tables": frozenset({"domain", "streams"}),
    "agents": frozenset({"domain", "streams", "tables"}),
    "sinks": frozenset({"domain"}),
    "read_model": frozenset({"domain", "sinks", "streams"}),
    "gateway": frozenset({"domain", "read_model", "sinks", "streams", "tables"}),
    # The words, and the numbers of the contract; what they amount to it must find by itself, or it could not audit.
    "simulator": frozenset({"domain.facts", "domain.records", "domain.policy", "domain.time"}),
    "app": ROOMS - {"app", "benchmarks", "ops", "simulator", "tests", "tools"},
    "ops": ROOMS - {"benchmarks", "tests", "tools"},
    "tools": ROOMS - {"benchmarks", "tests"},
    "benchmarks": ROOMS - {"tests"},
    "tests": ROOMS,
}

DOMAIN_LIBRARIES = frozenset(sys.stdlib_module_names) - {"random", "secrets", "time", "asyncio", "threading"} | {
    "msgspec"
}

CLOCK_CALLS = frozenset({"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter"})

LINES_MAX = 500
FORMATS_OF_TEXT = frozenset(
    {".py", ".md", ".toml", ".lock", ".avsc", ".json", ".jsonl", ".yml", ".yaml", ".txt", ".sh", ""}
)

# Put together from parts, so that this file does not find itself.
HOME_PATHS = re.compile(r"(?<![\w.:/*$}-])/(?:" + "|".join(("work", "root", "home", "Users")) + r")/")
REGISTRY_HOSTS = re.compile("|".join(re.escape(".".join(parts)) for parts in (
    ("repo1", "maven", "org"), ("repo", "maven", "apache"), ("files", "pythonhosted", "org"), ("pypi", "org/simple"),
    ("registry", "npmjs", "org"), ("proxy", "golang", "org"), ("index", "crates", "io"),
)))  # fmt: skip
INDEX_OPTIONS = re.compile(r"^\s*--?(?:index-url|extra-index-url|find-links|trusted-host|i|f)\b", re.MULTILINE)

Finding = str
Rule = Callable[[ast.Module], Iterator[Finding]]


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The line and the absolute dotted name of each import; `from domain import facts` is domain.facts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            # What is imported from a room itself may be a module, so the name counts.
            yield from ((node.lineno, f"{module}.{alias.name}" if module in ROOMS else module) for alias in node.names)


def forbidden_imports(room: str, tree: ast.Module) -> Iterator[Finding]:
    for line, name in imports(tree):
        target = name.partition(".")[0]
        if name.startswith("."):
            yield f"{line}: relative import of {name}, which hides the room"
        elif target in ROOMS and target != room:
            allowed = MAY_IMPORT[room]
            if target not in allowed and ".".join(name.split(".")[:2]) not in allowed:
                yield f"{line}: {room} must not import {name}"
        elif room == "domain" and target != room and target not in DOMAIN_LIBRARIES:
            yield f"{line}: the domain must not import {name}"


def float_money(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield f"{node.lineno}: the float {node.value}"
        elif isinstance(node, ast.Name) and node.id == "float":
            yield f"{node.lineno}: float"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div):
            yield f"{node.lineno}: / makes a float; // is whole"


def clock_reads(tree: ast.Module) -> Iterator[Finding]:
    for line, name in imports(tree):
        if name.partition(".")[0] in {"time", "random", "secrets"}:
            yield f"{line}: {name} has no place where results must follow from facts and a given instant"
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in CLOCK_CALLS
            and isinstance(node.value, ast.Name | ast.Attribute)
        ):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if owner in {"datetime", "date", "time", "dt"}:
                yield f"{node.lineno}: {owner}.{node.attr} reads the clock"


def prints(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print":
            yield f"{node.lineno}: print; a service logs"


def swallowed_exceptions(tree: ast.Module) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.ExceptHandler):
            continue
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        broad = any(
            one is None or (isinstance(one, ast.Name) and one.id in {"Exception", "BaseException"}) for one in caught
        )
        if broad and all(isinstance(step, ast.Pass | ast.Continue) or _is_ellipsis(step) for step in node.body):
            yield f"{node.lineno}: an error of any kind is swallowed"


def _is_ellipsis(step: ast.stmt) -> bool:
    return isinstance(step, ast.Expr) and isinstance(step.value, ast.Constant) and step.value.value is ...


def places_of_a_machine(text: str) -> Iterator[Finding]:
    for number, line in enumerate(text.splitlines(), start=1):
        if found := HOME_PATHS.search(line) or REGISTRY_HOSTS.search(line):
            yield f"{number}: {found.group()}"


def our_files() -> list[Path]:
    """Files under version control and those about to be: what is ignored is nobody's business."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    return sorted(ROOT / name for name in listed if name and (ROOT / name).is_file())


FILES = our_files()
SOURCES = {path.relative_to(ROOT): path for path in FILES if path.suffix == ".py"}


def room_of(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def sources(*rooms: str) -> dict[Path, ast.Module]:
    return {
        path: ast.parse(full.read_text(encoding="utf-8"), str(path))
        for path, full in SOURCES.items()
        if not rooms or room_of(path) in rooms
    }


def told(findings: Iterator[tuple[Path, Finding]]) -> str:
    return "\n".join(f"{path}:{finding}" for path, finding in findings)


def test_every_room_is_known() -> None:
    assert {room_of(path) for path in SOURCES} - ROOMS == set()
    assert {"domain", "streams", "tests", "app"} <= {room_of(path) for path in SOURCES}


def test_rooms_import_only_what_they_may() -> None:
    assert (
        told((path, found) for path, tree in sources().items() for found in forbidden_imports(room_of(path), tree))
        == ""
    )


def test_the_domain_knows_no_float() -> None:
    assert told((path, found) for path, tree in sources("domain").items() for found in float_money(tree)) == ""


def test_the_domain_reads_no_clock() -> None:
    assert told((path, found) for path, tree in sources("domain").items() for found in clock_reads(tree)) == ""


def test_only_command_lines_print() -> None:
    quiet = sources(*(ROOMS - {"ops", "tools", "benchmarks", "tests"}))
    assert told((path, found) for path, tree in quiet.items() for found in prints(tree)) == ""


def test_no_error_is_swallowed() -> None:
    assert told((path, found) for path, tree in sources().items() for found in swallowed_exceptions(tree)) == ""


def test_no_file_is_too_long_to_read() -> None:
    lengths = {path: len(full.read_text(encoding="utf-8").splitlines()) for path, full in SOURCES.items()}
    assert {str(path): lines for path, lines in lengths.items() if lines > LINES_MAX} == {}


def test_no_file_names_a_place_of_a_machine() -> None:
    texts = (
        (path.relative_to(ROOT), path.read_text(encoding="utf-8")) for path in FILES if path.suffix in FORMATS_OF_TEXT
    )
    assert told((path, found) for path, text in texts for found in places_of_a_machine(text)) == ""


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
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


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("domain", "from streams import topics"),
        ("domain", "import fastavro"),
        ("domain", "from .facts import Fact"),
        ("streams", "from tables.store import Store"),
        ("streams", "def late():\n    import app"),
        ("agents", "from sinks import metrics"),
        ("sinks", "from streams.topics import Topic"),
        ("simulator", "from domain import allocation"),
        ("simulator", "from domain.payments.view import view"),
        ("simulator", "import domain"),
        ("app", "import tests.kit.driver"),
    ],
)
def test_a_forbidden_import_is_found(room: str, source: str) -> None:
    assert len(list(forbidden_imports(room, ast.parse(source)))) == 1


@pytest.mark.parametrize(
    ("room", "source"),
    [
        ("domain", "import msgspec, hashlib\nfrom domain.facts import Fact"),
        (
            "simulator",
            "from domain.facts import Day\nfrom domain import records\nfrom simulator.scenario import simulate",
        ),
        (
            "agents",
            "from domain import facts\nfrom streams.transport.batch import Batch\nfrom tables.keyed import Keyed",
        ),
        ("ops", "from app import create_app"),
        ("streams", "import fastavro"),
    ],
)
def test_an_allowed_import_is_not(room: str, source: str) -> None:
    assert list(forbidden_imports(room, ast.parse(source))) == []


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (float_money, "x = 1.5"),
        (float_money, "x = float(1)"),
        (float_money, "x: float"),
        (float_money, "x = a / b"),
        (float_money, "x /= 2"),
        (clock_reads, "import time"),
        (clock_reads, "from random import choice"),
        (clock_reads, "x = datetime.now(UTC)"),
        (clock_reads, "x = datetime.datetime.utcnow()"),
        (clock_reads, "x = date.today"),
        (prints, "print(1)"),
        (swallowed_exceptions, "try:\n    f()\nexcept Exception:\n    pass"),
        (swallowed_exceptions, "try:\n    f()\nexcept:\n    ..."),
        (
            swallowed_exceptions,
            "for x in y:\n    try:\n        f()\n    except (KeyError, BaseException):\n        continue",
        ),
    ],
)
def test_each_rule_finds_what_it_forbids(rule: Rule, source: str) -> None:
    assert len(list(rule(ast.parse(source)))) == 1


@pytest.mark.parametrize(
    ("rule", "source"),
    [
        (float_money, "x = 7 // 2\ny = a * b % 3"),
        (clock_reads, "x = datetime.combine(day, time.min, tzinfo=zone)\ny = view(state, now)"),
        (swallowed_exceptions, "try:\n    f()\nexcept KeyError:\n    pass"),
        (swallowed_exceptions, "try:\n    f()\nexcept Exception:\n    log()\n    raise"),
    ],
)
def test_each_rule_lets_the_rest_be(rule: Rule, source: str) -> None:
    assert list(rule(ast.parse(source))) == []


@pytest.mark.parametrize("folder", ["work", "root", "home"])
def test_places_of_a_machine_are_found(folder: str) -> None:
    assert len(list(places_of_a_machine(f"cd /{folder}/somewhere\n'/{folder}/x'"))) == 2
    assert list(places_of_a_machine(f"https://example.org/{folder}/page and docs/{folder}/x")) == []
    assert len(list(places_of_a_machine("see https://" + "repo1" + ".maven.org/maven2"))) == 1
