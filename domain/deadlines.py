"""Which deadlines have passed at an instant, and which one passes next."""

from domain.time import FAR_FUTURE, Micros


class Deadlines:
    """Answers whether deadlines have passed at `now`, and remembers the earliest that has not."""

    __slots__ = ("_next", "now")

    def __init__(self, now: Micros) -> None:
        self.now = now
        self._next = FAR_FUTURE

    def has_passed(self, deadline: Micros) -> bool:
        """Tell whether a deadline has passed; it has at its very instant (contract section 7)."""
        if self.now >= deadline:
            return True
        self._next = min(self._next, deadline)
        return False

    @property
    def next_deadline(self) -> Micros | None:
        """The earliest deadline that was asked for and has not passed; None if there is none that ever will."""
        return None if self._next == FAR_FUTURE else self._next
