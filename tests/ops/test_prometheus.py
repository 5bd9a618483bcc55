"""The rules of ops/deploy/prometheus: promtool runs their own tests; here is what promtool does not look at."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from domain.records import BreakClass
from streams import topics
from tests.kit.documents import slug
from tests.kit.metrics_catalogue import KNOWN_LABELS, ROOT, recorded, unknown, used

OPS = ROOT / "ops" / "deploy" / "prometheus"
RULES = sorted((OPS / "rules").glob("*.yml"))
TESTS = sorted((OPS / "tests").glob("*.yml"))

PAGED_AT_MOST = 10
"""Whoever is woken must know each of them: a page more is a page less that is heard."""


def content(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rules(*names: str) -> list[dict[str, Any]]:
    """All rules, or those of these files."""
    return [
        rule
        for path in RULES
        if not names or path.stem in names
        for group in content(path)["groups"]
        for rule in group["rules"]
    ]


ALERTS = {rule["alert"]: rule for rule in rules() if "alert" in rule}
RECORDED = frozenset(rule["record"] for rule in rules() if "record" in rule)


def finished(*line: str | Path) -> str:
    """What a command says; it must succeed."""
    done = subprocess.run([str(word) for word in line], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_configuration_is_taken_by_prometheus(promtool: Path) -> None:
    assert f"{len(RULES)} rule files found" in finished(promtool, "check", "config", OPS / "prometheus.yml")


@pytest.fixture(scope="module")
def running(promtool: Path) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """All of the rules' own tests at once: each file keeps one core busy for seconds."""
    found = {
        path.name: subprocess.Popen(
            [promtool, "test", "rules", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for path in TESTS
    }
    yield found
    for process in found.values():
        process.kill()
        process.communicate()


@pytest.mark.parametrize("name", [path.name for path in TESTS])
def test_the_rules_pass_their_own_tests(running: dict[str, subprocess.Popen[str]], name: str) -> None:
    said, _ = running[name].communicate(timeout=120)
    assert running[name].returncode == 0, said
    assert "SUCCESS" in said


def test_a_rule_that_is_wrong_fails_its_test(promtool: Path, tmp_path: Path) -> None:
    """Promtool finds a hold that was forgotten: the tests do not pass whatever the rules say."""
    (tmp_path / "rules").mkdir()
    (tmp_path / "tests").mkdir()
    for path in RULES:
        text = path.read_text(encoding="utf-8")
        (tmp_path / "rules" / path.name).write_text(re.sub(r"^.*unless on \(class\).*held\n", "", text, flags=re.M))
    storm = tmp_path / "tests" / "storm.yml"
    behind = content(OPS / "tests" / "storm.yml")
    behind["tests"] = [test for test in behind["tests"] if "the pipeline is behind" in test["name"]]
    storm.write_text(yaml.safe_dump(behind))
    done = subprocess.run([promtool, "test", "rules", storm], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode != 0
    assert "unkeyed_movement" in done.stdout + done.stderr


def test_every_alert_is_seen_to_fire_and_not_to() -> None:
    told: dict[str, set[bool]] = {name: set() for name in ALERTS}
    for path in TESTS:
        for test in content(path)["tests"]:
            for case in test.get("alert_rule_test", ()):
                told[case["alertname"]].add(bool(case.get("exp_alerts")))
    assert {name: seen for name, seen in told.items() if seen != {True, False}} == {}


@pytest.mark.parametrize("name", sorted(ALERTS))
def test_an_alert_says_what_it_is_and_where_to_read_on(name: str) -> None:
    rule = ALERTS[name]
    assert name.startswith("Rentmatch")
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert rule["labels"]["area"] in ("money", "machinery")
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url"}
    assert rule["annotations"]["runbook_url"] == f"docs/runbook.md#{slug(name)}"
    # A description without a number makes its reader look for it. Where nothing answers, there is none.
    assert ("$value" in rule["annotations"]["description"]) != (
        name in ("RentmatchAllWorkersDown", "RentmatchMongoDown")
    )
    assert "for" in rule or "keep_firing_for" in rule, "it would flap"


def test_few_alerts_wake_somebody() -> None:
    assert 0 < sum(rule["labels"]["severity"] == "page" for rule in ALERTS.values()) <= PAGED_AT_MOST


def test_no_alert_is_one_a_payment() -> None:
    """What is summed over has no label that grows with the number of payments."""
    assert {"payment_id", "obligation_id", "tenant_id", "key"} & KNOWN_LABELS == set()


def test_rules_query_only_known_metrics() -> None:
    findings = {
        rule.get("alert") or rule["record"]: found for rule in rules() if (found := unknown(rule["expr"], RECORDED))
    }
    assert findings == {}


def test_annotations_query_only_known_metrics() -> None:
    asked = [
        (name, expression)
        for name, rule in ALERTS.items()
        for expression in re.findall(r'(?:query|printf) "([^"]*rentmatch[^"]*)"', rule["annotations"]["description"])
    ]
    assert len(asked) >= 8
    assert [found for _, expression in asked for found in unknown(expression.replace("%s", "x y"), RECORDED)] == []


def test_every_limit_is_used_and_every_number_is_a_limit() -> None:
    asked = {name for rule in rules() for name in recorded(rule["expr"])}
    limits = {rule["record"] for rule in rules("thresholds") if rule["record"].startswith("rentmatch:limit_")}
    assert len(limits) > 20
    assert limits - asked == set()
    # Zero is no threshold to choose. The other numbers stand where a sentence beside them says what they are.
    compared = {
        (name, number)
        for name, rule in ALERTS.items()
        for number in re.findall(r"[<>=]=?\s*(?:bool\s+)?(\d+(?:\.\d+)?)\b", rule["expr"])
        if number not in ("0", "1")
    }
    assert compared == {("RentmatchHttpErrors", "10")}


def pairs() -> set[tuple[str, str]]:
    """Which class of breaks follows from which feed's silence."""
    return {
        (rule["labels"]["class"], rule["labels"]["topic"])
        for rule in rules("thresholds")
        if rule["record"] == "rentmatch:break_class_needs_feed"
    }


def test_what_is_held_back_is_named_as_the_contract_names_it() -> None:
    by_deadline = {
        rule["labels"]["class"]
        for rule in rules("thresholds")
        if rule["record"] == "rentmatch:break_class_has_deadline"
    }
    feeds = {
        rule["labels"]["topic"]
        for rule in rules("thresholds")
        if rule["record"] == "rentmatch:limit_feed_silent_seconds"
    }
    inputs = {topic.name for topic in topics.INPUTS if topic is not topics.DECISIONS}  # people are no feed
    assert {break_class for break_class, _ in pairs()} | by_deadline <= set(BreakClass)
    assert feeds == {topic for _, topic in pairs()} == inputs


def test_every_alert_on_breaks_and_sums_can_be_held_back() -> None:
    """Dead letters, ACH returns and acceptances are facts of their own: no silence and no backlog makes them."""
    held = {name for name, rule in ALERTS.items() if re.search(r"unless .*(class|sums)_held", rule["expr"])}
    money = {rule["alert"] for rule in rules("money")}
    assert money - held == {name for name in money if re.search("DeadLetters|AchReturn|Acceptances", name)}


def test_alertmanager_takes_its_sample(amtool: Path) -> None:
    config = OPS / "alertmanager.yml"
    finished(amtool, "check-config", config)
    for labels, receiver in (
        (("severity=page", "area=money"), "pager"),
        (("severity=page", "area=machinery"), "pager"),
        (("severity=ticket", "area=money"), "tickets-finance"),
        (("severity=ticket", "area=machinery"), "tickets-engineering"),
    ):
        assert finished(amtool, "config", "routes", "test", f"--config.file={config}", *labels).strip() == receiver


def test_alertmanager_holds_back_the_same() -> None:
    inhibitions = content(OPS / "alertmanager.yml")["inhibit_rules"]
    text = "\n".join(
        matcher for rule in inhibitions for side in ("source", "target") for matcher in rule[f"{side}_matchers"]
    )
    named = {name for names in re.findall(r'alertname=~?"([^"]*)"', text) for name in names.split("|")}
    assert named - set(ALERTS) == set()
    held = set()
    for rule in inhibitions:
        topic = re.search(r'topic="([^"]*)"', " ".join(rule["source_matchers"]))
        classes = re.search(r'class=~?"([^"]*)"', " ".join(rule["target_matchers"]))
        if topic and classes:
            held |= {(break_class, topic[1]) for break_class in classes[1].split("|")}
    assert held == pairs()


@pytest.mark.parametrize(
    ("expression", "finding"),
    [
        ("sum(rentmatch_paymnts)", "rentmatch_paymnts is not in docs/metrics.md"),
        ('rentmatch_payments{state="settled"}', "rentmatch_payments has no label state"),
        ('rentmatch_payments{status="setled"}', "status of rentmatch_payments is never setled"),
        ("rentmatch_commit_duration_seconds", "rentmatch_commit_duration_seconds is not in docs/metrics.md"),
        ("rentmatch:open_breaks:max", "rentmatch:open_breaks:max is not recorded"),
        ("sum by (klass) (rentmatch_open_breaks)", "no metric has a label klass"),
    ],
)
def test_an_unknown_metric_is_found(expression: str, finding: str) -> None:
    assert finding in unknown(expression, RECORDED)


def test_every_exported_metric_is_known() -> None:
    expression = 'sum by (le) (rate(rentmatch_commit_records_bucket{job="rentmatch-worker"}[5m])) + rentmatch:behind'
    assert unknown(expression, RECORDED) == []
    assert used(expression) == [("rentmatch_commit_records_bucket", {"job": "rentmatch-worker"})]
