"""Who may ask: bearer tokens, compared in constant time, and without any only this machine itself."""

import hmac
from collections.abc import Iterable

from gateway.rest.errors import ApiError

OPEN_PATHS = frozenset({"/livez", "/readyz", "/metrics"})
"""What supervisors and Prometheus ask, without a token."""

SCHEME = "bearer "


class Access:
    """The tokens that are taken. Several, so that one can be replaced by another while both are in use."""

    def __init__(self, tokens: Iterable[bytes]) -> None:
        self._tokens = tuple(tokens)

    @property
    def open(self) -> bool:
        """Whether no token is asked for; the worker then listens on a loopback address only."""
        return not self._tokens

    def check(self, authorization: str | None, host: str | None) -> None:
        """See that a request may be answered.

        Args:
            authorization: the header of that name.
            host: the header of that name, which a browser fills with the name that a page gave it.

        Raises:
            ApiError: it may not.

        """
        if self.open:
            # A page in a browser on this machine may have its own name resolved to 127.0.0.1 and ask from there.
            if not _is_loopback(host):
                raise ApiError("wrong_host", "without RENTMATCH_HTTP_TOKEN only this machine's own names are answered")
            return
        given = authorization or ""
        if given[: len(SCHEME)].lower() != SCHEME:
            raise ApiError("unauthorized", "send `Authorization: Bearer …` with a token of RENTMATCH_HTTP_TOKEN")
        token = given[len(SCHEME) :].strip().encode("utf-8", "surrogateescape")
        # All are compared, so that the time does not tell which one it was either.
        found = [hmac.compare_digest(token, known) for known in self._tokens]
        if not any(found):
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
