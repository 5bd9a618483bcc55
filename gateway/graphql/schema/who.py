"""Who asks, and what is found by text."""

import strawberry
from strawberry import ID

from gateway.graphql.schema.enums import SearchKind
from gateway.graphql.schema.scalars import Instant, Minor
from gateway.people.viewer import Permission, Role


@strawberry.type
class FourEyesLimit:
    """From this |drift| on an acceptance needs a second person."""

    currency: str = strawberry.field(description="`*`: all others.")
    minor: Minor


@strawberry.type(name="Viewer")
class ViewerObject:
    """Who asks."""

    name: str = strawberry.field(description="Who decides, as in `actor`.")
    role: Role
    permissions: list[Permission]
    properties: list[ID] | None = strawberry.field(description="Null: all properties.")
    expires_at: Instant | None = strawberry.field(description="When the session ends.")
    four_eyes: list[FourEyesLimit]


@strawberry.type
class SearchHit:
    """What was found."""

    kind: SearchKind
    id: ID
    text: str = strawberry.field(description="What it is, in a line.")
