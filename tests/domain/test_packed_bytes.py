"""Packed states, `Published`, tallies and internal facts lie on disks and in changelogs: their bytes must not change.

Field order and tags are the format; names are not. `packed/*.hex` holds the bytes.
"""

from pathlib import Path

import pytest

from domain import publishing
from domain.obligations import view as obligation
from domain.obligations.view import ObligationState
from domain.payments import view as payment
from domain.payments.view import PaymentState
from domain.policy import Policy
from domain.publishing import Published
from domain.tally import Tally, count_obligation, count_payment
from domain.time import DAY
from streams.codec import bundles
from tables.packing import Unpacker, pack
from tables.tallies import pack_tally, unpack_tally
from tests.kit.domain_world import World
from tests.kit.scenario_tables import read_facts
from tests.kit.scenario_words import instant

FOLDER = Path(__file__).parent / "packed"

FACTS = """
2026-01-05 15:00  P1 initiated 100.00 ACH_DEBIT for O1 naming A1 event e01
2026-01-05 15:00  P1 initiated 100.00 ACH_DEBIT for O1 naming A1 event e02
2026-01-06 15:00  P1 SETTLED 100.00 fee 1.00 value 2026-01-07 event e03
2026-01-06 15:00  P1 SETTLED 101.00 fee 1.00 value 2026-01-07 event e04
2026-01-06 16:00  P1 posted 100.00 to O1 as L1 event e05
2026-01-06 16:01  P1 posted 20.00 to O2 as L2 event e06
2026-01-07 15:00  P1 reversed 5.00 of L2 as V1 event e07
2026-01-08 15:00  P1 RETURNED 100.00 because R01 event e08
2026-01-01 12:00  O1 charged 300.00 due 2026-01-03 grace 5 event e09 plan A1:200.00:2026-01-03 A2:100.00:2026-01-04
"""
MORE = """
2026-01-09 12:00  P2 initiated 50.00 INSTANT for O1 event e10
2026-01-09 12:05  P2 SETTLED 50.00 event e11
2026-01-09 12:30  P3 initiated 10.00 CHECK for O1 naming A2 event e12
2026-01-09 13:00  O1 replanned 1 event e13 plan A1:150.00:2026-01-03 A2:140.00:2026-01-04
2026-01-09 14:00  O1 adjusted -20.00 as D1 event e14
"""
INSTANTS = (instant("2026-01-08 16:00"), instant("2026-01-10 12:00"))


def packed_now() -> dict[str, bytes]:
    world = World()
    payments, obligations = Tally(), Tally()
    published = {"P1": Published(), "O1": Published()}
    facts = []
    for text, at in zip((FACTS, MORE), INSTANTS, strict=True):
        for fact in read_facts(text):
            facts.append(fact)
            world.apply(fact)
        world.publish(at)
        paid, owed = world.payments["P1"], world.obligations["O1"]
        for key, view in (
            ("P1", payment.view(paid, at, Policy())),
            ("O1", obligation.view(owed, at, Policy())),
        ):
            if isinstance(view, payment.PaymentView):
                count_payment(payments, published[key], paid, view, at // DAY)
            else:
                count_obligation(obligations, published[key], owed, view, at // DAY)
            publishing.diff(published[key], view, at, world.version)
    (bundle,) = bundles.pack([*facts, *world.applications])
    return {
        "payment": pack(INSTANTS[1], world.payments["P1"], published["P1"]),
        "obligation": pack(INSTANTS[1], world.obligations["O1"], published["O1"]),
        "payments-tally": pack_tally(payments),
        "obligations-tally": pack_tally(obligations),
        "internal-facts": bundle,
    }


def golden(name: str) -> bytes:
    return bytes.fromhex((FOLDER / f"{name}.hex").read_text())


@pytest.mark.parametrize("name", ["payment", "obligation", "payments-tally", "obligations-tally", "internal-facts"])
def test_the_packed_bytes_are_those_on_disk(name: str) -> None:
    assert packed_now()[name].hex() == golden(name).hex()


def test_packed_bytes_survive_a_round_trip() -> None:
    for name, unpack in (("payment", Unpacker(PaymentState)), ("obligation", Unpacker(ObligationState))):
        state, published = unpack(golden(name))
        assert pack(INSTANTS[1], state, published) == golden(name)
        assert published.breaks
        assert published.counted
    assert Unpacker(ObligationState)(golden("obligation"))[1].late
    assert Unpacker(PaymentState)(golden("payment"))[1].applications
    for name in ("payments-tally", "obligations-tally"):
        assert pack_tally(unpack_tally(golden(name))) == golden(name)
