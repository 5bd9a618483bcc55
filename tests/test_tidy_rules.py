"""Each rule of tests/kit/tidy.py is tried on sources that break it, and on sources that do not."""

import ast
from pathlib import Path

import pytest

from tests.kit.tidy import (
    Rule,
    catch_all_cases,
    class_definitions,
    clock_reads,
    float_money,
    forbidden_imports,
    import_cycles,
    long_positional_calls,
    places_of_a_machine,
    prints,
    swallowed_exceptions,
    unused_data,
    unused_modules,
)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("domain", "from streams import topics"),
        ("domain", "import fastavro"),
        ("domain", "from .facts import Fact"),
        ("streams", "from tables.store import Store"),
        ("streams", "def late():\n    import app"),
        ("agents", "from sinks import metrics"),
        ("sinks", "from agents import route_inputs"),
        ("simulator", "from domain import allocation"),
        ("simulator", "from domain.payments.view import view"),
        ("simulator", "import domain"),
        ("app", "import tests.kit.driver"),
        ("gateway.rest.server", "from ops.console import say"),
        ("tools.local.up", "import read_model"),
        ("streams.codec.codec", "from streams.transport.batch import Batch"),
        ("streams.codec.codec", "from streams import broker"),
        ("streams.broker.reading", "from streams.transport import engine"),
        ("streams.transport.engine", "from streams.codec import codec"),
        ("streams.topology", "from streams.codec import codec"),
        ("tests.kit.driver", "from tests.conftest import go_without"),
        ("tests.kit.driver", "from tests.streams.test_engine import charge"),
        ("tests.streams.test_engine", "from tests.agents.test_full_keys import full"),
    ],
)
def test_a_forbidden_import_is_found(module: str, source: str) -> None:
    assert len(list(forbidden_imports(module, ast.parse(source)))) == 1


@pytest.mark.parametrize(
    ("module", "source"),
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
        ("streams.transport.fetcher", "from streams.broker.cluster import look_up"),
        ("tests.streams.test_engine", "from tests.kit.driver import Driver\nfrom tests.conftest import go_without"),
        ("tests.streams.test_engine", "from tests.streams.conftest import registry"),
    ],
)
def test_an_allowed_import_is_not(module: str, source: str) -> None:
    assert list(forbidden_imports(module, ast.parse(source))) == []


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
        (long_positional_calls, "Fact(1, 2, 3, 4, 5, 6, 7, 8, 9)"),
        (catch_all_cases, "match x:\n    case A():\n        f()\n    case _:\n        g()"),
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
        (long_positional_calls, "Fact(1, 2, 3, 4, 5, 6, 7, 8, nine=9)\nst.builds(Fact, 1, 2, 3, 4, 5, 6, 7, 8)"),
        (catch_all_cases, "match x:\n    case A():\n        f()\n    case other:\n        assert_never(other)"),
        (catch_all_cases, "match x:\n    case A():\n        f()\n    case _:\n        assert_never(x)"),
        (catch_all_cases, "match x:\n    case _ if x > 3:\n        f()\n    case int():\n        g()"),
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


def parsed(**files: str) -> dict[Path, ast.Module]:
    """Sources by their dotted names, with `__` for the dots."""
    return {Path(name.replace("__", "/") + ".py"): ast.parse(text) for name, text in files.items()}


def test_a_class_name_that_two_files_define_is_found() -> None:
    found = class_definitions(parsed(a__one="class State: pass", a__two="class State: pass\nclass Other: pass"))
    assert found == {"State": [Path("a/one.py"), Path("a/two.py")], "Other": [Path("a/two.py")]}


def test_a_module_that_nothing_uses_is_found() -> None:
    trees = parsed(
        streams__used="from streams import helper",
        streams__helper="import agents.tested",
        streams__entry="",
        agents__tested="",
        agents__dead="import streams.used",
        agents__only_tested="",
        tests__kit__helper="",
        tests__kit__dead="",
        tests__test_it="import agents.only_tested, tests.kit.helper",
    )
    texts = {
        Path("Makefile"): "python -m streams.entry",
        Path("README.md"): "agents.dead is described here",
        Path("setup.cfg"): "agents.dead_or_alive",
    }
    assert sorted(map(str, unused_modules(trees, texts))) == [
        "agents/dead.py",
        "agents/only_tested.py",
        "tests/kit/dead.py",
    ]


def test_a_data_file_that_nothing_names_is_found() -> None:
    texts = {Path("app.py"): "read('used.json')", Path("docs/used.json"): "", Path("docs/dead.json"): "dead.json"}
    assert list(unused_data([Path("docs/used.json"), Path("docs/dead.json")], texts)) == [Path("docs/dead.json")]


def test_modules_that_import_each_other_are_found() -> None:
    trees = parsed(
        a="import b",
        b="from c import x",
        c="from a import y",
        d="import a",
        e="if TYPE_CHECKING:\n    import f",
        f="import e",
    )
    assert import_cycles(trees) == {"a", "b", "c"}
