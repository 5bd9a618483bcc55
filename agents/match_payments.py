"""Matches payments: joins what app, processor and ledger report of each payment, and applies it to obligations."""

from agents.keyed_agent import KeyedAgent, Stamp
from domain.facts import ReferenceClaim, ReferenceResolution
from domain.payments import view as payment
from domain.payments.view import PaymentState, PaymentView
from domain.publishing import Changes, Published, diff
from domain.tally import Tally, count_payment
from domain.time import Micros
from streams.topics import (
    MISMATCH_ALERTS,
    OBLIGATION_FACTS,
    PAYMENT_FACTS,
    PAYMENT_RECONCILIATIONS,
    PAYMENT_RESOLUTIONS,
    REFERENCE_FACTS,
)
from streams.topology import MATCH_PAYMENTS, PAYMENTS
from streams.transport.faust_group import BatchStream


async def match_payments(batches: BatchStream) -> None:
    """Match payments with settlements and postings: each batch in the worker's open transaction."""
    async for batch in batches:
        await batches.app.process(batch)


class MatchPayments(KeyedAgent[PaymentState, PaymentView]):
    """The second stage. A payment's application to an obligation is a fact of that obligation.

    So is its claim on a reference a fact of that reference. What is resolved by it comes back on a late input, and
    changes no claim: that is made of the initiation alone (`Processor.late_inputs`).
    """

    function = staticmethod(match_payments)
    processor = MATCH_PAYMENTS
    inputs = (PAYMENT_FACTS, PAYMENT_RESOLUTIONS)
    outputs = (PAYMENT_RECONCILIATIONS, MISMATCH_ALERTS, REFERENCE_FACTS, OBLIGATION_FACTS)
    spec = PAYMENTS
    replacing_facts = frozenset({ReferenceResolution})

    apply = staticmethod(payment.apply)
    """Takes a fact into the payment (contract section 3)."""
    view = staticmethod(payment.view)
    """Derives the payment at an instant (contract section 4)."""

    def facts_of_version_1(self, state: PaymentState, stamp: Stamp) -> list[ReferenceClaim]:
        """A claim on the reference of each attempt, by its first record: version 1 routed none.

        A record of such an attempt that comes without its payment id finds the payment by it.
        """
        first: dict[tuple[str, str], tuple[Micros, str]] = {}
        for processor, references in state.attempts.items():
            for reference, reported in references.items():
                for told in (told for outcome in reported.values() for told in outcome.told):
                    attempt, at = (processor, told.original_reference or reference), (told.occurred_at, told.event_id)
                    first[attempt] = min(at, first.get(attempt, at))
        return [
            ReferenceClaim(*attempt, state.payment_id, stamp.version, True, *at, settled=True)
            for attempt, at in first.items()
        ]

    @staticmethod
    def publish(published: Published, state: PaymentState, view: PaymentView, stamp: Stamp, tally: Tally) -> Changes:
        """Its reconciliation, alerts, applications and claims, where they differ from those last published."""
        # Counted first: the tally moves from what `published` says now, and diff() brings that up to date.
        count_payment(tally, published, state, view, stamp.today)
        return diff(published, view, stamp.at, stamp.version)
