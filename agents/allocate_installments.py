"""Allocates payments to installments: what is paid, what is pending, what is late."""

from typing import ClassVar

from agents.keyed_agent import KeyedAgent, Stamp
from domain.facts import ObligationCharged, PaymentApplication, PlanChanged
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState, ObligationView
from domain.publishing import Changes, Published, diff
from domain.tally import Tally, count_obligation
from streams.topics import LATE_PAYMENT_ALERTS, MISMATCH_ALERTS, OBLIGATION_FACTS, OBLIGATION_RECONCILIATIONS
from streams.topology import ALLOCATE_INSTALLMENTS, OBLIGATIONS
from streams.transport.faust_group import BatchStream


async def allocate_installments(batches: BatchStream) -> None:
    """Allocate payments to installments: each batch in the worker's open transaction."""
    async for batch in batches:
        await batches.app.process(batch)


def _plan_bytes(fact: ObligationCharged | PlanChanged) -> int:
    return sum([len(each.installment_id) + 24 for each in fact.installments])


class AllocateInstallments(KeyedAgent[ObligationState, ObligationView]):
    """The fourth stage."""

    function = staticmethod(allocate_installments)
    processor = ALLOCATE_INSTALLMENTS
    inputs = (OBLIGATION_FACTS,)
    outputs = (OBLIGATION_RECONCILIATIONS, MISMATCH_ALERTS, LATE_PAYMENT_ALERTS)
    spec = OBLIGATIONS
    large_facts: ClassVar = {ObligationCharged: _plan_bytes, PlanChanged: _plan_bytes}
    replacing_facts = frozenset({PaymentApplication})

    apply = staticmethod(obligation.apply)
    """Takes a fact into the obligation (contract section 3)."""
    view = staticmethod(obligation.view)
    """Derives the obligation at an instant (contract sections 5 and 8)."""

    @staticmethod
    def publish(
        published: Published, state: ObligationState, view: ObligationView, stamp: Stamp, tally: Tally
    ) -> Changes:
        """Its reconciliation, alerts and late-payment alerts, where they differ from those last published."""
        # Counted first: the tally moves from what `published` says now, and diff() brings that up to date.
        count_obligation(tally, published, state, view, stamp.today)
        return diff(published, view, stamp.at, stamp.version)
