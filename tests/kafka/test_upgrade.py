"""An installation of version 1 is upgraded while it runs: one worker after the other, with input coming in."""

import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.facts import BreakDecided, InputFact, ObligationReinstated, PaymentReassigned, ProcessorSettled
from domain.time import DAY, Micros
from simulator.compare import compare
from simulator.deliver import Delivery, topic_and_key
from simulator.scenario import simulate
from simulator.truth import truth_of_deliveries
from simulator.truth_facts import Row
from tests.kit import version_1
from tests.kit.deployment import AuditedDeployment
from tests.kit.verifier import ENDS, SHOWN, Outputs, faults_of_lives, faults_of_versions
from tools.group_monitor import UPSTREAM_FIRST

pytestmark = pytest.mark.kafka

IDS = frozenset(
    ("payment_id", "obligation_id", "posting_id", "reversal_id", "processor_reference", "original_reference", "key")
)
"""The fields of facts that hold the ids which a scenario makes up, beside those of events."""


@pytest.fixture(scope="session")
def code_1(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code of version 1."""
    return version_1.unpack(tmp_path_factory.mktemp("version-1"))


class Installation(AuditedDeployment):
    """An installation of version 1 that becomes one of version 2."""

    def __init__(self, *args: Any, code: Path, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.code = code
        self.monitor.steps = version_1.READ

    def create_topics(self) -> None:
        """Create the topics of version 1."""
        version_1.run(self.code, self.env, "provision")

    def provision(self) -> None:
        """Create the topics that version 2 has besides."""
        super().create_topics()
        self.monitor.steps = UPSTREAM_FIRST

    def give(self, lines: Iterable[version_1.Line]) -> None:
        """Let a producer of version 1 publish records."""
        lines = list(lines)
        version_1.publish(self.code, self.env, lines)
        self.deliveries += [line.delivery for line in lines]

    def check_upgraded(self, kept: bool) -> Outputs:
        outputs = self.outputs()
        truth = truth_of_deliveries([as_kept(d) if kept and d in self.of_1 else d for d in self.deliveries], self.clock, self.settings.policy)
        faults = [
            *faults_of_versions(outputs),
            *faults_of_lives(outputs),
            *(str(difference) for difference in compare(truth, outputs.last())),
        ]
        print(kept, len(faults))
        print("\n".join(faults[:SHOWN]))
        return outputs

def as_kept(d):
    if isinstance(d.fact, ProcessorSettled):
        return msgspec.structs.replace(d, fact=msgspec.structs.replace(d.fact, payout_id=None))
    return d

def test_explore(kafka, topic_prefix, tmp_path, code_1):
    lines = version_1.simulate(code_1, 3, 60)
    import json
    clock = json.load(open("/tmp/v1truth.json"))["at"]
    third = len(lines) // 3
    settled = next(l.delivery.fact for l in lines if isinstance(l.delivery.fact, ProcessorSettled) and not l.delivery.fact.payment_id.startswith("P-X"))
    initiated = next(l for l in lines if l.delivery.fact and l.delivery.key == settled.payment_id and l.delivery.topic=="payment-initiated")
    sl = next(l for l in lines if l.delivery.fact is settled)
    def copy(line, **changes):
        rec = json.loads(line.text) | changes
        rec["event_id"] += "x"
        rec["_kafka"] = {"topic": line.delivery.topic, "key": rec["payment_id"], "arrives_at": "2026-06-01T00:00:00Z"}
        return version_1.line_of(rec)
    extra = [copy(initiated, payment_id="P-X1", property_id="PR-X"), copy(initiated, payment_id="P-X2", processor_reference=None),
             copy(sl, payment_id="P-X2")]
    with Installation(kafka, topic_prefix, tmp_path, clock=clock, code=code_1, session_timeout_ms=2500) as deployment:
        for worker_id in "ab":
            deployment.worker(worker_id, code=code_1)
        part1 = lines[: 2 * third] + extra
        deployment.of_1 = [l.delivery for l in lines]
        deployment.give(part1)
        deployment.wait_members(2)
        deployment.wait_settled()
        deployment.provision()
        for worker_id in "ab":
            assert deployment.workers[worker_id].terminate() == 0
            deployment.worker(worker_id)
            deployment.give(lines[2 * third :] if worker_id == "a" else [])
            deployment.wait_members(2)
            for worker in deployment.workers.values():
                worker.wait_ready()
        deployment.wait_settled()
        deployment.check_upgraded(True)
        for worker_id in "ab":
            assert deployment.workers[worker_id].terminate() == 0
        deployment.monitor.rewind()
        deployment.worker("a")
        deployment.wait_settled()
        deployment.check_upgraded(False)
