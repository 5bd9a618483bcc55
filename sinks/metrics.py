"""A worker's Prometheus metrics: counters of committed work, gauges of its state and of the worker itself.

The transport does not know Prometheus: it passes `CommitDetails` to a listener, and gauges are passed in as plain
values at a scrape. Labels come from closed lists and configured names, never from ids.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, get_args

from aiohttp.web import Response
from prometheus_client import CollectorRegistry, Counter, Histogram, disable_created_metrics
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder

from domain.facts import DecisionAction
from domain.records import BreakClass, BreakLifecycle, LateLifecycle
from domain.time import DAY, Micros
from sinks.metrics_state import TableTallies, state_metrics
from streams.codec.dead_letters import DeadLetterClass
from streams.topics import DEAD_LETTER
from streams.topology import Topology
from streams.transport.commit_listener import CommitDetails

LATENCY_S = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400, 604_800)
"""From a quick commit to an event that came a week late."""

COMMIT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
COMMIT_RECORDS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000)


class Names(NamedTuple):
    """The closed lists that labels come from. Topics have their default names."""

    records: Mapping[str, Iterable[str]]
    """The names of the records on each input topic."""
    internal: Sequence[str]
    """The internal topics of facts: a fact for a full key is a dead letter of one of them."""
    tables: Sequence[str]
    outputs: Sequence[str]
    dead_letter_classes: Sequence[str]


def names_of(topology: Topology) -> Names:
    """The labels of a topology."""
    return Names(
        records={topic.name: [record.__name__ for record in topic.records] for topic in topology.inputs},
        internal=[topic.name for topic in topology.upstream],
        tables=[table.name for table in topology.tables],
        outputs=[topic.name for topic in (*topology.outputs, DEAD_LETTER)],
        dead_letter_classes=tuple(DeadLetterClass),
    )


class Machinery(NamedTuple):
    """The worker itself at a scrape. Instants are microseconds since 1970; None is not known."""

    live: bool
    ready: bool
    partitions: Mapping[str, int]
    """Assigned to this worker, by topic."""
    lag: Mapping[str, int]
    """Records that are not processed yet, by topic."""
    inputs_caught_up_to: Mapping[str, Micros | None]
    """By input topic."""
    caught_up_to: Micros | None
    newest_ms: Mapping[str, int]
    """The timestamp of the newest record, milliseconds since 1970, by input topic."""
    recovery_remaining: int
    recovery_seconds: float
    pending: int


class Metrics:
    """All metrics of a worker, in a registry of their own; other parts may add theirs to it.

    Args:
        version: of the service.
        clock: the service's clock.
        names: the values that labels may have.

    """

    def __init__(self, version: str, clock: Callable[[], Micros], names: Names) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry()
        self._version = version
        self._clock = clock
        self._counters = {
            "events": self._counter("events", "records of the inputs, by outcome", "topic", "type", "outcome"),
            "decisions": self._counter("decisions", "decisions about breaks that were read, by action", "action"),
            "facts": self._counter("facts", "facts applied to a table, new or repeated", "table", "outcome"),
            "dead_letters": self._counter("dead_letters", "dead letters by source topic", "topic", "class"),
            "outputs": self._counter("outputs", "records written to output topics", "topic"),
            "break_transitions": self._counter("break_transitions", "mismatch alerts published", "class", "lifecycle"),
            "late_alert_transitions": self._counter(
                "late_alert_transitions", "late-payment alerts published", "lifecycle"
            ),
        }
        self._commits = self._counter("commits", "committed transactions")
        self._failures = self._counter(
            "transaction_failures", "failed transactions; the worker ends at the first and is started again"
        )
        self._rebalances = self._counter("rebalances", "assignments of partitions to this worker")
        self._duration = self._histogram(
            "commit_duration_seconds", "from preparing a commit until it is committed", COMMIT_S
        )
        self._records = self._histogram("commit_records", "records that a commit wrote", COMMIT_RECORDS)
        self._keys = self._histogram("commit_keys", "states that a commit wrote", COMMIT_RECORDS)
        latency = Histogram(
            "rentmatch_event_latency_seconds",
            "until the transaction that read the event is committed, of the first and the last record of each input "
            "batch: since it occurred (by the service's clock), and since its record's timestamp (by the system's)",
            ["since"], registry=self.registry, buckets=LATENCY_S,
        )  # fmt: skip
        self._since_occurred, self._since_broker = latency.labels("occurred"), latency.labels("broker")
        self._begin_at_zero(names)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        help_ = f"{meaning}; committed work of this process"
        return Counter(f"rentmatch_{name}", help_, labels, registry=self.registry)

    def _histogram(self, name: str, meaning: str, buckets: Sequence[float]) -> Histogram:
        return Histogram(f"rentmatch_{name}", meaning, registry=self.registry, buckets=buckets)

    def _begin_at_zero(self, names: Names) -> None:
        """Create every series before its first event, so that a rate includes it."""
        for topic, records in names.records.items():
            for record in sorted(records):
                self._counters["events"].labels(topic, record, "routed")
            self._counters["events"].labels(topic, "unknown", "dead_letter")
        for topic in (*names.records, *names.internal):
            for error_class in names.dead_letter_classes:
                self._counters["dead_letters"].labels(topic, error_class)
        for action in get_args(DecisionAction):
            self._counters["decisions"].labels(action)
        for table in names.tables:
            for outcome in ("learned", "repeated"):
                self._counters["facts"].labels(table, outcome)
        for topic in names.outputs:
            self._counters["outputs"].labels(topic)
        for break_class in BreakClass:
            for lifecycle in BreakLifecycle:
                self._counters["break_transitions"].labels(break_class, lifecycle)
        for late_lifecycle in LateLifecycle:
            self._counters["late_alert_transitions"].labels(late_lifecycle)

    # CommitListener

    def committed(self, details: CommitDetails) -> None:
        """A transaction was committed."""
        self._commits.inc()
        self._duration.observe(details.seconds)
        self._records.observe(details.records)
        self._keys.observe(details.keys)
        for name, counter in self._counters.items():
            for labels, number in getattr(details.counts, name).items():
                counter.labels(*labels).inc(number)
        now = self._clock()
        for at in details.occurred:
            self._since_occurred.observe(max(0.0, (now - at) / 1e6))
        now_ms = time.time_ns() // 1_000_000
        for at_ms in details.stamped_ms:
            if at_ms >= 0:  # the broker may have none
                self._since_broker.observe(max(0.0, (now_ms - at_ms) / 1e3))

    def failed(self) -> None:
        """A transaction failed, or its outcome is unknown."""
        self._failures.inc()

    def rebalanced(self) -> None:
        """Partitions were assigned."""
        self._rebalances.inc()

    # A scrape

    def families(self, tallies: TableTallies, machinery: Machinery) -> list[Metric]:
        """All of it, with the gauges as these values say."""
        return [
            *self.registry.collect(),
            *state_metrics(tallies, self._clock() // DAY),
            *_machinery_metrics(machinery, self._version),
        ]


class _Collected:
    """Families in the form that the encoders take."""

    def __init__(self, families: list[Metric]) -> None:
        self._families = families

    def collect(self) -> list[Metric]:
        return self._families


def answer(families: list[Metric], accept: str) -> Response:
    """An HTTP answer with these families, in the format that the scraper asks for."""
    encode, content_type = choose_encoder(accept)
    return Response(body=encode(_Collected(families)), headers={"Content-Type": content_type})


def _machinery_metrics(machinery: Machinery, version: str) -> Iterator[Metric]:
    yield _gauge("rentmatch_live", "1 while /livez answers 200", [((), machinery.live)])
    yield _gauge("rentmatch_ready", "1 while /readyz answers 200", [((), machinery.ready)])
    yield _gauge(
        "rentmatch_partitions", "partitions that this worker reads; of internal topics it owns the state, too",
        [((topic,), count) for topic, count in machinery.partitions.items()], "topic",
    )  # fmt: skip
    yield _gauge(
        "rentmatch_input_lag_records",
        "last known end offset minus processed offset, over the partitions that this worker reads",
        [((topic,), lag) for topic, lag in machinery.lag.items()], "topic",
    )  # fmt: skip
    yield _gauge(
        "rentmatch_input_caught_up_timestamp_seconds",
        "the time up to which every partition of the topic has been read; the same on all workers",
        [((topic,), at / 1e6) for topic, at in machinery.inputs_caught_up_to.items() if at is not None], "topic",
    )  # fmt: skip
    caught_up_to = machinery.caught_up_to
    yield _gauge(
        "rentmatch_caught_up_timestamp_seconds",
        "the time up to which everything is reconciled; the same on all workers, absent until it is first known",
        [] if caught_up_to is None else [((), caught_up_to / 1e6)],
    )
    yield _gauge(
        "rentmatch_input_last_record_timestamp_seconds",
        "the timestamp of the newest record on the topic, as last returned by the broker",
        [((topic,), at_ms / 1e3) for topic, at_ms in machinery.newest_ms.items()], "topic",
    )  # fmt: skip
    yield _gauge(
        "rentmatch_recovery_records_remaining", "changelog records that recovery has still to read",
        [((), machinery.recovery_remaining)],
    )  # fmt: skip
    yield _gauge("rentmatch_recovery_seconds", "how long the last recovery took", [((), machinery.recovery_seconds)])
    yield _gauge("rentmatch_pending_keys", "keys and records in the open transaction", [((), machinery.pending)])
    yield _gauge("rentmatch_build_info", "1, with the service's version", [((version,), 1)], "version")


def _gauge(
    name: str, meaning: str, samples: Iterable[tuple[tuple[str, ...], float]], *labels: str
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, meaning, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
