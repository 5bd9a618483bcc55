"""Keeps the obligations: pours what counts of each payment into the installments, and tells what is late."""

from operator import attrgetter

from agents.keyed_agent import AgentContext, KeyedAgent
from agents.router import Origin
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState
from domain.tally import count_obligation
from streams.codec import bundles
from streams.topics import OBLIGATION_FACTS
from streams.transport.batch import Batch
from tables.keyed import KeyedTable

OBLIGATION_ID = attrgetter("obligation_id")


class AllocateInstallments(KeyedAgent[ObligationState]):
    """The third stage: facts by obligation in; obligation reconciliations, mismatch and late-payment alerts out."""

    sources = (OBLIGATION_FACTS,)

    def __init__(self, table: KeyedTable[ObligationState], shared: AgentContext) -> None:
        super().__init__(table, OBLIGATION_ID, obligation.apply, obligation.view, count_obligation, shared)

    def handle(self, batch: Batch) -> None:
        """Let each obligation learn the facts that another worker routed or told."""
        unpack = bundles.decoder_of(batch.source.topic)
        facts = [fact for record in batch.records for fact in unpack(record.value or b"")]
        self.apply(batch.source.number, facts, Origin(batch.source, batch.start))
