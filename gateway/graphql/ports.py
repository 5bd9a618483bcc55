"""What the schema needs besides the read model: the workers, commands, people and changes.

Other modules of the gateway implement these. An implementation answers in the schema's own types.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from domain.bank_entries.state import Booking
from domain.records import MismatchAlert
from gateway.people.viewer import Role, Viewer
from gateway.workers import Answer, PayoutLineItem

if TYPE_CHECKING:
    from gateway.graphql.schema.changes import Change, Freshness
    from gateway.graphql.schema.commands import BulkResult, CommandInput, Forecast, RefeedResult, Refusal, Written
    from gateway.graphql.schema.enums import BulkAction
    from gateway.graphql.schema.explanations import Proposal
    from gateway.graphql.schema.inputs import AuditFilter
    from gateway.graphql.schema.money import Connection
    from gateway.graphql.schema.operations import (
        ApiToken,
        AuditEntry,
        CreatedApiToken,
        DeadLetter,
        Health,
        SavedView,
    )
    from gateway.graphql.schema.scalars import Instant


class LivePort(Protocol):
    """The workers' committed state, as `gateway.workers.Workers` asks for it. A worker that fails is an `error`."""

    async def explanation(self, kind: str, key: str, break_id: str) -> Answer[dict[str, Any]]:
        """The explanation of an open or accepted break, in the JSON of the workers' API."""

    async def time_zone(self, obligation_id: str) -> Answer[str]:
        """The IANA zone of an obligation's property."""

    async def payout_lines(self, payout_key: str) -> Answer[list[PayoutLineItem]]:
        """The lines of a payout, by reference and outcome."""

    async def booking(self, account_id: str, entry_id: str) -> Answer[Booking]:
        """What the bank booked as an entry."""


class OperationsPort(Protocol):
    """The state of the processes, and the dead letters."""

    async def freshness(self) -> "Freshness":
        """How current the read model is."""

    async def health(self) -> "Health":
        """The state of all processes."""

    async def dead_letters(self, *, first: int, after: str | None) -> "Connection[DeadLetter]":
        """The dead letters, the latest first."""


class CommandsPort(Protocol):
    """What a person wants done. Refusals are answers; the viewer's permissions and scope are checked here."""

    async def proposals(self, alert: MismatchAlert) -> "Sequence[Proposal]":
        """What money in suspense may be of, the most likely first; empty where no worker answers."""

    async def forecast(self, viewer: Viewer, command: "CommandInput") -> "Forecast":
        """What would become of a command."""

    async def decide(self, viewer: Viewer, request_id: str, command: "CommandInput") -> "Written | Refusal":
        """Check a command and write it."""

    async def decide_many(
        self,
        viewer: Viewer,
        request_id: str,
        *,
        action: "BulkAction",
        break_ids: Sequence[str],
        reason: str,
        assignee: str | None,
        until: "Instant | None",
    ) -> "list[BulkResult]":
        """Decide about many breaks; an answer for each, in their order."""

    async def refeed(self, viewer: Viewer, request_id: str, ids: Sequence[str]) -> "RefeedResult":
        """Feed dead letters again."""


class PeoplePort(Protocol):
    """Saved views, API tokens, sessions and the audit log. The caller has checked the permission."""

    def four_eyes(self) -> Mapping[str, int]:
        """The limits above which an acceptance needs a second person, by currency; `*` for all others."""

    async def saved_views(self, viewer: Viewer) -> "list[SavedView]":
        """The viewer's own views and the shared ones."""

    async def save_view(self, viewer: Viewer, *, name: str, path: str, shared: bool) -> "SavedView":
        """Save a view; one of the viewer's with this name is replaced."""

    async def delete_view(self, viewer: Viewer, view_id: str) -> bool:
        """Delete a view of the viewer's; whether there was one."""

    async def audit_log(self, only: "AuditFilter", *, first: int, after: str | None) -> "Connection[AuditEntry]":
        """The audit log, the newest first."""

    async def api_tokens(self) -> "list[ApiToken]":
        """All API tokens."""

    async def create_api_token(
        self,
        viewer: Viewer,
        *,
        name: str,
        role: Role,
        properties: Sequence[str] | None,
        free_queries: bool,
        expires_at: "Instant",
    ) -> "CreatedApiToken":
        """Create an API token."""

    async def revoke_api_token(self, viewer: Viewer, token_id: str) -> bool:
        """Revoke an API token; whether there was a valid one."""

    async def refused(self, viewer: Viewer, *, action: str, reason: str) -> None:
        """Put a refusal into the audit log."""

    async def sign_out(self, viewer: Viewer) -> bool:
        """End the viewer's session; whether there was one."""


class ChangesPort(Protocol):
    """The changes of the output topics."""

    def changes(self, viewer: Viewer) -> "AsyncIterator[Change]":
        """The changes in the viewer's scope, coalesced each second."""
