"""A real Apache Kafka on this machine: one node or three, each of which can be killed, frozen and started again.

For `make up` the supervisor runs the nodes by their command lines (tools/local/topology.py).
"""

import base64
import os
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tools.local import maven
from tools.local.processes import Process, free_ports, wait_until

HEAP = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Starts quickly and stays small: enough for megabytes, not terabytes."""

LOGGING = """\
status = error
appender.file.type = File
appender.file.name = file
appender.file.fileName = {log}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d %p %c{{1}}: %m%n
rootLogger.level = info
rootLogger.appenderRef.file.ref = file
"""


class KafkaCluster:
    """Nodes 0 to `nodes` - 1 of a cluster, each both broker and controller (KRaft), on fixed ports of 127.0.0.1.

    Args:
        directory: the nodes' folders are created in it.
        nodes: how many; topics are replicated on all of them.
        ports: one for each node, and `controller_ports` as many; by default free ones.
        extra_properties: override those of every node. In their values `{port}`, `{controller_port}`, `{extra_port}` (a
            further free port of each node, for a TLS or SASL listener), `{node_id}` and `{directory}` are replaced.
        format_arguments: for the storage tool, as `("--add-scram", "SCRAM-SHA-512=[name=…,password=…]")`.

    Raises:
        MissingToolError: there is no Java, or Kafka cannot be fetched.

    """

    def __init__(
        self,
        directory: Path,
        *,
        nodes: int = 1,
        ports: Sequence[int] = (),
        controller_ports: Sequence[int] = (),
        extra_properties: Mapping[str, str] | None = None,
        format_arguments: Sequence[str] = (),
    ) -> None:
        free = free_ports(3 * nodes)
        self.ports = tuple(ports or free[:nodes])
        self.extra_ports = tuple(free[2 * nodes :])
        self.bootstrap = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        self._directory = directory
        self._controller_ports = tuple(controller_ports or free[nodes : 2 * nodes])
        self._extra = dict(extra_properties or {})
        self._format_arguments = tuple(format_arguments)
        self._java = maven.java()
        self._classpath = ":".join(str(jar) for jar in maven.jars(maven.KAFKA))
        self._processes = [
            Process(
                self.command(node), self.folder(node) / "console.log",
                cwd=self.folder(node), env=self.environment(),
            )
            for node in range(nodes)
        ]  # fmt: skip

    @property
    def nodes(self) -> int:
        """How many nodes it has, running or not."""
        return len(self.ports)

    def folder(self, node: int) -> Path:
        """Return a node's folder: server.properties, server.log, console.log and, in `data`, its storage."""
        return self._directory / f"node-{node}"

    def command(self, node: int) -> list[str]:
        """Return the command that runs a node."""
        return self._java_line(node, "kafka.Kafka", str(self.folder(node) / "server.properties"))

    def environment(self) -> dict[str, str]:
        """Return a bare environment: KAFKA_ or JAVA_ options of the machine must not change a node."""
        return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8"}

    def prepare(self) -> None:
        """Write every node's properties, and format the storage of new nodes.

        Raises:
            RuntimeError: the storage tool failed; the message ends with its output.

        """
        for node in range(self.nodes):
            self._configure(node)
        new = [node for node in range(self.nodes) if not self._meta(node).exists()]
        cluster_id = self._cluster_id()
        running = [
            subprocess.Popen(
                self._storage_tool(node, cluster_id), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
            for node in new
        ]
        outputs = [process.communicate(timeout=120)[0] for process in running]
        for process, output in zip(running, outputs, strict=True):
            if process.returncode != 0:
                raise RuntimeError(f"Kafka's storage could not be formatted:\n{output}")

    def _meta(self, node: int) -> Path:
        return self.folder(node) / "data" / "meta.properties"

    def _cluster_id(self) -> str:
        """Return the id of the cluster for which a node has been formatted, else a new one."""
        for node in range(self.nodes):
            if self._meta(node).exists():
                lines = self._meta(node).read_text(encoding="utf-8").splitlines()
                return next(line.partition("=")[2] for line in lines if line.startswith("cluster.id="))
        # The first byte is 0: the storage tool would take an id that begins with a dash for an option.
        return base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")

    def _storage_tool(self, node: int, cluster_id: str) -> list[str]:
        properties = str(self.folder(node) / "server.properties")
        arguments = ("format", "--cluster-id", cluster_id, "--config", properties, *self._format_arguments)
        return self._java_line(node, "kafka.tools.StorageTool", *arguments)

    def _configure(self, node: int) -> None:
        folder = self.folder(node)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "log4j2.properties").write_text(LOGGING.format(log=folder / "server.log"), encoding="utf-8")
        properties = self._properties(node)
        text = "".join(f"{key}={value}\n" for key, value in properties.items())
        (folder / "server.properties").write_text(text, encoding="utf-8")

    def _properties(self, node: int) -> dict[str, str]:
        port, controller = self.ports[node], self._controller_ports[node]
        voters = ",".join(f"{i + 1}@127.0.0.1:{p}" for i, p in enumerate(self._controller_ports))
        replicas, in_sync = str(self.nodes), str(min(2, self.nodes))
        fill = {
            "{port}": str(port),
            "{controller_port}": str(controller),
            "{extra_port}": str(self.extra_ports[node]),
            "{node_id}": str(node + 1),
            "{directory}": str(self.folder(node)),
        }
        properties = {
            "process.roles": "broker,controller",
            "node.id": str(node + 1),
            "controller.quorum.voters": voters,
            "controller.listener.names": "CONTROLLER",
            "inter.broker.listener.name": "PLAINTEXT",
            "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
            "listener.security.protocol.map": (
                "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SSL:SSL,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT"
            ),
            "log.dirs": str(self.folder(node) / "data"),
            "auto.create.topics.enable": "false",
            "default.replication.factor": replicas,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": "4",
            "share.coordinator.state.topic.replication.factor": replicas,
            "share.coordinator.state.topic.min.isr": in_sync,
            "share.coordinator.state.topic.num.partitions": "1",
            "group.initial.rebalance.delay.ms": "0",
            # Shorter than in production, so that tests of a worker's death are quick. A killed node cannot register
            # again before its old session has expired, by default after 9 s.
            "broker.session.timeout.ms": "4000",
            "broker.heartbeat.interval.ms": "500",
            "group.min.session.timeout.ms": "1000",
            "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
            "transaction.max.timeout.ms": "900000",
            # The default of 128 MiB is too much for the small heap.
            "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
        }
        for key, value in self._extra.items():
            filled = value
            for placeholder, replacement in fill.items():
                filled = filled.replace(placeholder, replacement)
            properties[key] = filled
        return properties

    def _java_line(self, node: int, main: str, *arguments: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self.folder(node) / 'log4j2.properties'}"
        return [self._java, *HEAP, logging, "-cp", self._classpath, main, *arguments]

    def start(self) -> None:
        """Format the storage, start all nodes and wait until each is in the cluster's metadata.

        Raises:
            RuntimeError: a node could not be formatted or exited at once; the message ends with its log.
            TimeoutError: the cluster did not form within 90 seconds.

        """
        self.prepare()
        try:
            for process in self._processes:
                process.start()
            for node in range(self.nodes):
                self.wait_ready(node)
        except BaseException:
            self.kill_all()
            raise

    def kill_all(self) -> None:
        """Kill all nodes."""
        for process in self._processes:
            process.kill()

    def kill(self, node: int = 0) -> None:
        """Kill one node, as a power cut would."""
        self._processes[node].kill()

    def pause(self, node: int = 0) -> None:
        """Freeze one node: its connections stay open and nothing answers."""
        self._processes[node].freeze()

    def resume(self, node: int = 0) -> None:
        """Thaw one node."""
        self._processes[node].thaw()

    def restart(self, node: int = 0) -> None:
        """Start a node again on its old port and data (killed first if it runs) and wait until it is ready."""
        self.kill(node)
        self._processes[node].start()
        self.wait_ready(node)

    def wait_ready(self, node: int = 0, timeout_s: float = 90) -> None:
        """Wait until the node answers and its metadata names every node that runs."""
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{self.ports[node]}", "log_level": 0})

        def answers() -> bool:
            try:
                brokers = admin.list_topics(timeout=1).brokers
            except KafkaException:
                return False
            return {index + 1 for index, other in enumerate(self._processes) if other.is_running} <= set(brokers)

        try:
            wait_until(answers, timeout_s, f"Kafka node {node} to be ready", process=self._processes[node])
        except (RuntimeError, TimeoutError) as error:
            raise type(error)(f"{error}\n{self.log_tail(node)}") from None

    def log_tail(self, node: int = 0, lines: int = 60) -> str:
        """Return the last lines of a node's log."""
        log = self.folder(node) / "server.log"
        if not log.exists():
            return f"--- Kafka node {node} logged nothing"
        text = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
        return "\n".join([f"--- the last lines of Kafka node {node}'s log", *text])

    def create_topic(self, name: str, partitions: int = 1, config: Mapping[str, str] | None = None) -> None:
        """Create a topic, replicated on every node, and wait until the cluster knows it."""
        create_topic(self.bootstrap, name, partitions, self.nodes, config)


def create_topic(
    bootstrap: str, name: str, partitions: int = 1, replication: int = 1, config: Mapping[str, str] | None = None
) -> None:
    """Create a topic and wait until all its partitions have a leader.

    Raises:
        KafkaException: the broker refused.
        TimeoutError: no leader within 30 seconds.

    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    topic = NewTopic(name, num_partitions=partitions, replication_factor=replication, config=dict(config or {}))
    admin.create_topics([topic])[name].result(30)

    def led() -> bool:
        known = admin.list_topics(name, timeout=5).topics[name].partitions
        return len(known) == partitions and all(partition.leader >= 0 for partition in known.values())

    wait_until(led, 30, f"topic {name} to have leaders")
