"""The rules of a wheel, which Cython compiled from the same Python: they write the same bytes, changelogs included."""

import json
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
    assert compiled["digests"] == plain["digests"]
    written = {place.partition(":")[0]: count for place, (count, _) in plain["digests"].items() if count > 2}
    assert {"payments-changelog", "obligations-changelog", "references-changelog", "payouts-changelog"} <= set(written)
    assert {"payment-reconciliations", "mismatch-alerts", "late-payment-alerts", "dead-letter"} <= set(written)


def test_the_wheel_has_the_python_of_what_is_compiled(wheel: Path) -> None:
    for name in COMPILED:
        path = f"{name.replace('.', '/')}.py"
        assert (wheel / path).read_bytes() == (ROOT / path).read_bytes()
