"""The ids that rentmatch assigns (contract section 1): the first 32 hex digits of SHA-256 over netstrings."""

from hashlib import sha256

from domain.time import Day, iso_date


def _hashed(*parts: str) -> str:
    # A netstring starts with the length of each part, so ("a", "bc") and ("ab", "c") have different ids.
    netstrings = "".join([f"{len(part.encode())}:{part}," for part in parts])
    return sha256(netstrings.encode()).hexdigest()[:32]


def two_part_key(first: str, second: str) -> str:
    """Give a key of two parts (contract section 1): `first/second`, with `%` and `/` in the first percent-encoded."""
    return f"{first.replace('%', '%25').replace('/', '%2F')}/{second}"


def parts_of_key(key: str) -> tuple[str, str]:
    """Give the two parts of such a key.

    Raises:
        ValueError: the key has one part.

    """
    first, separator, second = key.partition("/")
    if not separator:
        raise ValueError(f"{key!r} is not a key of two parts, such as acme/ch_1")
    return first.replace("%2F", "/").replace("%25", "%"), second


def evidence_of(break_class: str, event_ids: tuple[str, ...]) -> str:
    """Give the evidence of a break (contract section 7): what a person accepts, and whose change opens it again.

    Args:
        break_class: its class.
        event_ids: the events that it rests on, sorted.

    """
    return _hashed("evidence", break_class, *event_ids)


def break_id(key_kind: str, key: str, subject: tuple[str, ...]) -> str:
    """Give the id of a break (contract section 7). The class is not part of it: a reclassified break keeps its id.

    Args:
        key_kind: `payment`, `obligation`, `reference`, `payout` or `bank_entry`.
        key: the payment_id, the obligation_id, or a key of two parts.
        subject: the subject and its parts, such as `("fee", processor, reference)`.

    """
    return _hashed("break", key_kind, key, *subject)


def alert_id(obligation_id: str, installment_id: str, due_date: Day) -> str:
    """Give the id of a late-payment alert (contract section 8). A moved installment is another alert.

    Raises:
        ValueError: the due date is outside the years 1 to 9999, which no decoded fact is.

    """
    return _hashed("late", obligation_id, installment_id, iso_date(due_date))
