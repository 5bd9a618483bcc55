"""Resolves references: gives settlement records without a payment id to the payment that holds their reference."""

from agents.keyed_agent import KeyedAgent, Stamp
from domain.facts import AttemptClaim, ReferenceClaim
from domain.publishing import Changes, Published, diff
from domain.references import view as reference
from domain.references.view import ReferenceState, ReferenceView
from domain.tally import Tally, count_reference
from streams.topics import MISMATCH_ALERTS, PAYMENT_RESOLUTIONS, REFERENCE_FACTS, REFERENCE_RECONCILIATIONS
from streams.topology import REFERENCES, RESOLVE_REFERENCES
from streams.transport.faust_group import BatchStream


async def resolve_references(batches: BatchStream) -> None:
    """Find the holder of each reference: each batch in the worker's open transaction."""
    async for batch in batches:
        await batches.app.process(batch)


class ResolveReferences(KeyedAgent[ReferenceState, ReferenceView]):
    """The third stage. What it resolves goes back to the payments, as a late input of the second."""

    function = staticmethod(resolve_references)
    processor = RESOLVE_REFERENCES
    inputs = (REFERENCE_FACTS,)
    outputs = (REFERENCE_RECONCILIATIONS, MISMATCH_ALERTS, PAYMENT_RESOLUTIONS)
    spec = REFERENCES
    replacing_facts = frozenset({AttemptClaim, ReferenceClaim})

    apply = staticmethod(reference.apply)
    """Takes a fact into the reference (contract section 10)."""
    view = staticmethod(reference.view)
    """Derives the reference at an instant (contract section 10)."""

    @staticmethod
    def publish(
        published: Published, state: ReferenceState, view: ReferenceView, stamp: Stamp, tally: Tally
    ) -> Changes:
        """Its reconciliation, alerts and resolutions, where they differ from those last published."""
        # Counted first: the tally moves from what `published` says now, and diff() brings that up to date.
        count_reference(tally, published, view)
        return diff(published, view, stamp.at, stamp.version)
