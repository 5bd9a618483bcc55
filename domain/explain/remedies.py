"""What would resolve a break: each remedy is tried on a copy of the state before it is given."""

import msgspec

from domain.breaks.model import Break
from domain.calendar import later
from domain.explain.context import Context
from domain.explain.corrective_events import Candidate, CorrectiveEvent
from domain.explain.descriptions import form_of
from domain.explain.trial import breaks_of, state_after
from domain.facts import PostingReversed
from domain.records import BreakClass
from domain.time import DAY, Micros

LONG_AFTER = 366 * DAY
"""A remedy must still hold this much later; merely restarting a deadline does not count."""

_AMOUNTS = frozenset(("amount_minor", "gross_minor", "amount_delta_minor"))


class Remedy(msgspec.Struct, frozen=True):
    """Events that together resolve a break."""

    action: str
    """What happens, in a clause."""
    by: str
    """Who sends the events: `the app`, `the ledger`, a processor, `a person`."""
    events: tuple[CorrectiveEvent, ...]
    consequences: tuple[tuple[BreakClass, Micros | None], ...]
    """The breaks that open next unless further events come, each with its deadline; None: at once."""


def candidates_of(context: Context) -> list[Candidate]:
    """Give what may resolve a break, before it is tried; nothing where no event resolves it."""
    remedies = form_of(context.key_kind, context.mismatch).remedies
    return [] if remedies is None else [each for each in remedies(context) if each.events]


def remedies_of(context: Context, candidates: list[Candidate], now: Micros) -> tuple[Remedy, ...]:
    """Give what would resolve an open break, the likeliest first; each alone does.

    Args:
        context: the break and the state of its key; it is not changed.
        candidates: what may resolve it.
        now: the instant to look from.

    """
    state, policy, break_id = context.state, context.policy, context.mismatch.break_id
    open_before = {one.break_id for at in (now, later(now, LONG_AFTER)) for one in breaks_of(state, at, policy)}
    found = []
    for candidate in candidates:
        after = state_after(state, candidate.events, now)
        lasting = breaks_of(after, later(now, LONG_AFTER), policy)
        if break_id not in {one.break_id for one in (*breaks_of(after, now, policy), *lasting)}:
            opened = [one for one in lasting if one.break_id not in open_before]
            found.append(
                Remedy(candidate.action, candidate.by, tuple(candidate.events), _consequences(candidate, opened))
            )
    return tuple(found)


def _consequences(candidate: Candidate, opened: list[Break]) -> tuple[tuple[BreakClass, Micros | None], ...]:
    """Give what opens next. What only follows from a sample's values is left out."""
    has_open_values = any(_depends_on_sample(event) for event in candidate.events)
    found = [
        (one.break_class, one.due_at)
        for one in opened
        if not has_open_values or one.break_class is BreakClass.CONFLICTING_FACT
    ]
    is_correction = any(event.corrects for event in candidate.events)
    if is_correction and all(break_class is not BreakClass.CONFLICTING_FACT for break_class, _ in found):
        found.append((BreakClass.CONFLICTING_FACT, None))  # at the key of the corrected record
    return tuple(dict.fromkeys(found))


def _depends_on_sample(event: CorrectiveEvent) -> bool:
    names = _AMOUNTS | {"posting_id"} if event.struct is PostingReversed else _AMOUNTS
    return event.keeps is not None or bool(names & event.open_fields.keys())
