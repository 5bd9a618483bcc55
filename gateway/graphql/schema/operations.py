"""Health, dead letters, the audit log, API tokens and saved views."""

import strawberry
from strawberry import ID

from gateway.graphql.schema.changes import Freshness
from gateway.graphql.schema.money import Count
from gateway.graphql.schema.scalars import Day, Instant
from gateway.people.viewer import Role


@strawberry.type
class WorkerHealth:
    """A worker."""

    url: str
    ready: bool
    reason: str | None
    caught_up_to: Instant | None
    partitions: int


@strawberry.type
class TopicLag:
    """Records that a consumer group has not read yet, in a partition."""

    group: str
    topic: str
    partition: int
    lag: int


@strawberry.type(description="When a source last reported; silent: longer ago than its usual.")
class FeedHealth:
    """A source of inputs."""

    source: str
    topic: str
    last_at: Instant | None
    silent: bool


@strawberry.type
class ReadModelHealth:
    """The read model."""

    up: bool
    lag: int


@strawberry.type
class Health:
    """The state of the processes."""

    freshness: Freshness
    workers: list[WorkerHealth]
    topics: list[TopicLag]
    feeds: list[FeedHealth]
    read_model: ReadModelHealth
    dead_letters: Count


@strawberry.type
class Header:
    """A header of a record."""

    name: str
    value: str


@strawberry.type(description="`id` is partition:offset on the topic dead-letter.")
class DeadLetter:
    """A record that could not be read."""

    id: ID
    at: Instant
    topic: str
    partition: int
    offset: int
    error_class: str
    error: str
    key: str | None
    decoded: str | None = strawberry.field(description="The decoded value as JSON where it decodes, else null.")
    bytes: str = strawberry.field(description="The first 4 KiB, base64.")
    size: int
    headers: list[Header]


@strawberry.type
class AuditEntry:
    """An entry of the audit log."""

    id: ID
    at: Instant
    actor: str
    action: str
    outcome: str
    about: str = strawberry.field(description="Ids of records, no ids of people.")
    reason: str | None
    hash: str = strawberry.field(description="Of this entry and the one before.")


@strawberry.type
class ApiToken:
    """An API token, without its secret."""

    id: ID
    name: str
    role: Role
    properties: list[ID] | None = strawberry.field(description="Null: all properties.")
    free_queries: bool
    created_at: Instant
    created_by: str
    expires_at: Instant
    last_used: Day | None
    revoked_at: Instant | None


@strawberry.type
class CreatedApiToken:
    """An API token that was just created."""

    token: ApiToken
    secret: str = strawberry.field(description="Shown once.")


@strawberry.type
class SavedView:
    """A page with its filters, under a name."""

    id: ID
    name: str
    path: str = strawberry.field(description="The page's URL, path and query only.")
    shared: bool
    owner: str
