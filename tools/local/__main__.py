"""All of rentmatch on one machine: `python -m tools.local up|down|status`, which `make up` and the others run.

Exit status as that of `rentmatch`: 0 done; 1 it failed, or something is not healthy; 2 wrong usage.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console

from ops.console import Command, Failure, Group, Misuse, put_json, say
from streams.broker.cluster import BrokerError
from streams.clocks import system_clock
from streams.settings import SettingsError, load
from tools.local import feeding, ports
from tools.local.cache import MissingToolError
from tools.local.folder import AlreadyRunningError, Folder
from tools.local.rendering import Display, rows_of, table_of
from tools.local.supervisor import Supervisor
from tools.local.topology import LocalDeployment, Simulation, parts_of, require_tools

TICK_S = 0.1
STATUS_EVERY_S = 0.5
DOWN_SECONDS_MAX = 120

folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".rentmatch/up"),
    show_default=True,
    help="Folder of the data, logs and status.",
)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Collect the signals that ask us to stop: Ctrl-C, SIGTERM, the end of the terminal."""
    received: list[int] = []
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {one: signal.signal(one, lambda number, _: received.append(number)) for one in signals}
    try:
        yield received
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Run all of rentmatch on this machine, without containers.

    Three Kafka brokers, each topic replicated on all of them, a schema registry, the server of the read model, two
    workers, the projector, the gateway, Prometheus. Needs Linux, Java 17 or later, and Maven, which fetches Kafka and
    the registry.
    """


@cli.command(cls=Command)
@folder_option
@click.option("--fresh", is_flag=True, help="Delete all earlier data first.")
@click.option("--port", "given", multiple=True, metavar="NAME=PORT", help="Use another port, as in registry=8085.")
@click.option("--free-ports", is_flag=True, help="Use any free ports instead of the usual ones.")
@click.option("--set", "settings", multiple=True, metavar="RENTMATCH_NAME=VALUE", help="A setting for all processes.")
@click.option("--simulate", is_flag=True, help="Feed simulated rent: four months quickly up to now, then in real time.")
@click.option("--obligations", type=click.IntRange(1), default=2000, show_default=True, help="Simulated obligations.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same rent.")
@click.option("--catching-up", type=click.IntRange(1), default=120, show_default=True, help="Seconds for its past.")
def up(
    folder: Path,
    *,
    fresh: bool,
    given: tuple[str, ...],
    free_ports: bool,
    settings: tuple[str, ...],
    simulate: bool,
    obligations: int,
    seed: int,
    catching_up: int,
) -> None:
    """Start everything, keep it running, and stop it at Ctrl-C.

    Data is kept for the next start. A process that exits is restarted. RENTMATCH_ variables of your shell do not reach
    the processes; use --set.
    """
    where = Folder(folder)
    with _interrupts() as received, where.locked():
        require_tools()
        chosen = ports.chosen(given, free=free_ports)
        ports.require_free(chosen)
        if fresh:
            where.wipe()
        simulation = Simulation(seed, obligations, catching_up) if simulate else None
        local = LocalDeployment(where, chosen, _settings(settings), simulation)
        local.load()
        with Display(Console(stderr=True)) as display:
            _run(local, display, received)


def _settings(given: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for option in given:
        name, equals, value = option.partition("=")
        if not equals:
            raise Misuse(f"--set {option}: use RENTMATCH_NAME=VALUE")
        pairs[name] = value
    return pairs


def _run(local: LocalDeployment, display: Display, received: list[int]) -> None:
    supervisor = Supervisor(parts_of(local), display.report)
    local.folder.write_env(local.client_variables())
    started, shown_at, was_well = time.monotonic(), 0.0, False

    def show() -> None:
        rows = rows_of(supervisor.parts.values())
        local.folder.write_status({"pid": os.getpid(), "is_well": supervisor.is_well, "parts": rows})
        display.update(rows)

    try:
        while not received:
            supervisor.tick()
            if time.monotonic() - shown_at > STATUS_EVERY_S:
                shown_at = time.monotonic()
                show()
            if supervisor.is_well and not was_well:
                was_well = True
                display.report(f"everything is healthy after {time.monotonic() - started:.0f} s")
                display.note(next_steps(local))
            time.sleep(TICK_S)
    finally:
        display.report("stopping; press Ctrl-C again to kill everything at once")
        so_far = max(1, len(received))
        supervisor.stop(lambda: len(received) > so_far, show)


def next_steps(local: LocalDeployment) -> str:
    """Say what can be done with the running deployment."""
    url, links = local.url("worker-1"), _relative(local.folder.logs / "gateway.log")
    return "\n".join(
        [
            f"  source {_relative(local.folder.env)}, and then in the same shell:",
            "    rentmatch simulate --to-broker          publishes a month of rent",
            "    rentmatch exceptions list               lists its open breaks",
            "    rentmatch read late-payment-alerts --follow",
            f'    curl -H "Authorization: Bearer $RENTMATCH_HTTP_TOKEN" {url}/v1/exceptions',
            f"  API          {url}/v1/openapi.json",
            f"  console      {local.url('gateway')}; {links} has a link for each person",
            f"  Prometheus   {local.url('prometheus')}/alerts",
            f"  logs         {_relative(local.folder.logs)}",
            "  Ctrl-C, or `make down` in another shell, stops everything; data is kept.",
        ]
    )


def _relative(path: Path) -> str:
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


@cli.command(cls=Command)
@folder_option
def down(folder: Path) -> None:
    """Stop what `up` runs, and wait until every process has exited. Data is kept."""
    where = Folder(folder)
    runner = where.runner()
    if runner is None:
        say("nothing is running")
        return
    os.kill(runner, signal.SIGTERM)
    until = time.monotonic() + DOWN_SECONDS_MAX
    while where.runner() == runner:
        if time.monotonic() > until:
            raise Failure(f"process {runner} has not exited within {DOWN_SECONDS_MAX} s")
        time.sleep(0.1)
    say("everything has stopped")


@cli.command(cls=Command)
@folder_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(folder: Path, as_json: bool) -> None:
    """Show the state of every process; exit status 1 if nothing runs, or a process is not healthy."""
    where = Folder(folder)
    found = where.status()
    if where.runner() is None or found is None:
        raise Failure("nothing is running; `make up` starts it")
    if as_json:
        put_json(found)
    else:
        Console(width=None if sys.stdout.isatty() else 160).print(table_of(found["parts"]))
    if not found["is_well"]:
        raise click.exceptions.Exit(1)


@cli.command(cls=Command, hidden=True)
@click.option("--progress", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--seed", type=int, required=True)
@click.option("--obligations", type=int, required=True)
@click.option("--catching-up", type=int, required=True)
def feed(progress: Path, seed: int, obligations: int, catching_up: int) -> None:
    """Feed simulated rent; `up --simulate` runs this."""
    begun = feeding.begin(progress, seed, obligations, system_clock())
    count = feeding.feed(load(), progress, begun, catching_up_s=catching_up)
    say(f"{count} events published; the scenario is complete")


def main() -> None:
    """Run a command; errors that the user can fix are shown without a traceback."""
    try:
        sys.exit(cli(prog_name="python -m tools.local", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (ports.PortError, SettingsError) as error:
        _exit(str(error), 2)
    except (AlreadyRunningError, MissingToolError, BrokerError) as error:
        _exit(str(error), 1)


def _exit(message: str, status: int) -> None:
    click.echo(f"Error: {message}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
