"""Documents as BSON: whole numbers are int64, whatever their size, and what MongoDB cannot take is found beforehand."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from bson import Int64
from bson import encode as bson_encode
from bson.errors import InvalidDocument
from bson.raw_bson import RawBSONDocument

DOCUMENT_BYTES_MAX = 16 * 1024 * 1024
"""The largest document that MongoDB accepts."""


class RejectedDocument(NamedTuple):
    """A document that MongoDB refuses: its position in the batch, and the reason."""

    position: int
    reason: str


class EncodedDocuments(NamedTuple):
    """Documents as BSON, by their position in the batch, and those that cannot be."""

    raw: dict[int, RawBSONDocument]
    refused: list[RejectedDocument]


def encode(documents: Sequence[dict[str, Any]]) -> EncodedDocuments:
    """Documents as BSON, by position. Invalid documents are found here, before they can fail a bulk write."""
    encoded = EncodedDocuments({}, [])
    for at, document in enumerate(documents):
        try:
            raw = bson_encode(sized(document), check_keys=True)
        except (InvalidDocument, OverflowError) as error:
            encoded.refused.append(RejectedDocument(at, str(error)))
            continue
        if len(raw) > DOCUMENT_BYTES_MAX:
            encoded.refused.append(
                RejectedDocument(at, f"{len(raw)} bytes; MongoDB takes no document of more than {DOCUMENT_BYTES_MAX}")
            )
            continue
        encoded.raw[at] = RawBSONDocument(raw)
    return encoded


def sized(value: Any) -> Any:
    """Whole numbers as int64. The driver writes small ones as int32, so the type would depend on the value."""
    kind = type(value)
    if kind is int:
        return Int64(value)
    if kind is dict:
        return {name: sized(part) for name, part in value.items()}
    if kind is list:
        return [sized(part) for part in value]
    return value


def plain(value: Any) -> Any:
    """What `sized` made, as plain values."""
    kind = type(value)
    if kind is Int64:
        return int(value)
    if kind is dict:
        return {name: plain(part) for name, part in value.items()}
    if kind is list:
        return [plain(part) for part in value]
    return value
