"""The worker's web server: where it listens, who may ask, and where other workers reach it."""

import ipaddress
import re
import socket
from functools import cached_property
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from streams.settings.errors import SettingsError

TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,512}")
"""A bearer token: the characters of RFC 6750, and too many of them to be guessed."""

NO_WEB_SERVER = "http://no-web-server.invalid"
"""The advertised address of a worker without a web server: a name that no resolver answers (RFC 6761)."""


def _tokens(value: SecretStr | None) -> SecretStr | None:
    for token in () if value is None else value.get_secret_value().split(","):
        if TOKEN.fullmatch(token.strip()) is None:
            raise ValueError("each token needs 16 to 512 characters out of A-Z a-z 0-9 . _ ~ + / = -")
    return value


def _root(value: str | None) -> str | None:
    parts = urlsplit("http://host" if value is None else value)
    is_root = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    if not is_root or parts.query or parts.fragment:
        raise ValueError("it must be http(s)://host[:port], as other workers reach this one")
    return value


class HttpSettings(BaseModel):
    """Address and tokens of the web server."""

    http_host: str = Field("127.0.0.1", description="address that the worker's web server listens on")
    http_port: int = Field(6066, ge=0, le=65535, description="port of the worker's web server; 0 turns it off")
    http_token: Annotated[SecretStr | None, AfterValidator(_tokens)] = Field(
        None,
        description="bearer tokens of the HTTP API, comma-separated (each at least 16 characters); required unless the "
        "web server listens on a loopback address",
    )
    http_advertised_url: Annotated[str | None, AfterValidator(_root)] = Field(
        None,
        description="how other workers reach this worker's web server; default: http://, the address that it listens "
        "on (the host name where that is all addresses) and the port",
    )

    @cached_property
    def http_tokens(self) -> tuple[bytes, ...]:
        """The bearer tokens that the HTTP API accepts."""
        given = "" if self.http_token is None else self.http_token.get_secret_value()
        return tuple(token.strip().encode() for token in given.split(",") if token.strip())

    @cached_property
    def advertised_url(self) -> str:
        """The root of this worker's web server for other workers, without a trailing slash."""
        if self.http_port == 0:
            return NO_WEB_SERVER
        if self.http_advertised_url is not None:
            return self.http_advertised_url.rstrip("/")
        host = self.http_host
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            # Another machine cannot connect to "all addresses".
            host = socket.gethostname() if address.is_unspecified else f"[{host}]" if address.version == 6 else host
        return f"http://{host}:{self.http_port}"

    def check_web(self) -> None:
        """Refuse a web server that anybody on the network could query.

        Raises:
            SettingsError: it listens on more than the loopback address, and no token is set.

        """
        if self.http_port and not self.http_tokens and not is_loopback(self.http_host):
            raise SettingsError(
                f"RENTMATCH_HTTP_HOST is {self.http_host!r}, which other machines can reach, and RENTMATCH_HTTP_TOKEN "
                "is not set: set a token of at least 16 characters (`openssl rand -hex 32` makes one), listen on "
                "127.0.0.1, or turn the web server off with RENTMATCH_HTTP_PORT=0"
            )


def is_loopback(host: str) -> bool:
    """Whether a host is this machine alone: `localhost`, or an address of 127.0.0.0/8 or ::1."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"
