"""What health and metrics show of a worker, as plain values."""

import time
from typing import Any

from sinks.health import Vitals, live, ready
from sinks.metrics import Machinery, Metrics
from sinks.metrics_state import TableTallies
from sinks.pages import add_pages
from tables.rebalance import RecoveryService
from tables.worker import Worker

CLOSED = Vitals(
    opened=False,
    broken=False,
    recovering=True,
    recovery_remaining=0,
    pending=0,
    uncommitted_s=0.0,
    writing_s=None,
    write_timeout_s=0.0,
    unread=0,
    unread_s=0.0,
    silent_s=None,
    caught_up_to=None,
)
"""Of a worker that is not open."""


def vitals_of(worker: Worker | None, recovery: RecoveryService) -> Vitals:
    """The values that /livez and /readyz judge."""
    if worker is None:
        return CLOSED
    loop, lag_monitor = worker.commit_loop, worker.lag_monitor
    now = time.monotonic()
    return Vitals(
        opened=True,
        broken=loop.broken,
        recovering=not recovery.completed.is_set(),
        recovery_remaining=recovery.remaining,
        pending=worker.engine.buffered(),
        uncommitted_s=now - loop.last_progress_at,
        writing_s=None if loop.writing_since is None else now - loop.writing_since,
        write_timeout_s=loop.write_timeout_s,
        unread=lag_monitor.unread(),
        unread_s=now - max(loop.moved_at, lag_monitor.idle_at),
        silent_s=lag_monitor.silent_s(),
        caught_up_to=worker.engine.watermarks.min_watermark(),
    )


def machinery_of(worker: Worker | None, recovery: RecoveryService) -> Machinery:
    """The values of the gauges that describe the worker itself."""
    vitals = vitals_of(worker, recovery)
    is_live, is_ready = live(vitals).good, ready(vitals).good
    if worker is None:
        return Machinery(
            live=is_live,
            ready=is_ready,
            partitions={},
            lag={},
            inputs_caught_up_to={},
            caught_up_to=None,
            newest_ms={},
            recovery_remaining=0,
            recovery_seconds=0.0,
            pending=0,
        )
    engine, lag_monitor = worker.engine, worker.lag_monitor
    partitions = dict.fromkeys((topic.name for topic in engine.sources), 0)
    for source in engine.expected:
        partitions[source.topic.name] += 1
    return Machinery(
        live=is_live,
        ready=is_ready,
        partitions=partitions,
        lag=dict.fromkeys(partitions, 0) | {topic.name: lag for topic, lag in lag_monitor.lag().items()},
        inputs_caught_up_to={topic.name: engine.watermarks.min_watermark_of(topic) for topic in worker.topology.inputs},
        caught_up_to=vitals.caught_up_to,
        newest_ms={topic.name: at for topic, at in lag_monitor.snapshot.newest_ms.items()},
        recovery_remaining=vitals.recovery_remaining,
        recovery_seconds=recovery.seconds,
        pending=vitals.pending,
    )


def tallies_of(worker: Worker | None) -> TableTallies:
    """The committed tallies of the partitions that the worker owns."""
    tables = {} if worker is None else worker.tables
    return {name: list(table.tallies.committed.values()) for name, table in tables.items()}


def add_worker_pages(app: Any, metrics: Metrics) -> None:
    """Serve /livez, /readyz and /metrics on the web server of a worker.

    Args:
        app: Faust's app; its `worker` is None while it is not open.
        metrics: the counters of the worker.

    """

    def vitals() -> Vitals:
        return vitals_of(app.worker, app.tables.recovery)

    def details() -> dict[str, Any]:
        partitions = 0 if app.worker is None else len(app.worker.engine.expected)
        return {"caught_up_to_micros": vitals().caught_up_to, "partitions": partitions}

    add_pages(
        app.web.web_app,
        live=lambda: live(vitals()),
        ready=lambda: ready(vitals()),
        families=lambda: metrics.families(tallies_of(app.worker), machinery_of(app.worker, app.tables.recovery)),
        details=details,
    )
