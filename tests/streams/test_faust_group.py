"""How batches reach Faust's agents: through one queue a topic, which Faust neither copies, suspends nor clears."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import faust
import pytest
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata

from app import create_app
from streams import topics
from streams.settings import Settings
from streams.topics import Topic
from streams.topology import TOPOLOGY
from streams.transport.batch import Batch, TopicPartition
from streams.transport.faust_group import BatchTopic, ConsumerThread, deliver, queues_of

BATCHES = [Batch(TopicPartition(topics.LEDGER_EVENTS, number), 1, 0, 1, []) for number in range(3)]


def app() -> faust.App:
    return faust.App(
        "batches", broker="rentmatch://localhost:1", store="memory://", autodiscover=False, web_enabled=False
    )


def test_all_clones_of_a_topic_share_its_queue() -> None:
    topic = BatchTopic(app(), topics=["ledger"])
    assert topic.clone(is_iterator=True).clone(is_iterator=False).queue is topic.queue


def test_a_rebalance_keeps_queued_batches() -> None:
    faust_app = app()
    topic = BatchTopic(faust_app, topics=["ledger"])
    deliver(BATCHES, {topics.LEDGER_EVENTS: topic.queue})
    faust_app.flow_control.suspend()
    faust_app.flow_control.clear()
    faust_app.flow_control.resume()
    assert [topic.queue.get_nowait() for _ in BATCHES] == BATCHES


def test_an_agent_iterates_over_the_batches_as_they_are() -> None:
    faust_app = app()
    processed = []

    async def agent(batches):
        async for batch in batches:
            processed.append(batch)
            if len(processed) == len(BATCHES):
                return

    faust_app.agent(BatchTopic(faust_app, topics=["ledger", "other"]), name="agent")(agent)
    queues = queues_of(faust_app)
    assert queues["ledger"] is queues["other"]

    async def run() -> None:
        deliver(BATCHES, {topics.LEDGER_EVENTS: queues["ledger"]})
        stream = faust_app.agents["agent"].stream()
        await asyncio.wait_for(agent(stream), 10)

    asyncio.run(run())
    assert processed == BATCHES


def test_an_agent_that_raises_ends_the_worker() -> None:
    """Faust would restart the agent without the batch that it took; if none followed, no gap would show the loss."""
    failed = []
    error = RuntimeError("a bug in an agent")

    class BrokenLoop:
        async def process(self, batch: Batch) -> None:
            raise error

        async def fail(self, reason: BaseException) -> None:
            failed.append(reason)

    async def run() -> None:
        rentmatch = create_app(Settings(broker="localhost:1", http_port=0))
        rentmatch.worker = SimpleNamespace(commit_loop=BrokenLoop())  # type: ignore[assignment]
        assert rentmatch.consumer is not None
        agent = rentmatch.agents["route_inputs"]
        await agent.start()
        deliver(BATCHES[:1], {topics.LEDGER_EVENTS: queues_of(rentmatch)["ledger-events"]})
        try:
            async with asyncio.timeout(10):
                while not failed:
                    await asyncio.sleep(0.01)
        finally:
            await agent.supervisor.stop()
            agent.cancel()

    asyncio.run(run())
    assert failed == [error]


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (
            "agents",
            (
                "@route_inputs",
                "@match_payments",
                "@resolve_references",
                "@allocate_installments",
                "payment-initiated, ",
                "payment-facts, payment-resolutions",
            ),
        ),
        ("tables", ("payments", "references", "obligations")),
    ],
)
def test_fausts_own_command_line_finds_the_app_and_its_parts(command: str, shown: tuple[str, ...]) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "faust", "-A", "app", command],
        cwd=Path(__file__).resolve().parents[2],
        env=os.environ | {"RENTMATCH_BROKER": "localhost:1", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert all(name in ran.stdout for name in shown), ran.stdout


def test_a_rebalance_while_the_worker_stops_does_not_keep_it_in_the_group() -> None:
    """Faust closes the consumer then, and aiokafka's `stop` does nothing for a closed one: it would not leave."""
    thread = ConsumerThread.__new__(ConsumerThread)
    thread._consumer = SimpleNamespace(_closed=False)
    thread.close()
    assert thread._consumer._closed is False


class Brokers:
    """What the assignor asks of the cluster: inputs have other numbers of partitions than our own topics."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        return set(range(3 if topic in {each.name for each in topics.INPUTS} else 8))


class Group:
    """The members of a group, as the assignor sees them from one rebalance to the next."""

    def __init__(self) -> None:
        self.assignor = create_app(Settings(broker="localhost:1", http_port=0)).assignor
        self.assigned: dict[str, ClientAssignment] = {}

    def rebalance(self, members: dict[str, frozenset[Topic]]) -> dict[str, set[tuple[Topic, int]]]:
        """The partitions that are read in batches, by member."""
        metadata = {
            name: ConsumerProtocolMemberMetadata(
                4,
                [topic.name for topic in subscribed],
                ClientMetadata(
                    assignment=self.assigned.get(name, ClientAssignment(actives={}, standbys={})),
                    url=f"http://{name}:1",
                    changelog_distribution={},
                ).dumps(),
            )
            for name, subscribed in members.items()
        }
        given = self.assignor.assign(Brokers(), metadata)
        of_name = {topic.name: topic for topic in TOPOLOGY.sources}
        found = {}
        for name, assignment in given.items():
            self.assigned[name] = ClientMetadata.loads(self.assignor._decompress(assignment.user_data)).assignment
            found[name] = {
                (of_name[topic], number)
                for topic, numbers in assignment.assignment
                if topic in of_name
                for number in numbers
            }
        return found


SUBSCRIBED = frozenset((*TOPOLOGY.sources, *(table.changelog for table in TOPOLOGY.tables)))
OF_VERSION_1 = frozenset(
    (
        topics.PAYMENT_INITIATED,
        topics.PROCESSOR_SETTLED,
        topics.LEDGER_EVENTS,
        topics.PAYMENT_FACTS,
        topics.OBLIGATION_FACTS,
        topics.PAYMENTS_CHANGELOG,
        topics.OBLIGATIONS_CHANGELOG,
    )
)
PARTITIONS = sum(3 if topic in topics.INPUTS else 8 for topic in TOPOLOGY.sources)
"""Of all topics that are read in batches, on the brokers of these tests."""


def test_a_group_of_one_version_gives_a_member_its_partitions_of_all_topics_of_a_table() -> None:
    group = Group()
    for size in (1, 2, 3, 5, 4, 2):
        given = group.rebalance({f"w{number}": SUBSCRIBED for number in range(size)})
        assert all(TOPOLOGY.complete(mine) == mine for mine in given.values())
        assert sum(map(len, given.values())) == PARTITIONS


def test_a_group_of_two_versions_leaves_partitions_incomplete_until_it_is_of_one() -> None:
    group = Group()
    group.rebalance({"w0": OF_VERSION_1, "w1": OF_VERSION_1})
    given = group.rebalance({"w0": OF_VERSION_1, "w1": OF_VERSION_1, "w2": SUBSCRIBED})
    incomplete = given["w2"] - TOPOLOGY.complete(given["w2"])
    assert {topic for topic, _ in incomplete} <= {topics.PAYMENT_FACTS, topics.PAYMENT_RESOLUTIONS}
    assert len(incomplete) >= 5, "it alone reads the answers of all payments, and few of the payments"
    given = group.rebalance({"w1": OF_VERSION_1, "w2": SUBSCRIBED, "w0": SUBSCRIBED})
    given = group.rebalance({"w2": SUBSCRIBED, "w0": SUBSCRIBED, "w1": SUBSCRIBED})
    assert all(TOPOLOGY.complete(mine) == mine for mine in given.values())
    assert sum(map(len, given.values())) == PARTITIONS
