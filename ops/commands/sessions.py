"""`rentmatch sessions`: the sessions of the people who are signed in to the gateway."""

import click

from gateway.people.audit import AuditLog
from gateway.people.sessions import Sessions
from ops.breaks.writing import actor_of
from ops.commands.tokens import actor_option
from ops.console import Command, Group, say
from ops.people import with_mongo
from read_model.mongo import Mongo
from streams.clocks import system_clock
from streams.settings import load


@click.group(cls=Group, name="sessions", short_help="Sessions of people: end them at once.")
def command() -> None:
    """Manage the sessions of the people who are signed in to the gateway.

    Role and properties are read at the sign-in. After you have changed them at the provider, or taken somebody's
    account away, end their sessions; otherwise they go on for up to RENTMATCH_GATEWAY_SESSION_HOURS.

    Example:
      rentmatch sessions end ana

    """


@command.command(cls=Command, name="end", short_help="End all sessions of a person.")
@click.argument("name")
@actor_option
def end(*, name: str, actor: str | None) -> None:
    """End all sessions of the person called NAME, on every gateway.

    Example:
      rentmatch sessions end ana

    """
    settings = load()
    who = actor_of(settings, actor)

    async def end_all(mongo: Mongo, audit: AuditLog) -> int:
        await audit.check()
        count = await Sessions(mongo, system_clock).end_all_of(name)
        await audit.record(actor=who, action="sessions.end", outcome="done", reason=f"{count} of {name}")
        return count

    say(f"{with_mongo(settings, end_all)} sessions of {name} have ended")
