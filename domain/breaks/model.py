"""Breaks as views have them: open while their condition holds (contract section 7), without a history."""

from collections.abc import Iterable

import msgspec

from domain.dedup import Identities, reused_event_ids
from domain.ids import break_id
from domain.records import BreakClass
from domain.time import Micros

NO_CURRENCY = "XXX"
"""ISO 4217 for "no currency": where no amount is meant and none is known."""


class Break(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """An open break. `drift` is `actual_minor - expected_minor`; the priority is that of the class."""

    break_id: str
    subject: tuple[str, ...]
    break_class: BreakClass
    expected_minor: int
    actual_minor: int
    currency: str
    due_at: Micros | None
    """The deadline whose passing opened it; None where it opens at once."""
    event_ids: tuple[str, ...]
    """The events that it rests on, sorted, each once."""


class Breaks:
    """Collects the breaks of one key."""

    __slots__ = ("found", "key", "key_kind")

    def __init__(self, key_kind: str, key: str) -> None:
        self.key_kind = key_kind
        """`payment` or `obligation`."""
        self.key = key
        """The payment_id or obligation_id."""
        self.found: list[Break] = []

    def add(
        self,
        subject: tuple[str, ...],
        break_class: BreakClass,
        expected_minor: int,
        actual_minor: int,
        *,
        currency: str,
        event_ids: Iterable[str],
        due_at: Micros | None = None,
    ) -> None:
        """Note a break whose condition holds, under the id that contract section 7 gives it."""
        self.found.append(
            Break(
                break_id(self.key_kind, self.key, subject),
                subject,
                break_class,
                expected_minor,
                actual_minor,
                currency,
                due_at,
                tuple(sorted(set(event_ids))),
            )
        )

    def add_conflicts(self, identities: Identities, currency: str) -> None:
        """Note the `conflicting_fact` breaks (contract section 3): facts told in two ways, events used twice."""
        known = list(identities)
        for identity, accepted in known:
            if accepted.conflict:
                subject = ("fact", *identity)
                self.add(subject, BreakClass.CONFLICTING_FACT, 0, 0, currency=currency, event_ids=accepted.event_ids())
        for event_id in reused_event_ids(known):
            subject = ("event", event_id)
            self.add(subject, BreakClass.CONFLICTING_FACT, 0, 0, currency=NO_CURRENCY, event_ids=(event_id,))

    def in_order(self) -> tuple[Break, ...]:
        """Give the breaks by break id."""
        if len(self.found) > 1:
            self.found.sort(key=_break_id)
        return tuple(self.found)


def _break_id(one: Break) -> str:
    return one.break_id
