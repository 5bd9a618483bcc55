"""Matches deposits: bank entries that name no payout with payouts of the same account, currency and amount."""

from agents.keyed_agent import KeyedAgent, Stamp
from domain.matching import view as matching
from domain.matching.view import MatchState, MatchView
from domain.publishing import Changes, Published, diff
from domain.snapshots import OpenEntry, OpenPayout
from domain.tally import Tally
from streams.topics import ENTRY_MATCHES, MATCH_FACTS, PAYOUT_MATCHES
from streams.topology import MATCH_DEPOSITS, MATCHES
from streams.transport.faust_group import BatchStream


async def match_deposits(batches: BatchStream) -> None:
    """Match bank entries with payouts: each batch in the worker's open transaction."""
    async for batch in batches:
        await batches.app.process(batch)


class MatchDeposits(KeyedAgent[MatchState, MatchView]):
    """The seventh stage. What it finds goes back to the entries and payouts, as late inputs of the stages before."""

    function = staticmethod(match_deposits)
    processor = MATCH_DEPOSITS
    inputs = (MATCH_FACTS,)
    outputs = (ENTRY_MATCHES, PAYOUT_MATCHES)
    spec = MATCHES
    replacing_facts = frozenset({OpenEntry, OpenPayout})

    apply = staticmethod(matching.apply)
    """Takes a snapshot of an entry or a payout into the group (contract section 11)."""
    view = staticmethod(matching.view)
    """Derives what the group finds (contract section 11)."""

    @staticmethod
    def publish(published: Published, state: MatchState, view: MatchView, stamp: Stamp, tally: Tally) -> Changes:
        """What it found, where it differs from what was last sent. It has no record, and is not counted."""
        return diff(published, view, stamp.at, stamp.version)
