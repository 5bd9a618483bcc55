"""A provider of OpenID Connect that can lie: for what a well-behaved one never does."""

import base64
import hashlib
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

CLIENT_ID = "rentmatch"
SECRET = "a secret with = and %"


@cache
def _key() -> RSAKey:
    """One for all tests: they take long to make."""
    return RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})


class FakeProvider:
    """One at a free port of this machine. What it says can be changed between two requests."""

    def __init__(self, now_s: int) -> None:
        self.now_s = now_s
        self.key: Any = _key()
        self.published: list[Any] = [self.key]
        self.header: dict[str, Any] = {"alg": "RS256", "kid": "k1"}
        self.claims: dict[str, Any] = {}
        """On top of the right ones; None leaves a claim out."""
        self.metadata: dict[str, Any] = {}
        self.token_answer: tuple[int, dict[str, Any]] | None = None
        self.forms: list[dict[str, str]] = []
        self.authorizations: list[str] = []
        self.asked: list[str] = []
        self.nonce = ""
        self.challenge = ""
        application = web.Application()
        application.router.add_get("/.well-known/openid-configuration", self._metadata)
        application.router.add_get("/jwks", self._jwks)
        application.router.add_post("/token", self._token)
        self.server = TestServer(application)

    @property
    def issuer(self) -> str:
        """Its URL."""
        return str(self.server.make_url("")).rstrip("/")

    def visited(self, location: str) -> dict[str, str]:
        """A browser comes with this location, and somebody signs in; the parameters of the callback."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        self.nonce, self.challenge = query["nonce"], query["code_challenge"]
        return {"code": "the-code", "state": query["state"]}

    def id_token(self) -> str:
        """An ID token as `claims`, `header` and `key` say."""
        claims = {
            "iss": self.issuer, "aud": CLIENT_ID, "sub": "1", "exp": self.now_s + 300, "iat": self.now_s,
            "nonce": self.nonce, "preferred_username": "ana", "roles": ["approver"], "properties": "*", **self.claims,
        }  # fmt: skip
        return jwt.encode(
            self.header,
            {name: value for name, value in claims.items() if value is not None},
            self.key,
            algorithms=[self.header["alg"]],
        )

    async def _metadata(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        known = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/leave",
        }
        return web.json_response({**known, **self.metadata})

    async def _jwks(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        return web.json_response({"keys": [key.as_dict(private=isinstance(key, OctKey)) for key in self.published]})

    async def _token(self, request: web.Request) -> web.Response:
        form = {name: str(value) for name, value in (await request.post()).items()}
        self.forms.append(form)
        self.authorizations.append(request.headers.get("Authorization", ""))
        if self.token_answer is not None:
            status, body = self.token_answer
            return web.json_response(body, status=status)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        if base64.urlsafe_b64encode(digest).rstrip(b"=").decode() != self.challenge:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response({"id_token": self.id_token(), "access_token": "x", "token_type": "Bearer"})
