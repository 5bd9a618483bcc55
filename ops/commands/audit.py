"""`rentmatch audit`: the audit log of the gateway, for an auditor."""

from collections.abc import Awaitable, Callable

import click

from domain.time import rfc3339
from gateway.people.audit import FIRST_HASH, AuditLog, AuditRecord, broken_link
from ops.console import Command, Group, fail, put_json, say
from ops.people import with_mongo
from read_model.mongo import Mongo
from streams.settings import load

ENTRIES_A_PAGE = 1_000


@click.group(cls=Group, name="audit", short_help="The audit log of the gateway: export and check it.")
def command() -> None:
    """Export and check the audit log: who signed in, decided, exported and was refused.

    Each entry has a SHA-256 hash over its own content and the hash before it. docs/console.md says over what exactly,
    so that you can compute it yourself.

    Example:
      rentmatch audit check
      rentmatch audit export > audit.jsonl

    """


@command.command(cls=Command, name="export", short_help="Print the audit log as JSON lines.")
@click.option("--after", type=click.IntRange(0), default=0, help="Only entries after this number.")
def export(*, after: int) -> None:
    """Print the audit log in order, one JSON object a line.

    Example:
      rentmatch audit export > audit.jsonl

    """

    async def show(entry: AuditRecord) -> None:
        put_json({**entry._asdict(), "at": rfc3339(entry.at), "at_micros": entry.at})

    _each(after, show)


@command.command(cls=Command, name="check", short_help="Check that nothing in the audit log was changed.")
def check() -> None:
    """Check that every entry fits the one before it, from the first to the last. Exit status 1 if one does not.

    An entry that was changed, added or removed no longer fits. What was removed at the end is not missed: keep the
    number and the hash that this prints, and compare them with the entry of that number later.

    Example:
      rentmatch audit check

    """
    last = AuditRecord(0, 0, "", "", "", "", "", FIRST_HASH)

    async def compare(entry: AuditRecord) -> None:
        nonlocal last
        if entry.number != last.number + 1 or broken_link([entry], last.hash) is not None:
            fail(f"entry {entry.number} does not fit entry {last.number}: one of them or one between was changed")
        last = entry

    _each(0, compare)
    say(f"{last.number} entries fit each other; the last hash is {last.hash}")


def _each(after: int, take: Callable[[AuditRecord], Awaitable[None]]) -> None:
    async def read(_: Mongo, audit: AuditLog) -> None:
        at = after
        while page := await audit.in_order(at, limit=ENTRIES_A_PAGE):
            for entry in page:
                await take(entry)
            at = page[-1].number

    with_mongo(load(), read)
