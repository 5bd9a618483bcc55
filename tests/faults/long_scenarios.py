"""Rows of the fault matrix that are too long for every run: everything at once, and a node of three that dies."""

import shutil
from collections.abc import Callable

from tests.faults.fault_scenarios import Stage
from tools.local.kafka import KafkaCluster

WORKERS = "abc"


def everything_at_once(stage: Stage, cluster: KafkaCluster) -> None:
    """Three workers and their broker are killed, frozen, ended and robbed of disks in an order drawn from the seed."""
    scenario = stage.scenario()
    rng = stage.rng
    strikes = 12 * stage.strikes
    with stage.installation(scenario, partitions=4) as installation:
        feed = stage.feed(installation, scenario, 5 * strikes)
        workers = installation.workers

        def kill() -> None:
            workers[rng.choice(WORKERS)].kill9()

        def kill_and_lose_the_disk() -> None:
            worker_id = rng.choice(WORKERS)
            workers[worker_id].kill9()
            shutil.rmtree(installation.directory_of(worker_id) / "state", ignore_errors=True)

        def end() -> None:
            worker_id = rng.choice(WORKERS)
            installation.supervise()
            installation.end(worker_id)
            installation.worker(worker_id, supervised=True)

        def freeze() -> None:
            worker = workers[rng.choice(WORKERS)]
            installation.supervise()
            worker.stop_cont(frozen=True)
            installation.watch(rng.uniform(0.5, 9))
            worker.stop_cont(frozen=False)

        def restart_the_broker() -> None:
            cluster.kill()
            installation.watch(rng.uniform(0, 3))
            cluster.restart()

        def freeze_the_broker() -> None:
            cluster.pause()
            installation.watch(rng.uniform(0.5, 12))
            cluster.resume()

        faults: list[tuple[int, Callable[[], None]]] = [
            (6, kill),
            (3, freeze),
            (2, end),
            (2, kill_and_lose_the_disk),
            (1, restart_the_broker),
            (1, freeze_the_broker),
        ]
        for worker_id in WORKERS:
            installation.worker(worker_id, supervised=True)
        for _ in range(strikes):
            installation.watch(rng.uniform(0.2, 7))
            rng.choices([fault for _, fault in faults], [weight for weight, _ in faults])[0]()
        feed.finish()
        installation.wait_settled(300)
        installation.check()


def node_of_three_dies(stage: Stage, cluster: KafkaCluster) -> None:
    """Of a cluster with three replicas of everything, one node after the other dies and comes back."""
    scenario = stage.scenario()
    with stage.installation(scenario, replication_factor=3) as installation:
        feed = stage.feed(installation, scenario, 20 * stage.strikes)
        installation.worker("a", supervised=True)
        installation.worker("b", supervised=True)
        for _ in range(stage.strikes):
            for node in stage.rng.sample(range(cluster.nodes), cluster.nodes):
                installation.watch(stage.rng.uniform(0, 4))
                cluster.kill(node)
                installation.watch(stage.rng.uniform(1, 8))
                cluster.restart(node)
        feed.finish()
        installation.wait_settled(300)
        installation.check()
