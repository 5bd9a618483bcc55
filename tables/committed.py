"""Looks at what this worker's store holds of a key: what is committed, never what the open transaction has learned.

Reading, unpacking and deriving happen in a thread of their own, so that a question costs the event loop nothing. The
view is as of the partition's caught-up time as it was last committed: then every record of an input up to that time is
in the store, and no deadline looks passed whose facts are still on their way.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, TypeVar

import msgspec

from domain.dedup import Accepted
from domain.obligations import state as obligation_state
from domain.obligations import view as obligation
from domain.payments import state as payment_state
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.policy import Policy
from domain.publishing import Published
from domain.records import ObligationReconciliation, PaymentReconciliation
from domain.time import Micros
from streams.partitioning import partition_of
from streams.topics import OBLIGATION_FACTS, PAYMENT_FACTS, Topic
from streams.transport.batch import TopicPartition
from streams.transport.engine import Engine
from tables.packing import Unpacker, unpack_obligation, unpack_payment
from tables.store import Store, TablePartition

THREADS = 2

T = TypeVar("T")


class NotKept(Exception):
    """The key's partition is not kept by this worker, or ceased to be while it looked."""


class KeySnapshot(NamedTuple):
    """What is known of a key."""

    state: Any
    """`PaymentState` or `ObligationState`; the caller's own."""
    history: Published
    partition: int
    caught_up: Micros
    """The partition's caught-up time, `progress.NEVER` before the first."""
    policy: Policy

    @property
    def facts(self) -> int:
        """How many facts the state holds; of an obligation, what each payment told it is one."""
        if isinstance(self.state, PaymentState):
            return _count(payment_state.identities(self.state))
        return _count(obligation_state.identities(self.state)) + len(self.state.applications)

    def reconciliation(self) -> PaymentReconciliation | ObligationReconciliation | None:
        """How the key stands as of the caught-up time, under the version last told of it; None without a charge."""
        record: PaymentReconciliation | ObligationReconciliation | None
        if isinstance(self.state, PaymentState):
            record = payment.view(self.state, self.caught_up, self.policy).reconciliation
        else:
            record = obligation.view(self.state, self.caught_up, self.policy).reconciliation
        return None if record is None else msgspec.structs.replace(record, version=self.history.version)


def _count(identities: Iterator[tuple[tuple[str, ...], Accepted]]) -> int:
    return sum(1 for _ in identities)


class _Kind(NamedTuple):
    topic: Topic
    letter: bytes
    unpack: Unpacker[Any]


_KINDS: Mapping[str, _Kind] = {
    "payment": _Kind(PAYMENT_FACTS, b"p", unpack_payment),
    "obligation": _Kind(OBLIGATION_FACTS, b"o", unpack_obligation),
}


class CommittedReader:
    """The committed state of the keys that this worker keeps. Its methods belong to the event loop."""

    def __init__(self, store: Store, engine: Engine, partitions: Mapping[Topic, int], policy: Policy) -> None:
        self._store = store
        self._engine = engine
        self._partitions = partitions
        self._policy = policy
        self._threads = ThreadPoolExecutor(THREADS, "rentmatch-looking")

    def source_of(self, kind: str, key: str) -> TopicPartition:
        """The partition of facts that a key belongs to; `kind` is `payment` or `obligation`."""
        topic = _KINDS[kind].topic
        return TopicPartition(topic, partition_of(key, self._partitions[topic]))

    def owns(self, kind: str, key: str) -> bool:
        """Whether the key is kept here, assigned and recovered."""
        return self.source_of(kind, key) in self._engine.expected

    async def read(self, kind: str, key: str, render: Callable[[KeySnapshot], T]) -> T | None:
        """Let `render` make something, in another thread, of what is known of a key; None where nothing is.

        Raises:
            NotKept: the key is not kept here, or ceased to be meanwhile.

        """
        source = self.source_of(kind, key)
        engine = self._engine
        if source not in engine.expected:
            raise NotKept(f"{source} is not kept here")
        epoch = engine.epoch
        # Before the store is read: what is committed in between makes the state newer than the time, never older.
        caught_up = engine.watermarks.committed_time(source)
        made = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._read, _KINDS[kind], source.number, key, caught_up, render
        )
        if engine.epoch != epoch:
            raise NotKept(f"{source} was given away meanwhile")
        return made

    def _read(
        self, kind: _Kind, partition: int, key: str, caught_up: Micros, render: Callable[[KeySnapshot], T]
    ) -> T | None:
        packed = self._store.get(TablePartition(kind.letter, partition), key)
        if packed is None:
            return None
        state, history = kind.unpack(packed)
        return render(KeySnapshot(state, history, partition, caught_up, self._policy))

    def close(self) -> None:
        """Wait until nobody looks into the store any more."""
        self._threads.shutdown(wait=True, cancel_futures=True)
