"""The measures of a comparison, in the order of its table, and what issue 14 demands of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.peers.kafka_streams import KAFKA_STREAMS
from benchmarks.peers.model import Peer
from benchmarks.report import Result

Sample = dict[str, float]
"""What one turn of a program brought, by the names of the measures."""

AGAINST = KAFKA_STREAMS.title
"""The peer that targets are about."""


@dataclass(frozen=True)
class Measure:
    """A row of the table."""

    name: str
    unit: str
    ratio_max: float | None = None
    """The most that it may be beside Kafka Streams."""
    value_max: float | None = None
    """The most that it may be by itself."""


def compared(result: Result, measures: Sequence[Measure], programs: Sequence[Peer], of: Mapping[str, Sample]) -> None:
    """Add a round to a result: each measure of each program, and the first program's ratio to each of the others.

    `of` has the sample of each program by its title. A program without a measure has no figure of it.
    """
    ours, *others = programs
    for measure in measures:
        for program in programs:
            value = of[program.title].get(measure.name)
            if value is None:
                continue
            most = measure.value_max if program is ours else None
            target = "" if most is None else f"<= {most:,.0f} {measure.unit}"
            is_met = None if most is None else value <= most
            result.add(measure.name, value, measure.unit, target, is_met, program.title)
        for other in others:
            mine, theirs = (of[program.title].get(measure.name) for program in (ours, other))
            if mine is None or not theirs:  # a ratio to nothing says nothing
                continue
            most = measure.ratio_max if other.title == AGAINST else None
            target = "" if most is None else f"<= {most:.1f} times"
            is_met = None if most is None else mine / theirs <= most
            result.add(measure.name, mine / theirs, "times", target, is_met, f"beside {other.title}")
