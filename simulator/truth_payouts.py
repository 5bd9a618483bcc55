"""Payouts and bank entries (contract section 11): the lines, what the processor reports, and what the bank booked."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from domain.facts import BankEntryBooked, EntryMatched, InputFact, PayoutReported, ProcessorSettled
from domain.policy import Policy
from domain.time import Micros
from simulator.banking import calendar_of, end_of_banking_day_after, local_day
from simulator.truth_breaks import break_row
from simulator.truth_facts import (
    NO_CURRENCY,
    Known,
    Row,
    by_stamp,
    identity_at_payout,
    known_of,
    material_at_payout,
    two_parts,
)

PayoutName = tuple[str, str]
"""Processor and payout_id."""

Terms = tuple[str | None, str, int]
"""Account, currency and amount."""

LATER_AT_ONE_INSTANT = ("PAID", "FAILED", "CANCELLED")


@dataclass(slots=True)
class BankEntry:
    """Everything known of a bank entry that is booked."""

    key: str
    known: Known
    booked: BankEntryBooked
    """The booking that holds, filled in."""
    match: EntryMatched | None
    """The latest match by a person."""
    payout: PayoutName | None = None
    """The payout that it belongs to."""
    matched_by: str = ""
    candidates: list[str] = field(default_factory=list)

    @property
    def names(self) -> PayoutName | None:
        """The payout that it names: by a person, or else by itself."""
        if self.match is not None:
            return self.match.processor, self.match.payout_id
        if self.booked.processor is not None and self.booked.payout_id is not None:
            return self.booked.processor, self.booked.payout_id
        return None

    @property
    def events(self) -> list[str]:
        """The events by which it belongs to a payout."""
        return [self.booked.event_id] + ([] if self.match is None else [self.match.event_id])

    @property
    def place(self) -> tuple[int, str, str]:
        """Entries go in this order."""
        return self.booked.booking_date, self.booked.entry_id, self.booked.account_id


@dataclass(slots=True)
class Payout:
    """Everything known of a payout."""

    name: PayoutName
    known: Known
    entries: list[BankEntry] = field(default_factory=list)

    @property
    def key(self) -> str:
        """Its key."""
        return two_parts(*self.name)

    @property
    def lines(self) -> list[ProcessorSettled]:
        """Its lines, in order."""
        return [fact for fact in by_stamp(self.known.held) if isinstance(fact, ProcessorSettled)]

    @property
    def reports(self) -> dict[str, PayoutReported]:
        """Its reports by status."""
        return {fact.status: fact for fact in self.known.held if isinstance(fact, PayoutReported)}

    @property
    def in_force(self) -> PayoutReported | None:
        """The latest report."""
        reports = [self.reports[status] for status in LATER_AT_ONE_INSTANT if status in self.reports]
        latest = None
        for report in reports:
            if latest is None or report.occurred_at >= latest.occurred_at:
                latest = report
        return latest


def entries_of(facts: Iterable[BankEntryBooked | EntryMatched]) -> dict[str, BankEntry]:
    """Collect the bank entries that are booked, by key. A match of an entry that is not booked has nothing to match."""
    by_key: defaultdict[str, list[InputFact]] = defaultdict(list)
    for fact in facts:
        by_key[two_parts(fact.account_id, fact.entry_id)].append(fact)
    entries = {}
    for key, group in by_key.items():
        known = known_of(key, group)
        matches = [fact for fact in by_stamp(group) if isinstance(fact, EntryMatched)]
        for held in known.held:
            if isinstance(held, BankEntryBooked):
                entries[key] = BankEntry(key, known, held, matches[-1] if matches else None)
    return entries


def payouts_of(
    settlements: Iterable[ProcessorSettled], reports: Iterable[PayoutReported], entries: dict[str, BankEntry]
) -> dict[str, Payout]:
    """Collect the payouts that a line, a report or an entry names, by key."""
    facts: defaultdict[PayoutName, list[InputFact]] = defaultdict(list)
    for settlement in settlements:
        if settlement.payout_id is not None:
            facts[settlement.processor, settlement.payout_id].append(settlement)
    for report in reports:
        facts[report.processor, report.payout_id].append(report)
    named = [entry.names for entry in entries.values() if entry.names is not None]
    payouts = {}
    for name in dict.fromkeys([*facts, *named]):
        known = known_of(two_parts(*name), facts.get(name, ()), identity_at_payout, material_at_payout)
        payouts[two_parts(*name)] = Payout(name, known)
    return payouts


def bring_together(payouts: dict[str, Payout], entries: dict[str, BankEntry]) -> None:
    """Bring each entry to the payout that it names or is matched to, or note the payouts that fit it."""
    for entry in sorted(entries.values(), key=lambda entry: entry.place):
        if entry.names is not None:
            payouts[two_parts(*entry.names)].entries.append(entry)
            entry.payout, entry.matched_by = entry.names, "named" if entry.match is None else "person"
    nameless = [entry for entry in entries.values() if entry.payout is None]
    waiting = [payout for payout in payouts.values() if not payout.entries and "PAID" in payout.reports]
    nameless.sort(key=lambda entry: (entry.booked.booking_date, entry.booked.entry_id))
    waiting.sort(key=lambda payout: (payout.reports["PAID"].arrival_date, payout.name[1], payout.name[0]))
    by_terms: defaultdict[Terms, list[Payout]] = defaultdict(list)
    for payout in waiting:
        by_terms[terms_of(payout.reports["PAID"])].append(payout)

    def fitting_to(entry: BankEntry) -> list[Payout]:
        return [payout for payout in by_terms.get(terms_of(entry.booked), ()) if fits(entry, payout)]

    for entry in nameless:
        fitting = [payout for payout in fitting_to(entry) if not payout.entries]
        same_reference = [payout for payout in fitting if has_reference_of(entry, payout)]
        if same_reference:
            join(entry, same_reference[0], "reference")
    left_entries = [entry for entry in nameless if entry.payout is None]
    left = [(entry, [payout for payout in fitting_to(entry) if not payout.entries]) for entry in left_entries]
    wanted = Counter(payout.key for _, its_payouts in left for payout in its_payouts)
    for entry, its_payouts in left:
        if len(its_payouts) == 1 and wanted[its_payouts[0].key] == 1:
            join(entry, its_payouts[0], "amount")
        else:
            entry.candidates = [payout.key for payout in its_payouts]


def join(entry: BankEntry, payout: Payout, matched_by: str) -> None:
    """Match them."""
    payout.entries.append(entry)
    entry.payout, entry.matched_by = payout.name, matched_by


def terms_of(fact: BankEntryBooked | PayoutReported) -> Terms:
    """Return what an entry and a payout that fit each other have in common."""
    return fact.account_id, fact.currency, fact.amount_minor


def fits(entry: BankEntry, payout: Payout) -> bool:
    """Return whether the entry's day is within those of the PAID, whose terms it has."""
    return -1 <= entry.booked.booking_date - payout.reports["PAID"].arrival_date <= 5


def has_reference_of(entry: BankEntry, payout: Payout) -> bool:
    """Return whether the entry's reference is the payout's; an empty text is none."""
    return bool(entry.booked.reference) and entry.booked.reference in (
        payout.reports["PAID"].bank_reference,
        payout.name[1],
    )


def entry_breaks(entry: BankEntry, at: Micros, policy: Policy) -> list[Row]:
    """Return the breaks of a bank entry whose condition holds at that instant."""
    booked = entry.booked
    rows = contradictions("bank_entry", entry.known, booked.currency)
    due = end_of_banking_day_after(booked.booking_date, policy.payout_deposit_banking_days, booked.currency)
    if entry.payout is None and at >= due:
        finding = ("bank_entry_unexplained", 0, booked.amount_minor, booked.currency)
        row = break_row("bank_entry", entry.key, ("entry",), finding, [booked.event_id], due)
        row["candidates"] = entry.candidates
        rows.append(row)
    return rows


def contradictions(key_kind: str, known: Known, currency: str) -> list[Row]:
    """Return the conflicting facts of a payout or a bank entry. They know no record told again after its opposite."""
    identity = identity_at_payout
    rows = [
        break_row(key_kind, known.key, ("fact", *identity(fact)), ("conflicting_fact", 0, 0, currency), events)
        for fact, events in known.contradicted
    ]
    rows += [
        break_row(key_kind, known.key, ("event", event_id), ("conflicting_fact", 0, 0, NO_CURRENCY), [event_id])
        for event_id in known.reused_event_ids
    ]
    return rows


def line_currency(line: ProcessorSettled) -> str:
    """Return the currency in which a line counts."""
    return line.settlement_currency or line.currency


def currency_of(payout: Payout) -> tuple[str, str]:
    """Return the currency of a payout, and the event that gives it."""
    report, lines = payout.in_force, payout.lines
    if report is not None:
        return report.currency, report.event_id
    if lines:
        return line_currency(lines[0]), lines[0].event_id
    first = min(payout.entries, key=lambda entry: entry.place).booked
    return first.currency, first.event_id


def payout_truth(payout: Payout, at: Micros, policy: Policy) -> tuple[Row, list[Row]]:
    """Return a payout as `payout-reconciliations` should show it, as if no break were open, and its breaks."""
    currency, given_by = currency_of(payout)
    report, lines = payout.in_force, payout.lines
    entries = sorted(payout.entries, key=lambda entry: entry.place)
    lines_minor = sum(line.net_minor or 0 for line in lines if line_currency(line) == currency)
    unknown = sum(line.net_minor is None for line in lines)
    deposited = sum(entry.booked.amount_minor for entry in entries if entry.booked.currency == currency)
    expected = lines_minor + (0 if report is None else report.other_minor)

    def end(day: int, count: int) -> Micros:
        return end_of_banking_day_after(day, count, currency)

    def day(of: Micros) -> int:
        return local_day(of, calendar_of(currency).zone)

    def row(subject: str, finding: tuple[str, int, int], events: Iterable[str], due: Micros | None = None) -> None:
        if due is None or at >= due:
            rows.append(break_row("payout", payout.key, (subject,), (*finding, currency), events, due))

    rows = contradictions("payout", payout.known, currency)
    of_lines = [line.event_id for line in lines]
    of_entries = [event_id for entry in entries for event_id in entry.events]
    foreign = [line.event_id for line in lines if line_currency(line) != currency]
    foreign += [event_id for entry in entries if entry.booked.currency != currency for event_id in entry.events]
    if foreign:
        row("currency", ("currency_mismatch", 0, 0), [given_by, *foreign])
    if report is None:
        days = [day(line.occurred_at) for line in lines] + [entry.booked.booking_date for entry in entries]
        missing = lines_minor if lines else deposited
        due = end(max(days), policy.payout_unreported_banking_days)
        row("report", ("payout_unreported", missing, 0), of_lines + of_entries, due)
    elif report.status == "PAID":
        count = policy.payout_unreported_banking_days if unknown else policy.payout_composition_banking_days
        if expected != report.amount_minor:
            finding = ("payout_sum_mismatch", report.amount_minor, expected)
            row("composition", finding, [report.event_id, *of_lines], end(day(report.occurred_at), count))
        if entries and deposited != report.amount_minor:
            finding = ("deposit_amount_mismatch", report.amount_minor, deposited)
            row("deposit", finding, [report.event_id, *of_entries])
        if not entries and report.account_id is not None:
            due = end(report.arrival_date, policy.payout_deposit_banking_days)
            row("deposit", ("deposit_missing", report.amount_minor, 0), [report.event_id], due)
    elif deposited != 0:
        due = end(day(report.occurred_at), policy.payout_deposit_banking_days)
        row("deposit", ("deposit_after_failure", 0, deposited), [report.event_id, *of_entries], due)
    told_at = [fact.occurred_at for fact in payout.known.held]
    told_at += [entry.booked.occurred_at for entry in entries]
    told_at += [entry.match.occurred_at for entry in entries if entry.match is not None]
    shown: Row = {
        "processor": payout.name[0],
        "payout_id": payout.name[1],
        "status": status_of(report, expected, unknown, deposited),
        "currency": currency,
        "amount_minor": None if report is None else report.amount_minor,
        "lines": len(lines),
        "unknown_lines": unknown,
        "lines_minor": lines_minor,
        "other_minor": 0 if report is None else report.other_minor,
        "deposited_minor": deposited,
        "arrival_date": None if report is None else report.arrival_date,
        "entries": [
            {
                "account_id": entry.booked.account_id,
                "entry_id": entry.booked.entry_id,
                "amount_minor": entry.booked.amount_minor,
                "matched_by": entry.matched_by,
            }
            for entry in entries
        ],
        "rests_on": max(told_at),
    }
    return shown, rows


def status_of(report: PayoutReported | None, expected: int, unknown: int, deposited: int) -> str:
    """Return the status of a payout without an open break."""
    if report is None:
        return "collecting"
    if report.status != "PAID":
        return report.status.lower()
    is_whole = expected == report.amount_minor and unknown == 0
    is_there = deposited == report.amount_minor or report.account_id is None
    return "reconciled" if is_whole and is_there else "in_transit"
