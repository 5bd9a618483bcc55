"""What the two keeping stages share: a key learns facts; at the commit its view is derived, compared and emitted."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from agents.router import Origin
from domain import publishing
from domain.facts import InputFact, ObligationCharged, PaymentApplication, PlanChanged
from domain.policy import Policy
from domain.publishing import Published
from domain.records import (
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    Output,
    PaymentReconciliation,
)
from domain.tally import Tally
from domain.time import DAY, FAR_FUTURE, NOT_CAUGHT_UP, Day, Micros
from streams.codec.codec import Codec
from streams.codec.dead_letters import BadInput, DeadLetter, DeadLetterClass, quoted
from streams.topics import (
    LATE_PAYMENT_ALERTS,
    MISMATCH_ALERTS,
    OBLIGATION_RECONCILIATIONS,
    PAYMENT_RECONCILIATIONS,
    Topic,
)
from streams.transport.commit import ANY_PARTITION, Commit, DeadRecord
from tables.keyed import Entry, KeyedTable

S = TypeVar("S")

_TOPIC_OF: dict[type, Topic] = {
    PaymentReconciliation: PAYMENT_RECONCILIATIONS,
    ObligationReconciliation: OBLIGATION_RECONCILIATIONS,
    MismatchAlert: MISMATCH_ALERTS,
    LatePaymentAlert: LATE_PAYMENT_ALERTS,
}


KEY_BYTES_MAX = 6 << 20
"""A key whose packed state is larger takes no more facts: its state and its snapshots must fit into a record of
16 MiB. A plan of 10,000 installments with ids of 512 bytes fits."""

_ORDINARY_FACT_BYTES = 400
"""What a fact adds to a state, roughly, until the next commit measures it."""

_PLANNED = (ObligationCharged, PlanChanged)


class Clocks(NamedTuple):
    """The two clocks of the service, both microseconds since 1970."""

    service: Callable[[], Micros]
    """What deadlines and `opened_at` go by; a setting may make it stand still."""
    version: Callable[[], Micros]
    """What versions are drawn from, so that they rise even when the state is rebuilt from nothing."""


class AgentContext(NamedTuple):
    """What all stages are given."""

    policy: Policy
    clocks: Clocks
    codec: Codec
    names: Mapping[Topic, str]
    """Of all topics, as they are called here."""
    partitions: Mapping[Topic, int]
    version: str
    """Of the service."""


class KeyedAgent(Generic[S]):
    """The shape of a stage that keeps state by key: receive, learn, derive, emit."""

    sources: tuple[Topic, ...]

    def __init__(
        self,
        table: KeyedTable[S],
        key: Callable[[Any], str],
        apply: Callable[[S, Any], bool],
        view: Callable[[S, Micros, Policy], Any],
        count: Callable[[Tally, Published, S, Any, Day], None],
        shared: AgentContext,
    ) -> None:
        self.table = table
        self._key = key
        self._apply = apply
        self._view = view
        self._count = count
        self._policy = shared.policy
        self._clocks = shared.clocks
        self._encode = shared.codec.encode_output
        self._encode_fact = shared.codec.encode_fact
        self._names = shared.names
        self._version = shared.version
        self._dead: list[DeadRecord] = []
        self._counts: Counter[tuple[str, ...]] = Counter()
        name = table.changelog.name.removesuffix("-changelog")
        self._learned, self._repeated = ("facts", name, "learned"), ("facts", name, "repeated")

    def owns(self, partition: int) -> bool:
        """Whether this worker has that partition."""
        return self.table.owns(partition)

    def apply(self, partition: int, facts: Sequence[Any], origin: Origin) -> None:
        """Let each key learn its fact, unless it is full."""
        apply = self._apply
        learned = refused = 0
        keys = list(map(self._key, facts))
        for entry, fact in zip(self.table.entries(partition, keys), facts, strict=True):
            watched = entry.packed_bytes > KEY_BYTES_MAX or type(fact) in _PLANNED
            if watched and not self._fits(entry, fact):
                self._refuse(origin, entry.key, fact)
                refused += 1
                continue
            if apply(entry.state, fact):
                learned += 1
                entry.packed_bytes += _ORDINARY_FACT_BYTES
                self.table.mark_dirty(partition, entry)
        self._counts[self._learned] += learned
        self._counts[self._repeated] += len(facts) - learned - refused

    def _fits(self, entry: Entry[S], fact: Any) -> bool:
        if isinstance(fact, PaymentApplication):
            return True  # it replaces the one before it, and the money must not be lost on the way between two keys
        if isinstance(fact, _PLANNED):
            entry.packed_bytes += sum([len(each.installment_id) + 24 for each in fact.installments])
        return entry.packed_bytes <= KEY_BYTES_MAX

    def _refuse(self, origin: Origin, key: str, fact: InputFact) -> None:
        reason = BadInput(
            DeadLetterClass.KEY_FULL,
            f"{quoted(key)} holds more than {KEY_BYTES_MAX} bytes of facts and takes no more; the value is this fact, "
            f"encoded anew: the record as it came is on its input topic",
        )
        topic = origin.source.topic
        self._counts["dead_letters", topic.name, reason.error_class] += 1
        source = self._names[topic]
        letter = DeadLetter.of(reason, source, origin.source.number, origin.offset, self._version)
        self._dead.append((key.encode(), self._encode_fact(fact, source), letter.headers()))

    def buffered(self) -> int:
        """How many keys wait to be settled."""
        return self.table.buffered()

    def fire_deadlines(self, partition: int, until: Micros) -> bool:
        """Settle keys whose deadline has passed, too; whether there may be more."""
        return self.table.fire_deadlines(partition, until)

    def flush(self, commit: Commit, now: dict[int, Micros]) -> None:
        """Derive the view of each touched key and emit what it changes."""
        at = self._clocks.service()
        today = at // DAY
        version_floor = self._clocks.version()
        settled: dict[int, list[tuple[Entry[S], Micros]]] = {}
        told: list[PaymentApplication] = []
        for partition, entries in self.table.dirty.items():
            caught_up = now.get(partition, NOT_CAUGHT_UP)
            done = settled[partition] = []
            tally = self.table.tallies.settling(partition)
            tally.forget(today)
            for entry in entries.values():
                view = self._view(entry.state, caught_up, self._policy)
                version = max(entry.history.version + 1, version_floor)
                self._count(tally, entry.history, entry.state, view, today)
                changes = publishing.diff(entry.history, view, at, version)
                for output in changes.outputs:
                    self._emit(commit, output)
                told += changes.applications
                done.append((entry, FAR_FUTURE if view.next_deadline is None else view.next_deadline))
        self.table.flush(commit, settled)
        self._tell(commit, told)
        commit.dead_letters += self._dead
        commit.counts.update(self._counts)
        self._begin()

    def _begin(self) -> None:
        self._dead = []
        self._counts = Counter()

    def _emit(self, commit: Commit, output: Output) -> None:
        if isinstance(output, MismatchAlert):
            commit.counts["break_transitions", output.break_class, output.lifecycle] += 1
        elif isinstance(output, LatePaymentAlert):
            commit.counts["late_alert_transitions", output.lifecycle] += 1
        topic = _TOPIC_OF[type(output)]
        commit.send(topic, ANY_PARTITION, key_of(output).encode(), self._encode(output, self._names[topic]))

    def _tell(self, commit: Commit, applications: list[PaymentApplication]) -> None:
        """Take parts to the keeper of the obligation; only payments have any."""

    def committed(self, commit: Commit) -> None:
        """The transaction holds."""
        self.table.committed(commit)

    def assigned(self, partitions: Iterable[int]) -> None:
        """Keep these partitions."""
        self.table.assigned(partitions)

    def revoked(self) -> None:
        """Forget what is not committed."""
        self.table.revoked()
        self._begin()


def key_of(output: Output) -> str:
    """The key that an output record goes by (contract section 6)."""
    if isinstance(output, PaymentReconciliation):
        return output.payment_id
    if isinstance(output, ObligationReconciliation):
        return output.obligation_id
    if isinstance(output, MismatchAlert):
        return output.break_id
    return output.alert_id
