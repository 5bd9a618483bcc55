"""Fetches Java programs through Maven, once for each machine.

The source is that of the machine's Maven configuration, so no host is named here.
"""

import os
import shutil
import subprocess
import tarfile
from collections.abc import Sequence
from pathlib import Path
from xml.sax.saxutils import escape

import stamina

from tools.local import cache
from tools.local.cache import MissingToolError

KAFKA = ("org.apache.kafka:kafka_2.13:4.1.1", "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3")
"""The broker, and the logging binding without which it logs nothing."""

DEBEZIUM = (
    "io.debezium:debezium-connector-postgres:3.6.1.Final",
    "org.apache.kafka:connect-runtime:4.1.1",
    "org.apache.kafka:connect-json:4.1.1",
)
"""Kafka Connect with Debezium's connector for PostgreSQL. (That for MySQL refuses MariaDB, and MariaDB's own is not on
Maven Central.)"""

APICURIO = "io.apicurio:apicurio-registry-app:3.0.9:tar.gz:all"
"""The newest registry known to run on Java 17 (3.3 needs Java 21)."""

ATTEMPTS = 4
TIMEOUT_S = 420


def java() -> str:
    """Return the path of `java`.

    Raises:
        MissingToolError: there is none.

    """
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not found or not Path(found).exists():
        raise MissingToolError(
            "no Java: install Java 17 or later (on Debian and Ubuntu: apt install openjdk-17-jre-headless)"
        )
    return found


def jars(coordinates: Sequence[str]) -> list[Path]:
    """Return the jars of these `group:artifact:version` and of all their run-time dependencies.

    Raises:
        MissingToolError: Maven is missing or could not fetch them.

    """
    folder = cache.cached("jars", "\n".join(coordinates), lambda target: _copy_dependencies(coordinates, target))
    return sorted(folder.glob("*.jar"))


def unpacked(coordinate: str) -> Path:
    """Return the folder with the unpacked `group:artifact:version:tar.gz:classifier`.

    Raises:
        MissingToolError: Maven is missing or could not fetch it.

    """
    return cache.cached("unpacked", coordinate, lambda target: _copy_and_unpack(coordinate, target))


def package(folder: Path, **properties: object) -> None:
    """Build the Maven project in a folder, whose `target` folder has the result.

    Raises:
        MissingToolError: Maven is missing or the build failed.

    """
    _maven(*(f"-D{name}={value}" for name, value in properties.items()), "package", cwd=folder)


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
        "<groupId>rentmatch</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>"
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
        raise MissingToolError("no Maven: install it (on Debian and Ubuntu: apt install maven)")
    # -U: otherwise Maven remembers a failed look-up and does not ask again.
    line = [command, "-B", "-q", "-U", *arguments]
    try:
        for attempt in stamina.retry_context(
            on=subprocess.SubprocessError, attempts=ATTEMPTS, timeout=None, wait_max=20
        ):
            with attempt:
                subprocess.run(line, cwd=cwd, capture_output=True, text=True, timeout=TIMEOUT_S, check=True)
    except subprocess.TimeoutExpired:
        raise MissingToolError(f"Maven did not finish within {TIMEOUT_S} s, in {ATTEMPTS} attempts") from None
    except subprocess.CalledProcessError as error:
        output = (error.stdout + error.stderr)[-3000:]
        raise MissingToolError(f"Maven failed, in {ATTEMPTS} attempts:\n{output}") from None
