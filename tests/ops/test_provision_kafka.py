"""`provision` against a real broker: creates, repeats, reports differences, changes only what it may."""

import json
import time

import pytest
from click.testing import CliRunner
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from ops.cli import cli
from streams import topics
from streams.broker.provisioning import TopicState, desired_topics, provision
from streams.settings import Settings, SettingsError, load

pytestmark = pytest.mark.kafka


def settings_of(broker: str, prefix: str, **more: str) -> Settings:
    given = {"RENTMATCH_BROKER": broker, "RENTMATCH_TOPIC_PREFIX": prefix, "RENTMATCH_PARTITIONS": "3"}
    return load(given | {f"RENTMATCH_{name.upper()}": value for name, value in more.items()})


def make(broker: str, name: str, partitions: int, config: dict[str, str] | None = None) -> None:
    admin = AdminClient({"bootstrap.servers": broker})
    admin.create_topics([NewTopic(name, partitions, 1, config=config or {})])[name].result()
    until = time.monotonic() + 10
    while name not in admin.list_topics(timeout=10).topics:  # the broker learns of it after the controller
        assert time.monotonic() < until
        time.sleep(0.02)


def partitions_on(broker: str, name: str) -> int:
    return len(AdminClient({"bootstrap.servers": broker}).list_topics(timeout=10).topics[name].partitions)


def config_on(broker: str, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    admin = AdminClient({"bootstrap.servers": broker})
    found = admin.describe_configs([resource])[resource].result()
    return {key: entry.value for key, entry in found.items()}


def test_creates_all_as_designed_and_repeats_without_change(kafka: str, topic_prefix: str) -> None:
    settings = settings_of(kafka, topic_prefix)

    looked = provision(settings, create=False)
    assert {finding.state for finding in looked.findings} == {TopicState.MISSING}
    assert not looked.as_desired

    first = provision(settings)
    assert {finding.state for finding in first.findings} == {TopicState.CREATED}
    assert len(first.findings) == len(topics.ALL)
    assert first.as_desired, first

    again = provision(settings)
    assert {finding.state for finding in again.findings} == {TopicState.EXISTS}
    assert again.as_desired, [finding.differences for finding in again.findings]
    assert provision(settings, create=False).as_desired

    assert partitions_on(kafka, topic_prefix + "payment-facts") == 3
    assert partitions_on(kafka, topic_prefix + "progress") == 1
    changelog = config_on(kafka, topic_prefix + "payments-changelog")
    assert changelog["cleanup.policy"] == "compact"
    assert changelog["max.message.bytes"] == str(16 * 1024 * 1024)
    letters = config_on(kafka, topic_prefix + "dead-letter")
    assert (letters["cleanup.policy"], letters["retention.ms"]) == ("delete", str(90 * topics.DAY_MS))


def test_reports_differences_and_never_changes_partitions(kafka: str, topic_prefix: str) -> None:
    settings = settings_of(kafka, topic_prefix)
    alerts = topic_prefix + "mismatch-alerts"
    make(kafka, alerts, 5, {"cleanup.policy": "delete"})

    found = next(f for f in provision(settings).findings if f.desired.name == alerts)
    assert {d.name for d in found.differences} == {"partitions", "cleanup.policy", "max.message.bytes"}
    policy = next(d for d in found.differences if d.name == "cleanup.policy")
    assert (policy.desired, policy.found) == ("compact", "delete")
    assert f"--entity-name {alerts} --add-config cleanup.policy=compact" in policy.remedy
    assert config_on(kafka, alerts)["cleanup.policy"] == "delete"

    applied = next(f for f in provision(settings, apply=True).findings if f.desired.name == alerts)
    assert {d.name for d in applied.applied} == {"cleanup.policy", "max.message.bytes"}
    assert [d.name for d in applied.differences] == ["partitions"]
    assert config_on(kafka, alerts)["cleanup.policy"] == "compact"
    assert partitions_on(kafka, alerts) == 5

    # The setting asks for fewer or more: existing topics keep their partitions.
    for count in ("1", "8"):
        provision(settings_of(kafka, topic_prefix, partitions=count), apply=True)
        assert partitions_on(kafka, alerts) == 5
        assert partitions_on(kafka, topic_prefix + "payment-facts") == 3


def test_inputs_of_any_shape_are_fine_unless_compaction_would_lose_facts(kafka: str, topic_prefix: str) -> None:
    settings = settings_of(kafka, topic_prefix)
    make(kafka, topic_prefix + "payment-initiated", 7, {"retention.ms": "1000000"})
    make(kafka, topic_prefix + "ledger-events", 1, {"cleanup.policy": "compact"})
    report = provision(settings)
    by_name = {finding.desired.topic: finding for finding in report.findings}
    assert by_name[topics.PAYMENT_INITIATED].differences == []
    assert [d.name for d in by_name[topics.LEDGER_EVENTS].differences] == ["cleanup.policy"]
    assert not report.errors

    provision(settings, apply=True)
    assert config_on(kafka, topic_prefix + "ledger-events")["cleanup.policy"] == "compact"  # it is not ours to change


def test_a_changelog_must_agree_with_its_facts(kafka: str, topic_prefix: str) -> None:
    make(kafka, topic_prefix + "payment-facts", 4)
    settings = settings_of(kafka, topic_prefix)
    report = provision(settings)
    assert partitions_on(kafka, topic_prefix + "payments-changelog") == 4  # made to agree, not as RENTMATCH_PARTITIONS
    assert any("takes the 4 partitions" in note for note in report.notes)
    assert not report.errors

    other = topic_prefix + "x-"
    make(kafka, other + "obligation-facts", 4)
    make(kafka, other + "obligations-changelog", 5, {"cleanup.policy": "compact"})
    report = provision(settings_of(kafka, other))
    assert len(report.errors) == 1
    assert "4 partitions" in report.errors[0]
    assert "5" in report.errors[0]


def test_replication_beyond_the_brokers_is_explained(kafka: str, topic_prefix: str) -> None:
    report = provision(settings_of(kafka, topic_prefix, replication_factor="9"))
    assert len(report.errors) == len(topics.ALL)
    assert "RENTMATCH_REPLICATION_FACTOR" in report.errors[0]


def test_two_of_three_replicas_must_have_a_record() -> None:
    desired = desired_topics(load({}))[0]
    assert desired.configs_at(3)["min.insync.replicas"] == "2"
    assert desired.configs_at(2)["min.insync.replicas"] == "1"


def test_one_name_for_two_topics_is_refused() -> None:
    with pytest.raises(SettingsError, match="RENTMATCH_TOPIC_PROGRESS"):
        desired_topics(load({"RENTMATCH_TOPIC_PROGRESS": "ledger-events"}))


def test_the_command(kafka: str, topic_prefix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RENTMATCH_BROKER", kafka)
    monkeypatch.setenv("RENTMATCH_TOPIC_PREFIX", topic_prefix)
    make(kafka, topic_prefix + "mismatch-alerts", 8)

    missing = CliRunner().invoke(cli, ["provision", "--check"])
    assert missing.exit_code == 1
    assert "missing" in missing.stdout

    created = CliRunner().invoke(cli, ["provision"])
    assert created.exit_code == 0, created.output
    assert "kafka-configs --bootstrap-server" in created.stdout

    differing = CliRunner().invoke(cli, ["provision", "--check", "--json"])
    assert differing.exit_code == 1
    rows = {row["topic"]: row for row in map(json.loads, differing.stdout.splitlines())}
    assert len(rows) == len(topics.ALL)
    assert rows[topic_prefix + "mismatch-alerts"]["differences"][0]["alterable"] is True

    assert CliRunner().invoke(cli, ["provision", "--apply"]).exit_code == 0
    as_desired = CliRunner().invoke(cli, ["provision", "--check"])
    assert as_desired.exit_code == 0, as_desired.output
    assert CliRunner().invoke(cli, ["provision", "--check", "--apply"]).exit_code == 2
