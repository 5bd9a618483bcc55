"""Every scenario comes out as its table says, whatever the order of the facts, and with each fact told twice."""

import random

import pytest

from tests.kit.domain_world import World
from tests.kit.scenario_tables import FOLDER, Scenario, check, read

SCENARIOS = [
    (path.stem, scenario) for path in sorted(FOLDER.glob("*.txt")) if path.stem != "README" for scenario in read(path)
]


@pytest.mark.parametrize("scenario", [s for _, s in SCENARIOS], ids=[f"{stem}: {s.title}" for stem, s in SCENARIOS])
class TestScenario:
    def test_told_in_order(self, scenario: Scenario) -> None:
        world = World()
        known = 0
        for look in scenario.looks:
            for fact in look.facts[known:]:
                world.apply(fact)
                world.look()
            known = len(look.facts)
            world.look(look.now)
            check(look, world)

    @pytest.mark.parametrize("seed", range(4))
    def test_told_in_any_order_and_twice(self, scenario: Scenario, seed: int) -> None:
        for look in scenario.looks:
            world = World()
            told = [*look.facts, *look.facts]
            random.Random(seed).shuffle(told)
            if seed == 0:
                told = list(reversed(look.facts))
            for fact in told:
                world.apply(fact)
                if seed % 2:
                    world.look()
            world.look(look.now)
            check(look, world)


def test_titles_are_unique() -> None:
    titles = [scenario.title for _, scenario in SCENARIOS]
    assert len(titles) == len(set(titles)) > 80
