"""Reads the committed state of a key from this worker's store, without the changes of the open transaction.

Reading, unpacking and deriving the view run in threads, so that a request does not block the event loop. The view is as
of the partition's watermark as last committed: every record of an input up to that time is in the store, so no deadline
seems to have passed before the facts that it waits for have arrived.
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeAlias, TypeVar, assert_never

import msgspec

from domain.bank_entries import state as bank_entry_state
from domain.bank_entries.view import BankEntryState
from domain.dedup import Accepted
from domain.obligations import state as obligation_state
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState
from domain.payments import state as payment_state
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.payouts import state as payout_state
from domain.payouts import view as payout
from domain.payouts.view import PayoutState
from domain.policy import Policy
from domain.publishing import Published
from domain.records import (
    ObligationReconciliation,
    PaymentReconciliation,
    PayoutReconciliation,
    ReferenceReconciliation,
)
from domain.references import state as reference_state
from domain.references import view as reference
from domain.references.view import ReferenceState
from domain.time import Micros
from streams.partitioning import partition_of
from streams.topics import Topic
from streams.topology import TOPOLOGY, Topology
from streams.transport.batch import TopicPartition
from streams.transport.engine import Engine
from tables.packing import Unpacker
from tables.store import Store, TablePartition

THREADS = 2

T = TypeVar("T")


Reconciliation: TypeAlias = (
    PaymentReconciliation | ObligationReconciliation | ReferenceReconciliation | PayoutReconciliation
)


class NotOwned(Exception):
    """The worker does not own the key's partition, or lost it during the read."""


class KeySnapshot(NamedTuple):
    """The committed state of a key."""

    state: PaymentState | ObligationState | ReferenceState | PayoutState | BankEntryState
    """The caller owns it."""
    packed: bytes
    """The value of the key in the changelog, as `tables.packing.Unpacker` reads it."""
    published: Published
    partition: int
    watermark: Micros
    """Of the partition; `NOT_CAUGHT_UP` before the first."""
    policy: Policy
    clock: Micros
    """The service's clock when it was read."""

    @property
    def facts(self) -> int:
        """The number of facts in the state. For an obligation, the application of each payment counts as one."""
        decisions = len(self.state.decisions)
        match self.state:
            case PaymentState():
                return decisions + _count(payment_state.identities(self.state))
            case ObligationState():
                return decisions + _count(obligation_state.identities(self.state)) + len(self.state.applications)
            case ReferenceState():
                return decisions + reference_state.facts(self.state)
            case PayoutState():
                return decisions + payout_state.facts(self.state)
            case BankEntryState():
                return decisions + bank_entry_state.facts(self.state)
            case never:
                assert_never(never)

    def reconciliation(self) -> Reconciliation | None:
        """The reconciliation as of the watermark, with the version last published; None for a key without one."""
        record: Reconciliation | None
        match self.state:
            case PaymentState():
                record = payment.view(self.state, self.watermark, self.policy, self.clock).reconciliation
            case ObligationState():
                record = obligation.view(self.state, self.watermark, self.policy, self.clock).reconciliation
            case ReferenceState():
                record = reference.view(self.state, self.watermark, self.policy, self.clock).reconciliation
            case PayoutState():
                record = payout.view(self.state, self.watermark, self.policy, self.clock).reconciliation
            case BankEntryState():
                return None
            case never:
                assert_never(never)
        return None if record is None else msgspec.structs.replace(record, version=self.published.version)


def _count(identities: Iterator[tuple[tuple[str, ...], Accepted]]) -> int:
    return sum(1 for _ in identities)


class CommittedReader:
    """Reads the committed state of the keys that this worker owns. Its methods belong to the event loop.

    Args:
        store: the worker's.
        engine: the worker's; it knows which partitions are assigned and their watermarks.
        partitions: the number of partitions of each topic.
        policy: for views.
        topology: which tables there are.

    """

    def __init__(
        self,
        store: Store,
        engine: Engine,
        partitions: Mapping[Topic, int],
        policy: Policy,
        topology: Topology = TOPOLOGY,
    ) -> None:
        self._store = store
        self._engine = engine
        self._partitions = partitions
        self._policy = policy
        self._sources = {table.key_kind: sources for table, sources in topology.sources_of.items()}
        self._tables = {table.key_kind: (table.id, Unpacker(table.state)) for table in topology.tables}
        self._threads = ThreadPoolExecutor(THREADS, "rentmatch-committed")

    def source_of(self, key_kind: str, key: str) -> TopicPartition:
        """The partition of facts that a key belongs to; `key_kind` is that of a table.

        Of a table that several topics feed it is that of the first; whoever owns the key reads it of all of them.
        """
        topic = self._sources[key_kind][0]
        return TopicPartition(topic, partition_of(key, self._partitions[topic]))

    def owns(self, key_kind: str, key: str) -> bool:
        """Whether the key's partition is assigned to this worker and recovered."""
        return self.source_of(key_kind, key) in self._engine.expected

    async def read(self, key_kind: str, key: str, render: Callable[[KeySnapshot], T]) -> T | None:
        """Read a key and call `render` with its snapshot, both in a thread; None for an unknown key.

        Raises:
            NotOwned: this worker does not own the key's partition, or lost it meanwhile.

        """
        source = self.source_of(key_kind, key)
        engine = self._engine
        if source not in engine.expected:
            raise NotOwned(f"{source} is not assigned to this worker")
        epoch = engine.epoch
        # Before the store is read: a commit in between makes the state newer than the watermark, never older.
        sources = (TopicPartition(topic, source.number) for topic in self._sources[key_kind])
        watermark = engine.watermarks.stored(*sources)
        rendered = await asyncio.get_running_loop().run_in_executor(
            self._threads, self._read, key_kind, source.number, key, watermark, render
        )
        if engine.epoch != epoch:
            raise NotOwned(f"{source} was revoked meanwhile")
        return rendered

    def _read(
        self, key_kind: str, partition: int, key: str, watermark: Micros, render: Callable[[KeySnapshot], T]
    ) -> T | None:
        letter, unpack = self._tables[key_kind]
        packed = self._store.get(TablePartition(letter, partition), key)
        if packed is None:
            return None
        state, published = unpack(packed)
        return render(KeySnapshot(state, packed, published, partition, watermark, self._policy, self._engine.clock()))

    def close(self) -> None:
        """Wait until no thread reads the store any more."""
        self._threads.shutdown(wait=True, cancel_futures=True)
