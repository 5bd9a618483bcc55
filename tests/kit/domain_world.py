"""A small world of payments, references and obligations that runs the domain as the service does, without the service.

`publish(now)` derives every key at an instant: its view, the changes to publish, and what keys send to each other:
applications, claims, resolutions. It also replays the outputs as a consumer would, and checks that they give the views.
"""

import msgspec

from domain import publishing
from domain.facts import (
    AttemptClaim,
    BreakDecided,
    InputFact,
    ObligationFact,
    PaymentApplication,
    PaymentFact,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
    ReferenceClaim,
    ReferenceFact,
    ReferenceResolution,
)
from domain.obligations import view as obligation
from domain.obligations.view import ObligationView
from domain.payments import view as payment
from domain.payments.view import PaymentView
from domain.policy import Policy
from domain.publishing import Published, Snapshot
from domain.records import (
    BreakLifecycle,
    LateLifecycle,
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    Output,
    PaymentReconciliation,
    ReferenceReconciliation,
)
from domain.references import view as reference
from domain.references.view import ReferenceView
from domain.time import NOT_CAUGHT_UP, Micros

Fact = InputFact | PaymentFact | ObligationFact
View = PaymentView | ObligationView | ReferenceView


class World:
    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.payments: dict[str, payment.PaymentState] = {}
        self.obligations: dict[str, obligation.ObligationState] = {}
        self.references: dict[str, reference.ReferenceState] = {}
        self.histories: dict[tuple[str, str], Published] = {}
        self.payment_views: dict[str, PaymentView] = {}
        self.obligation_views: dict[str, ObligationView] = {}
        self.reference_views: dict[str, ReferenceView] = {}
        self.outputs: list[Output] = []
        self.records: dict[tuple[str, str], Output] = {}
        """The last reconciliation of each key; none of a key whose last one was withdrawn."""
        self.applications: list[PaymentApplication] = []
        self.version = 0

    def apply(self, fact: Fact) -> bool:
        """Apply a fact to the keys that the service routes it to; return whether any of them changed."""
        match fact:
            case ProcessorSettled(payment_id=None) | ReferenceAssigned():
                return self._apply_to_reference(fact)
            case ProcessorSettled():
                assert fact.payment_id is not None
                claim = AttemptClaim(
                    fact.processor, fact.attempt_reference, fact.payment_id, fact.occurred_at, fact.event_id
                )
                return self._apply_to_payment(fact.payment_id, fact) | self._apply_to_reference(claim)
            case PaymentInitiated() | PaymentReassigned() | PaymentPosted() | PostingReversed() | ReferenceResolution():
                return self._apply_to_payment(fact.payment_id, fact)
            case BreakDecided(key_kind="payment"):
                return self._apply_to_payment(fact.key, fact)
            case BreakDecided(key_kind="reference"):
                return self._apply_to_reference(fact)
            case _:
                return obligation.apply(self.obligation_state(fact.obligation_id), fact)

    def _apply_to_payment(self, payment_id: str, fact: PaymentFact) -> bool:
        return payment.apply(self.payments.setdefault(payment_id, payment.new_payment(payment_id)), fact)

    def _apply_to_reference(self, fact: ReferenceFact) -> bool:
        key = fact.reference_key
        return reference.apply(self.references.setdefault(key, reference.new_reference(key)), fact)

    def obligation_state(self, obligation_id: str) -> obligation.ObligationState:
        return self.obligations.setdefault(obligation_id, obligation.new_obligation(obligation_id))

    def _publish(self, view: View, now: Micros) -> bool:
        """Publish the changes of a key; return whether a payment was sent a resolution by it."""
        published = self.histories.setdefault((view.key_kind, view.key), Published())
        changes = publishing.diff(published, view, now, self.version)
        self.outputs += changes.outputs
        for output in changes.outputs:
            if type(output) is publishing.RECONCILIATIONS[view.key_kind]:
                self.records[view.key_kind, view.key] = output
        if changes.withdrawn is not None:
            del self.records[view.key_kind, view.key]
        for fact in changes.facts:
            self._send(fact)
        return any(isinstance(fact, ReferenceResolution) for fact in changes.facts)

    def _send(self, fact: Snapshot) -> None:
        match fact:
            case PaymentApplication():
                self.applications.append(fact)
                obligation.apply(self.obligation_state(fact.obligation_id), fact)
            case ReferenceClaim():
                self._apply_to_reference(fact)
            case ReferenceResolution():
                self._apply_to_payment(fact.payment_id, fact)

    def publish(self, now: Micros = NOT_CAUGHT_UP) -> None:
        self._publish_payments(now)
        resolved = False
        for key, resolving in self.references.items():
            self.reference_views[key] = reference.view(resolving, now, self.policy)
            resolved |= self._publish(self.reference_views[key], now)
        if resolved:
            self._publish_payments(now)
        for key, owed in self.obligations.items():
            self.obligation_views[key] = obligation.view(owed, now, self.policy)
            self._publish(self.obligation_views[key], now)
        self.check_consumer()

    def _publish_payments(self, now: Micros) -> None:
        self.version += 1
        for key, state in self.payments.items():
            self.payment_views[key] = payment.view(state, now, self.policy)
            self._publish(self.payment_views[key], now)

    def consumer(self) -> dict[tuple[str, str], Output]:
        """Return the last record of each key, as a consumer of the output topics has it."""
        last: dict[tuple[str, str], Output] = {}
        for output in self.outputs:
            if isinstance(output, PaymentReconciliation):
                key = ("payment", output.payment_id)
            elif isinstance(output, ObligationReconciliation):
                key = ("obligation", output.obligation_id)
            elif isinstance(output, ReferenceReconciliation):
                key = ("reference", output.reference_key)
            elif isinstance(output, MismatchAlert):
                key = ("break", output.break_id)
            else:
                key = ("late", output.alert_id)
            before = last.get(key)
            assert before is None or before.version < output.version, f"the version of {key} does not rise"
            last[key] = output
        return last

    def check_consumer(self) -> None:
        """Check that the outputs reproduce the views, their breaks, open and accepted, and their live alerts."""
        last = self.consumer()
        accepted = BreakLifecycle.ACCEPTED
        known_breaks = {
            (
                a.key_kind, a.key, a.subject, a.break_class, a.expected_minor, a.actual_minor, a.event_ids, a.decision,
                a.lifecycle is accepted,
            )
            for a in last.values()
            if isinstance(a, MismatchAlert) and a.lifecycle is not BreakLifecycle.RESOLVED
        }  # fmt: skip
        views: list[View] = [
            *self.payment_views.values(), *self.reference_views.values(), *self.obligation_views.values()
        ]  # fmt: skip
        assert known_breaks == {
            (
                v.key_kind, v.key, b.subject, b.break_class, b.expected_minor, b.actual_minor, b.event_ids, b.decision,
                b.is_accepted,
            )
            for v in views
            for b in v.breaks
        }  # fmt: skip
        live = {
            (a.alert_id, a.stage, a.amount_due_minor, a.paid_minor, a.pending_minor)
            for a in last.values()
            if isinstance(a, LatePaymentAlert) and a.lifecycle not in {LateLifecycle.CURED, LateLifecycle.CANCELLED}
        }
        assert live == {
            (late.alert_id, late.stage, late.amount_due_minor, late.paid_minor, late.pending_minor)
            for v in self.obligation_views.values()
            for late in v.late
        }
        for view in views:
            record = self.records.get((view.key_kind, view.key))
            assert (record is None) == (view.reconciliation is None)
            if record is not None:
                assert record is last[view.key_kind, view.key]
                assert msgspec.structs.replace(record, version=0) == view.reconciliation
