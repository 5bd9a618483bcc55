"""Keeps the payments: joins initiation, settlement and postings, and tells each obligation what counts for it."""

from operator import attrgetter

from agents.keyed_agent import AgentContext, KeyedAgent
from agents.router import Origin, Router
from domain.facts import PaymentApplication
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.tally import count_payment
from streams.codec import bundles
from streams.topics import PAYMENT_FACTS
from streams.transport.batch import Batch, TopicPartition
from streams.transport.commit import Commit
from tables.keyed import KeyedTable

PAYMENT_ID = attrgetter("payment_id")
_SETTLING = Origin(TopicPartition(PAYMENT_FACTS, -1), -1)
"""Parts come from no record of their own."""


class MatchPayments(KeyedAgent[PaymentState]):
    """The second stage: facts by payment in; payment reconciliations, alerts and parts for obligations out."""

    sources = (PAYMENT_FACTS,)

    def __init__(self, table: KeyedTable[PaymentState], shared: AgentContext, to_obligations: Router) -> None:
        super().__init__(table, PAYMENT_ID, payment.apply, payment.view, count_payment, shared)
        self._to_obligations = to_obligations

    def handle(self, batch: Batch) -> None:
        """Let each payment learn the facts that another worker routed."""
        unpack = bundles.decoder_of(batch.source.topic)
        facts = [fact for record in batch.records for fact in unpack(record.value or b"")]
        self.apply(batch.source.number, facts, Origin(batch.source, batch.start))

    def _tell(self, commit: Commit, applications: list[PaymentApplication]) -> None:
        self._to_obligations.route(applications, _SETTLING)
        self._to_obligations.flush(commit)
