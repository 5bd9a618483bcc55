"""Reads the three inputs: decodes, checks, dead-letters, and hands each fact to the keeper of its key."""

from collections.abc import Iterable

from agents.keeping import Shared
from domain.facts import InputFact, Micros, PaymentInitiated, PaymentPosted, PostingReversed, ProcessorSettled
from streams import bundles
from streams.batch import Batch
from streams.commit import Commit
from streams.dead_letters import BadInput, DeadLetter
from streams.partitioning import partition_of
from streams.topics import INPUTS, OBLIGATION_FACTS, PAYMENT_FACTS, Topic

_BY_PAYMENT = frozenset({PaymentInitiated, ProcessorSettled, PaymentPosted, PostingReversed})


class RouteInputs:
    """The first stage. It remembers nothing: what it reads in one transaction leaves in the same one."""

    sources = INPUTS

    def __init__(self, shared: Shared) -> None:
        self._decode = shared.codec.decode_input
        self._payment_partitions = shared.partitions[PAYMENT_FACTS]
        self._obligation_partitions = shared.partitions[OBLIGATION_FACTS]
        self._names = shared.names
        self._version = shared.version
        self._routed: dict[tuple[Topic, int], list[InputFact]] = {}
        self._dead: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]]]] = []
        self._pending = 0

    def handle(self, batch: Batch) -> None:
        """Route each record of a batch, or set it aside with the reason."""
        topic = batch.source.topic
        decode = self._decode
        routed = self._routed
        for record in batch.records:
            try:
                fact = decode(topic, record.value)
            except BadInput as reason:
                self._set_aside(batch, record.key, record.value, record.offset, reason)
                continue
            if type(fact) in _BY_PAYMENT:
                place = (PAYMENT_FACTS, partition_of(fact.payment_id, self._payment_partitions))  # type: ignore[union-attr]
            else:
                place = (OBLIGATION_FACTS, partition_of(fact.obligation_id, self._obligation_partitions))  # type: ignore[union-attr]
            held = routed.get(place)
            if held is None:
                routed[place] = [fact]
            else:
                held.append(fact)
        self._pending += len(batch.records)

    def _set_aside(self, batch: Batch, key: bytes | None, value: bytes | None, offset: int, reason: BadInput) -> None:
        source = self._names[batch.source.topic]
        letter = DeadLetter.of(reason, source, batch.source.number, offset, self._version)
        self._dead.append((key, value, letter.headers()))

    def pending(self) -> int:
        """How many records are routed and not yet committed."""
        return self._pending

    def wake(self, partition: int, until: Micros) -> bool:
        """Do nothing: routing knows no deadlines."""
        return False

    def settle(self, commit: Commit, now: dict[int, Micros]) -> None:
        """Bundle the facts of each internal partition."""
        for (topic, partition), facts in self._routed.items():
            for value in bundles.pack(facts):
                commit.send(topic, partition, None, value)
        commit.dead_letters += self._dead
        self._routed = {}
        self._dead = []
        self._pending = 0

    def committed(self, commit: Commit) -> None:
        """Nothing is remembered."""

    def assigned(self, partitions: Iterable[int]) -> None:
        """Nothing is remembered."""

    def revoked(self) -> None:
        """Drop what was routed and not committed: whoever reads it next routes it again."""
        self._routed = {}
        self._dead = []
        self._pending = 0
