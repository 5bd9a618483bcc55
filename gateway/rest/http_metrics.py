"""Prometheus metrics of the API: requests, their status, their duration."""

from prometheus_client import CollectorRegistry, Counter, Histogram

UNMATCHED = "unmatched"
"""The route of a request whose path does not exist: as a label, each such path would be a time series."""

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class HttpMetrics:
    """Counts requests by route template and status.

    Args:
        registry: exposes the metrics; None exposes them nowhere.

    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._requests = Counter(
            "rentmatch_http_requests_total",
            "Requests answered, by route and status (499: the client went away first)",
            ["route", "status"],
            registry=registry,
        )
        self._seconds = Histogram(
            "rentmatch_http_request_seconds",
            "From the request's headers to the last byte of the answer",
            ["route"],
            registry=registry,
            buckets=BUCKETS_S,
        )
        self.collectors = (self._requests, self._seconds)

    def answered(self, route: str, status: int, seconds: float) -> None:
        """Count a request that is done."""
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
