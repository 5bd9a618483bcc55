"""Programs out of Debian packages, for a machine on which nobody wants to install them.

A package is downloaded and unpacked beside, not installed: that needs no root and starts no service. apt's own
configuration knows where packages come from, so that no host is named here.
"""

import fcntl
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

TIMEOUT_S = 300


class MissingProgramError(RuntimeError):
    """A program is not on this machine and cannot be fetched; the message says how to get it."""


class Program(NamedTuple):
    """A program and the Debian package that has it. It must need no other package but libc."""

    name: str
    package: str


PROMETHEUS = Program("prometheus", "prometheus")
PROMTOOL = Program("promtool", "prometheus")
AMTOOL = Program("amtool", "prometheus-alertmanager")


def default_cache() -> Path:
    """The folder in which downloads are kept between runs; that of the tests, too."""
    return Path.home() / ".cache" / "rentmatch"


def find(program: Program, cache: Path, announce: Callable[[str], object] = print) -> Path:
    """A program's path: on PATH if it is there, else unpacked into `cache`, downloaded once.

    Args:
        program: what is looked for.
        cache: where packages are kept unpacked; made if it is not there.
        announce: told when a download begins.

    Raises:
        MissingProgramError: it is not here, and apt is not either or cannot fetch it.

    """
    installed = shutil.which(program.name)
    if installed:
        return Path(installed)
    found = _unpacked(program.package, cache, announce) / "usr" / "bin" / program.name
    if not found.exists():
        raise MissingProgramError(f"the Debian package {program.package} holds no {program.name}")
    return found


def _unpacked(package: str, cache: Path, announce: Callable[[str], object]) -> Path:
    """The package's folder, filled beside its place and renamed: a torn download is never taken for whole."""
    done = cache / f"debian-{package}"
    if done.exists():
        return done
    for command in ("apt-get", "dpkg-deb"):
        if shutil.which(command) is None:
            raise MissingProgramError(
                f"no {package} on PATH, and no {command} to fetch it with: install {package} and put it on PATH"
            )
    cache.mkdir(parents=True, exist_ok=True)
    with _only_one(cache / "lock"):
        if not done.exists():
            announce(f"fetching the Debian package {package} into {cache}")
            with tempfile.TemporaryDirectory(dir=cache, prefix="partial-") as partial:
                archive = _download(package, Path(partial))
                _run(["dpkg-deb", "-x", str(archive), "content"], Path(partial))
                (Path(partial) / "content").rename(done)
    return done


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
    except MissingProgramError:
        _run(["apt-get", *own, "update"], folder)
        _run(["apt-get", *own, "download", package], folder)
    (archive,) = folder.glob("*.deb")
    return archive


def _run(line: list[str], folder: Path) -> None:
    """Run a command in `folder`.

    Raises:
        MissingProgramError: it failed or took too long; with the end of what it said.

    """
    try:
        done = subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        raise MissingProgramError(f"{line[0]} did not end within {TIMEOUT_S} s: {' '.join(line)}") from None
    if done.returncode != 0:
        raise MissingProgramError(f"{' '.join(line)} failed:\n{(done.stdout + done.stderr)[-2000:]}")


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; the system lets go of it when a process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
