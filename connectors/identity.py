"""Ids of events that follow from content."""

from hashlib import sha256


def content_id(*parts: str) -> str:
    """The first 32 hex digits of SHA-256 over netstrings of the parts, as the service makes its ids (contract 1).

    Raises:
        UnicodeEncodeError: a part holds bytes that were not valid in the file's encoding.

    """
    netstrings = "".join([f"{len(part.encode())}:{part}," for part in parts])
    return sha256(netstrings.encode()).hexdigest()[:32]
