"""Breaks as views have them: open while their condition holds (contract section 7), without a history."""

from collections.abc import Iterable, Mapping

import msgspec

from domain.dedup import Identities, reused_event_ids
from domain.ids import break_id
from domain.records import BreakClass, DecisionOnBreak, DecisionState
from domain.time import Micros

NO_CURRENCY = "XXX"
"""ISO 4217 for "no currency": where no amount is meant and none is known."""


PRIORITIES: dict[BreakClass, int] = {
    break_class: priority
    for priority, classes in {
        1: (
            BreakClass.POSTING_WITHOUT_SETTLEMENT,
            BreakClass.DUPLICATE_SETTLEMENT,
            BreakClass.OVER_REVERSED,
            BreakClass.POSTING_OVER_REVERSED,
            BreakClass.REVERSED_AFTER_POSTING,
            BreakClass.DUPLICATE_POSTING,
            BreakClass.UNKEYED_MOVEMENT,
            BreakClass.REFERENCE_UNKNOWN,
            BreakClass.REFERENCE_CLAIMED_TWICE,
            BreakClass.DEPOSIT_MISSING,
            BreakClass.DEPOSIT_AMOUNT_MISMATCH,
            BreakClass.DEPOSIT_AFTER_FAILURE,
        ),
        2: (
            BreakClass.SETTLEMENT_AMOUNT_MISMATCH,
            BreakClass.POSTING_AMOUNT_MISMATCH,
            BreakClass.CURRENCY_MISMATCH,
            BreakClass.REVERSAL_EXCESS,
            BreakClass.CHARGEBACK_EXCESS,
            BreakClass.POSTING_MISALLOCATED,
            BreakClass.FEE_VARIANCE,
            BreakClass.PAYOUT_SUM_MISMATCH,
            BreakClass.BANK_ENTRY_UNEXPLAINED,
        ),
        3: (
            BreakClass.SETTLEMENT_MISSING,
            BreakClass.POSTING_MISSING,
            BreakClass.REVERSAL_UNMATCHED,
            BreakClass.OBLIGATION_MISMATCH,
            BreakClass.CONFLICTING_FACT,
            BreakClass.OBLIGATION_UNKNOWN,
            BreakClass.INSTALLMENT_UNKNOWN,
            BreakClass.PROPERTY_MISMATCH,
            BreakClass.PLAN_SUM_MISMATCH,
            BreakClass.OVERPAYMENT,
            BreakClass.PAYOUT_UNREPORTED,
        ),
    }.items()
    for break_class in classes
}
"""Contract sections 7, 10 and 11; 1 is the most urgent."""


class Break(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A break whose condition holds. `drift` is `actual_minor - expected_minor`; the priority is that of the class."""

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
    decision: DecisionOnBreak | None = None
    """What people have decided about it (`domain.decisions.decide`)."""
    candidates: tuple[str, ...] = ()
    """The keys that may explain it."""

    @property
    def is_accepted(self) -> bool:
        """Whether people have accepted it as it is: then it is not open."""
        return self.decision is not None and self.decision.state is DecisionState.ACCEPTED


def new_break(
    key_kind: str,
    key: str,
    subject: tuple[str, ...],
    break_class: BreakClass,
    *,
    currency: str,
    event_ids: Iterable[str],
    expected_minor: int = 0,
    actual_minor: int = 0,
    due_at: Micros | None = None,
    candidates: tuple[str, ...] = (),
) -> Break:
    """Open a break under the id of contract section 7.

    Args:
        key_kind: `payment`, `obligation`, `reference`, `payout` or `bank_entry`.
        key: the payment_id, the obligation_id, or a key of two parts.
        subject: the subject and its parts.
        break_class: its class.
        currency: of the amounts.
        event_ids: the events that it rests on, in any order.
        expected_minor: the expected amount.
        actual_minor: the actual amount.
        due_at: the deadline whose passing opened it; None if it opens at once.
        candidates: the keys that may explain it.

    """
    return Break(
        break_id=break_id(key_kind, key, subject),
        subject=subject,
        break_class=break_class,
        expected_minor=expected_minor,
        actual_minor=actual_minor,
        currency=currency,
        due_at=due_at,
        event_ids=tuple(sorted(set(event_ids))),
        candidates=candidates,
    )


def conflict_breaks(
    key_kind: str,
    key: str,
    identities: Identities,
    currency: str,
    repeated_after_opposite: Mapping[tuple[str, ...], Iterable[str]] | None = None,
) -> list[Break]:
    """Give the `conflicting_fact` breaks of a key (contract section 3).

    One for each identity that was reported with different money or routing, in `currency`, and one for each event id
    that reported two identities.

    Args:
        key_kind: of the key.
        key: its id.
        identities: its identities, each with the record that holds.
        currency: of the breaks.
        repeated_after_opposite: the events of identities that were reported again after their opposite, by identity.

    """
    known = list(identities)
    repeated = repeated_after_opposite or {}
    found = [
        new_break(
            key_kind,
            key,
            ("fact", *identity),
            BreakClass.CONFLICTING_FACT,
            currency=currency,
            event_ids=(*(accepted.conflicting_event_ids() if accepted.conflict else ()), *repeated.get(identity, ())),
        )
        for identity, accepted in known
        if accepted.conflict or identity in repeated
    ]
    found += [
        new_break(
            key_kind,
            key,
            ("event", event_id),
            BreakClass.CONFLICTING_FACT,
            currency=NO_CURRENCY,
            event_ids=(event_id,),
        )
        for event_id in reused_event_ids(known)
    ]
    return found


def in_order(breaks: list[Break]) -> tuple[Break, ...]:
    """Sort breaks by break id."""
    return tuple(sorted(breaks, key=_break_id) if len(breaks) > 1 else breaks)


def _break_id(one: Break) -> str:
    return one.break_id
