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


class Published(msgspec.Struct, array_like=True, gc=False):
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


class Changes(msgspec.Struct, gc=False):
    """What must be published for a key, all under one version."""

    outputs: list[Output]
    """Snapshots for the output topics: the reconciliation first, then alerts."""
    applications: list[PaymentApplication]
    """The applications that a payment sends to its obligations."""


_encode = msgspec.msgpack.Encoder().encode


def _digest(record: msgspec.Struct) -> bytes:
    return blake2b(_encode(record), digest_size=12).digest()


def diff_record(published: Published, record: R, version: int) -> list[R]:
    """Give the record under a new version, if it differs from the last one published for the key; else nothing.

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
    reconciliation = view.reconciliation
    if reconciliation is not None:
        outputs += diff_record(published, reconciliation, version)
    if view.breaks or published.breaks:
        outputs += _diff_breaks(published, view, at, version)
    if isinstance(view, PaymentView):
        applications = _diff_applications(published, view, version)
    elif (view.late or published.late) and view.reconciliation is not None:
        outputs += _diff_late(published, view.late, view.reconciliation, at, version)
    if outputs or applications:
        published.version = version
    return Changes(outputs, applications)


def _diff_breaks(
    published: Published, view: PaymentView | ObligationView, at: Micros, version: int
) -> list[MismatchAlert]:
    alerts: list[MismatchAlert] = []
    open_breaks = published.breaks
    gone = dict(open_breaks)
    for one in view.breaks:
        previous = gone.pop(one.break_id, None)
        if previous is None:
            open_breaks[one.break_id] = opened = PublishedBreak(one, at)
            alerts.append(_mismatch_alert(view, opened, BreakLifecycle.OPENED, version))
        elif previous.last != one:
            open_breaks[one.break_id] = updated = PublishedBreak(one, previous.opened_at)
            alerts.append(_mismatch_alert(view, updated, BreakLifecycle.UPDATED, version))
    for break_id, previous in gone.items():
        del open_breaks[break_id]
        alerts.append(_mismatch_alert(view, previous, BreakLifecycle.RESOLVED, version, resolved_at=at))
    return alerts


def _mismatch_alert(
    view: PaymentView | ObligationView,
    published: PublishedBreak,
    lifecycle: BreakLifecycle,
    version: int,
    *,
    resolved_at: Micros | None = None,
) -> MismatchAlert:
    one = published.last
    return MismatchAlert(
        break_id=one.break_id,
        version=version,
        key_kind=view.key_kind,
        key=view.key,
        subject=one.subject,
        break_class=one.break_class,
        priority=CATALOGUE[one.break_class].priority,
        lifecycle=lifecycle,
        expected_minor=one.expected_minor,
        actual_minor=one.actual_minor,
        drift_minor=one.actual_minor - one.expected_minor,
        currency=one.currency,
        due_at=one.due_at,
        opened_at=published.opened_at,
        resolved_at=resolved_at,
        event_ids=one.event_ids,
    )


def _diff_late(
    published: Published,
    live: tuple[Late, ...],
    obligation: ObligationReconciliation,
    at: Micros,
    version: int,
) -> list[LatePaymentAlert]:
    alerts: list[LatePaymentAlert] = []
    live_alerts = published.late
    gone = dict(live_alerts)
    for late in live:
        previous = gone.pop(late.alert_id, None)
        if previous is None:
            current = PublishedAlert(late, at, LateLifecycle.OPENED)
        elif previous.last == late:
            continue
        elif _STAGE_ORDER[late.stage] > _STAGE_ORDER[previous.last.stage]:
            current = PublishedAlert(late, previous.opened_at, LateLifecycle.ESCALATED)
        else:
            current = PublishedAlert(late, previous.opened_at, previous.lifecycle)
        live_alerts[late.alert_id] = current
        alerts.append(_late_alert(obligation, current, version))
    if not gone:
        return alerts
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
        ended = PublishedAlert(late, previous.opened_at, lifecycle)
        alerts.append(_late_alert(obligation, ended, version, ended_at=at))
    return alerts


def _late_alert(
    obligation: ObligationReconciliation, published: PublishedAlert, version: int, *, ended_at: Micros | None = None
) -> LatePaymentAlert:
    late = published.last
    return LatePaymentAlert(
        alert_id=late.alert_id,
        version=version,
        obligation_id=obligation.obligation_id,
        installment_id=late.installment_id,
        lease_id=obligation.lease_id,
        tenant_id=obligation.tenant_id,
        property_id=obligation.property_id,
        period=obligation.period,
        currency=obligation.currency,
        due_date=late.due_date,
        amount_due_minor=late.amount_due_minor,
        paid_minor=late.paid_minor,
        pending_minor=late.pending_minor,
        due_at=late.due_at,
        stage=late.stage,
        lifecycle=published.lifecycle,
        opened_at=published.opened_at,
        ended_at=ended_at,
    )


def _diff_applications(published: Published, view: PaymentView, version: int) -> list[PaymentApplication]:
    changed: list[PaymentApplication] = []
    digests = published.applications
    for application in view.applications:
        digest = _digest(application)
        if digests.get(application.obligation_id) != digest:
            digests[application.obligation_id] = digest
            changed.append(msgspec.structs.replace(application, revision=version))
    if len(digests) > len(view.applications):
        currency = view.reconciliation.currency
        for obligation_id in sorted(digests.keys() - {each.obligation_id for each in view.applications}):
            del digests[obligation_id]
            emptied = PaymentApplication.of_postings(view.key, obligation_id, currency, {}, FAR_PAST)
            changed.append(msgspec.structs.replace(emptied, revision=version))
    return changed
