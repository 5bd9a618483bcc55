"""The rules of style and layering that tests/test_tidy.py applies to the tree.

A rule is a function from a source to findings; tests/test_tidy_rules.py tries each on sources that break it.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path

ROOMS = frozenset(
    {
        "agents",
        "app",
        "benchmarks",
        "connectors",
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
    # Pure mappings: what is read and sent is the business of ops.
    "connectors": frozenset({"domain", "streams"}),
    "tables": frozenset({"domain", "streams"}),
    "agents": frozenset({"domain", "streams", "tables"}),
    "sinks": frozenset({"domain", "streams", "tables"}),
    "read_model": frozenset({"domain", "sinks", "streams"}),
    "gateway": frozenset({"domain", "read_model", "sinks", "streams", "tables"}),
    # Only the vocabulary and the numbers of the contract: an auditor must derive the results by itself.
    "simulator": frozenset({"domain.facts", "domain.records", "domain.policy", "domain.time"}),
    "app": frozenset({"agents", "domain", "gateway", "read_model", "sinks", "streams", "tables"}),
    "ops": ROOMS - {"benchmarks", "tests", "tools"},
    "tools": frozenset({"domain", "ops", "simulator", "streams"}),
    "benchmarks": ROOMS - {"tests"},
    "tests": ROOMS,
}

APART: dict[str, frozenset[str]] = {
    # Inside a room: a package and the packages that it must not import.
    "streams.codec": frozenset({"streams.broker", "streams.transport"}),
    "streams.broker": frozenset({"streams.codec", "streams.transport"}),
    "streams.transport": frozenset({"streams.codec"}),
    **{
        f"streams.{root}": frozenset({"streams.broker", "streams.codec", "streams.transport"})
        for root in ("clocks", "partitioning", "routing", "settings", "topics", "topology")
    },
    "domain.payments": frozenset({"domain.explain", "domain.obligations"}),
    "domain.obligations": frozenset({"domain.explain"}),
}

DOMAIN_LIBRARIES = frozenset(sys.stdlib_module_names) - {"random", "secrets", "time", "asyncio", "threading"} | {
    "msgspec"
}

CLOCK_CALLS = frozenset({"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter"})

POSITIONAL_MAX = 8
POSITIONAL = {
    "st.builds": "Hypothesis passes the arguments of the class on",
    "st.one_of": "any number of alternatives",
    "asyncio.gather": "any number of awaitables",
    "_openssl": "a command line",
    "cls": "from_fact of the domain's accepted records: called for every fact, in the order of the fact's fields",
    "ObligationReconciliation": "keywords would cost a twelfth of a view",
    "PaymentApplication": "keywords would cost a tenth of a view",
}
"""Calls that may have more positional arguments than POSITIONAL_MAX, with the reason."""

READ_AS_FOLDER = {
    "ops/deploy/grafana/dashboards": "ops/deploy/grafana/generate.py",
    "ops/deploy/grafana/provisioning/dashboards": "ops/deploy/grafana/provisioning/dashboards/rentmatch.yml",
    "ops/deploy/prometheus/rules": "tools/local/prometheus.py",
    "ops/deploy/prometheus/tests": "tests/ops/test_prometheus.py",
    "schemas/avro": "streams/codec/avro_schemas.py",
    "schemas/avro/known": "streams/codec/avro_schemas.py",
    "benchmarks/kafka_streams/src/main/java/rentmatch/peer": "benchmarks/peers/kafka_streams.py",
    "tests/domain/packed": "tests/domain/test_packed_bytes.py",
    "tests/tables/version_1": "tests/tables/test_version_1.py",
    "tests/domain/scenarios": "tests/kit/scenario_tables.py",
    "tests/ops/explanations": "tests/ops/test_exceptions.py",
}
"""Folders whose files are read without being named, and the file that reads them."""

READ_BY_ENDING = {
    ("console/src", ".graphql"): "console/codegen.ts",
    ("console/src", ".test.ts"): "console/vite.config.ts",
    ("console/src", ".test.tsx"): "console/vite.config.ts",
}
"""Files of the console that are found by their ending, and the file that finds them."""

READ_BY_TOOLS = {
    "console/.npmrc": "npm",
    "console/package.json": "npm",
    "console/tsconfig.json": "tsc and Vite",
    "console/biome.json": "Biome",
}
"""Files that a tool reads under a name of its own, and the tool."""

# Put together from parts, so that this file does not find itself.
HOME_PATHS = re.compile(r"(?<![\w.:/*$}-])/(?:" + "|".join(("work", "root", "home", "Users")) + r")/")
REGISTRY_HOSTS = re.compile("|".join(re.escape(".".join(parts)) for parts in (
    ("repo1", "maven", "org"), ("repo", "maven", "apache"), ("files", "pythonhosted", "org"), ("pypi", "org/simple"),
    ("registry", "npmjs", "org"), ("proxy", "golang", "org"), ("index", "crates", "io"),
)))  # fmt: skip

Finding = str
Rule = Callable[[ast.Module], Iterator[Finding]]


def room_of(path: Path) -> str:
    """The top-level package or module of a source."""
    return path.parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    """The dotted name of a source, from the root."""
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The line and the absolute dotted name of each import; `from domain import facts` is domain.facts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            # What is imported from a room itself may be a module, so the name counts.
            yield from ((node.lineno, f"{module}.{alias.name}" if module in ROOMS else module) for alias in node.names)


def forbidden_imports(module: str, tree: ast.Module) -> Iterator[Finding]:
    """Imports that MAY_IMPORT or APART forbids; `module` is the dotted name of the source."""
    room = module.partition(".")[0]
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
        for part, others in APART.items():
            if _is_in(module, part) and any(_is_in(name, other) for other in others):
                yield f"{line}: {part} must not import {name}"
        if room == "tests" and _is_in(name, "tests") and not _may_share(module, name):
            yield f"{line}: {name} is another folder's test; what tests share belongs to tests.kit"


def _is_in(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _may_share(module: str, name: str) -> bool:
    """Return whether a module of the tests may import another one: from the kit, conftest or its own folder."""
    folder = module.rpartition(".")[0]
    if _is_in(name, "tests.kit"):
        return True
    if folder == "tests.kit":
        return False
    # The soak plays the long forms of the faults.
    return name == "tests.conftest" or _is_in(name, folder) or (folder == "tests.soak" and _is_in(name, "tests.faults"))


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


def long_positional_calls(tree: ast.Module) -> Iterator[Finding]:
    """Calls in which nobody can see which argument is which."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and len(node.args) > POSITIONAL_MAX:
            name = ast.unparse(node.func)
            if name not in POSITIONAL:
                yield f"{node.lineno}: {name} with {len(node.args)} positional arguments"


def catch_all_cases(tree: ast.Module) -> Iterator[Finding]:
    """`case _` hides a member that was added to a closed enum or union; assert_never finds it."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.match_case) or node.guard is not None or ast.unparse(node.pattern) != "_":
            continue
        if not ast.unparse(node.body[0]).startswith("assert_never("):
            yield f"{node.pattern.lineno}: case _; end in assert_never"


def class_definitions(trees: Mapping[Path, ast.Module]) -> dict[str, list[Path]]:
    """The files that define each class name."""
    found: dict[str, list[Path]] = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(path)
    return found


def unused_modules(trees: Mapping[Path, ast.Module], texts: Mapping[Path, str]) -> Iterator[Path]:
    """Modules that are no test, that nothing imports, and whose name no other file gives (`-m name`, entry points).

    Only a test may need a module of the tests; a test alone does not keep any other module alive.
    """
    importers: dict[str, set[Path]] = {}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                importers.setdefault(name, set()).add(path)
    for path in trees:
        is_of_tests = room_of(path) == "tests"
        is_test = is_of_tests and path.name.startswith(("test_", "conftest"))
        if is_test or path.name == "__init__.py" or path.as_posix() in READ_BY_TOOLS:
            continue
        module = module_of(path).removesuffix(".__main__")
        pattern = re.compile(rf"(?<![\w.]){re.escape(module)}(?![\w.])")
        users = importers.get(module, set()) - {path}
        named = (
            other
            for other, text in texts.items()
            if other != path and other.suffix != ".md" and module in text and pattern.search(text)
        )
        if not any(is_of_tests or room_of(user) != "tests" for user in chain(users, named)):
            yield path


def unused_data(paths: Iterable[Path], texts: Mapping[Path, str]) -> Iterator[Path]:
    """Files that are no Python, and whose name no other file gives; READ_AS_FOLDER lists those read by folder."""
    for path in paths:
        name = path.as_posix()
        if name in READ_BY_TOOLS:
            continue
        if any(name.startswith(f"{folder}/") and name.endswith(ending) for folder, ending in READ_BY_ENDING):
            continue
        reader = READ_AS_FOLDER.get(path.parent.as_posix())
        if reader and path.parent.name in texts[Path(reader)]:
            continue
        if not any(path.name in text for other, text in texts.items() if other != path):
            yield path


def import_cycles(trees: Mapping[Path, ast.Module]) -> set[str]:
    """Modules on or between cycles of imports; those inside functions or for type checkers do not count."""
    modules = {module_of(path): tree for path, tree in trees.items()}
    needs = {name: {other for other in _imported(tree) if other in modules} - {name} for name, tree in modules.items()}
    left = set(needs)
    while True:
        needed = set().union(*(needs[name] & left for name in left))
        on_cycles = {name for name in left & needed if needs[name] & left}
        if on_cycles == left:
            return left
        left = on_cycles


def _imported(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
