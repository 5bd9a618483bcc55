"""Puts the API of a worker together: the read model, the live state of the workers, limits, metrics."""

from typing import Any

from prometheus_client import CollectorRegistry

from gateway.rest.access import Access
from gateway.rest.handlers import ReconciliationApi
from gateway.rest.http_metrics import HttpMetrics
from gateway.rest.live_state import LiveState, WorkerPort
from gateway.rest.request_limits import RequestLimits
from gateway.rest.server import serve_api
from read_model.mongo import MongoConfigError, connect
from read_model.queries import QUERY_TIMEOUT_S, ReadModel
from streams.settings import Settings, SettingsError
from streams.topology import Topology
from tables.committed import CommittedReader
from tables.worker import Worker


def serve_rest(app: Any, settings: Settings, topology: Topology, *, registry: CollectorRegistry, version: str) -> None:
    """Serve the API on the web server of a worker. Nothing is connected before the first request.

    Args:
        app: Faust's app; its `worker` is None while it is not open.
        settings: say where the read model is, and which tokens are accepted.
        topology: what the worker runs.
        registry: takes the HTTP metrics.
        version: of the service.

    Raises:
        SettingsError: the read model's URL cannot be used.

    """
    try:
        mongo = connect(settings, QUERY_TIMEOUT_S)
    except MongoConfigError as error:
        raise SettingsError(f"RENTMATCH_MONGO_URL: {error}") from None

    def committed() -> CommittedReader | None:
        worker: Worker | None = app.worker
        if worker is None or worker.commit_loop.broken or not app.tables.recovery.completed.is_set():
            return None
        return worker.committed

    port = WorkerPort(
        url=settings.advertised_url,
        topic_names={topic: settings.topic(topic) for topic in topology.topics},
        committed=committed,
        worker_name=lambda: "" if app.worker is None else app.worker.name,
        distribution=lambda: app.router.external_topics_metadata(),  # noqa: PLW0108 - Faust makes its router at first use
    )
    api = ReconciliationApi(None if mongo is None else ReadModel(mongo), LiveState(port), version)
    serve_api(app.web, RequestLimits(Access(settings.http_tokens), HttpMetrics(registry)), api)
