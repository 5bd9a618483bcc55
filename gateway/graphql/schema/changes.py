"""What a subscription sends."""

import strawberry
from strawberry import ID

from gateway.graphql.schema.enums import SearchKind
from gateway.graphql.schema.scalars import Instant, Version


@strawberry.type(description="Every page shows `caughtUpTo`: every input has been read up to it.")
class Freshness:
    """How current the read model is."""

    caught_up_to: Instant | None
    lag: int = strawberry.field(description="Of the read model, in records.")
    as_of: Instant


@strawberry.type
class ChangedItem:
    """An object that changed."""

    kind: SearchKind
    id: ID
    version: Version


@strawberry.type
class Change:
    """What changed in a second."""

    resync: bool
    items: list[ChangedItem]
    freshness: Freshness
