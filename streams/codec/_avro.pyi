from collections.abc import Callable
from typing import Any

class Body:
    """How the body of one of our records is read and written."""

    def __init__(
        self,
        plan: tuple[Any, ...],
        again: Callable[[bytes, int], Any],
        check: Callable[[Any], None] | None = None,
        size_max: int = ...,
    ) -> None: ...
    def decode(self, data: bytes, start: int, /) -> Any:
        """The record whose body fills data[start:]."""
    def encode(self, record: Any, frame: bytes, /) -> bytes:
        """The frame, and the record's body behind it."""
