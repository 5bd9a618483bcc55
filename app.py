"""The composition root: settings and topology become a worker. Wiring only; nothing is connected before the start.

`create_app` takes every dependency as an argument. `faust -A app worker` finds the app through `__getattr__`, which
builds it from the environment; importing this module builds nothing.
"""

import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from importlib.metadata import version as installed_version
from typing import Any

import faust

from agents.agent import AgentContext, Clocks
from agents.pipeline import AGENTS, make_stages
from domain.time import Micros
from gateway.rest.server import WebServer
from gateway.rest.wiring import serve_rest
from sinks import logs
from sinks.metrics import Metrics, names_of
from sinks.worker import add_worker_pages
from streams import settings as settings_module
from streams.clocks import clock_of, system_clock
from streams.settings import Settings
from streams.topology import TOPOLOGY, Topology
from streams.transport.batch import Batch
from streams.transport.faust_group import BatchTopic, deliver, queues_of
from streams.transport.faust_options import faust_options
from streams.transport.last_resort import end_soon
from tables.rebalance import Manager
from tables.worker import Worker, open_worker

SERVICE_VERSION = installed_version("rentmatch")


class RentmatchApp(faust.App):  # type: ignore[misc]
    """Faust's app around one worker, which is open from the first start to the shutdown."""

    worker: Worker | None = None

    def __init__(self, settings: Settings, topology: Topology, clocks: Clocks, **options: Any) -> None:
        super().__init__(settings.application_id, **options)
        self.settings, self.topology, self.clocks = settings, topology, clocks
        self.metrics = Metrics(SERVICE_VERSION, clocks.service, names_of(topology))
        self._closing = AsyncExitStack()

    def _new_web(self) -> WebServer:
        return WebServer(self)

    async def process(self, batch: Batch) -> None:
        """Process a batch in the worker's open transaction."""
        if self.worker is not None:
            await self.worker.commit_loop.process(batch)

    async def on_first_start(self) -> None:
        """Open the worker before any service of Faust's starts."""
        names, queue_of = {t: self.settings.topic(t) for t in self.topology.topics}, queues_of(self)
        self.worker = await self._closing.enter_async_context(
            open_worker(
                self.settings,
                topology=self.topology,
                clock=self.clocks.service,
                make_stages=lambda store, codec, partitions: make_stages(
                    AgentContext(
                        topology=self.topology,
                        policy=self.settings.policy,
                        clocks=self.clocks,
                        codec=codec,
                        store=store,
                        names=names,
                        partitions=partitions,
                        version=SERVICE_VERSION,
                    )
                ),
                deliver=partial(deliver, queues={topic: queue_of[names[topic]] for topic in self.topology.sources}),
                failed=self.fail,
                listener=self.metrics,
            )
        )

    async def fail(self, error: BaseException) -> None:
        """Stop with an error, and be gone soon."""
        end_soon()
        await self.crash(error)

    async def on_shutdown(self) -> None:
        """Close the worker last of all."""
        await super().on_shutdown()
        self.worker = None
        await self._closing.aclose()


def create_app(
    settings: Settings, *, topology: Topology = TOPOLOGY, clock: Callable[[], Micros] | None = None
) -> RentmatchApp:
    """Build Faust's app for a worker.

    Args:
        settings: of the service.
        topology: what it runs.
        clock: the service's clock, microseconds since 1970; default: as the settings say.

    Raises:
        settings.SettingsError: the web server would be open to all, or the read model's URL cannot be used.

    """
    settings.check_web()
    app = RentmatchApp(
        settings,
        topology,
        Clocks(clock or clock_of(settings), system_clock),
        **faust_options(settings),
        logging_config=logs.config(
            settings.log_format,
            {"application": settings.application_id, "worker": settings.worker_id or socket.gethostname()},
            settings.secrets(),
            settings.log_level,
        ),
        TableManager=Manager,
    )
    raw: dict[str, Any] = {"key_serializer": "raw", "value_serializer": "raw"}
    for agent in AGENTS:
        topics = BatchTopic(app, topics=[settings.topic(topic) for topic in agent.inputs], **raw)
        app.agent(topics, name=agent.processor.name)(agent.function)
    for table in topology.tables:  # names for Faust's assignor, which shares out their partitions and standbys
        changelog = app.topic(settings.topic(table.changelog), **raw)
        app.Table(table.name, changelog_topic=changelog, partitions=None, help=table.changelog.meaning)
    add_worker_pages(app, app.metrics)
    serve_rest(app, settings, topology, registry=app.metrics.registry, version=SERVICE_VERSION)
    return app


def __getattr__(name: str) -> Any:
    """Build `app` when Faust's command line asks for it."""
    if name != "app":
        raise AttributeError(name)
    return globals().setdefault("app", create_app(settings_module.load()))
