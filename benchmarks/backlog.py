"""A backlog read exactly once from the beginning, by one worker and by two."""

from pathlib import Path

from benchmarks.deployment import MeasuredDeployment
from benchmarks.events import Backlog, publish
from benchmarks.report import Result
from benchmarks.running import Cost, run_until_read
from streams import topics

MILLION = 1_000_000


def run_backlog(broker: str, directory: Path, backlog: Backlog) -> Result:
    """Measure one worker."""
    events = len(backlog.records)
    deployment = MeasuredDeployment(broker, clock=backlog.closes_at)
    try:
        publish(deployment, backlog)
        cost = run_until_read(deployment, [deployment.worker(directory / "worker")])
        result = Result("backlog", f"{events:,} events of a simulated month, one worker, exactly once from zero")
        _add_cost(result, events, cost)
        outputs = {topic.name: sum(deployment.ends(topic).values()) for topic in topics.ALL}
        result.details |= {"cpu_by_thread_s": cost.cpu_by_thread, "records_and_markers": outputs}
        return result
    finally:
        deployment.remove()


def run_scaling(broker: str, directory: Path, backlog: Backlog) -> Result:
    """Measure one worker and then two over the same inputs."""
    events = len(backlog.records)
    one = MeasuredDeployment(broker, clock=backlog.closes_at)
    two = MeasuredDeployment(broker, clock=backlog.closes_at, inputs=one.inputs)
    try:
        publish(one, backlog)
        single = run_until_read(one, [one.worker(directory / "single")])
        pair = run_until_read(two, [two.worker(directory / f"pair-{number}") for number in (1, 2)])
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
    result.add("CPU a million events", per_million, "s", "<= 60, 20 the aim", per_million <= 60)
    result.add("peak memory", cost.peak_bytes / 2**20, "MiB")
    result.add("start, until recovered", cost.start_seconds, "s")
    result.add("CPU of the start", cost.start_cpu_s, "s")
