"""The fault matrix: each row is a function that strikes at an installation while it works and holds what comes out to
the truth. tests/faults/test_faults.py runs each row briefly, tests/soak/ for long; docs/fault-matrix.md is the table.

All that a row leaves to chance it draws from the stage's random numbers, so that a seed strikes at the same points of
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
from tests.kit.deployment import Feed, Installation
from tools.local.kafka import KafkaCluster
from tools.local.processes import wait_until
from tools.local.worker import WorkerProcess

SESSION_S = 2.5


@dataclass
class Stage:
    """Where a row is played."""

    bootstrap: str
    prefix: str
    directory: Path
    seed: int
    obligations: int = 120
    strikes: int = 1
    """How often a row strikes, where it can strike more than once; the short form's number is 1."""

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def turn(self, number: int) -> "Stage":
        """A stage of its own for each turn of a row that is played from its beginning more than once."""
        return Stage(
            self.bootstrap, f"{self.prefix}{number}-", self.directory / str(number), self.seed + number,
            self.obligations,
        )  # fmt: skip

    def scenario(self) -> Scenario:
        """What happens, from the seed."""
        return simulate(self.seed, self.obligations)

    def installation(self, scenario: Scenario, **settings: Any) -> Installation:
        """An installation whose clock stands at the scenario's end."""
        short: dict[str, Any] = {"session_timeout_ms": int(SESSION_S * 1_000), "commit_interval_ms": 50}
        return Installation(self.bootstrap, self.prefix, self.directory, clock=scenario.closes_at, **(short | settings))

    def feed(self, installation: Installation, scenario: Scenario, seconds: float) -> Feed:
        """Publish the scenario over some seconds."""
        return Feed(installation, scenario.deliveries, seconds, self.rng)


Row = Callable[[Stage], None]


def kill_any_worker_at_any_moment(stage: Stage) -> None:
    """Kill -9 of any of two workers at random moments; each is started again at once."""
    scenario = stage.scenario()
    kills = 7 * stage.strikes
    with stage.installation(scenario) as installation:
        feed = stage.feed(installation, scenario, 3 * kills)
        for worker_id in "ab":
            installation.worker(worker_id, supervised=True)
        for _ in range(kills):
            installation.watch(stage.rng.uniform(0.3, 5.5))
            installation.workers[stage.rng.choice("ab")].kill9()
        feed.finish()
        installation.wait_settled()
        installation.check()
        assert [status for _, status in installation.deaths].count(-9) == kills


def die_between_the_steps_of_a_transaction(stage: Stage) -> None:
    """SIGKILL behind each step of a transaction; the worker comes back on its own state."""
    scenario = stage.scenario()
    steps = ["begin", "produce", "flushed", "offsets", "commit", "store"] * stage.strikes
    stage.rng.shuffle(steps)
    with stage.installation(scenario) as installation:
        feed = stage.feed(installation, scenario, 8 * len(steps))
        for step in steps:
            worker = installation.worker(fault=f"kill:{step}:{stage.rng.randint(1, 3)}")
            assert worker.wait(60) == -9, worker.log_tail()
        installation.worker()
        feed.finish()
        installation.wait_settled()
        installation.check()


def die_for_good_with_a_transaction_open(stage: Stage) -> None:
    """A worker dies in a transaction and never comes back; another, which knows nothing, takes over at once."""
    scenario = stage.scenario()
    steps = ["commit", "offsets", "flushed"] * stage.strikes
    with stage.installation(scenario, transaction_timeout_ms=8_000) as installation:
        feed = stage.feed(installation, scenario, 8 * len(steps))
        for number, step in enumerate(steps):
            worker = installation.worker(f"w{number}", fault=f"kill:{step}:{stage.rng.randint(2, 5)}")
            assert worker.wait(90) == -9, worker.log_tail()
            installation.dismiss(f"w{number}")
        installation.worker("last")
        feed.finish()
        installation.wait_settled()
        installation.check()


def two_take_over_behind_an_open_transaction(stage: Stage) -> None:
    """A worker dies in a transaction that stays open for long; a second works on behind it; a third takes over from it.

    What the second committed would lie behind the last stable offset, and must not be missed by the third, whose
    disk is empty.
    """
    for turn in range(stage.strikes):
        other = stage.turn(turn)
        scenario = other.scenario()
        half = len(scenario.deliveries) // 2
        with other.installation(scenario, transaction_timeout_ms=12_000) as installation:
            feed = Feed(installation, scenario.deliveries[:half], 6, stage.rng)
            first = installation.worker("first", fault="kill:flushed:1:last")
            assert first.wait(60) == -9, first.log_tail()
            installation.dismiss("first")
            installation.worker("second")
            feed.finish()
            installation.wait_progress(half)
            installation.workers["second"].kill9()
            installation.dismiss("second")
            installation.worker("third")
            installation.publish(scenario.deliveries[half:], rng=stage.rng, spread=True)
            installation.wait_settled()
            installation.check()


def zombie(stage: Stage) -> None:
    """SIGSTOP past the session at any moment, and SIGCONT: what it still writes is refused, and it works again."""
    for turn in range(stage.strikes):
        _one_zombie(stage, turn, None)


def zombie_inside_a_transaction(stage: Stage) -> None:
    """The same, frozen by itself with its offsets sent and its transaction not yet committed."""
    for turn in range(stage.strikes):
        _one_zombie(stage, turn, "offsets")


def zombie_with_a_commit_in_hand(stage: Stage) -> None:
    """The same, frozen before it wrote any of a commit that another has long written when it wakes up.

    Its transaction is still good then, and only the group's fence stands between its records and a second telling.
    """
    for turn in range(stage.strikes):
        log = _one_zombie(stage, turn, "begin", transaction_timeout_ms=60_000)
        assert "the transaction did not hold" in log
        assert "UNKNOWN_MEMBER_ID" in log or "ILLEGAL_GENERATION" in log, log[-4_000:]


def _one_zombie(stage: Stage, turn: int, step: str | None, **settings: int) -> str:
    """Play a worker's death and resurrection, and give its log."""
    other = stage.turn(turn)
    scenario = other.scenario()
    half = len(scenario.deliveries) // 2
    with other.installation(scenario, **settings) as installation:
        feed = Feed(installation, scenario.deliveries[:half], 8, stage.rng)
        fault = None if step is None else f"stop:{step}:{stage.rng.randint(4, 8)}"
        zombie_ = installation.worker("zombie", fault=fault)
        installation.worker("other", supervised=True)
        installation.wait_members(2)
        if step is None:
            installation.watch(stage.rng.uniform(0, 3))
            zombie_.stop_cont(frozen=True)
        else:
            wait_until(lambda: _is_frozen(zombie_), 60, "the worker to freeze itself")
        installation.wait_members(1)
        installation.watch(stage.rng.uniform(3, 6))
        # From here on it may end with an error and be started again, or rejoin; but it has to be of use again.
        installation.supervised.add("zombie")
        zombie_.stop_cont(frozen=False)
        feed.finish()
        installation.wait_members(2)
        installation.wait_settled()
        assert installation.workers["other"].term() == 0
        installation.publish(scenario.deliveries[half:], rng=stage.rng, spread=True)
        installation.wait_members(1)
        installation.wait_settled()
        installation.check()
    return (installation.directory_of("zombie") / "worker.log").read_text(encoding="utf-8")


def _is_frozen(worker: WorkerProcess) -> bool:
    return Path(f"/proc/{worker.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "T"


def zombie_with_its_records_on_the_way(stage: Stage) -> None:
    """One of three is frozen with its offsets sent and what it wrote still on its way; the others share its keys.

    Who takes over a key's state need not be who takes over the input that its last fact was read from, and so does not
    wait for the offset of that input to be stable. What the zombie writes when it wakes up must not come too late.
    """
    for turn in range(stage.strikes):
        _zombie_with_its_records_on_the_way(stage, turn)


def _zombie_with_its_records_on_the_way(stage: Stage, turn: int) -> None:
    other = stage.turn(turn)
    scenario = other.scenario()
    half = len(scenario.deliveries) // 2
    with other.installation(scenario, partitions=6, transaction_timeout_ms=60_000) as installation:
        for worker_id in ("b", "c"):
            installation.worker(worker_id, supervised=True)
        zombie_ = installation.worker("zombie", fault=f"stop:offsets:{stage.rng.randint(1, 3)}:apart")
        installation.wait_members(3)
        for worker in installation.workers.values():
            worker.wait_ready()
        # One by one and anywhere: commits of a few records, whose keys are rarely of the partition they came in.
        feed = Feed(installation, scenario.deliveries[:half], half / 10, stage.rng, slice_=1)
        wait_until(lambda: _is_frozen(zombie_), 150, "the worker to freeze itself")
        installation.wait_members(2)
        installation.watch(stage.rng.uniform(3, 6))
        installation.supervised.add("zombie")
        zombie_.stop_cont(frozen=False)
        feed.finish(hurry=True)
        installation.wait_members(3)
        installation.publish(scenario.deliveries[half:], rng=stage.rng, spread=True)
        installation.wait_settled()
        installation.check()


def term_in_the_middle_of_a_batch(stage: Stage) -> None:
    """SIGTERM under load: exit status 0, the group is left at once, nothing is lost."""
    scenario = stage.scenario()
    terms = 3 * stage.strikes
    # So long a session that a member who did not say goodbye would be noticed.
    with stage.installation(scenario, session_timeout_ms=30_000) as installation:
        feed = stage.feed(installation, scenario, 6 * terms)
        installation.worker("a")
        installation.worker("b")
        for turn in range(terms):
            installation.wait_members(2)
            installation.watch(stage.rng.uniform(0, 2))
            leaver = "ab"[turn % 2]
            assert installation.workers[leaver].term() == 0
            installation.wait_members(1, timeout_s=3)
            installation.worker(leaver)
        feed.finish()
        installation.wait_settled()
        installation.check()


def workers_join_and_leave(stage: Stage) -> None:
    """One worker, three, one, under load."""
    scenario = stage.scenario()
    with stage.installation(scenario) as installation:
        feed = stage.feed(installation, scenario, 12 * stage.strikes)
        installation.worker("a")
        for _ in range(stage.strikes):
            installation.wait_members(1)
            installation.worker("b")
            installation.watch(stage.rng.uniform(0, 2))
            installation.worker("c")
            installation.wait_members(3)
            installation.watch(stage.rng.uniform(0, 3))
            assert installation.workers["b"].term() == 0
            assert installation.workers["c"].term() == 0
        feed.finish()
        installation.wait_settled()
        installation.check()


def recovery_from_zero(stage: Stage) -> None:
    """The disk is lost in the middle of the work."""
    scenario = stage.scenario()
    with stage.installation(scenario) as installation:
        feed = stage.feed(installation, scenario, 6 * stage.strikes)
        for _ in range(stage.strikes):
            installation.worker()
            installation.wait_progress(stage.rng.randrange(len(scenario.deliveries)) // 2)
            installation.workers["a"].kill9()
            shutil.rmtree(installation.directory_of("a") / "state")
        installation.worker()
        feed.finish()
        installation.wait_settled()
        installation.check()


def broker_restart(stage: Stage, cluster: KafkaCluster) -> None:
    """The broker dies as in a power cut and comes back at once."""
    scenario = stage.scenario()
    with stage.installation(scenario) as installation:
        feed = stage.feed(installation, scenario, 8 * stage.strikes)
        installation.worker("a", supervised=True)
        installation.worker("b", supervised=True)
        for _ in range(stage.strikes):
            installation.wait_members(2)
            installation.watch(stage.rng.uniform(0, 3))
            cluster.kill()
            cluster.restart()
        feed.finish()
        installation.wait_settled(180)
        installation.check()


def broker_away(stage: Stage, cluster: KafkaCluster, seconds: float) -> None:
    """The broker answers nobody for a while."""
    scenario = stage.scenario()
    with stage.installation(scenario) as installation:
        feed = stage.feed(installation, scenario, 6 * stage.strikes)
        installation.worker("a", supervised=True)
        installation.worker("b", supervised=True)
        for _ in range(stage.strikes):
            installation.wait_members(2)
            installation.watch(stage.rng.uniform(0, 3))
            cluster.pause()
            time.sleep(seconds)
            cluster.resume()
        feed.finish()
        installation.wait_settled(180)
        installation.check()
