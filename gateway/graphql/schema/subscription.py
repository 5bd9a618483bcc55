"""The subscription; `ports.Changes` is behind it."""

from collections.abc import AsyncIterator

import strawberry

from gateway.graphql.context import Info
from gateway.graphql.schema.changes import Change
from gateway.graphql.schema.fields import subscription


@strawberry.type
class Subscription:
    """What is sent while it changes."""

    @subscription
    async def changes(self, info: Info) -> AsyncIterator[Change]:
        """Coalesced by id each second.

        No objects: the client asks again. `resync`: something was dropped, so ask for everything again.
        """
        async for change in info.context.changes.changes(info.context.viewer):
            yield change
