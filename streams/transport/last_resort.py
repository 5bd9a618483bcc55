"""Ends a failed worker soon, whatever its parts are waiting for."""

import logging
import os
import threading

log = logging.getLogger(__name__)

GONE_WITHIN_S = 1.5
"""How long an orderly end may take after a failure. Closing connections to a broker that does not answer takes longer,
and the worker's partitions make no progress meanwhile."""


def end_soon(within_s: float = GONE_WITHIN_S) -> None:
    """End the process with status 1 if it is still there after a while.

    Nothing is lost, as after SIGKILL: the store has a write-ahead log, and recovery compares the store with the
    changelog.
    """
    timer = threading.Timer(within_s, _end, (within_s,))
    timer.daemon = True
    timer.start()


def _end(within_s: float) -> None:
    log.critical("the worker did not end within %.1f s after its failure: ended by force", within_s)
    os._exit(1)
