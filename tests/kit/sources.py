"""A copy of the tracked files, to build a wheel of: a build in the checkout would leave files there."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def copied_sources(folder: Path) -> Path:
    """Copy the tracked files, without tests and benchmarks, to `source` in a folder; return that."""
    target = folder / "source"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, listed):
        if (ROOT / name).is_file() and not name.startswith(("tests/", "benchmarks/")):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)
    # Without a console no wheel is built; tests/gateway/test_wheel.py is about the real one.
    (target / "gateway" / "console").mkdir()
    (target / "gateway" / "console" / "index.html").write_text("<!doctype html>", encoding="utf-8")
    return target
