"""Programs out of Debian packages. apt and dpkg are stood in for by scripts; the real ones fetch promtool elsewhere."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tools.local import cache
from tools.local.cache import MissingToolError
from tools.local.debian import Program, find

TOOL = Program("tool", "tool-package")

Install = Callable[[str, str], None]
"""Puts a shell script of this name and body on PATH."""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(cache, "folder", tmp_path / "cache")
    monkeypatch.setattr(cache, "announce", lambda _: None)

    def script(name: str, body: str) -> None:
        (folder / name).write_text(f'#!/bin/sh\nPATH=/usr/bin:/bin\necho "{name} $*" >> {tmp_path}/said\n{body}\n')
        (folder / name).chmod(0o755)

    return script


UNPACK = 'mkdir -p content/usr/bin; cp "$2" content/usr/bin/tool'
"""A stand-in for dpkg-deb -x: the archive is the program."""


def test_a_program_on_the_path_is_taken_from_there(install: Install, tmp_path: Path) -> None:
    install("tool", "")
    assert find(TOOL) == tmp_path / "bin" / "tool"
    assert not (tmp_path / "cache").exists()


def test_a_package_is_fetched_once(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("apt-get", "touch tool.deb")
    install("dpkg-deb", UNPACK)
    told: list[str] = []
    monkeypatch.setattr(cache, "announce", told.append)
    for _ in range(2):
        found = find(TOOL)
        assert found.relative_to(tmp_path / "cache").as_posix().endswith("/usr/bin/tool")
        assert found.exists()
    assert "tool-package" in told[0]
    assert len(told) == 2  # that it is fetched, and that it was
    assert (tmp_path / "said").read_text().count("apt-get download tool-package") == 1
    assert list((tmp_path / "cache").glob("partial-*")) == []


def test_missing_lists_are_fetched_into_a_folder_of_our_own(install: Install, tmp_path: Path) -> None:
    install("apt-get", 'case "$*" in download*) exit 100;; *" download "*) touch tool.deb;; esac')
    install("dpkg-deb", UNPACK)
    assert find(TOOL).exists()
    _, update, again, _ = (tmp_path / "said").read_text().splitlines()
    assert f"Dir::State={tmp_path}/cache/partial-" in update
    assert update.endswith("update")
    assert f"Dir::Cache={tmp_path}/cache/partial-" in again


def test_a_failed_download_says_why_and_leaves_nothing(install: Install, tmp_path: Path) -> None:
    install("apt-get", "echo no network >&2; exit 100")
    install("dpkg-deb", UNPACK)
    with pytest.raises(MissingToolError, match="no network"):
        find(TOOL)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_a_torn_package_is_not_taken_for_whole(install: Install, tmp_path: Path) -> None:
    install("apt-get", "touch tool.deb")
    install("dpkg-deb", "mkdir -p content/usr/bin; exit 2")
    with pytest.raises(MissingToolError, match="dpkg-deb"):
        find(TOOL)
    assert list((tmp_path / "cache").glob("debian-*")) == []


def test_without_apt_it_says_what_to_install(install: Install, tmp_path: Path) -> None:
    with pytest.raises(MissingToolError, match="install tool-package"):
        find(TOOL)


def test_a_package_without_the_program_is_a_mistake_of_ours(install: Install, tmp_path: Path) -> None:
    install("apt-get", "touch tool.deb")
    install("dpkg-deb", "mkdir -p content/usr/bin")
    with pytest.raises(MissingToolError, match="holds no tool"):
        find(TOOL)
