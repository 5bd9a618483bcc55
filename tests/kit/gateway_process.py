"""A gateway in the test's own event loop, on a real socket, and a browser without scripts that asks it."""

import asyncio
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, TypeVar

import aiohttp

from gateway.graphql.mutations import command_parts
from gateway.people.audit import AuditLog, AuditRecord
from gateway.people.sessions import Identity
from gateway.people.viewer import Role
from gateway.web.console_files import ConsoleFile
from gateway.web.process import GatewayParts, GatewayProcess
from gateway.workers import Workers
from read_model.mongo import Mongo
from streams.clocks import system_clock
from streams.codec.codec import Codec
from streams.settings import Settings, load
from tools.local.processes import free_ports

T = TypeVar("T")

OURS = {"X-Rentmatch": "1", "Sec-Fetch-Site": "same-origin"}
"""What our pages send besides."""

PEOPLE = (
    Identity("ana", Role.ADMIN, None),
    Identity("ben", Role.APPROVER, None),
    Identity("eve", Role.VIEWER, frozenset({"nowhere"})),
)


@dataclass
class Reply:
    """What a browser gets."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()


@dataclass
class RunningGateway:
    """A gateway.

    Args:
        mongo_url: MongoDB.
        database: the read model.
        broker: Kafka.
        variables: further settings.
        people: for whom there are links.
        console: the console's files.
        manifest: its documents.
        mongo_timeout_s: how long MongoDB is waited for.

    """

    mongo_url: str
    database: str
    broker: str = "127.0.0.1:9"
    variables: Mapping[str, str] = field(default_factory=dict)
    people: tuple[Identity, ...] = PEOPLE
    console: Mapping[str, ConsoleFile] | None = None
    manifest: Mapping[str, str] = field(default_factory=dict)
    mongo_timeout_s: float = 5.0

    def __enter__(self) -> "RunningGateway":
        """Start it."""
        self.links: dict[str, str] = {}
        self._runner = asyncio.Runner()
        self.port = free_ports(1)[0]
        self.settings: Settings = load(
            {
                "RENTMATCH_BROKER": self.broker,
                "RENTMATCH_GATEWAY_PORT": str(self.port),
                "RENTMATCH_GATEWAY_WORKERS": "http://127.0.0.1:9",
                "RENTMATCH_MONGO_URL": self.mongo_url,
                **self.variables,
            }
        )
        self.run(self._start())
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it."""
        self.run(self._stack.aclose())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something in the gateway's event loop."""
        return self._runner.run(work)

    async def _start(self) -> None:
        async with AsyncExitStack() as stack:
            mongo = Mongo(self.mongo_url, self.database, timeout_s=self.mongo_timeout_s)
            stack.push_async_callback(mongo.close)
            workers = Workers(self.settings.gateway_worker_urls)
            stack.push_async_callback(workers.close)
            self.audit = AuditLog(mongo, system_clock)
            codec = Codec()
            commands = command_parts(self.settings, mongo=mongo, workers=workers, audit=self.audit, codec=codec)
            stack.push_async_callback(commands.close)
            self.process = GatewayProcess(
                self.settings,
                GatewayParts(
                    mongo=mongo, workers=workers, operations=commands.operations, commands=commands.commands,
                    audit=self.audit, codec=codec,
                ),
                people=self.people, show=self.links.__setitem__, console=self.console, manifest=self.manifest,
            )  # fmt: skip
            await stack.enter_async_context(self.process.running("127.0.0.1", self.port))
            self._stack = stack.pop_all()

    @property
    def root(self) -> str:
        """Its URL."""
        return f"http://127.0.0.1:{self.port}"

    def entries(self) -> list[AuditRecord]:
        """The audit log, the newest first."""
        return self.run(self.audit.entries({}, limit=1_000))

    def browser(self, person: str | None = None, identity: Identity | None = None) -> "Browser":
        """A browser, signed in as one of the people, or as somebody else: as a viewer unless `identity` is given."""
        browser = Browser(self)
        if person is not None:
            known = {one.name: one for one in self.people}
            identity = identity or known.get(person, Identity(person, Role.VIEWER, None))
            session = self.run(self.process.sessions.begin(identity))
            browser.cookies[f"rentmatch-{self.port}"] = session.secret
        return browser


class Browser:
    """Keeps cookies, and follows no redirect."""

    def __init__(self, gateway: RunningGateway) -> None:
        self._gateway = gateway
        self.cookies: dict[str, str] = {}

    def get(self, path: str, headers: Mapping[str, str] = OURS, **more: Any) -> Reply:
        """GET."""
        return self.ask("GET", path, headers=headers, **more)

    def post(self, path: str, body: Any, headers: Mapping[str, str] = OURS, **more: Any) -> Reply:
        """POST of JSON."""
        return self.ask("POST", path, json=body, headers=headers, **more)

    def ask(self, method: str, path: str, *, headers: Mapping[str, str] = OURS, **more: Any) -> Reply:
        """Any request."""
        return self._gateway.run(self._ask(method, path, headers, more))

    async def _ask(self, method: str, path: str, headers: Mapping[str, str], more: dict[str, Any]) -> Reply:
        jar = aiohttp.DummyCookieJar()
        async with (
            aiohttp.ClientSession(cookie_jar=jar, auto_decompress=False) as client,
            client.request(
                method, self._gateway.root + path, headers=dict(headers), cookies=self.cookies, allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=20), **more,
            ) as response,
        ):  # fmt: skip
            for name, morsel in response.cookies.items():
                self.cookies[name] = morsel.value
                if morsel["max-age"] == "0" or not morsel.value:
                    del self.cookies[name]
            return Reply(response.status, response.headers, await response.read())
