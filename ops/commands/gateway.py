"""`rentmatch gateway`: the process that people use: GraphQL, the console, exports."""

import asyncio
import logging.config
import signal
import socket
from typing import Any

import click
import uvloop
from aiohttp import web

from gateway.graphql.documents import ManifestError, read_manifest
from gateway.graphql.mutations import command_parts
from gateway.people.audit import AuditLog
from gateway.people.sessions import Identity
from gateway.people.viewer import Role
from gateway.web.console_files import BUILD, MANIFEST, ConsoleMissing, console_files
from gateway.web.process import GatewayParts, GatewayProcess
from gateway.workers import Workers
from ops.commands.project_read_model import mongo_of
from ops.commands.worker import choose_port
from ops.console import Command, fail, log_level_option, misuse, printable
from read_model.mongo import MongoConfigError
from read_model.queries import QUERY_TIMEOUT_S
from sinks import logs
from sinks.pages import add_pages
from sinks.serving import PortUnavailable, served
from streams.clocks import system_clock
from streams.codec.codec import codec_of
from streams.settings import Settings, load
from streams.settings.gateway import ROLE_NAMES


def _person(text: str) -> Identity:
    name, separator, role = text.rpartition("=")
    if not separator or not name or role not in ROLE_NAMES:
        raise click.BadParameter(f"{text!r} is not NAME=ROLE, where ROLE is one of {', '.join(ROLE_NAMES)}")
    return Identity(name, Role(role), None)


class _Person(click.ParamType):
    name = "NAME=ROLE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Identity:
        """Read a name and a role."""
        return value if isinstance(value, Identity) else _person(value)


@click.command(cls=Command, name="gateway", short_help="Serve the console and GraphQL to people.")
@click.option("--without-web", is_flag=True, help="No second web server: no metrics, no reasons of health.")
@click.option("--without-console", is_flag=True, help="The API alone; the console need not be built.")
@click.option(
    "--person", "people", multiple=True, type=_Person(), metavar="NAME=ROLE",
    help="Without a provider: for whom a link is printed, instead of RENTMATCH_GATEWAY_LOCAL_PERSON.",
)  # fmt: skip
@log_level_option
def command(*, without_web: bool, without_console: bool, people: tuple[Identity, ...], log_level: str | None) -> None:
    """Serve the console, GraphQL and exports, until SIGTERM or Ctrl-C.

    The gateway reads the read model, asks the workers (RENTMATCH_GATEWAY_WORKERS) for what only they have, and writes
    what people decide to Kafka. People sign in at an OpenID Connect provider (RENTMATCH_GATEWAY_OIDC_ISSUER). Without
    one it listens on this machine only, and prints a link for each person, which works once. docs/console.md has the
    steps, and docs/graphql.md the API for programs.

    Example:
      RENTMATCH_MONGO_URL=mongodb://localhost:27017 rentmatch gateway --person ana=admin --person ben=approver

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
    settings.check_gateway()
    if people and settings.gateway_oidc_issuer is not None:
        misuse("--person: people sign in at the provider of RENTMATCH_GATEWAY_OIDC_ISSUER")
    if len({person.name for person in people}) < len(people):
        misuse("--person: a name is there twice")
    pages_port = 0 if without_web or settings.http_port == 0 else choose_port(settings)
    local = (Identity(settings.gateway_local_person, Role(settings.gateway_local_role), None),)
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_run(settings, people or local, pages_port=pages_port, with_console=not without_console))
    except (ConsoleMissing, ManifestError) as error:
        fail(f"{error}. --without-console serves the API alone.")
    except PortUnavailable as error:
        fail(str(error))
    except MongoConfigError as error:
        fail(f"the gateway's collections cannot be used: {error}. Drop that index.")


async def _run(settings: Settings, people: tuple[Identity, ...], *, pages_port: int, with_console: bool) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console = console_files(BUILD) if with_console else None
    manifest = read_manifest(BUILD / MANIFEST) if with_console else {}
    mongo = mongo_of(settings, QUERY_TIMEOUT_S)
    workers = Workers(settings.gateway_worker_urls, _worker_token(settings))
    audit = AuditLog(mongo, system_clock)
    codec = codec_of(settings)
    commands = command_parts(settings, mongo=mongo, workers=workers, audit=audit, codec=codec)
    parts = GatewayParts(
        mongo=mongo,
        workers=workers,
        operations=commands.operations,
        commands=commands.commands,
        audit=audit,
        codec=codec,
    )
    try:
        process = GatewayProcess(settings, parts, people=people, show=_show, console=console, manifest=manifest)
        pages = web.Application()
        add_pages(pages, live=process.live, ready=process.ready, families=process.metrics.families)
        async with (
            served(pages, settings.http_host, pages_port),
            process.running(settings.gateway_host, settings.gateway_port),
        ):
            process.failure.add_done_callback(lambda _: stop.set())
            await stop.wait()
            if process.failure.done():
                process.failure.result()
    finally:
        await commands.close()
        await workers.close()
        await mongo.close()


def _worker_token(settings: Settings) -> str | None:
    if settings.gateway_worker_token is not None:
        return settings.gateway_worker_token.get_secret_value()
    return settings.http_tokens[0].decode() if settings.http_tokens else None


def _show(name: str, link: str) -> None:
    # Standard output, and not the log: the link is a secret.
    click.echo(f"{printable(name)} signs in with {link}")
