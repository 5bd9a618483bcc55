"""Names payouts: brings each bank entry to the payout that it names, or to the group that looks for one."""

from agents.keyed_agent import KeyedAgent, Stamp
from domain.bank_entries import view as bank_entry
from domain.bank_entries.view import BankEntryState, BankEntryView
from domain.publishing import Changes, Published, diff
from domain.snapshots import EntryMatch
from domain.tally import Tally, count_bank_entry
from streams.topics import BANK_ENTRY_FACTS, ENTRY_MATCHES, MATCH_FACTS, MISMATCH_ALERTS, PAYOUT_FACTS
from streams.topology import BANK_ENTRIES, NAME_PAYOUTS
from streams.transport.faust_group import BatchStream


async def name_payouts(batches: BatchStream) -> None:
    """Bring bank entries to their payouts: each batch in the worker's open transaction."""
    async for batch in batches:
        await batches.app.process(batch)


class NamePayouts(KeyedAgent[BankEntryState, BankEntryView]):
    """The fifth stage. What the group finds comes back on a late input, and changes nothing that was sent to it.

    What an entry sends follows from its own facts alone (`Processor.late_inputs`).
    """

    function = staticmethod(name_payouts)
    processor = NAME_PAYOUTS
    inputs = (BANK_ENTRY_FACTS, ENTRY_MATCHES)
    outputs = (MISMATCH_ALERTS, PAYOUT_FACTS, MATCH_FACTS)
    spec = BANK_ENTRIES
    replacing_facts = frozenset({EntryMatch})

    apply = staticmethod(bank_entry.apply)
    """Takes a fact into the entry (contract sections 3 and 11)."""
    view = staticmethod(bank_entry.view)
    """Derives the entry at an instant (contract section 11)."""

    @staticmethod
    def publish(
        published: Published, state: BankEntryState, view: BankEntryView, stamp: Stamp, tally: Tally
    ) -> Changes:
        """Its alerts, and what its payout or its match group is told, where they differ from those last published."""
        # Counted first: the tally moves from what `published` says now, and diff() brings that up to date.
        count_bank_entry(tally, published, state, view)
        return diff(published, view, stamp.at, stamp.version)
