"""From the claims of the provider to a person with a role and properties."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.people.sessions import Identity
from gateway.people.tokens import PROGRAMS
from gateway.people.viewer import Role

ALL_PROPERTIES = "*"
NAME_MAX = 200


class SignInRefused(Exception):
    """Somebody may not sign in. The message is for them: it names no claim's value."""


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """Which claims say who somebody is, and what they may do."""

    name_claim: str
    roles_claim: str
    roles: Mapping[str, Role]
    """Which values of the roles' claim are which role."""
    properties_claim: str
    """Empty: everybody may see all properties."""

    def identity(self, claims: Mapping[str, Any]) -> Identity:
        """The person of an ID token's claims.

        Raises:
            SignInRefused: a claim is missing, or there is no role for them.

        """
        name = _at(claims, self.name_claim)
        if not isinstance(name, str) or not _is_usable(name):
            raise SignInRefused(
                f"your account has no usable claim `{self.name_claim}`; an administrator of the provider can add it"
            )
        # One person has one name, however the provider composes its letters.
        return Identity(unicodedata.normalize("NFC", name), self._role(claims), self._properties(claims))

    def _role(self, claims: Mapping[str, Any]) -> Role:
        values = _texts(_at(claims, self.roles_claim))
        held = {self.roles[value] for value in values if value in self.roles}
        highest = [role for role in Role if role in held][-1:]
        if not highest:
            raise SignInRefused("your account has no role here; ask an administrator to give you one")
        return highest[0]

    def _properties(self, claims: Mapping[str, Any]) -> frozenset[str] | None:
        if not self.properties_claim:
            return None
        found = _at(claims, self.properties_claim)
        if found is None:
            raise SignInRefused(
                f"your account has no claim `{self.properties_claim}` with the properties that you may see; an "
                "administrator of the provider can add it"
            )
        ids = frozenset(_texts(found))
        return None if ALL_PROPERTIES in ids else ids


def _is_usable(name: str) -> bool:
    """Whether a name looks different from every other one, and is no program's."""
    is_plain = name.isprintable() and name == name.strip()
    return 0 < len(name) <= NAME_MAX and is_plain and not name.startswith(PROGRAMS)


def _at(claims: Mapping[str, Any], path: str) -> Any:
    """The claim with this name; else, with dots, what is inside of objects, as `realm_access.roles`."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []
