"""A small world of every kind of key that runs the domain as the service does, without the service.

`publish(now)` derives every key at an instant: its view, the changes to publish, the claims of payments to references,
the resolutions of references to payments, the applications of payments to obligations, what bank entries, payouts and
match groups send each other. It also replays the outputs as a consumer would, and checks that they give the views.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import msgspec

from domain import publishing
from domain.bank_entries import view as bank_entry
from domain.bank_entries.view import BankEntryView
from domain.facts import (
    AttemptClaim,
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    InputFact,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentApplication,
    PayoutReported,
    PlanChanged,
    ProcessorSettled,
    ReferenceAssigned,
    ReferenceClaim,
    ReferenceResolution,
)
from domain.matching import view as matching
from domain.obligations import view as obligation
from domain.obligations.view import ObligationView
from domain.payments import view as payment
from domain.payments.view import PaymentView
from domain.payouts import view as payout
from domain.payouts.view import PayoutView
from domain.policy import Policy
from domain.publishing import Published, Snapshot, View
from domain.records import (
    BreakLifecycle,
    LateLifecycle,
    LatePaymentAlert,
    MismatchAlert,
    ObligationReconciliation,
    Output,
    PaymentReconciliation,
    PayoutReconciliation,
    ReferenceReconciliation,
)
from domain.references import view as reference
from domain.references.view import ReferenceView
from domain.snapshots import EntryMatch, OpenEntry, OpenPayout, PayoutEntry, PayoutMatch
from domain.time import NOT_CAUGHT_UP, Micros

Fact = InputFact


class World:
    def __init__(self, policy: Policy | None = None) -> None:
        self.policy = policy or Policy()
        self.payments: dict[str, payment.PaymentState] = {}
        self.references: dict[str, reference.ReferenceState] = {}
        self.obligations: dict[str, obligation.ObligationState] = {}
        self.payouts: dict[str, payout.PayoutState] = {}
        self.bank_entries: dict[str, bank_entry.BankEntryState] = {}
        self.groups: dict[str, matching.MatchState] = {}
        self.histories: dict[tuple[str, str], Published] = {}
        self.payment_views: dict[str, PaymentView] = {}
        self.reference_views: dict[str, ReferenceView] = {}
        self.obligation_views: dict[str, ObligationView] = {}
        self.payout_views: dict[str, PayoutView] = {}
        self.bank_entry_views: dict[str, BankEntryView] = {}
        self.outputs: list[Output] = []
        self.applications: list[PaymentApplication] = []
        self.sent: list[Snapshot] = []
        """What payouts, bank entries and match groups have sent each other."""
        self.version = 0
        self._consumed: dict[tuple[str, str], Output] = {}

    def apply(self, fact: Fact) -> bool:
        """Route a fact to the keys that it is about; whether any of them changed."""
        if isinstance(fact, ProcessorSettled):
            is_new_line = fact.payout_id is not None and payout.apply(self.payout_state(fact.payout_key), fact)
            if fact.payment_id is None:
                return reference.apply(self.reference_state(fact.reference_key), fact) or is_new_line
            changed = is_new_line | payment.apply(self.payment_state(fact.payment_id), fact)
            claim = AttemptClaim(
                fact.processor, fact.attempt_reference, fact.payment_id, fact.occurred_at, fact.event_id
            )
            return reference.apply(self.reference_state(claim.reference_key), claim) or changed
        if isinstance(fact, ReferenceAssigned):
            return reference.apply(self.reference_state(fact.reference_key), fact)
        if isinstance(fact, BreakDecided):
            if fact.key_kind == "payment":
                return payment.apply(self.payment_state(fact.key), fact)
            if fact.key_kind == "reference":
                return reference.apply(self.reference_state(fact.key), fact)
            if fact.key_kind == "payout":
                return payout.apply(self.payout_state(fact.key), fact)
            if fact.key_kind == "bank_entry":
                return bank_entry.apply(self.bank_entry_state(fact.key), fact)
            return obligation.apply(self.obligation_state(fact.key), fact)
        if isinstance(fact, PayoutReported):
            return payout.apply(self.payout_state(fact.payout_key), fact)
        if isinstance(fact, BankEntryBooked | EntryMatched):
            return bank_entry.apply(self.bank_entry_state(fact.bank_entry_key), fact)
        if isinstance(
            fact, ObligationCharged | PlanChanged | ObligationAdjusted | ObligationCancelled | ObligationReinstated
        ):
            return obligation.apply(self.obligation_state(fact.obligation_id), fact)
        return payment.apply(self.payment_state(fact.payment_id), fact)

    def payment_state(self, payment_id: str) -> payment.PaymentState:
        return self.payments.setdefault(payment_id, payment.new_payment(payment_id))

    def reference_state(self, reference_key: str) -> reference.ReferenceState:
        return self.references.setdefault(reference_key, reference.new_reference(reference_key))

    def obligation_state(self, obligation_id: str) -> obligation.ObligationState:
        return self.obligations.setdefault(obligation_id, obligation.new_obligation(obligation_id))

    def payout_state(self, payout_key: str) -> payout.PayoutState:
        return self.payouts.setdefault(payout_key, payout.new_payout(payout_key))

    def bank_entry_state(self, bank_entry_key: str) -> bank_entry.BankEntryState:
        return self.bank_entries.setdefault(bank_entry_key, bank_entry.new_bank_entry(bank_entry_key))

    def group_state(self, match_key: str) -> matching.MatchState:
        return self.groups.setdefault(match_key, matching.new_match(match_key))

    def views(self) -> Iterator[View]:
        yield from self.payment_views.values()
        yield from self.reference_views.values()
        yield from self.obligation_views.values()
        yield from self.payout_views.values()
        yield from self.bank_entry_views.values()

    def _publish(self, view: View, now: Micros) -> list[str]:
        """Publish the changes of a view, and apply what it sends; the payments that were sent a resolution."""
        published = self.histories.setdefault((view.key_kind, view.key), Published())
        changes = publishing.diff(published, view, now, self.version)
        self.outputs += changes.outputs
        for output in changes.outputs:
            self._consume(output)
        if changes.withdrawn is not None:
            del self._consumed[view.key_kind, view.key]
        resolved = []
        for fact in changes.facts:
            self._send(fact)
            if isinstance(fact, ReferenceResolution):
                resolved.append(fact.payment_id)
        return resolved

    def _send(self, fact: Snapshot) -> None:
        if isinstance(fact, PaymentApplication):
            self.applications.append(fact)
            obligation.apply(self.obligation_state(fact.obligation_id), fact)
        elif isinstance(fact, ReferenceClaim):
            reference.apply(self.reference_state(fact.reference_key), fact)
        elif isinstance(fact, ReferenceResolution):
            payment.apply(self.payment_state(fact.payment_id), fact)
        else:
            self.sent.append(fact)
            self._send_to_the_bank(fact)

    def _send_to_the_bank(self, fact: Snapshot) -> None:
        if isinstance(fact, PayoutEntry | PayoutMatch):
            payout.apply(self.payout_state(fact.payout_key), fact)
        elif isinstance(fact, OpenEntry | OpenPayout):
            matching.apply(self.group_state(fact.match_key), fact)
        elif isinstance(fact, EntryMatch):
            bank_entry.apply(self.bank_entry_state(fact.bank_entry_key), fact)

    def publish(self, now: Micros = NOT_CAUGHT_UP) -> None:
        self.version += 1
        for key in list(self.payments):
            self._publish_payment(key, now)
        resolved: list[str] = []
        for key, state in self.references.items():
            self.reference_views[key] = reference.view(state, now, self.policy)
            resolved += self._publish(self.reference_views[key], now)
        self.version += 1
        for key in resolved:
            self._publish_payment(key, now)
        for key, owed in self.obligations.items():
            self.obligation_views[key] = obligation.view(owed, now, self.policy)
            self._publish(self.obligation_views[key], now)
        self.settle_payouts(now)
        self.check_consumer()

    def settle_payouts(self, now: Micros) -> None:
        """Publish bank entries, payouts and their match groups, until what the groups find has arrived."""
        self.version += 1
        self._publish_payouts(now)
        for group in self.groups.values():
            self._publish(matching.view(group, now, self.policy), now)
        self.version += 1
        self._publish_payouts(now)

    def _publish_payouts(self, now: Micros) -> None:
        for key, entry in self.bank_entries.items():
            self.bank_entry_views[key] = bank_entry.view(entry, now, self.policy)
            self._publish(self.bank_entry_views[key], now)
        for key, paid in self.payouts.items():
            self.payout_views[key] = payout.view(paid, now, self.policy)
            self._publish(self.payout_views[key], now)

    def _publish_payment(self, key: str, now: Micros) -> None:
        self.payment_views[key] = payment.view(self.payments[key], now, self.policy)
        self._publish(self.payment_views[key], now)

    def _consume(self, output: Output) -> None:
        if isinstance(output, PaymentReconciliation):
            key = ("payment", output.payment_id)
        elif isinstance(output, ReferenceReconciliation):
            key = ("reference", output.reference_key)
        elif isinstance(output, PayoutReconciliation):
            key = ("payout", output.payout_key)
        elif isinstance(output, ObligationReconciliation):
            key = ("obligation", output.obligation_id)
        elif isinstance(output, MismatchAlert):
            key = ("break", output.break_id)
        else:
            key = ("late", output.alert_id)
        before = self._consumed.get(key)
        assert before is None or before.version < output.version, f"the version of {key} does not rise"
        self._consumed[key] = output

    def consumer(self) -> dict[tuple[str, str], Output]:
        """Return the last record of each key, as a consumer of the output topics has it."""
        return dict(self._consumed)

    def check_consumer(self) -> None:
        """Check that the outputs reproduce the views, their open and accepted breaks and their live alerts."""
        last = self._consumed
        breaks = {
            (a.key_kind, a.key, a.subject, a.break_class, a.expected_minor, a.actual_minor, a.event_ids, a.decision)
            for a in last.values()
            if isinstance(a, MismatchAlert) and a.lifecycle is not BreakLifecycle.RESOLVED
        }
        assert breaks == {
            (v.key_kind, v.key, b.subject, b.break_class, b.expected_minor, b.actual_minor, b.event_ids, b.decision)
            for v in self.views()
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
        for view in self.views():
            record = last.get((view.key_kind, view.key))
            if view.reconciliation is None:
                assert record is None
            else:
                assert record is not None
                assert msgspec.structs.replace(record, version=0) == view.reconciliation


class BankOf(World):
    """Payouts, bank entries and match groups of another world that does not change, with what was published of them.

    Of a large world only what is asked for and what is sent something is copied, and so settled: the others send
    nothing new, since no clock changes what payouts, entries and groups send.
    """

    def __init__(self, original: World) -> None:
        super().__init__(original.policy)
        self.version = original.version
        self._consumed = dict(original._consumed)
        self._original = original

    def payout_state(self, payout_key: str) -> payout.PayoutState:
        self._copy(self.payouts, self._original.payouts, "payout", payout_key)
        return super().payout_state(payout_key)

    def bank_entry_state(self, bank_entry_key: str) -> bank_entry.BankEntryState:
        self._copy(self.bank_entries, self._original.bank_entries, "bank_entry", bank_entry_key)
        return super().bank_entry_state(bank_entry_key)

    def group_state(self, match_key: str) -> matching.MatchState:
        self._copy(self.groups, self._original.groups, "match", match_key)
        return super().group_state(match_key)

    def _copy(self, own: dict[str, Any], originals: dict[str, Any], kind: str, key: str) -> None:
        if key in own or key not in originals:
            return
        own[key] = deepcopy(originals[key])
        history = self._original.histories.get((kind, key))
        if history is not None:
            self.histories[kind, key] = deepcopy(history)
