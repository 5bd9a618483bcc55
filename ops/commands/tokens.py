"""`rentmatch tokens`: the API tokens of programs."""

from typing import Any

import click

from domain.time import DAY, rfc3339
from gateway.people.audit import AuditLog
from gateway.people.tokens import ROLES, CreatedToken, StoredToken, TokenRefused, Tokens
from gateway.people.viewer import Role
from ops.breaks.writing import actor_of
from ops.console import Command, Group, fail, misuse, put_json, put_line, put_table, say
from ops.people import with_mongo
from read_model.mongo import Mongo
from streams.clocks import system_clock
from streams.settings import load

actor_option = click.option(
    "--actor", metavar="NAME", help="Who does it; RENTMATCH_ACTOR or the login name by default."
)


@click.group(cls=Group, name="tokens", short_help="API tokens of programs: create, list, revoke.")
def command() -> None:
    """Manage the API tokens with which programs ask the gateway.

    A token has a role and, if you like, a scope of properties, which stay as they are. Only a hash of its secret is
    stored. Tokens are viewers or operators, and never accept or approve: that is done by people.

    Example:
      rentmatch tokens create nightly-report --role viewer --property p-17
      rentmatch tokens list

    """


@command.command(cls=Command, name="create", short_help="Make a token, and print it once.")
@click.argument("name")
@click.option(
    "--role", type=click.Choice([role.value for role in ROLES]), default=Role.VIEWER.value, show_default=True,
    help="What the program may do.",
)  # fmt: skip
@click.option("--property", "properties", multiple=True, metavar="ID", help="Only this property; may be repeated.")
@click.option("--free-queries", is_flag=True, help="GraphQL documents of its own, not only the console's.")
@click.option("--days", type=click.IntRange(1, 365), default=90, show_default=True, help="How long it is valid.")
@actor_option
def create(
    *, name: str, role: str, properties: tuple[str, ...], free_queries: bool, days: int, actor: str | None
) -> None:
    """Make a token called NAME, and print it to standard output. It is not shown again.

    Example:
      rentmatch tokens create nightly-report --role viewer --property p-17 --free-queries --days 90

    """
    settings = load()
    who = actor_of(settings, actor)

    async def make(mongo: Mongo, audit: AuditLog) -> CreatedToken:
        await audit.check()
        made = await Tokens(mongo, system_clock).create(
            name=name,
            role=Role(role),
            properties=properties or None,
            free_queries=free_queries,
            expires_at=system_clock() + days * DAY,
            created_by=who,
        )
        reason = f"{name}, {role}, by the command line"
        await audit.record(actor=who, action="token.create", outcome="done", about=made.stored.token_id, reason=reason)
        return made

    try:
        made = with_mongo(settings, make)
    except TokenRefused as error:
        misuse(str(error))
    say(f"token {made.stored.token_id} is valid until {rfc3339(made.stored.expires_at)}; it is shown this once:")
    put_line(made.secret)


@command.command(cls=Command, name="list", short_help="List all tokens, without their secrets.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def list_tokens(*, as_json: bool) -> None:
    """List all tokens, the newest first; expired and revoked ones too.

    Example:
      rentmatch tokens list --json

    """

    async def read(mongo: Mongo, _: AuditLog) -> list[StoredToken]:
        return await Tokens(mongo, system_clock).all()

    found = with_mongo(load(), read)
    if as_json:
        for token in found:
            put_json(_as_json(token))
        return
    now = system_clock()
    rows = [
        [
            token.token_id,
            token.name,
            token.role.value,
            "all" if token.properties is None else ", ".join(sorted(token.properties)),
            "yes" if token.free_queries else "no",
            token.created_by,
            "never" if token.used_on is None else rfc3339(token.used_on)[:10],
            _state(token, now),
        ]
        for token in found
    ]
    put_table(["id", "name", "role", "properties", "free queries", "created by", "last used", "state"], rows)


@command.command(cls=Command, name="revoke", short_help="Revoke a token at once.")
@click.argument("token_id")
@actor_option
def revoke(*, token_id: str, actor: str | None) -> None:
    """Revoke the token with this id, as `list` shows it. Every gateway refuses it from then on.

    Example:
      rentmatch tokens revoke 5f0c2a9b1d3e4f60

    """
    settings = load()
    who = actor_of(settings, actor)

    async def end(mongo: Mongo, audit: AuditLog) -> bool:
        await audit.check()
        revoked = await Tokens(mongo, system_clock).revoke(token_id)
        outcome = "done" if revoked else "refused.not_found"
        await audit.record(actor=who, action="token.revoke", outcome=outcome, about=token_id[:100])
        return revoked

    if not with_mongo(settings, end):
        fail(f"there is no valid token with the id {token_id}; `rentmatch tokens list` has all")
    say("revoked")


def _state(token: StoredToken, now: int) -> str:
    if token.revoked_at is not None:
        return f"revoked {rfc3339(token.revoked_at)[:10]}"
    return f"{'expired' if now >= token.expires_at else 'valid until'} {rfc3339(token.expires_at)[:10]}"


def _as_json(token: StoredToken) -> dict[str, Any]:
    def instant(at: int | None) -> str | None:
        return None if at is None else rfc3339(at)

    return {
        "id": token.token_id,
        "name": token.name,
        "role": token.role.value,
        "properties": None if token.properties is None else sorted(token.properties),
        "free_queries": token.free_queries,
        "created_at": instant(token.created_at),
        "created_by": token.created_by,
        "expires_at": instant(token.expires_at),
        "last_used": None if token.used_on is None else rfc3339(token.used_on)[:10],
        "revoked_at": instant(token.revoked_at),
    }
