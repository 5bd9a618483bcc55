"""A backlog read exactly once from the beginning, by one worker, by one of another state of the code, and by two."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.code import described
from benchmarks.deployment import MeasuredDeployment
from benchmarks.events import Backlog, publish
from benchmarks.report import Result
from benchmarks.running import Cost, run_until_read
from streams import topics
from streams.topics import TopicRole

MILLION = 1_000_000

CPU = "CPU a million events"

CPU_AGAINST_MAX = 0.5
"""Of issue 14, beside commit 85bf6fe at 1,000,000 events."""


def run_backlog(
    broker: str, directory: Path, backlog: Backlog, *, code: Path, against: Path | None = None
) -> list[Result]:
    """Measure one worker; with `against`, also one of that folder's code over the same inputs, and compare them."""
    events = len(backlog.records)
    ours = MeasuredDeployment(broker, clock=backlog.closes_at)
    try:
        publish(ours, backlog.records)
        cost = run_until_read(ours, [ours.worker(directory / "worker", code=code)])
        result = Result(
            "backlog", f"{events:,} events of a simulated month, one worker, exactly once from zero; {described(code)}"
        )
        _add_cost(result, events, cost)
        result.details |= {"cpu_by_thread_s": cost.cpu_by_thread, "records_and_markers": _outputs(ours)}
        if against is None:
            return [result]
        theirs = MeasuredDeployment(broker, clock=backlog.closes_at, inputs=ours.inputs)
        try:
            other = run_until_read(theirs, [theirs.worker(directory / "against", code=against)])
            samples = [_sample(ours, events, cost), _sample(theirs, events, other)]
        finally:
            theirs.remove(with_inputs=False)
        return [result, _compared(f"{events:,} events of a simulated month", samples, code, against)]
    finally:
        ours.remove()


def _outputs(deployment: MeasuredDeployment) -> dict[str, int]:
    return {topic.name: sum(deployment.ends(topic).values()) for topic in topics.ALL}


def _sample(deployment: MeasuredDeployment, events: int, cost: Cost) -> dict[str, tuple[float, str]]:
    changelogs = [topic for topic in topics.ALL if topic.role is TopicRole.CHANGELOG]
    return {
        CPU: (cost.cpu_s / events * MILLION, "s"),
        "throughput": (events / cost.seconds, "events/s"),
        "peak memory": (cost.peak_bytes / 2**20, "MiB"),
        "records in changelogs, an event": (sum(deployment.ends(*changelogs).values()) / events, ""),
    }


def _compared(what: str, samples: Sequence[dict[str, tuple[float, str]]], code: Path, against: Path) -> Result:
    """Compare two turns of one round: ours first."""
    ours, theirs = samples
    result = Result("backlog against", f"{what}; this: {described(code)}; that: {described(against)}")
    for name, (value, unit) in ours.items():
        other, _ = theirs[name]
        most = CPU_AGAINST_MAX if name == CPU else None
        result.add(name, value, unit, column="this")
        result.add(name, other, unit, column="that")
        target, is_met = ("", None) if most is None else (f"<= {most} times", value / other <= most)
        result.add(name, value / other, "times", target, is_met, "this beside that")
    return result


def run_scaling(broker: str, directory: Path, backlog: Backlog, *, code: Path) -> Result:
    """Measure one worker and then two over the same inputs."""
    events = len(backlog.records)
    one = MeasuredDeployment(broker, clock=backlog.closes_at)
    two = MeasuredDeployment(broker, clock=backlog.closes_at, inputs=one.inputs)
    try:
        publish(one, backlog.records)
        single = run_until_read(one, [one.worker(directory / "single", code=code)])
        pair = run_until_read(two, [two.worker(directory / f"pair-{number}", code=code) for number in (1, 2)])
    finally:
        two.remove(with_inputs=False)
        one.remove()
    result = Result("scaling", f"{events:,} events by one worker, then by two, on the cores that the broker leaves")
    result.add("one worker", events / single.seconds, "events/s")
    result.add("two workers", events / pair.seconds, "events/s")
    result.add("two against one", single.seconds / pair.seconds, "times", ">= 1.8 where cores allow")
    result.add("CPU of two against one", pair.cpu_s / single.cpu_s, "times")
    result.details |= {"one": single.cpu_by_thread, "two": pair.cpu_by_thread}
    return result


def _add_cost(result: Result, events: int, cost: Cost) -> None:
    per_million = cost.cpu_s / events * MILLION
    result.add("events", events, "")
    result.add("wall time", cost.seconds, "s")
    result.add("throughput", events / cost.seconds, "events/s")
    result.add("CPU", cost.cpu_s, "s")
    result.add(CPU, per_million, "s", "<= 60, 20 the aim", per_million <= 60)
    result.add("peak memory", cost.peak_bytes / 2**20, "MiB")
    result.add("start, until recovered", cost.start_seconds, "s")
    result.add("CPU of the start", cost.start_cpu_s, "s")
