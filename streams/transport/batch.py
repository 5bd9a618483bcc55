"""A batch: a run of raw records of one partition, processed whole or not at all."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from streams.headers import Headers
from streams.topics import Topic


class TopicPartition(NamedTuple):
    """A partition of one of our topics, whatever the topic is called on an installation."""

    topic: Topic
    number: int


class RawRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as it was read: its bytes and its offset."""

    key: bytes | None
    value: bytes | None
    offset: int


class Batch(msgspec.Struct, frozen=True):
    """All that partition `source` holds in offsets [start, next), control records left out.

    `epoch` names the assignment under which it was fetched: a batch from before a rebalance is stale after it.
    """

    source: TopicPartition
    epoch: int
    start: int
    next: int
    records: list[RawRecord]
    stamped_ms: tuple[int, ...] = ()
    """The timestamps of the first and the last record, milliseconds since 1970; empty where they are not known."""
    headers: Mapping[int, Headers] | None = None
    """The headers of the records that have any, by offset; None if no record has."""
    size: int = 0
    """About the memory that the records take, bytes."""
