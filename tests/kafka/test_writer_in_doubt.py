"""A producer that hangs, with a real broker behind the fresh one: a commit holds once, whole, and the store knows."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka import Consumer
from confluent_kafka import TopicPartition as KafkaPartition

from streams import topics
from streams.topics import Topic
from streams.transport import producer_thread, writer
from streams.transport.batch import TopicPartition
from streams.transport.commit import Commit
from streams.transport.membership import Membership
from streams.transport.writer import TransactionFailed, Writer
from tests.kit.deployment import AuditedDeployment
from tests.kit.hanging_producer import Hang, HangingProducer
from tests.kit.reading import read_all

pytestmark = pytest.mark.kafka

SOURCE = TopicPartition(topics.PAYMENT_INITIATED, 0)
CHANGELOG = topics.PAYMENTS_CHANGELOG
OUTPUT = topics.PAYMENT_RECONCILIATIONS


class Group:
    """A group with one member, which is the writer's."""

    def __init__(self, bootstrap: str, group: str, topic: str) -> None:
        self._group = group
        self._consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "log_level": 2})
        self._consumer.subscribe([topic])
        while not self._consumer.assignment():
            self._consumer.poll(0.2)
        self._consumer.pause(self._consumer.assignment())

    def membership(self) -> Membership:
        """Who the member is now."""
        metadata = bytes(self._consumer.consumer_group_metadata())
        generation = int.from_bytes(metadata[7:11], "little", signed=True)
        _, member_id = metadata[11:].split(b"\0")[:2]
        return Membership(self._group, generation, member_id.decode())

    def committed(self, topic: str) -> int:
        """The group's offset of partition 0."""
        return int(self._consumer.committed([KafkaPartition(topic, 0)], 10)[0].offset)

    def leave(self) -> None:
        """The member is none any more."""
        self._consumer.unsubscribe()
        self._consumer.poll(1)


@pytest.fixture
def deployment(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[AuditedDeployment]:
    with AuditedDeployment(kafka, topic_prefix, tmp_path, clock=None, partitions=1) as made:
        yield made


@pytest.fixture
def group(deployment: AuditedDeployment) -> Group:
    return Group(deployment.bootstrap, deployment.group, deployment.name(SOURCE.topic.name))


class Doubts:
    """Hangs each commit where the test wants it, once."""

    def __init__(self) -> None:
        self.planned: list[Hang] = []
        self.made = 0

    def hangs(self, here: Hang) -> bool:
        """Whether to hang here."""
        if self.planned and self.planned[0] is here:
            self.planned.pop()
            return True
        return False

    def producer(self, conf: dict[str, object]) -> HangingProducer:
        """Make a producer."""
        self.made += 1
        return HangingProducer(conf, self.hangs)


@pytest.fixture
def doubts(monkeypatch: pytest.MonkeyPatch) -> Doubts:
    made = Doubts()
    monkeypatch.setattr(writer, "Producer", made.producer)
    monkeypatch.setattr(producer_thread, "ANSWER_S", 1.5)
    return made


def writer_of(deployment: AuditedDeployment, kept: list[Commit]) -> Writer:
    names = {topic: deployment.settings.topic(topic) for topic in topics.ALL}
    made = Writer(deployment.settings.kafka(log_level=2), names, f"{deployment.prefix}id", 10_000, kept.append)
    made.start(60)
    return made


def commit_of(number: int, offset: int) -> Commit:
    commit = Commit()
    for topic in (CHANGELOG, OUTPUT):
        for part in ("a", "b"):
            commit.send(topic, 0, part.encode(), f"{number}{part}".encode())
    commit.offsets = {SOURCE: offset}
    return commit


def committed_values(deployment: AuditedDeployment, topic: Topic) -> list[bytes | None]:
    return [record.value for record in read_all(deployment.bootstrap, deployment.name(topic.name))]


@pytest.mark.parametrize("step", [1, 0], ids=["with new offsets", "deadlines alone"])
def test_a_commit_holds_once_wherever_its_producer_hangs(
    step: int, deployment: AuditedDeployment, group: Group, doubts: Doubts
) -> None:
    kept: list[Commit] = []
    writer_ = writer_of(deployment, kept)
    membership = group.membership()
    commits = [commit_of(0, 7)]
    writer_.submit(commits[0], membership).result(30)
    for number, hang in enumerate(Hang, start=1):
        doubts.planned = [hang]
        commits.append(commit_of(number, 7 + step * number))
        writer_.submit(commits[-1], membership).result(60)
        assert doubts.planned == []
    assert kept == commits
    assert doubts.made == 1 + len(Hang)
    expected = [f"{number}{part}".encode() for number in range(len(commits)) for part in "ab"]
    assert committed_values(deployment, CHANGELOG) == expected
    assert committed_values(deployment, OUTPUT) == expected
    ends = [record.offset + 1 for record in read_all(deployment.bootstrap, deployment.name(CHANGELOG.name))]
    assert [commit.changelog_ends for commit in commits] == [{(CHANGELOG, 0): end} for end in ends[1::2]]
    assert group.committed(deployment.name(SOURCE.topic.name)) == 7 + step * len(Hang)
    writer_.stop()


def test_a_worker_that_was_expelled_meanwhile_is_refused(
    deployment: AuditedDeployment, group: Group, doubts: Doubts
) -> None:
    kept: list[Commit] = []
    writer_ = writer_of(deployment, kept)
    membership = group.membership()
    doubts.planned = [Hang.AFTER_OFFSETS]
    submitted = writer_.submit(commit_of(0, 7), membership)
    group.leave()
    with pytest.raises(TransactionFailed, match=r"UNKNOWN_MEMBER_ID|ILLEGAL_GENERATION"):
        submitted.result(60)
    assert kept == []
    assert group.committed(deployment.name(SOURCE.topic.name)) < 0


def test_what_holds_is_kept_although_the_worker_was_expelled_meanwhile(
    deployment: AuditedDeployment, group: Group, doubts: Doubts
) -> None:
    kept: list[Commit] = []
    writer_ = writer_of(deployment, kept)
    writer_.after_step = partial(_leave_at, group, "offsets")
    doubts.planned = [Hang.AFTER_COMMIT]
    commit = commit_of(0, 7)
    writer_.submit(commit, group.membership()).result(60)
    assert kept == [commit]
    assert committed_values(deployment, CHANGELOG) == [b"0a", b"0b"]
    writer_.stop()


def _leave_at(group: Group, wanted: str, step: str) -> None:
    if step == wanted:
        group.leave()
