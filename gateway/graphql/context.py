"""What a request is answered with: who asks, what may be read, and the other parts of the gateway."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn, TypeAlias

import strawberry

from domain.time import Micros
from gateway.graphql.errors import ErrorCode, GatewayError
from gateway.graphql.ports import ChangesPort, CommandsPort, LivePort, OperationsPort, PeoplePort
from gateway.people.viewer import Permission, Viewer
from read_model.scoped import ScopedReadModel

if TYPE_CHECKING:
    from gateway.graphql.loaders import Loaders  # it makes objects of the schema, whose resolvers take a context


@dataclass(frozen=True, slots=True)
class Context:
    """The context of one request."""

    viewer: Viewer
    read: ScopedReadModel
    """Reads what the viewer may see, and nothing else."""
    loaders: "Loaders"
    """Batches the reads of this request."""
    live: LivePort
    operations: OperationsPort
    commands: CommandsPort
    people: PeoplePort
    changes: ChangesPort
    now: Micros
    """The instant of the request."""
    may_introspect: bool = False

    async def require(self, permission: Permission, field: str) -> None:
        """Check that the viewer has a permission. A refusal goes to the audit log.

        Args:
            permission: what is needed.
            field: the name of the field that needs it.

        Raises:
            GatewayError: the viewer has it not.

        """
        if not self.viewer.may(permission):
            await self.refuse(field, f"this needs the permission {permission.name}")

    async def refuse(self, field: str, why: str) -> NoReturn:
        """Refuse a field to the viewer, and say so in the audit log.

        Raises:
            GatewayError: always.

        """
        await self.people.refused(self.viewer, action=f"graphql.{field}", reason=why)
        raise GatewayError(ErrorCode.NOT_ALLOWED, why)


Info: TypeAlias = strawberry.Info[Context, None]
"""What a resolver is given."""
