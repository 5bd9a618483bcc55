"""What has been reported of a row, and what a change of it adds: one function for each record of the contract.

A record never changes once it is published, so a change of a row is further records: a posting that the ledger alters
is reversed and posted again under another id. The ids of the first report are the ledger's own; those of later ones end
in `~` and the mark of the change, which follows from the row's key and the change's place in the ledger's log. The same
change therefore has the same ids wherever and however often it is read.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from domain.facts import (
    Installment,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentPosted,
    PlanChanged,
    PostingReversed,
)
from domain.time import Micros
from streams.codec.dead_letters import BadInput, DeadLetterClass

LedgerFact = (
    ObligationCharged
    | PlanChanged
    | ObligationAdjusted
    | ObligationCancelled
    | ObligationReinstated
    | PaymentPosted
    | PostingReversed
)

SEEN_MAX = 64
"""How many changes of one row are remembered as seen: more than one restart of Debezium delivers again."""

DELETED = "the ledger deleted or voided it"
AMENDED = "the ledger amended it"


class Restored(msgspec.Struct, frozen=True, array_like=True):
    """A posting that stands for the part of a reversal that the ledger took back."""

    posting_id: str
    left_minor: int


class RowState(msgspec.Struct, frozen=True, array_like=True):
    """What has been seen or reported of a row: the value of its record on the connector's state topic."""

    seen: tuple[str, ...] = ()
    """The marks of its latest changes."""
    fact: LedgerFact | None = None
    """Its terms as last reported; None: nothing was ever reported."""
    live: bool = False
    """Whether it counts now. False: it was deleted, or voided."""
    own_id: str = ""
    """The id that the row itself gives its record."""
    charge: ObligationCharged | None = None
    """Of a charge: as it was first reported."""
    plan_version: int = 0
    """Of a charge or a plan without a version of its own: the highest that was reported."""
    restored: tuple[Restored, ...] = ()
    """Of a reversal."""

    def with_seen(self, mark: str) -> "RowState":
        """Remember a change."""
        return msgspec.structs.replace(self, seen=(*self.seen, mark)[-SEEN_MAX:])


class Moment(msgspec.Struct, frozen=True):
    """A change, for the ids and instants of what it adds."""

    mark: str
    at: Micros
    """When it was committed."""


Reported = tuple[list[LedgerFact], RowState]
Step = Callable[[RowState, Any, Moment], Reported]

replaced: Callable[..., Any] = msgspec.structs.replace


def _same(fact: Any, other: Any, *but: str) -> bool:
    """Whether two facts of one type agree in everything that matters."""
    ignored = {"event_id", "occurred_at", "reason", *but}
    return all(getattr(fact, f) == getattr(other, f) for f in fact.__struct_fields__ if f not in ignored)


def _with_id(state: RowState, fact: Any, field: str, moment: Moment) -> Any:
    """A fact under the row's own id, or under a new one if the row has been reported before."""
    own = getattr(fact, field)
    if state.fact is None:
        return fact
    return replaced(fact, **{field: f"{own}~{moment.mark}" if own else moment.mark}, occurred_at=moment.at)


def _anew(state: RowState, fact: Any, field: str, moment: Moment) -> Reported:
    """Report a row under its own or a new id."""
    reported = _with_id(state, fact, field, moment)
    return [reported], replaced(state, fact=reported, live=True, own_id=getattr(fact, field) or "")


def _unchanged(state: RowState, fact: Any, field: str) -> bool:
    return state.live and state.own_id == (getattr(fact, field) or "") and _same(state.fact, fact, field)


# A posting


def post(state: RowState, fact: PaymentPosted, moment: Moment) -> Reported:
    """A posting as it is now: new terms are a reversal and a new posting."""
    if _unchanged(state, fact, "posting_id"):
        return [], state
    undone, state = unpost(state, None, moment, AMENDED) if state.live else ([], state)
    done, state = _anew(state, fact, "posting_id", moment)
    return undone + done, state


def unpost(state: RowState, _: Any, moment: Moment, reason: str = DELETED) -> Reported:
    """A posting that is gone: it is reversed in full."""
    old = state.fact
    assert isinstance(old, PaymentPosted)
    reversal = PostingReversed(
        event_id="",
        occurred_at=moment.at,
        obligation_id=old.obligation_id,
        reversal_id=f"{state.own_id}~{moment.mark}",
        posting_id=old.posting_id,
        payment_id=old.payment_id,
        amount_minor=old.amount_minor,
        currency=old.currency,
        reason=reason,
    )
    return [reversal], replaced(state, live=False)


# A reversal


def reverse(state: RowState, fact: PostingReversed, moment: Moment) -> Reported:
    """A reversal as it is now: less of it is a posting of the difference, more of it a reversal of that again."""
    old = state.fact
    if old is None:
        return _anew(state, fact, "reversal_id", moment)
    assert isinstance(old, PostingReversed)
    in_force = old.amount_minor if state.live else 0
    if state.own_id == fact.reversal_id and _same(old, fact, "reversal_id", "amount_minor"):
        return _reversed_by(state, fact.amount_minor - in_force, fact.amount_minor, moment)
    undone, state = unreverse(state, None, moment) if state.live else ([], state)
    done, state = _anew(replaced(state, restored=()), fact, "reversal_id", moment)
    return undone + done, state


def unreverse(state: RowState, _: Any, moment: Moment) -> Reported:
    """A reversal that is gone: what it took back is posted again."""
    assert isinstance(state.fact, PostingReversed)
    facts, after = _reversed_by(state, -state.fact.amount_minor, state.fact.amount_minor, moment)
    return facts, replaced(after, live=False)


def _reversed_by(state: RowState, more_minor: int, amount_minor: int, moment: Moment) -> Reported:
    """Reverse that much more, or (below 0) less, than so far."""
    old = state.fact
    assert isinstance(old, PostingReversed)
    facts: list[LedgerFact] = []
    restored = list(state.restored)
    if more_minor < 0:
        posting_id = f"{state.own_id}~{moment.mark}"
        facts.append(
            PaymentPosted(
                event_id="",
                occurred_at=moment.at,
                obligation_id=old.obligation_id,
                posting_id=posting_id,
                payment_id=old.payment_id,
                installment_id=None,
                amount_minor=-more_minor,
                currency=old.currency,
            )
        )
        restored.append(Restored(posting_id, -more_minor))
    left = more_minor
    while left > 0:
        last = restored.pop() if restored else None
        part = left if last is None else min(left, last.left_minor)
        facts.append(
            replaced(
                old,
                event_id="",
                occurred_at=moment.at,
                reversal_id=f"{state.own_id}~{moment.mark}" + (f"~{len(facts)}" if facts else ""),
                posting_id=old.posting_id if last is None else last.posting_id,
                amount_minor=part,
                reason=AMENDED,
            )
        )
        if last is not None and last.left_minor > part:
            restored.append(Restored(last.posting_id, last.left_minor - part))
        left -= part
    fact = replaced(old, amount_minor=amount_minor)
    return facts, replaced(state, fact=fact, live=True, restored=tuple(restored))


# An adjustment


def adjust(state: RowState, fact: ObligationAdjusted, moment: Moment) -> Reported:
    """An adjustment as it is now: a new amount is an adjustment by the difference; new terms, a new adjustment."""
    if _unchanged(state, fact, "adjustment_id"):
        return [], state
    old = state.fact
    if state.live and state.own_id == fact.adjustment_id and _same(old, fact, "adjustment_id", "amount_delta_minor"):
        assert isinstance(old, ObligationAdjusted)
        more = _correction(state, fact.amount_delta_minor - old.amount_delta_minor, moment, AMENDED)
        return [more], replaced(state, fact=replaced(old, amount_delta_minor=fact.amount_delta_minor))
    undone, state = unadjust(state, None, moment, AMENDED) if state.live else ([], state)
    done, state = _anew(state, fact, "adjustment_id", moment)
    return undone + done, state


def unadjust(state: RowState, _: Any, moment: Moment, reason: str = DELETED) -> Reported:
    """An adjustment that is gone: the opposite one."""
    assert isinstance(state.fact, ObligationAdjusted)
    return [_correction(state, -state.fact.amount_delta_minor, moment, reason)], replaced(state, live=False)


def _correction(state: RowState, delta_minor: int, moment: Moment, reason: str) -> ObligationAdjusted:
    """An adjustment that changes what the row's own did; one with a day or a fee is an installment (contract 5)."""
    old = state.fact
    assert isinstance(old, ObligationAdjusted)
    is_dated = old.due_date is not None or old.kind == "FEE"
    return ObligationAdjusted(
        event_id="",
        occurred_at=moment.at,
        obligation_id=old.obligation_id,
        adjustment_id=f"{state.own_id}~{moment.mark}" + ("~0" if reason == AMENDED else ""),
        amount_delta_minor=delta_minor,
        currency=old.currency,
        reason=reason,
        installment_id=old.adjustment_id if is_dated else old.installment_id,
    )


# A charge


def charge(state: RowState, fact: ObligationCharged, moment: Moment) -> Reported:
    """A charge as it is now: a new amount is an adjustment, new installments a new plan.

    No record changes the rest of a charge. The charge is reported again with it, which opens `conflicting_fact`.
    """
    old = state.fact
    if old is None or state.own_id != fact.obligation_id:
        undone, state = uncharge(state, None, moment) if state.live else ([], state)
        after = replaced(state, fact=fact, live=True, own_id=fact.obligation_id, charge=fact, plan_version=0)
        return [*undone, fact], after
    assert isinstance(old, ObligationCharged)
    assert state.charge is not None
    identity = f"{fact.obligation_id}~{moment.mark}"
    facts: list[LedgerFact] = []
    if not state.live:
        facts.append(
            ObligationReinstated(
                event_id="",
                occurred_at=moment.at,
                obligation_id=fact.obligation_id,
                reinstatement_id=identity,
                reason="the ledger has it again",
            )
        )
    if fact.currency != old.currency or not _same(old, fact, "amount_minor", "installments", "currency"):
        told = {} if fact.currency != old.currency else {"amount_minor": state.charge.amount_minor}
        facts.append(replaced(fact, occurred_at=moment.at, installments=state.charge.installments, **told))
    if fact.currency == old.currency and fact.amount_minor != old.amount_minor:
        facts.append(
            ObligationAdjusted(
                event_id="",
                occurred_at=moment.at,
                obligation_id=fact.obligation_id,
                adjustment_id=identity,
                amount_delta_minor=fact.amount_minor - old.amount_minor,
                currency=fact.currency,
                reason=AMENDED,
            )
        )
    version = state.plan_version
    if fact.installments != old.installments:
        version += 1
        facts.append(_plan(fact.obligation_id, version, fact.installments, moment))
    return facts, replaced(state, fact=fact, live=True, plan_version=version)


def uncharge(state: RowState, _: Any, moment: Moment) -> Reported:
    """A charge that is gone: it is cancelled."""
    assert isinstance(state.fact, ObligationCharged)
    cancellation = ObligationCancelled(
        event_id="",
        occurred_at=moment.at,
        obligation_id=state.own_id,
        reason=DELETED,
        cancellation_id=f"{state.own_id}~{moment.mark}",
    )
    return [cancellation], replaced(state, live=False)


# A plan


def _plan(obligation_id: str, version: int, installments: tuple[Installment, ...], moment: Moment) -> PlanChanged:
    return PlanChanged(
        event_id="",
        occurred_at=moment.at,
        obligation_id=obligation_id,
        plan_version=version,
        installments=installments,
    )


def plan(state: RowState, fact: PlanChanged, moment: Moment) -> Reported:
    """A plan as it is now: without a version of its own it gets the next one."""
    old = state.fact
    assert old is None or isinstance(old, PlanChanged)
    has_version = fact.plan_version > 0
    if old is not None and state.live and _same(old, fact, *(() if has_version else ("plan_version",))):
        return [], state
    reported = fact if old is None else replaced(fact, occurred_at=moment.at)
    if not has_version:
        reported = replaced(reported, plan_version=state.plan_version + 1)
    own_id = "version" if has_version else ""
    after = replaced(state, fact=reported, live=True, own_id=own_id, plan_version=reported.plan_version)
    return [reported], after


def unplan(state: RowState, _: Any, moment: Moment) -> Reported:
    """A plan that is gone: the obligation is one installment again."""
    old = state.fact
    assert isinstance(old, PlanChanged)
    if state.own_id:
        raise BadInput(
            DeadLetterClass.UNREADABLE_CHANGE,
            f"version {old.plan_version} of the plan of {old.obligation_id} was deleted, and no record takes a version "
            "back; add a version with the installments that hold",
        )
    version = state.plan_version + 1
    return [_plan(old.obligation_id, version, (), moment)], replaced(state, live=False, plan_version=version)


# A cancellation, a reinstatement


def cancel(state: RowState, fact: ObligationCancelled, moment: Moment) -> Reported:
    """A cancellation as it is now."""
    if _unchanged(state, fact, "cancellation_id"):
        return [], state
    undone, state = uncancel(state, None, moment) if state.live else ([], state)
    done, state = _anew(state, fact, "cancellation_id", moment)
    return undone + done, state


def uncancel(state: RowState, _: Any, moment: Moment) -> Reported:
    """A cancellation that is gone: the obligation is reinstated."""
    assert isinstance(state.fact, ObligationCancelled)
    reinstated = ObligationReinstated(
        event_id="",
        occurred_at=moment.at,
        obligation_id=state.fact.obligation_id,
        reinstatement_id=f"{state.own_id}~{moment.mark}",
        reason=DELETED,
    )
    return [reinstated], replaced(state, live=False)


def reinstate(state: RowState, fact: ObligationReinstated, moment: Moment) -> Reported:
    """A reinstatement as it is now."""
    if _unchanged(state, fact, "reinstatement_id"):
        return [], state
    undone, state = unreinstate(state, None, moment) if state.live else ([], state)
    done, state = _anew(state, fact, "reinstatement_id", moment)
    return undone + done, state


def unreinstate(state: RowState, _: Any, moment: Moment) -> Reported:
    """A reinstatement that is gone: the obligation is cancelled again."""
    assert isinstance(state.fact, ObligationReinstated)
    cancelled = ObligationCancelled(
        event_id="",
        occurred_at=moment.at,
        obligation_id=state.fact.obligation_id,
        reason=DELETED,
        cancellation_id=f"{state.own_id}~{moment.mark}",
    )
    return [cancelled], replaced(state, live=False)


STEPS: dict[type, tuple[Step, Step]] = {
    ObligationCharged: (charge, uncharge),
    PlanChanged: (plan, unplan),
    ObligationAdjusted: (adjust, unadjust),
    ObligationCancelled: (cancel, uncancel),
    ObligationReinstated: (reinstate, unreinstate),
    PaymentPosted: (post, unpost),
    PostingReversed: (reverse, unreverse),
}
"""By record: what a row that counts adds, and what one that is gone adds."""
