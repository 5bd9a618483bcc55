"""Environments of their own for programs whose packages are not the project's, without a network."""

import subprocess
from pathlib import Path

import pytest

from tools.local import cache
from tools.local.cache import MissingToolError
from tools.local.venv import python_with


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "folder", tmp_path / "cache")
    monkeypatch.setattr(cache, "announce", lambda text: None)


def lock(folder: Path, text: str) -> Path:
    path = folder / "some.lock"
    path.write_text(text, encoding="utf-8")
    return path


def test_it_has_the_packages_of_the_lock_and_no_others(tmp_path: Path) -> None:
    python = python_with(lock(tmp_path, "# none\n"))
    assert python.is_relative_to(cache.folder)
    found = subprocess.run([python, "-c", "import msgspec"], capture_output=True, text=True, check=False, env={})
    assert "No module named 'msgspec'" in found.stderr
    assert python_with(lock(tmp_path, "# none\n")) == python
    assert python_with(lock(tmp_path, "# none yet\n")) != python


def test_what_cannot_be_installed_is_named_and_not_kept(tmp_path: Path) -> None:
    wrong = lock(tmp_path, "no-such-package ! 1\n")
    with pytest.raises(MissingToolError, match=r"could not install what .*some\.lock names: .*\n.*Invalid requirement"):
        python_with(wrong)
    assert list(cache.folder.glob("venv-*")) == []
