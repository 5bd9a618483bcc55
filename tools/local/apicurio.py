"""A real schema registry on this machine: Apicurio, spoken to as Confluent's."""

import urllib.error
import urllib.request
from pathlib import Path

from tools.local import maven
from tools.local.processes import Child, free_ports, wait_until


def url_of(port: int) -> str:
    """The root of its Confluent-compatible interface: `{url}/subjects/…/versions`, `{url}/schemas/ids/…`."""
    return f"http://127.0.0.1:{port}/apis/ccompat/v7"


def command_of(port: int, keep: Path | None = None) -> list[str]:
    """Run it on a port of 127.0.0.1; what it holds is kept in the folder `keep`, by default only in memory.

    Raises:
        MissingToolError: there is no Java, or Apicurio cannot be fetched.

    """
    (runner,) = maven.unpacked(maven.APICURIO).glob("*-runner.jar")
    options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=127.0.0.1"]
    if keep is not None:
        # Without WRITE_DELAY=0 a SIGKILL loses half a second, and an id that lies in records is given out again.
        options.append(f"-Dapicurio.datasource.url=jdbc:h2:file:{keep}/registry;WRITE_DELAY=0")
    return [maven.java(), *options, f"-Dquarkus.http.port={port}", "-jar", str(runner)]


class ApicurioRegistry:
    """One Apicurio Registry on a free port of 127.0.0.1. What it holds is gone when it stops."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        (self._port,) = free_ports(1)
        self._command = command_of(self._port)
        self._child: Child | None = None

    @property
    def url(self) -> str:
        """The root of its Confluent-compatible interface."""
        return url_of(self._port)

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: it ended at once; the message holds the end of its output.
            TimeoutError: it did not answer within 90 seconds.

        """
        self._child = Child(self._command, self._directory / "apicurio.log", cwd=self._directory)
        wait_until(self._answers, 90, "the schema registry to answer", child=self._child)

    def stop(self) -> None:
        """End it."""
        if self._child is not None:
            self._child.kill()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/subjects", timeout=2) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, OSError):
            return False
