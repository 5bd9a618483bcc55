"""The state of a match group: the entries that name no payout, and the payouts that no entry names.

States are packed as arrays and stored: fields may only be appended, with a default.
"""

from typing import Any, assert_never

import msgspec

from domain.snapshots import MatchFact, OpenEntry, OpenPayout, UnnamedEntry, UnnamedPayout
from domain.time import FAR_FUTURE, Day

GROUP_MAX = 10_000
"""A group keeps this many entries and as many payouts, the first ones by day and id. Rents of one amount that tenants
pay to the bank account directly are in one group, and must not make one state of all entries. What is beyond is not
matched by reference or amount; it still is by name, and by people."""


class KeptEntry(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest snapshot of an entry; withdrawn ones are kept, so that an earlier one that comes late adds nothing."""

    revision: int
    entry: UnnamedEntry | None

    @property
    def day(self) -> Day:
        """Withdrawn ones are the last."""
        return FAR_FUTURE if self.entry is None else self.entry.booking_date


class KeptPayout(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The latest snapshot of a payout."""

    revision: int
    payout: UnnamedPayout | None

    @property
    def day(self) -> Day:
        """Withdrawn ones are the last."""
        return FAR_FUTURE if self.payout is None else self.payout.arrival_date


class MatchState(msgspec.Struct, array_like=True, gc=False):
    """The open entries and payouts of a group. It survives a round trip through `msgspec.msgpack`."""

    match_key: str
    entries: dict[str, KeptEntry] = {}
    """By bank entry key."""
    payouts: dict[str, KeptPayout] = {}
    """By payout key."""


def new_match(match_key: str) -> MatchState:
    """Create the state of a group without entries and payouts."""
    return MatchState(match_key)


def apply(state: MatchState, fact: MatchFact) -> bool:
    """Apply a snapshot to a state, in place; the highest revision counts.

    Returns:
        Whether anything changed; False for a redelivery, and for what is beyond GROUP_MAX.

    """
    if isinstance(fact, OpenEntry):
        return _keep(state.entries, fact.bank_entry_key, KeptEntry(fact.revision, fact.entry))
    if isinstance(fact, OpenPayout):
        return _keep(state.payouts, fact.payout_key, KeptPayout(fact.revision, fact.payout))
    assert_never(fact)


def _keep(kept: dict[str, Any], key: str, new: KeptEntry | KeptPayout) -> bool:
    known = kept.get(key)
    if known is not None and known.revision >= new.revision:
        return False
    kept[key] = new
    if len(kept) <= GROUP_MAX:
        return True
    last: str = max(kept, key=lambda each: (kept[each].day, each))
    del kept[last]
    return last != key
