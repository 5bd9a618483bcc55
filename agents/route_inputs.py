"""Reads the three inputs: decodes, checks, dead-letters, and takes each fact to the keeper of its key."""

from collections import Counter
from collections.abc import Iterable

from agents.keyed_agent import AgentContext
from agents.router import Origin, Router
from domain.facts import InputFact, PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from domain.time import Micros
from streams.codec.dead_letters import BadInput, DeadLetter
from streams.topics import INPUTS
from streams.transport.batch import Batch
from streams.transport.commit import Commit, DeadRecord

_BY_PAYMENT = frozenset({PaymentInitiated, ProcessorSettled, PaymentPosted, PostingReversed})


class RouteInputs:
    """The first stage. It remembers nothing: what it reads in one transaction leaves in the same one."""

    sources = INPUTS

    def __init__(self, shared: AgentContext, to_payments: Router, to_obligations: Router) -> None:
        self._decode = shared.codec.decode_input
        self._names = shared.names
        self._version = shared.version
        self._to_payments = to_payments
        self._to_obligations = to_obligations
        self._record_name = shared.codec.record_name
        self._dead: list[DeadRecord] = []
        self._counts: Counter[tuple[str, ...]] = Counter()
        self._occurred: list[Micros] = []
        self._stamped_ms: list[int] = []

    def handle(self, batch: Batch) -> None:
        """Route each record of a batch, or set it aside with the reason."""
        topic = batch.source.topic
        decode = self._decode
        by_payment: list[InputFact] = []
        by_obligation: list[InputFact] = []
        first: InputFact | None = None
        for record in batch.records:
            try:
                fact = decode(topic, record.value)
            except BadInput as reason:
                self._set_aside(batch, record.key, record.value, record.offset, reason)
                continue
            if first is None:
                first = fact
            (by_payment if type(fact) in _BY_PAYMENT else by_obligation).append(fact)
        if first is not None:
            self._occurred += (first.occurred_at, fact.occurred_at)
        self._stamped_ms += batch.stamped_ms
        for facts in (by_payment, by_obligation):
            for kind, number in Counter(map(type, facts)).items():
                self._counts["events", topic.name, kind.__name__, "routed"] += number
        origin = Origin(batch.source, batch.start)
        self._to_payments.route(by_payment, origin)
        self._to_obligations.route(by_obligation, origin)

    def _set_aside(self, batch: Batch, key: bytes | None, value: bytes | None, offset: int, reason: BadInput) -> None:
        topic = batch.source.topic
        self._counts["events", topic.name, self._record_name(value), "dead_letter"] += 1
        self._counts["dead_letters", topic.name, reason.error_class] += 1
        source = self._names[topic]
        letter = DeadLetter.of(reason, source, batch.source.number, offset, self._version)
        self._dead.append((key, value, letter.headers()))

    def buffered(self) -> int:
        """How many facts and dead letters wait for the commit."""
        return self._to_payments.buffered() + self._to_obligations.buffered() + len(self._dead)

    def fire_deadlines(self, partition: int, until: Micros) -> bool:
        """Do nothing: routing knows no deadlines."""
        return False

    def flush(self, commit: Commit, now: dict[int, Micros]) -> None:
        """Bundle what other workers keep."""
        self._to_payments.flush(commit)
        self._to_obligations.flush(commit)
        commit.dead_letters += self._dead
        commit.counts.update(self._counts)
        commit.occurred += self._occurred
        commit.stamped_ms += self._stamped_ms
        self._begin()

    def _begin(self) -> None:
        self._dead = []
        self._counts = Counter()
        self._occurred = []
        self._stamped_ms = []

    def committed(self, commit: Commit) -> None:
        """Nothing is remembered."""

    def assigned(self, partitions: Iterable[int]) -> None:
        """Nothing is remembered."""

    def revoked(self) -> None:
        """Drop what was routed and not committed: whoever reads it next routes it again."""
        self._to_payments.drop()
        self._to_obligations.drop()
        self._begin()
