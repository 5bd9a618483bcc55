"""`rentmatch watch`: the process that imports the files that arrive in a directory."""

import asyncio
import logging.config
import signal
import socket
import time
from pathlib import Path

import click
from aiohttp import web

from ops.commands.worker import choose_port
from ops.console import Command, fail, log_level_option, misuse
from ops.watching.feeds import CONFIG_NAME, Feed, FeedError, load_feeds
from ops.watching.inbox import Inbox, WatchedTwice
from ops.watching.metrics import WatchMetrics
from ops.watching.watcher import Watcher
from sinks import logs
from sinks.pages import add_pages
from sinks.serving import PortUnavailable, served
from streams.clocks import system_clock
from streams.codec.codec import codec_of
from streams.settings import load

LOOKS_PER_SETTLE = 4
LONGEST_PAUSE_S = 5.0
SHORTEST_PAUSE_S = 0.05


@click.command(cls=Command, name="watch", short_help="Import the files that arrive in a directory.")
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--config", "config_path", type=click.Path(dir_okay=False, path_type=Path),
    help="Which files are of which format; DIRECTORY/watch.toml by default.",
)  # fmt: skip
@click.option(
    "--settle-seconds", type=click.FloatRange(0, 3600), default=10.0, show_default=True,
    help="A file is complete when it has not changed for so long.",
)  # fmt: skip
@click.option("--once", is_flag=True, help="Import what is complete, and end; for cron.")
@click.option("--without-web", is_flag=True, help="No web server: no metrics, no health endpoints.")
@log_level_option
def command(
    directory: Path,
    config_path: Path | None,
    settle_seconds: float,
    once: bool,
    without_web: bool,
    log_level: str | None,
) -> None:
    """Import the files that arrive in DIRECTORY, such as an SFTP drop, until SIGTERM or Ctrl-C.

    A file is imported once it has not changed for --settle-seconds, as `rentmatch import` does it, and is then moved
    to DIRECTORY/done, or to DIRECTORY/failed if it cannot be used, with its report beside it. Names that end in .part,
    .tmp and the like, and hidden files, are left alone until they are renamed. While the broker is unavailable the
    files stay. The process may be killed at any moment: a file is then still there and is imported again, which
    changes nothing. docs/connectors.md describes the configuration.

    Example:
      rentmatch watch incoming

    """
    settings = load()
    logging.config.dictConfig(
        logs.config(
            settings.log_format,
            {"application": settings.application_id, "worker": settings.worker_id or socket.gethostname()},
            settings.secrets(),
            log_level or settings.log_level,
        )
    )
    if not directory.is_dir():
        misuse(f"{directory} is no directory")
    path = directory / CONFIG_NAME if config_path is None else config_path
    try:
        feeds = load_feeds(path)
        inbox = Inbox(directory, settle_seconds, _ignored(path, feeds))
    except FeedError as error:
        misuse(str(error))
    except WatchedTwice as error:
        fail(str(error))
    except OSError as error:
        fail(f"{directory} cannot be watched: {error.strerror}")
    metrics = WatchMetrics(feed.name for feed in feeds)
    watcher = Watcher(settings, codec_of(settings), inbox, feeds, metrics, system_clock)
    try:
        if once:
            watcher.look(time.monotonic())
            time.sleep(settle_seconds)
            watcher.look(time.monotonic())
            verdict = watcher.ready()
            if not verdict.good:
                fail(f"{verdict.why}. The files stay where they are.")
            return
        port = 0 if without_web or settings.http_port == 0 else choose_port(settings)
        pause_s = min(LONGEST_PAUSE_S, max(SHORTEST_PAUSE_S, settle_seconds / LOOKS_PER_SETTLE))
        asyncio.run(_run(watcher, metrics, settings.http_host, port, pause_s))
    except PortUnavailable as error:
        fail(str(error))
    except OSError as error:
        fail(f"{directory}: {error.strerror}: {error.filename}")
    finally:
        inbox.close()


def _ignored(config: Path, feeds: list[Feed]) -> frozenset[str]:
    """The configuration, and the mappings that it names."""
    return frozenset({config.name, *(Path(feed.config.mapping).name for feed in feeds if feed.config.mapping)})


async def _run(watcher: Watcher, metrics: WatchMetrics, host: str, port: int, pause_s: float) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    pages = web.Application()
    add_pages(pages, live=watcher.live, ready=watcher.ready, families=metrics.families)
    async with served(pages, host, port):
        while not stop.is_set():
            # A file on its way is finished before the process ends.
            await asyncio.to_thread(lambda: watcher.look(time.monotonic()))
            try:
                await asyncio.wait_for(stop.wait(), pause_s)
            except TimeoutError:
                continue
