"""What the two keeping stages share: a key learns facts, and at the commit its view is derived, compared and emitted."""

from collections.abc import Callable, Iterable
from typing import Any, Generic, NamedTuple, TypeVar

from domain import history
from domain.facts import Micros, PaymentPart
from domain.policy import Policy
from domain.records import (
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    Output,
    PaymentReconciliation,
)
from streams.codec import Codec
from streams.commit import ANY_PARTITION, Commit
from streams.topics import (
    LATE_PAYMENT_ALERTS,
    MISMATCH_ALERTS,
    OBLIGATION_RECONCILIATIONS,
    PAYMENT_RECONCILIATIONS,
    Topic,
)
from tables.keyed import Entry, KeyedTable
from tables.store import NO_DEADLINE

S = TypeVar("S")

NEVER_CAUGHT_UP = -(1 << 62)
"""The caught-up time of a partition that has not been read to its end yet: no deadline has passed for it."""

_TOPIC_OF: dict[type, Topic] = {
    PaymentReconciliation: PAYMENT_RECONCILIATIONS,
    ObligationReconciliation: OBLIGATION_RECONCILIATIONS,
    MismatchAlert: MISMATCH_ALERTS,
    LatePaymentAlert: LATE_PAYMENT_ALERTS,
}


class Clocks(NamedTuple):
    """The two clocks of the service, both microseconds since 1970."""

    service: Callable[[], Micros]
    """What deadlines and `opened_at` go by; a setting may make it stand still."""
    version: Callable[[], Micros]
    """What versions are drawn from, so that they rise even when the state is rebuilt from nothing."""


class Keeping(Generic[S]):
    """The shape of a stage that keeps state by key: receive, learn, derive, emit."""

    sources: tuple[Topic, ...]

    def __init__(
        self,
        table: KeyedTable[S],
        view: Callable[[S, Micros, Policy], Any],
        policy: Policy,
        clocks: Clocks,
        codec: Codec,
        names: dict[Topic, str],
    ) -> None:
        self.table = table
        self._view = view
        self._policy = policy
        self._clocks = clocks
        self._encode = codec.encode_output
        self._names = names

    def pending(self) -> int:
        """How many keys wait to be settled."""
        return self.table.pending()

    def wake(self, partition: int, until: Micros) -> None:
        """Settle the keys whose deadline has passed, too."""
        self.table.wake(partition, until)

    def settle(self, commit: Commit, now: dict[int, Micros]) -> None:
        """Derive the view of each touched key and emit what it changes."""
        at = self._clocks.service()
        version_floor = self._clocks.version()
        settled: dict[int, list[tuple[Entry[S], Micros]]] = {}
        told: list[PaymentPart] = []
        for partition, entries in self.table.touched.items():
            caught_up = now.get(partition, NEVER_CAUGHT_UP)
            done = settled[partition] = []
            for entry in entries.values():
                view = self._view(entry.state, caught_up, self._policy)
                version = max(entry.history.version + 1, version_floor)
                changes = history.changes(entry.history, view, at, version)
                for output in changes.outputs:
                    self._emit(commit, output)
                told += changes.parts
                done.append((entry, NO_DEADLINE if view.next_deadline is None else view.next_deadline))
        self.table.settle(commit, settled)
        self._tell(commit, told)

    def _emit(self, commit: Commit, output: Output) -> None:
        topic = _TOPIC_OF[type(output)]
        commit.send(topic, ANY_PARTITION, key_of(output).encode(), self._encode(output, self._names[topic]))

    def _tell(self, commit: Commit, parts: list[PaymentPart]) -> None:
        """Hand parts to the keeper of the obligation; only payments have any."""

    def committed(self, commit: Commit) -> None:
        """The transaction holds."""
        self.table.committed(commit)

    def assigned(self, partitions: Iterable[int]) -> None:
        """Keep these partitions."""
        self.table.assigned(partitions)

    def revoked(self) -> None:
        """Forget what is not committed."""
        self.table.revoked()


def key_of(output: Output) -> str:
    """The key that an output record goes by (contract section 6)."""
    if isinstance(output, PaymentReconciliation):
        return output.payment_id
    if isinstance(output, ObligationReconciliation):
        return output.obligation_id
    if isinstance(output, MismatchAlert):
        return output.break_id
    return output.alert_id
