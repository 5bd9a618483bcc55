"""The ids that rentmatch makes (contract section 1): the first 32 hex digits of SHA-256 over netstrings."""

from hashlib import sha256

from domain.time import Day, iso_date


def _hashed(*parts: str) -> str:
    # A netstring says how long each part is, so that ("a", "bc") and ("ab", "c") cannot meet in one id.
    netstrings = bytearray()
    for part in parts:
        text = part.encode()
        netstrings += b"%d:%b," % (len(text), text)
    return sha256(netstrings).hexdigest()[:32]


def break_id(key_kind: str, key: str, subject: tuple[str, ...]) -> str:
    """Name a break (contract section 7) without its class, so that a reclassified break keeps its history.

    Args:
        key_kind: `payment` or `obligation`.
        key: the payment_id or obligation_id.
        subject: the subject and its parts, such as `("fee", processor, reference)`.

    """
    return _hashed("break", key_kind, key, *subject)


def alert_id(obligation_id: str, installment_id: str, due_date: Day) -> str:
    """Name a late-payment alert (contract section 8): a moved installment is another alert.

    Raises:
        ValueError: the due date is outside the years 1 to 9999, which no decoded fact is.

    """
    return _hashed("late", obligation_id, installment_id, iso_date(due_date))
