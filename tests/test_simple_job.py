"""The peers' job in Python gives what the comparison expects, and its rules are the Kafka Streams program's."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks.peers import records
from benchmarks.simple_job import codec, rules
from benchmarks.simple_job.codec import ALERT, OBLIGATION, PAYMENT
from benchmarks.simple_job.rules import Fields
from benchmarks.versus_input import Outcomes, make_input
from streams import topics
from tests.kit.tidy import imports

FOLDER = Path(rules.__file__).parent


def test_the_rules_give_what_the_comparison_expects() -> None:
    given = make_input(6_000)
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

    for _, _, value in given.backlog.records:
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
    assert found.differences(given.expected) == []


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
