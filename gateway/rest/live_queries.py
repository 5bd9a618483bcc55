"""Live questions: answered where the key is held, and handed on to there by every other worker."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal, Protocol

import aiohttp
from aiohttp import web
from yarl import URL

from gateway.rest.errors import ApiError

KeyKind = Literal["payment", "obligation"]
Json = dict[str, Any]

FORWARDED = "Rentmatch-Handed-On"
"""The header of a question that another worker handed on. It is not handed on again, so no two can play ball."""

OWNER_SECONDS_MAX = 3.0
CONNECT_SECONDS_MAX = 1.0
AT_ONCE_MAX = 32
ANSWER_BYTES_MAX = 32 << 20
"""A key's record has at most 16 MiB in Avro."""


class Owner(Protocol):
    """Knows which worker holds a key, and answers for the keys of its own."""

    @property
    def not_held(self) -> type[Exception]:
        """What is raised where the key is not held here, or ceased to be while it was looked at."""

    @property
    def settled(self) -> bool:
        """Whether this worker's share of the partitions is assigned and recovered."""

    @property
    def url(self) -> str:
        """What other workers know this one by."""

    def holds(self, kind: KeyKind, key: str) -> bool:
        """Whether the key is held here."""

    def owner_of(self, kind: KeyKind, key: str) -> str | None:
        """The URL of the worker that holds the key, as of the last assignment; None where none is known."""

    async def record(self, kind: KeyKind, key: str) -> Json | None:
        """The key's reconciliation with `live`, from committed state; None where nothing is told of it.

        Raises:
            not_held: the key is not held here.

        """

    async def explanation(self, kind: KeyKind, key: str, break_id: str) -> Json | None:
        """What is behind a break of the key, with `live`; None where it is not open.

        Raises:
            not_held: the key is not held here.

        """


class LiveQueries:
    """Sends a live question to where it can be answered."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._client: aiohttp.ClientSession | None = None

    async def ask(
        self,
        request: web.Request,
        kind: KeyKind,
        key: str,
        here: Callable[[Owner], Awaitable[Json | None]],
        query: Mapping[str, str],
    ) -> Json | bytes | None:
        """Answer here if the key is held here, else let its owner answer.

        Args:
            request: the question.
            kind: what the key is.
            key: whose worker is to answer.
            here: what to ask this one, if it is this one's key.
            query: the parameters to hand on.

        Returns:
            The answer; JSON bytes where the owner gave them; None where there is nothing.

        Raises:
            ApiError: nobody can answer now.

        """
        owner = self._owner
        if owner.holds(kind, key):
            try:
                return await here(owner)
            except owner.not_held:
                raise _moving("the key left this worker meanwhile") from None
        if not owner.settled:
            raise _moving("this worker's partitions are being assigned or recovered")
        if FORWARDED in request.headers:
            raise _moving("the key is not, or not yet, where it was looked for")
        url = owner.owner_of(kind, key)
        if url is None or url == owner.url:
            raise ApiError(
                "no_owner",
                "no worker is known to hold this key; each worker needs an RENTMATCH_HTTP_ADVERTISED_URL of its own",
            )
        if URL(url).host is None or str(URL(url).host).endswith(".invalid"):
            raise ApiError("no_owner", "the worker that holds this key has no web server; see RENTMATCH_HTTP_PORT")
        return await self._hand_on(request, url, query)

    async def _hand_on(self, request: web.Request, url: str, query: Mapping[str, str]) -> bytes | None:
        target = URL(url + request.rel_url.raw_path, encoded=True).with_query(query)
        headers = {FORWARDED: "1", "Accept": "application/json"}
        if "Authorization" in request.headers:
            headers["Authorization"] = request.headers["Authorization"]
        try:
            async with self._session().get(target, headers=headers, allow_redirects=False) as answer:
                # The length is checked while reading: what an owner says of it beforehand may be wrong.
                body = await answer.content.read(ANSWER_BYTES_MAX + 1)
                while len(body) <= ANSWER_BYTES_MAX and not answer.content.at_eof():
                    body += await answer.content.read(ANSWER_BYTES_MAX + 1 - len(body))
                status, content_type = answer.status, answer.content_type
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise _moving("the worker that holds the key does not answer") from None
        ours = content_type == "application/json" and len(body) <= ANSWER_BYTES_MAX
        if ours and status == 200:
            return body
        if ours and status == 404 and b'"not_found"' in body:
            return None
        if status == 401:
            raise ApiError("owner_refused", "the worker that holds the key does not take this token")
        raise _moving(f"the worker that holds the key answered with status {status}")

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=AT_ONCE_MAX, limit_per_host=AT_ONCE_MAX),
                timeout=aiohttp.ClientTimeout(total=OWNER_SECONDS_MAX, connect=CONNECT_SECONDS_MAX),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._client

    async def close(self) -> None:
        """Close the connections to other workers."""
        if self._client is not None:
            await self._client.close()
            self._client = None


def _moving(why: str) -> ApiError:
    return ApiError("moving", f"{why}; ask again")
