"""The rules of a wheel, which Cython compiled from the same Python: they write the same bytes, changelogs included."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tools.build_extensions import COMPILED
from tools.unpacked_wheel import build, is_compiled, unpack

ROOT = Path(__file__).resolve().parents[1]

PROGRAM = "tests.kit.recorded_month"


def run(*path: Path) -> dict[str, Any]:
    """Run the month with these folders first on the path."""
    env = {"PYTHONPATH": ":".join(map(str, path)), "PYTHONHASHSEED": "0", "PATH": "/usr/bin:/bin"}
    line = [sys.executable, "-c", f"from {PROGRAM} import main; main()"]
    done = subprocess.run(line, cwd=path[0], env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    unpack(build(folder), folder / "unpacked")
    return folder / "unpacked"


@pytest.mark.timeout(900)
def test_compiled_and_plain_rules_write_the_same_bytes(wheel: Path) -> None:
    plain, compiled = run(ROOT), run(wheel, ROOT)
    hint = "not compiled: is Cython installed? `make .venv/.installed-dev` installs what the lock names"
    assert {name for name, file in compiled["files"].items() if not file.endswith(".so")} == set(), hint
    assert {name for name, file in plain["files"].items() if not file.endswith(".py")} == set()
    assert set(plain["files"]) == set(COMPILED)
    assert is_compiled(wheel)
    assert not is_compiled(ROOT)
    places = plain["digests"].keys() | compiled["digests"].keys()
    differing = {place: (plain["digests"].get(place), compiled["digests"].get(place)) for place in sorted(places)}
    differing = {place: both for place, both in differing.items() if both[0] != both[1]}
    assert not differing, "topic:partition -> (records, digest) of the plain rules, and of the compiled ones"
    written = {place.partition(":")[0]: count for place, (count, _) in plain["digests"].items() if count > 2}
    assert {"payments-changelog", "obligations-changelog", "references-changelog", "payouts-changelog"} <= set(written)
    assert {"payment-reconciliations", "mismatch-alerts", "late-payment-alerts", "dead-letter"} <= set(written)


def test_the_wheel_has_the_python_of_what_is_compiled(wheel: Path) -> None:
    for name in COMPILED:
        path = f"{name.replace('.', '/')}.py"
        assert (wheel / path).read_bytes() == (ROOT / path).read_bytes()


DOMAIN_TESTS = """
import sys
import pytest
from tools.build_extensions import COMPILED
result = pytest.main(["-q", "-p", "no:cacheprovider", "-n", "0", "--hypothesis-profile", "few", "tests/domain"])
domain = [name for name in COMPILED if name.startswith("domain.")]
plain = [name for name in domain if not sys.modules[name].__file__.endswith(".so")]
assert not plain, f"not the compiled modules: {plain}"
sys.exit(result)
"""


@pytest.mark.timeout(600)
def test_the_tests_of_the_domain_hold_of_the_compiled_rules(wheel: Path, tmp_path: Path) -> None:
    """All of them, with fewer examples of each property than on plain Python, which takes as long as they all do."""
    place = tmp_path / "compiled"
    shutil.copytree(wheel, place)
    shutil.copytree(ROOT / "tests", place / "tests", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "ops" / "deploy", place / "ops" / "deploy", dirs_exist_ok=True)
    shutil.copy(ROOT / "pyproject.toml", place)
    for name in ("benchmarks", "docs", "tools"):
        (place / name).symlink_to(ROOT / name)
    env = {"PYTHONPATH": str(place), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", DOMAIN_TESTS], cwd=place, env=env, capture_output=True, text=True, timeout=500,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


OTHER_LAYOUT = """
import msgspec
from domain import records

class Posted(msgspec.Struct):
    a_new_field: int
    by_obligation: dict[str, int]
    net_minor: int

records.Posted = Posted
from domain.payments import view
"""


def test_compiled_rules_refuse_records_of_another_layout(wheel: Path) -> None:
    env = {"PYTHONPATH": str(wheel), "PATH": "/usr/bin:/bin"}
    line = [sys.executable, "-c", OTHER_LAYOUT]
    done = subprocess.run(line, cwd=wheel, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert "ImportError: domain.records.Posted.by_obligation lies at 24 and was at 16" in done.stderr


def test_none_in_the_place_of_a_record_is_an_error_and_no_crash(wheel: Path) -> None:
    env = {"PYTHONPATH": str(wheel), "PATH": "/usr/bin:/bin"}
    for argument, error in (("None", "AttributeError: 'NoneType' object has no"), ("'x'", "TypeError: ")):
        line = [sys.executable, "-c", f"from domain.payments.totals import add_up; add_up({argument})"]
        done = subprocess.run(line, cwd=wheel, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1, done.stderr
        assert error in done.stderr
