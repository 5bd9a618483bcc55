"""Routes facts to the agent that owns their key.

If this worker owns the key's partition, the agent takes the facts at once, into the transaction that read them: the
state goes to the changelog with the input's offsets, whole or not at all. Only facts for a key of another worker travel
through the internal topic. A state is a set of facts, so it does not matter that one way is faster than the other.

Facts on a late input (`Processor.late_inputs`) always travel through the topic: their agent comes before the one that
writes them, and has been flushed when they are written.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from streams.codec import bundles
from streams.partitioning import partition_of
from streams.topics import Topic
from streams.transport.batch import TopicPartition
from streams.transport.commit import Commit
from tables.memory import FACT_BYTES

BUNDLED_AT_ONCE = 5_000
"""The facts that are packed before the event loop may go on."""


class Origin(NamedTuple):
    """Where facts were read: a dead letter names it, if a key has no room for them."""

    source: TopicPartition
    offset: int


class KeyedTarget(Protocol):
    """An agent with a table."""

    def owns(self, partition: int) -> bool:
        """Whether this worker owns that partition."""

    def add_facts(self, partition: int, keys: Sequence[str], facts: Sequence[Any], origin: Origin) -> None:
        """Let facts wait for the commit, each with its key; all are of one partition."""


class Router:
    """The way to the agent that reads one internal topic.

    Args:
        topic: the internal topic.
        partitions: its number of partitions.
        key: gives a fact's key.
        target: the agent of this worker; None if all facts have to travel through the topic.

    """

    def __init__(self, topic: Topic, partitions: int, key: Callable[[Any], str], target: KeyedTarget | None) -> None:
        self._topic = topic
        self._partitions = partitions
        self._key = key
        self._target = target
        self._remote: dict[int, list[Any]] = {}

    def route(self, facts: Sequence[Any], origin: Origin) -> None:
        """Let facts wait here, or buffer them until the commit for the worker that owns their key."""
        key_of, partitions = self._key, self._partitions
        by_partition: dict[int, tuple[list[str], list[Any]]] = {}
        for fact in facts:
            key = key_of(fact)
            partition = partition_of(key, partitions)
            some = by_partition.get(partition)
            if some is None:
                by_partition[partition] = [key], [fact]
            else:
                some[0].append(key)
                some[1].append(fact)
        target = self._target
        for partition, (keys, of_partition) in by_partition.items():
            if target is not None and target.owns(partition):
                target.add_facts(partition, keys, of_partition, origin)
            else:
                self._remote.setdefault(partition, []).extend(of_partition)

    def buffered(self) -> int:
        """The number of facts that wait for the commit."""
        return sum(map(len, self._remote.values()))

    def buffered_bytes(self) -> int:
        """About the memory that they take."""
        return FACT_BYTES * self.buffered()

    def flush(self, commit: Commit) -> Iterator[None]:
        """Bundle the facts of other workers into the commit, in steps."""
        for partition, facts in self._remote.items():
            for begin in range(0, len(facts), BUNDLED_AT_ONCE):
                for value in bundles.pack(facts[begin : begin + BUNDLED_AT_ONCE]):
                    commit.send(self._topic, partition, None, value)
                yield
        self._remote = {}

    def discard(self) -> None:
        """Drop what is not committed: its records will be read again."""
        self._remote = {}
