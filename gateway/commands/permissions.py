"""Who may do what. Four eyes are those of two people, so an API token neither accepts nor approves."""

from domain.commands.refusal import RefusalKind, Refused
from gateway.commands.wanted import NEEDED, AcceptBreak, ApproveBreak, Wanted
from gateway.people.viewer import PERMISSIONS, Role, Viewer


def check_permission(viewer: Viewer, wanted: Wanted) -> None:
    """Check that a viewer may do what it wants.

    Raises:
        Refused: it may not.

    """
    needed = NEEDED[type(wanted)]
    if not viewer.may(needed):
        least = next(role for role in Role if needed in PERMISSIONS[role])
        raise Refused(
            f"your role, {viewer.role}, may not {needed}: that needs the role {least}", RefusalKind.NOT_ALLOWED
        )
    if viewer.token_id is not None and isinstance(wanted, AcceptBreak | ApproveBreak):
        raise Refused(
            "an API token is no person: to accept and to approve takes somebody who is signed in",
            RefusalKind.NOT_ALLOWED,
        )


def checked_reason(text: str) -> str:
    """Check the reason that a person gives.

    Raises:
        Refused: there is none.

    """
    if not text.strip():
        raise Refused("a reason is needed; it is kept with the decision")
    return text
