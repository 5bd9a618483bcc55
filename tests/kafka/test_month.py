"""The default month of rent through a real Kafka, against the truth."""

from pathlib import Path

import pytest

from simulator.scenario import simulate
from tests.kit.deployment import AuditedDeployment

pytestmark = pytest.mark.kafka


def test_the_default_month_ends_in_the_truth(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    scenario = simulate(1, 2_000)
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=scenario.closes_at) as deployment:
        deployment.worker()
        deployment.publish(scenario.deliveries)
        deployment.wait_settled()
        outputs = deployment.check(scenario)
        assert len(deployment.published) == len(scenario.deliveries)
        # A month in which nothing went wrong would prove little.
        assert {row["class"] for row in outputs.of("mismatch-alerts")} >= set(scenario.injected)
        assert {row["stage"] for row in outputs.of("late-payment-alerts")} >= {"past_due", "days_30", "days_60"}
        assert deployment.workers["a"].terminate() == 0
