"""A small world of payments and obligations that runs the domain as the service does, without the service.

`publish(now)` derives every key at an instant: its view, the changes to publish, the applications of payments to
obligations. It also replays the outputs as a consumer would, and checks that they give the views.
"""

import msgspec

from domain import publishing
from domain.facts import (
    ObligationFact,
    PaymentApplication,
    PaymentFact,
    PaymentInitiated,
    PaymentPosted,
    PostingReversed,
    ProcessorSettled,
)
from domain.obligations import view as obligation
from domain.obligations.view import ObligationView
from domain.payments import view as payment
from domain.payments.view import PaymentView
from domain.policy import Policy
from domain.publishing import Published
from domain.records import (
    BreakLifecycle,
    LateLifecycle,
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    Output,
    PaymentReconciliation,
)
from domain.time import NOT_CAUGHT_UP, Micros

Fact = PaymentFact | ObligationFact


class World:
    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.payments: dict[str, payment.PaymentState] = {}
        self.obligations: dict[str, obligation.ObligationState] = {}
        self.histories: dict[tuple[str, str], Published] = {}
        self.payment_views: dict[str, PaymentView] = {}
        self.obligation_views: dict[str, ObligationView] = {}
        self.outputs: list[Output] = []
        self.applications: list[PaymentApplication] = []
        self.version = 0

    def apply(self, fact: Fact) -> bool:
        if isinstance(fact, PaymentInitiated | ProcessorSettled | PaymentPosted | PostingReversed):
            state = self.payments.setdefault(fact.payment_id, payment.new_payment(fact.payment_id))
            return payment.apply(state, fact)
        return obligation.apply(self.obligation_state(fact.obligation_id), fact)

    def obligation_state(self, obligation_id: str) -> obligation.ObligationState:
        return self.obligations.setdefault(obligation_id, obligation.new_obligation(obligation_id))

    def _changes(self, view: PaymentView | ObligationView, now: Micros) -> list[PaymentApplication]:
        published = self.histories.setdefault((view.key_kind, view.key), Published())
        changes = publishing.diff(published, view, now, self.version)
        self.outputs += changes.outputs
        return [fact for fact in changes.facts if isinstance(fact, PaymentApplication)]

    def publish(self, now: Micros = NOT_CAUGHT_UP) -> None:
        self.version += 1
        for key, state in self.payments.items():
            self.payment_views[key] = payment.view(state, now, self.policy)
            for application in self._changes(self.payment_views[key], now):
                self.applications.append(application)
                obligation.apply(self.obligation_state(application.obligation_id), application)
        for key, owed in self.obligations.items():
            self.obligation_views[key] = obligation.view(owed, now, self.policy)
            self._changes(self.obligation_views[key], now)
        self.check_consumer()

    def consumer(self) -> dict[tuple[str, str], Output]:
        """Return the last record of each key, as a consumer of the output topics has it."""
        last: dict[tuple[str, str], Output] = {}
        for output in self.outputs:
            if isinstance(output, PaymentReconciliation):
                key = ("payment", output.payment_id)
            elif isinstance(output, ObligationReconciliation):
                key = ("obligation", output.obligation_id)
            elif isinstance(output, MismatchAlert):
                key = ("break", output.break_id)
            else:
                key = ("late", output.alert_id)
            before = last.get(key)
            assert before is None or before.version < output.version, f"the version of {key} does not rise"
            last[key] = output
        return last

    def check_consumer(self) -> None:
        """Check that the outputs reproduce the views, their open breaks and their live alerts."""
        last = self.consumer()
        open_breaks = {
            (a.key_kind, a.key, a.subject, a.break_class, a.expected_minor, a.actual_minor, a.event_ids)
            for a in last.values()
            if isinstance(a, MismatchAlert) and a.lifecycle is not BreakLifecycle.RESOLVED
        }
        views: list[PaymentView | ObligationView] = [*self.payment_views.values(), *self.obligation_views.values()]
        assert open_breaks == {
            (v.key_kind, v.key, b.subject, b.break_class, b.expected_minor, b.actual_minor, b.event_ids)
            for v in views
            for b in v.breaks
        }
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
            if view.reconciliation is not None:
                record = last[view.key_kind, view.key]
                assert msgspec.structs.replace(record, version=0) == view.reconciliation
