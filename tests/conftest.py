"""Fixtures that more than one room's tests use: a real Kafka, a real schema registry, names of their own."""

import shutil
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, Protocol

import hypothesis
import pytest
from confluent_kafka import Producer

from tests.kit.environment import CACHE, REQUIRE_KAFKA, TEST_BROKER
from tests.kit.mongo import MongoServer
from tools.local import cache, debian
from tools.local.apicurio import ApicurioRegistry
from tools.local.cache import MissingToolError
from tools.local.kafka import KafkaCluster
from tools.local.topology import require_tools
from tools.local.worker import WorkerProcess

TESTS = Path(__file__).parent

# `make explore` looks for what no run has seen yet, with other examples every time. In all other runs the examples are
# the same: a test fails because of a change. A busy machine needs longer for one now and then, so time is not limited.
# "few" is for running the domain's tests again, on the compiled rules (tests/test_compiled_rules.py).
_NO_LIMIT: dict[str, Any] = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
hypothesis.settings.register_profile("explore", max_examples=2_000, **_NO_LIMIT)
hypothesis.settings.register_profile("few", derandomize=True, max_examples=10, **_NO_LIMIT)
hypothesis.settings.register_profile("rentmatch", derandomize=True, **_NO_LIMIT)
hypothesis.settings.load_profile("rentmatch")

_MISSING = pytest.StashKey[dict[str, str]]()


class MakeCluster(Protocol):
    """Starts a Kafka cluster for a test or a module; it is killed afterwards."""

    def __call__(
        self,
        nodes: int = 1,
        extra_properties: Mapping[str, str] | None = None,
        format_arguments: Sequence[str] = (),
    ) -> KafkaCluster: ...


def go_without(config: pytest.Config, what: str, error: Exception) -> NoReturn:
    """Skip visibly, or fail if RENTMATCH_REQUIRE_KAFKA is set."""
    if REQUIRE_KAFKA:
        pytest.fail(f"RENTMATCH_REQUIRE_KAFKA=1, and {what} is not available: {error}", pytrace=False)
    config.stash.setdefault(_MISSING, {})[what] = str(error)
    pytest.skip(f"{what} is not available: {error}")


def pytest_configure(config: pytest.Config) -> None:
    """Show the progress of downloads while a fixture runs."""

    def announce(text: str) -> None:
        # Looked up late: the plugin may not be registered yet when this conftest is configured.
        capture = config.pluginmanager.getplugin("capturemanager")
        if capture is not None:
            with capture.global_and_fixture_disabled():
                # Not to the reporter: the processes that pytest-xdist starts have none.
                sys.stderr.write(f"\n[tests] {text}\n")
                sys.stderr.flush()

    cache.announce = announce
    cache.folder = CACHE


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Share the tests out to the processes of pytest-xdist: faults in one of them, and each module of tests/kafka.

    The faults, which measure how soon workers react, never run beside each other. The browser's tests share one running
    console. The other modules keep their fixtures together, and fill the time of whichever process has less to do.
    Quick tests come last, so that all processes end at about the same time.
    """
    items.sort(key=lambda item: item.get_closest_marker("kafka") is None)
    for item in items:
        folders = set(item.path.relative_to(TESTS).parts)
        if {"faults", "soak"} & folders:
            item.add_marker(pytest.mark.xdist_group("faults"))
        elif "console" in folders:
            item.add_marker(pytest.mark.xdist_group("console"))
        elif "kafka" in folders:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Report what was missing to the controlling process (pytest-xdist)."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["missing"] = session.config.stash.get(_MISSING, {})


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Collect what was missing in a process that pytest-xdist started."""
    node.config.stash.setdefault(_MISSING, {}).update(getattr(node, "workeroutput", {}).get("missing", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Repeat skips in capitals at the end, where they are not overlooked."""
    for what, why in config.stash.get(_MISSING, {}).items():
        terminalreporter.write_sep("!", f"TESTS WITH {what.upper()} WERE SKIPPED", red=True, bold=True)
        terminalreporter.write_line(why)
        terminalreporter.write_line(
            "RENTMATCH_TEST_BROKER=host:port uses an existing broker; RENTMATCH_REQUIRE_KAFKA=1 makes this a failure."
        )


@pytest.fixture(scope="session")
def kafka(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bootstrap servers of a real Kafka shared by all tests; create topics under `topic_prefix`."""
    if TEST_BROKER:
        yield TEST_BROKER
        return
    directory = tmp_path_factory.mktemp("kafka")
    try:
        cluster = KafkaCluster(directory)
    except MissingToolError as error:
        go_without(pytestconfig, "a real Kafka", error)
    cluster.start()
    yield cluster.bootstrap
    _discard(cluster, directory)


@pytest.fixture
def mock_broker() -> Iterator[str]:
    """The address of a fresh mock cluster; it lives as long as the producer that started it."""
    keeper = Producer({"bootstrap.servers": "unused:1", "test.mock.num.brokers": 1, "log_level": 2})
    broker = next(iter(keeper.list_topics(timeout=10).brokers.values()))
    yield f"{broker.host}:{broker.port}"
    keeper.flush(0)


@pytest.fixture
def topic_prefix() -> str:
    """A prefix that no other test's topics, groups or transactional ids have."""
    return f"t{uuid.uuid4().hex[:12]}-"


@pytest.fixture
def kafka_cluster_factory(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[MakeCluster]:
    """Starts clusters of the test's own, for tests that need settings of their own or may leave a broker broken."""
    with _making_clusters(pytestconfig, tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="module")
def expendable_cluster(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaCluster]:
    """A cluster of one node that a module's tests kill, freeze and start again, one after the other."""
    with _making_clusters(pytestconfig, tmp_path_factory) as make:
        yield make()


@contextmanager
def _making_clusters(config: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MakeCluster]:
    made: list[tuple[KafkaCluster, Path]] = []

    def make(
        nodes: int = 1,
        extra_properties: Mapping[str, str] | None = None,
        format_arguments: Sequence[str] = (),
    ) -> KafkaCluster:
        directory = tmp_path_factory.mktemp("kafka-own")
        try:
            cluster = KafkaCluster(
                directory, nodes=nodes, extra_properties=extra_properties, format_arguments=format_arguments
            )
        except MissingToolError as error:
            go_without(config, "a real Kafka", error)
        made.append((cluster, directory))
        cluster.start()
        return cluster

    try:
        yield make
    finally:
        for cluster, directory in made:
            _discard(cluster, directory)


def _discard(cluster: KafkaCluster, directory: Path) -> None:
    # The broker is not needed again, so it need not shut down in order. Its logs are kept for failures.
    cluster.kill_all()
    for data in directory.glob("node-*/data"):
        shutil.rmtree(data, ignore_errors=True)


@pytest.fixture(scope="session")
def schema_registry_url(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The Confluent-compatible root of a real schema registry shared by all tests; use subjects of your own."""
    try:
        registry = ApicurioRegistry(tmp_path_factory.mktemp("apicurio"))
    except MissingToolError as error:
        go_without(pytestconfig, "a real schema registry", error)
    try:
        registry.start()
        yield registry.url
    finally:
        registry.kill()


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    """A server with MongoDB's protocol, shared by all tests; use a `mongo_database` of your own."""
    server = MongoServer(tmp_path_factory.mktemp("mongo"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def mongo_database() -> str:
    """A database that no other test uses."""
    return f"t{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def promtool(pytestconfig: pytest.Config) -> Path:
    """Prometheus' own checker of rules and configuration."""
    return _debian_program(pytestconfig, debian.PROMTOOL)


@pytest.fixture(scope="session")
def amtool(pytestconfig: pytest.Config) -> Path:
    """Alertmanager's own checker of its configuration."""
    return _debian_program(pytestconfig, debian.AMTOOL)


@pytest.fixture(scope="session")
def kcat(pytestconfig: pytest.Config) -> Path:
    """A Kafka client that shares no code with this repository."""
    return _debian_program(pytestconfig, debian.KCAT)


def _debian_program(config: pytest.Config, program: debian.Program) -> Path:
    try:
        return debian.find(program)
    except MissingToolError as error:
        go_without(config, program.name, error)


@pytest.fixture
def worker_factory(tmp_path: Path) -> Iterator[Callable[[Mapping[str, str]], WorkerProcess]]:
    """Makes worker processes (not yet started), each with a folder of its own; all are killed after the test."""
    made: list[WorkerProcess] = []

    def make(env: Mapping[str, str]) -> WorkerProcess:
        worker = WorkerProcess(tmp_path / f"worker-{len(made)}", env)
        made.append(worker)
        return worker

    yield make
    for worker in made:
        worker.kill()


@pytest.fixture
def topology_tools(pytestconfig: pytest.Config) -> None:
    """Everything that `make up` needs is available: Java, the fetched programs, the server of the read model."""
    try:
        require_tools()
    except MissingToolError as error:
        go_without(pytestconfig, "the whole topology", error)
