"""The parts of a gateway process, put together."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from aiohttp import web

from domain.time import DAY, HOUR, MINUTE, iso_date
from gateway.graphql.documents import Documents, Manifest
from gateway.graphql.ports import CommandsPort, OperationsPort
from gateway.graphql.schema.factory import gateway_schema
from gateway.graphql.surroundings import Surroundings
from gateway.graphql.view import GraphqlView
from gateway.people import audit, login, sessions, views
from gateway.people.audit import AuditLog
from gateway.people.local import LocalLinks
from gateway.people.login import Provider, ProviderConfig
from gateway.people.roles import ClaimRules
from gateway.people.sessions import Identity, Sessions
from gateway.people.tokens import Tokens
from gateway.people.viewer import Role, Viewer
from gateway.people.views import SavedViews
from gateway.web.application import application
from gateway.web.change_reader import ChangeReader
from gateway.web.changes import ChangeHub, lookup_in
from gateway.web.console_files import ConsoleFile
from gateway.web.export_filters import select
from gateway.web.exports import Exports
from gateway.web.guard import VIEWER, Guard
from gateway.web.metrics import GatewayMetrics
from gateway.web.origin import PublicOrigin
from gateway.web.ports import GatewayChanges, GatewayPeople
from gateway.web.serving import listening
from gateway.web.sign_in import CALLBACK_PATH, SignIn
from gateway.workers import Workers
from read_model.finding import ReadModelUnavailable
from read_model.mongo import Mongo, MongoUnavailable
from read_model.queries import ReadModel
from read_model.retrying import retry_forever
from read_model.scope import EVERYTHING, Scope
from sinks.health import HealthVerdict
from streams.clocks import clock_of, system_clock
from streams.codec.codec import Codec
from streams.settings import Settings

log = logging.getLogger(__name__)

PING_EVERY_S = 2.0


@dataclass(frozen=True)
class GatewayParts:
    """What a gateway is made of, apart from the settings.

    The caller closes what it has opened.
    """

    mongo: Mongo
    workers: Workers
    operations: OperationsPort
    commands: CommandsPort
    audit: AuditLog
    codec: Codec


class GatewayProcess:
    """A gateway. It belongs to one event loop.

    Args:
        settings: checked by `check_gateway`.
        parts: what it asks and writes to.
        people: for whom links are printed, where there is no provider.
        show: prints a link: a name, and the URL.
        console: the built console's files; None: the API alone.
        manifest: the console's documents.

    """

    def __init__(
        self,
        settings: Settings,
        parts: GatewayParts,
        *,
        people: Sequence[Identity],
        show: Callable[[str, str], None],
        console: Mapping[str, ConsoleFile] | None,
        manifest: Manifest,
    ) -> None:
        self._settings = settings
        self._parts = parts
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Fails with the error of a part that runs beside the requests: a bug, with which the process must end."""
        self._mongo_error: str | None = "MongoDB has not answered yet"
        mongo = parts.mongo
        self._read_model = ReadModel(mongo)
        self.metrics = GatewayMetrics()
        self.metrics.watch_audit(lambda: parts.audit.waiting)
        self.sessions = Sessions(
            mongo,
            system_clock,
            idle=settings.gateway_session_idle_minutes * MINUTE,
            longest=settings.gateway_session_hours * HOUR,
        )
        self.tokens = Tokens(mongo, system_clock)
        has_provider = settings.gateway_oidc_issuer is not None
        self._provider = Provider(_provider_config(settings), mongo, system_clock) if has_provider else None
        self._links = None if has_provider else LocalLinks(people, settings.gateway_url, show, system_clock)
        self._documents = Documents(manifest, mongo, system_clock)
        self._view = GraphqlView(gateway_schema(), self._documents, self._observe)
        self._hub = ChangeHub(
            lookup=lookup_in(self._read_model.scoped(EVERYTHING)),
            unavailable=(ReadModelUnavailable, MongoUnavailable),
            is_known=self._is_known,
            metrics=self.metrics,
            clock=system_clock,
        )
        self._reader = ChangeReader(settings, parts.codec, self._hub.is_wanted, self._hub.take)
        people_port = GatewayPeople(
            views=SavedViews(mongo, system_clock),
            tokens=self.tokens,
            sessions=self.sessions,
            audit=parts.audit,
            four_eyes=settings.policy.four_eyes_minor,
        )
        self._surroundings = Surroundings(
            read_model=self._read_model,
            live=parts.workers,
            operations=parts.operations,
            commands=parts.commands,
            people=people_port,
            changes=GatewayChanges(self._hub, parts.operations.freshness),
            clock=clock_of(settings),
            introspection=settings.gateway_introspection,
        )
        origin = PublicOrigin(
            settings.gateway_url, is_local=not has_provider, trusted_proxies=settings.gateway_trusted_proxies
        )
        self._guard = Guard(origin, self.sessions, self.tokens, parts.audit, self.metrics)
        sign_in = SignIn(
            origin=origin,
            sessions=self.sessions,
            audit=parts.audit,
            metrics=self.metrics,
            provider=self._provider,
            links=self._links,
        )
        exports = Exports(
            read=lambda viewer: self._read_model.scoped(Scope(viewer.properties)),
            select=select,
            audit=parts.audit,
            metrics=self.metrics,
            day=lambda: iso_date(system_clock() // DAY),
        )
        self._application = application(
            guard=self._guard,
            sign_in=sign_in,
            graphql=self._graphql,
            exports=exports,
            console=console,
            ready=self.ready,
        )

    def live(self) -> HealthVerdict:
        """It answers."""
        return HealthVerdict(True, "answering", "answering")

    def ready(self) -> HealthVerdict:
        """Whether people can use it."""
        if self._mongo_error is not None:
            return HealthVerdict(False, "waiting_for_mongo", self._mongo_error)
        if self._parts.audit.waiting:
            return HealthVerdict(False, "waiting_for_mongo", "entries of the audit log wait for MongoDB")
        return HealthVerdict(True, "answering", "answering")

    @asynccontextmanager
    async def running(self, host: str, port: int) -> AsyncIterator[int]:
        """Answer while the block runs; gives the port.

        Raises:
            PortUnavailable: the port is in use, or the address is not of this machine.

        """
        async with AsyncExitStack() as stack:
            found = await stack.enter_async_context(listening(self._application, host, port))
            for work in (self._prepare(), self._watch(), self._hub.run()):
                task = asyncio.create_task(work)
                task.add_done_callback(self._ended)
                stack.callback(task.cancel)
            stack.callback(self._hub.close)
            self._reader.start()
            stack.callback(self._reader.close)
            if self._provider is not None:
                stack.push_async_callback(self._provider.close)
            stack.push_async_callback(self._guard.finish)
            if self._links is not None:
                self._links.print_links()
            yield found

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if self.failure.done():
            log.error("another part has failed, too", exc_info=error)
        else:
            self.failure.set_exception(error)

    def _observe(self, outcome: str, _seconds: float) -> None:
        self.metrics.graphql.labels(outcome).inc()

    async def _graphql(self, request: web.Request) -> web.StreamResponse:
        return await self._view.answer(request, self._surroundings.context(request[VIEWER]))

    async def _is_known(self, viewer: Viewer) -> bool:
        if viewer.session_id_hash is not None:
            return await self.sessions.is_open(viewer.session_id_hash)
        return viewer.token_id is not None and await self.tokens.is_valid(viewer.token_id)

    async def _prepare(self) -> None:
        """Create indexes, and keep the console's documents for other gateways, once MongoDB answers."""

        async def attempt() -> None:
            for module in (audit, sessions, login, views):
                await self._parts.mongo.ensure_indexes(module.COLLECTION, module.INDEXES)
            await self._documents.publish()

        await retry_forever(attempt)

    async def _watch(self) -> None:
        while True:
            try:
                await self._parts.mongo.ping()
                self._mongo_error = None
            except MongoUnavailable as error:
                self._mongo_error = f"MongoDB: {error}"
            await asyncio.sleep(PING_EVERY_S)


def _provider_config(settings: Settings) -> ProviderConfig:
    secret = settings.gateway_oidc_client_secret
    return ProviderConfig(
        issuer=str(settings.gateway_oidc_issuer),
        client_id=str(settings.gateway_oidc_client_id),
        client_secret=None if secret is None else secret.get_secret_value(),
        scopes=settings.gateway_oidc_scopes,
        redirect_uri=settings.gateway_url + CALLBACK_PATH,
        ca_file=settings.gateway_oidc_ca_file,
        rules=ClaimRules(
            name_claim=settings.gateway_oidc_name_claim,
            roles_claim=settings.gateway_oidc_roles_claim,
            roles={value: Role(name) for value, name in settings.gateway_role_values.items()},
            properties_claim=settings.gateway_oidc_properties_claim,
        ),
    )
