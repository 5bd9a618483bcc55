"""Programs out of Debian packages, for a machine on which nobody wants to install them.

A package is downloaded and unpacked beside, not installed: that needs no root and starts no service. apt's own
configuration knows where packages come from, so that no host is named here.
"""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from tools.local.cache import MissingToolError, cached

TIMEOUT_S = 300


class Program(NamedTuple):
    """A program and the Debian package that has it. It must need no other package but libc."""

    name: str
    package: str


PROMETHEUS = Program("prometheus", "prometheus")
PROMTOOL = Program("promtool", "prometheus")
AMTOOL = Program("amtool", "prometheus-alertmanager")


def find(program: Program) -> Path:
    """A program's path: on PATH if it is there, else unpacked into the cache, downloaded once.

    Raises:
        MissingToolError: it is not here, and apt is not either or cannot fetch it.

    """
    installed = shutil.which(program.name)
    if installed:
        return Path(installed)
    folder = cached("debian", program.package, lambda target: _download_and_unpack(program.package, target))
    found = folder / "usr" / "bin" / program.name
    if not found.exists():
        raise MissingToolError(f"the Debian package {program.package} holds no {program.name}")
    return found


def _download_and_unpack(package: str, target: Path) -> None:
    for command in ("apt-get", "dpkg-deb"):
        if shutil.which(command) is None:
            raise MissingToolError(
                f"no {package} on PATH, and no {command} to fetch it with: install {package} and put it on PATH"
            )
    archive = _download(package, target.parent)
    _run(["dpkg-deb", "-x", str(archive), target.name], target.parent)


def _download(package: str, folder: Path) -> Path:
    """The package's archive, in `folder`; with lists of our own where the machine's are missing or too old."""
    own = []
    for name in ("Dir::State", "Dir::Cache"):
        place = folder / name.removeprefix("Dir::").lower()
        (place / "lists" / "partial").mkdir(parents=True)
        (place / "archives" / "partial").mkdir(parents=True)
        own += ["-o", f"{name}={place}"]
    # Dir::State moves dpkg's status along, which is not ours to make up; and root's sandbox user cannot enter here.
    own += ["-o", "Dir::State::status=/var/lib/dpkg/status", "-o", "APT::Sandbox::User=root"]
    try:
        _run(["apt-get", "download", package], folder)
    except MissingToolError:
        _run(["apt-get", *own, "update"], folder)
        _run(["apt-get", *own, "download", package], folder)
    (archive,) = folder.glob("*.deb")
    return archive


def _run(line: list[str], folder: Path) -> None:
    """Run a command in `folder`.

    Raises:
        MissingToolError: it failed or took too long; with the end of what it said.

    """
    try:
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise MissingToolError(f"{line[0]} did not end within {TIMEOUT_S} s: {' '.join(line)}") from None
    if done.returncode != 0:
        raise MissingToolError(f"{' '.join(line)} failed:\n{(done.stdout + done.stderr)[-2000:]}")
