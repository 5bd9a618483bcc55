"""Keeps the payments: joins initiation, settlement and postings, and tells each obligation what counts for it."""

from collections.abc import Mapping

from agents.keeping import Clocks, Keeping
from domain import payment
from domain.facts import PaymentPart
from domain.payment import PaymentState
from domain.policy import Policy
from streams import bundles
from streams.batch import Batch
from streams.codec import Codec
from streams.commit import Commit
from streams.partitioning import partition_of
from streams.topics import OBLIGATION_FACTS, PAYMENT_FACTS, Topic
from tables.keyed import KeyedTable


class MatchPayments(Keeping[PaymentState]):
    """The second stage: `payment-facts` in; payment reconciliations, alerts and parts for obligations out."""

    sources = (PAYMENT_FACTS,)

    def __init__(
        self,
        table: KeyedTable[PaymentState],
        policy: Policy,
        clocks: Clocks,
        codec: Codec,
        names: dict[Topic, str],
        partitions: Mapping[Topic, int],
    ) -> None:
        super().__init__(table, payment.view, policy, clocks, codec, names)
        self._obligation_partitions = partitions[OBLIGATION_FACTS]

    def handle(self, batch: Batch) -> None:
        """Let each payment of a batch learn its facts."""
        partition = batch.source.number
        facts = [fact for record in batch.records for fact in bundles.payment_facts(record.value or b"")]
        entries = self.table.entries(partition, [fact.payment_id for fact in facts])
        for entry, fact in zip(entries, facts, strict=True):
            if payment.learn(entry.state, fact):
                self.table.touch(partition, entry)

    def _tell(self, commit: Commit, parts: list[PaymentPart]) -> None:
        by_partition: dict[int, list[PaymentPart]] = {}
        for part in parts:
            partition = partition_of(part.obligation_id, self._obligation_partitions)
            by_partition.setdefault(partition, []).append(part)
        for partition, told in by_partition.items():
            for value in bundles.pack(told):
                commit.send(OBLIGATION_FACTS, partition, None, value)
