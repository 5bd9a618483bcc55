"""Runs programs from Debian packages without installing the packages.

A package is downloaded and unpacked into the cache, which needs no root and starts no service. The package source is
that of the machine's apt configuration, so no host is named here.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tools.local.cache import MissingToolError, cached

TIMEOUT_S = 300


class Program(NamedTuple):
    """A program, the Debian package that contains it, and the packages of libraries that a minimal Debian lacks."""

    name: str
    package: str
    libraries: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """All packages to unpack."""
        return (self.package, *self.libraries)


PROMETHEUS = Program("prometheus", "prometheus")
PROMTOOL = Program("promtool", "prometheus")
AMTOOL = Program("amtool", "prometheus-alertmanager")
KCAT = Program("kcat", "kcat", ("librdkafka1", "libsasl2-2", "libyajl2"))

LAUNCHER = """\
#!/bin/sh
root=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-*) exec "$root/usr/bin/{name}" "$@"
"""
"""Starts a program with the libraries that were unpacked beside it."""


def find(program: Program) -> Path:
    """Return a program's path: on PATH if it is installed, else unpacked into the cache, downloaded once.

    Raises:
        MissingToolError: it is not installed, and apt is missing too or cannot fetch it.

    """
    installed = shutil.which(program.name)
    if installed:
        return Path(installed)
    folder = cached("debian", " ".join(program.packages), lambda target: _unpack_program(program, target))
    found = folder / "usr" / "bin" / program.name
    if not found.exists():
        raise MissingToolError(f"the Debian package {program.package} contains no {program.name}")
    return folder / program.name if program.libraries else found


def unpacked(packages: Sequence[str]) -> Path:
    """Return the folder into which packages are unpacked, downloaded once: servers have more than one program.

    Raises:
        MissingToolError: apt is missing or cannot fetch them.

    """

    def fill(target: Path) -> None:
        for command in ("apt-get", "dpkg-deb"):
            if shutil.which(command) is None:
                raise MissingToolError(f"no {command} to fetch {', '.join(packages)} with")
        _download_and_unpack(packages, target)

    return cached("debian", " ".join(packages), fill)


def missing_packages(*packages: str) -> list[str]:
    """Return what apt would install for `packages` on this machine: themselves and what they depend on, as they lack.

    Raises:
        MissingToolError: apt is missing, or does not know them.

    """
    if shutil.which("apt-get") is None:
        raise MissingToolError(f"no apt-get to find out what {', '.join(packages)} need: install them")
    line = ["--simulate", "-o", "Debug::NoLocking=1", "install", "--no-install-recommends", *packages]
    with tempfile.TemporaryDirectory() as folder:
        try:
            output = _run(["apt-get", *line], Path(folder))
        except MissingToolError:
            own = _own_lists(Path(folder))
            _run(["apt-get", *own, "update"], Path(folder))
            output = _run(["apt-get", *own, *line], Path(folder))
    return sorted(row.split()[1] for row in output.splitlines() if row.startswith("Inst "))


def libraries_of(folder: Path) -> str:
    """Return the LD_LIBRARY_PATH for programs in a folder of `unpacked`."""
    places = [*folder.glob("usr/lib/*-linux-*"), *folder.glob("lib/*-linux-*")]
    return ":".join(str(place) for place in places)


def _unpack_program(program: Program, target: Path) -> None:
    for command in ("apt-get", "dpkg-deb"):
        if shutil.which(command) is None:
            raise MissingToolError(
                f"no {program.name} on PATH, and no {command} to fetch it with: "
                f"install {program.package} and put it on PATH"
            )
    _download_and_unpack(program.packages, target)
    if program.libraries:
        launcher = target / program.name
        launcher.write_text(LAUNCHER.format(name=program.name), encoding="utf-8")
        launcher.chmod(0o755)


def _download_and_unpack(packages: Sequence[str], target: Path) -> None:
    for archive in _download(packages, target.parent):
        _run(["dpkg-deb", "-x", str(archive), target.name], target.parent)


def _download(packages: Sequence[str], folder: Path) -> list[Path]:
    """Download the packages' archives into `folder`, with package lists of our own if the machine's are unusable."""
    own = _own_lists(folder)
    try:
        _run(["apt-get", "download", *packages], folder)
    except MissingToolError:
        _run(["apt-get", *own, "update"], folder)
        _run(["apt-get", *own, "download", *packages], folder)
    return sorted(folder.glob("*.deb"))


def _own_lists(folder: Path) -> list[str]:
    """Options with which apt keeps its lists and archives in `folder`."""
    own = []
    for name in ("Dir::State", "Dir::Cache"):
        place = folder / name.removeprefix("Dir::").lower()
        (place / "lists" / "partial").mkdir(parents=True)
        (place / "archives" / "partial").mkdir(parents=True)
        own += ["-o", f"{name}={place}"]
    # dpkg's status file must stay the machine's, which Dir::State would move; root's sandbox user cannot enter here.
    return [*own, "-o", "Dir::State::status=/var/lib/dpkg/status", "-o", "APT::Sandbox::User=root"]


def _run(line: list[str], folder: Path) -> str:
    """Run a command in `folder`, and return its output.

    Raises:
        MissingToolError: it failed or timed out; the message ends with its output.

    """
    try:
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise MissingToolError(f"{line[0]} did not finish within {TIMEOUT_S} s: {' '.join(line)}") from None
    if done.returncode != 0:
        raise MissingToolError(f"{' '.join(line)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
    return done.stdout
