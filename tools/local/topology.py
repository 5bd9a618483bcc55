"""Which processes make up the whole topology, how each is started, and who needs whom."""

import os
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from streams.settings import PREFIX, Settings, load
from tools.local import apicurio, debian, maven, prometheus
from tools.local.cache import MissingToolError
from tools.local.feeding import Fed
from tools.local.folder import Folder
from tools.local.kafka import Nodes
from tools.local.probes import HttpAnswers, KafkaNode, MongoPing, Rentmatch
from tools.local.supervisor import Part
from tools.local.worker import REPOSITORY

NODES = (1, 2, 3)
WORKERS = (1, 2)
PROVISION = "provision"


@dataclass(frozen=True)
class Simulation:
    """What the simulator feeds."""

    seed: int
    obligations: int
    catching_up_s: int
    """Within so many seconds all that is past is fed."""


@dataclass(frozen=True)
class Plan:
    """What is to be run, and where."""

    folder: Folder
    ports: Mapping[str, int]
    settings: Mapping[str, str] = field(default_factory=dict)
    """RENTMATCH_ variables beside those that the topology needs, for every process of rentmatch."""
    simulation: Simulation | None = None

    @property
    def bootstrap(self) -> str:
        """The brokers."""
        return ",".join(f"127.0.0.1:{self.ports[f'kafka-{node}']}" for node in NODES)

    def url(self, name: str) -> str:
        """The root of a part's web server."""
        return f"http://127.0.0.1:{self.ports[name]}"

    @property
    def mongo_url(self) -> str:
        """Where the read model lies."""
        return f"mongodb://127.0.0.1:{self.ports['mongo']}"

    def variables(self) -> dict[str, str]:
        """The RENTMATCH_ variables by which any command reaches this topology."""
        own = {
            "BROKER": self.bootstrap,
            "SCHEMA_REGISTRY_URL": apicurio.url_of(self.ports["registry"]),
            "REPLICATION_FACTOR": str(len(NODES)),
            "MONGO_URL": self.mongo_url,
            "HTTP_TOKEN": self.folder.token(),
        }
        return {**self.settings, **{PREFIX + name: value for name, value in own.items()}}

    def load(self) -> Settings:
        """Load the settings that a process of rentmatch would.

        Raises:
            SettingsError: one that was given is unknown or cannot be used.

        """
        return load(self.variables())


def require_tools() -> None:
    """See at once that all is here, or fetch it.

    Raises:
        MissingToolError: something is not; the message says what to install.

    """
    if not sys.platform.startswith("linux"):
        raise MissingToolError("the topology runs on Linux alone: its processes must end with whoever started them")
    lacks = []
    finds: list[Callable[[], object]] = [
        maven.java,
        lambda: maven.jars(maven.KAFKA),
        lambda: maven.unpacked(maven.APICURIO),
        lambda: debian.find(debian.PROMETHEUS),
    ]
    for find in finds:
        try:
            find()
        except MissingToolError as error:
            lacks.append(str(error))
    if _mongo_server() is None:
        lacks.append("no nx-27017, the server in MongoDB's protocol: pip install -e '.[dev]'")
    if lacks:
        raise MissingToolError("\n".join(dict.fromkeys(lacks)))


def _mongo_server() -> str | None:
    beside = Path(sys.executable).with_name("nx-27017")
    return str(beside) if beside.exists() else shutil.which("nx-27017")


def parts_of(plan: Plan) -> list[Part]:
    """Give every process of the topology, in the order in which they are told; prepares what lies on the disk.

    Raises:
        MissingToolError: something is not here and cannot be fetched.
        RuntimeError: Kafka's storage could not be formatted.

    """
    return [*_kafka(plan), *_stores(plan), *_rentmatch(plan), *_watchers(plan), *_simulator(plan)]


def _kafka(plan: Plan) -> list[Part]:
    nodes = Nodes(
        plan.folder.data / "kafka",
        ports=[plan.ports[f"kafka-{node}"] for node in NODES],
        controller_ports=[plan.ports[f"controller-{node}"] for node in NODES],
    )
    nodes.prepare()
    return [
        Part(
            name=f"kafka-{node}",
            what="Kafka broker and controller",
            command=nodes.command(index),
            directory=nodes.folder(index),
            log=plan.folder.logs / f"kafka-{node}.log",
            environment=nodes.environment(),
            probe=KafkaNode(plan.ports[f"kafka-{node}"], node),
            address=f"127.0.0.1:{plan.ports[f'kafka-{node}']}",
            # The last ones to go wait for a quorum in vain; what they hold is on the other disks too, and on theirs.
            stopping_s=10,
        )
        for index, node in enumerate(NODES)
    ]


def _stores(plan: Plan) -> list[Part]:
    data, logs, inherited = plan.folder.data, plan.folder.logs, _inherited()
    registry, mongo = data / "registry", data / "mongo"
    server = _mongo_server()
    if server is None:
        raise MissingToolError("no nx-27017")
    return [
        Part(
            name="registry",
            what="schema registry (Apicurio)",
            command=apicurio.command_of(plan.ports["registry"], registry),
            directory=registry,
            log=logs / "registry.log",
            environment=inherited,
            probe=HttpAnswers(f"{apicurio.url_of(plan.ports['registry'])}/subjects"),
            address=apicurio.url_of(plan.ports["registry"]),
        ),
        Part(
            name="mongo",
            what="read model's server",
            command=[server, "--data-dir", str(mongo), "--port", str(plan.ports["mongo"]),
                     "--log-file", str(logs / "mongo-server.log"), "--pid-file", str(data / "mongo.pid")],
            directory=mongo,
            log=logs / "mongo.log",
            environment=inherited,
            probe=MongoPing(plan.mongo_url),
            address=plan.mongo_url,
        ),
    ]  # fmt: skip


def _rentmatch(plan: Plan) -> list[Part]:
    brokers = [f"kafka-{node}" for node in NODES]
    provision = Part(
        name=PROVISION,
        what="creates the topics",
        command=_command(PROVISION),
        directory=REPOSITORY,
        log=plan.folder.logs / f"{PROVISION}.log",
        environment=_inherited() | plan.variables(),
        is_task=True,
        needs=brokers,
    )
    workers = [
        _server(plan, f"worker-{number}", "worker", "rentmatch worker", [PROVISION, "registry", *brokers])
        for number in WORKERS
    ]
    needed = [PROVISION, "registry", "mongo", *brokers]
    projector = _server(plan, "projector", "project-read-model", "keeps the read model", needed)
    return [provision, *workers, projector]


def _server(plan: Plan, name: str, command: str, what: str, needs: list[str]) -> Part:
    own = {
        "WORKER_ID": name,
        "STATE_DIR": str(plan.folder.data / "state"),
        "HTTP_PORT": str(plan.ports[name]),
    }
    return Part(
        name=name,
        what=what,
        command=_command(command),
        directory=REPOSITORY,
        log=plan.folder.logs / f"{name}.log",
        environment=_inherited() | plan.variables() | {PREFIX + setting: value for setting, value in own.items()},
        probe=Rentmatch(plan.url(name)),
        needs=needs,
        address=plan.url(name),
    )


def _watchers(plan: Plan) -> list[Part]:
    config, data = plan.folder.data / "prometheus.yml", plan.folder.data / "prometheus"
    targets = {
        "rentmatch-worker": [plan.ports[f"worker-{number}"] for number in WORKERS],
        "rentmatch-projector": [plan.ports["projector"]],
    }
    prometheus.write_config(config, targets)
    return [
        Part(
            name="prometheus",
            what="metrics and alert rules",
            command=prometheus.command_of(plan.ports["prometheus"], config, data),
            directory=data,
            log=plan.folder.logs / "prometheus.log",
            environment=_inherited(),
            probe=HttpAnswers(f"{plan.url('prometheus')}/-/ready"),
            address=plan.url("prometheus"),
        )
    ]


def _simulator(plan: Plan) -> list[Part]:
    if plan.simulation is None:
        return []
    told = plan.folder.data / "simulated.json"
    words = {
        "--progress": str(told),
        "--seed": str(plan.simulation.seed),
        "--obligations": str(plan.simulation.obligations),
        "--catching-up": str(plan.simulation.catching_up_s),
    }
    return [
        Part(
            name="simulator",
            what="feeds made-up rent",
            command=[*_python("tools.local"), "feed", *(word for pair in words.items() for word in pair)],
            directory=REPOSITORY,
            log=plan.folder.logs / "simulator.log",
            environment=_inherited() | plan.variables(),
            probe=Fed(told),
            is_task=True,
            needs=[PROVISION, "registry", *(f"kafka-{node}" for node in NODES)],
            address=str(told),
        )
    ]


def _command(name: str) -> list[str]:
    return [*_python("ops.cli"), name]


def _python(module: str) -> list[str]:
    return [sys.executable, "-P", "-m", module]


def _inherited() -> dict[str, str]:
    """Our environment without the user's own settings: a forgotten one must not change what runs here."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return mine | {"PYTHONUNBUFFERED": "1"}
