"""The topics on the broker: what each should be like, creating the absent ones, and telling where the others differ.

Existing topics are never deleted, shrunk or grown: partition counts decide which worker keeps which key. Settings of
an existing topic change only when `apply` asks for it.
"""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

from streams import topics
from streams.broker.cluster import ANSWER_SECONDS_MAX, CHANGELOG_OF, connect, is_mock, metadata
from streams.settings import Settings, SettingsError
from streams.topics import Role, Topic

MIB = 1024 * 1024
RECORD_BYTES_MAX = 16 * MIB
"""The largest record of ours: a plan of 10,000 installments with long ids is legal and about 10 MiB."""
INPUT_BYTES_MAX = 12 * MIB
"""Of an input that we create: room for that plan, and below RECORD_BYTES_MAX, so that its dead letter always fits."""
CHANGELOG_SEGMENT_BYTES = 128 * MIB
"""A segment that is still written is never compacted; the broker's default of 1 GiB would all be read at a recovery."""


class TopicState(StrEnum):
    """What `provision` found or did."""

    CREATED = "created"
    EXISTS = "exists"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Wish:
    """A topic as it should be. `configs` leaves out what depends on the replication found."""

    topic: Topic
    name: str
    partitions: int
    configs: Mapping[str, str]

    def configs_at(self, replication: int) -> dict[str, str]:
        """All topic settings, given how many replicas there are.

        With three replicas, two must have a record before it counts, so that one broker's death loses nothing. With
        fewer, asking for two would stop all writing as soon as one broker is away.
        """
        return {**self.configs, "min.insync.replicas": "2" if replication >= 3 else "1"}


@dataclass(frozen=True, slots=True)
class Difference:
    """Something about an existing topic that is not as `provision` would have made it."""

    what: str
    """`partitions`, `replication`, or the name of a topic setting."""
    wanted: str
    found: str
    remedy: str
    alterable: bool
    """`provision --apply` can mend it."""


@dataclass(slots=True)
class Finding:
    """What `provision` found out about one topic, or did to it."""

    wish: Wish
    state: TopicState
    partitions: int = 0
    replication: int = 0
    differences: list[Difference] = field(default_factory=list)
    applied: list[Difference] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """What `provision` found and did. `errors` keep the service from working, `notes` are only worth knowing."""

    findings: list[Finding] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def as_wanted(self) -> bool:
        """Nothing is missing, wrong or different."""
        return not self.errors and not any(f.differences or f.state is TopicState.MISSING for f in self.findings)


def _configs(topic: Topic) -> dict[str, str]:
    configs = {"cleanup.policy": "compact"} if topic.compacted else {"cleanup.policy": "delete"}
    if not topic.compacted:
        configs["retention.ms"] = str(topic.retention_ms)
    if topic is topics.PROGRESS:
        # A handful of keys, rewritten twice a second for ever: short segments, or every start would read them all.
        return configs | {"segment.bytes": str(MIB), "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}
    configs["max.message.bytes"] = str(INPUT_BYTES_MAX if topic.role is Role.INPUT else RECORD_BYTES_MAX)
    if topic.role is Role.CHANGELOG:
        configs |= {"segment.bytes": str(CHANGELOG_SEGMENT_BYTES), "min.cleanable.dirty.ratio": "0.2"}
    return configs


def wishes(settings: Settings) -> list[Wish]:
    """Every topic of `streams/topics.py` as the settings want it.

    Raises:
        SettingsError: two topics are given the same name.

    """
    found: dict[str, Topic] = {}
    for topic in topics.ALL:
        name = settings.topic(topic)
        if name in found:
            raise SettingsError(
                f"RENTMATCH_{topic.setting.upper()} and RENTMATCH_{found[name].setting.upper()} both name the topic "
                f"{name}; each needs one of its own"
            )
        found[name] = topic
    return [
        Wish(topic, name, 1 if topic is topics.PROGRESS else settings.partitions, _configs(topic))
        for name, topic in found.items()
    ]


def provision(
    settings: Settings, *, create: bool = True, apply: bool = False, only: Collection[Topic] = topics.ALL
) -> Report:
    """Create the topics that are absent and compare the others with what they should be. Safe to repeat.

    Args:
        settings: names, prefix, partitions, replication, broker.
        create: False only looks.
        apply: change settings (never partitions or replication) of existing topics of ours that differ.
        only: look at no others.

    Raises:
        BrokerError: no broker answers.
        SettingsError: two topics are given the same name.

    """
    wanted = [wish for wish in wishes(settings) if wish.topic in only]
    admin, cluster = connect(AdminClient, settings)
    on_mock = is_mock(cluster)
    report = Report()
    absent = [_like_its_partner(settings, wish, cluster, report) for wish in wanted if not _exists(cluster, wish.name)]
    created: set[str] = set()
    if create and absent:
        if on_mock:
            created = _create_by_asking(admin, absent, report)
            cluster = metadata(admin, settings)
        else:
            created, met = _create(admin, settings, absent, len(cluster.brokers), report)
            cluster = _metadata_with(admin, settings, created | met)
    compared = [wish.name for wish in wanted if wish.name not in created and _exists(cluster, wish.name)]
    configs = {} if on_mock else _configs_on_broker(admin, compared, report)
    for wish in wanted:
        report.findings.append(_look(wish, cluster, created, configs.get(wish.name), settings))
    if apply:
        for finding in report.findings:
            _apply(admin, finding, report)
    _check_copartitioning(report)
    return report


def _exists(cluster: Any, name: str) -> bool:
    return name in cluster.topics and cluster.topics[name].error is None


def _like_its_partner(settings: Settings, wish: Wish, cluster: Any, report: Report) -> Wish:
    """Give an absent topic the partitions of the one it must agree with, where that one is there already."""
    for pair in CHANGELOG_OF.items():
        if wish.topic in pair:
            partner = settings.topic(pair[0] if wish.topic is pair[1] else pair[1])
            if _exists(cluster, partner):
                count = len(cluster.topics[partner].partitions)
                if count != wish.partitions:
                    report.notes.append(
                        f"{wish.name} takes the {count} partitions of {partner}, with which it must agree, rather "
                        f"than the {wish.partitions} of RENTMATCH_PARTITIONS."
                    )
                return Wish(wish.topic, wish.name, count, wish.configs)
    return wish


def _create_by_asking(admin: Any, absent: list[Wish], report: Report) -> set[str]:
    report.notes.append(
        "This is librdkafka's mock cluster, which cannot create topics: asking for them made them, as it makes them."
    )
    for wish in absent:
        admin.list_topics(wish.name, timeout=ANSWER_SECONDS_MAX)
    return {wish.name for wish in absent}


def _create(
    admin: Any, settings: Settings, absent: list[Wish], brokers: int, report: Report
) -> tuple[set[str], set[str]]:
    """Create topics; return the names of those created, and of those that somebody else was quicker with."""
    replication = settings.replication_factor or min(3, brokers)
    new = [NewTopic(wish.name, wish.partitions, replication, config=wish.configs_at(replication)) for wish in absent]
    created, met = set(), set()
    for name, future in admin.create_topics(new, request_timeout=3 * ANSWER_SECONDS_MAX).items():
        try:
            future.result()
            created.add(name)
        except KafkaException as error:
            code = error.args[0].code()
            if code == KafkaError.TOPIC_ALREADY_EXISTS:
                met.add(name)  # it is compared like any other that was there before
                continue
            hint = ""
            if code == KafkaError.INVALID_REPLICATION_FACTOR:
                hint = f" ({brokers} brokers are up; set RENTMATCH_REPLICATION_FACTOR to at most that)"
            elif code == KafkaError.TOPIC_AUTHORIZATION_FAILED:
                hint = " (this user may not create topics; ask for the right, or have them created for you)"
            report.errors.append(f"{name} could not be created: {error.args[0].str()}{hint}")
    return created, met


def _metadata_with(admin: Any, settings: Settings, created: set[str]) -> Any:
    """Wait for metadata that shows what was just created: brokers learn of it one after the other."""
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while True:
        cluster = metadata(admin, settings)
        if all(_exists(cluster, name) for name in created) or time.monotonic() > deadline:
            return cluster
        time.sleep(0.1)


def _configs_on_broker(admin: Any, names: list[str], report: Report) -> dict[str, dict[str, str]]:
    if not names:
        return {}
    asked = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    found = {}
    for resource, future in admin.describe_configs(asked, request_timeout=ANSWER_SECONDS_MAX).items():
        try:
            found[resource.name] = {name: str(entry.value) for name, entry in future.result().items()}
        except KafkaException as error:
            report.notes.append(f"The settings of {resource.name} could not be read: {error.args[0].str()}.")
    return found


def _look(
    wish: Wish, cluster: Any, created: set[str], configs: Mapping[str, str] | None, settings: Settings
) -> Finding:
    if not _exists(cluster, wish.name):
        return Finding(wish, TopicState.MISSING)
    partitions = cluster.topics[wish.name].partitions
    replication = min((len(partition.replicas) for partition in partitions.values()), default=0)
    state = TopicState.CREATED if wish.name in created else TopicState.EXISTS
    finding = Finding(wish, state, len(partitions), replication)
    if state is TopicState.EXISTS and configs is not None:
        finding.differences = _differences(wish, finding, configs, len(cluster.brokers), settings)
    return finding


def _differences(
    wish: Wish, finding: Finding, configs: Mapping[str, str], brokers: int, settings: Settings
) -> list[Difference]:
    differences = []
    if wish.topic.role is Role.INPUT:
        # An input belongs to whoever writes it. Only one thing about it would lose facts: many share one key.
        if "compact" in configs.get("cleanup.policy", ""):
            command = _command(settings, wish.name, "cleanup.policy=delete")
            remedy = f"compaction drops facts that share a key; {command}"
            differences.append(Difference("cleanup.policy", "delete", configs["cleanup.policy"], remedy, False))
        return differences
    if finding.partitions != wish.partitions:
        remedy = "the count decides where each key lives, so it is left alone; " + (
            "make the topic anew with one partition while no worker runs"
            if wish.topic is topics.PROGRESS
            else f"set RENTMATCH_PARTITIONS={finding.partitions} if it is meant"
        )
        differences.append(Difference("partitions", str(wish.partitions), str(finding.partitions), remedy, False))
    replication = settings.replication_factor or min(3, brokers)
    if finding.replication < replication:
        remedy = "raise it with kafka-reassign-partitions, or set RENTMATCH_REPLICATION_FACTOR if it is meant"
        differences.append(Difference("replication", str(replication), str(finding.replication), remedy, False))
    for name, wanted in wish.configs_at(finding.replication).items():
        found = configs.get(name, "")
        if found != wanted:
            remedy = _command(settings, wish.name, f"{name}={wanted}")
            differences.append(Difference(name, wanted, found, remedy, True))
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
    entries = [ConfigEntry(d.what, d.wanted, incremental_operation=AlterConfigOpType.SET) for d in chosen]
    resource = ConfigResource(ResourceType.TOPIC, finding.wish.name, incremental_configs=entries)
    future = admin.incremental_alter_configs([resource], request_timeout=ANSWER_SECONDS_MAX)[resource]
    try:
        future.result()
    except KafkaException as error:
        report.errors.append(f"{finding.wish.name} could not be changed: {error.args[0].str()}")
        return
    _wait_until_shown(admin, finding.wish.name, chosen)
    finding.applied = chosen
    finding.differences = [difference for difference in finding.differences if not difference.alterable]


def _wait_until_shown(admin: Any, name: str, changed: list[Difference]) -> None:
    """Brokers learn of a change after the controller has taken it; a check right after must see it."""
    deadline = time.monotonic() + ANSWER_SECONDS_MAX
    while time.monotonic() < deadline:
        shown = _configs_on_broker(admin, [name], Report()).get(name, {})
        if all(shown.get(difference.what) == difference.wanted for difference in changed):
            return
        time.sleep(0.05)


def _check_copartitioning(report: Report) -> None:
    by_topic = {finding.wish.topic: finding for finding in report.findings}
    for facts, changelog in CHANGELOG_OF.items():
        if facts not in by_topic or changelog not in by_topic:
            continue
        left, right = by_topic[facts], by_topic[changelog]
        if TopicState.MISSING not in (left.state, right.state) and left.partitions != right.partitions:
            report.errors.append(
                f"{left.wish.name} has {left.partitions} partitions and {right.wish.name} has {right.partitions}, but "
                "the table of a partition is kept in the same partition of its changelog. Neither can be "
                "re-partitioned in place: name fresh topics for both and a fresh RENTMATCH_APPLICATION_ID, run "
                "`rentmatch provision`, and let the workers rebuild the tables from the inputs."
            )
