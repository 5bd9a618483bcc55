"""Programs from Debian packages. Scripts stand in for apt and dpkg; other tests fetch promtool and kcat for real."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.local import cache
from tools.local.cache import MissingToolError
from tools.local.debian import Program, find, missing_packages

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


def test_an_installed_program_is_used(install: Install, tmp_path: Path) -> None:
    install("tool", "")
    assert find(TOOL) == tmp_path / "bin" / "tool"
    assert not (tmp_path / "cache").exists()


def test_a_package_is_fetched_once(install: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("apt-get", "touch tool.deb")
    install("dpkg-deb", UNPACK)
    announced: list[str] = []
    monkeypatch.setattr(cache, "announce", announced.append)
    for _ in range(2):
        found = find(TOOL)
        assert found.relative_to(tmp_path / "cache").as_posix().endswith("/usr/bin/tool")
        assert found.exists()
    assert "tool-package" in announced[0]
    assert len(announced) == 2  # before and after
    assert (tmp_path / "said").read_text().count("apt-get download tool-package") == 1
    assert list((tmp_path / "cache").glob("partial-*")) == []


def test_a_program_runs_with_the_libraries_unpacked_beside_it(install: Install, tmp_path: Path) -> None:
    install("apt-get", "touch program.deb library.deb")
    install(
        "dpkg-deb",
        "mkdir -p content/usr/bin content/usr/lib/any-linux-gnu\n"
        """printf '#!/bin/sh\\necho "$1 $LD_LIBRARY_PATH"\\n' > content/usr/bin/tool; chmod +x content/usr/bin/tool""",
    )
    install("readlink", 'exec readlink "$@"')
    install("dirname", 'exec dirname "$@"')
    found = find(Program("tool", "tool-package", ("library-package",)))
    printed = subprocess.run([found, "hello"], capture_output=True, text=True, check=True).stdout
    assert printed == f"hello {found.parent}/usr/lib/any-linux-gnu\n"
    calls = (tmp_path / "said").read_text().splitlines()
    assert calls[0] == "apt-get download tool-package library-package"
    assert [call.split("/")[-1] for call in calls[1:3]] == ["library.deb content", "program.deb content"]


def test_missing_package_lists_are_fetched_into_the_cache(install: Install, tmp_path: Path) -> None:
    install("apt-get", 'case "$*" in download*) exit 100;; *" download "*) touch tool.deb;; esac')
    install("dpkg-deb", UNPACK)
    assert find(TOOL).exists()
    _, update, again, _ = (tmp_path / "said").read_text().splitlines()
    assert f"Dir::State={tmp_path}/cache/partial-" in update
    assert update.endswith("update")
    assert f"Dir::Cache={tmp_path}/cache/partial-" in again


def test_a_failed_download_reports_the_reason_and_leaves_no_files(install: Install, tmp_path: Path) -> None:
    install("apt-get", "echo no network >&2; exit 100")
    install("dpkg-deb", UNPACK)
    with pytest.raises(MissingToolError, match="no network"):
        find(TOOL)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["lock"]


def test_a_package_that_cannot_be_unpacked_is_not_cached(install: Install, tmp_path: Path) -> None:
    install("apt-get", "touch tool.deb")
    install("dpkg-deb", "mkdir -p content/usr/bin; exit 2")
    with pytest.raises(MissingToolError, match="dpkg-deb"):
        find(TOOL)
    assert list((tmp_path / "cache").glob("debian-*")) == []


def test_without_apt_the_error_names_the_package_to_install(install: Install, tmp_path: Path) -> None:
    with pytest.raises(MissingToolError, match="install tool-package"):
        find(TOOL)


def test_a_package_without_the_program_is_an_error(install: Install, tmp_path: Path) -> None:
    install("apt-get", "touch tool.deb")
    install("dpkg-deb", "mkdir -p content/usr/bin")
    with pytest.raises(MissingToolError, match="contains no tool"):
        find(TOOL)


def test_what_programs_lack_is_what_apt_would_install(install: Install) -> None:
    install("apt-get", 'echo "Inst libnss3 (2:3.87)"; echo "Inst chromium (156)"; echo "Conf chromium (156)"')
    assert missing_packages("chromium", "fonts-liberation") == ["chromium", "libnss3"]


def test_without_apt_the_message_names_the_packages(install: Install) -> None:
    with pytest.raises(MissingToolError, match="chromium"):
        missing_packages("chromium")
