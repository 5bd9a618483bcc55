"""Takes facts to the keeper of their key.

If this worker keeps the key's partition, the keeper learns them at once, in the transaction that read them: its state
goes to the changelog with the input's offsets, whole or not at all. Only what another worker keeps travels through the
internal topic. A state is a set of facts, so it does not matter that the two ways are not equally fast.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from streams.codec import bundles
from streams.partitioning import partition_of
from streams.topics import Topic
from streams.transport.batch import TopicPartition
from streams.transport.commit import Commit


class Origin(NamedTuple):
    """Where facts were read: what a dead letter says if a key has no room for them."""

    source: TopicPartition
    offset: int


class KeyedTarget(Protocol):
    """Whoever learns facts by key."""

    def owns(self, partition: int) -> bool:
        """Whether this worker has that partition."""

    def apply(self, partition: int, facts: Sequence[Any], origin: Origin) -> None:
        """Let the keys of a partition learn their facts."""


class Router:
    """The way to the keepers of one internal topic."""

    def __init__(self, topic: Topic, partitions: int, key: Callable[[Any], str], keeper: KeyedTarget) -> None:
        self._topic = topic
        self._partitions = partitions
        self._key = key
        self._target = keeper
        self._elsewhere: dict[int, list[Any]] = {}

    def route(self, facts: Sequence[Any], origin: Origin) -> None:
        """Hand over facts, or keep them until the commit for a keeper elsewhere."""
        key, partitions = self._key, self._partitions
        sorted_: dict[int, list[Any]] = {}
        for fact in facts:
            partition = partition_of(key(fact), partitions)
            held = sorted_.get(partition)
            if held is None:
                sorted_[partition] = [fact]
            else:
                held.append(fact)
        for partition, some in sorted_.items():
            if self._target.owns(partition):
                self._target.apply(partition, some, origin)
            else:
                self._elsewhere.setdefault(partition, []).extend(some)

    def buffered(self) -> int:
        """How many facts wait for the commit."""
        return sum(map(len, self._elsewhere.values()))

    def flush(self, commit: Commit) -> None:
        """Bundle what goes elsewhere."""
        for partition, facts in self._elsewhere.items():
            for value in bundles.pack(facts):
                commit.send(self._topic, partition, None, value)
        self._elsewhere = {}

    def drop(self) -> None:
        """Forget what is not committed: whoever reads it next carries it again."""
        self._elsewhere = {}
