"""What the commands about the gateway's people share: MongoDB for one command, and the audit log."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.people.audit import AuditLog, AuditUnavailable
from ops.commands.project_read_model import mongo_of
from ops.console import fail
from read_model.mongo import Mongo, MongoUnavailable
from read_model.queries import QUERY_TIMEOUT_S
from streams.clocks import system_clock
from streams.settings import Settings

T = TypeVar("T")


def with_mongo(settings: Settings, work: Callable[[Mongo, AuditLog], Awaitable[T]]) -> T:
    """Do something with the gateway's collections, and end the command (exit status 1) where MongoDB does not answer.

    What is done is in the audit log before this returns.
    """

    async def run() -> T:
        mongo = mongo_of(settings, QUERY_TIMEOUT_S)
        audit = AuditLog(mongo, system_clock)
        try:
            found = await work(mongo, audit)
            await audit.check()
            return found
        finally:
            await mongo.close()

    try:
        return asyncio.run(run())
    except MongoUnavailable as error:
        fail(f"MongoDB does not answer: {error}")
    except AuditUnavailable as error:
        fail(f"{error}")
