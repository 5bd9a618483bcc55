"""Keeps the obligations: pours what counts of each payment into the installments, and tells what is late."""

from agents.keeping import Clocks, Keeping
from domain import obligation
from domain.obligation import ObligationState
from domain.policy import Policy
from streams import bundles
from streams.batch import Batch
from streams.codec import Codec
from streams.topics import OBLIGATION_FACTS, Topic
from tables.keyed import KeyedTable


class AllocateInstallments(Keeping[ObligationState]):
    """The third stage: `obligation-facts` in; obligation reconciliations, mismatch and late-payment alerts out."""

    sources = (OBLIGATION_FACTS,)

    def __init__(
        self,
        table: KeyedTable[ObligationState],
        policy: Policy,
        clocks: Clocks,
        codec: Codec,
        names: dict[Topic, str],
    ) -> None:
        super().__init__(table, obligation.view, policy, clocks, codec, names)

    def handle(self, batch: Batch) -> None:
        """Let each obligation of a batch learn its facts."""
        partition = batch.source.number
        facts = [fact for record in batch.records for fact in bundles.obligation_facts(record.value or b"")]
        entries = self.table.entries(partition, [fact.obligation_id for fact in facts])
        for entry, fact in zip(entries, facts, strict=True):
            if obligation.learn(entry.state, fact):
                self.table.touch(partition, entry)
