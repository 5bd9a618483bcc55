"""Live queries: the owner of the key answers; every other worker forwards the query to it."""

from collections.abc import Awaitable, Callable, Mapping

import aiohttp
from aiohttp import web
from yarl import URL

from gateway.rest.errors import ApiError
from gateway.rest.live_state import LiveState
from read_model.queries import KeyKind
from tables.committed import CommittedReader, NotOwned

FORWARDED = "Rentmatch-Handed-On"
"""The header of a forwarded query. Such a query is never forwarded again, which prevents loops."""

OWNER_TIMEOUT_S = 3.0
CONNECT_TIMEOUT_S = 1.0
FORWARDED_MAX = 32
ANSWER_BYTES_MAX = 32 << 20
"""A key's record has at most 16 MiB in Avro."""


class LiveQueries:
    """Answers from this worker's state, or forwards to the owner of the key.

    Every query returns JSON, or None if there is no such record, and raises ApiError if no worker can answer now.
    """

    def __init__(self, state: LiveState) -> None:
        self._state = state
        self._client: aiohttp.ClientSession | None = None

    async def record(self, request: web.Request, kind: KeyKind, key: str) -> bytes | None:
        """The reconciliation of a key."""
        return await self._query(
            request, kind, key, lambda reader: self._state.record(reader, kind, key), {"live": "true"}
        )

    async def state(self, request: web.Request, kind: KeyKind, key: str) -> bytes | None:
        """The committed state of a key."""
        return await self._query(request, kind, key, lambda reader: self._state.state(reader, kind, key), {})

    async def explanation(self, request: web.Request, kind: KeyKind, key: str, break_id: str) -> bytes | None:
        """The explanation of an open break of a key."""
        return await self._query(
            request,
            kind,
            key,
            lambda reader: self._state.explanation(reader, kind, key, break_id),
            {"key_kind": kind, "key": key},
        )

    async def _query(
        self,
        request: web.Request,
        kind: KeyKind,
        key: str,
        read: Callable[[CommittedReader], Awaitable[bytes | None]],
        query: Mapping[str, str],
    ) -> bytes | None:
        reader = self._state.reader
        if reader is None:
            raise _moving("this worker's partitions are being assigned or recovered")
        if reader.owns(kind, key):
            try:
                return await read(reader)
            except NotOwned:
                raise _moving("this worker lost the key meanwhile") from None
        if FORWARDED in request.headers:
            raise _moving("the key is not on the worker that was expected to own it")
        url = self._state.owner_of(reader, kind, key)
        if url is None or url == self._state.url:
            raise ApiError(
                "no_owner",
                "no worker is known to own this key; each worker needs a RENTMATCH_HTTP_ADVERTISED_URL of its own",
            )
        if URL(url).host is None or str(URL(url).host).endswith(".invalid"):
            raise ApiError("no_owner", "the worker that owns this key has no web server; see RENTMATCH_HTTP_PORT")
        return await self._forward(request, url, query)

    async def _forward(self, request: web.Request, url: str, query: Mapping[str, str]) -> bytes | None:
        target = URL(url + request.rel_url.raw_path, encoded=True).with_query(query)
        headers = {FORWARDED: "1", "Accept": "application/json"}
        if "Authorization" in request.headers:
            headers["Authorization"] = request.headers["Authorization"]
        try:
            async with self._session().get(target, headers=headers, allow_redirects=False) as answer:
                # The length is checked while reading, because the Content-Length of another server may be wrong.
                body = await answer.content.read(ANSWER_BYTES_MAX + 1)
                while len(body) <= ANSWER_BYTES_MAX and not answer.content.at_eof():
                    body += await answer.content.read(ANSWER_BYTES_MAX + 1 - len(body))
                status, content_type = answer.status, answer.content_type
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise _moving("the worker that owns the key does not answer") from None
        is_ours = content_type == "application/json" and len(body) <= ANSWER_BYTES_MAX
        if is_ours and status == 200:
            return body
        if is_ours and status == 404 and b'"not_found"' in body:
            return None
        if status == 401:
            raise ApiError("owner_refused", "the worker that owns the key does not accept this token")
        raise _moving(f"the worker that owns the key answered with status {status}")

    def _session(self) -> aiohttp.ClientSession:
        if self._client is None:
            self._client = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=FORWARDED_MAX, limit_per_host=FORWARDED_MAX),
                timeout=aiohttp.ClientTimeout(total=OWNER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
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
    return ApiError("moving", f"{why}; retry")
