"""The inside of a worker as the plain values that health and metrics are made of.

The pipeline is app.py's, and Any here: what leaves by other ways than Kafka knows no transport.
"""

import time
from typing import Any

from sinks.health import Vitals, live, ready
from sinks.metrics import Machinery
from sinks.metrics_state import Kept


def vitals_of(pipeline: Any, recovery: Any) -> Vitals:
    """What health looks at.

    Args:
        pipeline: the `Pipeline` of app.py.
        recovery: Faust's recovery service in our form (tables/rebalance.py).

    """
    if not pipeline.opened:
        return Vitals(False, False, True, 0, 0, 0.0, None, 0.0, 0, 0.0, None, None)
    loop, observer = pipeline.commit_loop, pipeline.lag_monitor
    now = time.monotonic()
    return Vitals(
        opened=True,
        broken=loop.broken,
        recovering=not recovery.completed.is_set(),
        recovery_remaining=recovery.remaining,
        pending=loop.engine.buffered(),
        uncommitted_s=now - loop.last_progress_at,
        writing_s=None if loop.writing_since is None else now - loop.writing_since,
        write_timeout_s=loop.write_timeout_s,
        unread=observer.unread(),
        unread_s=now - max(loop.moved_at, observer.idle_at),
        silent_s=observer.silent_s(),
        caught_up_to=loop.engine.watermarks.min_watermark(),
    )


def machinery_of(pipeline: Any, recovery: Any) -> Machinery:
    """What the gauges of the machinery tell."""
    vitals = vitals_of(pipeline, recovery)
    is_live, is_ready = live(vitals).good, ready(vitals).good
    if not pipeline.opened:
        return Machinery(is_live, is_ready, {}, {}, {}, None, {}, 0, 0.0, 0)
    engine, observer = pipeline.commit_loop.engine, pipeline.lag_monitor
    partitions = dict.fromkeys((topic.name for topic in engine.sources), 0)
    for source in engine.expected:
        partitions[source.topic.name] += 1
    return Machinery(
        live=is_live,
        ready=is_ready,
        partitions=partitions,
        lag=dict.fromkeys(partitions, 0) | {topic.name: lag for topic, lag in observer.lag().items()},
        inputs_caught_up_to={topic.name: engine.watermarks.everywhere(topic) for topic in pipeline.inputs},
        caught_up_to=vitals.caught_up_to,
        newest_ms={topic.name: at for topic, at in observer.snapshot.newest_ms.items()},
        recovery_remaining=vitals.recovery_remaining,
        recovery_seconds=recovery.seconds,
        pending=vitals.pending,
    )


def kept_of(pipeline: Any) -> Kept:
    """The tallies of what the worker keeps, as committed."""
    if not pipeline.opened:
        return Kept((), ())
    payments, obligations = pipeline.tables
    return Kept(list(payments.tallies.committed.values()), list(obligations.tallies.committed.values()))
