"""The gateway for people: where it listens, how browsers reach it, who may sign in, and which workers it asks."""

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from streams.settings.errors import SettingsError
from streams.settings.http import TOKEN, is_loopback

RoleName = Literal["viewer", "operator", "approver", "admin"]
ROLE_NAMES: tuple[RoleName, ...] = get_args(RoleName)
"""The roles, from the one that may do least to the one that may do most."""

_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,200}")


def _origin(value: str | None) -> str | None:
    parts = urlsplit("http://host" if value is None else value)
    is_root = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    if not is_root or parts.query or parts.fragment or parts.path not in ("", "/"):
        raise ValueError("it must be http(s)://host[:port], without a path")
    return value


def _workers(text: str) -> str:
    for url in text.split(","):
        _origin(url.strip())
    return text


def _issuer(value: str | None) -> str | None:
    parts = urlsplit("https://host" if value is None else value)
    is_url = parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc
    if not is_url or parts.query or parts.fragment:
        raise ValueError("it must be the issuer's URL, as in https://id.example.com/realms/finance")
    if parts.scheme == "http" and not is_loopback(str(parts.hostname)):
        raise ValueError("an issuer on another machine must use https")
    return value


def _token(value: SecretStr | None) -> SecretStr | None:
    if value is not None and TOKEN.fullmatch(value.get_secret_value()) is None:
        raise ValueError("a token has 16 to 512 characters out of A-Z a-z 0-9 . _ ~ + / = -")
    return value


def roles_of(text: str) -> dict[str, RoleName]:
    """Read which values of the provider's claim are which role, such as `finance=operator,finance-leads=approver`.

    Raises:
        ValueError: the text is something else; the message says what is wrong.

    """
    known: dict[str, RoleName] = {name: name for name in ROLE_NAMES}
    found: dict[str, RoleName] = {}
    for part in text.split(","):
        value, separator, role = (each.strip() for each in part.rpartition("="))
        if not separator or not value or role not in known:
            raise ValueError(f"{part.strip()!r} is not VALUE=ROLE, where ROLE is one of {', '.join(ROLE_NAMES)}")
        if value in found:
            raise ValueError(f"{value} is there twice")
        found[value] = known[role]
    return found


def _roles(text: str) -> str:
    roles_of(text)
    return text


def _person(text: str) -> str:
    if _NAME.fullmatch(text) is None:
        raise ValueError("a name has 1 to 200 characters and no control characters")
    return text


class GatewaySettings(BaseModel):
    """Address, login, sessions and workers of `rentmatch gateway`."""

    gateway_host: str = Field("127.0.0.1", description="address that `rentmatch gateway` listens on")
    gateway_port: int = Field(6070, ge=1, le=65535, description="port that `rentmatch gateway` listens on")
    gateway_public_url: Annotated[str | None, AfterValidator(_origin)] = Field(
        None,
        description="how browsers reach the gateway, https://host[:port]; default without a provider: http://, the "
        "address that it listens on and the port",
    )
    gateway_trusted_proxies: int = Field(
        0,
        ge=0,
        le=10,
        description="reverse proxies before the gateway, each of which appends to X-Forwarded-For; rate limits of "
        "sign-ins need the client's address",
    )
    gateway_workers: Annotated[str, AfterValidator(_workers)] = Field(
        "http://127.0.0.1:6066",
        description="web servers of workers, http(s)://host[:port], comma-separated; any of them knows the others",
    )
    gateway_worker_token: Annotated[SecretStr | None, AfterValidator(_token)] = Field(
        None,
        description="bearer token with which the gateway asks the workers; default: the first of RENTMATCH_HTTP_TOKEN",
    )
    gateway_oidc_issuer: Annotated[str | None, AfterValidator(_issuer)] = Field(
        None,
        description="URL of the OpenID Connect provider; without one the gateway listens on a loopback address only, "
        "and people sign in with links that it prints",
    )
    gateway_oidc_client_id: str | None = Field(
        None, min_length=1, max_length=500, description="the gateway's client id at the provider"
    )
    gateway_oidc_client_secret: SecretStr | None = Field(
        None, description="the gateway's client secret at the provider; none for a public client"
    )
    gateway_oidc_scopes: str = Field(
        "openid profile",
        pattern=r"^openid( [\x21\x23-\x5b\x5d-\x7e]+)*$",
        description="scopes that the gateway asks for, separated by spaces, `openid` first",
    )
    gateway_oidc_name_claim: str = Field(
        "preferred_username",
        min_length=1,
        max_length=200,
        description="claim with the person's name, as decisions have it: it must be unique and never pass to another "
        "person, because four eyes are told apart by it",
    )
    gateway_oidc_roles_claim: str = Field(
        "roles", min_length=1, max_length=200, description="claim with the person's roles; dots go into objects"
    )
    gateway_oidc_roles: Annotated[str, AfterValidator(_roles)] = Field(
        "viewer=viewer,operator=operator,approver=approver,admin=admin",
        description="which values of that claim are which role, VALUE=ROLE, comma-separated; of several the highest "
        "counts, and without any the sign-in is refused",
    )
    gateway_oidc_properties_claim: str = Field(
        "properties",
        max_length=200,
        description="claim with the ids of the properties that the person may see, a list, or `*` for all; without "
        "the claim the sign-in is refused; empty: everybody may see all",
    )
    gateway_oidc_ca_file: Path | None = Field(
        None, description="PEM file of the certificate authority that signed the provider's certificate"
    )
    gateway_local_person: Annotated[str, AfterValidator(_person)] = Field(
        "local", description="without a provider: the name of the person for whom the gateway prints a link"
    )
    gateway_local_role: RoleName = Field("admin", description="without a provider: that person's role")
    gateway_introspection: bool = Field(
        True, description="whether API tokens that may send GraphQL documents of their own may ask for the schema"
    )
    gateway_session_idle_minutes: int = Field(30, ge=1, le=1_440, description="a session ends after this long unused")
    gateway_session_hours: int = Field(12, ge=1, le=12, description="a session ends after this long in any case")

    @cached_property
    def gateway_url(self) -> str:
        """How browsers reach the gateway, without a trailing slash."""
        if self.gateway_public_url is not None:
            return self.gateway_public_url.rstrip("/")
        host = f"[{self.gateway_host}]" if ":" in self.gateway_host else self.gateway_host
        return f"http://{host}:{self.gateway_port}"

    @cached_property
    def gateway_worker_urls(self) -> tuple[str, ...]:
        """The roots of the workers' web servers, without trailing slashes."""
        return tuple(url.strip().rstrip("/") for url in self.gateway_workers.split(","))

    @cached_property
    def gateway_role_values(self) -> dict[str, RoleName]:
        """Which values of the provider's claim are which role."""
        return roles_of(self.gateway_oidc_roles)

    def check_gateway(self) -> None:
        """Refuse a gateway that strangers could use, or that nobody could sign in to.

        Raises:
            SettingsError: the settings of address and login do not fit together.

        """
        if self.gateway_oidc_issuer is None:
            if not is_loopback(self.gateway_host) or not is_loopback(str(urlsplit(self.gateway_url).hostname)):
                raise SettingsError(
                    f"RENTMATCH_GATEWAY_HOST is {self.gateway_host!r} and the gateway is reached at "
                    f"{self.gateway_url}, which other machines can reach, and RENTMATCH_GATEWAY_OIDC_ISSUER is not "
                    "set: set the provider with which people sign in, or listen on 127.0.0.1"
                )
            return
        if self.gateway_oidc_client_id is None:
            raise SettingsError("RENTMATCH_GATEWAY_OIDC_CLIENT_ID is not set: register the gateway at the provider")
        if self.gateway_public_url is None:
            raise SettingsError(
                "RENTMATCH_GATEWAY_PUBLIC_URL is not set: with a provider it must be how browsers reach the gateway, "
                "as in https://rent.example.com"
            )
        public = urlsplit(self.gateway_public_url)
        if public.scheme != "https" and not is_loopback(str(public.hostname)):
            raise SettingsError(
                f"RENTMATCH_GATEWAY_PUBLIC_URL is {self.gateway_public_url!r}: it must use https, because the "
                "session's cookie would be readable on the way; put a proxy with TLS before the gateway"
            )
