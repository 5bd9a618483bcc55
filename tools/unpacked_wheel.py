"""A wheel of this checkout, unpacked: the same Python, with the modules that Cython compiles of it.

It is built of a copy, since a build in the checkout would leave files there, which Python would then take.
"""

import hashlib
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path

from tools.build_extensions import COMPILED
from tools.local import cache

ROOT = Path(__file__).resolve().parents[1]

SUFFIX: str = sysconfig.get_config_var("EXT_SUFFIX")
"""Of an extension module for this Python."""

APART = ("tests/", "benchmarks/", "docs/", "console/")
"""No wheel has anything of these folders."""

PROOF = "domain.payments.view"
"""One of the compiled modules."""


def sources() -> list[Path]:
    """The files that Git tracks or would add, without those that no wheel has, relative to the root."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    names = (name for name in filter(None, listed) if not name.startswith(APART))
    return sorted(Path(name) for name in names if (ROOT / name).is_file())


def copied_sources(folder: Path) -> Path:
    """Copy the sources to `source` in a folder; return that."""
    target = folder / "source"
    for name in sources():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, target / name)
    # Without a console no wheel is built; tests/gateway/test_wheel.py is about the real one.
    (target / "gateway" / "console").mkdir()
    (target / "gateway" / "console" / "index.html").write_text("<!doctype html>", encoding="utf-8")
    return target


def build(folder: Path) -> Path:
    """Build a wheel as the image does, in this folder.

    Raises:
        RuntimeError: the build failed; the message is its output.

    """
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps",
         "--no-build-isolation", "--wheel-dir", str(folder), "."],
        cwd=copied_sources(folder), capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"no wheel could be built:\n{done.stdout}{done.stderr}")
    (found,) = folder.glob("*.whl")
    return found


def unpack(wheel: Path, folder: Path) -> None:
    """Unpack a wheel into a folder, from which Python can run it."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def is_compiled(code: Path) -> bool:
    """Return whether the rules in a folder of our code are compiled."""
    return _has_compiled(code, PROOF)


def compiled_code() -> Path:
    """Return the folder of an unpacked wheel of this checkout as it is now; it is built once for each state of it.

    Raises:
        RuntimeError: the build failed.
        tools.local.cache.MissingToolError: something that compiles is missing.

    """
    digest = hashlib.sha256(f"{sys.version} {sysconfig.get_platform()}".encode())
    for name in sources():
        if name.suffix == ".md":  # nothing runs it
            continue
        digest.update(f"\0{name}\0".encode() + (ROOT / name).read_bytes())
    return cache.cached("wheel", f"a wheel of this checkout ({digest.hexdigest()[:16]})", _fill)


def _fill(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        unpack(build(Path(folder)), target)
    missing = [name for name in COMPILED if not _has_compiled(target, name)]
    if missing:
        raise cache.MissingToolError(
            f"{len(missing)} modules were not compiled, {missing[0]} first: install a C compiler (on Debian and "
            "Ubuntu: apt install gcc) and what requirements-dev.lock names, of which Cython is one"
        )


def _has_compiled(code: Path, name: str) -> bool:
    return (code / f"{name.replace('.', '/')}{SUFFIX}").exists()
