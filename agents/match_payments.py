"""Keeps the payments: joins initiation, settlement and postings, and tells each obligation what counts for it."""

from agents.keeping import Keeping, Shared
from domain import payment
from domain.facts import PaymentPart
from domain.payment import PaymentState
from streams import bundles
from streams.batch import Batch
from streams.commit import Commit
from streams.partitioning import partition_of
from streams.topics import OBLIGATION_FACTS, PAYMENT_FACTS
from tables.keyed import KeyedTable


class MatchPayments(Keeping[PaymentState]):
    """The second stage: `payment-facts` in; payment reconciliations, alerts and parts for obligations out."""

    sources = (PAYMENT_FACTS,)

    def __init__(self, table: KeyedTable[PaymentState], shared: Shared) -> None:
        super().__init__(table, payment.learn, payment.view, shared)
        self._obligation_partitions = shared.partitions[OBLIGATION_FACTS]

    def handle(self, batch: Batch) -> None:
        """Let each payment of a batch learn its facts."""
        facts = [fact for record in batch.records for fact in bundles.payment_facts(record.value or b"")]
        self.learn(batch, [fact.payment_id for fact in facts], facts)

    def _tell(self, commit: Commit, parts: list[PaymentPart]) -> None:
        by_partition: dict[int, list[PaymentPart]] = {}
        for part in parts:
            partition = partition_of(part.obligation_id, self._obligation_partitions)
            by_partition.setdefault(partition, []).append(part)
        for partition, told in by_partition.items():
            for value in bundles.pack(told):
                commit.send(OBLIGATION_FACTS, partition, None, value)
