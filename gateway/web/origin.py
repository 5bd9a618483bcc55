"""Where a request comes from: our own pages, another site's, or a program."""

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from gateway.web.errors import WebError
from streams.settings import is_loopback

CSRF_HEADER = "X-Rentmatch"
"""Our pages send it. Another site's would need a permission (CORS) that nobody gives."""
SAME_SITE = frozenset({"same-origin", "none"})
"""Of Sec-Fetch-Site: our own page, or an address that the person typed."""


class PublicOrigin:
    """How browsers reach the gateway.

    Args:
        root: http(s)://host[:port], without a trailing slash.
        is_local: any name of this machine's loopback address is as good.
        trusted_proxies: how many proxies append to X-Forwarded-For.

    """

    def __init__(self, root: str, *, is_local: bool, trusted_proxies: int = 0) -> None:
        self.root = root
        self.is_secure = urlsplit(root).scheme == "https"
        self._netloc = urlsplit(root).netloc.lower()
        self._is_local = is_local
        self._trusted_proxies = trusted_proxies

    @property
    def cookie(self) -> str:
        """The session cookie's name. `__Host-`: only a host with TLS may set it, for itself alone."""
        # Cookies do not know ports: two gateways on one machine need two names.
        return "__Host-rentmatch" if self.is_secure else f"rentmatch-{urlsplit(self.root).port or 80}"

    def check_host(self, host: str | None) -> None:
        """Check the Host header, which a browser fills with the name in the page's URL.

        Raises:
            WebError: it is not ours: a page of another site may have resolved its own name to our address.

        """
        given = (host or "").lower()
        if given == self._netloc:
            return
        name = urlsplit(f"//{given}").hostname or ""
        if self._is_local and is_loopback(name):
            return
        raise WebError("wrong_host", f"this gateway is reached at {self.root}")

    def check_same_site(self, headers: Mapping[str, str], host: str | None) -> None:
        """Check that no other site's page made the browser send the request.

        Raises:
            WebError: one did.

        """
        site = headers.get("Sec-Fetch-Site")
        origin = headers.get("Origin")
        allowed = {self.root} | ({f"http://{(host or '').lower()}"} if self._is_local else set())
        if (site is not None and site not in SAME_SITE) or (origin is not None and origin.lower() not in allowed):
            raise WebError("forbidden", "the request comes from another site")

    def check_write(self, headers: Mapping[str, str], host: str | None, content_type: str) -> None:
        """Check that a request with a session's cookie that may change something comes from our own page.

        Raises:
            WebError: it does not.

        """
        self.check_same_site(headers, host)
        if "Sec-Fetch-Site" not in headers and "Origin" not in headers:
            raise WebError("forbidden", "a request with a session's cookie needs Sec-Fetch-Site or Origin")
        if headers.get(CSRF_HEADER) != "1" or content_type != "application/json":
            raise WebError("forbidden", f"send application/json, and the header {CSRF_HEADER}: 1")

    def client_of(self, request: web.Request) -> str:
        """The client's address, for limits: the last that a trusted proxy has seen. IPv6 counts by its /64."""
        address = request.remote or ""
        if self._trusted_proxies:
            seen = [one.strip() for one in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")]
            if len(seen) >= self._trusted_proxies:
                address = seen[-self._trusted_proxies]
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return "unknown"
        if found.version == 6:
            return str(ipaddress.ip_network((found, 64), strict=False))
        return str(found)
