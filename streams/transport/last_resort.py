"""Sees to it that a worker that cannot go on is gone soon, whatever its parts are waiting for."""

import logging
import os
import threading

log = logging.getLogger(__name__)

GONE_WITHIN_S = 1.5
"""What an orderly end may take after a failure. Connections to a broker that does not answer would take longer, and
all partitions of the worker stand still meanwhile."""


def end_soon(within_s: float = GONE_WITHIN_S) -> None:
    """End the process with status 1 if it is still there after a while.

    What is lost is what SIGKILL would lose, which is nothing: the store writes ahead, and recovery compares it with the
    changelog.
    """
    timer = threading.Timer(within_s, _end, (within_s,))
    timer.daemon = True
    timer.start()


def _end(within_s: float) -> None:
    log.critical("the worker did not end within %.1f s after its failure: ended by force", within_s)
    os._exit(1)
