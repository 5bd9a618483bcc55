"""What people decide about the injected breaks (contract section 12): the decisions, with the evidence of the truth.

A decision needs the break's id and, to accept it, its evidence. Both are worked out for the chosen keys alone, from
what was delivered of each key and of those that it depends on.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from domain.facts import (
    BankEntryBooked,
    BreakDecided,
    DecisionAction,
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
from domain.time import DAY, HOUR, Micros
from simulator.recording import Recording
from simulator.truth import truth_of_facts
from simulator.truth_decisions import needs_two_people
from simulator.truth_facts import Row, two_parts
from simulator.truth_settlements import attempt_key

PEOPLE = ("ana", "bo", "chidi", "dewi")


class Files:
    """The facts by payment, obligation, reference and payout: what a break of a key depends on."""

    def __init__(self, facts: Iterable[InputFact]) -> None:
        self.by_payment: defaultdict[str, list[InputFact]] = defaultdict(list)
        self.by_obligation: defaultdict[str, list[InputFact]] = defaultdict(list)
        self.by_reference: defaultdict[str, list[InputFact]] = defaultdict(list)
        self.by_payout: defaultdict[str, list[InputFact]] = defaultdict(list)
        """The lines."""
        self.of_the_bank: list[InputFact] = []
        """Reports and entries: they may be matched to each other."""
        self.entries: set[str] = set()
        self.payments_of: defaultdict[str, set[str]] = defaultdict(set)
        """The payments with an allocation for, or a posting to, an obligation, ever."""
        self.references_of: defaultdict[str, set[str]] = defaultdict(set)
        """The references that a payment claims, ever."""
        for fact in facts:
            self.take(fact)

    def take(self, fact: InputFact) -> None:
        """File a fact."""
        match fact:
            case PaymentInitiated():
                self.by_payment[fact.payment_id].append(fact)
                self.payments_of[fact.obligation_id].add(fact.payment_id)
                for part in fact.allocations or ():
                    self.payments_of[part.obligation_id].add(fact.payment_id)
                if fact.processor_reference:
                    self.claim(fact.payment_id, two_parts(fact.processor, fact.processor_reference), fact)
            case PaymentReassigned():
                self.by_payment[fact.payment_id].append(fact)
                for part in fact.allocations:
                    self.payments_of[part.obligation_id].add(fact.payment_id)
            case PaymentPosted():
                self.by_payment[fact.payment_id].append(fact)
                self.payments_of[fact.obligation_id].add(fact.payment_id)
            case PostingReversed():
                self.by_payment[fact.payment_id].append(fact)
            case ReferenceAssigned():
                self.claim(fact.payment_id, two_parts(fact.processor, fact.processor_reference), fact)
            case PayoutReported():
                self.of_the_bank.append(fact)
                self.by_payout.setdefault(two_parts(fact.processor, fact.payout_id), [])
            case BankEntryBooked() | EntryMatched():
                self.of_the_bank.append(fact)
                self.entries.add(two_parts(fact.account_id, fact.entry_id))
            case ProcessorSettled():
                if fact.payout_id is not None:
                    self.by_payout[two_parts(fact.processor, fact.payout_id)].append(fact)
                if fact.payment_id is None:
                    self.by_reference[two_parts(*attempt_key(fact))].append(fact)
                else:
                    self.by_payment[fact.payment_id].append(fact)
                    self.claim(fact.payment_id, two_parts(*attempt_key(fact)), fact)
            case ObligationCharged() | PlanChanged() | ObligationAdjusted():
                self.by_obligation[fact.obligation_id].append(fact)
            case ObligationCancelled() | ObligationReinstated():
                self.by_obligation[fact.obligation_id].append(fact)
            case BreakDecided():
                # Decisions are what this is for.
                pass

    def claim(self, payment_id: str, reference: str, fact: InputFact) -> None:
        """File a claim on a reference."""
        self.references_of[payment_id].add(reference)
        self.by_reference[reference].append(fact)

    def about(self, key: str) -> list[InputFact]:
        """Return each fact that a break of that key may depend on, once, in order."""
        if key in self.by_payout or key in self.entries:
            return list(dict.fromkeys([*self.by_payout.get(key, ()), *self.of_the_bank]))
        payments = {key} | self.payments_of.get(key, set())
        facts = [*self.by_obligation.get(key, ()), *self.by_reference.get(key, ())]
        for payment_id in sorted(payments):
            facts += self.by_payment.get(payment_id, ())
            for reference in sorted(self.references_of.get(payment_id, ())):
                facts += self.by_reference[reference]
        return list(dict.fromkeys(facts))


class Desk:
    """Records the decisions about one break; they are made in the last weeks of the recording."""

    def __init__(self, recording: Recording, row: Row, about_it: list[InputFact]) -> None:
        self.recording = recording
        self.row = row
        self.about_it = about_it
        """All facts that the break may depend on."""
        self.facts: list[BreakDecided] = []
        self.at = recording.closes_at - recording.between(2 * DAY, 14 * DAY)

    @property
    def rng(self) -> Random:
        """The scenario's."""
        return self.recording.rng

    def before(self) -> Row | None:
        """Return the break as it was, perhaps of another class, before the latest of its events; None: not open."""
        earlier = truth_of_facts(without_the_latest(self.about_it, self.row), self.recording.closes_at)
        return earlier.open_breaks.get(self.row["break_id"])

    def decide(self, action: DecisionAction, actor: str = PEOPLE[0], **fields: Any) -> str:
        """Record a decision, some hours after the one before it; returns its id."""
        self.at += self.recording.between(1 * HOUR, 6 * HOUR)
        decision_id = f"D-{self.rng.getrandbits(48):012x}"
        self.facts.append(
            BreakDecided(
                event_id=self.recording.event_id(),
                occurred_at=self.at,
                decision_id=decision_id,
                key_kind=self.row["key_kind"],
                key=self.row["key"],
                break_id=self.row["break_id"],
                action=action,
                actor=actor,
                reason="looked into it",
                **fields,
            )
        )
        return decision_id

    def accept(self, row: Row | None = None) -> str:
        """Record the acceptance of the break as it is, or as it was."""
        row = row or self.row
        return self.decide("ACCEPT", break_class=row["class"], drift_minor=row["drift_minor"], evidence=row["evidence"])

    @property
    def is_big(self) -> bool:
        """An acceptance needs a second person."""
        return needs_two_people(self.row, Policy())


DecisionCase = Callable[[Desk], bool]
"""Records decisions about a break, and returns whether they accept it for good."""


def acknowledged(desk: Desk) -> bool:
    """Somebody knows about it: for ever, for long, or until yesterday."""
    closes_at = desk.recording.closes_at
    until: Micros | None = desk.rng.choice((None, closes_at + 9 * DAY, closes_at - 1 * DAY))
    desk.decide("ACKNOWLEDGE", until=until)
    return False


def assigned(desk: Desk) -> bool:
    """It has an owner, and sometimes another one, or nobody, after that."""
    desk.decide("ASSIGN", assignee=desk.rng.choice(PEOPLE))
    if desk.rng.random() < 0.5:
        desk.decide("ASSIGN", assignee=desk.rng.choice((PEOPLE[3], None)))
    return False


def commented(desk: Desk) -> bool:
    """Somebody left a note, which changes nothing."""
    desk.decide("COMMENT")
    return False


def accepted(desk: Desk) -> bool:
    """It is accepted, by two people where that is needed."""
    decision_id = desk.accept()
    if desk.is_big:
        desk.decide("APPROVE", actor=PEOPLE[1], refers_to=decision_id)
    return True


def accepted_by_one(desk: Desk) -> bool:
    """It is accepted and approved by the same person: that is enough for the small ones."""
    desk.decide("APPROVE", refers_to=desk.accept())
    return not desk.is_big


def accepted_and_withdrawn(desk: Desk) -> bool:
    """It was accepted by mistake; sometimes taking that back was the mistake."""
    decision_id = desk.accept()
    if desk.is_big:
        desk.decide("APPROVE", actor=PEOPLE[2], refers_to=decision_id)
    withdrawal = desk.decide("WITHDRAW", refers_to=decision_id)
    if desk.rng.random() < 0.3:
        desk.decide("WITHDRAW", actor=PEOPLE[3], refers_to=withdrawal)
        return True
    return False


def accepted_too_early(desk: Desk) -> bool:
    """It was accepted as it was before something else became known: it is open again."""
    before = desk.before()
    if before is None or before["evidence"] == desk.row["evidence"]:
        # It was not open before, so it was acknowledged and not accepted.
        return acknowledged(desk)
    decision_id = desk.accept(before)
    desk.decide("APPROVE", actor=PEOPLE[1], refers_to=decision_id)
    return False


DECISION_CASES: dict[str, DecisionCase] = {
    "acknowledged": acknowledged,
    "assigned": assigned,
    "commented": commented,
    "accepted": accepted,
    "accepted_by_one": accepted_by_one,
    "accepted_and_withdrawn": accepted_and_withdrawn,
    "accepted_too_early": accepted_too_early,
}


def decisions_about(
    recording: Recording, facts: Iterable[InputFact], rates: Callable[[], str | None]
) -> list[BreakDecided]:
    """Return the decisions about injected breaks, and note which of them were accepted.

    Args:
        recording: its `injected` loses the breaks that are accepted, its `accepted` gains them.
        facts: all that is delivered.
        rates: returns a decision case for a break, or None for most.

    """
    chosen = [
        (name, key, case)
        for name in sorted(recording.injected)
        for key in sorted(recording.injected[name])
        if (case := rates()) is not None
    ]
    if not chosen:
        return []
    files = Files(facts)
    decisions: list[BreakDecided] = []
    for name, key, case in chosen:
        about_it = files.about(key)
        now = truth_of_facts(about_it, recording.closes_at).open_breaks
        rows = [row for row in now.values() if (row["class"], row["key"]) == (name, key)]
        if len(rows) != 1:
            # Of two breaks of one class and key nobody could say afterwards which one was meant.
            continue
        (row,) = rows
        desk = Desk(recording, row, about_it)
        if DECISION_CASES[case](desk):
            recording.accept(name, key)
        decisions += desk.facts
    return decisions


def without_the_latest(facts: list[InputFact], row: Row) -> list[InputFact]:
    """Return the facts without the latest event that the break rests on."""
    events = set(row["event_ids"])
    last = max((fact for fact in facts if fact.event_id in events), key=lambda fact: fact.occurred_at)
    return [fact for fact in facts if fact.event_id != last.event_id]
