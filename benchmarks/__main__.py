"""The command line of the benchmarks: `python -m benchmarks [which] [options]`."""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from rich.console import Console

from benchmarks.backlog import run_backlog, run_scaling
from benchmarks.deployment import MeasuredDeployment
from benchmarks.events import Backlog, make_backlog
from benchmarks.failover import run_failover
from benchmarks.imports import run_imports
from benchmarks.latency import run_latency
from benchmarks.memory import run_memory
from benchmarks.naive_run import run_naive
from benchmarks.peers.model import Peer
from benchmarks.peers.registry import PEERS, chosen
from benchmarks.profiling import run_profile
from benchmarks.recovery import run_recovery
from benchmarks.references import run_references
from benchmarks.replay.run import run_replay
from benchmarks.report import Result, median_of, show, write_json
from benchmarks.rolling import run_rolling
from benchmarks.versus import run_versus
from benchmarks.versus_input import PeerInput, make_input
from tools.local.kafka import KafkaCluster
from tools.local.worker import REPOSITORY

EVENTS = 2_000_000
NAIVE_EVENTS = 20_000
KEYS = 1_000_000
PROFILE_EVENTS = 200_000
PAYMENTS = 200_000
ENTRIES = 50_000
OBLIGATIONS = 3_000_000

FAILOVER_KEYS = 400_000

EVERYTHING = (
    "naive",
    "backlog",
    "recovery",
    "latency",
    "memory",
    "scaling",
    "failover",
    "rolling",
    "profile",
    "references",
    "imports",
    "versus",
)
"""In this order; backlog reports its ratio to naive if both run."""

BY_NAME = ("replay",)
"""Those that take too long to run unless they are named."""

RATIO = 100.0


def arguments(given: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("which", nargs="*", choices=[*EVERYTHING, *BY_NAME, "all", []], help="default: all")
    parser.add_argument("--events", type=int, default=EVENTS, help="of the backlog (default: 2,000,000)")
    parser.add_argument("--naive-events", type=int, default=NAIVE_EVENTS, help="for the naive job (default: 20,000)")
    parser.add_argument("--keys", type=int, default=KEYS, help="to recover (default: 1,000,000)")
    parser.add_argument("--failover-keys", type=int, default=FAILOVER_KEYS, help="to take over (default: 400,000)")
    parser.add_argument("--gap-rate", type=int, default=400, help="events a second for failover and rolling (400)")
    parser.add_argument("--payments", type=int, default=PAYMENTS, help="to keep in memory (default: 200,000)")
    parser.add_argument(
        "--obligations", type=int, default=OBLIGATIONS, help="of the replayed year (default: 3,000,000)"
    )
    parser.add_argument("--months", type=int, default=12, help="that the replay spreads them over (default: 12)")
    parser.add_argument(
        "--profile-events", type=int, default=PROFILE_EVENTS, help="to profile, and for references (200,000)"
    )
    parser.add_argument("--entries", type=int, default=ENTRIES, help="of each imported file (default: 50,000)")
    parser.add_argument("--rate", type=int, default=2_000, help="events a second for the latency (default: 2,000)")
    parser.add_argument("--seconds", type=int, default=60, help="that the latency is measured for (default: 60)")
    parser.add_argument("--rounds", type=int, default=1, help="run all in turn so often and give medians (default: 1)")
    parser.add_argument("--broker", help="host:port of a running Kafka; by default one is started")
    parser.add_argument(
        "--code",
        type=Path,
        default=REPOSITORY,
        help="folder of an unpacked wheel, whose rules are compiled, for workers",
    )
    parser.add_argument(
        "--peers",
        type=_peers,
        default="kafka-streams",
        help=f"that versus measures beside rentmatch, separated by commas, of {', '.join(PEERS)} (kafka-streams)",
    )
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    return parser.parse_args(given)


def _peers(names: str) -> list[Peer]:
    try:
        return chosen(names)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


@contextmanager
def a_broker(running: str | None, directory: Path) -> Iterator[Callable[[], str]]:
    """Provides the bootstrap servers on demand: not every benchmark needs a broker."""
    started: list[KafkaCluster] = []

    @cache
    def bootstrap() -> str:
        if running:
            return running
        cluster = KafkaCluster(directory / "kafka")
        started.append(cluster)
        cluster.start()
        return cluster.bootstrap

    try:
        yield bootstrap
    finally:
        for cluster in started:
            cluster.kill_all()


def run(options: argparse.Namespace, directory: Path, console: Console) -> list[Result]:
    """Run the requested benchmarks and show the results."""
    requested = EVERYTHING if not options.which or "all" in options.which else tuple(options.which)

    @cache
    def backlog() -> Backlog:
        console.print(f"simulating {options.events:,} events", style="dim")
        return make_backlog(options.events)

    @cache
    def peer_input() -> PeerInput:
        console.print(f"generating about {options.events:,} events", style="dim")
        return make_input(options.events)

    with a_broker(options.broker, directory) as broker:
        runs: dict[str, Callable[[Path], Result]] = {
            "naive": lambda own: run_naive(broker(), own, make_backlog(options.naive_events)),
            "backlog": lambda own: run_backlog(broker(), own, backlog()),
            "recovery": lambda own: run_recovery(broker(), own, options.keys),
            "latency": lambda own: run_latency(broker(), own, rate=options.rate, seconds=options.seconds),
            "memory": lambda own: run_memory(options.payments),
            "scaling": lambda own: run_scaling(broker(), own, backlog()),
            "failover": lambda own: run_failover(broker(), own, keys=options.failover_keys, rate=options.gap_rate),
            "rolling": lambda own: run_rolling(broker(), own, rate=options.gap_rate),
            "profile": lambda own: run_profile(make_backlog(options.profile_events)),
            "references": lambda own: run_references(make_backlog(options.profile_events)),
            "imports": lambda own: run_imports(options.entries),
            "versus": lambda own: run_versus(broker(), own, peer_input(), options.peers),
            "replay": lambda own: run_replay(
                broker(),
                own,
                console,
                obligations=options.obligations,
                months=options.months,
                data=None if options.broker else directory / "kafka" / "node-0" / "data",
            ),
        }
        names = [name for name in (*EVERYTHING, *BY_NAME) if name in requested]
        rounds: dict[str, list[Result]] = {name: [] for name in names}
        # In turn, so that what else the machine does while they run weighs on all of them alike.
        for number in range(options.rounds):
            for name in names:
                begin = time.monotonic()
                own = directory / f"{name}-{number}"
                own.mkdir()
                rounds[name].append(runs[name](own))
                console.print(f"{name} took {time.monotonic() - begin:.0f} s", style="dim")
    results = {name: median_of(found) if len(found) > 1 else found[0] for name, found in rounds.items()}
    if "backlog" in results and "naive" in results:
        compare(results["backlog"], results["naive"])
    for result in results.values():
        show(result, console)
    return list(results.values())


def compare(ours: Result, naive: Result) -> None:
    """Add the ratio of rentmatch to the naive job."""
    faster = ours.value("throughput") / naive.value("throughput")
    cheaper = naive.value("CPU a million events") / ours.value("CPU a million events")
    ours.add("throughput against naive", faster, "times", ">= 100", faster >= RATIO)
    ours.add("CPU against naive", cheaper, "times less", ">= 100", cheaper >= RATIO)


def main(given: list[str] | None = None) -> None:
    """Run, print, write."""
    options = arguments(given)
    MeasuredDeployment.code = options.code
    console = Console()
    with tempfile.TemporaryDirectory(prefix="rentmatch-bench-", ignore_cleanup_errors=True) as directory:
        results = run(options, Path(directory), console)
    if options.json:
        write_json(results, options.json)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
