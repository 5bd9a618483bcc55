"""Odd facts come to the truth, whatever the order and the pace in which they arrive (contract section 1)."""

from random import Random

import pytest

from domain.facts import InputFact
from domain.time import DAY, HOUR, Micros
from simulator.compare import FinalState, compare, found_from_records
from simulator.truth import truth_of_facts
from simulator.truth_facts import Row
from streams import topics
from tests.kit.driver import Driver
from tests.kit.environment import TEST_SEED
from tests.kit.odd_facts import FIRST_DAY, Trouble, decisions_about

FIRST = TEST_SEED or 0
BEGIN = (FIRST_DAY - 30) * DAY
HISTORY = frozenset({"version", "lifecycle", "opened_at", "resolved_at", "ended_at"})


def outcome_of(facts: list[InputFact], at: Micros, pieces: int, rng: Random) -> FinalState:
    """The final state, if the facts arrive shuffled, in so many pieces while the clock goes on."""
    driver = Driver(now=BEGIN)
    shuffled = rng.sample(facts, len(facts))
    size = max(1, len(shuffled) // pieces)
    for number, begin in enumerate(range(0, len(shuffled), size)):
        driver.pipe(*shuffled[begin : begin + size])
        driver.advance(min(at, BEGIN + (at - BEGIN) * number // pieces))
    driver.advance(at)
    return found_from_records(record for topic in topics.OUTPUTS for record in driver.last(topic).values())


def without_history(rows: dict[str, Row]) -> dict[str, Row]:
    return {key: {name: value for name, value in row.items() if name not in HISTORY} for key, row in rows.items()}


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 8))
def test_odd_facts_come_to_the_truth_in_any_order(seed: int) -> None:
    rng = Random(seed)
    facts = [fact for number in range(60) for fact in Trouble(rng, f"{number}.").facts()]
    at = (FIRST_DAY + rng.choice((2, 5, 15, 40, 70, 130))) * DAY + rng.choice((0, 7 * HOUR, 13 * HOUR))
    facts += decisions_about(list(truth_of_facts(facts, at).open_breaks.values()), at, rng)
    expected = truth_of_facts(facts, at)
    at_once, in_pieces = outcome_of(facts, at, 1, rng), outcome_of(facts, at, 7, rng)
    for found in (at_once, in_pieces):
        differences = compare(expected, found)
        assert not differences, "\n".join(map(str, differences[:10]))
    for kind in ("payments", "obligations", "references", "open_breaks", "accepted_breaks", "live_alerts"):
        assert without_history(getattr(at_once, kind)) == without_history(getattr(in_pieces, kind)), kind
    assert expected.accepted_breaks
    assert expected.live_alerts
