"""The projector's process on real Kafka and a real socket, killed in the middle of a month."""

import asyncio
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from domain.time import MINUTE
from read_model.mongo import Mongo
from read_model.queries import ReadModel
from read_model.scope import EVERYTHING
from simulator.compare import compare
from simulator.scenario import simulate
from simulator.truth import truth_of_deliveries
from tests.kit.deployment import AuditedDeployment, Feed
from tests.kit.environment import TEST_SEED
from tests.kit.mongo import MongoServer
from tests.kit.projected import faults_of, found_in, obligation
from tests.kit.verifier import KEYS, Outputs
from tools.local.processes import wait_until
from tools.local.worker import REPOSITORY, WorkerProcess

pytestmark = pytest.mark.kafka

SEED = TEST_SEED or 1
AGAIN = "nothing is lost, next attempt in"
KINDS = {
    "payment-reconciliations": "payments",
    "obligation-reconciliations": "obligations",
    "reference-reconciliations": "processor_references",
    "payout-reconciliations": "payouts",
    "mismatch-alerts": "breaks",
    "late-payment-alerts": "alerts",
}


@dataclass
class Projection:
    """A deployment whose outputs are projected into a database."""

    deployment: AuditedDeployment
    server: MongoServer
    database: str
    folder: Path
    projectors: dict[str, WorkerProcess] = field(default_factory=dict)

    def env(self) -> dict[str, str]:
        """The environment of the projector and of the rebuild."""
        return self.deployment.env | {
            "RENTMATCH_MONGO_URL": self.server.url, "RENTMATCH_MONGO_DATABASE": self.database,
        }  # fmt: skip

    def projector(self, name: str = "projector") -> WorkerProcess:
        """Start a projector."""
        driver = {"RENTMATCH_MONGO_DRIVER": "pymongo" if name == "second" else "motor"}
        process = WorkerProcess(
            self.folder / name, self.env() | driver, command=(sys.executable, "-m", "ops.cli", "project-read-model")
        )
        self.projectors[name] = process
        process.start()
        return process

    def run(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Run a command of rentmatch."""
        env = WorkerProcess(self.folder / "command", self.env()).env
        return subprocess.run(
            [sys.executable, "-m", "ops.cli", *command], cwd=REPOSITORY, env=env, capture_output=True, text=True,
            timeout=100, check=False,
        )  # fmt: skip

    def faults(self, outputs: Outputs, **how: Any) -> list[str]:
        """The differences of the database from the topics, and from the truth."""

        rows = {kind: outputs.of(topic) for topic, kind in KINDS.items()}
        gone = {kind: outputs.gone(topic) for topic, kind in KINDS.items()}
        truth = truth_of_deliveries(
            self.deployment.deliveries, self.deployment.clock or 0, self.deployment.settings.policy
        )
        faults = self.do(lambda mongo: faults_of(mongo, rows, gone=gone, **how))
        return [*faults, *(str(difference) for difference in compare(truth, self.do(found_in)))]

    def close(self) -> None:
        """Kill all projectors."""
        for process in self.projectors.values():
            process.kill()

    def do(self, what: Callable[[Mongo], Awaitable[Any]]) -> Any:
        """Run a function with a client of the database."""

        async def done() -> Any:
            mongo = Mongo(self.server.url, self.database, timeout_s=20)
            try:
                return await what(mongo)
            finally:
                await mongo.close()

        return asyncio.run(done())

    def documents(self, collection: str) -> list[dict[str, Any]]:
        """All documents of a collection."""
        return self.do(lambda mongo: mongo.find(collection, {}))

    def committed(self) -> dict[tuple[str, int], int]:
        """The offsets of the projectors' group."""
        consumer = Consumer({
            "bootstrap.servers": self.deployment.bootstrap, "group.id": f"{self.deployment.group}-read-model",
            "isolation.level": "read_committed",
        })  # fmt: skip
        try:
            asked = [
                TopicPartition(self.deployment.name(topic), number)
                for topic in KEYS for number in range(self.deployment.settings.partitions)
            ]  # fmt: skip
            return {(p.topic, p.partition): p.offset for p in consumer.committed(asked, timeout=10)}
        finally:
            consumer.close()

    def wait_caught_up(self) -> None:
        """Wait until the group has committed the ends of the output topics."""
        ends = self.deployment.monitor.ends(KEYS, stable=True)
        expected = {(self.deployment.name(topic), number): end for (topic, number), end in ends.items() if end}

        def done() -> bool:
            committed = self.committed()
            return all(committed[place] >= end for place, end in expected.items())

        wait_until(done, 60, f"the projectors to commit {expected}")


def metrics_of(process: WorkerProcess) -> Mapping[str, float]:
    with urllib.request.urlopen(f"{process.url}/metrics", timeout=5) as response:
        lines = response.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def probe(process: WorkerProcess, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"{process.url}{path}", timeout=5) as response:
            return response.status, json.load(response)["why"]
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)["why"]


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MongoServer]:
    server = MongoServer(tmp_path_factory.mktemp("own-mongo"))
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def month(kafka: str, own_server: MongoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Projection]:
    """A month, projected while projectors were killed and MongoDB was down. One projector still runs."""
    rng = Random(SEED)
    scenario = simulate(SEED, 150)
    folder = tmp_path_factory.mktemp("read-model")
    prefix = f"rm{rng.getrandbits(32):08x}{folder.name}-"
    with AuditedDeployment(kafka, prefix, folder, clock=scenario.closes_at, session_timeout_ms=3_000) as deployment:
        projection = Projection(deployment, own_server, "month", folder)
        deployment.worker()
        projector = projection.projector()
        half = len(scenario.deliveries) // 2
        rest = half + half // 2
        feed = Feed(deployment, scenario.deliveries[:half], 3, rng)
        wait_until(lambda: projection.documents("payments") != [], 60, "documents", process=projector)
        projector.kill()
        feed.finish()
        projector = projection.projector("another")
        wait_until(lambda: "reading" in projector.tail(), 60, "its turn in the group", process=projector)
        before = len(projection.documents("payments"))
        feed = Feed(deployment, scenario.deliveries[half:rest], 1.5, rng)
        wait_until(lambda: len(projection.documents("payments")) > before, 60, "more", process=projector)
        own_server.kill()
        wait_until(lambda: "MongoDB" in unready(projector), 60, "readyz to tell", process=projector)
        assert probe(projector, "/livez")[0] == 200
        assert metrics_of(projector)["rentmatch_read_model_mongo_up"] == 0
        feed.finish()
        # What follows is published while MongoDB is down. The projector is alone in its group, so it has to write it.
        feed = Feed(deployment, scenario.deliveries[rest:], 1.5, rng)
        wait_until(lambda: AGAIN in projector.log.read_text(), 60, "a failed write", process=projector)
        second = projection.projector("second")  # it starts while MongoDB is down, and waits
        feed.finish()
        deployment.wait_settled()  # the workers are not affected
        assert second.exit_code is None
        wait_until(lambda: "MongoDB" in unready(second), 60, "the second to tell", process=second)
        own_server.start()
        projection.wait_caught_up()
        assert projector.terminate() == 0
        yield projection
        projection.close()


def unready(process: WorkerProcess) -> str:
    """The reason why it is not ready; empty if it is ready or does not answer yet."""
    try:
        status, why = probe(process, "/readyz")
    except OSError:
        return ""
    return "" if status == 200 else why


def test_the_collections_match_the_topics_and_the_truth(month: Projection):
    outputs = month.deployment.check()
    assert month.faults(outputs) == []
    for topic, kind in KINDS.items():
        assert len(month.documents(kind)) == len({record.key for record in outputs.records[topic]}) > 10
        assert len(month.documents(f"{kind}_history")) == len(outputs.of(topic))
    assert month.documents("poisoned") == []
    payments = [document for document in month.documents("payments") if not document.get("gone")]
    truth = truth_of_deliveries(month.deployment.deliveries, month.deployment.clock)
    assert sum(document["posted"]["net_minor"] for document in payments) == sum(
        row["posted"]["net_minor"] for row in truth.payments.values()
    )


def test_totals_after_kills_match_the_truth(month: Projection):
    """Projectors were killed and MongoDB was down; one projector is still running and has made the summaries."""
    truth = truth_of_deliveries(month.deployment.deliveries, month.deployment.clock)
    wanted: Counter[tuple[str, str, str]] = Counter()
    for row in truth.open_breaks.values():
        drift = row["actual_minor"] - row["expected_minor"]
        wanted.update({(row["class"], row["currency"], what): value for what, value in (
            ("breaks", 1), ("gross", abs(drift)), ("net", drift)
        )})  # fmt: skip

    async def totals(mongo: Mongo) -> Counter[tuple[str, str, str]] | None:
        model = ReadModel(mongo).scoped(EVERYTHING)
        if await model.summaries_behind():
            return None
        found: Counter[tuple[str, str, str]] = Counter()
        for one in await model.break_totals(month.deployment.clock or 0):
            for what, value in (("breaks", one.breaks), ("gross", one.gross_minor), ("net", one.net_minor)):
                found[one.break_class, one.currency, what] += value
        owed = sum(one.outstanding_minor for one in await model.ageing_totals())
        assert owed == sum(max(0, row["balance_minor"] - row["paid_minor"]) for row in truth.obligations.values())
        late = sum(one.installments for one in await model.late_totals())
        assert late == len(truth.live_alerts)
        return found

    found: list[Counter[tuple[str, str, str]]] = []
    second = month.projectors["second"]
    wait_until(lambda: metrics_of(second)["rentmatch_read_model_summaries_behind"] == 0, 60, "the summaries")
    wait_until(lambda: found.extend(filter(None, [month.do(totals)])) or found != [], 30, "all summaries")
    assert {cell: value for cell, value in found[0].items() if value} == {
        c: value for c, value in wanted.items() if value
    }
    assert len(wanted) > 20


def test_health_and_metrics_of_a_projector(month: Projection):
    second = month.projectors["second"]
    wait_until(lambda: probe(second, "/readyz")[0] == 200, 60, "readiness")
    wait_until(
        lambda: all(metrics_of(second)[f'rentmatch_read_model_lag_records{{topic="{topic}"}}'] == 0 for topic in KEYS),
        60, "no lag",
    )  # fmt: skip
    told = metrics_of(second)
    assert told["rentmatch_read_model_mongo_up"] == 1
    assert told["rentmatch_read_model_outdated"] == 0
    assert told["rentmatch_read_model_summaries_total"] > 0
    assert told["rentmatch_read_model_last_write_timestamp_seconds"] > 1_700_000_000
    assert told['rentmatch_read_model_documents_total{collection="payments",outcome="written"}'] > 0
    assert told['rentmatch_read_model_documents_total{collection="payments",outcome="poisoned"}'] == 0


def test_a_rebuild_beside_a_running_projector_matches_the_topics(month: Projection):
    """Falsified documents are corrected, remains of an earlier rebuild are dropped, new records are included."""
    now = time.time_ns() // 1_000
    kept = {**month.documents("payments_history")[0], "_id": "P-0@1", "key": "P-0", "version": 1}
    lock = {"_id": "read-model", "who": "another", "told_at": now}

    async def falsify(mongo: Mongo) -> None:
        payment, ghost = (await mongo.find("payments", {}))[:2]
        await mongo.put("payments", [{**payment, "version": now * 2, "status": "failed"}])
        await mongo.put("payments", [{**ghost, "_id": "ghost", "payment_id": "ghost"}])
        await mongo.delete("breaks", {"priority": 1})
        await mongo.put("payments_rebuild", [{**ghost, "_id": "left over", "payment_id": "left over"}])
        await mongo.put("payments_history", [kept])
        await mongo.put("rebuilds", [lock])
        await mongo.put("poisoned", [{"_id": "mended:0:1", "put_aside_at": now}])

    month.do(falsify)
    busy = month.run("rebuild-read-model", "--yes")
    assert (busy.returncode, busy.stdout) == (1, "")
    assert "another is rebuilding" in busy.stderr
    month.do(lambda mongo: mongo.put("rebuilds", [{**lock, "told_at": now - 10 * MINUTE}]))

    feed = Feed(month.deployment, simulate(SEED + 1, 60).deliveries, 3, Random(SEED))
    done = month.run("rebuild-read-model", "--yes")
    assert done.returncode == 0, done.stderr
    assert "payments_rebuild: " in done.stdout
    assert "group was left as it is" in done.stderr
    feed.finish()
    month.deployment.wait_settled()
    month.wait_caught_up()
    outputs = month.deployment.check()
    faults = month.faults(outputs, whole_history=False)
    assert [fault for fault in faults if "P-0@1" not in fault] == []
    assert [one for one in month.documents("payments_history") if one["key"] == "P-0"] == [kept]
    assert month.documents("poisoned") == month.documents("rebuilds") == month.documents("payments_rebuild") == []

    assert month.projectors["second"].terminate() == 0
    anew = month.run("rebuild-read-model", "--yes", "--history-anew")
    assert (anew.returncode, anew.stderr) == (0, "")
    assert month.faults(outputs) == []  # also the history: P-0 is gone
    # From the offset after the last record, where the rebuild set the group, to the one after the transaction's marker.
    month.projector("second")
    month.wait_caught_up()


def test_projectors_continue_at_the_end_of_a_rebuild(kafka: str, topic_prefix: str, tmp_path: Path, mongo_server):
    """Bad records are put aside, a lost primary is waited for, and without a projector the group's offsets are set."""
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=0) as deployment:
        projection = Projection(deployment, mongo_server, topic_prefix[:12], tmp_path)
        name = deployment.name("obligation-reconciliations")
        records = [obligation(f"O-{number}") for number in range(50)]
        producer = Producer({"bootstrap.servers": kafka})
        for one in records:
            producer.produce(name, one.value, one.key, 0)
        producer.produce(deployment.name("mismatch-alerts"), b"nonsense", b"k", 0)
        assert producer.flush(10) == 0
        mongo_server.fail(10107, "not primary")
        try:
            projector = projection.projector()
            wait_until(lambda: "not primary" in projector.tail(), 60, "it to be told", process=projector)
            assert probe(projector, "/readyz") == (503, "MongoDB: not primary")
            assert projection.documents("obligations") == []
            assert projection.committed()[name, 0] < 0
            assert max(projection.committed().values()) <= 0  # 0 is the end of an empty partition
            assert projector.terminate() == 0  # during a retry
            assert projection.committed()[name, 0] < 0
            assert max(projection.committed().values()) <= 0  # 0 is the end of an empty partition
            projector = projection.projector()
            wait_until(lambda: "not primary" in projector.tail(), 60, "it to be told", process=projector)
        finally:
            mongo_server.heal()
        projection.wait_caught_up()
        assert len(projection.documents("obligations")) == 50
        (aside,) = projection.documents("poisoned")
        assert (aside["topic"], aside["collection"]) == (deployment.name("mismatch-alerts"), "breaks")
        assert "unknown_framing" in aside["reason"]
        told = metrics_of(projector)
        assert told['rentmatch_read_model_documents_total{collection="breaks",outcome="poisoned"}'] == 1
        assert told['rentmatch_read_model_documents_total{collection="obligations",outcome="written"}'] == 50
        assert projector.terminate() == 0

        for one in records:
            producer.produce(name, one.value, one.key, 0)
        assert producer.flush(10) == 0
        rebuilt = projection.run("rebuild-read-model", "--yes")
        assert rebuilt.returncode == 1  # because of the undecodable record
        assert "1 records could not become documents" in rebuilt.stderr
        assert "obligations_rebuild: 50 written" in rebuilt.stdout
        assert projection.committed()[name, 0] == 100
        projection.close()


@pytest.mark.parametrize("command", ["project-read-model", "rebuild-read-model"])
def test_a_missing_or_invalid_url_is_a_usage_error(command: str, tmp_path: Path):
    def run(**env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "ops.cli", command, *(["--yes"] if command.startswith("rebuild") else [])],
            cwd=REPOSITORY, env=WorkerProcess(tmp_path, env).env, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip

    unset = run()
    assert unset.returncode == 2
    assert "RENTMATCH_MONGO_URL is not set" in unset.stderr
    wrong = run(RENTMATCH_MONGO_URL="http://secret@example.org")
    assert wrong.returncode == 2
    assert "RENTMATCH_MONGO_URL" in wrong.stderr
    assert "secret" not in wrong.stderr
    assert "Traceback" not in unset.stderr + wrong.stderr
