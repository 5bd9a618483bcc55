"""Records of the internal topics. Each is a bundle: many facts of one partition, packed.

A commit writes at most a few records to each internal partition, however many facts it routes; that makes most of the
low cost of a hop. A bundle keeps its facts in the order in which they were routed.
"""

from collections.abc import Callable, Sequence
from functools import cache, reduce
from operator import or_
from typing import Any

import msgspec

from streams.topics import Topic

BUNDLE_BYTES = 64 * 1024
"""A bundle larger than this is split; one fact alone may be larger (10,000 installments are legal)."""

_encoder = msgspec.msgpack.Encoder()


def pack(facts: Sequence[Any]) -> list[bytes]:
    """Pack facts into bundles of at most `BUNDLE_BYTES` where that is possible."""
    whole = _encoder.encode(facts)
    if len(whole) <= BUNDLE_BYTES or len(facts) == 1:
        return [whole]
    middle = len(facts) // 2
    return pack(facts[:middle]) + pack(facts[middle:])


@cache
def decoder_of(topic: Topic) -> Callable[[bytes], list[Any]]:
    """Return the function that unpacks a bundle of an internal topic into facts, which are of the topic's `records`.

    Raises:
        TypeError: the types of the records cannot be told apart in a bundle.

    """
    fact: Any = reduce(or_, topic.records)
    decode: Callable[[bytes], list[Any]] = msgspec.msgpack.Decoder(list[fact]).decode
    return decode
