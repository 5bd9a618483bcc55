"""Other readers find the same records on the topics as the auditor: `rentmatch read`, and kcat."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simulator.compare import compare, found_from_json, from_iso
from simulator.scenario import simulate
from simulator.truth import truth
from tests.kit.deployment import AuditedDeployment
from tests.kit.reading import read_all
from tests.kit.verifier import KEYS
from tools.local.worker import REPOSITORY

pytestmark = pytest.mark.kafka


def rentmatch(deployment: AuditedDeployment, *words: str) -> list[dict[str, Any]]:
    """Run a command and parse its JSON lines."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")}
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", *words],
        cwd=REPOSITORY, env=inherited | deployment.env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_rentmatch_read_prints_what_the_auditor_reads(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    scenario = simulate(9, 100)
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=scenario.closes_at) as deployment:
        deployment.worker()
        deployment.publish(scenario.deliveries)
        deployment.wait_settled()
        outputs = deployment.check(scenario)

        for topic in KEYS:
            printed = [from_iso(line) for line in rentmatch(deployment, "read", topic, "--json", "--metadata")]
            by_place = {(row["_kafka"]["partition"], row["_kafka"]["offset"]): row for row in printed}
            assert len(by_place) == len(printed) == len(outputs.records[topic])
            for record in outputs.records[topic]:
                row = by_place[record.partition, record.offset]
                if record.row is None:
                    assert row["type"] == "_deleted"
                    continue
                assert {name: row[name] for name in record.row} == record.row
        last = [line for topic in KEYS for line in rentmatch(deployment, "read", topic, "--last", "--json")]
        assert compare(truth(scenario, scenario.closes_at), found_from_json(last)) == []

        letters = rentmatch(deployment, "read", "dead-letter", "--json")
        assert len(letters) == len(outputs.dead_letters) > 0


def test_kcat_reads_the_same_records(kafka: str, kcat: Path, topic_prefix: str, tmp_path: Path) -> None:
    scenario = simulate(10, 60)
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=scenario.closes_at) as deployment:
        deployment.worker()
        deployment.publish(scenario.deliveries)
        deployment.wait_settled()
        deployment.check(scenario)
        for topic in KEYS:
            name = deployment.name(topic)
            done = subprocess.run(
                [kcat, "-C", "-b", kafka, "-t", name, "-e", "-q", "-X", "isolation.level=read_committed",
                 "-f", "%p %o %S %k\\n"],
                capture_output=True, text=True, timeout=60, check=True,
            )  # fmt: skip
            records = read_all(kafka, name)
            assert len(records) > 0
            assert sorted(done.stdout.splitlines()) == sorted(
                f"{r.partition} {r.offset} {len(r.value or b'')} {(r.key or b'').decode()}" for r in records
            )
