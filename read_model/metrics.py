"""The metrics of the projector, in a registry of its own, because it is a process of its own."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import Metric

from read_model.decisions import DECISIONS
from read_model.documents import KINDS, history_of

OUTCOMES = ("written", "older", "deleted", "poisoned")
DECISION_OUTCOMES = ("written", "older", "poisoned", "invalid")


class ReadModelMetrics:
    """The metrics of a projector.

    Args:
        topics: the default names of the output topics that it reads.

    """

    def __init__(self, topics: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self.lag = Gauge(
            "rentmatch_read_model_lag_records",
            "Offsets between the last written record and the end, over the partitions that this projector reads",
            ["topic"],
            registry=self.registry,
        )
        self.documents = Counter(
            "rentmatch_read_model_documents",
            "Documents by outcome: written, older (the same or a newer version exists), deleted (by a tombstone), "
            "poisoned (put aside), or invalid (a decision that the workers make a dead letter)",
            ["collection", "outcome"],
            registry=self.registry,
        )
        self.mongo_up = Gauge(
            "rentmatch_read_model_mongo_up", "Whether MongoDB answers and accepts writes", registry=self.registry
        )
        self.last_write = Gauge(
            "rentmatch_read_model_last_write_timestamp_seconds",
            "The last write that MongoDB acknowledged, seconds since 1970; 0 if none",
            registry=self.registry,
        )
        self.summaries = Counter(
            "rentmatch_read_model_summaries", "Summaries that were made again", registry=self.registry
        )
        self.summaries_behind = Gauge(
            "rentmatch_read_model_summaries_behind",
            "Summaries that were marked and not made again at the last look: totals are older than the documents",
            registry=self.registry,
        )
        self.outdated = Gauge(
            "rentmatch_read_model_outdated",
            "Whether an earlier version wrote the read model: the gateway refuses to read it until it is rebuilt",
            registry=self.registry,
        )
        for topic in topics:
            self.lag.labels(topic)
        for outcome in DECISION_OUTCOMES:
            self.documents.labels(DECISIONS, outcome)
        for kind in KINDS:
            for outcome in OUTCOMES:
                self.documents.labels(kind, outcome)
                self.documents.labels(history_of(kind), outcome)

    def families(self) -> list[Metric]:
        """All metrics, for a scrape."""
        return list(self.registry.collect())
