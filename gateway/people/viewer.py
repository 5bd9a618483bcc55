"""A person or a program that is known, and what it may do."""

from dataclasses import dataclass
from enum import StrEnum

from domain.time import Micros


class Role(StrEnum):
    """A role. Each may do all that the one before it may do."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"


class Permission(StrEnum):
    """What a role allows."""

    READ = "read"
    EXPORT = "export"
    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    COMMENT = "comment"
    ACCEPT = "accept"
    APPROVE = "approve"
    WITHDRAW = "withdraw"
    MATCH = "match"
    MOVE = "move"
    REFEED = "refeed"
    AUDIT = "audit"
    ADMINISTER = "administer"


_ADDED: dict[Role, tuple[Permission, ...]] = {
    Role.VIEWER: (Permission.READ, Permission.EXPORT),
    Role.OPERATOR: (
        Permission.ACKNOWLEDGE,
        Permission.ASSIGN,
        Permission.COMMENT,
        Permission.ACCEPT,
        Permission.WITHDRAW,
        Permission.MATCH,
        Permission.MOVE,
    ),
    Role.APPROVER: (Permission.APPROVE,),
    Role.ADMIN: (Permission.REFEED, Permission.AUDIT, Permission.ADMINISTER),
}
"""What each role may do besides what the one before it may."""


def _permissions() -> dict[Role, frozenset[Permission]]:
    found: dict[Role, frozenset[Permission]] = {}
    held: frozenset[Permission] = frozenset()
    for role in Role:
        held |= frozenset(_ADDED[role])
        found[role] = held
    return found


PERSONAL = frozenset({Permission.ACCEPT, Permission.APPROVE, Permission.WITHDRAW, Permission.ADMINISTER})
"""What only people may do, whatever the role of a token. Otherwise one person with a token would be two."""

OF_ALL_PROPERTIES = frozenset({Permission.REFEED, Permission.AUDIT, Permission.ADMINISTER})
"""What only viewers of all properties may do: dead letters and the audit log are of all of them, and who makes tokens
could make one that sees more."""

PERMISSIONS: dict[Role, frozenset[Permission]] = _permissions()
"""All that each role may do."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks: a signed-in person, or a program with an API token.

    Role and properties are those of the moment of the request. A property scope limits what is read (the read model
    applies it) and what may be decided about.
    """

    name: str
    """The actor of decisions. Two decisions with the same name are by one person, in whatever session."""
    role: Role
    properties: frozenset[str] | None
    """The ids of the properties in scope; None for all."""
    may_query_freely: bool = False
    """Whether GraphQL documents of its own are answered: API tokens with that right. Others send ids of the console's
    documents."""
    session_id_hash: str | None = None
    """SHA-256 of the session's id, hexadecimal; None for a token."""
    token_id: str | None = None
    """The id of the API token, which is no secret; None for a session."""
    expires_at: Micros | None = None
    """When the session or the token ends, at the latest; microseconds since 1970."""

    @property
    def permissions(self) -> frozenset[Permission]:
        """All that it may do."""
        held = PERMISSIONS[self.role]
        if self.token_id is not None:
            held -= PERSONAL
        return held if self.properties is None else held - OF_ALL_PROPERTIES

    def may(self, permission: Permission) -> bool:
        """Whether it may do this."""
        return permission in self.permissions
