"""What was last published for a key, and what must be published now (contract sections 1, 6, 7 and 8).

A `Published` belongs to one key and is stored beside its state. The view alone says what is true; `Published` records
what consumers have received, so that nothing is published twice and every end is published.
"""

from hashlib import blake2b
from typing import TypeAlias, TypeVar

import msgspec

from domain.breaks.catalogue import CATALOGUE
from domain.breaks.model import Break
from domain.facts import PaymentApplication
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
from domain.time import FAR_PAST, Micros

Counted: TypeAlias = tuple[int | str, ...]
"""What `domain.tally` counts of a key beside its breaks and alerts."""

R = TypeVar("R", bound=msgspec.Struct)

_STAGE_ORDER = {stage: order for order, stage in enumerate(LateStage)}


class PublishedBreak(msgspec.Struct, array_like=True, gc=False):
    """An open break as last published."""

    last: Break
    opened_at: Micros


class PublishedAlert(msgspec.Struct, array_like=True, gc=False):
    """A live late alert as last published."""

    last: Late
    opened_at: Micros
    lifecycle: LateLifecycle


class Published(msgspec.Struct, array_like=True):
    """What was last published for a key. It survives a round trip through `msgspec.msgpack`.

    Packed as an array and stored: fields may only be appended, with a default.
    """

    version: int = 0
    """The version last published; 0 before the first."""
    digest: bytes = b""
    """Digest of the last reconciliation; empty before the first."""
    breaks: dict[str, PublishedBreak] = {}
    """The open breaks, by break id."""
    late: dict[str, PublishedAlert] = {}
    """The live late alerts, by alert id."""
    applications: dict[str, bytes] = {}
    """Of a payment: the digest of the application last sent to each obligation."""
    counted: Counted = ()
    """Its contribution to the tally of its partition, as `domain.tally` packs it; empty before it was counted."""


class Changes(msgspec.Struct):
    """What must be published for a key, all under one version."""

    outputs: list[Output]
    """Snapshots for the output topics: the reconciliation first, then alerts."""
    applications: list[PaymentApplication]
    """The applications that a payment sends to its obligations."""


_encoder = msgspec.msgpack.Encoder()


def _digest(record: msgspec.Struct) -> bytes:
    return blake2b(_encoder.encode(record), digest_size=12).digest()


def diff_record(published: Published, record: R, version: int) -> list[R]:
    """The record under a new version, if it differs from the last one published for the key; else nothing.

    Args:
        published: of the key; changed in place.
        record: the key's only snapshot, or its first: `Published` keeps the digest of one.
        version: it must be higher than any before for this key.

    """
    digest = _digest(record)
    if digest == published.digest:
        return []
    published.digest = digest
    published.version = version
    return [msgspec.structs.replace(record, version=version)]


def diff(published: Published, view: PaymentView | ObligationView, at: Micros, version: int) -> Changes:
    """Compare a view with what was last published, and record what is published now.

    Nothing changed: nothing is published. A reconciliation is published when it differs from the last. A break is
    `opened` when new, `updated` when any of its fields differs, and `resolved`, as last published, when it is gone. A
    late alert is `opened` when new and `escalated` when its stage has advanced; when only amounts differ it is
    published again under its last lifecycle. It ends `cured` if its installment is still due on that day with an amount
    above 0 (so it is covered), else `cancelled`. An application is sent when it differs from the last one sent to that
    obligation; an obligation that the payment no longer touches is sent an empty one.

    Args:
        published: of the key; changed in place.
        view: the key as it is now.
        at: the instant to stamp as `opened_at`, `resolved_at` and `ended_at`.
        version: the version to stamp on every record and application; it must be higher than any before for this key.

    """
    outputs: list[Output] = []
    applications: list[PaymentApplication] = []
    if view.reconciliation is not None:
        outputs += diff_record(published, view.reconciliation, version)
    if view.breaks or published.breaks:
        _break_changes(outputs, published, view, at, version)
    if isinstance(view, ObligationView):
        if (view.late or published.late) and view.reconciliation is not None:
            _late_changes(outputs, published, view.late, view.reconciliation, at=at, version=version)
    else:
        _application_changes(applications, published, view, version)
    if outputs or applications:
        published.version = version
    return Changes(outputs, applications)


def _break_changes(
    outputs: list[Output], published: Published, view: PaymentView | ObligationView, at: Micros, version: int
) -> None:
    key_kind, key = view.key_kind, view.key
    open_breaks = published.breaks
    gone = dict(open_breaks)
    for one in view.breaks:
        previous = gone.pop(one.break_id, None)
        if previous is None:
            open_breaks[one.break_id] = PublishedBreak(one, at)
            outputs.append(
                _mismatch(
                    key_kind, key, one, version=version, lifecycle=BreakLifecycle.OPENED, opened_at=at, resolved_at=None
                )
            )
        elif previous.last != one:
            open_breaks[one.break_id] = PublishedBreak(one, previous.opened_at)
            outputs.append(
                _mismatch(
                    key_kind,
                    key,
                    one,
                    version=version,
                    lifecycle=BreakLifecycle.UPDATED,
                    opened_at=previous.opened_at,
                    resolved_at=None,
                )
            )
    for break_id, previous in gone.items():
        del open_breaks[break_id]
        outputs.append(
            _mismatch(
                key_kind,
                key,
                previous.last,
                version=version,
                lifecycle=BreakLifecycle.RESOLVED,
                opened_at=previous.opened_at,
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
        CATALOGUE[one.break_class].priority,
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
    published: Published,
    live: tuple[Late, ...],
    obligation: ObligationReconciliation,
    *,
    at: Micros,
    version: int,
) -> None:
    live_alerts = published.late
    gone = dict(live_alerts)
    for late in live:
        previous = gone.pop(late.alert_id, None)
        if previous is None:
            now_published = PublishedAlert(late, at, LateLifecycle.OPENED)
        elif previous.last == late:
            continue
        else:
            further = _STAGE_ORDER[late.stage] > _STAGE_ORDER[previous.last.stage]
            now_published = PublishedAlert(
                late, previous.opened_at, LateLifecycle.ESCALATED if further else previous.lifecycle
            )
        live_alerts[late.alert_id] = now_published
        outputs.append(
            _late_alert(
                obligation,
                late,
                version=version,
                lifecycle=now_published.lifecycle,
                opened_at=now_published.opened_at,
                ended_at=None,
            )
        )
    if not gone:
        return
    due = {(one.installment_id, one.due_date): one for one in obligation.installments if one.amount_minor}
    for alert_id, previous in gone.items():
        del live_alerts[alert_id]
        late, lifecycle = previous.last, LateLifecycle.CANCELLED
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
            _late_alert(
                obligation, late, version=version, lifecycle=lifecycle, opened_at=previous.opened_at, ended_at=at
            )
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


def _application_changes(
    applications: list[PaymentApplication], published: Published, view: PaymentView, version: int
) -> None:
    digests = published.applications
    gone = set(digests) if digests else None
    for application in view.applications:
        if gone is not None:
            gone.discard(application.obligation_id)
        digest = _digest(application)
        if digests.get(application.obligation_id) != digest:
            digests[application.obligation_id] = digest
            applications.append(msgspec.structs.replace(application, revision=version))
    if not gone:
        return
    for obligation_id in sorted(gone):
        del digests[obligation_id]
        applications.append(
            PaymentApplication(
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
                FAR_PAST,
            )
        )
