"""A real schema registry on this machine: Apicurio, through its Confluent-compatible interface."""

from pathlib import Path

from tools.local import maven
from tools.local.processes import Process, answers_200, free_ports, wait_until


def url_of(port: int) -> str:
    """Return the root of its Confluent-compatible interface: `{url}/subjects/…/versions`, `{url}/schemas/ids/…`."""
    return f"http://127.0.0.1:{port}/apis/ccompat/v7"


def command_of(port: int, data: Path | None = None) -> list[str]:
    """Return the command that runs it on a port of 127.0.0.1, with its data in a folder, or only in memory.

    Raises:
        MissingToolError: there is no Java, or Apicurio cannot be fetched.

    """
    (runner,) = maven.unpacked(maven.APICURIO).glob("*-runner.jar")
    options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dquarkus.http.host=127.0.0.1"]
    if data is not None:
        # Without WRITE_DELAY=0 a SIGKILL loses half a second, and an id that records carry is assigned a second time.
        options.append(f"-Dapicurio.datasource.url=jdbc:h2:file:{data}/registry;WRITE_DELAY=0")
    return [maven.java(), *options, f"-Dquarkus.http.port={port}", "-jar", str(runner)]


class ApicurioRegistry(Process):
    """An Apicurio Registry on a free port of 127.0.0.1, with its data in memory."""

    def __init__(self, directory: Path) -> None:
        (port,) = free_ports(1)
        self.url = url_of(port)
        super().__init__(command_of(port), directory / "apicurio.log", cwd=directory)

    def start(self) -> None:
        """Start it and wait until it answers.

        Raises:
            RuntimeError: it exited at once; the message ends with its log.
            TimeoutError: it did not answer within 90 seconds.

        """
        super().start()
        wait_until(lambda: answers_200(f"{self.url}/subjects"), 90, "the schema registry to answer", process=self)
