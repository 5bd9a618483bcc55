"""What was last published for a key, and what must be published now (contract sections 1, 6, 7 and 8).

A `Published` belongs to one key and is stored beside its state. The view alone says what is true; `Published` records
what consumers have received, so that nothing is published twice and every end is published.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from operator import attrgetter
from typing import TypeAlias, TypeVar

import msgspec

from domain.bank_entries.view import BankEntryView
from domain.breaks.model import NO_CURRENCY, PRIORITIES, Break
from domain.facts import PaymentApplication, ReferenceClaim, ReferenceResolution
from domain.ids import evidence_of, parts_of_key
from domain.matching.view import MatchView
from domain.obligations.lateness import Late
from domain.obligations.view import ObligationView
from domain.payments.view import PaymentView
from domain.payouts.view import PayoutView
from domain.records import (
    BreakLifecycle,
    LateLifecycle,
    LatePaymentAlert,
    LateStage,
    MismatchAlert,
    ObligationReconciliation,
    Output,
    PaymentReconciliation,
    PayoutReconciliation,
    ReferenceReconciliation,
)
from domain.references.view import ReferenceView
from domain.snapshots import EntryMatch, OpenEntry, OpenPayout, PayoutEntry, PayoutMatch
from domain.time import FAR_PAST, Micros

View: TypeAlias = PaymentView | ObligationView | ReferenceView | PayoutView | BankEntryView | MatchView
PayoutSnapshot: TypeAlias = PayoutEntry | OpenEntry | OpenPayout | PayoutMatch | EntryMatch
Snapshot: TypeAlias = PaymentApplication | ReferenceClaim | ReferenceResolution | PayoutSnapshot
"""What a key sends to a key of another kind; it replaces the one sent before."""

Counted: TypeAlias = tuple[int | str, ...]
"""What `domain.tally` counts of a key beside its breaks and alerts."""

R = TypeVar("R", bound=msgspec.Struct)
S = TypeVar("S", bound=msgspec.Struct)

_STAGE_ORDER = {stage: order for order, stage in enumerate(LateStage)}


class PublishedBreak(msgspec.Struct, array_like=True, gc=False):
    """A break as last published: open, or accepted."""

    last: Break
    opened_at: Micros
    has_evidence: bool = False
    """Whether it was published with its evidence, which version 1 did not do."""


class PublishedAlert(msgspec.Struct, array_like=True, gc=False):
    """A live late alert as last published."""

    last: Late
    opened_at: Micros
    lifecycle: LateLifecycle
    about: tuple[str, ...] = ()
    """What else the alert said of the charge (`_about`); empty as version 1 published it."""


class Published(msgspec.Struct, array_like=True, gc=False):
    """What was last published for a key. It survives a round trip through `msgspec.msgpack`.

    Packed as an array and stored: fields may only be appended, with a default.
    """

    version: int = 0
    """The version last published; 0 before the first."""
    digest: bytes = b""
    """Digest of the last reconciliation; empty before the first, and after it was withdrawn."""
    breaks: dict[str, PublishedBreak] = {}
    """The open breaks and the accepted ones, by break id."""
    late: dict[str, PublishedAlert] = {}
    """The live late alerts, by alert id."""
    applications: dict[str, bytes] = {}
    """Of a payment: the digest of the application last sent to each obligation."""
    counted: Counted = ()
    """Its contribution to the tally of its partition, as `domain.tally` packs it; empty before it was counted."""
    claims: dict[str, bytes] = {}
    """Of a payment: the digest of the claim last sent to each reference."""
    resolutions: dict[str, bytes] = {}
    """Of a reference: the digest of the resolution last sent to each payment."""
    sent: dict[str, dict[str, bytes]] = {}
    """Of a payout, a bank entry or a match group: the digest of the snapshot last sent to each key, by its name."""


class Changes(msgspec.Struct, gc=False):
    """What must be published for a key, all under one version."""

    outputs: list[Output]
    """Snapshots for the output topics: the reconciliation first, then alerts."""
    facts: Sequence[Snapshot]
    """Snapshots for keys of other kinds: a payment's applications and claims, a reference's resolutions, …"""
    withdrawn: type[msgspec.Struct] | None = None
    """The type of the reconciliation if the one published before holds no longer and none takes its place."""


def send_again(published: Published) -> None:
    """Forget what the snapshots were that a payment sent to its obligations: whoever read them may have read less."""
    for obligation_id in published.applications:
        published.applications[obligation_id] = b""


RECONCILIATIONS: dict[str, type[msgspec.Struct]] = {
    PaymentView.key_kind: PaymentReconciliation,
    ObligationView.key_kind: ObligationReconciliation,
    ReferenceView.key_kind: ReferenceReconciliation,
    PayoutView.key_kind: PayoutReconciliation,
}
"""The type of the reconciliation of each kind of key that has one."""


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


def diff(published: Published, view: View, at: Micros, version: int) -> Changes:
    """Compare a view with what was last published, and record what is published now.

    Nothing changed: nothing is published. A reconciliation is published when it differs from the last, and withdrawn
    when there is none any more. A break is `opened` when new, and again when it was accepted and is not any more;
    `updated` when any of its fields differs; `accepted` when people have accepted it as it is; and `resolved`, as last
    published, when its condition is gone. A late alert is `opened` when new and `escalated` when its stage has
    advanced; when only amounts differ it is published again under its last lifecycle. It ends `cured` if its
    installment is still due on that day with an amount above 0 (so it is covered), else `cancelled`. A snapshot for
    another key is sent when it differs from the last one sent there; a key that gets none any more is sent an empty
    one.

    Args:
        published: of the key; changed in place.
        view: the key as it is now.
        at: the instant to stamp as `opened_at`, `resolved_at` and `ended_at`.
        version: the version to stamp on every record and snapshot; it must be higher than any before for this key.

    """
    outputs: list[Output] = []
    facts: Sequence[Snapshot] = ()
    withdrawn: type[msgspec.Struct] | None = None
    reconciliation = view.reconciliation
    if reconciliation is not None:
        outputs += diff_record(published, reconciliation, version)
    elif published.digest:
        published.digest = b""
        withdrawn = RECONCILIATIONS[view.key_kind]
    if view.breaks or published.breaks:
        outputs += _diff_breaks(published, view, at, version)
    if isinstance(view, PaymentView):
        facts = _diff_payment_snapshots(published, view, version)
    elif isinstance(view, ReferenceView):
        if view.resolutions or published.resolutions:
            facts = _diff_resolutions(published, view, version)
    elif isinstance(view, ObligationView):
        if (view.late or published.late) and view.reconciliation is not None:
            outputs += _diff_late(published, view.late, view.reconciliation, at, version)
    elif view.snapshots or published.sent:
        facts = _diff_snapshots(published, view, version)
    if outputs or facts or withdrawn is not None:
        published.version = version
    return Changes(outputs, facts, withdrawn)


def _diff_breaks(published: Published, view: View, at: Micros, version: int) -> list[MismatchAlert]:
    alerts: list[MismatchAlert] = []
    known_breaks = published.breaks
    gone = dict(known_breaks)
    for one in view.breaks:
        previous = gone.pop(one.break_id, None)
        if previous is not None and previous.last == one and previous.has_evidence:
            continue
        opens = previous is None or (previous.last.is_accepted and not one.is_accepted)
        known_breaks[one.break_id] = current = PublishedBreak(
            one, at if previous is None or opens else previous.opened_at, has_evidence=True
        )
        if one.is_accepted:
            lifecycle = BreakLifecycle.ACCEPTED
        else:
            lifecycle = BreakLifecycle.OPENED if opens else BreakLifecycle.UPDATED
        alerts.append(_mismatch_alert(view, current, lifecycle, version))
    for break_id, previous in gone.items():
        del known_breaks[break_id]
        alerts.append(_mismatch_alert(view, previous, BreakLifecycle.RESOLVED, version, resolved_at=at))
    return alerts


def _mismatch_alert(
    view: View,
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
        priority=PRIORITIES[one.break_class],
        lifecycle=lifecycle,
        expected_minor=one.expected_minor,
        actual_minor=one.actual_minor,
        drift_minor=one.actual_minor - one.expected_minor,
        currency=one.currency,
        due_at=one.due_at,
        opened_at=published.opened_at,
        resolved_at=resolved_at,
        event_ids=one.event_ids,
        evidence=evidence_of(one.break_class, one.event_ids),
        decision=one.decision,
        candidates=one.candidates,
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
    about = _about(obligation)
    for late in live:
        previous = gone.pop(late.alert_id, None)
        if previous is None:
            current = PublishedAlert(late, at, LateLifecycle.OPENED, about)
        elif previous.last == late and previous.about == about:
            continue
        elif _STAGE_ORDER[late.stage] > _STAGE_ORDER[previous.last.stage]:
            current = PublishedAlert(late, previous.opened_at, LateLifecycle.ESCALATED, about)
        else:
            current = PublishedAlert(late, previous.opened_at, previous.lifecycle, about)
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


def _about(obligation: ObligationReconciliation) -> tuple[str, ...]:
    """Give what an alert says of the charge: an earlier record of it that arrives later may say something else."""
    return (
        obligation.lease_id,
        obligation.tenant_id,
        obligation.property_id,
        obligation.period,
        obligation.currency,
    )


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


_obligation_id = attrgetter("obligation_id")
_payment_id = attrgetter("payment_id")
_reference_key = attrgetter("reference_key")


def _diff_payment_snapshots(published: Published, view: PaymentView, version: int) -> Sequence[Snapshot]:
    changed: list[Snapshot] = []
    changed += _changed(published.applications, view.applications, _obligation_id, version)
    if len(published.applications) > len(view.applications):
        currency = NO_CURRENCY if view.reconciliation is None else view.reconciliation.currency
        changed += [
            msgspec.structs.replace(
                PaymentApplication.of_postings(view.key, obligation_id, currency, {}, FAR_PAST), revision=version
            )
            for obligation_id in _forgotten(published.applications, view.applications, _obligation_id)
        ]
    if view.claims:
        changed += _changed(published.claims, view.claims, _reference_key, version)
    if len(published.claims) > len(view.claims):
        changed += [
            ReferenceClaim(*parts_of_key(key), view.key, version, claimed=False, occurred_at=FAR_PAST, event_id="")
            for key in _forgotten(published.claims, view.claims, _reference_key)
        ]
    return changed


def _diff_resolutions(published: Published, view: ReferenceView, version: int) -> Sequence[Snapshot]:
    changed: list[Snapshot] = []
    changed += _changed(published.resolutions, view.resolutions, _payment_id, version)
    if len(published.resolutions) > len(view.resolutions):
        changed += [
            ReferenceResolution(payment_id, view.key, version, ())
            for payment_id in _forgotten(published.resolutions, view.resolutions, _payment_id)
        ]
    return changed


_SNAPSHOTS: dict[str, type[PayoutSnapshot]] = {
    each.name: each for each in (PayoutEntry, OpenEntry, OpenPayout, PayoutMatch, EntryMatch)
}
_receiver = attrgetter("receiver")


def _diff_snapshots(
    published: Published, view: PayoutView | BankEntryView | MatchView, version: int
) -> Sequence[Snapshot]:
    changed: list[Snapshot] = []
    now: dict[str, list[PayoutSnapshot]] = {name: [] for name in published.sent}
    for each in view.snapshots:
        now.setdefault(each.name, []).append(each)
    for name, snapshots in now.items():
        digests = published.sent.setdefault(name, {})
        changed += _changed(digests, tuple(snapshots), _receiver, version)
        if len(digests) > len(snapshots):
            changed += [
                _SNAPSHOTS[name].withdrawn(view.key, receiver, version)
                for receiver in _forgotten(digests, tuple(snapshots), _receiver)
            ]
        if not digests:
            del published.sent[name]
    return changed


def _changed(digests: dict[str, bytes], snapshots: tuple[S, ...], key_of: Callable[[S], str], version: int) -> list[S]:
    """Give the snapshots that differ from those last sent, with the version as their revision.

    Args:
        digests: of those last sent, by key; changed in place.
        snapshots: as they are now, one for each key.
        key_of: gives the key that a snapshot is for.
        version: their revision.

    """
    changed: list[S] = []
    for snapshot in snapshots:
        key, digest = key_of(snapshot), _digest(snapshot)
        if digests.get(key) != digest:
            digests[key] = digest
            changed.append(msgspec.structs.replace(snapshot, revision=version))
    return changed


def _forgotten(digests: dict[str, bytes], snapshots: tuple[S, ...], key_of: Callable[[S], str]) -> list[str]:
    """Remove from the digests the keys that get no snapshot any more, and give them in order."""
    forgotten = sorted(digests.keys() - {key_of(each) for each in snapshots})
    for key in forgotten:
        del digests[key]
    return forgotten
