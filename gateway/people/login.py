"""Signing in at an OpenID Connect provider: authorization code flow with PKCE.

What the browser carries between the two steps cannot be used by anybody else: `state` belongs to a cookie of the same
browser, works once and for ten minutes; `nonce` ties the ID token to this sign-in; the code needs the PKCE verifier,
which never leaves the gateway. The provider's tokens are read once and forgotten: no script ever sees them.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import secrets
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

import aiohttp
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from domain.time import MINUTE, SECOND, Micros
from gateway.people.roles import ClaimRules, SignInRefused
from gateway.people.sessions import Identity, hash_of_secret
from read_model.mongo import Index, Mongo

log = logging.getLogger(__name__)

COLLECTION = "gateway_sign_ins"
INDEXES = (Index("expiry", (("expires", 1),), expires=True),)

SIGN_IN_LASTS: Micros = 10 * MINUTE
LEEWAY_S = 60
"""By which the provider's clock may differ."""
KEYS_LAST: Micros = 60 * MINUTE
KEYS_ASKED_EVERY: Micros = MINUTE
"""A token with an unknown key makes us ask for the keys again, but not more often than this."""
ANSWER_TIMEOUT_S = 10.0
ANSWER_BYTES_MAX = 1 << 20
ALGORITHMS = ("RS256", "PS256", "ES256", "RS384", "PS384", "ES384", "RS512", "PS512", "ES512", "EdDSA")
"""Of ID tokens. None with a shared secret, and not `none`."""


class ProviderUnavailable(Exception):
    """The provider does not answer as OpenID Connect says; the message is for the log."""


@dataclass(frozen=True, slots=True)
class ProviderConfig:
    """The provider, and the gateway as its client."""

    issuer: str
    client_id: str
    client_secret: str | None
    scopes: str
    redirect_uri: str
    ca_file: Path | None
    rules: ClaimRules


class StartedSignIn(NamedTuple):
    """Where the browser goes now, and what it keeps meanwhile."""

    location: str
    """At the provider."""
    binding: str
    """For a cookie: it proves that the same browser comes back."""


class FinishedSignIn(NamedTuple):
    """Who signed in."""

    identity: Identity
    return_to: str
    """The path in the console to go back to."""


class _Keys(NamedTuple):
    keys: KeySet
    asked_at: Micros


class Provider:
    """A relying party. It belongs to one event loop.

    Args:
        config: the provider.
        mongo: where sign-ins that have begun are kept, so that any gateway can finish them.
        clock: the time, microseconds since 1970.

    """

    def __init__(self, config: ProviderConfig, mongo: Mongo, clock: Callable[[], Micros]) -> None:
        self._config = config
        self._mongo = mongo
        self._clock = clock
        self._client: aiohttp.ClientSession | None = None
        self._metadata: Mapping[str, Any] | None = None
        self._keys: _Keys | None = None
        self._asking = asyncio.Lock()

    async def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.close()

    async def begin(self, return_to: str) -> StartedSignIn:
        """Begin a sign-in.

        Args:
            return_to: the path in the console to go back to, which the caller has checked.

        Raises:
            ProviderUnavailable: the provider does not answer.
            MongoUnavailable: it could not be stored.

        """
        endpoint = (await self._described())["authorization_endpoint"]
        state, binding, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(4))
        now = self._clock()
        document = {
            "_id": hash_of_secret(state),
            "binding_hash": hash_of_secret(binding),
            "nonce": nonce,
            "verifier": verifier,
            "return_to": return_to,
            "ends_at": now + SIGN_IN_LASTS,
            "used": False,
            "expires": datetime.fromtimestamp((now + SIGN_IN_LASTS) / SECOND, UTC),
        }
        await self._mongo.put(COLLECTION, [document])
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._config.client_id,
            "redirect_uri": self._config.redirect_uri,
            "scope": self._config.scopes,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return StartedSignIn(f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(query)}", binding)

    async def finish(self, query: Mapping[str, str], binding: str) -> FinishedSignIn:
        """Finish a sign-in with what the provider sent the browser back with.

        Args:
            query: the parameters of the callback.
            binding: the cookie of the browser; empty if it has none.

        Raises:
            SignInRefused: it is not to be believed, or the person may not.
            ProviderUnavailable: the provider does not answer.
            MongoUnavailable: it cannot be found out now.

        """
        state_hash = hash_of_secret(query.get("state", ""))
        found = await self._mongo.find_one(COLLECTION, state_hash)
        if (
            found is None
            or self._clock() >= found["ends_at"]
            or not hmac.compare_digest(found["binding_hash"], hash_of_secret(binding))
            or not await self._mongo.update(COLLECTION, {"_id": state_hash, "used": False}, {"used": True})
        ):
            raise SignInRefused("this sign-in was not begun in this browser, was used, or has expired; sign in again")
        if "error" in query:
            raise SignInRefused("the provider did not sign you in; try again, or ask its administrator")
        metadata = await self._described()
        if query.get("iss", "") != self._config.issuer and (
            "iss" in query or metadata.get("authorization_response_iss_parameter_supported") is True
        ):
            raise SignInRefused("the answer is from another provider; sign in again")
        claims = await self._claims(metadata, query.get("code", ""), found["verifier"], found["nonce"])
        return FinishedSignIn(self._config.rules.identity(claims), found["return_to"])

    async def leaving(self, return_to: str) -> str | None:
        """Where a browser ends the session at the provider too; None if the provider has no such page."""
        try:
            endpoint = (await self._described()).get("end_session_endpoint")
        except ProviderUnavailable as error:
            log.warning("signed out here only: %s", error)
            return None
        if not isinstance(endpoint, str):
            return None
        query = urlencode({"client_id": self._config.client_id, "post_logout_redirect_uri": return_to})
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{query}"

    async def _claims(self, metadata: Mapping[str, Any], code: str, verifier: str, nonce: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._config.redirect_uri,
            "code_verifier": verifier,
        }
        headers = {}
        secret = self._config.client_secret
        methods = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        if secret is not None and "client_secret_basic" in methods:
            # Both parts are form-encoded before (RFC 6749, section 2.3.1).
            pair = urlencode({self._config.client_id: secret}).replace("=", ":", 1)
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": self._config.client_id} | ({} if secret is None else {"client_secret": secret})
        status, answer = await self._ask("POST", metadata["token_endpoint"], data=form, headers=headers)
        if 400 <= status < 500 and answer.get("error") == "invalid_grant":
            raise SignInRefused("the provider does not know this sign-in any more; sign in again")
        token = answer.get("id_token")
        if status != 200 or not isinstance(token, str):
            # The error code is of a closed list; its description may name people.
            raise ProviderUnavailable(f"its token endpoint answered {status} {str(answer.get('error', ''))[:50]!r}")
        return await self._verified(token, nonce)

    async def _verified(self, token: str, nonce: str) -> Mapping[str, Any]:
        for renew in (False, True):
            try:
                claims = jwt.decode(token, await self._key_set(renew=renew), algorithms=ALGORITHMS).claims
            except (JoseError, ValueError) as error:
                # The provider may have new keys since we asked.
                if renew:
                    raise SignInRefused("the provider's answer has no valid signature; sign in again") from error
                continue
            break
        registry = jwt.JWTClaimsRegistry(
            now=lambda: self._clock() // SECOND,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._config.issuer},
            aud={"essential": True, "value": self._config.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            registry.validate(claims)
        except JoseError as error:
            log.warning("an ID token is not accepted: %s", error.error)
            raise SignInRefused("the provider's answer does not fit this sign-in; sign in again") from error
        audience = claims["aud"]
        if isinstance(audience, list) and len(audience) > 1 and claims.get("azp") != self._config.client_id:
            raise SignInRefused("the provider's answer is for another application; sign in again")
        return claims

    async def _described(self) -> Mapping[str, Any]:
        """The provider's metadata, which is asked for once."""
        async with self._asking:
            if self._metadata is not None:
                return self._metadata
            url = self._config.issuer.rstrip("/") + "/.well-known/openid-configuration"
            status, found = await self._ask("GET", url)
            if status != 200:
                raise ProviderUnavailable(f"{url} answered {status}")
            if found.get("issuer") != self._config.issuer:
                raise ProviderUnavailable(
                    f"{url} is of the issuer {found.get('issuer')!r}, not {self._config.issuer!r}"
                )
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                parts = urlsplit(str(found.get(name, "")))
                if not parts.hostname or parts.scheme not in ("https", urlsplit(self._config.issuer).scheme):
                    raise ProviderUnavailable(f"{url} has no usable {name}")
            self._metadata = found
            return found

    async def _key_set(self, *, renew: bool) -> KeySet:
        metadata = await self._described()
        async with self._asking:
            now = self._clock()
            age = None if self._keys is None else now - self._keys.asked_at
            if self._keys is None or age is None or age >= (KEYS_ASKED_EVERY if renew else KEYS_LAST):
                status, found = await self._ask("GET", metadata["jwks_uri"])
                if status != 200 or not isinstance(found.get("keys"), list):
                    raise ProviderUnavailable(f"its keys are not at its jwks_uri: {status}")
                signing = [key for key in found["keys"] if isinstance(key, dict) and key.get("use", "sig") == "sig"]
                asymmetric: Any = {"keys": [key for key in signing if key.get("kty") in ("RSA", "EC", "OKP")]}
                try:
                    self._keys = _Keys(KeySet.import_key_set(asymmetric), now)
                except (JoseError, ValueError, KeyError) as error:
                    raise ProviderUnavailable(f"its keys cannot be read: {type(error).__name__}") from error
            return self._keys.keys

    async def _ask(
        self,
        method: str,
        url: str,
        *,
        data: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, dict[str, Any]]:
        """A status and a JSON object. Redirects are not followed: the code or the secret would go with them."""
        if self._client is None:
            context = None if self._config.ca_file is None else ssl.create_default_context(cafile=self._config.ca_file)
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=context or True),
                timeout=aiohttp.ClientTimeout(total=ANSWER_TIMEOUT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        try:
            async with self._client.request(
                method, url, data=data, headers={"Accept": "application/json", **(headers or {})}, allow_redirects=False
            ) as response:
                found = json.loads(await _bounded_body(response))
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ProviderUnavailable(f"{urlsplit(url).hostname}: {type(error).__name__}") from error
        if not isinstance(found, dict):
            raise ProviderUnavailable(f"{urlsplit(url).hostname} answered no JSON object")
        return response.status, found


async def _bounded_body(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise ProviderUnavailable("its answer is longer than any that OpenID Connect needs")
    return bytes(body)
