"""`rentmatch worker`: a worker process, which is Faust's own with our app."""

import os
from collections.abc import Awaitable, Callable, Sequence

import click

from domain.time import Micros
from ops.console import Command, fail, log_level_option, say
from ops.ports import is_free
from streams.broker.cluster import partition_counts
from streams.settings import Settings, load

PORTS_TRIED = 100
FAUST_LOG_LEVELS = {"WARNING": "WARN"}
"""Faust's names of levels, where they are not ours."""


def run(
    settings: Settings,
    *,
    with_web: bool,
    clock: Callable[[], Micros] | None = None,
    tasks: Sequence[Callable[[], Awaitable[None]]] = (),
) -> None:
    """Run a worker until it is stopped, as `faust -A app worker` does. Ends the process.

    Args:
        settings: of the service.
        with_web: with the web server.
        clock: the service's, microseconds since 1970; default: as the settings say.
        tasks: what else runs in its event loop, until it is cancelled.

    """
    # These take a second to import; only this command needs them.
    from faust.cli.faust import cli as faust_cli  # noqa: PLC0415

    from app import create_app  # noqa: PLC0415

    app = create_app(settings, clock=clock)
    for task in tasks:
        app.task(task)
    app.finalize()
    web = "--with-web" if with_web else "--without-web"
    quiet = ["--quiet"] if settings.log_format == "json" else []  # no banner between the objects
    level = FAUST_LOG_LEVELS.get(settings.log_level, settings.log_level)
    faust_cli.main(args=[*quiet, "worker", web, "--loglevel", level], prog_name="rentmatch", app=app)


def choose_port(settings: Settings) -> int:
    """The port asked for; where none was asked for and the default is taken by another worker, the next free one."""
    if "http_port" in settings.model_fields_set:
        return settings.http_port
    for port in range(settings.http_port, settings.http_port + PORTS_TRIED):
        if not is_free(port, settings.http_host):
            continue
        if port != settings.http_port:
            say(f"Port {settings.http_port} is taken; this worker's web server listens on {port}.")
        return port
    fail(f"No port from {settings.http_port} on is free; set RENTMATCH_HTTP_PORT, to 0 for no web server.")


@click.command(cls=Command, name="worker", short_help="Start a worker.")
@click.option("--without-web", is_flag=True, help="No web server: no health endpoints, no questions.")
@log_level_option
def command(without_web: bool, log_level: str | None) -> None:
    """Start a worker: it reads the inputs, reconciles, and writes the outputs.

    Start as many as you like, on as many machines; the partitions are shared out among them. Ctrl-C or SIGTERM
    stops a worker after its last commit. The topics must exist (`rentmatch provision`).

    Example:
      RENTMATCH_BROKER=kafka-1:9092 rentmatch worker --log-level info

    """
    settings = load()
    with_web = settings.http_port != 0 and not without_web
    if with_web:
        settings.check_web()
    partition_counts(settings)  # what an operator can mend is reported before Faust wraps it in a log
    given = os.environ | {
        "RENTMATCH_HTTP_PORT": str(choose_port(settings) if with_web else 0),
        "RENTMATCH_LOG_LEVEL": log_level or settings.log_level,
    }
    run(load(given), with_web=with_web)
