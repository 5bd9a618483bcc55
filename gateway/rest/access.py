"""Access to the API: by bearer tokens, compared in constant time; without any, from this machine only."""

import hmac
from collections.abc import Iterable

from gateway.rest.errors import ApiError

OPEN_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
"""Probes and Prometheus need no token."""

SCHEME = "bearer "


class Access:
    """The accepted tokens. With several, one can be replaced by another while both are in use."""

    def __init__(self, tokens: Iterable[bytes]) -> None:
        self._tokens = tuple(tokens)

    @property
    def open(self) -> bool:
        """Whether no token is required; the worker then listens on a loopback address only."""
        return not self._tokens

    def check(self, authorization: str | None, host: str | None) -> None:
        """Check that a request may be answered.

        Args:
            authorization: the Authorization header.
            host: the Host header, which a browser fills with the name in the page's URL.

        Raises:
            ApiError: it may not.

        """
        if self.open:
            # A page in a browser on this machine can resolve its own name to 127.0.0.1 and ask from there.
            if not _is_loopback(host):
                raise ApiError("wrong_host", "without RENTMATCH_HTTP_TOKEN only this machine's own names are answered")
            return
        given = authorization or ""
        if given[: len(SCHEME)].lower() != SCHEME:
            raise ApiError("unauthorized", "send `Authorization: Bearer …` with a token of RENTMATCH_HTTP_TOKEN")
        token = given[len(SCHEME) :].strip().encode("utf-8", "surrogateescape")
        # All are compared, so that the time does not reveal which one matched.
        matches = [hmac.compare_digest(token, known) for known in self._tokens]
        if not any(matches):
            raise ApiError("unauthorized", "this token is not one of RENTMATCH_HTTP_TOKEN")


def _is_loopback(host: str | None) -> bool:
    name = (host or "").lower()
    if name.startswith("["):
        return name.partition("]")[0] == "[::1"
    name = name.partition(":")[0]
    parts = name.split(".")
    return name == "localhost" or (
        len(parts) == 4 and parts[0] == "127" and all(part.isdecimal() and int(part) < 256 for part in parts)
    )
