"""Who may do what: the permission of each command."""

import msgspec

from domain.commands.refusal import RefusalKind, Refused
from gateway.commands.wanted import NEEDED, Wanted
from gateway.people.viewer import PERMISSIONS, PERSONAL, Role, Viewer


def check_permission(viewer: Viewer, wanted: Wanted) -> None:
    """Check that a viewer may do what it wants.

    Raises:
        Refused: it may not.

    """
    needed = NEEDED[type(wanted)]
    if viewer.may(needed):
        return
    if viewer.token_id is not None and needed in PERSONAL:
        raise Refused(
            f"an API token is no person: to {needed} takes somebody who is signed in", RefusalKind.NOT_ALLOWED
        )
    least = next(role for role in Role if needed in PERMISSIONS[role])
    raise Refused(f"your role, {viewer.role}, may not {needed}: that needs the role {least}", RefusalKind.NOT_ALLOWED)


def check_texts(wanted: object) -> None:
    """Check that every text can be written. JSON can say half of a surrogate pair, which no other form has.

    Raises:
        Refused: one cannot.

    """
    try:
        msgspec.json.encode(wanted)
    except UnicodeEncodeError:
        raise Refused("a text has half of a surrogate pair, which is no character") from None


def checked_reason(text: str) -> str:
    """Check the reason that a person gives.

    Raises:
        Refused: there is none.

    """
    if not text.strip():
        raise Refused("a reason is needed; it is kept with the decision")
    return text
