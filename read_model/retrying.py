"""Trying again for as long as it takes: MongoDB may be away for hours, and nothing may be lost for it."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from read_model.mongo import MongoUnavailable
from streams.codec.registry import RegistryError

log = logging.getLogger(__name__)

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 15.0

Result = TypeVar("Result")


async def retry_forever(
    do: Callable[[], Awaitable[Result]],
    *,
    pause: Callable[[float], Awaitable[bool]],
    troubled: Callable[[str | None], None],
) -> Result | None:
    """Do something until it works; the pauses between two attempts double up to a quarter of a minute.

    Args:
        do: what to do; safe to do again.
        pause: waits so many seconds; True: it is to stop.
        troubled: is told why it does not work, and None once it does.

    Returns:
        What `do` gave, or None where it was to stop before that.

    """
    since: float | None = None
    wait_s = FIRST_PAUSE_S
    while True:
        try:
            done = await do()
        except (MongoUnavailable, RegistryError) as error:
            who = "MongoDB" if isinstance(error, MongoUnavailable) else "the Schema Registry"
            since = since or time.monotonic()
            troubled(f"{who}: {error}")
            log.error(
                "%s cannot be used, for %.0f s now; nothing is lost, trying again in %.1f s: %s",
                who, time.monotonic() - since, wait_s, error,
            )  # fmt: skip
            if await pause(wait_s):
                return None
            wait_s = min(2 * wait_s, LONGEST_PAUSE_S)
        else:
            if since is not None:
                log.warning("it works again, after %.0f s", time.monotonic() - since)
            troubled(None)
            return done


async def wait(seconds: float, stop: asyncio.Event) -> bool:
    """Wait so long, or until it is to stop; whether it is."""
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return False
    return True
