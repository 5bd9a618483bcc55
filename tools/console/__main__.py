"""`python -m tools.console`, which `make console` runs: build the console, and run a month of rent behind it.

Exit status as that of `rentmatch`: 0 done; 1 it failed; 2 wrong usage.
"""

import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click
from rich.console import Console

from ops.commands.demo import check_size
from ops.commands.simulate import to_broker
from ops.console import Command, Failure, say
from ops.demo.deployment import embedded_broker
from ops.deployment import Deployment
from ops.ports import is_free
from streams.broker.cluster import BrokerError
from streams.clocks import system_clock
from streams.settings import SettingsError
from tools.console.building import BuildError, build
from tools.console.parts import ConsoleDeployment, month_before
from tools.local.cache import MissingToolError
from tools.local.processes import free_ports
from tools.local.rendering import Display, rows_of
from tools.local.supervisor import Supervisor

TICK_S = 0.1
STATUS_EVERY_S = 0.5
PEOPLE = ("ana=admin", "ben=approver")
LINK = "/session?link="


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect the signals that ask us to stop."""
    received: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {one: signal.signal(one, lambda number, _: received.append(number)) for one in signals}
    try:
        yield received
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@click.command(cls=Command)
@click.option("--obligations", type=click.IntRange(1), default=300, show_default=True, help="Simulated obligations.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same month.")
@click.option("--port", type=click.IntRange(1, 65_535), default=6070, show_default=True, help="Of the gateway.")
@click.option("--person", "people", multiple=True, metavar="NAME=ROLE", help="Who gets a link; ana and ben by default.")
@click.option("--without-console", is_flag=True, help="The API alone; nothing is built.")
@click.option("--build-only", is_flag=True, help="Build the console, and end.")
def command(
    *, obligations: int, seed: int, port: int, people: tuple[str, ...], without_console: bool, build_only: bool
) -> None:
    """Run the console with a month of simulated rent, until Ctrl-C.

    A month whose recording ended lately goes through a real worker and the projector into a read model; the gateway
    serves it at a local address and prints a link for each of two persons, so that one can accept a difference and
    the other approve it. The broker is embedded in this process, and MongoDB's place has nx-27017: nothing but Python
    is needed, and nothing is kept.
    """
    if not without_console or build_only:
        build(say)
    if build_only:
        return
    if not is_free(port):
        raise click.UsageError(f"port {port} is in use; choose another with --port")
    with _interrupts() as received, ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rentmatch-console-")))
        scenario = month_before(system_clock(), seed, obligations)
        check_size(scenario)
        worker, projector, mongo, pages = free_ports(4)
        local = ConsoleDeployment(
            folder=folder,
            broker=stack.enter_context(embedded_broker()),
            ports={"worker": worker, "projector": projector, "mongo": mongo, "gateway": port, "pages": pages},
            people=people or PEOPLE,
            with_console=not without_console,
        )
        deployment = Deployment(local.variables())
        deployment.create_topics()
        to_broker(scenario.deliveries, deployment.settings, len(scenario.deliveries))
        with Display(Console(stderr=True)) as display:
            _run(local, display, received)


def _run(local: ConsoleDeployment, display: Display, received: list[int]) -> None:
    supervisor = Supervisor(local.parts(), display.report)
    links = _Links(local.folder / "gateway.log")
    shown_at, was_well = 0.0, False
    try:
        while not received:
            supervisor.tick()
            if time.monotonic() - shown_at > STATUS_EVERY_S:
                shown_at = time.monotonic()
                display.update(rows_of(supervisor.parts.values()))
            if supervisor.is_well and not was_well:
                was_well = True
                display.report(f"the console is at {local.url('gateway')}; Ctrl-C stops everything")
                display.report(f"`rentmatch publish` reaches its broker with RENTMATCH_BROKER={local.broker}")
            if was_well:
                for line in links.fresh():
                    display.report(line)
            time.sleep(TICK_S)
    finally:
        display.report("stopping")
        so_far = max(1, len(received))
        supervisor.stop(lambda: len(received) > so_far, lambda: None)


class _Links:
    """The links that the gateway prints into its log."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0

    def fresh(self) -> list[str]:
        """The lines with links that are new since the last call."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as file:
            file.seek(self._read)
            whole, end, _ = file.read().rpartition(b"\n")
        self._read += len(whole) + len(end)
        return [line for line in whole.decode(errors="replace").splitlines() if LINK in line]


def main() -> None:
    """Run the command; errors that the user can fix are shown without a traceback."""
    try:
        sys.exit(command(prog_name="python -m tools.console", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except SettingsError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(2)
    except (BuildError, MissingToolError, BrokerError) as error:
        Failure(str(error)).show()
        sys.exit(1)


if __name__ == "__main__":
    main()
