"""Fault scenarios that are too long for every run: everything at once, and a node of three that dies."""

import shutil
from collections.abc import Callable

from tests.faults.fault_scenarios import FaultBench
from tools.local.kafka import KafkaCluster

WORKERS = "abc"


def everything_at_once(bench: FaultBench, cluster: KafkaCluster) -> None:
    """Three workers and their broker are killed, frozen, ended and robbed of disks in an order drawn from the seed."""
    scenario = bench.scenario()
    rng = bench.rng
    strikes = 12 * bench.strikes
    with bench.deployment(scenario, partitions=4) as deployment:
        feed = bench.feed(deployment, scenario, 5 * strikes)
        workers = deployment.workers

        def kill() -> None:
            workers[rng.choice(WORKERS)].kill()

        def kill_and_lose_the_disk() -> None:
            worker_id = rng.choice(WORKERS)
            workers[worker_id].kill()
            shutil.rmtree(deployment.directory_of(worker_id) / "state", ignore_errors=True)

        def end() -> None:
            worker_id = rng.choice(WORKERS)
            deployment.supervise()
            deployment.end(worker_id)
            deployment.worker(worker_id, supervised=True)

        def freeze() -> None:
            worker = workers[rng.choice(WORKERS)]
            deployment.supervise()
            worker.freeze()
            deployment.watch(rng.uniform(0.5, 9))
            worker.thaw()

        def restart_the_broker() -> None:
            cluster.kill()
            deployment.watch(rng.uniform(0, 3))
            cluster.restart()

        def freeze_the_broker() -> None:
            cluster.pause()
            deployment.watch(rng.uniform(0.5, 12))
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
            deployment.worker(worker_id, supervised=True)
        for _ in range(strikes):
            deployment.watch(rng.uniform(0.2, 7))
            rng.choices([fault for _, fault in faults], [weight for weight, _ in faults])[0]()
        feed.finish()
        deployment.wait_settled(300)
        deployment.check()


def node_of_three_dies(bench: FaultBench, cluster: KafkaCluster) -> None:
    """Of a cluster with three replicas of everything, one node after the other dies and comes back."""
    scenario = bench.scenario()
    with bench.deployment(scenario, replication_factor=3) as deployment:
        feed = bench.feed(deployment, scenario, 20 * bench.strikes)
        deployment.worker("a", supervised=True)
        deployment.worker("b", supervised=True)
        for _ in range(bench.strikes):
            for node in bench.rng.sample(range(cluster.nodes), cluster.nodes):
                deployment.watch(bench.rng.uniform(0, 4))
                cluster.kill(node)
                deployment.watch(bench.rng.uniform(1, 8))
                cluster.restart(node)
        feed.finish()
        deployment.wait_settled(300)
        deployment.check()
