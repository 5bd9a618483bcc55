"""Reads the three inputs: decodes, checks, dead-letters, and takes each fact to the keeper of its key."""

from collections.abc import Iterable

from agents.courier import Courier, Origin
from agents.keeping import Shared
from domain.facts import InputFact, Micros, PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from streams.batch import Batch
from streams.commit import Commit
from streams.dead_letters import BadInput, DeadLetter
from streams.topics import INPUTS

_BY_PAYMENT = frozenset({PaymentInitiated, ProcessorSettled, PaymentPosted, PostingReversed})


class RouteInputs:
    """The first stage. It remembers nothing: what it reads in one transaction leaves in the same one."""

    sources = INPUTS

    def __init__(self, shared: Shared, to_payments: Courier, to_obligations: Courier) -> None:
        self._decode = shared.codec.decode_input
        self._names = shared.names
        self._version = shared.version
        self._to_payments = to_payments
        self._to_obligations = to_obligations
        self._dead: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]] = []

    def handle(self, batch: Batch) -> None:
        """Route each record of a batch, or set it aside with the reason."""
        topic = batch.source.topic
        decode = self._decode
        by_payment: list[InputFact] = []
        by_obligation: list[InputFact] = []
        for record in batch.records:
            try:
                fact = decode(topic, record.value)
            except BadInput as reason:
                self._set_aside(batch, record.key, record.value, record.offset, reason)
                continue
            (by_payment if type(fact) in _BY_PAYMENT else by_obligation).append(fact)
        origin = Origin(batch.source, batch.start)
        self._to_payments.carry(by_payment, origin)
        self._to_obligations.carry(by_obligation, origin)

    def _set_aside(self, batch: Batch, key: bytes | None, value: bytes | None, offset: int, reason: BadInput) -> None:
        source = self._names[batch.source.topic]
        letter = DeadLetter.of(reason, source, batch.source.number, offset, self._version)
        self._dead.append((key, value, letter.headers()))

    def pending(self) -> int:
        """How many facts and dead letters wait for the commit."""
        return self._to_payments.pending() + self._to_obligations.pending() + len(self._dead)

    def wake(self, partition: int, until: Micros) -> bool:
        """Do nothing: routing knows no deadlines."""
        return False

    def settle(self, commit: Commit, now: dict[int, Micros]) -> None:
        """Bundle what other workers keep."""
        self._to_payments.settle(commit)
        self._to_obligations.settle(commit)
        commit.dead_letters += self._dead
        self._dead = []

    def committed(self, commit: Commit) -> None:
        """Nothing is remembered."""

    def assigned(self, partitions: Iterable[int]) -> None:
        """Nothing is remembered."""

    def revoked(self) -> None:
        """Drop what was routed and not committed: whoever reads it next routes it again."""
        self._to_payments.drop()
        self._to_obligations.drop()
        self._dead = []
