"""Headers of Kafka records: names may repeat, and a value may be null."""

import logging
from collections.abc import Sequence
from operator import methodcaller
from typing import Any, TypeAlias

log = logging.getLogger(__name__)

Header: TypeAlias = tuple[str, bytes | None]
"""Name and value."""

Headers: TypeAlias = Sequence[Header]
"""The headers of a record, in order."""

_read = methodcaller("headers")
"""Calls `message.headers()` from C, which checks the result. A call from Python does not once the interpreter has
specialized it: it would return the incomplete list of a malformed record, and the process would crash on it."""

_LENGTHS_BYTES = 10
"""Two variable-length numbers for each header."""


def headers_of(message: Any) -> list[Header] | None:
    """The headers of a consumed `confluent_kafka.Message`; None if it has none.

    A broker does not check that names are UTF-8, as Kafka's protocol requires. The client cannot return a record's
    headers if a name is not: they are logged as lost, and the record is read without them.
    """
    try:
        return _read(message)  # type: ignore[no-any-return]
    except SystemError:
        # Not to be called again for this message: the incomplete list would be returned.
        log.warning(
            "%s %s:%s: the name of a header is not UTF-8; the record is read without its headers",
            message.topic(), message.partition(), message.offset(),
        )  # fmt: skip
        return None


def size_of_headers(headers: Headers) -> int:
    """The most bytes that headers take in a batch: names, values, and the length of each."""
    return sum(len(name.encode()) + len(value or b"") + _LENGTHS_BYTES for name, value in headers)
