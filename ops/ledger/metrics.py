"""The metrics of a reader of a ledger, in a process of its own: values that the reader keeps, read at a scrape."""

from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from connectors.ledger.output import RowStates
from connectors.ledger.progress import ReaderProgress, ReaderState
from domain.time import SECOND

RECORD_OUTCOMES = ("published", "dead_letter")
CONNECTED = frozenset({ReaderState.SNAPSHOT, ReaderState.FOLLOWING})


class LedgerMetrics:
    """The metrics.

    Args:
        ledger: the mapping's name.
        progress: of the reader.
        states: what it keeps of the ledger's rows; None while that is not read yet.

    """

    def __init__(self, ledger: str, progress: ReaderProgress, states: Callable[[], RowStates | None]) -> None:
        self._ledger, self._progress, self._states = ledger, progress, states

    def families(self) -> list[Metric]:
        """All metrics, for a scrape."""
        return list(self._families())

    def _families(self) -> Iterator[Metric]:
        now = self._progress
        yield self._counter("rentmatch_ledger_changes", "Changes of the ledger's rows that were read", now.changes)
        records = CounterMetricFamily(
            "rentmatch_ledger_records", "Facts and dead letters that were written", labels=["ledger", "outcome"]
        )
        for outcome, count in zip(RECORD_OUTCOMES, (now.published, now.refused), strict=True):
            records.add_metric([self._ledger, outcome], count)
        yield records
        yield self._counter(
            "rentmatch_ledger_disconnections", "How often the connection to the source was lost", now.disconnections
        )
        connected = now.state in CONNECTED
        yield self._gauge("rentmatch_ledger_connected", "1 while the source is read", connected)
        for name, help_text, at in (
            (
                "rentmatch_ledger_caught_up_timestamp_seconds",
                "The time up to which the ledger's changes are read, seconds since 1970; absent until it is known",
                now.caught_up,
            ),
            (
                "rentmatch_ledger_last_change_timestamp_seconds",
                "When the last change that was read was committed, seconds since 1970; absent until there is one",
                now.last_change,
            ),
        ):
            if at is not None:
                yield self._gauge(name, help_text, at // SECOND)
        states = self._states()
        if states is not None:
            rows, taken = "Rows and entries of the mapping that it remembers", "Their states, packed"
            yield self._gauge("rentmatch_ledger_states", rows, states.packed_count)
            yield self._gauge("rentmatch_ledger_state_bytes", taken, states.packed_bytes)

    def _counter(self, name: str, help_text: str, value: int) -> Metric:
        family = CounterMetricFamily(name, help_text, labels=["ledger"])
        family.add_metric([self._ledger], value)
        return family

    def _gauge(self, name: str, help_text: str, value: float) -> Metric:
        family = GaugeMetricFamily(name, help_text, labels=["ledger"])
        family.add_metric([self._ledger], value)
        return family
