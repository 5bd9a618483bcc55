from collections.abc import Callable
from typing import Any

LAYOUT_VERSION: int
"""Which layouts it understands."""

class Body:
    """Reads and writes the bodies of one of our records."""

    def __init__(
        self,
        layout: tuple[Any, ...],
        again: Callable[[bytes, int], Any],
        check: Callable[[Any], Any] | None = None,
        size_max: int = ...,
    ) -> None: ...
    def decode(self, data: bytes, start: int, /) -> Any:
        """The record whose body fills data[start:]."""
    def encode(self, record: Any, frame: bytes, /) -> bytes:
        """The frame, followed by the record's body."""
