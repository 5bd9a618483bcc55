"""What the broker says of groups and feeds: how much is not read yet, and when a source last reported. Blocking."""

import logging
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import IsolationLevel
from confluent_kafka import TopicPartition as KafkaPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from domain.time import DAY, HOUR, Micros
from read_model.consumer import group_of
from read_model.documents import PROJECTED
from streams import topics
from streams.broker.cluster import connect
from streams.settings import Settings
from streams.topics import Topic
from streams.topology import TOPOLOGY
from streams.transport.offsets import list_offsets
from tables.recovery import LogOffsets

log = logging.getLogger(__name__)

FEEDS: Mapping[Topic, tuple[str, int]] = {
    topics.PAYMENT_INITIATED: ("app", 1_800),
    topics.PROCESSOR_SETTLED: ("processors", 2_700),
    topics.LEDGER_EVENTS: ("ledger", 3_600),
    topics.PAYOUTS: ("processors", 100_800),
    topics.BANK_ENTRIES: ("bank", 100_800),
}
"""The source of each feed, and after how many seconds without a record it counts as silent, while another one moves. As
in ops/deploy/prometheus/rules/thresholds.yml, where the reasons are; a test compares them."""
DEAD_S = 345_600
"""After this it is silent, whatever the others do."""
MOVES_S = 1_800
"""A feed that has a record this new moves."""
_MICROS = 1_000_000


class PartitionLag(NamedTuple):
    """Offsets of a partition that a group has not committed yet."""

    group: str
    topic: str
    """Its name on this installation."""
    partition: int
    lag: int
    has_offset: bool = True
    """Whether the group has committed an offset there; otherwise everything in the partition counts."""


class InputFeed(NamedTuple):
    """A source of inputs."""

    source: str
    topic: str
    last_at: Micros | None
    """When its newest record came, by the broker's or the producer's clock; None where there is none."""
    silent: bool


class BrokerView(NamedTuple):
    """What the broker says at one moment."""

    workers: list[PartitionLag]
    """Of the workers' group."""
    projectors: list[PartitionLag]
    """Of the projectors' group."""
    feeds: list[InputFeed]


def look(settings: Settings, now: Micros) -> BrokerView:
    """Ask the broker.

    Args:
        settings: where.
        now: the wall clock, microseconds since 1970.

    Raises:
        BrokerError: no broker answers.
        KafkaException: it does not answer for all partitions.

    """
    admin, cluster = connect(AdminClient, settings)
    read = {settings.application_id: TOPOLOGY.sources, group_of(settings): PROJECTED}
    partitions = {
        topic: [
            KafkaPartition(settings.topic(topic), number) for number in cluster.topics[settings.topic(topic)].partitions
        ]
        for topic in {*TOPOLOGY.sources, *PROJECTED}
        if settings.topic(topic) in cluster.topics
    }
    asked = [partition for of_topic in partitions.values() for partition in of_topic]
    ends = list_offsets(admin, asked, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)
    begins = list_offsets(admin, asked, OffsetSpec.earliest(), IsolationLevel.READ_UNCOMMITTED)
    lags: dict[str, list[PartitionLag]] = {group: [] for group in read}
    for group, sources in read.items():
        places = [(one.topic, one.partition) for topic in sources for one in partitions.get(topic, ())]
        offsets = LogOffsets(settings.kafka(), group)
        try:
            committed = offsets.committed(places)
        finally:
            offsets.close()
        for place in places:
            offset = committed.get(place, 0)
            lag = max(0, ends[place].offset - max(offset, begins[place].offset))
            lags[group].append(PartitionLag(group, *place, lag, offset > 0))
    return BrokerView(
        workers=lags[settings.application_id],
        projectors=lags[group_of(settings)],
        feeds=_feeds(admin, settings, partitions, now),
    )


def _feeds(
    admin: AdminClient, settings: Settings, partitions: Mapping[Topic, list[KafkaPartition]], now: Micros
) -> list[InputFeed]:
    asked = {(one.topic, one.partition): topic for topic in FEEDS for one in partitions.get(topic, ())}
    newest = list_offsets(
        admin,
        [KafkaPartition(*place) for place in asked],
        OffsetSpec.max_timestamp(),
        IsolationLevel.READ_UNCOMMITTED,
    )
    last_at: dict[Topic, Micros] = {}
    for place, topic in asked.items():
        at = newest[place].timestamp
        if at is not None and at >= 0:
            last_at[topic] = max(last_at.get(topic, 0), at * 1_000)
    silent = silent_feeds(last_at, now)
    return [
        InputFeed(source, settings.topic(topic), last_at.get(topic), topic in silent)
        for topic, (source, _) in FEEDS.items()
    ]


def silent_feeds(last_at: Mapping[Topic, Micros], now: Micros) -> set[Topic]:
    """The feeds that last reported longer ago than is usual, while another one reports; or for days."""
    silent = set()
    for topic, at in last_at.items():
        age = now - at
        others_move = any(now - other <= MOVES_S * _MICROS for each, other in last_at.items() if each is not topic)
        if age > DEAD_S * _MICROS or (others_move and age > FEEDS[topic][1] * rest_factor(now) * _MICROS):
            silent.add(topic)
    return silent


def rest_factor(now: Micros) -> int:
    """How much longer than in business hours a feed may rest now: six times at night, thirty at the weekend."""
    day, rest = divmod(now, DAY)
    if (day + 4) % 7 in (0, 6):  # 1 January 1970 was a Thursday; 0 is Sunday
        return 30
    return 1 if 14 * HOUR <= rest < 21 * HOUR else 6
