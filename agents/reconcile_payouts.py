"""Reconciles payouts: the settlement records in them, what the processor reports, what is on the bank account."""

from agents.keyed_agent import KeyedAgent, Stamp
from domain.payouts import view as payout
from domain.payouts.view import PayoutState, PayoutView
from domain.publishing import Changes, Published, diff
from domain.snapshots import PayoutEntry, PayoutMatch
from domain.tally import Tally, count_payout
from streams.topics import MATCH_FACTS, MISMATCH_ALERTS, PAYOUT_FACTS, PAYOUT_MATCHES, PAYOUT_RECONCILIATIONS
from streams.topology import PAYOUTS, RECONCILE_PAYOUTS
from streams.transport.faust_group import BatchStream


async def reconcile_payouts(batches: BatchStream) -> None:
    """Reconcile payouts with their lines and the bank: each batch in the worker's open transaction."""
    async for batch in batches:
        await batches.app.process(batch)


class ReconcilePayouts(KeyedAgent[PayoutState, PayoutView]):
    """The sixth stage. What is matched comes back on a late input, and changes nothing that was sent to the group.

    What a payout sends follows from its reports and the entries that name it (`Processor.late_inputs`).
    """

    function = staticmethod(reconcile_payouts)
    processor = RECONCILE_PAYOUTS
    inputs = (PAYOUT_FACTS, PAYOUT_MATCHES)
    outputs = (PAYOUT_RECONCILIATIONS, MISMATCH_ALERTS, MATCH_FACTS)
    spec = PAYOUTS
    replacing_facts = frozenset({PayoutEntry, PayoutMatch})

    apply = staticmethod(payout.apply)
    """Takes a fact into the payout (contract sections 3 and 11)."""
    view = staticmethod(payout.view)
    """Derives the payout at an instant (contract section 11)."""

    @staticmethod
    def publish(published: Published, state: PayoutState, view: PayoutView, stamp: Stamp, tally: Tally) -> Changes:
        """Its reconciliation, alerts, and what its match group is told, where they differ from those last published."""
        # Counted first: the tally moves from what `published` says now, and diff() brings that up to date.
        count_payout(tally, published, view)
        return diff(published, view, stamp.at, stamp.version)
