"""Installs Python programs whose packages are not the project's, each in a virtual environment of its own."""

import hashlib
import platform
import subprocess
import sys
from pathlib import Path

from tools.local import cache
from tools.local.cache import MissingToolError

TIMEOUT_S = 600


def python_with(lock: Path) -> Path:
    """Return the Python of an environment with exactly the packages of a lock file with hashes.

    It is installed once for each content of the file and each version of Python, from the index that the machine's
    configuration of pip names.

    Raises:
        MissingToolError: the environment cannot be made, or a package is not to be had for this Python or has another
            hash; the message ends with what pip said.

    """
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    what = f"the packages of {lock.parent.name}/{lock.name} ({digest}) for Python {platform.python_version()}"
    # Python finds its packages from where it is. Only scripts would miss the folder's first name, and none is run.
    return cache.cached("venv", what, lambda target: _install(lock, target)) / "bin" / "python"


def _install(lock: Path, target: Path) -> None:
    _run([sys.executable, "-m", "venv", "--without-pip", str(target)], "make a virtual environment")
    pip = [sys.executable, "-m", "pip", "--python", str(target / "bin" / "python"), "--disable-pip-version-check"]
    _run([*pip, "install", "--require-hashes", "--no-deps", "-r", str(lock)], f"install what {lock} names")


def _run(command: list[str], what: str) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except subprocess.TimeoutExpired:
        raise MissingToolError(f"could not {what} within {TIMEOUT_S} s: {' '.join(command)}") from None
    except subprocess.CalledProcessError as error:
        output = (error.stdout + error.stderr)[-3000:]
        raise MissingToolError(f"could not {what}: {' '.join(command)}\n{output}") from None
