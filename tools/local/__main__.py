"""The whole topology on one machine: `python -m tools.local up|down|status`, which `make up` and the others run.

Exit status as that of `rentmatch`: 0 done; 1 it could not be done, or something is not well; 2 given wrongly.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
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
from tools.local.rendering import Shown, rows_of, shown_on, table_of
from tools.local.supervisor import Supervisor
from tools.local.topology import Plan, Simulation, parts_of, require_tools

TICK_S = 0.1
STATUS_EVERY_S = 0.5
DOWN_SECONDS_MAX = 120

folder_option = click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(".rentmatch/up"),
    show_default=True,
    help="Where data, logs and status lie.",
)


class Asked:
    """How often we were asked to end: Ctrl-C, SIGTERM, or the terminal's end."""

    def __init__(self) -> None:
        self.times = 0

    def note(self, *_: object) -> None:
        """Once more."""
        self.times += 1


@contextmanager
def asked_to_end() -> Iterator[Asked]:
    """Count the signals that ask for the end instead of being ended by them."""
    asked = Asked()
    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {one: signal.signal(one, asked.note) for one in signals}
    try:
        yield asked
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def cli() -> None:
    """Run the whole topology on this machine, without containers.

    Three Kafka brokers with every topic three times replicated, a schema registry, the read model's server, two
    workers, Prometheus. Needs Linux, Java 17 or later, and Maven for what is fetched at the first start.
    """


@cli.command(cls=Command)
@folder_option
@click.option("--fresh", is_flag=True, help="Forget all data of before.")
@click.option("--port", "given", multiple=True, metavar="NAME=PORT", help="Another port than usual, as registry=8085.")
@click.option("--free-ports", is_flag=True, help="Any ports that are free, instead of the usual ones.")
@click.option("--set", "settings", multiple=True, metavar="RENTMATCH_NAME=VALUE", help="A setting of all its workers.")
@click.option("--simulate", is_flag=True, help="Feed made-up rent: four months, quickly up to now, then as it happens.")
@click.option(
    "--obligations", type=click.IntRange(1), default=2000, show_default=True, help="How much rent is made up."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same rent.")
@click.option(
    "--catching-up", type=click.IntRange(1), default=120, show_default=True, help="Seconds for the past of it."
)
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

    Data survives: the next start goes on from there. What ends is started again. RENTMATCH_ variables of yours do not
    reach what is started here; give them with --set.
    """
    where = Folder(folder)
    with asked_to_end() as asked, where.held():
        require_tools()
        chosen = ports.chosen(given, free=free_ports)
        ports.require_free(chosen)
        if fresh:
            where.wipe()
        simulation = Simulation(seed, obligations, catching_up) if simulate else None
        plan = Plan(where, chosen, _settings(settings), simulation)
        plan.load()
        _run(plan, asked)


def _settings(given: tuple[str, ...]) -> dict[str, str]:
    pairs = {}
    for words in given:
        name, equals, value = words.partition("=")
        if not equals:
            raise Misuse(f"--set {words}: it takes RENTMATCH_NAME=VALUE")
        pairs[name] = value
    return pairs


def _run(plan: Plan, asked: Asked) -> None:
    folder = plan.folder
    with shown_on(Console(stderr=True)) as shown:
        supervisor = Supervisor(parts_of(plan), shown.tell)
        folder.write_env(plan.variables())

        def show() -> None:
            rows = rows_of(supervisor.parts.values())
            folder.write_status({"pid": os.getpid(), "is_well": supervisor.is_well, "parts": rows})
            shown.update(rows)

        try:
            _keep_running(supervisor, plan, shown, show, asked)
        finally:
            shown.tell("stopping; Ctrl-C once more kills at once")
            so_far = asked.times
            supervisor.stop(lambda: asked.times > max(1, so_far), show)


def _keep_running(supervisor: Supervisor, plan: Plan, shown: Shown, show: Callable[[], None], asked: Asked) -> None:
    started, shown_at, was_well = time.monotonic(), 0.0, False
    while not asked.times:
        supervisor.tick()
        if time.monotonic() - shown_at > STATUS_EVERY_S:
            shown_at = time.monotonic()
            show()
        if supervisor.is_well and not was_well:
            was_well = True
            shown.tell(f"all is well after {time.monotonic() - started:.0f} s")
            shown.note(where_to_look(plan))
        time.sleep(TICK_S)


def where_to_look(plan: Plan) -> str:
    """Say what can be done with it now."""
    ask = f'curl -H "Authorization: Bearer $RENTMATCH_HTTP_TOKEN" {plan.url("worker-1")}'
    lines = [
        f"  source {_near(plan.folder.env)}, and then in the same shell:",
        "    rentmatch simulate --to-broker          feeds a month of rent",
        "    rentmatch exceptions list               the breaks that it brings",
        "    rentmatch read late-payment-alerts --follow",
        f"    {ask}/v1/exceptions",
        f"  API          {plan.url('worker-1')}/v1/openapi.json",
        f"  Prometheus   {plan.url('prometheus')}/alerts",
        f"  logs         {_near(plan.folder.logs)}",
        "  Ctrl-C, or `make down` elsewhere, stops it all; data stays for the next time.",
    ]
    return "\n".join(lines)


def _near(path: Path) -> str:
    """Write a path as it is seen from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


@cli.command(cls=Command)
@folder_option
def down(folder: Path) -> None:
    """Stop what `up` runs, and wait until all has ended. Data stays."""
    where = Folder(folder)
    runner = where.runner()
    if runner is None:
        say("nothing is up")
        return
    os.kill(runner, signal.SIGTERM)
    until = time.monotonic() + DOWN_SECONDS_MAX
    while where.runner() == runner:
        if time.monotonic() > until:
            raise Failure(f"process {runner} has not ended within {DOWN_SECONDS_MAX} s")
        time.sleep(0.1)
    say("all has ended")


@cli.command(cls=Command)
@folder_option
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def status(folder: Path, as_json: bool) -> None:
    """Show how everything stands; exit status 1 if it is not up, or something in it is not well."""
    where = Folder(folder)
    told = where.status()
    if where.runner() is None or told is None:
        raise Failure("nothing is up; `make up` starts it")
    if as_json:
        put_json(told)
    else:
        Console(width=None if sys.stdout.isatty() else 160).print(table_of(told["parts"]))
    if not told["is_well"]:
        raise click.exceptions.Exit(1)


@cli.command(cls=Command, hidden=True)
@click.option("--progress", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--seed", type=int, required=True)
@click.option("--obligations", type=int, required=True)
@click.option("--catching-up", type=int, required=True)
def feed(progress: Path, seed: int, obligations: int, catching_up: int) -> None:
    """Feed made-up rent; `up --simulate` runs this."""
    begun = feeding.begin(progress, seed, obligations, system_clock())
    count = feeding.feed(load(), progress, begun, catching_up_s=catching_up)
    say(f"{count} events published; that was all")


def main() -> None:
    """Run a command; what the person can mend is told without a traceback."""
    try:
        sys.exit(cli(prog_name="python -m tools.local", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (ports.PortError, SettingsError) as error:
        _end(str(error), 2)
    except (AlreadyRunningError, MissingToolError, BrokerError) as error:
        _end(str(error), 1)


def _end(message: str, status: int) -> None:
    click.echo(f"Error: {message}", err=True)
    sys.exit(status)


if __name__ == "__main__":
    main()
