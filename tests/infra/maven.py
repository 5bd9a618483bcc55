"""Fetches the Java programs that tests run, through Maven, once for each machine.

Maven's own configuration knows where artifacts come from, so that no host is named here.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import escape

from tests.infra.environment import CACHE, MissingToolError

KAFKA = ("org.apache.kafka:kafka_2.13:4.1.1", "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3")
"""The broker, and the binding without which it logs nothing."""

APICURIO = "io.apicurio:apicurio-registry-app:3.0.9:tar.gz:all"
"""The last registry found to run on Java 17 (3.3 wants Java 21)."""

announce: Callable[[str], object] = print
"""Where progress is told. tests/conftest.py points it past pytest's capture: a silent minute looks like a hang."""

ATTEMPTS = 4
TIMEOUT_S = 420


def java() -> str:
    """The `java` to run.

    Raises:
        MissingToolError: there is none.
    """
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not found or not Path(found).exists():
        raise MissingToolError("no Java: install Java 17 or later, or name a broker in RENTMATCH_TEST_BROKER")
    return found


def jars(coordinates: Sequence[str]) -> list[Path]:
    """The jars of these `group:artifact:version` and of all that they need at run time.

    Raises:
        MissingToolError: Maven is not there or could not fetch them.
    """
    folder = _cached("jars", "\n".join(coordinates), lambda target: _copy_dependencies(coordinates, target))
    return sorted(folder.glob("*.jar"))


def unpacked(coordinate: str) -> Path:
    """The folder of a `group:artifact:version:tar.gz:classifier`, unpacked.

    Raises:
        MissingToolError: Maven is not there or could not fetch it.
    """
    return _cached("unpacked", coordinate, lambda target: _copy_and_unpack(coordinate, target))


def _cached(kind: str, what: str, fill: Callable[[Path], None]) -> Path:
    """The cache folder of `what`, filled beside its place and renamed: a torn download is never taken for whole."""
    done = CACHE / f"{kind}-{hashlib.sha256(what.encode()).hexdigest()[:16]}"
    if done.exists():
        return done
    CACHE.mkdir(parents=True, exist_ok=True)
    with _only_one(CACHE / "lock"):
        if not done.exists():
            announce(f"fetching {what.replace(chr(10), ', ')} into {CACHE}")
            started = time.monotonic()
            with tempfile.TemporaryDirectory(dir=CACHE, prefix="partial-") as partial:
                target = Path(partial) / "content"
                target.mkdir()
                fill(target)
                target.rename(done)
            announce(f"fetched in {time.monotonic() - started:.1f} s")
    return done


def _copy_dependencies(coordinates: Sequence[str], target: Path) -> None:
    dependencies = ""
    for coordinate in coordinates:
        group, artifact, version = (escape(part) for part in coordinate.split(":"))
        dependencies += (
            f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
            f"<version>{version}</version></dependency>"
        )
    pom = target.parent / "pom.xml"
    pom.write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>rentmatch</groupId><artifactId>test-jars</artifactId><version>1</version><packaging>pom</packaging>"
        f"<dependencies>{dependencies}</dependencies></project>",
        encoding="utf-8",
    )
    _maven("-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={target}")


def _copy_and_unpack(coordinate: str, target: Path) -> None:
    packed = target.parent / "packed"
    _maven("dependency:copy", f"-Dartifact={coordinate}", f"-DoutputDirectory={packed}", cwd=target.parent)
    (archive,) = packed.iterdir()
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")


def _maven(*arguments: str, cwd: Path | None = None) -> None:
    command = shutil.which("mvn")
    if command is None:
        raise MissingToolError("no Maven: install mvn, or name a broker in RENTMATCH_TEST_BROKER")
    # -U, since Maven otherwise remembers a failed look-up and does not ask again.
    line = [command, "-B", "-q", "-U", *arguments]
    said = ""
    for attempt in range(1, ATTEMPTS + 1):
        if attempt > 1:
            announce(f"Maven failed, attempt {attempt} of {ATTEMPTS}")
            time.sleep(2**attempt)
        try:
            done = subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            said = f"no answer within {TIMEOUT_S} s"
            continue
        if done.returncode == 0:
            return
        said = (done.stdout + done.stderr)[-3000:]
    raise MissingToolError(f"Maven could not fetch what the tests need, after {ATTEMPTS} attempts:\n{said}")


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file; the system lets go of it when a process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
