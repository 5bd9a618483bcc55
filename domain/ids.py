"""The ids that rentmatch assigns (contract section 1): the first 32 hex digits of SHA-256 over netstrings."""

from hashlib import sha256

from domain.time import Day, iso_date


def _hashed(*parts: str) -> str:
    # A netstring starts with the length of each part, so ("a", "bc") and ("ab", "c") have different ids.
    netstrings = "".join([f"{len(part.encode())}:{part}," for part in parts])
    return sha256(netstrings.encode()).hexdigest()[:32]


def break_id(key_kind: str, key: str, subject: tuple[str, ...]) -> str:
    """Give the id of a break (contract section 7). The class is not part of it: a reclassified break keeps its id.

    Args:
        key_kind: `payment` or `obligation`.
        key: the payment_id or obligation_id.
        subject: the subject and its parts, such as `("fee", processor, reference)`.

    """
    return _hashed("break", key_kind, key, *subject)


def alert_id(obligation_id: str, installment_id: str, due_date: Day) -> str:
    """Give the id of a late-payment alert (contract section 8). A moved installment is another alert.

    Raises:
        ValueError: the due date is outside the years 1 to 9999, which no decoded fact is.

    """
    return _hashed("late", obligation_id, installment_id, iso_date(due_date))
