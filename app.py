"""The composition root: the only place that knows all rooms.

`create_app` puts the parts together; nothing is connected or opened before the worker starts. The module ends with
`app`, so that Faust's command line finds it: `faust -A app worker`.
"""

import asyncio
import gc
import logging
import socket
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version as installed_version
from typing import Any

import faust
from confluent_kafka import IsolationLevel
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from yarl import URL

from agents.allocate_installments import OBLIGATION_ID, AllocateInstallments
from agents.keyed_agent import AgentContext, Clocks, KeyedAgent
from agents.match_payments import PAYMENT_ID, MatchPayments
from agents.route_inputs import RouteInputs
from agents.router import Router
from domain.obligations.view import ObligationState, new_obligation
from domain.payments.view import PaymentState, new_payment
from domain.time import Micros
from gateway.rest.access import Access
from gateway.rest.handlers import ReconciliationApi
from gateway.rest.http_metrics import HttpMetrics
from gateway.rest.live_state import LiveState, WorkerPort
from gateway.rest.request_limits import RequestLimits
from gateway.rest.server import WebServer, serve_api
from read_model.mongo import MongoConfigError, connect
from read_model.queries import QUERY_TIMEOUT_S, ReadModel
from sinks import logs
from sinks.health import serve_health
from sinks.metrics import Metrics, Names, serve_metrics
from sinks.worker import kept_of, machinery_of, vitals_of
from streams import settings as settings_module
from streams import topics
from streams.broker.cluster import identity, partition_counts
from streams.broker.security import faust_credentials
from streams.clocks import clock_of, system_clock
from streams.codec.avro_schemas import RECORDS_ON
from streams.codec.codec import Codec, codec_of
from streams.codec.dead_letters import DeadLetterClass
from streams.settings import Settings, SettingsError
from streams.topics import Topic
from streams.topology import TOPOLOGY
from streams.transport import compatibility, watermarks
from streams.transport.batch import Batch, TopicPartition
from streams.transport.commit import Stage
from streams.transport.commit_loop import CommitLoop
from streams.transport.engine import Engine
from streams.transport.faust_group import as_batches
from streams.transport.fetcher import Fetcher
from streams.transport.lag import LagMonitor, look
from streams.transport.watermarks import WatermarkTracker
from streams.transport.writer import Membership, Writer
from tables import slots
from tables.committed import CommittedReader
from tables.keyed import KeyedTable, write_stores
from tables.rebalance import Manager
from tables.standby import StandbyReplicator
from tables.store import Store

log = logging.getLogger(__name__)

_LIBRDKAFKA = {"logger": logging.getLogger("librdkafka")}
"""Lets a client that is polled log as everything else does, instead of writing to standard error by itself."""

GC_THRESHOLDS = (50_000, 10, 20)
"""States come and go by the thousand and hold no cycles: the collector should look at them rarely."""

SERVICE_VERSION = installed_version("rentmatch")


def stages_of(
    settings: Settings,
    store: Store,
    codec: Codec,
    partitions: Mapping[Topic, int],
    clocks: Clocks,
) -> list[Stage]:
    """The pipeline's three stages over one store. The same wiring runs in the tests' in-process driver."""
    names = {topic: settings.topic(topic) for topic in topics.ALL}
    shared = AgentContext(settings.policy, clocks, codec, names, partitions, SERVICE_VERSION)
    payments = KeyedTable(b"p", topics.PAYMENTS_CHANGELOG, store, PaymentState, new_payment)
    obligations = KeyedTable(b"o", topics.OBLIGATIONS_CHANGELOG, store, ObligationState, new_obligation)

    allocate = AllocateInstallments(obligations, shared)

    def to_obligations() -> Router:
        return Router(topics.OBLIGATION_FACTS, partitions[topics.OBLIGATION_FACTS], OBLIGATION_ID, allocate)

    match = MatchPayments(payments, shared, to_obligations())
    to_payments = Router(topics.PAYMENT_FACTS, partitions[topics.PAYMENT_FACTS], PAYMENT_ID, match)
    # In the order in which facts travel: what one stage hands on at the commit, the next one settles in the same.
    return [RouteInputs(shared, to_payments, to_obligations()), match, allocate]


_AGENT_OF: Mapping[Topic, tuple[Topic, ...]] = {
    topic: stage.sources for stage in (RouteInputs, MatchPayments, AllocateInstallments) for topic in stage.sources
}
"""What an agent reads is what its stage reads."""


METRIC_NAMES = Names(
    {topic.name: RECORDS_ON[topic.name] for topic in topics.INPUTS},
    (topics.PAYMENT_FACTS.name, topics.OBLIGATION_FACTS.name),
    (*(topic.name for topic in topics.OUTPUTS), topics.DEAD_LETTER.name),
    tuple(DeadLetterClass),
)


class Pipeline:
    """The parts of one worker. `open` connects them; transport and table manager find them at `app.pipeline`."""

    progress_topic = topics.PROGRESS
    inputs = topics.INPUTS

    commit_loop: CommitLoop
    fetcher: Fetcher
    writer: Writer
    store: Store
    standby: StandbyReplicator
    lag_monitor: LagMonitor
    committed: CommittedReader

    def __init__(self, settings: Settings, clocks: Clocks, crash: Callable[[BaseException], Any]) -> None:
        self.settings = settings
        self.clocks = clocks
        self._crash = crash
        self.names = {topic: settings.topic(topic) for topic in topics.ALL}
        self.sources = {
            self.names[topic]: topic for topic in (*topics.INPUTS, topics.PAYMENT_FACTS, topics.OBLIGATION_FACTS)
        }
        self.changelogs = {
            self.names[topics.PAYMENTS_CHANGELOG]: b"p",
            self.names[topics.OBLIGATIONS_CHANGELOG]: b"o",
        }
        self.tables_of = {facts: self.names[changelog] for facts, changelog in TOPOLOGY.changelogs.items()}
        self.membership: Membership | None = None
        self.arrived: asyncio.Queue[list[Batch]] = asyncio.Queue()
        """What was fetched, one list for one agent: Faust's way to an agent costs more than a small batch does."""
        self.opened = False
        self.metrics = Metrics(SERVICE_VERSION, clocks.service, METRIC_NAMES)

    def kafka(self) -> dict[str, Any]:
        """The librdkafka configuration to start from."""
        return self.settings.kafka(**{"client.id": self.settings.application_id})

    async def open(self) -> None:
        """Check the topics, take a slot, open the store, make the clients.

        Raises:
            streams.broker.cluster.BrokerError: no broker answers, or topics are not there or do not fit together.
            slots.NoSlot: the worker id is in use.

        """
        compatibility.check()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        settings = self.settings
        loop = asyncio.get_running_loop()
        self._admin = AdminClient(self.kafka())
        self.partitions = await asyncio.to_thread(self.count_partitions)
        self._slot = slots.take(settings.state_dir, settings.topic_prefix + settings.application_id, settings.worker_id)
        of = await asyncio.to_thread(identity, settings, TOPOLOGY.changelogs.values())
        self.store = Store(self._slot.folder / "store", of)
        codec = codec_of(settings)
        log.info("the Avro codec is %s", "compiled" if codec.is_compiled else "plain Python")
        stages = stages_of(settings, self.store, codec, self.partitions, self.clocks)
        engine = Engine(stages, WatermarkTracker(self.partitions), self.clocks.service)
        self.committed = CommittedReader(self.store, engine, self.partitions, settings.policy)

        def deliver(batches: list[Batch]) -> None:
            loop.call_soon_threadsafe(self._sort, batches)

        def failed(error: BaseException) -> None:
            asyncio.run_coroutine_threadsafe(self.commit_loop.fail(error), loop)

        def on_remote(key: bytes, value: bytes) -> None:
            loop.call_soon_threadsafe(engine.watermarks.on_remote, key, watermarks.decode_watermark(value))

        self.fetcher = Fetcher(self.kafka() | _LIBRDKAFKA, self.names, deliver, failed)
        self.writer = Writer(
            self.kafka() | _LIBRDKAFKA, self.names, self._slot.name, settings.transaction_timeout_ms,
            lambda commit: write_stores(commit, self.store),
        )  # fmt: skip
        self.standby = StandbyReplicator(
            self.kafka() | _LIBRDKAFKA,
            settings.application_id,
            self.store,
            self.names[topics.PROGRESS],
            on_remote,
            failed,
        )
        self.commit_loop = CommitLoop(
            engine,
            self.fetcher,
            self.writer,
            self._end_offsets,
            self._failed,
            settings.commit_interval_ms / 1_000,
            settings.progress_interval_ms / 1_000,
            2 * settings.transaction_timeout_ms / 1_000,
        )
        self.commit_loop.listener = self.metrics
        self.tables = [stage.table for stage in stages if isinstance(stage, KeyedAgent)]
        self.lag_monitor = LagMonitor(engine, partial(look, self._admin, self.names))
        self.opened = True

    @property
    def worker_name(self) -> str:
        """The stable name of this worker, once it is open."""
        return self._slot.name

    def count_partitions(self) -> dict[Topic, int]:
        """How many partitions each topic has now; inputs may grow while the worker runs."""
        return partition_counts(self.settings)

    def _sort(self, batches: list[Batch]) -> None:
        by_agent: dict[tuple[Topic, ...], list[Batch]] = {}
        for batch in batches:
            by_agent.setdefault(_AGENT_OF[batch.source.topic], []).append(batch)
        for sorted_ in by_agent.values():
            self.arrived.put_nowait(sorted_)

    def start_reading(self) -> None:
        """Start the thread that fetches."""
        self.fetcher.start()

    def stop_reading(self) -> None:
        """Stop it."""
        self.fetcher.stop()

    def close(self) -> None:
        """Close the store and give the slot back."""
        if self.opened:
            self.opened = False
            self.committed.close()
            self.store.close()
            self._slot.lock.close()

    async def _failed(self, error: BaseException) -> None:
        await self._crash(error)

    def _end_offsets(self, sources: list[TopicPartition]) -> dict[TopicPartition, int]:
        """The end offsets now, open transactions included; partitions that do not answer are left out."""
        asked = {KafkaPartition(self.names[source.topic], source.number): source for source in sources}
        futures = self._admin.list_offsets(
            {partition: OffsetSpec.latest() for partition in asked},
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=10,
        )
        ends = {}
        for partition, future in futures.items():
            source = asked[KafkaPartition(partition.topic, partition.partition)]
            try:
                ends[source] = int(future.result(15).offset)
            except Exception as error:
                log.warning("the end of %s is not known: %s", partition.topic, error)
        return ends


class RentmatchApp(faust.App):  # type: ignore[misc]
    """Faust's app, with the pipeline that its transport and its table manager work on."""

    pipeline: Pipeline

    def _new_web(self) -> WebServer:
        """Faust's web server, bounded and without Faust's pages."""
        return WebServer(self)

    async def on_first_start(self) -> None:
        """Open the pipeline before any service of Faust's starts."""
        await self.pipeline.open()

    async def on_shutdown(self) -> None:
        """Close the store last of all."""
        await super().on_shutdown()
        self.pipeline.close()


def create_app(
    settings: Settings | None = None,
    *,
    clock: Callable[[], Micros] | None = None,
) -> RentmatchApp:
    """Put a worker together.

    Args:
        settings: default: from the environment.
        clock: the service's clock, microseconds since 1970; default: as the settings say.

    Raises:
        settings.SettingsError: the environment holds a bad or unknown setting, or the web server would be open to all.

    """
    settings = settings or settings_module.load()
    settings.check_web()
    app = RentmatchApp(
        settings.application_id,
        broker=[URL(f"rentmatch://{server.strip()}") for server in settings.broker.split(",")],
        broker_credentials=faust_credentials(settings),
        broker_session_timeout=settings.session_timeout_ms / 1_000,
        broker_request_timeout=max(90.0, settings.session_timeout_ms / 1_000),
        # A member learns of a rebalance by its next heartbeat, and all others stand still until the last one knows.
        broker_heartbeat_interval=min(0.5, settings.session_timeout_ms / 4_000),
        broker_max_poll_interval=86_400.0,
        autodiscover=False,
        origin="app",
        store="memory://",
        datadir=settings.state_dir / "faust",
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=settings.standby_replicas,
        stream_wait_empty=True,
        web_enabled=settings.http_port > 0,
        web_host=settings.http_host,
        web_port=settings.http_port or 6066,
        web_bind=settings.http_host,
        canonical_url=settings.advertised_url,
        logging_config=logs.config(
            settings.log_format,
            {"application": settings.application_id, "worker": settings.worker_id or socket.gethostname()},
            settings.secrets(),
            settings.log_level,
        ),
        TableManager=Manager,
    )
    clocks = Clocks(clock or clock_of(settings), system_clock)
    app.pipeline = Pipeline(settings, clocks, app.crash)
    _declare_agents(app)
    _declare_tables(app)
    _serve(app)
    _serve_api(app, settings)
    return app


def _serve(app: RentmatchApp) -> None:
    """What is there without a token: health and metrics."""
    pipeline = app.pipeline
    serve_health(app, lambda: vitals_of(pipeline, app.tables.recovery))
    serve_metrics(
        app, lambda: pipeline.metrics.families(kept_of(pipeline), machinery_of(pipeline, app.tables.recovery))
    )


def _serve_api(app: RentmatchApp, settings: Settings) -> None:
    try:
        mongo = connect(settings, QUERY_TIMEOUT_S)
    except MongoConfigError as error:
        raise SettingsError(f"RENTMATCH_MONGO_URL: {error}") from None
    pipeline = app.pipeline

    def committed() -> CommittedReader | None:
        ready = pipeline.opened and app.tables.recovery.completed.is_set() and not pipeline.commit_loop.broken
        return pipeline.committed if ready else None

    worker = WorkerPort(
        settings.advertised_url,
        pipeline.names,
        committed,
        lambda: pipeline.worker_name,
        lambda: app.router.external_topics_metadata(),  # noqa: PLW0108 - Faust makes its router at first use
    )
    read_model = None if mongo is None else ReadModel(mongo)
    limits = RequestLimits(Access(settings.http_tokens), HttpMetrics(pipeline.metrics.registry))
    serve_api(app.web, limits, ReconciliationApi(read_model, LiveState(worker), SERVICE_VERSION))


def _declare_agents(app: RentmatchApp) -> None:
    names = app.pipeline.names

    def declare(verb: str, *sources: Topic) -> None:
        topic = app.topic(*(names[source] for source in sources), key_serializer="raw", value_serializer="raw")

        async def agent(stream: Any) -> None:
            async for batches in as_batches(stream):
                for batch in batches:
                    await app.pipeline.commit_loop.handle(batch)
                batches.clear()  # Faust's event lives on in cycles until the collector comes by; the bytes need not

        agent.__name__ = agent.__qualname__ = verb
        app.agent(topic, name=verb)(agent)

    declare("route_inputs", *RouteInputs.sources)
    declare("match_payments", *MatchPayments.sources)
    declare("allocate_installments", *AllocateInstallments.sources)


def _declare_tables(app: RentmatchApp) -> None:
    """Name the tables to Faust, so that its assignor shares out their partitions and standbys."""
    names = app.pipeline.names
    for name, changelog in (("payments", topics.PAYMENTS_CHANGELOG), ("obligations", topics.OBLIGATIONS_CHANGELOG)):
        app.Table(
            name,
            changelog_topic=app.topic(names[changelog], key_serializer="raw", value_serializer="raw"),
            partitions=None,
        )


app = create_app()
