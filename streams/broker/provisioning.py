"""Creates the missing topics on the broker and reports where existing ones differ from the topology.

Existing topics are never deleted, shrunk or grown: the number of partitions decides where each key's state is. Settings
of an existing topic change only with `apply`.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from streams import topics
from streams.broker.cluster import ANSWER_SECONDS_MAX, connect, is_mock, metadata
from streams.settings import Settings, SettingsError
from streams.topics import Topic, TopicRole
from streams.topology import TOPOLOGY, Topology

MIB = 1024 * 1024
RECORD_BYTES_MAX = 16 * MIB
"""The largest record that rentmatch writes: a legal plan of 10,000 installments with long ids is about 10 MiB."""
INPUT_BYTES_MAX = 12 * MIB
"""`max.message.bytes` of an input that `provision` creates: room for that plan, yet less than RECORD_BYTES_MAX, so that
the dead letter of any record fits."""
CHANGELOG_SEGMENT_BYTES = 128 * MIB
"""The active segment is never compacted, and a recovery reads all of it: the broker's default of 1 GiB is too much."""


class TopicState(StrEnum):
    """The state of a topic after `provision`."""

    CREATED = "created"
    EXISTS = "exists"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class DesiredTopic:
    """A topic as the settings require it. `configs` is without the settings that depend on the replication found."""

    topic: Topic
    name: str
    partitions: int
    configs: Mapping[str, str]

    def configs_at(self, replication: int) -> dict[str, str]:
        """All topic settings for a number of replicas.

        With three replicas, two must have a record before it is acknowledged: no record is lost with one broker. With
        fewer, requiring two would stop all writes as soon as one broker is down.
        """
        return {**self.configs, "min.insync.replicas": "2" if replication >= 3 else "1"}


@dataclass(frozen=True, slots=True)
class Difference:
    """A property of an existing topic that is not as `provision` would have created it."""

    name: str
    """`partitions`, `replication`, or the name of a topic setting."""
    desired: str
    found: str
    remedy: str
    alterable: bool
    """`provision --apply` can change it."""


@dataclass(slots=True)
class Finding:
    """One topic: its state, its differences, and the changes that `provision` made to it."""

    desired: DesiredTopic
    state: TopicState
    partitions: int = 0
    replication: int = 0
    differences: list[Difference] = field(default_factory=list)
    applied: list[Difference] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """The result of `provision`. `errors` keep workers from starting, `notes` do not."""

    findings: list[Finding] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def as_desired(self) -> bool:
        """Whether no topic is missing, wrong or different."""
        return not self.errors and not any(f.differences or f.state is TopicState.MISSING for f in self.findings)


def _configs(topic: Topic) -> dict[str, str]:
    configs = {"cleanup.policy": "compact"} if topic.compacted else {"cleanup.policy": "delete"}
    if not topic.compacted:
        configs["retention.ms"] = str(topic.retention_ms)
    if topic.retention_ms == topics.FOREVER_MS:
        configs["retention.bytes"] = "-1"  # a broker may have a limit for all topics
    if topic is topics.PROGRESS:
        # A few keys, rewritten twice a second for ever: without short segments every start would read the whole day.
        return configs | {"segment.bytes": str(MIB), "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}
    configs["max.message.bytes"] = str(INPUT_BYTES_MAX if topic.role is TopicRole.INPUT else RECORD_BYTES_MAX)
    if topic.role is TopicRole.CHANGELOG:
        configs |= {"segment.bytes": str(CHANGELOG_SEGMENT_BYTES), "min.cleanable.dirty.ratio": "0.2"}
    return configs


def desired_topics(settings: Settings, topology: Topology = TOPOLOGY) -> list[DesiredTopic]:
    """Every topic of the topology, as the settings require it.

    Raises:
        SettingsError: two topics have the same name.

    """
    found: dict[str, Topic] = {}
    for topic in topology.topics:
        name = settings.topic(topic)
        if name in found:
            raise SettingsError(
                f"RENTMATCH_{topic.setting.upper()} and RENTMATCH_{found[name].setting.upper()} both name the topic "
                f"{name}; each needs one of its own"
            )
        found[name] = topic
    return [
        DesiredTopic(topic, name, topic.partitions or settings.partitions, _configs(topic))
        for name, topic in found.items()
    ]


def provision(
    settings: Settings,
    *,
    create: bool = True,
    apply: bool = False,
    only: Collection[Topic] | None = None,
    topology: Topology = TOPOLOGY,
) -> Report:
    """Create the missing topics and compare the others with the topology. Safe to repeat.

    Args:
        settings: names, prefix, partitions, replication, broker.
        create: whether to create missing topics; False only compares.
        apply: change settings (never partitions or replication) of existing topics that differ, except inputs.
        only: the topics to create and compare; default: all.
        topology: which topics there are, and which of them have equal partition counts.

    Raises:
        BrokerError: no broker answers.
        SettingsError: two topics have the same name.

    """
    chosen = [desired for desired in desired_topics(settings, topology) if only is None or desired.topic in only]
    admin, cluster = connect(AdminClient, settings)
    on_mock = is_mock(cluster)
    report = Report()
    missing = [
        _copartitioned(settings, desired, cluster, report, topology)
        for desired in chosen
        if not _exists(cluster, desired.name)
    ]
    created: set[str] = set()
    if create and missing:
        if on_mock:
            created = _create_by_lookup(admin, missing, report)
            cluster = metadata(admin, settings)
        else:
            created, existing = _create(admin, settings, missing, len(cluster.brokers), report)
            cluster = _metadata_with(admin, settings, created | existing)
    compared = [desired.name for desired in chosen if desired.name not in created and _exists(cluster, desired.name)]
    configs = {} if on_mock else _configs_on_broker(admin, compared, report)
    for desired in chosen:
        report.findings.append(_compare(desired, cluster, created, configs.get(desired.name), settings))
    if apply:
        for finding in report.findings:
            _apply(admin, finding, report)
    _check_copartitioning(report, topology)
    return report


def _exists(cluster: Any, name: str) -> bool:
    return name in cluster.topics and cluster.topics[name].error is None


def _copartitioned(
    settings: Settings, desired: DesiredTopic, cluster: Any, report: Report, topology: Topology
) -> DesiredTopic:
    """Give a missing topic as many partitions as the existing ones that it must be co-partitioned with."""
    for table, sources in topology.sources_of.items():
        together = (table.changelog, *sources)
        if desired.topic not in together:
            continue
        for partner in map(settings.topic, together):
            if not _exists(cluster, partner):
                continue
            count = len(cluster.topics[partner].partitions)
            if count != desired.partitions:
                report.notes.append(
                    f"{desired.name} takes the {count} partitions of {partner}, with which it must agree, rather "
                    f"than the {desired.partitions} of RENTMATCH_PARTITIONS."
                )
            return DesiredTopic(desired.topic, desired.name, count, desired.configs)
    return desired


def _create_by_lookup(admin: Any, missing: list[DesiredTopic], report: Report) -> set[str]:
    report.notes.append(
        "This is librdkafka's mock cluster, which has no CreateTopics: looking the topics up created them, with "
        "its own settings."
    )
    for desired in missing:
        admin.list_topics(desired.name, timeout=ANSWER_SECONDS_MAX)
    return {desired.name for desired in missing}


def _create(
    admin: Any, settings: Settings, missing: list[DesiredTopic], brokers: int, report: Report
) -> tuple[set[str], set[str]]:
    """Create topics; return the names of those created, and of those that another client created meanwhile."""
    replication = settings.replication_factor or min(3, brokers)
    new = [
        NewTopic(desired.name, desired.partitions, replication, config=desired.configs_at(replication))
        for desired in missing
    ]
    created, existing = set(), set()
    for name, future in admin.create_topics(new, request_timeout=3 * ANSWER_SECONDS_MAX).items():
        try:
            future.result()
            created.add(name)
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.TOPIC_ALREADY_EXISTS:
                existing.add(name)  # it is compared like any other that existed before
                continue
            hint = ""
            if code == KafkaError.INVALID_REPLICATION_FACTOR:
                hint = f" ({brokers} brokers are up; set RENTMATCH_REPLICATION_FACTOR to at most that)"
            elif code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                hint = " (this user may not create topics; ask for the right, or have them created for you)"
            report.errors.append(f"{name} could not be created: {error.args[0].str()}{hint}")
    return created, existing


def _metadata_with(admin: Any, settings: Settings, created: set[str]) -> Any:
    """Wait for metadata that shows the topics just created: each broker learns of them separately."""
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while True:
        cluster = metadata(admin, settings)
        if all(_exists(cluster, name) for name in created) or time.monotonic() > deadline:
            return cluster
        time.sleep(0.1)


def _configs_on_broker(admin: Any, names: list[str], report: Report) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    found = {}
    for resource, future in admin.describe_configs(resources, request_timeout=ANSWER_SECONDS_MAX).items():
        try:
            found[resource.name] = {name: str(entry.value) for name, entry in future.result().items()}
        except KafkaException as error:
            report.notes.append(f"The settings of {resource.name} could not be read: {error.args[0].str()}.")
    return found


def _compare(
    desired: DesiredTopic, cluster: Any, created: set[str], configs: Mapping[str, str] | None, settings: Settings
) -> Finding:
    if not _exists(cluster, desired.name):
        return Finding(desired, TopicState.MISSING)
    partitions = cluster.topics[desired.name].partitions
    replication = min((len(partition.replicas) for partition in partitions.values()), default=0)
    state = TopicState.CREATED if desired.name in created else TopicState.EXISTS
    finding = Finding(desired, state, len(partitions), replication)
    if state is TopicState.EXISTS and configs is not None:
        finding.differences = _differences(desired, finding, configs, len(cluster.brokers), settings)
    return finding


def _differences(
    desired: DesiredTopic, finding: Finding, configs: Mapping[str, str], brokers: int, settings: Settings
) -> list[Difference]:
    differences = []
    if desired.topic.role is TopicRole.INPUT:
        # An input belongs to its producers. Only compaction would lose facts, because many facts share a key.
        if "compact" in configs.get("cleanup.policy", ""):
            command = _command(settings, desired.name, "cleanup.policy=delete")
            remedy = f"compaction drops facts that share a key; {command}"
            differences.append(Difference("cleanup.policy", "delete", configs["cleanup.policy"], remedy, False))
        return differences
    if finding.partitions != desired.partitions:
        remedy = "the count decides where each key lives, so it is left alone; " + (
            f"delete the topic and create it with {desired.partitions} while no worker runs"
            if desired.topic.partitions is not None
            else f"set RENTMATCH_PARTITIONS={finding.partitions} if it is intended"
        )
        differences.append(Difference("partitions", str(desired.partitions), str(finding.partitions), remedy, False))
    replication = settings.replication_factor or min(3, brokers)
    if finding.replication < replication:
        remedy = "raise it with kafka-reassign-partitions, or set RENTMATCH_REPLICATION_FACTOR if it is intended"
        differences.append(Difference("replication", str(replication), str(finding.replication), remedy, False))
    for name, value in desired.configs_at(finding.replication).items():
        found = configs.get(name, "")
        if found != value:
            remedy = _command(settings, desired.name, f"{name}={value}")
            differences.append(Difference(name, value, found, remedy, True))
    return differences


def _command(settings: Settings, topic: str, config: str) -> str:
    return (
        f"kafka-configs --bootstrap-server {settings.broker} --alter --entity-type topics --entity-name {topic} "
        f"--add-config {config}"
    )


def _apply(admin: Any, finding: Finding, report: Report) -> None:
    chosen = [difference for difference in finding.differences if difference.alterable]
    if not chosen:
        return
    entries = [ConfigEntry(d.name, d.desired, incremental_operation=AlterConfigOpType.SET) for d in chosen]
    resource = ConfigResource(ResourceType.TOPIC, finding.desired.name, incremental_configs=entries)
    future = admin.incremental_alter_configs([resource], request_timeout=ANSWER_SECONDS_MAX)[resource]
    try:
        future.result()
    except KafkaException as error:
        report.errors.append(f"{finding.desired.name} could not be changed: {error.args[0].str()}")
        return
    _wait_until_shown(admin, finding.desired.name, chosen)
    finding.applied = chosen
    finding.differences = [difference for difference in finding.differences if not difference.alterable]


def _wait_until_shown(admin: Any, name: str, changed: list[Difference]) -> None:
    """Wait until the broker shows a change that the controller has accepted, so that a check right after sees it."""
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while time.monotonic() < deadline:
        shown = _configs_on_broker(admin, [name], Report()).get(name, {})
        if all(shown.get(difference.name) == difference.desired for difference in changed):
            return
        time.sleep(0.05)


def _check_copartitioning(report: Report, topology: Topology) -> None:
    by_topic = {finding.desired.topic: finding for finding in report.findings}
    for facts, changelog in topology.changelogs.items():
        if facts not in by_topic or changelog not in by_topic:
            continue
        left, right = by_topic[facts], by_topic[changelog]
        if TopicState.MISSING not in (left.state, right.state) and left.partitions != right.partitions:
            report.errors.append(
                f"{left.desired.name} has {left.partitions} partitions and {right.desired.name} has "
                f"{right.partitions}, but the state of a partition's keys is in the same partition of the changelog. "
                "Neither can be repartitioned in place: name new topics for both and a new RENTMATCH_APPLICATION_ID, "
                "run `rentmatch provision`, and let the workers rebuild the tables from the inputs."
            )
