"""What an agent is handed: a run of raw records of one partition, whole or not at all."""

from typing import NamedTuple

import msgspec

from streams.topics import Topic


class TopicPartition(NamedTuple):
    """A partition, by the role its topic plays (not by the name it has on one installation)."""

    topic: Topic
    number: int


class RawRecord(NamedTuple):
    """A record as it came: bytes and its place."""

    key: bytes | None
    value: bytes | None
    offset: int


class Batch(msgspec.Struct, frozen=True):
    """All that partition `source` holds in offsets [start, next), control records left out.

    `epoch` names the assignment it was fetched under: a batch that was fetched before a rebalance is worth nothing
    after it.
    """

    source: TopicPartition
    epoch: int
    start: int
    next: int
    records: list[RawRecord]
    stamped_ms: tuple[int, ...] = ()
    """The timestamps of the first and the last record, milliseconds since 1970; empty where they are not known."""
