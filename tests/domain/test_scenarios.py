"""Every scenario gives the result of its table, in any order of the facts, and with each fact delivered twice."""

import random

import pytest

from tests.kit.domain_world import World
from tests.kit.scenario_tables import FOLDER, Scenario, check, read

SCENARIOS = [
    (path.stem, scenario) for path in sorted(FOLDER.glob("*.txt")) if path.stem != "README" for scenario in read(path)
]


@pytest.mark.parametrize("scenario", [s for _, s in SCENARIOS], ids=[f"{stem}: {s.title}" for stem, s in SCENARIOS])
class TestScenario:
    def test_in_order(self, scenario: Scenario) -> None:
        world = World()
        known = 0
        for expectation in scenario.expectations:
            for fact in expectation.facts[known:]:
                world.apply(fact)
                world.publish()
            known = len(expectation.facts)
            world.publish(expectation.now)
            check(expectation, world)

    @pytest.mark.parametrize("seed", range(4))
    def test_in_any_order_and_delivered_twice(self, scenario: Scenario, seed: int) -> None:
        for expectation in scenario.expectations:
            world = World()
            delivered = [*expectation.facts, *expectation.facts]
            random.Random(seed).shuffle(delivered)
            if seed == 0:
                delivered = list(reversed(expectation.facts))
            for fact in delivered:
                world.apply(fact)
                if seed % 2:
                    world.publish()
            world.publish(expectation.now)
            check(expectation, world)


def test_titles_are_unique() -> None:
    titles = [scenario.title for _, scenario in SCENARIOS]
    assert len(titles) == len(set(titles)) > 80
