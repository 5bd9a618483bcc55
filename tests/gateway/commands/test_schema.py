"""The same through the schema: what a page sends, and what it gets."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.commands.dead_letters import DeadLetters
from gateway.commands.proposals import Proposals
from gateway.graphql.mutations.commands import GraphqlCommands
from gateway.graphql.mutations.operations import GraphqlOperations
from gateway.monitoring import BrokerView, PartitionLag
from gateway.workers import WorkerStatus
from read_model.scope import EVERYTHING
from read_model.scoped import ScopedReadModel
from streams.broker.cluster import BrokerError
from streams.codec.codec import Codec
from tests.gateway.commands.office import ANA, AT, BEN, EVE, PAT, Office
from tests.kit.commanding import BREAK, DECIDE_MANY, FORECAST, HEALTH, Desk, new_request

READ_BY_WORKERS = [PartitionLag("rentmatch", "decisions", 0, 0), PartitionLag("rentmatch", "payouts", 0, 9, False)]
PROJECTED = [PartitionLag("rentmatch-read-model", "mismatch-alerts", 0, 3)]


class Page:
    """A desk over an office, whose broker says what a test lets it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.view: BrokerView | Exception = BrokerView(READ_BY_WORKERS, PROJECTED, [])
        settings = office.driver.world.settings
        letters = DeadLetters(settings, Codec(), office)
        letters._count = lambda: 7  # type: ignore[method-assign]
        proposals = Proposals(ScopedReadModel(office.mongo, EVERYTHING), office.workers, settings.policy)
        self.operations = GraphqlOperations(office.workers, office.mongo, self.look, letters, lambda: AT)
        self.commands = GraphqlCommands(office.service, proposals, letters, office.audit)
        self.desk = Desk(office.mongo, office.workers, self.commands, self.operations, lambda: AT)

    def look(self) -> BrokerView:
        if isinstance(self.view, Exception):
            raise self.view
        return self.view

    def ask(self, document: str, viewer: Any = ANA, **variables: Any) -> Any:
        return self.office.run(self.desk.ask(viewer, document, **variables))

    def decide(self, viewer: Any, command: dict[str, Any], request_id: str | None = None) -> dict[str, Any]:
        return self.office.run(self.desk.decide(viewer, command, request_id))


@pytest.fixture
def page(office: Office) -> Iterator[Page]:
    page = Page(office)
    yield page
    office.run(page.operations.close())


def test_each_command_comes_as_it_was_sent(page: Page) -> None:
    office = page.office
    card, reference = office.alert("P-1"), office.alert("acme/ch_9")
    entry = office.alert("A/n1")
    seen = {"breakId": card.break_id, "evidence": card.evidence, "reason": "x"}
    until = "2026-07-10T12:00:00Z"
    commands: list[dict[str, Any]] = [
        {"acknowledge": seen | {"until": until}},
        {"assign": {"breakId": card.break_id, "assignee": "ben", "reason": "x"}},
        {"assign": {"breakId": card.break_id, "reason": "x"}},
        {"comment": {"breakId": card.break_id, "reason": "x"}},
        {"accept": {"breakId": reference.break_id, "evidence": reference.evidence, "reason": "x"}},
        {"match": {"breakId": entry.break_id, "target": "acme/po_1", "evidence": entry.evidence, "reason": "x"}},
        {"move": {
            "paymentId": "P-4", "version": str(office.payment("P-4").version), "reason": "x",
            "to": [{"obligationId": "O-2", "amount": "50000"}, {"obligationId": "O-1", "installmentId": "first"}],
        }},
    ]  # fmt: skip
    for command in commands:
        forecast = page.ask(FORECAST, command=command)
        assert forecast["allowed"], forecast
        done = page.decide(ANA, command)
        assert done["__typename"] == "Written", done
        assert done["text"] == forecast["text"]
    approve = {"approve": {"breakId": reference.break_id, "evidence": reference.evidence, "reason": "x"}}
    approved = page.decide(BEN, approve)
    assert approved["__typename"] == "Written"
    taken_back = {"breakId": reference.break_id, "decisionId": approved["decisionId"], "reason": "x"}
    assert page.decide(BEN, {"withdraw": taken_back})["__typename"] == "Written"
    facts = [type(fact).__name__ for fact in office.unread]
    assert facts == ["BreakDecided"] * 5 + ["EntryMatched", "PaymentReassigned"] + ["BreakDecided"] * 2
    office.worker_reads()
    shown = page.ask(BREAK, id=card.break_id)
    assert shown["decision"] == {"state": "ACKNOWLEDGED", "actor": "ana", "approvedBy": None, "assignee": None}
    assert page.ask(BREAK, id=reference.break_id)["decision"]["state"] == "ACCEPT_REQUESTED"


def test_a_refusal_is_data(page: Page) -> None:
    alert = page.office.alert("P-1")
    command = {"accept": {"breakId": alert.break_id, "evidence": "0" * 32, "reason": "x"}}
    changed = page.decide(ANA, command)
    assert (changed["__typename"], changed["kind"]) == ("Refusal", "CHANGED")
    forecast = page.ask(FORECAST, command=command)
    assert (forecast["allowed"], forecast["text"], forecast["refusal"]["kind"]) == (False, [], "CHANGED")
    nobody = page.decide(EVE, command)
    assert (nobody["kind"], nobody["message"]) == (
        "NOT_ALLOWED", "your role, viewer, may not accept: that needs the role operator",
    )  # fmt: skip


def test_many_breaks(page: Page) -> None:
    ids = [page.office.alert(key).break_id for key in ("P-1", "A/n1")]
    request: dict[str, Any] = {"breakIds": [*ids, "no"], "reason": "month end", "assignee": "ben"}
    found = page.ask(DECIDE_MANY, requestId=new_request(), action="ASSIGN", **request)
    assert [one["breakId"] for one in found] == [*ids, "no"]
    assert [one["decisionId"] is not None for one in found] == [True, True, False]
    assert found[2]["refusal"]["kind"] == "NOT_FOUND"
    for action in ("ACKNOWLEDGE", "COMMENT"):
        found = page.ask(DECIDE_MANY, requestId=new_request(), action=action, breakIds=ids, reason="seen")
        assert all(one["decisionId"] for one in found)
    found = page.ask(DECIDE_MANY, EVE, requestId=new_request(), action="COMMENT", breakIds=ids, reason="seen")
    assert {one["refusal"]["kind"] for one in found} == {"NOT_ALLOWED"}


def test_dead_letters_belong_to_no_property(page: Page) -> None:
    # The schema lets no viewer with a scope through; the command does not rely on that.
    found = page.office.run(page.commands.refeed(PAT, new_request(), ["0:1", "0:2"]))
    assert (found.refed, [one.id for one in found.refused]) == ([], ["0:1", "0:2"])
    assert all("no such dead letter in your properties" in one.reason for one in found.refused)
    (entry,) = page.office.entries()
    assert (entry.actor, entry.action, entry.outcome, entry.about) == (
        "pat", "refeed", "refused.not_found", "0:1,0:2",
    )  # fmt: skip


def test_money_in_suspense_has_proposals(page: Page) -> None:
    office = page.office
    (first, *others) = page.ask(BREAK, id=office.alert("acme/ch_9").break_id)["proposals"]
    assert (first["keyKind"], first["key"]) == ("PAYMENT", "P-8")
    assert "USD 850.00, without an outcome" in first["reasons"]
    assert [one["key"] for one in others] == ["P-1"]
    payouts = page.ask(BREAK, id=office.alert("A/n1").break_id)["proposals"]
    assert [one["key"] for one in payouts] == ["acme/po_1", "acme/po_2"]
    assert "to that account" in payouts[0]["reasons"]
    assert page.ask(BREAK, id=office.alert("P-1").break_id)["proposals"] == []
    office.live.recovered = False
    assert page.ask(BREAK, id=office.alert("A/n1").break_id)["proposals"] == []


def test_health_is_what_the_workers_and_the_broker_say(page: Page) -> None:
    health = page.ask(HEALTH)
    assert health["freshness"]["lag"] == health["readModel"]["lag"] == 3
    assert health["readModel"]["up"]
    assert health["deadLetters"] == {"value": 7, "atLeast": False}
    assert [one["lag"] for one in health["topics"]] == [0, 9, 3]
    (worker,) = health["workers"]
    assert (worker["url"], worker["ready"]) == (page.office.served.url, False)  # it serves no /readyz


def test_a_broker_that_keeps_no_offsets_says_nothing_about_a_worker_that_is_ready(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ready() -> list[WorkerStatus]:
        return [WorkerStatus("http://w", True, None, AT, 7)]

    monkeypatch.setattr(page.operations._statuses, "_ask", ready)
    health = page.ask(HEALTH)
    assert [(one["topic"], one["lag"]) for one in health["topics"]] == [("decisions", 0), ("mismatch-alerts", 3)]
    assert health["freshness"]["caughtUpTo"] == "2026-07-08T12:00:00.000000Z"


def test_a_page_does_not_wait_for_a_broker_that_is_down(page: Page) -> None:
    page.view = BrokerError("no Kafka broker answers at broker-1:9092")
    health = page.ask(HEALTH)
    assert (health["topics"], health["freshness"]) == ([], {"caughtUpTo": None, "lag": 0})


def test_what_is_kept_is_asked_for_again_in_the_background(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    async def watched() -> list[int]:
        found = [(await page.operations.freshness()).lag]
        page.view = BrokerView([], [PROJECTED[0]._replace(lag=5)], [])
        found.append((await page.operations.freshness()).lag)
        monkeypatch.setattr("gateway.graphql.mutations.operations.FRESH_S", -1.0)
        found.append((await page.operations.freshness()).lag)
        await asyncio.sleep(0.05)
        found.append((await page.operations.freshness()).lag)
        return found

    assert page.office.run(watched()) == [3, 3, 3, 5]
