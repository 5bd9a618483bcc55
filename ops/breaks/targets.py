"""Where a payment's money is to go, as a person writes it on the command line."""

import re
from urllib.parse import unquote

from domain.commands.moving import Target
from domain.commands.refusal import Refused
from domain.currencies import EXPONENTS
from domain.formatting import counted

_AMOUNT = re.compile(r"([0-9]+)(?:\.([0-9]+))?")


def target_of(text: str, currency: str) -> Target:
    """Parse `OBLIGATION`, `OBLIGATION/INSTALLMENT`, either followed by `=AMOUNT` in the currency's units (`500.00`).

    Ids with `/`, `=` or `%` are percent-encoded (`%2F`, `%3D`, `%25`).

    Raises:
        Refused: the text is something else.

    """
    place, equals, amount = text.partition("=")
    obligation_id, slash, installment_id = place.partition("/")
    if not obligation_id or (slash and not installment_id):
        raise Refused(f"--to {text!r} is not OBLIGATION[/INSTALLMENT][=AMOUNT], as in O-17 or O-17/first=500.00")
    return Target(
        unquote(obligation_id), unquote(installment_id) or None, minor_of(amount, currency) if equals else None
    )


def minor_of(text: str, currency: str) -> int:
    """Read an amount above 0 as people write it, with at most the currency's decimals: `500`, `500.00`.

    Raises:
        Refused: it is not such an amount.

    """
    digits = EXPONENTS[currency]
    match = _AMOUNT.fullmatch(text)
    if match is None or len(match[2] or "") > digits:
        decimals = f"at most {counted(digits, 'decimal')}" if digits else "no decimals"
        raise Refused(f"{text!r} is not an amount in {currency}: digits and {decimals}, without separators")
    minor = int(match[1] + (match[2] or "").ljust(digits, "0"))
    if not minor:
        raise Refused("an amount has to be above 0")
    return minor
