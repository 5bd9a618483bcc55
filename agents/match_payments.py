"""Matches payments: joins what app, processor and ledger report of each payment, and applies it to obligations."""

from agents.keyed_agent import KeyedAgent, Stamp
from domain.facts import ReferenceResolution
from domain.payments import view as payment
from domain.payments.view import PaymentState, PaymentView
from domain.publishing import Changes, Published, diff
from domain.tally import Tally, count_payment
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

    @staticmethod
    def publish(published: Published, state: PaymentState, view: PaymentView, stamp: Stamp, tally: Tally) -> Changes:
        """Its reconciliation, alerts, applications and claims, where they differ from those last published."""
        # Counted first: the tally moves from what `published` says now, and diff() brings that up to date.
        count_payment(tally, published, state, view, stamp.today)
        return diff(published, view, stamp.at, stamp.version)
