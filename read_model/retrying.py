"""Retries for as long as MongoDB or the Schema Registry is unavailable: an outage of hours loses nothing.

A retried operation is idempotent. The wait between two attempts grows exponentially to `WAIT_MAX_S` and has jitter, so
that several projectors do not return at the same moment.
"""

import logging

import stamina
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from read_model.mongo import MongoUnavailable
from streams.codec.registry import RegistryError

log = logging.getLogger(__name__)

WAIT_INITIAL_S = 0.2
WAIT_MAX_S = 15.0

UNAVAILABLE = (MongoUnavailable, RegistryError)

retry_forever = stamina.AsyncRetryingCaller(
    attempts=None, timeout=None, wait_initial=WAIT_INITIAL_S, wait_max=WAIT_MAX_S, wait_jitter=1.0
).on(UNAVAILABLE)
"""`await retry_forever(operation)` gives the operation's result. Only cancellation or another error ends it earlier."""


def reason_of(error: Exception) -> str:
    """The unavailable service and its error, for logs and health."""
    return f"{'MongoDB' if isinstance(error, MongoUnavailable) else 'the Schema Registry'}: {error}"


def _log_retry(details: RetryDetails) -> None:
    log.error(
        "unavailable for %.0f s so far; nothing is lost, next attempt in %.1f s: %s",
        details.waited_so_far, details.wait_for, reason_of(details.caused_by),
    )  # fmt: skip


set_on_retry_hooks([_log_retry])
