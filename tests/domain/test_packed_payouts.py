"""The packed states of payouts, bank entries and match groups, and what they send: their bytes must not change."""

from typing import Any

import pytest

from domain.bank_entries.view import BankEntryState
from domain.matching.view import MatchState
from domain.payouts.view import PayoutState
from streams.codec import bundles
from tables.packing import Unpacker, pack
from tests.domain.test_packed_bytes import golden
from tests.kit.domain_world import World
from tests.kit.scenario_tables import read_facts
from tests.kit.scenario_words import instant

FACTS = """
2026-01-05 15:00  P1 SETTLED 100.00 fee 3.00 ref R1 payout Y1 event e01
2026-01-05 15:00  P1 SETTLED 100.00 fee 3.00 ref R1 payout Y1 event e02
2026-01-05 15:10  acme/R2 REFUNDED 40.00 EUR net -40.00 ref R2 payout Y1 movement m1 event e03
2026-01-05 16:00  acme/Y1 reported PAID 95.00 arriving 2026-01-07 other -2.00 event e04
2026-01-05 17:00  acme/Y1 reported PAID 95.00 arriving 2026-01-07 other -2.00 ref REF event e05
2026-01-05 17:00  acme/Y2 reported PAID 95.00 arriving 2026-01-07 other 95.00 event e06
2026-01-06 16:00  A/N1 booked 95.00 on 2026-01-07 text payout event e07
2026-01-06 17:00  A/N2 booked 95.00 on 2026-01-08 names acme/Y3 ref R event e08
2026-01-06 18:00  A/N2 matched acme/Y4 by kim event e09
2026-01-06 19:00  A/N1 COMMENT entry as D1 by kim event e10
"""
NOW = instant("2026-01-20 12:00")


def world() -> World:
    made = World()
    for fact in read_facts(FACTS):
        made.apply(fact)
    made.publish(NOW)
    return made


def states(made: World) -> dict[str, tuple[str, Any]]:
    (group,) = made.groups
    return {
        "payout": ("payout", made.payouts["acme/Y1"]),
        "bank-entry": ("bank_entry", made.bank_entries["A/N1"]),
        "named-bank-entry": ("bank_entry", made.bank_entries["A/N2"]),
        "match": ("match", made.groups[group]),
    }


def packed_now() -> dict[str, bytes]:
    made = world()
    found = {}
    for name, (kind, state) in states(made).items():
        key = next(getattr(state, field) for field in state.__struct_fields__ if field.endswith("_key"))
        found[name] = pack(NOW, state, made.histories[kind, key])
    (found["payout-snapshots"],) = bundles.pack(made.sent)
    return found


@pytest.mark.parametrize("name", ["payout", "bank-entry", "named-bank-entry", "match", "payout-snapshots"])
def test_the_packed_bytes_are_those_on_disk(name: str) -> None:
    assert packed_now()[name].hex() == golden(name).hex()


def test_packed_bytes_survive_a_round_trip() -> None:
    for name, kind in {
        "payout": PayoutState,
        "bank-entry": BankEntryState,
        "named-bank-entry": BankEntryState,
        "match": MatchState,
    }.items():
        state, published = Unpacker(kind)(golden(name))
        assert pack(NOW, state, published) == golden(name)
        assert published.sent
