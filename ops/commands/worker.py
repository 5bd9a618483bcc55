"""`rentmatch worker`: a worker process, which is Faust's own with our app."""

import importlib

import click

from ops.console import Command
from streams.admin import partition_counts
from streams.settings import load

LOG_LEVELS = ["DEBUG", "INFO", "WARNING", "ERROR"]


def run(*, with_web: bool, log_level: str) -> None:
    """Run a worker until it is told to stop; does what `faust -A app worker` does. Ends the process."""
    from faust.cli.faust import cli as faust_cli  # noqa: PLC0415 - takes a second to import; only this command needs it

    app = importlib.import_module("app").app
    app.finalize()
    web = "--with-web" if with_web else "--without-web"
    faust_cli.main(args=["worker", web, "--loglevel", log_level], prog_name="rentmatch", app=app)


@click.command(cls=Command, name="worker", short_help="Start a worker.")
@click.option("--without-web", is_flag=True, help="No web server: no health, no metrics.")
@click.option(
    "--log-level",
    type=click.Choice(LOG_LEVELS, case_sensitive=False),
    help="How much to log; RENTMATCH_LOG_LEVEL by default.",
)
def command(without_web: bool, log_level: str | None) -> None:
    """Start a worker: it reads the inputs, reconciles, and writes the outputs.

    Start as many as you like, on as many machines; the partitions are shared out among them. Ctrl-C or SIGTERM
    stops a worker after its last commit. The topics must exist (`rentmatch provision`).

    Example:
      RENTMATCH_BROKER=kafka-1:9092 rentmatch worker --log-level info

    """
    settings = load()
    partition_counts(settings)  # what an operator can mend is told before Faust wraps it in a log
    with_web = settings.http_port != 0 and not without_web
    run(with_web=with_web, log_level=(log_level or settings.log_level).upper())
