"""rentmatch and its peers in turn, on one broker: what each costs, and whether it is right.

The peers (benchmarks/peers) do a simpler job, which the module of each describes. For each size one input is generated
and published, and each program reads all of it in each round (versus_backlog.py); for each rate each program gets the
same plan of events (versus_latency.py). Another one begins each round, so that none always runs into the same state of
the machine. A ratio is of two turns of one round; its median and spread are over the rounds.

A slow peer has a largest size. If all the sizes asked for are larger, that one is measured too, with all programs.
"""

import resource
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import versus_backlog, versus_latency
from benchmarks.code import described
from benchmarks.latency import COMMIT_MS
from benchmarks.peers.model import Peer
from benchmarks.peers.rentmatch import rentmatch
from benchmarks.report import Result, median_of
from benchmarks.versus_input import events_that_leave
from benchmarks.versus_table import Measure, Sample, compared

PARTS = ("backlog", "pair", "recovery", "latency")
"""What can be measured: one process over a backlog, two of them, their recovery, and the latency."""


@dataclass(frozen=True)
class Comparison:
    """What is to be measured."""

    peers: Sequence[Peer]
    code: Path
    """The folder of rentmatch's code."""
    parts: Sequence[str] = PARTS
    rounds: int = 1
    sizes: Sequence[int] = ()
    """Of backlogs, events."""
    recover_keys: Sequence[int] = ()
    """The keys that further inputs leave. One process reads each input, and its recovery is measured."""
    rates: Sequence[int] = ()
    """Events a second, for the latency."""
    seconds: int = 60

    @property
    def all_sizes(self) -> list[int]:
        """The sizes, and the largest of each slow peer for which all of them are too large."""
        limits = {peer.most_events for peer in self.peers if peer.most_events is not None}
        return [*sorted(limit for limit in limits if self.sizes and limit < min(self.sizes)), *self.sizes]

    def programs(self, events: int | None = None) -> list[Peer]:
        """All that run, ours first. With a number of events, without the peers that are too slow for it."""
        fit = [peer for peer in self.peers if not (events and peer.most_events and events > peer.most_events)]
        return [rentmatch(self.code), *fit]


def run_versus(
    broker: Callable[[], str], directory: Path, comparison: Comparison, announce: Callable[[str], None]
) -> Iterator[Result]:
    """Measure, and give the result of each size and then of each rate when it is there, medians of the rounds.

    Raises:
        benchmarks.versus_backlog.WrongResult: a program is quick and wrong.
        RuntimeError: a process exited, or left events out.

    """
    run = _Run(broker, directory, comparison, announce)
    parts = comparison.parts
    if {"backlog", "pair", "recovery"} & set(parts):
        for events in comparison.all_sizes:
            yield run.size(events, parts)
    if "recovery" in parts:
        for keys in comparison.recover_keys:
            yield run.size(events_that_leave(keys), ("backlog", "recovery"))
    if "latency" in parts:
        for rate in comparison.rates:
            yield run.rate(rate)


class _Run:
    """The tables of a comparison."""

    def __init__(
        self, broker: Callable[[], str], directory: Path, comparison: Comparison, announce: Callable[[str], None]
    ) -> None:
        self._broker, self._directory, self._announce = broker, directory, announce
        self._comparison = comparison

    def size(self, events: int, parts: Sequence[str]) -> Result:
        """Let all programs that are quick enough read one input of about this many events."""
        self._announce(f"generating about {events:,} events")
        with versus_backlog.published(self._broker(), events) as given:

            def turn(own: Path, peer: Peer) -> Sample:
                return versus_backlog.measure(
                    given, own, peer, backlog="backlog" in parts, pair="pair" in parts, recovery="recovery" in parts
                )

            what = f"{given.events:,} events, which leave {given.keys:,} payments and obligations"
            programs = self._comparison.programs(events)
            result = self._rounds(programs, f"{given.events:,} events", what, versus_backlog.measures(given), turn)
        # The processes of the broker and of the programs need the memory: the benchmark's own must stay small.
        result.details["peak_memory_of_the_benchmark_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        return result

    def rate(self, rate: int) -> Result:
        """Send all programs this many events a second."""
        seconds = self._comparison.seconds

        def turn(own: Path, peer: Peer) -> Sample:
            return versus_latency.measure(self._broker(), own, peer, rate=rate, seconds=seconds)

        what = (
            f"{seconds} s after {versus_latency.WARM_UP_S} s of warming up, a commit each "
            f"{COMMIT_MS} ms, until a read_committed consumer has the output"
        )
        programs = self._comparison.programs()
        return self._rounds(programs, f"{rate:,} events a second", what, versus_latency.measures(rate), turn)

    def _rounds(
        self,
        programs: list[Peer],
        name: str,
        what: str,
        measures: Sequence[Measure],
        turn: Callable[[Path, Peer], Sample],
    ) -> Result:
        """Run the programs once a round, each round in another order."""
        rounds = []
        for number in range(self._comparison.rounds):
            first = number % len(programs)
            samples: dict[str, Sample] = {}
            for peer in programs[first:] + programs[:first]:
                own = self._directory / f"{name} {peer.name} {number}".replace(" ", "-").replace(",", "")
                own.mkdir(parents=True)
                samples[peer.title] = turn(own, peer)
                brought = ", ".join(f"{one} {value:,.2f}" for one, value in samples[peer.title].items())
                self._announce(f"{name}, round {number + 1} of {self._comparison.rounds}, {peer.title}: {brought}")
            result = Result(f"versus: {name}", f"{what}; {self._circumstances(programs)}")
            compared(result, measures, programs, samples)
            rounds.append(result)
        return median_of(rounds)

    def _circumstances(self, programs: Sequence[Peer]) -> str:
        rounds = self._comparison.rounds
        loose = [peer.title for peer in programs if not peer.exactly_once]
        return "; ".join(
            [
                "exactly once" + (f" ({', '.join(loose)}: at least once)" if loose else ""),
                f"{versus_backlog.PARTITIONS} partitions a topic",
                f"{rounds} rounds in turn" if rounds > 1 else "one round",
                f"rentmatch: {described(self._comparison.code)}",
            ]
        )
