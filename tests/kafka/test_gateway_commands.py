"""Decisions of people on a real Kafka: from the click to the topic, the worker, the read model and the page."""

import asyncio
import sys
import uuid
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from domain.facts import BreakDecided
from domain.ids import break_id
from gateway.graphql.mutations import CommandParts, command_parts
from gateway.people.audit import AuditLog, broken_link
from gateway.people.viewer import Role, Viewer
from gateway.workers import Workers
from read_model.mongo import Mongo
from simulator.deliver import Delivery, topic_and_key
from streams import topics
from streams.broker import reading
from streams.codec.codec import codec_of
from streams.codec.json_form import fact_from_json, instant_from_text
from streams.settings import Settings, load
from tests.kit.commanding import BREAK, DEAD_LETTERS, DECIDE_MANY, HEALTH, REFEED, Desk, new_request
from tests.kit.deployment import AuditedDeployment
from tests.kit.documents import example_input
from tests.kit.mongo import MongoServer
from tests.kit.scenario_tables import read_facts
from tools.local.processes import wait_until
from tools.local.worker import WorkerProcess

pytestmark = pytest.mark.kafka

T = TypeVar("T")

NOW = "2026-07-08T12:00:00Z"
RETURNED = "0dd83c3cf0c88bcef4f159e2f0f4a0ab"
"""The break of the example in docs/connecting.md: returned, and still posted."""
FACTS = """
    2026-07-02 20:00 acme/ch_9 SETTLED 850.00
    2026-07-01 15:00 P-10 initiated 850.00 CARD for O-17
    2026-07-01 15:00 P-11 initiated 90.00 CARD for O-17
    2026-07-01 15:00 P-12 initiated 80.00 CARD for O-17
"""
ANA = Viewer("ana", Role.ADMIN, None, session_id_hash="a" * 64)
BEN = Viewer("ben", Role.APPROVER, None, session_id_hash="b" * 64)


class LiveGateway:
    """A gateway over a worker's process and a projector's, without a web server."""

    def __init__(self, deployment: AuditedDeployment, server: MongoServer, database: str, folder: Path) -> None:
        self.deployment = deployment
        self.runner = asyncio.Runner()
        env = deployment.env | {"RENTMATCH_MONGO_URL": server.url, "RENTMATCH_MONGO_DATABASE": database}
        self.settings: Settings = load(env)
        self.worker = deployment.worker()
        self.projector = WorkerProcess(
            folder / "projector", env, command=(sys.executable, "-m", "ops.cli", "project-read-model")
        )
        self.projector.start()
        self.mongo = Mongo(server.url, database, timeout_s=20)
        self.parts: CommandParts
        self.desk: Desk
        self.runner.run(self.start())

    async def start(self) -> None:
        """A gateway that remembers nothing but what MongoDB has."""
        clock = self.deployment.clock
        assert clock is not None
        self.workers = Workers([self.worker.url])
        self.audit = AuditLog(self.mongo, lambda: clock)
        self.parts = command_parts(
            self.settings, mongo=self.mongo, workers=self.workers, audit=self.audit, codec=codec_of(self.settings)
        )
        self.desk = Desk(self.mongo, self.workers, self.parts.commands, self.parts.operations, lambda: clock)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def restart(self) -> None:
        """Kill the gateway: it does not finish, and the next one knows only what is in MongoDB and on Kafka."""
        self.run(self.parts._writer.close())
        self.run(self.workers.close())
        self.run(self.start())

    def close(self) -> None:
        self.run(self.parts.close())
        self.run(self.workers.close())
        self.run(self.mongo.close())
        self.runner.close()
        self.projector.kill()

    def decide(self, viewer: Viewer, request_id: str | None = None, **command: dict[str, Any]) -> dict[str, Any]:
        return self.run(self.desk.decide(viewer, command, request_id))

    def ask(self, document: str, viewer: Viewer = ANA, **variables: Any) -> Any:
        return self.run(self.desk.ask(viewer, document, **variables))

    def shown(self, break_id: str, looks: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The break as the page shows it, once it looks so."""
        found: list[dict[str, Any]] = []

        def is_there() -> bool:
            one = self.ask(BREAK, id=break_id)
            found[:] = [] if one is None else [one]
            return one is not None and looks(one)

        wait_until(is_there, 40, f"break {break_id} to look so in the read model")
        return found[0]

    def document(self, collection: str, key: str) -> dict[str, Any]:
        found = self.run(self.mongo.find_one(collection, key))
        assert found is not None
        return found

    def decisions(self) -> list[BreakDecided]:
        """All records of the topic `decisions`."""
        codec = codec_of(self.settings)
        found = [
            codec.decode_input(topics.DECISIONS, record.value, record.headers)
            for record in reading.records(self.settings, topics.DECISIONS)
        ]
        return [fact for fact in found if isinstance(fact, BreakDecided)]


@pytest.fixture(scope="module")
def gateway(kafka: str, tmp_path_factory: pytest.TempPathFactory, mongo_server: MongoServer) -> Iterator[LiveGateway]:
    """One for all tests, each of which has breaks of its own."""
    prefix, tmp_path = f"t{uuid.uuid4().hex[:12]}-", tmp_path_factory.mktemp("gateway")
    clock = instant_from_text(NOW)
    with AuditedDeployment(kafka, prefix, tmp_path, clock=clock, progress_interval_ms=50) as deployment:
        facts = [*(fact_from_json(record) for _, record in example_input()), *read_facts(FACTS)]
        deployment.publish([
            Delivery(topic, key, fact.occurred_at, fact) for fact in facts for topic, key in [topic_and_key(fact)]
        ])  # fmt: skip
        garbage = Delivery("payment-initiated", "P-0", clock, None)
        deployment.publish_values([(garbage, b"\xff\xfe\x00garbage", -1)])
        gateway = LiveGateway(deployment, mongo_server, prefix.strip("-"), tmp_path)
        try:
            deployment.wait_settled()
            yield gateway
        finally:
            gateway.close()


def test_two_people_decide_while_workers_and_gateways_die(gateway: LiveGateway) -> None:
    seen = gateway.shown(RETURNED, lambda one: one["lifecycle"] == "OPENED")
    about = {"breakId": RETURNED, "evidence": seen["evidence"], "reason": "written off, ticket 118"}

    # Ana accepts; nothing has read it yet, and it counts: for herself, for another click, for another gateway.
    first = new_request()
    written = gateway.decide(ANA, first, accept=about)
    assert written["__typename"] == "Written"
    assert "once another person approves it" in written["text"][0]
    assert gateway.decide(ANA, accept=about)["message"].startswith("you have accepted it already")
    gateway.restart()
    assert gateway.decide(ANA, first, accept=about)["decisionId"] == written["decisionId"]
    assert gateway.decide(ANA, approve=about)["kind"] == "NOT_ALLOWED"
    # Where MongoDB had no time to remember the request, it becomes the same record.
    gateway.run(gateway.mongo.delete("gateway_requests", {}))
    gateway.restart()
    assert gateway.decide(ANA, first, accept=about)["decisionId"] == written["decisionId"]
    assert [fact.action for fact in gateway.decisions()] == ["ACCEPT"]
    gateway.shown(RETURNED, lambda one: (one["decision"] or {}).get("state") == "ACCEPT_REQUESTED")

    # The worker dies. Nothing can be checked, so nothing is written; the same request succeeds once it is back.
    gateway.worker.kill()
    second = new_request()
    refused = gateway.decide(BEN, second, approve=about)
    assert (refused["__typename"], refused["kind"]) == ("Refusal", "UNAVAILABLE")
    assert len(gateway.decisions()) == 1
    gateway.worker.start()
    answers: list[dict[str, Any]] = []

    def is_written() -> bool:
        answers.append(gateway.decide(BEN, second, approve=about))
        return answers[-1]["__typename"] == "Written"

    wait_until(is_written, 40, "the worker to be back")
    # It dies once more, before it has committed what Kafka has acknowledged.
    gateway.worker.kill()
    gateway.worker.start()
    accepted = gateway.shown(RETURNED, lambda one: one["lifecycle"] == "ACCEPTED")
    assert accepted["decision"] == {
        "state": "ACCEPTED", "actor": "ana", "approvedBy": "ben", "assignee": None,
    }  # fmt: skip
    assert [(fact.action, fact.actor) for fact in gateway.decisions()] == [("ACCEPT", "ana"), ("APPROVE", "ben")]
    late = gateway.decide(BEN, accept=about)
    assert (late["kind"], "ana has accepted it" in late["message"]) == ("CHANGED", True)

    entries = sorted(gateway.run(gateway.audit.entries({}, limit=200)), key=lambda one: one.number)
    assert broken_link(entries) is None
    assert [one.outcome for one in entries if one.action == "decide.approve"][-1] == "done"


def test_money_is_moved_and_conflicts_are_reported(gateway: LiveGateway) -> None:
    deployment = gateway.deployment
    unknown = break_id("reference", "acme/ch_9", ("reference",))
    seen = gateway.shown(unknown, lambda one: one["lifecycle"] == "OPENED")
    assert [(one["keyKind"], one["key"]) for one in seen["proposals"]] == [("PAYMENT", "P-10")]
    match = {"breakId": unknown, "target": "P-10", "evidence": seen["evidence"], "reason": "amount and day"}
    assert gateway.decide(ANA, match=match)["topic"].endswith("payment-initiated")
    gateway.shown(unknown, lambda one: one["lifecycle"] == "RESOLVED")
    again = gateway.decide(BEN, match=match)
    assert (again["kind"], "the break is resolved" in again["message"]) == ("CHANGED", True)

    deployment.wait_settled()
    wait_until(
        lambda: gateway.document("payments", "P-10")["settled"]["standing_minor"] == 85_000, 20, "P-10 to be settled"
    )
    version = str(gateway.document("payments", "P-10")["version"])
    move: dict[str, Any] = {"paymentId": "P-10", "version": version, "to": [{"obligationId": "O-18"}], "reason": "July"}
    assert gateway.decide(ANA, move=move)["text"][0].startswith("USD 850.00 will be for obligation O-18")
    # Ben saw the payment before Ana moved it, whether a worker has read that or not.
    elsewhere = move | {"to": [{"obligationId": "O-19"}]}
    assert gateway.decide(BEN, move=elsewhere)["kind"] == "CHANGED"
    wait_until(
        lambda: gateway.document("payments", "P-10")["allocations"][0]["obligation_id"] == "O-18", 20, "P-10 to move"
    )
    changed = gateway.decide(BEN, move=elsewhere)
    assert (changed["kind"], "and is for USD 850.00 of obligation O-18" in changed["message"]) == ("CHANGED", True)

    # Two people at once: one of them is first, and the other is told.
    missing = break_id("payment", "P-11", ("settlement",))
    evidence = gateway.shown(missing, lambda one: one["lifecycle"] == "OPENED")["evidence"]
    accept = {"breakId": missing, "evidence": evidence, "reason": "too small"}

    async def both() -> list[dict[str, Any]]:
        return await asyncio.gather(*(gateway.desk.decide(who, {"accept": accept}) for who in (ANA, BEN)))

    assert sorted(one["__typename"] for one in gateway.run(both())) == ["Refusal", "Written"]
    gateway.shown(missing, lambda one: one["lifecycle"] == "ACCEPTED")

    other = break_id("payment", "P-12", ("settlement",))
    bulk = gateway.ask(
        DECIDE_MANY, requestId=new_request(), action="ASSIGN", breakIds=[other, missing], reason="month end",
        assignee="ben",
    )  # fmt: skip
    assert [one["refusal"] is None for one in bulk] == [True, False]
    gateway.shown(other, lambda one: (one["decision"] or {}).get("assignee") == "ben")


def test_dead_letters_are_fed_again_and_the_page_of_operations_is_true(gateway: LiveGateway) -> None:
    def letters() -> list[dict[str, Any]]:
        return [edge["node"] for edge in gateway.ask(DEAD_LETTERS, first=10)["edges"]]

    (letter,) = letters()
    assert (letter["errorClass"], letter["key"], letter["decoded"]) == ("unknown_framing", "P-0", None)
    assert letter["topic"] == gateway.deployment.name("payment-initiated")
    fed = gateway.ask(REFEED, requestId=new_request(), ids=[letter["id"], "7:7"])
    assert fed["refed"] == [letter["id"]]
    assert [one["id"] for one in fed["refused"]] == ["7:7"]
    wait_until(lambda: len(letters()) == 2, 20, "the record to be a dead letter again")
    gateway.deployment.wait_settled()

    def is_quiet() -> bool:
        health = gateway.ask(HEALTH)
        return all(one["lag"] == 0 for one in health["topics"]) and health["deadLetters"]["value"] == 2

    wait_until(is_quiet, 20, "nothing to be left unread")
    health = gateway.ask(HEALTH)
    (worker,) = health["workers"]
    assert (worker["ready"], worker["reason"]) == (True, None)
    assert worker["partitions"] > 0
    assert health["freshness"]["caughtUpTo"] == "2026-07-08T12:00:00.000000Z"
    assert {one["group"] for one in health["topics"]} == {
        gateway.settings.application_id, f"{gateway.settings.application_id}-read-model",
    }  # fmt: skip
    last = {one["topic"].removeprefix(gateway.deployment.prefix): one["lastAt"] for one in health["feeds"]}
    assert {topic for topic, at in last.items() if at is not None} == {
        "payment-initiated", "processor-settled", "ledger-events",
    }  # fmt: skip
    assert last.keys() == {topic.name for topic in topics.INPUTS} - {"decisions"}
