"""A wheel carries the built console, and is not built without it."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = ("pyproject.toml", "README.md", "app.py", "tools/__init__.py", "tools/build_packages.py")
COMPILED = ("ext-modules", "build_ext")
BUILT = {
    "index.html": "<!doctype html>",
    "manifest.json": "{}",
    "persisted-documents.json": "{}",
    "assets/index-3f2a.js": "export {}",
}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """What decides whether the console is in a wheel, without the packages and the compiled modules."""
    folder = tmp_path / "tree"
    for name in ("gateway", "tools"):
        (folder / name).mkdir(parents=True)
    for name in FILES:
        shutil.copy(ROOT / name, folder / name)
    text = (folder / "pyproject.toml").read_text(encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        "\n".join(line for line in text.splitlines() if not line.startswith(COMPILED)), encoding="utf-8"
    )
    shutil.copy(ROOT / "gateway" / "__init__.py", folder / "gateway" / "__init__.py")
    return folder


def build(tree: Path, what: str = "wheel") -> subprocess.CompletedProcess[str]:
    code = f"from setuptools import build_meta; build_meta.build_{what}('dist')"
    return subprocess.run(
        [sys.executable, "-c", code], cwd=tree, capture_output=True, text=True, timeout=120, check=False
    )


def test_a_wheel_has_all_of_the_built_console(tree: Path) -> None:
    for name, text in BUILT.items():
        path = tree / "gateway" / "console" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    done = build(tree)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next((tree / "dist").glob("*.whl"))) as wheel:
        assert set(wheel.namelist()) >= {f"gateway/console/{name}" for name in BUILT}


def test_no_wheel_is_built_without_the_console(tree: Path) -> None:
    done = build(tree)
    assert done.returncode != 0
    assert "gateway/console/index.html is missing" in done.stderr
    assert not list(tree.glob("dist/*.whl"))


def test_an_editable_install_needs_no_console(tree: Path) -> None:
    """It runs from the tree: the demo needs nothing but Python, and `make console` builds the console later."""
    (tree / "dist").mkdir()
    done = build(tree, "editable")
    assert done.returncode == 0, done.stderr
    assert list(tree.glob("dist/*.whl"))
