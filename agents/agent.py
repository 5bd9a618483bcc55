"""The base of all agents, and the context that they are built with."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterator, Mapping
from operator import attrgetter
from typing import Any, ClassVar, NamedTuple

from agents.router import KeyedTarget, Router
from domain.policy import Policy
from domain.time import Micros
from streams.codec.codec import Codec
from streams.topics import Topic, TopicRole
from streams.topology import Processor, Table, Topology, TopologyError
from streams.transport.batch import Batch
from streams.transport.commit import Commit, StageTable
from streams.transport.faust_group import BatchStream
from tables.store import Store


class Clocks(NamedTuple):
    """The two clocks of the service, both microseconds since 1970."""

    service: Callable[[], Micros]
    """For deadlines and `opened_at`; a setting may make it stand still."""
    version: Callable[[], Micros]
    """For versions, so that they rise even when the state is rebuilt from nothing."""


class AgentContext(NamedTuple):
    """What all agents of a worker are given."""

    topology: Topology
    policy: Policy
    clocks: Clocks
    codec: Codec
    store: Store
    names: Mapping[Topic, str]
    """The topics' names on this installation."""
    partitions: Mapping[Topic, int]
    version: str
    """Of the service."""


class Agent(ABC):
    """A stage that is declared in the topology. A subclass repeats its edges; they are compared at import."""

    function: ClassVar["staticmethod[[BatchStream], Awaitable[None]]"]
    """What Faust runs."""
    processor: ClassVar[Processor]
    inputs: ClassVar[tuple[Topic, ...]]
    outputs: ClassVar[tuple[Topic, ...]]
    spec: ClassVar[Table | None] = None
    """The table that it keeps, if it keeps one."""
    table: StageTable | None = None
    """That table on this worker."""

    def __init_subclass__(cls) -> None:
        """Compare the edges with the topology's.

        Raises:
            TopologyError: they differ.

        """
        super().__init_subclass__()
        if "processor" not in cls.__dict__:
            return
        declared = cls.processor
        if (cls.inputs, cls.outputs, cls.spec) != (declared.inputs, declared.outputs, declared.table):
            raise TopologyError(
                f"{cls.__name__} and the processor {declared.name} in streams/topology.py differ in their inputs, "
                f"outputs or table: make them equal"
            )

    def __init__(self, context: AgentContext, targets: Mapping[Topic, KeyedTarget]) -> None:
        self._context = context
        self.routers = {
            topic: Router(
                topic,
                context.partitions[topic],
                attrgetter(topic.key),
                None if topic in context.topology.late else targets[topic],
            )
            for topic in self.outputs
            if topic.role is TopicRole.INTERNAL
        }
        """The way to each internal topic that it writes."""

    @abstractmethod
    def handle(self, batch: Batch) -> None:
        """Take a batch into the open transaction."""

    @abstractmethod
    def buffered(self) -> int:
        """The number of records and keys that wait for the commit."""

    @abstractmethod
    def buffered_bytes(self) -> int:
        """About the memory that they take."""

    @abstractmethod
    def flush(self, commit: Commit, watermarks: Mapping[int, Micros]) -> Iterator[None]:
        """Add to a commit all that is buffered, in steps; `watermarks` are those of its table's partitions."""

    @abstractmethod
    def discard(self) -> None:
        """Drop what is not committed: its records will be read again."""

    def routes(self) -> dict[type[Any], list[Router]]:
        """The routers for each type of fact that it writes."""
        found: dict[type[Any], list[Router]] = {}
        for topic, router in self.routers.items():
            for record in self._context.topology.written_by(self.processor, topic):
                found.setdefault(record, []).append(router)
        return found
