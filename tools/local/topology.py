"""The processes of `make up`: how each is started and probed, and what it needs."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streams.settings import PREFIX, Settings, load
from tools.console.building import is_built
from tools.local import apicurio, debian, maven, probes, prometheus
from tools.local.cache import MissingToolError
from tools.local.feeding import Fed
from tools.local.folder import Folder
from tools.local.kafka import KafkaCluster
from tools.local.supervisor import Part
from tools.local.worker import REPOSITORY

NODES = (1, 2, 3)
WORKERS = (1, 2)
PEOPLE = ("--person", "ana=admin", "--person", "ben=approver")
"""For whom the gateway prints links: two, since large differences need a second person."""
BROKERS = tuple(f"kafka-{node}" for node in NODES)


@dataclass(frozen=True)
class Simulation:
    """What the simulator feeds."""

    seed: int
    obligations: int
    catching_up_s: int
    """The span within which everything past is fed."""


@dataclass(frozen=True)
class LocalDeployment:
    """The folder, ports and settings of what `make up` runs."""

    folder: Folder
    ports: Mapping[str, int]
    settings: Mapping[str, str] = field(default_factory=dict)
    """Further RENTMATCH_ variables for every process of rentmatch."""
    simulation: Simulation | None = None

    def url(self, name: str) -> str:
        """Return the root of a part's web server."""
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def mongo_url(self) -> str:
        """The read model's connection string."""
        return f"mongodb://127.0.0.1:{self.ports['mongo']}"

    def variables(self) -> dict[str, str]:
        """Return the RENTMATCH_ variables that every process of rentmatch gets."""
        own = {
            "BROKER": ",".join(f"127.0.0.1:{self.ports[broker]}" for broker in BROKERS),
            "SCHEMA_REGISTRY_URL": apicurio.url_of(self.ports["registry"]),
            "REPLICATION_FACTOR": str(len(NODES)),
            "MONGO_URL": self.mongo_url,
            "HTTP_TOKEN": self.folder.token(),
            "GATEWAY_PORT": str(self.ports["gateway"]),
            "GATEWAY_WORKERS": ",".join(self.url(f"worker-{number}") for number in WORKERS),
        }
        return {**self.settings, **{PREFIX + name: value for name, value in own.items()}}

    def client_variables(self) -> dict[str, str]:
        """Return the RENTMATCH_ variables by which commands in a shell reach the deployment, its API included."""
        return self.variables() | {PREFIX + "HTTP_PORT": str(self.ports["worker-1"])}

    def load(self) -> Settings:
        """Load the settings as a process of rentmatch would.

        Raises:
            SettingsError: a given one is unknown or invalid.

        """
        return load(self.variables())


def require_tools() -> None:
    """Find or fetch everything that is needed.

    Raises:
        MissingToolError: something is missing; the message says what to install.

    """
    if not sys.platform.startswith("linux"):
        raise MissingToolError("`make up` runs on Linux only: its processes must end with their parent")
    missing = []
    finds: list[Callable[[], object]] = [
        maven.java,
        lambda: maven.jars(maven.KAFKA),
        lambda: maven.unpacked(maven.APICURIO),
        lambda: debian.find(debian.PROMETHEUS),
        mongo_server,
    ]
    for find in finds:
        try:
            find()
        except MissingToolError as error:
            missing.append(str(error))
    if missing:
        raise MissingToolError("\n".join(dict.fromkeys(missing)))


def mongo_server() -> str:
    """The program of the server in MongoDB's protocol.

    Raises:
        MissingToolError: it is not installed.

    """
    beside = Path(sys.executable).with_name("nx-27017")
    found = str(beside) if beside.exists() else shutil.which("nx-27017")
    if found is None:
        raise MissingToolError("no nx-27017, the server in MongoDB's protocol: pip install -e '.[dev]'")
    return found


def parts_of(local: LocalDeployment) -> list[Part]:
    """Return every process in the order in which they are shown, and prepare their files.

    Raises:
        MissingToolError: something is missing and cannot be fetched.
        RuntimeError: Kafka's storage could not be formatted.

    """
    return [*_kafka(local), *_stores(local), *_rentmatch(local), _prometheus(local), *_simulator(local)]


def _part(local: LocalDeployment, name: str, what: str, command: list[str], **more: Any) -> Part:
    defaults: dict[str, Any] = {
        "directory": REPOSITORY,
        "log": local.folder.logs / f"{name}.log",
        "environment": _inherited(),
    }
    return Part(name=name, what=what, command=command, **(defaults | more))


def _kafka(local: LocalDeployment) -> list[Part]:
    cluster = KafkaCluster(
        local.folder.data / "kafka",
        nodes=len(NODES),
        ports=[local.ports[f"kafka-{node}"] for node in NODES],
        controller_ports=[local.ports[f"controller-{node}"] for node in NODES],
    )
    cluster.prepare()
    return [
        _part(
            local, BROKERS[index], "Kafka broker and controller", cluster.command(index),
            directory=cluster.folder(index),
            environment=cluster.environment(),
            probe=probes.kafka_node(cluster.ports[index], node),
            address=f"127.0.0.1:{cluster.ports[index]}",
            # The last nodes to stop wait for a quorum in vain; their data is safe on all disks.
            stopping_s=10,
        )
        for index, node in enumerate(NODES)
    ]  # fmt: skip


def _stores(local: LocalDeployment) -> list[Part]:
    data, logs = local.folder.data, local.folder.logs
    registry_url, port = apicurio.url_of(local.ports["registry"]), str(local.ports["mongo"])
    mongo = [mongo_server(), "--data-dir", str(data / "mongo"), "--port", port]
    mongo += ["--log-file", str(logs / "mongo-server.log"), "--pid-file", str(data / "mongo.pid")]
    return [
        _part(
            local, "registry", "schema registry (Apicurio)",
            apicurio.command_of(local.ports["registry"], data / "registry"),
            directory=data / "registry",
            probe=probes.http_ok(f"{registry_url}/subjects"),
            address=registry_url,
        ),
        _part(
            local, "mongo", "server of the read model", mongo,
            directory=data / "mongo",
            probe=probes.mongo(local.mongo_url),
            address=local.mongo_url,
        ),
    ]  # fmt: skip


def _rentmatch(local: LocalDeployment) -> list[Part]:
    environment = _inherited() | local.variables()

    def server(name: str, command: str, what: str, *needs: str, pages: str = "", words: Sequence[str] = ()) -> Part:
        own = {
            "WORKER_ID": name,
            "STATE_DIR": str(local.folder.data / "state"),
            "HTTP_PORT": str(local.ports[pages or name]),
        }
        return _part(
            local, name, what, _python("ops.cli", command, *words),
            environment=environment | {PREFIX + setting: value for setting, value in own.items()},
            probe=probes.rentmatch(local.url(pages or name)),
            needs=["provision", "registry", *BROKERS, *needs],
            address=local.url(name),
        )  # fmt: skip

    return [
        _part(
            local, "provision", "creates the topics", _python("ops.cli", "provision"),
            environment=environment, is_task=True, needs=BROKERS,
        ),
        *(server(f"worker-{number}", "worker", "rentmatch worker") for number in WORKERS),
        server("projector", "project-read-model", "maintains the read model", "mongo"),
        server(
            "gateway", "gateway", "console and GraphQL", "mongo", pages="gateway-pages",
            words=(*PEOPLE, *(() if is_built() else ("--without-console",))),
        ),
    ]  # fmt: skip


def _prometheus(local: LocalDeployment) -> Part:
    config, data = local.folder.data / "prometheus.yml", local.folder.data / "prometheus"
    prometheus.write_config(
        config,
        {
            "rentmatch-worker": [local.ports[f"worker-{number}"] for number in WORKERS],
            "rentmatch-projector": [local.ports["projector"]],
            "rentmatch-gateway": [local.ports["gateway-pages"]],
        },
    )
    return _part(
        local, "prometheus", "metrics and alert rules",
        prometheus.command_of(local.ports["prometheus"], config, data),
        directory=data,
        probe=probes.http_ok(f"{local.url('prometheus')}/-/ready"),
        address=local.url("prometheus"),
    )  # fmt: skip


def _simulator(local: LocalDeployment) -> list[Part]:
    if local.simulation is None:
        return []
    progress = local.folder.data / "simulated.json"
    options = {
        "--progress": progress,
        "--seed": local.simulation.seed,
        "--obligations": local.simulation.obligations,
        "--catching-up": local.simulation.catching_up_s,
    }
    return [
        _part(
            local, "simulator", "feeds simulated rent",
            # tools/ is not installed: Python finds it in the working directory, which is the repository.
            [sys.executable, "-m", "tools.local", "feed", *(str(word) for pair in options.items() for word in pair)],
            environment=_inherited() | local.variables(),
            probe=Fed(progress),
            is_task=True,
            needs=["provision", "registry", *BROKERS],
            address=str(progress),
        )
    ]  # fmt: skip


def _python(module: str, *words: str) -> list[str]:
    return [sys.executable, "-P", "-m", module, *words]


def _inherited() -> dict[str, str]:
    """Return our environment without the user's own settings, which must not change what runs here."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return mine | {"PYTHONUNBUFFERED": "1"}
