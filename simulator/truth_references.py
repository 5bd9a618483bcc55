"""Settlement records without a payment id: who holds their reference (contract section 10)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.facts import PaymentInitiated, ProcessorSettled, ReferenceAssigned
from domain.policy import Policy
from domain.time import Micros
from simulator.truth_breaks import break_row
from simulator.truth_facts import NO_CURRENCY, Row, by_stamp, known_of, two_parts
from simulator.truth_settlements import attempt_key

ReferenceName = tuple[str, str]
"""Processor and reference."""

Claim = tuple[Micros, str, str]
"""When it was made, by which event, and for which payment: claims go in this order."""


@dataclass(slots=True)
class Reference:
    """Everything known of a reference."""

    name: ReferenceName
    by_initiations: list[Claim] = field(default_factory=list)
    by_settlements: list[Claim] = field(default_factory=list)
    by_people: list[Claim] = field(default_factory=list)
    tellings: list[ProcessorSettled] = field(default_factory=list)
    """The settlement records without a payment id, with all repetitions."""

    @property
    def key(self) -> str:
        """Its key."""
        return two_parts(*self.name)

    @property
    def claims(self) -> list[Claim]:
        """All claims, in order."""
        return sorted(self.by_initiations + self.by_settlements + self.by_people)

    @property
    def holder(self) -> str | None:
        """The payment of the latest assignment by a person, else that of the first claim."""
        if self.by_people:
            return max(self.by_people)[2]
        return self.claims[0][2] if self.claims else None

    @property
    def records(self) -> list[ProcessorSettled]:
        """The settlement records without a payment id, each identity once, in order."""
        held = by_stamp(known_of(self.key, self.tellings).held)
        return [fact for fact in held if isinstance(fact, ProcessorSettled)]


def references_of(
    initiations: Iterable[PaymentInitiated],
    settlements: Iterable[ProcessorSettled],
    assignments: Iterable[ReferenceAssigned],
) -> dict[str, Reference]:
    """Collect the claims and the records of all references, by key.

    `initiations` are those that hold, filled in; of the others every record counts at its own time.
    """
    references: dict[ReferenceName, Reference] = {}

    def reference(name: ReferenceName) -> Reference:
        return references.setdefault(name, Reference(name))

    for fact in initiations:
        if fact.processor_reference:
            claim = (fact.occurred_at, fact.event_id, fact.payment_id)
            reference((fact.processor, fact.processor_reference)).by_initiations.append(claim)
    for settlement in settlements:
        if settlement.payment_id is None:
            reference(attempt_key(settlement)).tellings.append(settlement)
        else:
            claim = (settlement.occurred_at, settlement.event_id, settlement.payment_id)
            reference(attempt_key(settlement)).by_settlements.append(claim)
    for assignment in assignments:
        claim = (assignment.occurred_at, assignment.event_id, assignment.payment_id)
        reference((assignment.processor, assignment.processor_reference)).by_people.append(claim)
    return {one.key: one for one in references.values()}


def handed_over(references: Iterable[Reference]) -> dict[str, list[ProcessorSettled]]:
    """Return the records without a payment id of each payment that holds a reference."""
    handed: defaultdict[str, list[ProcessorSettled]] = defaultdict(list)
    for reference in references:
        if reference.tellings and reference.holder is not None:
            handed[reference.holder] += reference.tellings
    return handed


def reference_breaks(reference: Reference, at: Micros, policy: Policy) -> list[Row]:
    """Return the breaks of a reference whose condition holds at that instant."""
    rows = []
    records = reference.records
    if records and reference.holder is None:
        settled = [fact for fact in records if fact.outcome == "SETTLED"]
        currency = (settled or records)[0].currency
        gross = sum(fact.gross_minor for fact in settled if fact.currency == currency)
        due = min(fact.occurred_at for fact in records) + policy.orphan_grace_micros
        if at >= due:
            finding = ("reference_unknown", 0, gross, currency)
            events = [fact.event_id for fact in records]
            rows.append(break_row("reference", reference.key, ("reference",), finding, events, due))
    named_by_settlements = first_by_payment(reference.by_settlements)
    claimed = first_by_payment(reference.claims)
    if len(named_by_settlements) > 1:
        rivals = named_by_settlements
    elif len(claimed) > 1 and records and not reference.by_people:
        rivals = claimed
    else:
        return rows
    finding = ("reference_claimed_twice", 0, 0, NO_CURRENCY)
    rows.append(break_row("reference", reference.key, ("claim",), finding, (claim[1] for claim in rivals.values())))
    return rows


def first_by_payment(claims: Iterable[Claim]) -> dict[str, Claim]:
    """Return the first claim for each payment."""
    first: dict[str, Claim] = {}
    for claim in sorted(claims):
        first.setdefault(claim[2], claim)
    return first


def reference_row(reference: Reference, open_breaks: Iterable[Row], has_break: bool) -> Row | None:
    """Return the reference as `reference-reconciliations` should show it; None where it is not shown.

    `has_break`: a break holds, be it open or accepted.
    """
    records = reference.records
    if not records and not has_break:
        return None
    holder = reference.holder
    open_rows = list(open_breaks)
    gross: defaultdict[str, int] = defaultdict(int)
    for fact in records:
        if fact.outcome == "SETTLED":
            gross[fact.currency] += fact.gross_minor
    if any(row["class"] == "reference_claimed_twice" for row in open_rows):
        status = "claimed_twice"
    else:
        status = "suspense" if holder is None else "held"
    return {
        "processor": reference.name[0],
        "processor_reference": reference.name[1],
        "payment_id": holder,
        "status": status,
        "records": len(records),
        "gross_minor": dict(gross),
        "open_breaks": sorted(row["break_id"] for row in open_rows),
    }
