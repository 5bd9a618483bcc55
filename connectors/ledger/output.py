"""What a ledger's connector writes, exactly once: facts, dead letters and its own state in one Kafka transaction.

The state is on a compacted topic of the connector's own with one partition: of each row what was reported, and how far
the source was read (`Checkpoint`) where that is no offset of Kafka. After a crash the next process fences this one by
the transactional id, which ends its open transaction, and then reads the committed state. So it goes on exactly after
the last committed transaction, whatever happened to the one after it.
"""

import time
from collections.abc import Iterator, MutableMapping, Sequence
from typing import Any

import msgspec
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from connectors.ledger.row_state import LedgerFact, RowState
from streams.broker.cluster import BrokerError, connect
from streams.broker.reading import missing_topic
from streams.broker.state_topic import ensure_topic, read_state
from streams.codec.codec import Codec
from streams.codec.dead_letters import DeadLetter
from streams.settings import Settings
from streams.topics import DEAD_LETTER, LEDGER_EVENTS

STEP_S = 30.0
"""The timeout of one step of a transaction."""
TRANSACTION_MS = 60_000

_CHECKPOINT = b"checkpoint"
_ROW = b"row:"

_encode_state = msgspec.msgpack.Encoder().encode
_decode_state = msgspec.msgpack.Decoder(RowState).decode


class OutputLost(RuntimeError):
    """A transaction failed. The process must end; the next one goes on from what is committed."""


class Checkpoint(msgspec.Struct, frozen=True):
    """How far a source outside of Kafka is read."""

    position: str
    """Everything before it is reported. In the source's own form."""
    has_snapshot: bool = False
    """Whether the rows that were there before it are reported."""


class RefusedChange(msgspec.Struct, frozen=True):
    """What could not be reported, as it was read."""

    key: bytes | None
    value: bytes | None
    reason: DeadLetter


class RowStates(MutableMapping[str, RowState]):
    """The states of all rows, packed, and those changed since the last commit."""

    def __init__(self) -> None:
        self._packed: dict[str, bytes] = {}
        self.packed_bytes = 0
        """Of the committed states and their names; the memory that they take is some 2.5 times as much."""
        self.changed: dict[str, RowState] = {}

    def __getitem__(self, key: str) -> RowState:
        found = self.changed.get(key)
        return _decode_state(self._packed[key]) if found is None else found

    def __setitem__(self, key: str, state: RowState) -> None:
        self.changed[key] = state

    def __delitem__(self, key: str) -> None:
        raise NotImplementedError("what was reported of a row is kept for ever")

    def __contains__(self, key: object) -> bool:
        return key in self.changed or key in self._packed

    def __iter__(self) -> Iterator[str]:
        yield from self._packed
        yield from (key for key in self.changed if key not in self._packed)

    def __len__(self) -> int:
        return len(self._packed) + sum(key not in self._packed for key in self.changed)

    @property
    def packed_count(self) -> int:
        """How many states are committed; another thread may ask."""
        return len(self._packed)

    def load(self, key: str, packed: bytes) -> None:
        """Take over a committed state."""
        known = self._packed.get(key)
        self.packed_bytes += len(packed) + (len(key) if known is None else -len(known))
        self._packed[key] = packed

    def pack(self) -> list[tuple[str, bytes]]:
        """The changed states, packed."""
        return [(key, _encode_state(state)) for key, state in self.changed.items()]

    def forget(self) -> None:
        """The changes since the last commit did not happen."""
        self.changed.clear()

    def committed(self, packed: Sequence[tuple[str, bytes]]) -> None:
        """The changed states are committed."""
        for key, state in packed:
            self.load(key, state)
        self.changed.clear()


class LedgerOutput:
    """The transactional producer of a connector, and the state that it keeps.

    Args:
        settings: names of topics, broker, application id.
        name: the mapping's name: one process at a time writes for it.
        codec: encodes the facts.

    Raises:
        BrokerError: no broker answers, or a topic is missing or cannot be used.

    """

    def __init__(self, settings: Settings, name: str, codec: Codec) -> None:
        self._settings, self._codec = settings, codec
        self.group = f"{settings.application_id}-ledger-{name}"
        self._events, self._dead_letters = settings.topic(LEDGER_EVENTS), settings.topic(DEAD_LETTER)
        self._state_topic = f"{settings.topic_prefix}ledger-state-{name}"
        self._failed: KafkaError | None = None
        self.states = RowStates()
        self.checkpoint: Checkpoint | None = None
        self._prepare()
        self._producer = self._fence()
        self._load()

    def _prepare(self) -> None:
        """Check that the topics exist, and create that of the state."""
        _, cluster = connect(AdminClient, self._settings)
        known = {name for name, topic in cluster.topics.items() if topic.error is None}
        for name in (self._events, self._dead_letters):
            if name not in known:
                raise BrokerError(missing_topic(self._settings, name))
        lost = "the broker would delete what was reported of old rows, and report them twice"
        ensure_topic(self._settings, self._state_topic, lost)

    def _fence(self) -> Any:
        """Open the producer: a process before this one can commit nothing more."""
        producer, _ = connect(
            Producer,
            self._settings,
            transactional_id=self.group,
            transaction_timeout_ms=TRANSACTION_MS,
            partitioner="murmur2_random",
            compression_type="lz4",
            linger_ms=50,
            message_max_bytes=16 << 20,
        )
        try:
            producer.init_transactions(2 * STEP_S)
        except KafkaException as error:
            raise BrokerError(f"no transaction can be opened as {self.group}: {error.args[0].str()}") from None
        return producer

    def _load(self) -> None:
        """Read the committed state to its end."""
        for key, value in read_state(self._settings, self._state_topic, f"{self.group}-state"):
            if key == _CHECKPOINT:
                self.checkpoint = msgspec.json.decode(value, type=Checkpoint)
            elif key.startswith(_ROW):
                self.states.load(key.removeprefix(_ROW).decode(), value)

    def commit(
        self,
        facts: Sequence[LedgerFact],
        letters: Sequence[RefusedChange],
        *,
        checkpoint: Checkpoint | None = None,
        offsets: Sequence[TopicPartition] = (),
        reader: Any = None,
    ) -> None:
        """Write all of it and the changed states, or nothing.

        Args:
            facts: for `ledger-events`.
            letters: for `dead-letter`.
            checkpoint: how far the source is read.
            offsets: of what was read from Kafka, the next ones to read.
            reader: the consumer of `offsets`.

        Raises:
            OutputLost: the transaction failed, or its outcome is not known.
            RegistryError: a schema cannot be registered.

        """
        values = [(fact.obligation_id.encode(), self._codec.encode(fact, self._events)) for fact in facts]
        packed = self.states.pack()
        try:
            self._producer.begin_transaction()
            for key, value in values:
                self._produce(self._events, key, value)
            for letter in letters:
                self._produce(self._dead_letters, letter.key, letter.value, letter.reason.headers())
            for name, state in packed:
                self._produce(self._state_topic, _ROW + name.encode(), state)
            if checkpoint is not None:
                self._produce(self._state_topic, _CHECKPOINT, msgspec.json.encode(checkpoint))
            if offsets:
                metadata = reader.consumer_group_metadata()
                self._producer.send_offsets_to_transaction(list(offsets), metadata, STEP_S)
            self._producer.commit_transaction(STEP_S)
        except KafkaException as error:
            raise OutputLost(self._reason(error.args[0])) from error
        if self._failed is not None:
            raise OutputLost(f"a record was not written: {self._failed.str()}")
        self.states.committed(packed)
        self.checkpoint = checkpoint or self.checkpoint

    def _produce(self, topic: str, key: bytes | None, value: bytes | None, headers: Any = None) -> None:
        until = time.monotonic() + STEP_S
        while True:
            try:
                self._producer.produce(topic, value, key, headers=headers, on_delivery=self._delivered)
                return
            except BufferError:
                if time.monotonic() > until:
                    raise OutputLost("the broker accepts no records") from None
                self._producer.poll(0.1)

    def _delivered(self, error: KafkaError | None, _: Any) -> None:
        if error is not None:
            self._failed = error

    def _reason(self, error: KafkaError) -> str:
        if error.code() in {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}:
            return f"another process writes as {self.group}; only one may run for a mapping"
        return f"the transaction failed: {error.str()}"
