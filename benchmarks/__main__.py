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
from benchmarks.events import Backlog, make_backlog
from benchmarks.failover import run_failover
from benchmarks.imports import run_imports
from benchmarks.latency import COMMIT_MS, run_latency
from benchmarks.loop_delay import run_loop_delay
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
from benchmarks.versus import PARTS, Comparison, run_versus
from tools.local.kafka import KafkaCluster
from tools.local.worker import REPOSITORY
from tools.unpacked_wheel import compiled_code

EVENTS = 2_000_000
NAIVE_EVENTS = 20_000
KEYS = 1_000_000
PROFILE_EVENTS = 200_000
PAYMENTS = 200_000
ENTRIES = 50_000
OBLIGATIONS = 3_000_000

FAILOVER_KEYS = 400_000

SIZES = "200000,1000000,5000000"

RATES = "200,2000,5000"

EVERYTHING = (
    "naive",
    "backlog",
    "recovery",
    "latency",
    "loop-delay",
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

WIDTH = 140
"""Of what is written to a file, columns: a comparison has many."""


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
    parser.add_argument(
        "--rates", type=_numbers, default=RATES, help=f"events a second for the latency, also of versus ({RATES})"
    )
    parser.add_argument("--seconds", type=int, default=60, help="that the latency is measured for (default: 60)")
    parser.add_argument(
        "--commit-interval-ms",
        type=int,
        default=COMMIT_MS,
        help=f"of the worker whose latency is measured (default: {COMMIT_MS})",
    )
    parser.add_argument("--rounds", type=int, default=1, help="run all in turn so often and give medians (default: 1)")
    parser.add_argument("--broker", help="host:port of a running Kafka; by default one is started")
    code = parser.add_mutually_exclusive_group()
    code.add_argument(
        "--code",
        type=_folder,
        default=REPOSITORY,
        help="folder of a checkout or of an unpacked wheel, that workers run (default: this checkout)",
    )
    code.add_argument(
        "--compiled", action="store_true", help="build a wheel of this checkout, whose rules are compiled, and run that"
    )
    parser.add_argument(
        "--against", type=_folder, help="another such folder, that the backlog is compared with in turn"
    )
    versus = parser.add_argument_group("versus")
    versus.add_argument(
        "--peers",
        type=_peers,
        default="kafka-streams",
        help=f"to measure beside rentmatch, separated by commas, of {', '.join(PEERS)} (kafka-streams)",
    )
    versus.add_argument("--sizes", type=_numbers, default=SIZES, help=f"of its inputs, in events ({SIZES})")
    versus.add_argument(
        "--recover-keys",
        type=_numbers,
        default="",
        help="further inputs, by the keys that they leave, for recovery; a million takes 2,605,200 events (none)",
    )
    versus.add_argument(
        "--measure",
        type=_parts,
        default=",".join(PARTS),
        help=f"what to measure, separated by commas, of {', '.join(PARTS)} (all)",
    )
    parser.add_argument("--json", type=Path, help="also write the results to this file")
    return parser.parse_args(given)


def _peers(names: str) -> list[Peer]:
    try:
        return chosen(names)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _numbers(text: str) -> list[int]:
    found = [int(number) for number in text.split(",") if number]
    if any(number <= 0 for number in found):
        raise argparse.ArgumentTypeError(f"numbers above 0, separated by commas, not {text!r}")
    return found


def _parts(text: str) -> list[str]:
    found = text.split(",")
    unknown = [name for name in found if name not in PARTS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown measure {unknown[0]!r}; there are {', '.join(PARTS)}")
    return found


def _folder(text: str) -> Path:
    folder = Path(text).resolve()
    if not (folder / "app.py").is_file():
        raise argparse.ArgumentTypeError(f"{text} has no code of rentmatch: there is no app.py in it")
    return folder


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


def run(options: argparse.Namespace, directory: Path, console: Console) -> Iterator[Result]:
    """Run the requested benchmarks and give their results, those of versus as soon as they are there."""
    requested = EVERYTHING if not options.which or "all" in options.which else tuple(options.which)
    code: Path = options.code

    @cache
    def backlog() -> Backlog:
        console.print(f"simulating {options.events:,} events", style="dim")
        return make_backlog(options.events)

    def latency(own: Path) -> list[Result]:
        return [
            run_latency(
                broker(),
                own / str(rate),
                rate=rate,
                seconds=options.seconds,
                code=code,
                commit_ms=options.commit_interval_ms,
            )
            for rate in options.rates
        ]

    def announce(text: str) -> None:
        console.print(text, style="dim")

    with a_broker(options.broker, directory) as broker:
        runs: dict[str, Callable[[Path], list[Result]]] = {
            "naive": lambda own: [run_naive(broker(), own, make_backlog(options.naive_events))],
            "backlog": lambda own: run_backlog(broker(), own, backlog(), code=code, against=options.against),
            "recovery": lambda own: [run_recovery(broker(), own, options.keys, code=code)],
            "latency": latency,
            "loop-delay": lambda own: [run_loop_delay(broker(), own, backlog(), code=code)],
            "memory": lambda own: [run_memory(options.payments)],
            "scaling": lambda own: [run_scaling(broker(), own, backlog(), code=code)],
            "failover": lambda own: [
                run_failover(broker(), own, keys=options.failover_keys, rate=options.gap_rate, code=code)
            ],
            "rolling": lambda own: [run_rolling(broker(), own, rate=options.gap_rate, code=code)],
            "profile": lambda own: [run_profile(make_backlog(options.profile_events))],
            "references": lambda own: [run_references(make_backlog(options.profile_events))],
            "imports": lambda own: [run_imports(options.entries)],
            "replay": lambda own: [
                run_replay(
                    broker(),
                    own,
                    console,
                    obligations=options.obligations,
                    months=options.months,
                    code=code,
                    data=None if options.broker else directory / "kafka" / "node-0" / "data",
                )
            ],
        }
        names = [name for name in runs if name in requested]
        rounds: dict[str, list[list[Result]]] = {name: [] for name in names}
        # In turn, so that what else the machine does while they run weighs on all of them alike.
        for number in range(options.rounds):
            for name in names:
                begin = time.monotonic()
                own = directory / f"{name}-{number}"
                own.mkdir()
                rounds[name].append(runs[name](own))
                console.print(f"{name} took {time.monotonic() - begin:.0f} s", style="dim")
        results = {name: [median_of(list(same)) for same in zip(*found, strict=True)] for name, found in rounds.items()}
        if "backlog" in results and "naive" in results:
            compare(results["backlog"][0], results["naive"][0])
        for found in results.values():
            yield from found
        if "versus" in requested:
            comparison = Comparison(
                peers=options.peers,
                code=code,
                parts=options.measure,
                rounds=options.rounds,
                sizes=options.sizes,
                recover_keys=options.recover_keys,
                rates=options.rates,
                seconds=options.seconds,
            )
            yield from run_versus(broker, directory / "versus", comparison, announce)


def compare(ours: Result, naive: Result) -> None:
    """Add the ratio of rentmatch to the naive job."""
    faster = ours.value("throughput") / naive.value("throughput")
    cheaper = naive.value("CPU a million events") / ours.value("CPU a million events")
    ours.add("throughput against naive", faster, "times", ">= 100", faster >= RATIO)
    ours.add("CPU against naive", cheaper, "times less", ">= 100", cheaper >= RATIO)


def main(given: list[str] | None = None) -> None:
    """Run, print, write."""
    options = arguments(given)
    if options.compiled:
        options.code = compiled_code()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="rentmatch-bench-", ignore_cleanup_errors=True) as directory:
        for result in run(options, Path(directory), console):
            results.append(result)
            show(result, console)
            if options.json:  # after each: what was measured in an hour survives a later failure
                write_json(results, options.json)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
