"""The peers' job in Python gives what the comparison expects, in process and on both libraries."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks import __main__ as command_line
from benchmarks.deployment import MeasuredDeployment
from benchmarks.peers import records
from benchmarks.peers.kafka_streams import KAFKA_STREAMS
from benchmarks.peers.naive_faust import NAIVE_FAUST
from benchmarks.peers.quix import QUIX
from benchmarks.simple_job import codec, rules
from benchmarks.simple_job.codec import ALERT, OBLIGATION, PAYMENT
from benchmarks.simple_job.rules import Fields
from benchmarks.versus import Comparison
from benchmarks.versus_input import Outcomes, generated
from streams import topics
from tests.kit.tidy import imports
from tools.local.processes import wait_until

FOLDER = Path(rules.__file__).parent


def test_the_rules_give_what_the_comparison_expects() -> None:
    expected = Outcomes()
    payments: dict[str, Any] = {}
    obligations: dict[str, Any] = {}
    last: dict[tuple[str, str], bytes] = {}

    def learn_obligation(obligation_id: str, name: str, fields: Fields) -> None:
        state = obligations.get(obligation_id) or rules.new_obligation()
        if rules.apply_to_obligation(state, name, fields):
            last[topics.OBLIGATION_RECONCILIATIONS.name, obligation_id] = codec.encode(
                OBLIGATION, rules.obligation_view(state, obligation_id)
            )
            obligations[obligation_id] = json.loads(json.dumps(state))  # as both libraries keep it

    for _, _, value in generated(6_000, expected):
        fact = codec.decode(value)
        if fact.is_charge:
            learn_obligation(fact.key, fact.name, fact.fields)
            continue
        payment = payments.get(fact.key) or rules.new_payment()
        if not rules.apply_to_payment(payment, fact.name, fact.fields):
            continue
        view = rules.payment_view(payment, fact.key)
        alert = rules.payment_alert(payment, view)
        payments[fact.key] = json.loads(json.dumps(payment))
        last[topics.PAYMENT_RECONCILIATIONS.name, fact.key] = codec.encode(PAYMENT, view)
        if alert is not None:
            last[topics.MISMATCH_ALERTS.name, alert["break_id"]] = codec.encode(ALERT, alert)
        if view["obligation_id"] is not None:
            learn_obligation(view["obligation_id"], PAYMENT, view)

    found = Outcomes()
    by_name = {topic.name: topic for topic in topics.ALL}
    for (name, key), value in last.items():
        records.read(found, by_name[name], key.encode(), value)
    assert found.differences(expected) == []


INITIATED = {
    "event_id": "e1", "occurred_at": 5, "tenant_id": "t", "property_id": "p", "obligation_id": "o",
    "installment_id": None, "amount_minor": 100, "currency": "USD",
}  # fmt: skip


def settled(event_id: str, gross_minor: int, outcome: str = "SETTLED") -> Fields:
    return {
        "event_id": event_id, "occurred_at": 9, "processor": "stripe", "processor_reference": event_id,
        "outcome": outcome, "gross_minor": gross_minor, "fee_minor": 1, "net_minor": gross_minor - 1, "currency": "USD",
    }  # fmt: skip


def alerted(state: rules.JoinedPayment, name: str, fact: Fields) -> tuple[str, str, int] | None:
    """The lifecycle, class and drift of the alert that a fact brings."""
    assert rules.apply_to_payment(state, name, fact)
    alert = rules.payment_alert(state, rules.payment_view(state, "pay"))
    return alert and (alert["lifecycle"], alert["class"], alert["drift_minor"])


def test_an_alert_is_sent_when_the_break_changes() -> None:
    state = rules.new_payment()
    assert alerted(state, "ProcessorSettled", settled("s1", 60)) is None  # nothing is known to expect
    assert alerted(state, "PaymentInitiated", INITIATED) == ("opened", rules.AMOUNT, -40)
    assert alerted(state, "PaymentInitiated", INITIATED | {"event_id": "e2"}) is None
    assert alerted(state, "ProcessorSettled", settled("s2", 70)) == ("updated", rules.DUPLICATE, 30)
    assert alerted(state, "ProcessorSettled", settled("s3", -30)) == ("resolved", rules.DUPLICATE, 0)
    assert not rules.apply_to_payment(state, "ProcessorSettled", settled("s3", -30))
    assert state["version"] == 5


def test_a_returned_payment_has_paid_nothing() -> None:
    state = rules.new_payment()
    for name, fact in (
        ("PaymentInitiated", INITIATED),
        ("ProcessorSettled", settled("s1", 100)),
        ("ProcessorSettled", settled("s2", 100, "RETURNED")),
    ):
        rules.apply_to_payment(state, name, fact)
    view = rules.payment_view(state, "pay")
    assert (view["status"], view["paid_minor"], view["returned_minor"], view["rests_on"]) == ("returned", 0, 100, 9)


def share(payment_id: str, version: int, paid_minor: int) -> Fields:
    return {
        "payment_id": payment_id, "obligation_id": "o", "version": version, "rests_on": 7, "initiated_at": 5,
        "installment_id": None, "paid_minor": paid_minor, "pending_minor": 0, "posted_minor": 0, "currency": "USD",
    }  # fmt: skip


def test_an_older_snapshot_of_a_payment_changes_nothing() -> None:
    state = rules.new_obligation()
    assert rules.apply_to_obligation(state, PAYMENT, share("pay", 2, 80))
    assert not rules.apply_to_obligation(state, PAYMENT, share("pay", 1, 50))
    assert not rules.apply_to_obligation(state, PAYMENT, share("pay", 2, 50))
    assert rules.obligation_view(state, "o")["paid_minor"] == 80


def test_what_exceeds_the_plan_is_overpaid() -> None:
    state = rules.new_obligation()
    charge = {
        "obligation_id": "o", "occurred_at": 6, "lease_id": "l", "tenant_id": "t", "property_id": "p",
        "period": "2026-06", "amount_minor": 100, "currency": "USD", "due_date": 1, "installments": [],
    }  # fmt: skip
    assert rules.apply_to_obligation(state, "ObligationCharged", charge)
    assert not rules.apply_to_obligation(state, "ObligationCharged", charge)
    for payment_id in ("b", "a"):
        rules.apply_to_obligation(state, PAYMENT, share(payment_id, 1, 80))
    view = rules.obligation_view(state, "o")
    assert (view["status"], view["overpaid_minor"], view["rests_on"]) == ("overpaid", 60, 7)
    (row,) = view["installments"]
    assert [(part["payment_id"], part["amount_minor"]) for part in row["allocations"]] == [("a", 80), ("b", 20)]
    assert codec.decode(codec.encode(OBLIGATION, view)).fields == view


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.name)
def test_the_job_imports_nothing_of_the_project(path: Path) -> None:
    known = {"fastavro", "faust", "quixstreams"} | sys.stdlib_module_names
    found = [name for _, name in imports(ast.parse(path.read_text(encoding="utf-8")))]
    assert [name for name in found if name.split(".")[0] not in known and "benchmarks.simple_job" not in name] == []


@pytest.mark.parametrize(
    ("asked", "measured"),
    [
        ([1_000_000], {20_000: "RKQN", 200_000: "RKQ", 1_000_000: "RK"}),
        ([1_000_000, 200_000], {20_000: "RKQN", 1_000_000: "RK", 200_000: "RKQ"}),
        ([3_000], {3_000: "RKQN"}),
        ([], {}),
    ],
)
def test_a_slow_peer_has_a_largest_size(asked: list[int], measured: dict[int, str]) -> None:
    comparison = Comparison(peers=[KAFKA_STREAMS, QUIX, NAIVE_FAUST], code=FOLDER, sizes=asked)
    initials = {"rentmatch": "R", "kafka-streams": "K", "quix": "Q", "naive-faust": "N"}
    found = {size: "".join(initials[one.name] for one in comparison.programs(size)) for size in comparison.all_sizes}
    assert list(found.items()) == list(measured.items())


@pytest.mark.kafka
def test_topics_that_a_program_made_are_deleted_with_the_others(kafka: str) -> None:
    deployment = MeasuredDeployment(kafka, partitions=1)
    admin = AdminClient({"bootstrap.servers": kafka})
    made = f"changelog__{deployment.name}--made"
    admin.create_topics([NewTopic(made, 1, 1)])[made].result(15)

    def known() -> list[str]:
        return [name for name in admin.list_topics(timeout=15).topics if deployment.name in name]

    wait_until(lambda: made in known(), 15, "the broker to list the topic")
    deployment.remove()
    wait_until(lambda: not known(), 15, "the topics to be gone")


@pytest.mark.kafka
@pytest.mark.soak
@pytest.mark.parametrize(("name", "title", "parts"), [
    ("quix", "Quix Streams", "backlog,pair"), ("naive-faust", "naive Faust", "backlog"),
])  # fmt: skip
def test_it_is_right_on_each_library(kafka: str, tmp_path: Path, name: str, title: str, parts: str) -> None:
    file = tmp_path / "results.json"
    command_line.main([
        "versus", f"--peers={name}", "--sizes=3000", f"--measure={parts}", f"--broker={kafka}", f"--json={file}",
    ])  # fmt: skip
    (result,) = json.loads(file.read_text(encoding="utf-8"))["results"]
    figures = {(figure["name"], figure["column"]): figure["value"] for figure in result["figures"]}
    assert figures["records written, an event", title] > 1
    assert figures["CPU a million events", f"beside {title}"] > 0
    assert (("events a second, two processes", title) in figures) == ("pair" in parts)
