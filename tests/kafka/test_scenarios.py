"""Ten small months: in any order, some doubled, spread over partitions, through a kill -9, and read again from zero."""

import random
from pathlib import Path

import pytest

from simulator.scenario import simulate
from tests.kit.deployment import AuditedDeployment, Feed

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize(
    "seed", [11, 12, 13, 14, *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(15, 21))]
)
def test_a_month_in_any_order_through_a_kill_and_a_replay_ends_in_the_truth(
    kafka: str, topic_prefix: str, tmp_path: Path, seed: int
) -> None:
    rng = random.Random(seed)
    scenario = simulate(seed, rng.randint(150, 300))
    deliveries = list(scenario.deliveries) * rng.choice([1, 2])
    rng.shuffle(deliveries)
    partitions = rng.choice([1, 2, 3, 5])
    with AuditedDeployment(
        kafka, topic_prefix, tmp_path, clock=scenario.closes_at, partitions=partitions, session_timeout_ms=2_500
    ) as deployment:
        feed = Feed(deployment, deliveries, seconds=1, rng=rng)
        deployment.worker()
        deployment.wait_progress(rng.randrange(len(deliveries)))
        deployment.workers["a"].kill()
        deployment.worker()
        feed.finish()
        deployment.wait_settled()
        before = deployment.check()

        assert deployment.workers["a"].terminate() == 0
        deployment.monitor.rewind()
        deployment.worker()
        deployment.wait_settled()
        after = deployment.check(dead_letter_times=2)
        # Every fact was known already, so nobody is told anything again.
        assert after.records == before.records
