"""What was last emitted for a key, and what must be emitted now (contract sections 1, 6, 7 and 8).

A history belongs to one key and is kept beside its state. The view alone says what is true; the history only says what
consumers were told, so that nothing is told twice and what ended is told to have ended.
"""

from hashlib import blake2b
from typing import TypeAlias

import msgspec

from domain.breaks.model import PRIORITY, Break
from domain.facts import UNTOUCHED, Micros, PaymentPart
from domain.obligations.lateness import Late
from domain.obligations.view import ObligationView
from domain.payments.view import PaymentView
from domain.records import (
    BreakLifecycle,
    LateLifecycle,
    LatePaymentAlert,
    LateStage,
    MismatchAlert,
    ObligationReconciliation,
    Output,
)

Counted: TypeAlias = tuple[int | str, ...]
"""What `domain.tally` counts of a key beside its breaks and alerts."""

_STAGE_ORDER = {stage: order for order, stage in enumerate(LateStage)}


class ToldBreak(msgspec.Struct, array_like=True, gc=False):
    """An open break as it was last told."""

    told: Break
    opened_at: Micros


class ToldLate(msgspec.Struct, array_like=True, gc=False):
    """A live late alert as it was last told."""

    told: Late
    opened_at: Micros
    lifecycle: LateLifecycle


class History(msgspec.Struct, array_like=True):
    """What was last emitted for a key. Packs with `msgspec.msgpack` and unpacks to the same."""

    version: int = 0
    """That of the last emission; 0 before the first."""
    digest: bytes = b""
    """Of the last reconciliation; empty before the first."""
    breaks: dict[str, ToldBreak] = {}
    """The open ones, by break id."""
    late: dict[str, ToldLate] = {}
    """The live ones, by alert id."""
    parts: dict[str, bytes] = {}
    """Of a payment: the digest of the part last told to each obligation that it touches."""
    counted: Counted = ()
    """What the tally of its partition holds of it, as `domain.tally` packs that; empty before it was counted."""


class Changes(msgspec.Struct):
    """What must be emitted for a key, all under one version."""

    outputs: list[Output]
    """Snapshots for the output topics: the reconciliation first, then alerts."""
    parts: list[PaymentPart]
    """What a payment tells its obligations."""


_encoder = msgspec.msgpack.Encoder()


def _digest(record: msgspec.Struct) -> bytes:
    return blake2b(_encoder.encode(record), digest_size=12).digest()


def changes(history: History, view: PaymentView | ObligationView, at: Micros, version: int) -> Changes:
    """Compare a view with what was last told, and note in the history what is told now.

    Nothing changed: nothing is emitted. A reconciliation is emitted when it differs from the last. A break is `opened`
    when new, `updated` when anything that it says differs, `resolved`, as last known, when it is gone. A late alert is
    `opened` when new, `escalated` when its stage is further than the last told; when only amounts differ it is told
    again under the lifecycle last told; it ends `cured` if its installment is still due on that day and not of amount 0
    (then it is covered), else `cancelled`. A part goes out when it differs from the last told to that obligation; an
    obligation that the payment no longer touches is told an empty one.

    Args:
        history: of the key; changed in place.
        view: the key as it stands now.
        at: the instant to stamp as `opened_at`, `resolved_at` and `ended_at`.
        version: the version to stamp on every record and part; it must be higher than any before for this key.

    """
    outputs: list[Output] = []
    parts: list[PaymentPart] = []
    reconciliation = view.reconciliation
    if reconciliation is not None:
        digest = _digest(reconciliation)
        if digest != history.digest:
            history.digest = digest
            outputs.append(msgspec.structs.replace(reconciliation, version=version))
    if view.breaks or history.breaks:
        _break_changes(outputs, history, view, at, version)
    if isinstance(view, ObligationView):
        if (view.late or history.late) and view.reconciliation is not None:
            _late_changes(outputs, history, view.late, view.reconciliation, at=at, version=version)
    else:
        _part_changes(parts, history, view, version)
    if outputs or parts:
        history.version = version
    return Changes(outputs, parts)


def _break_changes(
    outputs: list[Output], history: History, view: PaymentView | ObligationView, at: Micros, version: int
) -> None:
    key_kind, key = view.key_kind, view.key
    told = history.breaks
    gone = dict(told)
    for one in view.breaks:
        last = gone.pop(one.break_id, None)
        if last is None:
            told[one.break_id] = ToldBreak(one, at)
            outputs.append(
                _mismatch(
                    key_kind, key, one, version=version, lifecycle=BreakLifecycle.OPENED, opened_at=at, resolved_at=None
                )
            )
        elif last.told != one:
            told[one.break_id] = ToldBreak(one, last.opened_at)
            outputs.append(
                _mismatch(
                    key_kind,
                    key,
                    one,
                    version=version,
                    lifecycle=BreakLifecycle.UPDATED,
                    opened_at=last.opened_at,
                    resolved_at=None,
                )
            )
    for break_id, last in gone.items():
        del told[break_id]
        outputs.append(
            _mismatch(
                key_kind,
                key,
                last.told,
                version=version,
                lifecycle=BreakLifecycle.RESOLVED,
                opened_at=last.opened_at,
                resolved_at=at,
            )
        )


def _mismatch(
    key_kind: str,
    key: str,
    one: Break,
    *,
    version: int,
    lifecycle: BreakLifecycle,
    opened_at: Micros,
    resolved_at: Micros | None,
) -> MismatchAlert:
    return MismatchAlert(
        one.break_id,
        version,
        key_kind,
        key,
        one.subject,
        one.break_class,
        PRIORITY[one.break_class],
        lifecycle,
        one.expected_minor,
        one.actual_minor,
        one.actual_minor - one.expected_minor,
        one.currency,
        one.due_at,
        opened_at,
        resolved_at,
        one.event_ids,
    )


def _late_changes(
    outputs: list[Output],
    history: History,
    live: tuple[Late, ...],
    obligation: ObligationReconciliation,
    *,
    at: Micros,
    version: int,
) -> None:
    told = history.late
    gone = dict(told)
    for late in live:
        last = gone.pop(late.alert_id, None)
        if last is None:
            now_told = ToldLate(late, at, LateLifecycle.OPENED)
        elif last.told == late:
            continue
        else:
            further = _STAGE_ORDER[late.stage] > _STAGE_ORDER[last.told.stage]
            now_told = ToldLate(late, last.opened_at, LateLifecycle.ESCALATED if further else last.lifecycle)
        told[late.alert_id] = now_told
        outputs.append(
            _late_alert(
                obligation,
                late,
                version=version,
                lifecycle=now_told.lifecycle,
                opened_at=now_told.opened_at,
                ended_at=None,
            )
        )
    if not gone:
        return
    due = {(one.installment_id, one.due_date): one for one in obligation.installments if one.amount_minor}
    for alert_id, last in gone.items():
        del told[alert_id]
        late, lifecycle = last.told, LateLifecycle.CANCELLED
        covered = due.get((late.installment_id, late.due_date))
        if covered is not None:
            lifecycle = LateLifecycle.CURED
            late = msgspec.structs.replace(
                late,
                amount_due_minor=covered.amount_minor,
                paid_minor=sum(covered.paid.values()),
                pending_minor=sum(covered.pending.values()),
            )
        outputs.append(
            _late_alert(obligation, late, version=version, lifecycle=lifecycle, opened_at=last.opened_at, ended_at=at)
        )


def _late_alert(
    obligation: ObligationReconciliation,
    late: Late,
    *,
    version: int,
    lifecycle: LateLifecycle,
    opened_at: Micros,
    ended_at: Micros | None,
) -> LatePaymentAlert:
    return LatePaymentAlert(
        late.alert_id,
        version,
        obligation.obligation_id,
        late.installment_id,
        obligation.lease_id,
        obligation.tenant_id,
        obligation.property_id,
        obligation.period,
        obligation.currency,
        late.due_date,
        late.amount_due_minor,
        late.paid_minor,
        late.pending_minor,
        late.due_at,
        late.stage,
        lifecycle,
        opened_at,
        ended_at,
    )


def _part_changes(parts: list[PaymentPart], history: History, view: PaymentView, version: int) -> None:
    told = history.parts
    gone = None if len(told) == 0 else set(told)
    for part in view.parts:
        if gone is not None:
            gone.discard(part.obligation_id)
        digest = _digest(part)
        if told.get(part.obligation_id) != digest:
            told[part.obligation_id] = digest
            parts.append(msgspec.structs.replace(part, revision=version))
    if not gone:
        return
    for obligation_id in sorted(gone):
        del told[obligation_id]
        parts.append(
            PaymentPart(
                view.key,
                obligation_id,
                version,
                False,
                0,
                view.reconciliation.currency,
                None,
                0,
                0,
                None,
                {},
                UNTOUCHED,
            )
        )
