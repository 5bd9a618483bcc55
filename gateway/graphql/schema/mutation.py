"""The commands of people. What they do is behind `ports.Commands` and `ports.People`."""

import strawberry
from strawberry import ID

from gateway.graphql.context import Info
from gateway.graphql.errors import bad_argument
from gateway.graphql.schema.commands import BulkResult, CommandInput, CommandResult, RefeedResult
from gateway.graphql.schema.enums import BulkAction
from gateway.graphql.schema.fields import mutation
from gateway.graphql.schema.operations import CreatedApiToken, SavedView
from gateway.graphql.schema.scalars import Instant
from gateway.people.viewer import Permission, Role

IDS_MAX = 200
"""Breaks, or dead letters, of one command."""


@strawberry.type
class Mutation:
    """One field a request."""

    @mutation
    async def decide(self, info: Info, request_id: ID, command: CommandInput) -> CommandResult:
        """Checks, writes the record to Kafka, and answers when the broker has it.

        `requestId` is a UUID: the same request again is answered, not repeated, for 24 h.
        """
        return await info.context.commands.decide(info.context.viewer, request_id, command)

    @mutation
    async def decide_many(
        self,
        info: Info,
        request_id: ID,
        action: BulkAction,
        break_ids: list[ID],
        reason: str,
        assignee: str | None = strawberry.UNSET,
        until: Instant | None = strawberry.UNSET,
    ) -> list[BulkResult]:
        """Up to 200 breaks, and one answer for each."""
        return await info.context.commands.decide_many(
            info.context.viewer,
            request_id,
            action=action,
            break_ids=_checked(break_ids),
            reason=reason,
            assignee=assignee or None,
            until=until or None,
        )

    @mutation
    async def save_view(self, info: Info, name: str, path: str, shared: bool = False) -> SavedView:
        """Save a view; one of the viewer's with this name is replaced."""
        return await info.context.people.save_view(info.context.viewer, name=name, path=path, shared=shared)

    @mutation
    async def delete_view(self, info: Info, id: ID) -> bool:
        """Delete a view of the viewer's."""
        return await info.context.people.delete_view(info.context.viewer, id)

    @mutation
    async def refeed_dead_letters(self, info: Info, request_id: ID, ids: list[ID]) -> RefeedResult:
        """Needs REFEED."""
        await info.context.require(Permission.REFEED, info.field_name)
        return await info.context.commands.refeed(info.context.viewer, request_id, _checked(ids))

    @mutation
    async def create_api_token(
        self,
        info: Info,
        name: str,
        role: Role,
        expires_at: Instant,
        properties: list[ID] | None = strawberry.UNSET,
        free_queries: bool = False,
    ) -> CreatedApiToken:
        """Needs ADMINISTER. The secret is shown once."""
        await info.context.require(Permission.ADMINISTER, info.field_name)
        return await info.context.people.create_api_token(
            info.context.viewer,
            name=name,
            role=role,
            # An empty list is a scope with nothing in it, and no list is all properties.
            properties=None if properties is strawberry.UNSET else properties,
            free_queries=free_queries,
            expires_at=expires_at,
        )

    @mutation
    async def revoke_api_token(self, info: Info, id: ID) -> bool:
        """Needs ADMINISTER."""
        await info.context.require(Permission.ADMINISTER, info.field_name)
        return await info.context.people.revoke_api_token(info.context.viewer, id)

    @mutation
    async def sign_out(self, info: Info) -> bool:
        """End the session."""
        return await info.context.people.sign_out(info.context.viewer)


def _checked(ids: list[ID]) -> list[ID]:
    if not 1 <= len(ids) <= IDS_MAX:
        raise bad_argument(f"{len(ids)} ids; from 1 to {IDS_MAX} can be given at once")
    return ids
