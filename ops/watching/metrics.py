"""The metrics of a watcher, in a registry of its own, because it is a process of its own."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge
from prometheus_client.core import Metric

FILE_OUTCOMES = ("done", "failed")
LINE_OUTCOMES = ("published", "skipped", "not_understood")


class WatchMetrics:
    """The metrics of a watcher.

    Args:
        feeds: the names of its feeds.

    """

    def __init__(self, feeds: Iterable[str]) -> None:
        self.registry = CollectorRegistry()
        self.files = Counter(
            "rentmatch_watch_files", "Files put away, by outcome", ["feed", "outcome"], registry=self.registry
        )
        self.lines = Counter(
            "rentmatch_watch_lines",
            "Records published, and lines that were skipped or not understood",
            ["feed", "outcome"],
            registry=self.registry,
        )
        self.off = Counter(
            "rentmatch_watch_controls_off",
            "Totals and balances of files that their lines do not come to",
            ["feed"],
            registry=self.registry,
        )
        self.waiting = Gauge(
            "rentmatch_watch_waiting_files",
            "Files that are there and not imported yet: still arriving, or the broker does not take them",
            registry=self.registry,
        )
        self.unmatched = Gauge(
            "rentmatch_watch_unmatched_files", "Complete files that belong to no feed", registry=self.registry
        )
        self.overdue = Gauge(
            "rentmatch_watch_overdue_seconds",
            "Since the hour by which a file should have come; 0 if it has, or is not due",
            ["feed"],
            registry=self.registry,
        )
        self.last = Gauge(
            "rentmatch_watch_last_file_timestamp_seconds",
            "When the last file was imported, seconds since 1970; 0 if none",
            ["feed"],
            registry=self.registry,
        )
        for feed in feeds:
            for outcome in FILE_OUTCOMES:
                self.files.labels(feed, outcome)
            for outcome in LINE_OUTCOMES:
                self.lines.labels(feed, outcome)
            self.off.labels(feed)
            self.overdue.labels(feed)
            self.last.labels(feed)

    def families(self) -> list[Metric]:
        """All metrics, for a scrape."""
        return list(self.registry.collect())
