"""Other readers find the same records on the topics as the auditor: `rentmatch read`, and kcat."""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from simulator.compare import compare, found_from_json, from_iso
from simulator.scenario import Scenario, simulate
from simulator.truth import truth
from tests.kit.command_line import Run
from tests.kit.deployment import AuditedDeployment
from tests.kit.reading import read_all
from tests.kit.verifier import KEYS, Outputs
from tools.local.worker import REPOSITORY

pytestmark = pytest.mark.kafka


class ReconciledMonth(NamedTuple):
    """A month whose outputs equal the truth; its worker still runs, and writes nothing more."""

    deployment: AuditedDeployment
    scenario: Scenario
    outputs: Outputs


@pytest.fixture(scope="module")
def month(kafka: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReconciledMonth]:
    scenario = simulate(9, 100)
    prefix = f"t{uuid.uuid4().hex[:12]}-"
    with AuditedDeployment(kafka, prefix, tmp_path_factory.mktemp("wire"), clock=scenario.closes_at) as deployment:
        deployment.worker()
        deployment.publish(scenario.deliveries)
        deployment.wait_settled()
        yield ReconciledMonth(deployment, scenario, deployment.check(scenario))


def in_process(run: Run, deployment: AuditedDeployment, *words: str) -> list[dict[str, Any]]:
    """Run a command in this process and parse its JSON lines."""
    done = run(*words, env=deployment.env)
    assert done.exit_code == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def as_process(deployment: AuditedDeployment, *words: str) -> list[dict[str, Any]]:
    """Run a command as a process of its own and parse its JSON lines."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")}
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", *words],
        cwd=REPOSITORY, env=inherited | deployment.env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_rentmatch_read_prints_what_the_auditor_reads(month: ReconciledMonth, bare_run: Run) -> None:
    deployment, scenario, outputs = month
    for topic in KEYS:
        printed = [from_iso(line) for line in in_process(bare_run, deployment, "read", topic, "--json", "--metadata")]
        by_place = {(row["_kafka"]["partition"], row["_kafka"]["offset"]): row for row in printed}
        assert len(by_place) == len(printed) == len(outputs.records[topic])
        for record in outputs.records[topic]:
            row = by_place[record.partition, record.offset]
            if record.row is None:
                assert row["type"] == "_deleted"
                continue
            assert {name: row[name] for name in record.row} == record.row
    last = [line for topic in KEYS for line in in_process(bare_run, deployment, "read", topic, "--last", "--json")]
    assert compare(truth(scenario, scenario.closes_at), found_from_json(last)) == []

    letters = as_process(deployment, "read", "dead-letter", "--json")
    assert len(letters) == len(outputs.dead_letters) > 0


def test_kcat_reads_the_same_records(month: ReconciledMonth, kcat: Path) -> None:
    deployment = month.deployment
    for topic in KEYS:
        name = deployment.name(topic)
        done = subprocess.run(
            [kcat, "-C", "-b", deployment.bootstrap, "-t", name, "-e", "-q", "-X", "isolation.level=read_committed",
             "-f", "%p %o %S %k\\n"],
            capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        records = read_all(deployment.bootstrap, name)
        assert len(records) > 0
        assert sorted(done.stdout.splitlines()) == sorted(
            f"{r.partition} {r.offset} {len(r.value or b'')} {(r.key or b'').decode()}" for r in records
        )
