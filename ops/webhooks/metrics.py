"""The metrics of the receiver of webhooks, in a registry of its own, because it is a process of its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric

OUTCOMES = ("published", "ignored", "dead_letter", "bad_signature", "too_large", "unavailable")

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class WebhookMetrics:
    """The metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "rentmatch_webhook_requests", "Requests by outcome", ["outcome"], registry=self.registry
        )
        self.seconds = Histogram(
            "rentmatch_webhook_request_seconds", "Until a request was answered", buckets=SECONDS, registry=self.registry
        )
        self.last = Gauge(
            "rentmatch_webhook_last_event_timestamp_seconds",
            "When the last signed event came, seconds since 1970; 0 if none",
            registry=self.registry,
        )
        for outcome in OUTCOMES:
            self.requests.labels(outcome)

    def families(self) -> list[Metric]:
        """All metrics, for a scrape."""
        return list(self.registry.collect())
