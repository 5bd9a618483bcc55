"""Cuts the records of a partition into pieces of one batch each, so that no batch overtakes another."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from streams.headers import size_of_headers
from streams.transport.commit import DeadRecord

R = TypeVar("R")

IN_FLIGHT_BYTES_MAX = 900_000
"""At most this many bytes of one partition are in flight, as one batch (librdkafka's `batch.size` is 1,000,000), so
that no batch of a partition can overtake another. A broker that has just become a partition's leader may refuse the
first of two batches in flight, accept the second, and then refuse the first for good (KAFKA-15591); librdkafka counts
the first as written, because a later one is."""

BATCH_RECORDS = 10_000
"""The most records that librdkafka puts into a batch (`batch.num.messages`)."""

_RECORD_BYTES = 50
"""The overhead of a record in a batch beside its key and value, rounded up."""


def pieces_of(records: list[R], bytes_of: Callable[[R], int]) -> list[list[R]]:
    """Records of one partition, in pieces of one batch each."""
    pieces: list[list[R]] = [[]]
    size = 0
    for record in records:
        own = bytes_of(record)
        if pieces[-1] and (size + own > IN_FLIGHT_BYTES_MAX or len(pieces[-1]) == BATCH_RECORDS):
            pieces.append([])
            size = 0
        pieces[-1].append(record)
        size += own
    return pieces


def bytes_of_message(message: Mapping[str, Any]) -> int:
    """About the size of a record in a batch, given as `key` and `value`."""
    return len(message["key"] or b"") + len(message["value"] or b"") + _RECORD_BYTES


def bytes_of_dead_letter(letter: DeadRecord) -> int:
    """About the size of a dead letter in a batch."""
    key, value, headers = letter
    return len(key or b"") + len(value or b"") + size_of_headers(headers) + _RECORD_BYTES
