"""`rentmatch exceptions --from-topics` on a real Kafka: what a worker wrote, without an API."""

import json
from pathlib import Path
from typing import Any

import pytest

from domain.facts import InputFact, PostingReversed
from simulator.deliver import Delivery, topic_and_key
from streams.codec.json_form import fact_from_json, instant_from_text
from tests.kit.command_line import Run
from tests.kit.deployment import AuditedDeployment
from tests.kit.documents import example_input
from tests.kit.scenario_tables import read_facts
from tests.ops.test_exceptions import BREAK, NOW

pytestmark = pytest.mark.kafka


def delivered(fact: InputFact) -> Delivery:
    topic, key = topic_and_key(fact)
    return Delivery(topic, key, fact.occurred_at, fact)


def test_a_break_is_listed_explained_and_resolved(kafka: str, topic_prefix: str, tmp_path: Path, bare_run: Run) -> None:
    now = instant_from_text(NOW)
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=now, progress_interval_ms=50) as deployment:
        deployment.publish([delivered(fact_from_json(record)) for _, record in example_input()])
        deployment.worker()
        deployment.wait_settled()

        def asked(*words: str) -> list[dict[str, Any]]:
            found = bare_run("exceptions", *words, "--from-topics", "--json", env=deployment.env)
            assert found.exit_code == 0, found.output
            return [json.loads(line) for line in found.stdout.splitlines()]

        (alert,) = asked("list", "--properties")
        assert (alert["break_id"], alert["property_id"]) == (BREAK, "H-3")
        (explanation,) = asked("explain", BREAK)
        assert [entry["event_id"] for entry in explanation["story"]] == ["e-2", "e-3", "e-4", "e-5", None, None]

        # The ledger sends the event of the remedy.
        remedy_event = explanation["resolutions"][0]["events"][0]
        fact = fact_from_json(
            {"type": remedy_event["type"], **remedy_event["fields"]}
            | {"event_id": "e-6", "occurred_at": NOW, "reversal_id": "V-1", "reason": "returned, R01"}
        )
        assert isinstance(fact, PostingReversed)
        deployment.publish([delivered(fact)])
        deployment.wait_settled()
        assert asked("list") == []
        assert [record["lifecycle"] for record in asked("show", BREAK)] == ["opened", "resolved"]
        (explanation,) = asked("explain", BREAK)
        assert explanation["resolved_at"] == explanation["opened_at"] == "2026-07-08T12:00:00.000000Z"
        assert explanation["resolutions"] == []
        assert "e-6" in [entry["event_id"] for entry in explanation["story"]]


def test_people_decide_and_move_money(kafka: str, topic_prefix: str, tmp_path: Path, bare_run: Run) -> None:
    now = instant_from_text(NOW)
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=now, progress_interval_ms=50) as deployment:
        deployment.publish([delivered(fact_from_json(record)) for _, record in example_input()])
        unknown, payment = read_facts("""
            2026-07-02 20:00 acme/ch_9 SETTLED 850.00
            2026-07-01 15:00 P-10 initiated 850.00 CARD for O-17
        """)
        deployment.publish([delivered(unknown), delivered(payment)])
        deployment.worker()
        deployment.wait_settled()

        def act(actor: str, verb: str, *words: str) -> None:
            source = ("--from-topics",) if verb != "move" else ()
            options = (*source, "--actor", actor, "--reason", "agreed", "--yes")
            done = bare_run("exceptions", verb, *words, *options, env=deployment.env)
            assert done.exit_code == 0, done.output
            deployment.wait_settled()

        def classes(*words: str) -> set[str]:
            found = bare_run("exceptions", "list", "--from-topics", "--json", *words, env=deployment.env)
            assert found.exit_code == 0, found.output
            return {json.loads(line)["class"] for line in found.stdout.splitlines()}

        assert {"reversed_after_posting", "reference_unknown"} <= classes()
        act("ana", "accept", BREAK)
        assert "reversed_after_posting" in classes("--decision", "accept_requested")
        act("bo", "approve", BREAK)
        assert "reversed_after_posting" in classes("--state", "accepted") - classes()

        act("ana", "match", "acme/ch_9", "--to", "P-10")
        assert "reference_unknown" in classes("--state", "resolved") - classes()
        act("ana", "move", "P-10", "--to", "O-18")
        read = bare_run("read", "payment-reconciliations", "--last", "--json", env=deployment.env)
        (moved,) = (one for line in read.stdout.splitlines() if (one := json.loads(line))["payment_id"] == "P-10")
        assert [(each["obligation_id"], each["standing_minor"]) for each in moved["allocations"]] == [("O-18", 85_000)]


def test_money_is_traced_to_the_bank_by_a_persons_word(
    kafka: str, topic_prefix: str, tmp_path: Path, bare_run: Run
) -> None:
    now = instant_from_text(NOW)
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=now, progress_interval_ms=50) as deployment:
        facts = read_facts("""
            2026-07-01 15:00 P-1 initiated 850.00 CARD for O-1 ref ch_1
            2026-07-01 16:00 P-1 SETTLED 850.00 fee 1.50 ref ch_1 payout po_1
            2026-07-01 18:00 acme/po_1 reported PAID 848.50 arriving 2026-07-02 account A
            2026-07-01 18:00 acme/po_2 reported PAID 848.50 other 848.50 arriving 2026-07-03 account A
            2026-07-02 15:00 A/n1 booked 848.50 on 2026-07-02 text ACME_PAYOUT_PO-1
        """)
        deployment.publish([delivered(fact) for fact in facts])
        deployment.worker()
        deployment.wait_settled()

        def asked(*words: str) -> list[dict[str, Any]]:
            found = bare_run(*words, "--json", env=deployment.env)
            assert found.exit_code == 0, found.output
            return [json.loads(line) for line in found.stdout.splitlines()]

        def at_the_bank() -> dict[str, list[str]]:
            found: dict[str, list[str]] = {}
            for alert in asked("exceptions", "list", "--from-topics"):
                if alert["key_kind"] in {"payout", "bank_entry"}:
                    found.setdefault(alert["key"], []).append(alert["class"])
            return found

        assert at_the_bank() == {
            "A/n1": ["bank_entry_unexplained"], "acme/po_1": ["deposit_missing"], "acme/po_2": ["deposit_missing"],
        }  # fmt: skip
        (unexplained,) = (
            alert["break_id"]
            for alert in asked("exceptions", "list", "--from-topics", "--class", "bank_entry_unexplained")
        )
        shown = bare_run("exceptions", "show", unexplained, "--from-topics", env=deployment.env)
        assert "1. payout acme/po_1: USD 848.50 paid out, po_1 is in the text" in shown.stdout
        (explanation,) = asked("exceptions", "explain", unexplained, "--from-topics")
        assert explanation["candidates"] == ["acme/po_1", "acme/po_2"]

        how = ("--from-topics", "--actor", "ana", "--reason", "seen in the portal", "--yes")
        (match,) = asked("exceptions", "match", unexplained, "--to-payout", "acme/po_1", *how)
        assert match["type"] == "EntryMatched"
        deployment.wait_settled()
        assert at_the_bank() == {"acme/po_2": ["deposit_missing"]}
        (payout,) = asked("payouts", "show", "acme/po_1")
        assert (payout["status"], payout["remainder_minor"], payout["deposited_minor"]) == ("reconciled", 0, 84_850)
        assert [(one["entry_id"], one["matched_by"]) for one in payout["entries"]] == [("n1", "person")]
        assert [one["payment_id"] for one in payout["line_items"]] == ["P-1"]
        listed = asked("payouts", "list", "--from-topics")
        assert [(one["payout_id"], one["status"]) for one in listed] == [("po_1", "reconciled"), ("po_2", "exception")]
