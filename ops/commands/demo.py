"""`rentmatch demo`: a month of rent through a real worker, checked against the truth, with nothing but Python."""

import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from domain.time import DAY, Micros
from ops.commands.simulate import to_broker
from ops.console import Command, fail, misuse, say
from ops.demo.deployment import (
    PARTITIONS,
    DemoWorker,
    broker_variables,
    demo_deployment,
    embedded_broker,
)
from ops.demo.following import Follower
from ops.demo.judging import Judge
from ops.demo.rendering import WIDTH, show
from ops.deployment import Deployment
from simulator.deliver import value_of
from simulator.scenario import Scenario, simulate
from streams.codec.codec import Codec
from streams.settings import PREFIX

DAYS_AFTER = 10
"""The worker's clock is fixed this long after the recording's end: late enough that missing settlements are detected,
early enough that some money is still in flight."""

EMBEDDED_BYTES_MAX = PARTITIONS * 5 * 1024 * 1024 * 9 // 10
"""Maximum size of the inputs on the embedded broker, which keeps 5 MiB a partition and drops older records. All inputs
end up in the four partitions of payment-facts; a tenth is left for uneven partitions."""

IDLE_SECONDS = 1.0
"""The worker is done after this long without new records, if it has caught up."""

STALLED_SECONDS_MAX = 120.0

LINE_SECONDS = 2.0
"""Between two lines of progress if stderr is no terminal."""

LOCATING = (PREFIX + "BROKER", PREFIX + "TOPIC_PREFIX")
"""The variables by which other commands find the demo's topics, apart from those for security."""

FROM_ENVIRONMENT = "from RENTMATCH_BROKER"


@click.command(cls=Command, name="demo", short_help="A month of rent, checked against the truth.")
@click.option("--obligations", type=click.IntRange(1, 1_000_000), default=2000, show_default=True, help="How many.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same month.")
@click.option(
    "--broker",
    is_flag=False,
    flag_value=FROM_ENVIRONMENT,
    metavar="[HOST:PORT]",
    help="Use a real broker: this one, or that of RENTMATCH_BROKER.",
)
@click.option("--keep-topics", is_flag=True, help="With --broker: keep the demo's topics.")
def command(obligations: int, seed: int, broker: str | None, keep_topics: bool) -> None:
    """Run a simulated month of rent through a worker and check every record that it writes against the truth.

    Needs nothing but Python: the broker is embedded in this process. The month contains every class of break,
    references without a payment id, and what people decide about breaks; its truth is computed by code of its own.
    Exit status 0 means that nothing differs.

    The demo is one run without faults: it shows that the results are correct, not that they survive crashes; tests
    with a real Kafka show that. With --broker the demo uses a real broker, with topics of its own that it deletes at
    the end. Only the settings RENTMATCH_BROKER and RENTMATCH_SECURITY_… are read, and only with --broker.

    Examples:
      rentmatch demo
      rentmatch demo --obligations 5000 --seed 7
      rentmatch demo --broker kafka-1:9092

    """
    if keep_topics and broker is None:
        misuse("--keep-topics: the embedded broker ends with the demo; give --broker too")
    with ExitStack() as stack:
        stack.enter_context(_stopping_in_order())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rentmatch-demo-")))
        scenario = simulate(seed, obligations)
        if broker is None:
            check_size(scenario)
            variables = {PREFIX + "BROKER": stack.enter_context(embedded_broker())}
        else:
            variables = broker_variables(_address(broker))
        at = scenario.closes_at + DAYS_AFTER * DAY
        deployment = demo_deployment(variables, folder / "state", at, is_embedded=broker is None)
        exact = run(deployment, scenario, at, folder / "worker.log", keep_topics=keep_topics)
    if not exact:
        raise click.exceptions.Exit(1)


@contextmanager
def _stopping_in_order() -> Iterator[None]:
    """Let SIGTERM leave the `with` blocks as Ctrl-C does, so that no worker is left running."""
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _address(broker: str) -> str:
    if broker != FROM_ENVIRONMENT:
        return broker
    found = os.environ.get(PREFIX + "BROKER")
    return found or misuse("--broker: give an address, as in --broker kafka-1:9092, or set RENTMATCH_BROKER")


def check_size(scenario: Scenario) -> None:
    """Fail (exit status 2) if a scenario is too large for the embedded broker."""
    encode = Codec().encode
    size = sum(len(delivery.key) + len(value_of(delivery, encode)) for delivery in scenario.deliveries)
    if size > EMBEDDED_BYTES_MAX:
        fitting = scenario.obligations * EMBEDDED_BYTES_MAX // size
        misuse(
            f"{scenario.obligations:,} obligations make {size / 1e6:.1f} MB of events; the embedded broker keeps only "
            f"{EMBEDDED_BYTES_MAX / 1e6:.1f} MB. Use at most about {fitting // 100 * 100:,} obligations, or a real "
            "broker: rentmatch demo --broker host:port"
        )


def run(deployment: Deployment, scenario: Scenario, at: Micros, log: Path, *, keep_topics: bool) -> bool:
    """Run the demo on a deployment and print the report; return whether everything was exact."""
    events, is_embedded = len(scenario.deliveries), not deployment.settings.topic_prefix
    say(f"a month of rent: {scenario.obligations:,} obligations, {events:,} events, seed {scenario.seed}")
    deployment.create_topics()
    to_broker(scenario.deliveries, deployment.settings, events)
    place = "embedded" if is_embedded else f"topics {deployment.settings.topic_prefix}*"
    say(f"events published in the order of arrival to {deployment.settings.broker} ({place})")
    judge = Judge(scenario, at, deployment.settings)
    follower = Follower(deployment.settings)
    try:
        with DemoWorker(deployment, log) as worker:
            say("worker started; joining the group takes some seconds")
            follow(worker, follower, judge, at)
            worker.stop()
            while not follower.is_at_the_end():
                follower.take(0.1)
        lost = follower.truncated_topics()
    finally:
        follower.close()
    if lost:
        fail(
            f"the broker dropped records of {', '.join(lost)} before they were read, so the results cannot be checked. "
            "Use fewer --obligations, or a real broker: rentmatch demo --broker host:port"
        )
    say("worker stopped with SIGTERM, exit status 0")
    judgement = judge.judge(follower)
    show(Console(file=sys.stdout, width=WIDTH, highlight=False), scenario, judgement, pace(events, follower))
    if not is_embedded:
        _leave(deployment, keep=keep_topics or not judgement.is_exact)
    return judgement.is_exact


def follow(worker: DemoWorker, follower: Follower, judge: Judge, at: Micros) -> None:
    """Read the outputs until the worker reports that it has caught up to `at` and writes nothing more."""
    quiet_since = stalled_since = time.monotonic()
    with _bar("reconciling", judge.expected) as advance:
        while True:
            worker.check()
            now = time.monotonic()
            if follower.take(0.2):
                quiet_since = stalled_since = now
            advance(judge.found_so_far(follower))
            if now - quiet_since > IDLE_SECONDS and worker.caught_up_to() == at:
                return
            if now - stalled_since > STALLED_SECONDS_MAX:
                worker.give_up(f"the worker has written nothing for {STALLED_SECONDS_MAX:.0f} s and has not caught up")


@contextmanager
def _bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show progress on stderr: a bar on a terminal, else a line every few seconds."""
    if sys.stderr.isatty():
        columns = [
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        ]
        with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(what, total=total)
            yield lambda done: progress.update(task, completed=done)
        return
    printed_at, printed = time.monotonic(), -1

    def show_line(done: int) -> None:
        nonlocal printed_at, printed
        if done != printed and time.monotonic() - printed_at > LINE_SECONDS:
            printed_at, printed = time.monotonic(), done
            say(f"{what}: {done:,} of {total:,} keys and dead letters found")

    yield show_line


def pace(events: int, follower: Follower) -> str:
    """Describe the throughput, and how it was measured."""
    spent_ms = max(1, follower.last_ms - follower.first_ms)
    return (
        f"{events:,} events in, {follower.records:,} records out in {spent_ms / 1000:.1f} s: "
        f"{events * 1000 // spent_ms:,} events/s, between the timestamps of the worker's first and last record. "
        "One worker, on the same machine as the broker and the demo."
    )


def _leave(deployment: Deployment, *, keep: bool) -> None:
    """Delete the demo's topics on a real broker, or print how to inspect them."""
    if not keep:
        deployment.delete_topics()
        deployment.delete_group()
        say(f"deleted topics {deployment.settings.topic_prefix}* and the consumer group")
        return
    variables = " ".join(f"{name}={shlex.quote(deployment.env[name])}" for name in LOCATING)
    say(f"topics kept; inspect them with: {variables} rentmatch read mismatch-alerts --last")
