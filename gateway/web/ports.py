"""What GraphQL needs of people and changes, in its own types."""

import base64
import binascii
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence

from strawberry import ID, UNSET

from domain.time import DAY
from gateway.graphql.errors import ErrorCode, GatewayError, bad_argument
from gateway.graphql.schema.changes import Change, ChangedItem, Freshness
from gateway.graphql.schema.enums import SearchKind
from gateway.graphql.schema.inputs import AuditFilter
from gateway.graphql.schema.money import Connection, Edge, PageInfo
from gateway.graphql.schema.operations import ApiToken, AuditEntry, CreatedApiToken, SavedView
from gateway.graphql.schema.scalars import Day, Instant, Version
from gateway.people.audit import AuditLog, AuditRecord
from gateway.people.sessions import Sessions
from gateway.people.tokens import StoredToken, TokenRefused, Tokens
from gateway.people.viewer import Role, Viewer
from gateway.people.views import SavedViews, StoredView, ViewRefused
from gateway.web.changes import ChangeBatch, ChangeHub, TooManyStreams
from read_model.documents import DocumentKind
from read_model.mongo import Document

KINDS: dict[DocumentKind, SearchKind] = {
    "payments": SearchKind.PAYMENT,
    "obligations": SearchKind.OBLIGATION,
    "processor_references": SearchKind.REFERENCE,
    "payouts": SearchKind.PAYOUT,
    "breaks": SearchKind.BREAK,
}


class GatewayPeople:
    """`PeoplePort`: saved views, API tokens, sessions and the audit log. The caller has checked the permission."""

    def __init__(
        self, *, views: SavedViews, tokens: Tokens, sessions: Sessions, audit: AuditLog, four_eyes: Mapping[str, int]
    ) -> None:
        self._views = views
        self._tokens = tokens
        self._sessions = sessions
        self._audit = audit
        self._four_eyes = dict(four_eyes)

    def four_eyes(self) -> Mapping[str, int]:
        """The limits above which an acceptance needs a second person, by currency."""
        return self._four_eyes

    async def saved_views(self, viewer: Viewer) -> list[SavedView]:
        """The viewer's own views and the shared ones."""
        return [_saved_view(view) for view in await self._views.of(viewer)]

    async def save_view(self, viewer: Viewer, *, name: str, path: str, shared: bool) -> SavedView:
        """Save a view; one of the viewer's with this name is replaced."""
        try:
            return _saved_view(await self._views.save(viewer, name=name, path=path, shared=shared))
        except ViewRefused as error:
            raise bad_argument(str(error)) from None

    async def delete_view(self, viewer: Viewer, view_id: str) -> bool:
        """Delete a view of the viewer's; whether there was one."""
        return await self._views.delete(viewer, view_id)

    async def audit_log(self, only: AuditFilter, *, first: int, after: str | None) -> Connection[AuditEntry]:
        """The audit log, the newest first."""
        found = await self._audit.entries(_audit_where(only), before=_number_of(after), limit=first + 1)
        edges = [Edge(node=_audit_entry(one), cursor=_cursor_of(one)) for one in found[:first]]
        info = PageInfo(has_next_page=len(found) > first, end_cursor=edges[-1].cursor if edges else None)
        return Connection(edges=edges, page_info=info)

    async def api_tokens(self) -> list[ApiToken]:
        """All API tokens."""
        return [_api_token(token) for token in await self._tokens.all()]

    async def create_api_token(
        self,
        viewer: Viewer,
        *,
        name: str,
        role: Role,
        properties: Sequence[str] | None,
        free_queries: bool,
        expires_at: Instant,
    ) -> CreatedApiToken:
        """Create an API token."""
        await self._audit.check()
        try:
            created = await self._tokens.create(
                name=name,
                role=role,
                properties=properties,
                free_queries=free_queries,
                expires_at=expires_at,
                created_by=viewer.name,
            )
        except TokenRefused as error:
            await self._audit.record(
                actor=viewer.name, action="token.create", outcome="refused.invalid", reason=str(error)
            )
            raise bad_argument(str(error)) from None
        await self._audit.record(
            actor=viewer.name,
            action="token.create",
            outcome="done",
            about=created.stored.token_id,
            reason=f"{name}, {role.value}",
        )
        return CreatedApiToken(token=_api_token(created.stored), secret=created.secret)

    async def revoke_api_token(self, viewer: Viewer, token_id: str) -> bool:
        """Revoke an API token; whether there was a valid one."""
        await self._audit.check()
        revoked = await self._tokens.revoke(token_id)
        outcome = "done" if revoked else "refused.not_found"
        await self._audit.record(actor=viewer.name, action="token.revoke", outcome=outcome, about=token_id)
        return revoked

    async def refused(self, viewer: Viewer, *, action: str, reason: str) -> None:
        """Put a refusal into the audit log."""
        await self._audit.record(actor=viewer.name, action=action, outcome="refused.not_allowed", reason=reason)

    async def sign_out(self, viewer: Viewer) -> bool:
        """End the viewer's session; whether there was one."""
        if viewer.session_id_hash is None:
            return False
        ended = await self._sessions.end(viewer.session_id_hash)
        await self._audit.record(actor=viewer.name, action="sign_out", outcome="done")
        return ended


class GatewayChanges:
    """`ChangesPort`: the hub's batches with how current the read model is."""

    def __init__(self, hub: ChangeHub, freshness: Callable[[], Awaitable[Freshness]]) -> None:
        self._hub = hub
        self._freshness = freshness

    async def changes(self, viewer: Viewer) -> AsyncIterator[Change]:
        """The changes in the viewer's scope, coalesced each second."""
        try:
            async for batch in self._hub.changes(viewer):
                yield Change(resync=batch.resync, items=_items(batch), freshness=await self._freshness())
        except TooManyStreams as error:
            raise GatewayError(ErrorCode.BUSY, str(error)) from None


def _items(batch: ChangeBatch) -> list[ChangedItem]:
    return [
        ChangedItem(kind=KINDS[kind], id=ID(key), version=Version(version))
        for (kind, key), version in batch.items.items()
    ]


def _saved_view(view: StoredView) -> SavedView:
    return SavedView(id=ID(view.view_id), name=view.name, path=view.path, shared=view.shared, owner=view.owner)


def _api_token(token: StoredToken) -> ApiToken:
    return ApiToken(
        id=ID(token.token_id),
        name=token.name,
        role=token.role,
        properties=None if token.properties is None else [ID(one) for one in sorted(token.properties)],
        free_queries=token.free_queries,
        created_at=Instant(token.created_at),
        created_by=token.created_by,
        expires_at=Instant(token.expires_at),
        last_used=None if token.used_on is None else Day(token.used_on // DAY),
        revoked_at=None if token.revoked_at is None else Instant(token.revoked_at),
    )


def _audit_entry(entry: AuditRecord) -> AuditEntry:
    return AuditEntry(
        id=ID(str(entry.number)),
        at=Instant(entry.at),
        actor=entry.actor,
        action=entry.action,
        outcome=entry.outcome,
        about=entry.about,
        reason=entry.reason or None,
        hash=entry.hash,
    )


def _audit_where(only: AuditFilter) -> Document:
    where: Document = {}
    if only.actor:
        where["actor"] = str(only.actor)
    if only.action:
        where["action"] = str(only.action)
    between = {
        sign: int(value)
        for sign, value in (("$gte", only.after), ("$lt", only.before))
        if value is not UNSET and value is not None
    }
    if between:
        where["at"] = between
    if only.refused_only:
        where["outcome"] = {"$regex": "^refused"}
    return where


def _cursor_of(entry: AuditRecord) -> str:
    return base64.urlsafe_b64encode(str(entry.number).encode()).decode()


def _number_of(cursor: str | None) -> int | None:
    if cursor is None:
        return None
    try:
        return int(base64.urlsafe_b64decode(cursor[:40]))
    except (binascii.Error, ValueError):
        raise bad_argument("`after` is no cursor of the audit log") from None
