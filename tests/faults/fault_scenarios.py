"""The fault matrix: each scenario is a function that strikes at a working deployment and compares its outputs with the
truth. tests/faults/test_faults.py runs each scenario briefly, tests/soak/ for long; docs/fault-matrix.md lists them.

All random choices are drawn from the bench's generator, so that a seed strikes at the same points of
the work again (to the timing of processes, which nobody can repeat).
"""

import random
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.scenario import Scenario, simulate
from tests.kit.deployment import AuditedDeployment, Feed
from tools.local.kafka import KafkaCluster
from tools.local.processes import wait_until
from tools.local.worker import WorkerProcess

SESSION_S = 2.5


@dataclass
class FaultBench:
    """The broker, folder and seed of a fault scenario."""

    bootstrap: str
    prefix: str
    directory: Path
    seed: int
    obligations: int = 120
    strikes: int = 1
    """How often a scenario strikes, if it can strike more than once; 1 in the short form."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def turn(self, number: int) -> "FaultBench":
        """Return a bench of its own for each turn of a scenario that is repeated from its beginning."""
        return FaultBench(
            self.bootstrap, f"{self.prefix}{number}-", self.directory / str(number), self.seed + number,
            self.obligations,
        )  # fmt: skip

    def scenario(self) -> Scenario:
        """What happens, from the seed."""
        return simulate(self.seed, self.obligations)

    def deployment(self, scenario: Scenario, **settings: Any) -> AuditedDeployment:
        """A deployment whose clock stands at the scenario's end."""
        short: dict[str, Any] = {"session_timeout_ms": int(SESSION_S * 1_000), "commit_interval_ms": 50}
        return AuditedDeployment(
            self.bootstrap, self.prefix, self.directory, clock=scenario.closes_at, **(short | settings)
        )

    def feed(self, deployment: AuditedDeployment, scenario: Scenario, seconds: float) -> Feed:
        """Publish the scenario over some seconds."""
        return Feed(deployment, scenario.deliveries, seconds, self.rng)


FaultScenario = Callable[[FaultBench], None]


def kill_any_worker_at_any_moment(bench: FaultBench) -> None:
    """Kill -9 of any of two workers at random moments; each is started again at once."""
    scenario = bench.scenario()
    kills = 7 * bench.strikes
    with bench.deployment(scenario) as deployment:
        feed = bench.feed(deployment, scenario, 3 * kills)
        for worker_id in "ab":
            deployment.worker(worker_id, supervised=True)
        for _ in range(kills):
            deployment.watch(bench.rng.uniform(0.3, 5.5))
            deployment.workers[bench.rng.choice("ab")].kill()
        feed.finish(hurry=True)
        deployment.wait_settled()
        deployment.check()
        assert [status for _, status in deployment.deaths].count(-9) == kills


def die_between_the_steps_of_a_transaction(bench: FaultBench) -> None:
    """SIGKILL after each step of a transaction; the worker restarts on its own state."""
    scenario = bench.scenario()
    steps = ["begin", "produce", "flushed", "offsets", "commit", "store"] * bench.strikes
    bench.rng.shuffle(steps)
    with bench.deployment(scenario) as deployment:
        feed = bench.feed(deployment, scenario, 8 * len(steps))
        for step in steps:
            worker = deployment.worker(fault=f"kill:{step}:{bench.rng.randint(1, 3)}")
            assert worker.wait(60) == -9, worker.tail()
        deployment.worker()
        feed.finish(hurry=True)
        deployment.wait_settled()
        deployment.check()


def die_for_good_with_a_transaction_open(bench: FaultBench) -> None:
    """A worker dies in a transaction and never comes back; another, which knows nothing, takes over at once."""
    scenario = bench.scenario()
    steps = ["commit", "offsets", "flushed"] * bench.strikes
    with bench.deployment(scenario, transaction_timeout_ms=8_000) as deployment:
        feed = bench.feed(deployment, scenario, 8 * len(steps))
        for number, step in enumerate(steps):
            worker = deployment.worker(f"w{number}", fault=f"kill:{step}:{bench.rng.randint(2, 5)}")
            assert worker.wait(90) == -9, worker.tail()
            deployment.dismiss(f"w{number}")
        deployment.worker("last")
        feed.finish(hurry=True)
        deployment.wait_settled()
        deployment.check()


def two_takeovers_after_an_open_transaction(bench: FaultBench) -> None:
    """A worker dies in a transaction that stays open for long; a second continues; a third takes over from the second.

    The commits of the second lie after the last stable offset, and the third, whose
    disk is empty, must not miss them.
    """
    for turn in range(bench.strikes):
        other = bench.turn(turn)
        scenario = other.scenario()
        half = len(scenario.deliveries) // 2
        with other.deployment(scenario, transaction_timeout_ms=12_000) as deployment:
            feed = Feed(deployment, scenario.deliveries[:half], 6, bench.rng)
            first = deployment.worker("first", fault="kill:flushed:1:last")
            assert first.wait(60) == -9, first.tail()
            deployment.dismiss("first")
            deployment.worker("second")
            feed.finish(hurry=True)
            deployment.wait_progress(half)
            deployment.workers["second"].kill()
            deployment.dismiss("second")
            deployment.worker("third")
            deployment.publish(scenario.deliveries[half:], rng=bench.rng, spread=True)
            deployment.wait_settled()
            deployment.check()


def zombie(bench: FaultBench) -> None:
    """SIGSTOP past the session at any moment, and SIGCONT: what it still writes is refused, and it works again."""
    for turn in range(bench.strikes):
        _one_zombie(bench, turn, None)


def zombie_inside_a_transaction(bench: FaultBench) -> None:
    """The same, frozen by itself with its offsets sent and its transaction not yet committed."""
    for turn in range(bench.strikes):
        _one_zombie(bench, turn, "offsets")


def zombie_with_a_commit_in_hand(bench: FaultBench) -> None:
    """The same, frozen before it wrote any of a commit that another has long written when it wakes up.

    Its transaction is still good then, and only the group's fence stands between its records and a second telling.
    """
    for turn in range(bench.strikes):
        log = _one_zombie(bench, turn, "begin", transaction_timeout_ms=60_000)
        assert "the transaction failed" in log
        assert "UNKNOWN_MEMBER_ID" in log or "ILLEGAL_GENERATION" in log, log[-4_000:]


def _one_zombie(bench: FaultBench, turn: int, step: str | None, **settings: int) -> str:
    """Play a worker's death and resurrection, and give its log."""
    other = bench.turn(turn)
    scenario = other.scenario()
    half = len(scenario.deliveries) // 2
    with other.deployment(scenario, **settings) as deployment:
        feed = Feed(deployment, scenario.deliveries[:half], 8, bench.rng)
        fault = None if step is None else f"stop:{step}:{bench.rng.randint(4, 8)}"
        zombie_ = deployment.worker("zombie", fault=fault)
        deployment.worker("other", supervised=True)
        deployment.wait_members(2)
        if step is None:
            deployment.watch(bench.rng.uniform(0, 3))
            zombie_.freeze()
        else:
            wait_until(lambda: _is_frozen(zombie_), 60, "the worker to freeze itself")
        deployment.wait_members(1)
        deployment.watch(bench.rng.uniform(3, 6))
        # From here on it may end with an error and be started again, or rejoin; but it has to be of use again.
        deployment.supervised.add("zombie")
        zombie_.thaw()
        feed.finish(hurry=True)
        deployment.wait_members(2)
        deployment.wait_settled()
        assert deployment.workers["other"].terminate() == 0
        deployment.publish(scenario.deliveries[half:], rng=bench.rng, spread=True)
        deployment.wait_members(1)
        deployment.wait_settled()
        deployment.check()
    return (deployment.directory_of("zombie") / "worker.log").read_text(encoding="utf-8")


def _is_frozen(worker: WorkerProcess) -> bool:
    return Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"


def zombie_with_its_records_on_the_way(bench: FaultBench) -> None:
    """One of three is frozen with its offsets sent and what it wrote still on its way; the others share its keys.

    The worker that takes over a key's state need not take over the input of its last fact, and so does not
    wait for the offset of that input to be stable. What the zombie writes when it wakes up must not come too late.
    """
    for turn in range(bench.strikes):
        _zombie_with_its_records_on_the_way(bench, turn)


def _zombie_with_its_records_on_the_way(bench: FaultBench, turn: int) -> None:
    other = bench.turn(turn)
    scenario = other.scenario()
    half = len(scenario.deliveries) // 2
    with other.deployment(scenario, partitions=6, transaction_timeout_ms=60_000) as deployment:
        for worker_id in ("b", "c"):
            deployment.worker(worker_id, supervised=True)
        zombie_ = deployment.worker("zombie", fault=f"stop:offsets:{bench.rng.randint(1, 3)}:apart")
        deployment.wait_members(3)
        for worker in deployment.workers.values():
            worker.wait_ready()
        # One by one and anywhere: commits of a few records, whose keys are rarely of the partition they came in.
        feed = Feed(deployment, scenario.deliveries[:half], half / 10, bench.rng, slice_=1)
        wait_until(lambda: _is_frozen(zombie_), 150, "the worker to freeze itself")
        deployment.wait_members(2)
        deployment.watch(bench.rng.uniform(3, 6))
        deployment.supervised.add("zombie")
        zombie_.thaw()
        feed.finish(hurry=True)
        deployment.wait_members(3)
        deployment.publish(scenario.deliveries[half:], rng=bench.rng, spread=True)
        deployment.wait_settled()
        deployment.check()


def term_in_the_middle_of_a_batch(bench: FaultBench) -> None:
    """SIGTERM under load: exit status 0, the group is left at once, nothing is lost."""
    scenario = bench.scenario()
    terms = 3 * bench.strikes
    # A session long enough that a member that did not leave the group would be noticed.
    with bench.deployment(scenario, session_timeout_ms=30_000) as deployment:
        feed = bench.feed(deployment, scenario, 6 * terms)
        deployment.worker("a")
        deployment.worker("b")
        for turn in range(terms):
            deployment.wait_members(2)
            deployment.watch(bench.rng.uniform(0, 2))
            leaver = "ab"[turn % 2]
            assert deployment.workers[leaver].terminate() == 0
            deployment.wait_members(1, timeout_s=10)
            deployment.worker(leaver)
        feed.finish(hurry=True)
        deployment.wait_settled()
        deployment.check()


def workers_join_and_leave(bench: FaultBench) -> None:
    """One worker, three, one, under load."""
    scenario = bench.scenario()
    with bench.deployment(scenario) as deployment:
        feed = bench.feed(deployment, scenario, 12 * bench.strikes)
        deployment.worker("a")
        for _ in range(bench.strikes):
            deployment.wait_members(1)
            deployment.worker("b")
            deployment.watch(bench.rng.uniform(0, 2))
            deployment.worker("c")
            deployment.wait_members(3)
            deployment.watch(bench.rng.uniform(0, 3))
            assert deployment.workers["b"].terminate() == 0
            assert deployment.workers["c"].terminate() == 0
        feed.finish(hurry=True)
        deployment.wait_settled()
        deployment.check()


def recovery_from_zero(bench: FaultBench) -> None:
    """The disk is lost in the middle of the work."""
    scenario = bench.scenario()
    with bench.deployment(scenario) as deployment:
        feed = bench.feed(deployment, scenario, 6 * bench.strikes)
        for _ in range(bench.strikes):
            deployment.worker()
            deployment.wait_progress(bench.rng.randrange(len(scenario.deliveries)) // 2)
            state = deployment.directory_of("a") / "state"
            wait_until(state.exists, 60, "the worker opens its store", process=deployment.workers["a"])
            deployment.workers["a"].kill()
            shutil.rmtree(state)
        deployment.worker()
        feed.finish(hurry=True)
        deployment.wait_settled()
        deployment.check()


def broker_restart(bench: FaultBench, cluster: KafkaCluster) -> None:
    """The broker dies as in a power cut and comes back at once."""
    scenario = bench.scenario()
    with bench.deployment(scenario) as deployment:
        feed = bench.feed(deployment, scenario, 8 * bench.strikes)
        deployment.worker("a", supervised=True)
        deployment.worker("b", supervised=True)
        for _ in range(bench.strikes):
            deployment.wait_members(2)
            deployment.watch(bench.rng.uniform(0, 3))
            cluster.kill()
            cluster.restart()
        feed.finish(hurry=True)
        deployment.wait_settled(180)
        deployment.check()


def broker_away(bench: FaultBench, cluster: KafkaCluster, seconds: float) -> None:
    """The broker answers nobody for a while."""
    scenario = bench.scenario()
    with bench.deployment(scenario) as deployment:
        feed = bench.feed(deployment, scenario, 6 * bench.strikes)
        deployment.worker("a", supervised=True)
        deployment.worker("b", supervised=True)
        for _ in range(bench.strikes):
            deployment.wait_members(2)
            deployment.watch(bench.rng.uniform(0, 3))
            cluster.pause()
            time.sleep(seconds)
            cluster.resume()
        feed.finish(hurry=True)
        deployment.wait_settled(180)
        deployment.check()
