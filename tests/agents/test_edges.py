"""What agents really write is what the topology declares: their outputs, their changelog, and their shares."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from simulator.scenario import simulate
from streams import topics
from streams.codec import bundles
from streams.topics import Topic
from streams.topology import TOPOLOGY, Processor
from streams.transport.commit import Commit
from tests.kit.driver import Worker, World, all_sources

Written = Counter[tuple[str, str, str]]
"""Records by processor, topic, and type or share."""


def observe(worker: Worker, written: Written) -> None:
    """Let each stage of a worker count the records that it adds to a commit."""
    for stage in worker.engine._stages:
        processor: Processor = stage.processor  # type: ignore[attr-defined]

        def flush(
            commit: Commit, watermarks: Mapping[int, int], original: Any = stage.flush, processor: Processor = processor
        ) -> Iterator[None]:
            before = {place: len(records) for place, records in commit.records.items()}
            yield from original(commit, watermarks)
            for (topic, partition), records in commit.records.items():
                for record in records[before.get((topic, partition), 0) :]:
                    for kind in kinds(worker, topic, record["value"]):
                        written[processor.name, topic.name, kind] += 1

        stage.flush = flush  # type: ignore[method-assign]


def kinds(worker: Worker, topic: Topic, value: bytes | None) -> list[str]:
    if topic.role is topics.TopicRole.CHANGELOG:
        return ["state"]
    if topic.role is topics.TopicRole.INTERNAL:
        return [type(fact).__name__ for fact in bundles.decoder_of(topic)(value or b"")]
    record = worker.world.codec.decode_output(value)
    return [getattr(record, "key_kind", type(record).__name__)]


def declared(processor: Processor) -> set[tuple[str, str, str]]:
    edges = set() if processor.table is None else {(processor.name, processor.table.changelog.name, "state")}
    shares = {share.topic: share for share in processor.shares}
    for topic in processor.outputs:
        values = shares[topic].values if topic in shares else [record.__name__ for record in topic.records]
        edges |= {(processor.name, topic.name, value) for value in values}
    return edges


def test_two_workers_write_every_declared_edge_and_no_other() -> None:
    scenario = simulate(3, 400)
    world = World(partitions=2, now=scenario.closes_at)
    sources = all_sources(world)
    written: Written = Counter()
    workers = []
    for number in range(2):
        worker = Worker(world)
        observe(worker, written)
        # A key's inputs are read by the other worker than its state's, so that facts of every type must travel.
        mine = [source for source in sources if (source.number + (source.topic in topics.INPUTS)) % 2 == number]
        worker.assign(mine, world.broker.generation)
        workers.append(worker)
    for delivery in scenario.deliveries:
        if delivery.fact is not None:
            world.pipe(delivery.fact)
    for _ in range(10):
        for worker in workers:
            worker.run_until_idle()
    assert set(written) == set().union(*map(declared, TOPOLOGY.processors))
