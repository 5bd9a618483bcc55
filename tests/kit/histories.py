"""Histories of a group of workers, drawn from a seed: batches, commits step by step, deaths after each step,
rebalances, zombies, lost disks, moving clocks; and the invariants that must hold after each.

A history is a function of its seed: `python -m tests.kit.histories SEED` plays one again.
"""

import random
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from domain.records import BreakLifecycle, LateLifecycle, LatePaymentAlert, MismatchAlert, Output
from domain.tally import recounted
from domain.time import DAY, HOUR
from simulator.compare import compare, found_from_records
from simulator.deliver import value_of
from simulator.scenario import Scenario, simulate
from simulator.truth import truth
from sinks.metrics_state import state_metrics
from streams import topics
from streams.codec.dead_letters import DeadLetter
from streams.transport.commit import Commit
from tables.packing import Unpacker
from tables.store import TablePartition
from tests.kit import gauges
from tests.kit.driver import FencedError, Worker, World, units
from tests.kit.memory import AbortedError, MemoryStore, State, Transaction

TOPIC_BY_NAME = {topic.name: topic for topic in topics.ALL}


RECORDS_FIRST = ("records", "offsets", "commit", "store")
"""The steps of a commit, as in streams/transport/writer.py."""

OFFSETS_FIRST = ("offsets", "records", "commit", "store")
"""A wrong order, which tests must detect: offsets would be committed whose records arrive after a takeover."""

ZOMBIES = 6
"""The number of frozen workers in a history of zombies."""


@dataclass(eq=False)
class Member:
    """A worker, its disk, and the prepared commit that is not completely written yet."""

    worker: Worker
    store: MemoryStore
    frozen: Commit | None = None
    transaction: Transaction | None = None
    left: list[str] = field(default_factory=list)
    """The remaining steps of the commit."""
    zombie: bool = False


@dataclass
class History:
    """One history."""

    seed: int
    obligations: int = 4
    steps: int = 300
    order: tuple[str, ...] = RECORDS_FIRST
    log: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.scenario: Scenario = simulate(self.seed, self.obligations)
        self.deliveries = list(self.scenario.deliveries)
        self.world = World(self.rng.choice([1, 2, 3, 4]), min(d.arrives_at for d in self.deliveries) - DAY)
        self.world.broker.wait_for = self._wait_for
        self.members: list[Member] = []
        self.disks = [MemoryStore() for _ in range(3)]
        self.sent = 0

    def play(self) -> None:
        """Play the history, let everything settle, and compare the outputs with the truth."""
        self._rebalance(1)
        actions: list[tuple[int, Callable[[], None]]] = [
            (20, self._deliver),
            (40, self._read),
            (60, self._freeze_or_write),
            (6, self._ask),
            (4, self._go_on),
            (2, self._die),
            (2, lambda: self._rebalance(self.rng.choice([1, 2, 3]))),
            (2, self._stall),
            (1, self._run_out_of_patience),
            (1, self._lose_a_disk),
            (10, self._lose_a_producer),
        ]
        weights = [weight for weight, _ in actions]
        for _ in range(self.steps):
            self.rng.choices(actions, weights)[0][1]()
        self._finish()
        self.check()

    def play_zombies(self) -> None:
        """Play a history of zombies: one of three workers after the other is frozen in a transaction."""
        work = (
            self._deliver,
            self._read,
            self._read,
            self._freeze_or_write,
            self._freeze_or_write,
            self._ask,
            self._lose_a_producer,
        )
        for _ in range(ZOMBIES):
            self._rebalance(3)
            for _ in range(30):
                self.rng.choice(work)()
            self._stall()
            for _ in range(60):
                self.rng.choice(work)()
        self._finish()
        self.check()

    def _deliver(self) -> None:
        for delivery in self.deliveries[self.sent : self.sent + self.rng.randint(1, 8)]:
            value = value_of(delivery, self.world.codec.encode)
            partition = self.rng.randrange(self.world.broker.partitions[TOPIC_BY_NAME[delivery.topic]])
            headers = [("sent", b"%d" % self.sent), ("rentmatch.error.class", None)] if self.sent % 3 else []
            self.world.broker.publish(TOPIC_BY_NAME[delivery.topic], delivery.key.encode(), value, partition, headers)
            self.sent += 1

    def _alive(self) -> list[Member]:
        return [member for member in self.members if not member.zombie]

    def _read(self) -> None:
        member = self.rng.choice(self.members)
        member.worker.read_watermarks()
        sources = list(member.worker.engine.expected)
        if sources:
            member.worker.read(self.rng.choice(sources), self.rng.randint(1, 12))

    def _freeze_or_write(self) -> None:
        member = self.rng.choice(self.members)
        if member.frozen is None:
            self._freeze(member)
        else:
            self._step(member)

    def _freeze(self, member: Member) -> None:
        """Prepare a commit, unless there is one already."""
        if member.frozen is None:
            member.frozen = member.worker.engine.prepare_commit()
            member.left = [] if member.frozen is None else list(self.order)

    def _step(self, member: Member) -> None:
        """Execute the next step of the prepared commit."""
        broker, commit = self.world.broker, member.frozen
        assert commit is not None
        if member.transaction is None:
            member.transaction = broker.begin()
        transaction = member.transaction
        step = member.left.pop(0)
        try:
            if step == "records":
                broker.append(transaction, commit)
            elif step == "offsets":
                broker.send_offsets(transaction, member.worker.generation, commit)
            elif step == "commit":
                broker.finish(transaction, State.COMMITTED)
            else:
                member.worker.write(commit)
                member.worker.engine.committed(commit)
                member.frozen = member.transaction = None
        except (FencedError, AbortedError) as error:
            self.log.append(type(error).__name__)
            if isinstance(error, AbortedError) and self.rng.random() < 0.5:
                self._take_over_with_a_fresh_producer(member)  # its transaction was too old
                return
            if transaction.state is State.OPEN:
                broker.finish(transaction, State.ABORTED)
            self._bury(member)
            member.frozen = None

    def _lose_a_producer(self) -> None:
        """A producer hangs or loses its broker in the middle of a commit; its worker may be a zombie."""
        busy = [member for member in self.members if member.transaction is not None]
        if busy and self.rng.random() < 0.2:
            self._take_over_with_a_fresh_producer(self.rng.choice(busy))

    def _take_over_with_a_fresh_producer(self, member: Member) -> None:
        """The fresh one fences off the lost one. A commit that was aborted is written again, in the same generation."""
        transaction = member.transaction
        assert transaction is not None
        if transaction.state is State.OPEN:
            self.world.broker.finish(transaction, State.ABORTED)
        if transaction.state is State.ABORTED:
            self.log.append("written again")
            member.transaction = None
            member.left = list(self.order)

    def _write_all(self, member: Member) -> None:
        """Prepare a commit if needed, and execute all its remaining steps."""
        self._freeze(member)
        while member.frozen is not None:
            self._step(member)

    def _wait_for(self, transaction: Transaction) -> None:
        """A reader waits for a transaction: its owner completes it, or the broker aborts it."""
        owner = next((member for member in self.members if member.transaction is transaction), None)
        if owner is not None and self.rng.random() < 0.7:
            while transaction.state is State.OPEN:
                self._step(owner)
        else:
            self.world.broker.finish(transaction, State.ABORTED)

    def _run_out_of_patience(self) -> None:
        """The broker aborts a transaction that was open for too long: of a dead worker or a zombie."""
        busy = [member.transaction for member in self._alive()]
        abandoned = [transaction for transaction in self.world.broker.open if transaction not in busy]
        if abandoned:
            self.world.broker.finish(self.rng.choice(abandoned), State.ABORTED)

    def _ask(self) -> None:
        for member in self.members:
            member.worker.read_watermarks()
            member.worker.ask()

    def _go_on(self) -> None:
        self.world.now += self.rng.choice([HOUR // 60, HOUR, DAY, 3 * DAY])

    def _die(self) -> None:
        """SIGKILL after some step of a commit, or before the first; the others, or a new one, take over.

        A transaction that was open then stays open.
        """
        member = self.rng.choice(self._alive())
        self._freeze(member)
        for _ in range(self.rng.randint(0, len(member.left))):
            if member.frozen is not None:
                self._step(member)
        self.log.append(f"died, left {', '.join(member.left) or 'nothing'}")
        self._bury(member)
        self._rebalance(self.rng.choice([1, 2]))

    def _bury(self, member: Member) -> None:
        if member in self.members:
            self.members.remove(member)
        if not member.zombie:
            self.disks.append(member.store)

    def _stall(self) -> None:
        """SIGSTOP beyond the session timeout: the group continues without it, and it wakes up later as a zombie."""
        alive = self._alive()
        if len(alive) < 2:
            return
        zombie = self.rng.choice(alive)
        # Mostly in the middle of a transaction, when only a part of it is at the broker.
        self._freeze(zombie)
        for _ in range(self.rng.randint(0, max(0, len(zombie.left) - 2))):
            self._step(zombie)
        zombie.zombie = True
        self.log.append("zombie")
        self._rebalance(len(alive) - 1)

    def _lose_a_disk(self) -> None:
        self.disks = [MemoryStore() for _ in self.disks]

    def _rebalance(self, size: int) -> None:
        """The living members commit, and the partitions are reassigned."""
        for member in self._alive():
            self._write_all(member)
            member.worker.engine.revoked()
        alive = self._alive()
        for member in alive[size:]:
            self._bury(member)
        alive = alive[:size]
        while len(alive) < size:
            store = self.disks.pop(self.rng.randrange(len(self.disks))) if self.disks else MemoryStore()
            alive.append(Member(Worker(self.world, store), store))
        self.members = alive + [member for member in self.members if member.zombie]
        self.world.broker.generation += 1
        shares = units(self.world)
        self.rng.shuffle(shares)
        for index, member in enumerate(alive):
            mine = [source for share in shares[index::size] for source in share]
            member.worker.assign(mine, self.world.broker.generation)
            self._tallies_are_what_the_keys_come_to(member)

    def _finish(self) -> None:
        while self.sent < len(self.deliveries):
            self._deliver()
        for member in [member for member in self.members if member.zombie]:
            self._write_all(member)
            if member in self.members:
                self.members.remove(member)
        self._rebalance(2)
        for transaction in list(self.world.broker.open):
            self.world.broker.finish(transaction, State.ABORTED)
        self.world.now = (
            max(self.world.now, *(d.arrives_at for d in self.deliveries)) + self.rng.choice([0, 3, 40]) * DAY
        )
        busy = True
        while busy:
            busy = False
            for member in self.members:
                worker = member.worker
                worker.read_watermarks()
                worker.ask()
                moved = [worker.read(source, 50) for source in list(worker.engine.expected)]
                busy |= worker.commit() | any(moved)

    def check(self) -> None:
        """Compare the outputs with the truth, and check the guarantees to readers."""
        records = {topic: self.world.emitted(topic) for topic in topics.OUTPUTS}
        for topic, emitted in records.items():
            self._versions_rise(topic, emitted)
        self._lifecycles_are_in_order([*records[topics.MISMATCH_ALERTS], *records[topics.LATE_PAYMENT_ALERTS]])
        expected = truth(self.scenario, self.world.now)
        found = found_from_records(record for topic in records for record in self.world.last(topic).values())
        differences = compare(expected, found)
        assert not differences, "\n".join(map(str, differences[:10]))
        for member in self.members:
            self._tallies_are_what_the_keys_come_to(member)
        assert self._gauges() == gauges.expected(expected, self.deliveries)
        dead = [DeadLetter.parse(record.headers) for record in self.world.broker.records(topics.DEAD_LETTER)]
        assert len(dead) == sum(expected.dead_letters.values())
        for letter in dead:
            log = self.world.broker.logs[TOPIC_BY_NAME[letter.source_topic], letter.source_partition]
            source = log[letter.source_offset]
            assert source is not None
            assert letter.original_headers == tuple(source.headers)

    def _tallies_are_what_the_keys_come_to(self, member: Member) -> None:
        """Compare the incremental tallies with a recount of the worker's disk."""
        for state, table in member.worker.tables.items():
            unpack: Unpacker[Any] = Unpacker(state)
            for number, tally in table.tallies.committed.items():
                published = [unpack(value)[1] for _, value in member.store.items(TablePartition(table.spec.id, number))]
                assert tally == recounted(state, published, tally.ach.forgotten), (
                    f"{table.spec.changelog.name}[{number}]"
                )

    def _gauges(self) -> dict[gauges.Sample, int]:
        """Return the sums over all workers."""
        families: list[Any] = []
        for member in self.members:
            tallies = {t.spec.name: list(t.tallies.committed.values()) for t in member.worker.tables.values()}
            families += state_metrics(tallies, self.world.now // DAY)
        return gauges.samples_of(families)

    def _versions_rise(self, topic: topics.Topic, emitted: list[Any]) -> None:
        seen: dict[str, int] = {}
        for record in emitted:
            name = getattr(record, topic.key)
            assert record.version > seen.get(name, 0), f"{topic.name} {name}: a version came twice or went back"
            seen[name] = record.version

    def _lifecycles_are_in_order(self, alerts: list[Output]) -> None:
        open_: set[str] = set()
        accepted: set[str] = set()
        for record in alerts:
            if not isinstance(record, MismatchAlert | LatePaymentAlert):
                raise TypeError(record)
            name = record.break_id if isinstance(record, MismatchAlert) else record.alert_id
            ended = (BreakLifecycle.RESOLVED, LateLifecycle.CURED, LateLifecycle.CANCELLED)
            if record.lifecycle is BreakLifecycle.ACCEPTED:
                open_.discard(name)
                accepted.add(name)
            elif record.lifecycle in (BreakLifecycle.OPENED, LateLifecycle.OPENED) and name not in open_:
                accepted.discard(name)
                open_.add(name)
            elif record.lifecycle in ended:
                assert name in open_ | accepted, f"{name} ended without having been opened or accepted"
                open_.discard(name)
                accepted.discard(name)
            else:
                assert name in open_, f"{name} changed without having been opened"


if __name__ == "__main__":
    for seed in map(int, sys.argv[1:]):
        history = History(seed)
        history.play()
        sys.stdout.write(f"history {seed}: {history.sent} deliveries, {history.log}\n")
