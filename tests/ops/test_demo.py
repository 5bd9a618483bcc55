"""The demo reports correct and wrong results, explains errors, and cleans up."""

import os
import re
import signal
import subprocess
import sys
from collections import Counter
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from rich.console import Console

from domain.records import (
    DecisionState,
    LateStage,
    MatchedBy,
    ObligationStatus,
    PaymentStatus,
    PayoutStatus,
    ReferenceStatus,
)
from domain.time import DAY
from ops.commands import demo
from ops.console import Failure
from ops.demo import rendering
from ops.demo.deployment import broker_variables, demo_deployment
from ops.demo.following import DeadLetterRecord, Follower
from ops.demo.judging import Judge, Judgement
from ops.demo.money import Whereabouts, whereabouts
from simulator.deliver import value_of
from simulator.scenario import Scenario, simulate
from streams import topics
from streams.settings import load
from tests.kit.command_line import Run
from tests.kit.driver import Driver
from tools.local.processes import wait_until

DEMO = [sys.executable, "-m", "ops.cli", "demo", "--obligations", "60", "--seed", "3"]


def started(*more: str, env: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RENTMATCH_")}
    return subprocess.Popen(
        [*DEMO, *more], env=kept | (env or {}), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def test_a_month_is_exact_whatever_the_users_settings_say() -> None:
    leaking = {"RENTMATCH_PARTITIONS": "junk", "RENTMATCH_POSTING_BANKING_DAYS": "200", "RENTMATCH_BROKER": "nowhere:1"}
    process = started(env=leaking)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    assert "\nEXACT\n" in out
    assert "NOT EXACT" not in out
    assert re.search(r"Of USD [\d,.]+ collected, .* is under\s+way, .* belongs to no\s+payout\.\s*$", out, re.DOTALL)
    assert len(re.findall(r"^ - \S", out, re.MULTILINE)) == 3
    assert re.search(r"events in, [\d,]+ records out in [\d.]+ s: [\d,]+ events/s", out)
    assert max(map(len, out.splitlines())) <= rendering.WIDTH
    assert "…" not in out  # nothing was cut to fit
    assert "\x1b" not in out + err
    assert "worker stopped with SIGTERM, exit status 0" in err


def test_sigterm_stops_the_worker_too() -> None:
    process = started()
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("worker started"):
            break
    (worker,) = map(int, Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    wait_until(lambda: not Path(f"/proc/{worker}").exists(), 60, "the worker's end")


@pytest.mark.kafka
def test_with_a_real_broker_it_uses_topics_of_its_own(kafka: str) -> None:
    def ours() -> set[str]:
        return {name for name in AdminClient({"bootstrap.servers": kafka}).list_topics().topics if "demo-" in name}

    before = ours()
    # At the same time: each has a group and topics of its own.
    deleting, keeping = (
        started("--broker", *words, env={"RENTMATCH_BROKER": kafka}) for words in ((), ("--keep-topics",))
    )
    said = {}
    for process in (deleting, keeping):
        out, said[process] = process.communicate(timeout=180)
        assert process.returncode == 0, out + said[process]
        assert "\nEXACT\n" in out
    left = ours() - before
    assert len(left) == len(topics.ALL)
    hint = re.search(
        r"inspect them with: RENTMATCH_BROKER=(\S+) RENTMATCH_TOPIC_PREFIX=(\S+) rentmatch read", said[keeping]
    )
    assert hint is not None, said[keeping]
    assert "inspect them with" not in said[deleting]
    assert hint[1] == kafka
    assert all(name.startswith(hint[2]) for name in left)


def reconciled(scenario: Scenario, at: int) -> Any:
    """What the real stages make of a scenario, in the shape of the demo's reader."""
    driver = Driver(now=at)
    broker = driver.world.broker
    by_name = {topic.name: topic for topic in topics.INPUTS}
    for delivery in scenario.deliveries:
        value = value_of(delivery, driver.world.codec.encode)
        broker.publish(by_name[delivery.topic], delivery.key.encode(), value)
    driver.run()
    follower = Follower.__new__(Follower)
    follower.last = {topic: {} for topic in topics.OUTPUTS}
    for topic in topics.OUTPUTS:
        for record in broker.records(topic):
            follower._keep(topic, record.key, record.value)
    follower.letters = [
        DeadLetterRecord(record.key, record.value, list(record.headers))
        for record in broker.records(topics.DEAD_LETTER)
    ]
    return follower


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return simulate(5, 80)


@pytest.fixture
def at(scenario: Scenario) -> int:
    return scenario.closes_at + demo.DAYS_AFTER * DAY


def shown(scenario: Scenario, judgement: Judgement) -> str:
    text = StringIO()
    rendering.show(Console(file=text, width=rendering.WIDTH), scenario, judgement, "pace")
    return text.getvalue()


def test_correct_results_are_exact_and_differences_are_reported(scenario: Scenario, at: int) -> None:
    judge, follower = Judge(scenario, at, load({})), reconciled(scenario, at)
    judgement = judge.judge(follower)
    assert judgement.differences == []
    assert judge.found_so_far(follower) == judge.expected
    assert len(follower.letters) > 1
    assert "\nEXACT\n" in shown(scenario, judgement)

    # A payment is missing; another says what a third should.
    payments = follower.last[topics.PAYMENT_RECONCILIATIONS]
    first, second, third, *_ = payments
    payments[second] = payments[third]
    del payments[first]
    judgement = judge.judge(follower)
    assert judge.found_so_far(follower) == judge.expected - 1
    # The record under another key counts for what it says it is about, so both its owners lack theirs.
    assert {d.key for d in judgement.differences} == {first.decode(), second.decode()}
    assert re.search(r"NOT EXACT: 2 differences\n - payment P-\d+: missing", shown(scenario, judgement))


def test_a_dead_letter_must_be_its_record_byte_for_byte(scenario: Scenario, at: int) -> None:
    judge, follower = Judge(scenario, at, load({})), reconciled(scenario, at)
    letter = next(letter for letter in follower.letters if letter.value)
    follower.letters[follower.letters.index(letter)] = DeadLetterRecord(
        letter.key, letter.value + b"\0", letter.headers
    )
    found = judge.judge(follower).differences
    assert [(d.kind, d.expected, d.found) for d in found] == [
        ("dead letter", letter.value, None),
        ("dead letter", None, letter.value + b"\0"),
    ]
    follower.letters.pop()
    assert not judge.judge(follower).is_exact


def test_wrong_counts_stand_out(scenario: Scenario, at: int) -> None:
    judge, follower = Judge(scenario, at, load({})), reconciled(scenario, at)
    follower.last[topics.LATE_PAYMENT_ALERTS].clear()
    text = shown(scenario, judge.judge(follower))
    live = Counter(row["stage"] for row in judge.truth.live_alerts.values())
    for stage in LateStage:
        mark = " !" if live[stage] else ""
        assert re.search(rf"^{stage} +0{mark} +{live[stage]} ", text, re.MULTILINE), text


def test_every_status_and_stage_has_a_description() -> None:
    assert set(rendering.PAYMENT_WORDS) == set(PaymentStatus)
    assert set(rendering.OBLIGATION_WORDS) == set(ObligationStatus)
    assert set(rendering.REFERENCE_WORDS) == set(ReferenceStatus)
    assert set(rendering.PAYOUT_WORDS) == set(PayoutStatus)
    assert set(rendering.MATCHED_WORDS) == set(MatchedBy)
    assert set(rendering.DECISION_WORDS) == set(DecisionState)
    assert set(rendering.STAGE_WORDS) == set(LateStage)


def payout(**changes: Any) -> dict[str, Any]:
    row = {"currency": "USD", "lines_minor": 10_000, "other_minor": -100, "deposited_minor": 9_900}
    return {**row, "status": "reconciled", **changes}


def test_the_last_line_says_where_the_money_is() -> None:
    payouts = [
        payout(),
        payout(deposited_minor=0),  # to an account that its report does not name
        payout(status="in_transit", deposited_minor=0),
        payout(status="collecting", other_minor=0, deposited_minor=0),
        payout(status="failed", deposited_minor=0),
        payout(status="exception", deposited_minor=9_000),
        payout(currency="EUR", status="exception", deposited_minor=0),
    ]
    entry = {"class": "bank_entry_unexplained", "currency": "USD", "actual_minor": 555}
    breaks = [entry, {**entry, "currency": "EUR"}, {**entry, "class": "deposit_missing"}]
    found = whereabouts(payouts, breaks)
    assert found == Whereabouts("USD", 49_600, 18_900, 29_800, 900, 555)
    assert found.text == (
        "Of USD 496.00 collected, net of fees, USD 189.00 is on the account, USD 298.00 is under way, USD 9.00 nobody "
        "can explain; USD 5.55 on the account belongs to no payout."
    )
    assert whereabouts([], breaks) is None


def test_top_alerts_are_three_and_none_where_nothing_is_open(scenario: Scenario, at: int) -> None:
    judge, follower = Judge(scenario, at, load({})), reconciled(scenario, at)
    sentences = rendering.top_alerts(judge.judge(follower))
    assert len(sentences) == 3
    about = [
        re.match(r"(?:Payment|Obligation|Reference|Payout|Bank entry|Installment) (\S+)", each) for each in sentences
    ]
    assert len({found[1] for found in about if found is not None}) == 3
    follower.last[topics.MISMATCH_ALERTS].clear()
    assert all(sentence.startswith("Installment ") for sentence in rendering.top_alerts(judge.judge(follower)))
    follower.last[topics.LATE_PAYMENT_ALERTS].clear()
    assert rendering.top_alerts(judge.judge(follower)) == []


def test_too_many_obligations_for_the_embedded_broker_are_refused(
    bare_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "EMBEDDED_BYTES_MAX", 300_000)
    result = bare_run("demo", "--obligations", "300")
    assert result.exit_code == 2
    assert re.search(r"300 obligations make \d\.\d MB.*Use at most about 100 .*--broker host:port", result.stderr)


def test_records_dropped_by_the_broker_are_detected(run: Run, mock_broker: str) -> None:
    follower = Follower(load({"RENTMATCH_BROKER": mock_broker, "RENTMATCH_TOPIC_PREFIX": "here."}))
    assert follower.truncated_topics() == []
    producer = Producer({"bootstrap.servers": mock_broker, "log_level": 2})
    for _ in range(7):
        producer.produce("here.dead-letter", bytes(900_000), partition=2)
        assert producer.flush(10) == 0
    assert follower.truncated_topics() == ["here.dead-letter"]
    follower.close()


def test_a_dying_worker_is_reported_with_its_log(bare_run: Run, mock_broker: str, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("where a folder should be")
    scenario = simulate(1, 5)
    deployment = demo_deployment(
        {"RENTMATCH_BROKER": mock_broker}, tmp_path / "state", scenario.closes_at, is_embedded=True
    )
    with pytest.raises(Failure) as caught:
        demo.run(deployment, scenario, scenario.closes_at, tmp_path / "worker.log", keep_topics=False)
    assert "the worker exited by itself (exit status 1)" in caught.value.message
    assert "state directory" in caught.value.message


def test_wrong_options_are_explained(bare_run: Run, impatient: None) -> None:
    assert "set RENTMATCH_BROKER" in bare_run("demo", "--broker").stderr
    assert bare_run("demo", "--broker").exit_code == 2
    assert bare_run("demo", "--broker", "kafka-1").exit_code == 2
    assert bare_run("demo", "--keep-topics").exit_code == 2
    assert bare_run("demo", "--obligations", "0").exit_code == 2
    result = bare_run("demo", "--obligations", "5", "--broker", "127.0.0.1:1")
    assert result.exit_code == 1
    assert "no Kafka broker answers at 127.0.0.1:1" in result.stderr


def test_a_real_broker_is_used_with_the_security_settings_of_the_user(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RENTMATCH_SECURITY_PROTOCOL", "SSL")
    monkeypatch.setenv("RENTMATCH_APPLICATION_ID", "theirs")
    first = demo_deployment(broker_variables("kafka:1"), tmp_path, 0, is_embedded=False).settings
    second = demo_deployment(broker_variables("kafka:1"), tmp_path, 0, is_embedded=False).settings
    assert (first.broker, first.security_protocol) == ("kafka:1", "SSL")
    assert "theirs" not in (first.application_id, second.application_id)
    assert first.application_id != second.application_id
    assert first.topic_prefix != second.topic_prefix
