"""Signing in without a provider: links that the gateway prints where it was started, as notebooks do.

Only whoever sees that terminal can sign in, and only from this machine. A link works once, for ten minutes.
"""

import hmac
import secrets
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from domain.time import MINUTE, Micros
from gateway.people.sessions import Identity

LINK_LASTS: Micros = 10 * MINUTE
PATH = "/session"


class LocalLinks:
    """The links of this process.

    Args:
        people: for whom links are printed.
        root: how browsers reach the gateway, without a trailing slash.
        show: prints a line where the gateway was started: a name, and its link.
        clock: the time, microseconds since 1970.

    """

    def __init__(
        self, people: Sequence[Identity], root: str, show: Callable[[str, str], None], clock: Callable[[], Micros]
    ) -> None:
        self._people = tuple(people)
        self._root = root
        self._show = show
        self._clock = clock
        self._open: dict[str, tuple[str, Micros]] = {}
        """By the person's name: the secret of their link, and when it expires."""

    def print_links(self) -> None:
        """Print a link for each person whose last one was used or has expired."""
        now = self._clock()
        for person in self._people:
            if person.name in self._open and now < self._open[person.name][1]:
                continue
            secret = secrets.token_urlsafe(32)
            self._open[person.name] = (secret, now + LINK_LASTS)
            self._show(person.name, f"{self._root}{PATH}?{urlencode({'link': secret})}")

    def use(self, secret: str) -> Identity | None:
        """The person of a link, which then no longer works; None if it does not work."""
        now = self._clock()
        for person in self._people:
            known, expires_at = self._open.get(person.name, ("", 0))
            if known and hmac.compare_digest(known.encode(), secret.encode(errors="replace")) and now < expires_at:
                del self._open[person.name]
                return person
        return None
