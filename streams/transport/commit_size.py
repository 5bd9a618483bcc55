"""How large a commit may grow in a backlog: by memory, and by how long the broker takes to write it."""

WRITTEN_WITHIN = 1 / 3
"""A commit should be written within this part of the transaction's timeout: the broker aborts it after that."""

LIMIT_BYTES = 64 << 20
"""The memory for the open transaction where nothing else is said."""

SMALLEST_BYTES = 1 << 20

GROWTH = 1.5
"""After a commit that was written quickly, the next one may be larger by this factor."""


class CommitSize:
    """The memory that the open transaction may take.

    Args:
        limit_bytes: the most.
        timeout_s: the broker aborts a transaction that is open for longer.

    """

    def __init__(self, limit_bytes: int, timeout_s: float) -> None:
        self._limit = limit_bytes
        self._enough_s = timeout_s * WRITTEN_WITHIN
        self.bytes = limit_bytes
        """With so much the open transaction is full: it takes no batch until the next one opens."""

    def written(self, seconds: float) -> None:
        """Note how long writing a commit took: a slow broker gets smaller ones."""
        if seconds > self._enough_s:
            self.bytes = max(min(SMALLEST_BYTES, self._limit), int(self.bytes * self._enough_s / seconds))
        else:
            self.bytes = min(self._limit, int(self.bytes * GROWTH))
