"""The truth: the result that everything delivered must have at an instant, as a batch evaluation of the contract.

It shares no code with the service. It reads the contract in the plainest way: group all records by key and identity,
let one of each identity hold, add up, compare with the clock. Slow is fine here, wrong is not.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from domain.facts import (
    BankEntryBooked,
    BreakDecided,
    EntryMatched,
    InputFact,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PayoutReported,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)
from domain.policy import Policy
from domain.time import Micros
from simulator.deliver import Delivery
from simulator.truth_breaks import conflict_rows
from simulator.truth_decisions import decide, is_accepted
from simulator.truth_facts import NO_CURRENCY, Known, Row, known_of
from simulator.truth_obligations import obligation_truth
from simulator.truth_payment_breaks import payment_breaks
from simulator.truth_payments import Account, account_of, payment_row
from simulator.truth_payouts import (
    BankEntry,
    Payout,
    bring_together,
    entries_of,
    entry_breaks,
    payout_truth,
    payouts_of,
)
from simulator.truth_references import Reference, handed_over, reference_breaks, reference_row, references_of


@dataclass(frozen=True)
class Truth:
    """The final state at an instant. Rows have the contract's field names, without version, lifecycle and history."""

    at: Micros
    payments: dict[str, Row]
    obligations: dict[str, Row]
    references: dict[str, Row]
    """By the reference's key, `processor/reference`."""
    payouts: dict[str, Row]
    """By the payout's key, `processor/payout_id`."""
    open_breaks: dict[str, Row]
    accepted_breaks: dict[str, Row]
    """Those whose condition holds, but which people have accepted as they are."""
    live_alerts: dict[str, Row]
    dead_letters: dict[str, int]
    """How many dead letters each input topic (by its default name) must have caused."""


class Delivered(Protocol):
    """A scenario, as far as the truth needs it."""

    @property
    def deliveries(self) -> tuple[Delivery, ...]:
        """Every record, in the order of arrival."""


def truth(scenario: Delivered, at: Micros, policy: Policy | None = None) -> Truth:
    """Return the truth about the scenario's deliveries at the instant `at` (microseconds since 1970 UTC).

    All that is delivered counts as known, whatever `at` is; the clock only decides deadlines and days.
    """
    return truth_of_deliveries(scenario.deliveries, at, policy)


def truth_of_deliveries(deliveries: Iterable[Delivery], at: Micros, policy: Policy | None = None) -> Truth:
    """Return the truth about these deliveries, dead letters included."""
    facts: list[InputFact] = []
    dead_letters: defaultdict[str, int] = defaultdict(int)
    for delivery in deliveries:
        if delivery.is_bad:
            dead_letters[delivery.topic] += 1
        elif delivery.fact is not None:
            facts.append(delivery.fact)
    return truth_of_facts(facts, at, policy, dead_letters=dict(dead_letters))


def truth_of_facts(
    facts: Iterable[InputFact], at: Micros, policy: Policy | None = None, dead_letters: dict[str, int] | None = None
) -> Truth:
    """Return the truth about these valid facts, which does not depend on their order and repetitions."""
    return Evaluation(at, policy or Policy()).of(Sorted(facts), dead_letters or {})


class Sorted:
    """The facts by what they are about."""

    def __init__(self, facts: Iterable[InputFact]) -> None:
        self.by_payment: defaultdict[str, list[InputFact]] = defaultdict(list)
        self.by_obligation: defaultdict[str, list[InputFact]] = defaultdict(list)
        self.settlements: list[ProcessorSettled] = []
        self.assigned_references: list[ReferenceAssigned] = []
        self.payout_reports: list[PayoutReported] = []
        self.bank_entries: list[BankEntryBooked | EntryMatched] = []
        self.decisions: defaultdict[tuple[str, str], list[BreakDecided]] = defaultdict(list)
        for fact in facts:
            match fact:
                case ProcessorSettled():
                    self.settlements.append(fact)
                    if fact.payment_id is not None:
                        self.by_payment[fact.payment_id].append(fact)
                case PaymentInitiated() | PaymentReassigned() | PaymentPosted() | PostingReversed():
                    self.by_payment[fact.payment_id].append(fact)
                case ReferenceAssigned():
                    self.assigned_references.append(fact)
                case PayoutReported():
                    self.payout_reports.append(fact)
                case BankEntryBooked() | EntryMatched():
                    self.bank_entries.append(fact)
                case BreakDecided():
                    self.decisions[fact.key_kind, fact.key].append(fact)
                case ObligationCharged() | PlanChanged() | ObligationAdjusted():
                    self.by_obligation[fact.obligation_id].append(fact)
                case ObligationCancelled() | ObligationReinstated():
                    self.by_obligation[fact.obligation_id].append(fact)

    def references(self) -> dict[str, Reference]:
        """Collect the references. What an initiation claims is that of the one that holds, filled in."""
        initiations = []
        for payment_id, facts in self.by_payment.items():
            told = [fact for fact in facts if isinstance(fact, PaymentInitiated)]
            if any(fact.processor_reference for fact in told):
                (holds,) = known_of(payment_id, told).held
                assert isinstance(holds, PaymentInitiated)
                initiations.append(holds)
        return references_of(initiations, self.settlements, self.assigned_references)


class Evaluation:
    """Evaluates facts at an instant."""

    def __init__(self, at: Micros, policy: Policy) -> None:
        self.at = at
        self.policy = policy
        self.open: dict[str, Row] = {}
        self.accepted: dict[str, Row] = {}
        self.allocated: defaultdict[str, list[Account]] = defaultdict(list)
        """The payments with an allocation in force, by obligation."""
        self.posted_to: defaultdict[str, list[Account]] = defaultdict(list)

    def of(self, known: Sorted, dead_letters: dict[str, int]) -> Truth:
        """Return the truth."""
        self.decisions = known.decisions
        references = known.references()
        reference_rows = self.references(references)
        for payment_id, handed in handed_over(references.values()).items():
            known.by_payment[payment_id] += handed
        payments = self.payments(known.by_payment)
        obligations, alerts = self.obligations(known.by_obligation)
        entries = entries_of(known.bank_entries)
        payouts = payouts_of(known.settlements, known.payout_reports, entries)
        bring_together(payouts, entries)
        self.bank_entries(entries)
        return Truth(
            at=self.at,
            payments=payments,
            obligations=obligations,
            references=reference_rows,
            payouts=self.payouts(payouts),
            open_breaks=self.open,
            accepted_breaks=self.accepted,
            live_alerts=alerts,
            dead_letters=dead_letters,
        )

    def settle_breaks(self, key_kind: str, key: str, rows: list[Row]) -> list[Row]:
        """Note the breaks of a key with what was decided about them; return those that are open."""
        decisions = self.decisions.get((key_kind, key))
        if rows and decisions:
            decide(rows, decisions, self.at, self.policy)
        accepted = [row for row in rows if is_accepted(row)]
        still_open = [row for row in rows if not is_accepted(row)]
        self.open.update((row["break_id"], row) for row in still_open)
        self.accepted.update((row["break_id"], row) for row in accepted)
        return still_open

    def references(self, references: dict[str, Reference]) -> dict[str, Row]:
        """Return the rows of the references."""
        shown = {}
        for key, reference in references.items():
            breaks = reference_breaks(reference, self.at, self.policy)
            still_open = self.settle_breaks("reference", key, breaks)
            row = reference_row(reference, still_open, bool(breaks))
            if row is not None:
                shown[key] = row
        return shown

    def bank_entries(self, entries: dict[str, BankEntry]) -> None:
        """Note the breaks of the bank entries; they have no rows of their own."""
        for key, entry in entries.items():
            self.settle_breaks("bank_entry", key, entry_breaks(entry, self.at, self.policy))

    def payouts(self, payouts: dict[str, Payout]) -> dict[str, Row]:
        """Return the rows of the payouts."""
        rows = {}
        for key, payout in payouts.items():
            row, breaks = payout_truth(payout, self.at, self.policy)
            still_open = self.settle_breaks("payout", key, breaks)
            row["open_breaks"] = sorted(found["break_id"] for found in still_open)
            if still_open:
                row["status"] = "exception"
            rows[key] = row
        return rows

    def payments(self, by_payment: dict[str, list[InputFact]]) -> dict[str, Row]:
        """Return the rows of the payments."""
        rows = {}
        for payment_id, facts in by_payment.items():
            known = known_of(payment_id, facts)
            account = account_of(known, self.policy)
            if account is None:
                # Assignments alone: nothing is shown, though they may contradict each other.
                self.settle_breaks("payment", payment_id, conflict_rows("payment", known, NO_CURRENCY))
                continue
            still_open = self.settle_breaks("payment", payment_id, payment_breaks(account, self.at, self.policy))
            rows[payment_id] = payment_row(account, self.at, still_open)
            for obligation_id in dict.fromkeys(part.obligation_id for part in account.allocations):
                self.allocated[obligation_id].append(account)
            for obligation_id in dict.fromkeys(posting.obligation_id for posting in account.postings):
                self.posted_to[obligation_id].append(account)
        return rows

    def obligations(self, by_obligation: dict[str, list[InputFact]]) -> tuple[dict[str, Row], dict[str, Row]]:
        """Return the rows of the obligations, and the live alerts."""
        rows: dict[str, Row] = {}
        live: dict[str, Row] = {}
        for obligation_id in {**dict.fromkeys(by_obligation), **dict.fromkeys(self.allocated)}:
            known = (
                known_of(obligation_id, by_obligation[obligation_id])
                if obligation_id in by_obligation
                else Known(obligation_id, (), {}, (), ())
            )
            allocated, posted_to = self.allocated.get(obligation_id, []), self.posted_to.get(obligation_id, [])
            row, breaks, alerts = obligation_truth(known, allocated, posted_to, self.at, self.policy)
            still_open = self.settle_breaks("obligation", obligation_id, breaks)
            live.update((alert["alert_id"], alert) for alert in alerts)
            if row is not None:
                row["open_breaks"] = sorted(found["break_id"] for found in still_open)
                rows[obligation_id] = row
        return rows, live
