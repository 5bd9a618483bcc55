"""The metrics of the gateway, in a registry of its own, because it is a process of its own. No label has an id."""

from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import Metric

from gateway.graphql.errors import ErrorCode

SIGN_INS = ("done", "refused", "unavailable")
EXPORTS = ("breaks", "payments", "obligations", "late", "payouts")
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class GatewayMetrics:
    """The metrics of a gateway process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "rentmatch_gateway_requests",
            "Requests by route (its template, without ids) and status",
            ["route", "status"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "rentmatch_gateway_request_seconds",
            "Time to answer a request, by route, without streams; exports last as long as they are read",
            ["route"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.refused = Counter(
            "rentmatch_gateway_refused",
            "Requests that were refused, by the code of the error",
            ["code"],
            registry=self.registry,
        )
        self.graphql = Counter(
            "rentmatch_gateway_graphql_requests",
            "GraphQL requests by outcome: `ok`, `gone` (the client did not wait), or the code of the first error; the "
            "HTTP status does not tell, because a field that fails leaves it at 200",
            ["outcome"],
            registry=self.registry,
        )
        self.sign_ins = Counter(
            "rentmatch_gateway_sign_ins", "Sign-ins by outcome", ["outcome"], registry=self.registry
        )
        self.exported_rows = Counter(
            "rentmatch_gateway_exported_rows", "Rows in exports", ["export"], registry=self.registry
        )
        self.streams = Gauge("rentmatch_gateway_streams", "Open streams of changes", registry=self.registry)
        self.resyncs = Counter(
            "rentmatch_gateway_resyncs",
            "Streams that were sent a resync, because more changed than could be listed",
            registry=self.registry,
        )
        self.audit_waiting = Gauge(
            "rentmatch_gateway_audit_waiting_entries",
            "Entries of the audit log that MongoDB does not have yet",
            registry=self.registry,
        )
        for outcome in ("ok", "gone", *ErrorCode):
            self.graphql.labels(str(outcome))
        for outcome in SIGN_INS:
            self.sign_ins.labels(outcome)
        for export in EXPORTS:
            self.exported_rows.labels(export)

    def watch_audit(self, waiting: Callable[[], int]) -> None:
        """Report the entries that wait."""
        self.audit_waiting.set_function(waiting)

    def families(self) -> list[Metric]:
        """All metrics, for a scrape."""
        return list(self.registry.collect())
