"""Reads the scenarios: tables of facts and of the views that follow, in words that a finance person uses.

A scenario begins with `== title`. A line with a date and a time (UTC) is a fact; `at` a date and a time derives the
views of all facts above it; the indented lines below are expected of them. A key listed there has exactly the breaks
and late installments listed. The words are explained by `scenarios/README.txt`.
"""

import re
from pathlib import Path
from typing import NamedTuple, get_args

from domain.breaks.model import NO_CURRENCY, Break
from domain.facts import (
    AdjustmentKind,
    Allocation,
    BreakDecided,
    DecisionAction,
    Installment,
    Method,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    Outcome,
    PaymentInitiated,
    PaymentPosted,
    PaymentReassigned,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)
from domain.ids import break_id, evidence_of, parts_of_key
from domain.obligations.view import ObligationView
from domain.payments.view import PaymentView
from domain.payouts.view import PayoutView
from domain.publishing import View
from domain.records import PaymentReconciliation, PayoutReconciliation
from domain.references.view import ReferenceView
from domain.time import Micros, iso_date
from tests.kit import payout_tables
from tests.kit.domain_world import Fact, World
from tests.kit.scenario_words import day, instant, minor, money, options_of

FOLDER = Path(__file__).parents[1] / "domain" / "scenarios"


class Expectation(NamedTuple):
    now: Micros
    facts: tuple[Fact, ...]
    expected: tuple[str, ...]


class Scenario(NamedTuple):
    title: str
    expectations: tuple[Expectation, ...]


def _installments(words: list[str]) -> tuple[Installment, ...]:
    parts = [word.split(":") for word in words]
    return tuple(
        Installment(name, i, minor(amount), day(due), *[day(grace_end) for grace_end in grace])
        for i, (name, amount, due, *grace) in enumerate(parts)
    )


OBLIGATION_VERBS = {"charged", "replanned", "adjusted", "cancelled", "reinstated"}


def _obligation_fact(at: Micros, words: list[str], event: str) -> Fact:
    """Read one fact of an obligation: key, verb, then words; an option is a word with the word that follows it."""
    key, verb, *rest = words
    plan: list[str] = []
    if "plan" in rest:
        rest, plan = rest[: rest.index("plan")], rest[rest.index("plan") + 1 :]
    names = {"as", "because", "due", "event", "grace", "lease", "naming", "period", "property", "tenant", "until"}
    names |= {"zone"}
    options: dict[str, str] = {}
    plain: list[str] = []
    words_left = iter(rest)
    for word in words_left:
        if word in names:
            options[word] = next(words_left)
        else:
            plain.append(word)
    event = options.get("event", event)
    amount = next((minor(word) for word in plain if "." in word), 0)
    currency = next((word for word in plain if re.fullmatch("[A-Z]{3}", word) and word != "FEE"), "USD")
    match verb:
        case "charged":
            return ObligationCharged(
                event_id=event,
                occurred_at=at,
                obligation_id=key,
                lease_id=options.get("lease", "lease"),
                tenant_id=options.get("tenant", "T"),
                property_id=options.get("property", "H"),
                period=options.get("period", "2026-03"),
                amount_minor=amount,
                currency=currency,
                due_date=day(options["due"]),
                time_zone=options.get("zone", "America/New_York"),
                grace_days=int(options.get("grace", "5")),
                installments=_installments(plan),
                grace_ends_on=day(options["until"]) if "until" in options else None,
            )
        case "replanned":
            return PlanChanged(event, at, key, int(plain[0]), _installments(plan))
        case "adjusted":
            kind: AdjustmentKind | None = next((kind for kind in get_args(AdjustmentKind) if kind in plain), None)
            return ObligationAdjusted(
                event_id=event,
                occurred_at=at,
                obligation_id=key,
                adjustment_id=options["as"],
                amount_delta_minor=amount,
                currency=currency,
                reason=options.get("because", "credit"),
                installment_id=options.get("naming"),
                due_date=day(options["due"]) if "due" in options else None,
                kind=kind,
            )
        case "cancelled":
            return ObligationCancelled(event, at, key, options.get("because", "moved out"), options.get("as"))
        case "reinstated":
            return ObligationReinstated(event, at, key, options["as"], options.get("because", "stays"))
    raise AssertionError(f"{verb!r} is not a verb of obligations")


PAYMENT_OPTIONS = {
    *("for", "naming", "event", "tenant", "property", "fee", "net", "ref", "via", "to", "as", "of", "on", "value"),
    *("because", "by", "movement", "original", "payout", "paid-in"),
}


def _fact(at: Micros, words: list[str], event: str) -> Fact:
    """Read one fact: key, verb, then words; an option is a word with the word that follows it."""
    key, verb, *rest = words
    if verb in payout_tables.VERBS:
        return payout_tables.payout_fact(at, words, event)
    if verb in OBLIGATION_VERBS:
        return _obligation_fact(at, words, event)
    if verb in get_args(DecisionAction):
        return _decision(at, words, event)
    allocations: tuple[Allocation, ...] | None = None
    if "allocating" in rest:
        allocations = _allocations(rest[rest.index("allocating") + 1 :])
        rest = rest[: rest.index("allocating")]
    options, plain = options_of(rest, PAYMENT_OPTIONS)
    event = options.get("event", event)
    amount = next((minor(word) for word in plain if "." in word), 0)
    currency = next((word for word in plain if re.fullmatch("[A-Z]{3}", word)), "USD")
    outcome: Outcome | None = next((outcome for outcome in get_args(Outcome) if outcome == verb), None)
    if outcome is not None:
        return _outcome(at, key, outcome, amount, currency, options, event)
    match verb:
        case "initiated":
            method: Method = next((method for method in get_args(Method) if method in plain), "ACH_DEBIT")
            first = Allocation(options["for"], options.get("naming"), amount) if allocations is None else allocations[0]
            return PaymentInitiated(
                event_id=event,
                occurred_at=at,
                payment_id=key,
                tenant_id=options.get("tenant", "T"),
                property_id=options.get("property", "H"),
                obligation_id=first.obligation_id,
                installment_id=first.installment_id,
                amount_minor=amount,
                currency=currency,
                method=method,
                processor=options.get("via", "acme"),
                processor_reference=options.get("ref"),
                allocations=allocations,
            )
        case "reassigned":
            assert allocations is not None, "a reassigned payment needs: allocating O1:100.00 ..."
            reason, actor = options.get("because", "moved"), options.get("by")
            return PaymentReassigned(event, at, key, int(plain[0]), allocations, reason, actor)
        case "assigned":
            processor, reference = parts_of_key(plain[0])
            return ReferenceAssigned(event, at, key, processor, reference, options.get("by"), options.get("because"))
        case "posted":
            return PaymentPosted(
                event_id=event,
                occurred_at=at,
                obligation_id=options["to"],
                posting_id=options["as"],
                payment_id=key,
                installment_id=options.get("naming"),
                amount_minor=amount,
                currency=currency,
            )
        case "reversed":
            on, reason = options.get("on", "O1"), options.get("because", "error")
            return PostingReversed(
                event_id=event,
                occurred_at=at,
                obligation_id=on,
                reversal_id=options["as"],
                posting_id=options["of"],
                payment_id=key,
                amount_minor=amount,
                currency=currency,
                reason=reason,
            )
    raise AssertionError(f"{verb!r} is not a verb of the scenarios")


def _allocations(words: list[str]) -> tuple[Allocation, ...]:
    """Read allocations: `O1:100.00` for an obligation, `O1/A1:100.00` for its installment."""
    found = []
    for word in words:
        target, amount = word.rsplit(":", 1)
        obligation_id, _, installment_id = target.partition("/")
        found.append(Allocation(obligation_id, installment_id or None, minor(amount)))
    return tuple(found)


def _outcome(
    at: Micros, key: str, outcome: Outcome, gross: int, currency: str, options: dict[str, str], event: str
) -> ProcessorSettled:
    """Read a processor's record. With a key of two parts, `acme/R1`, it names no payment."""
    payment_id: str | None = key
    processor, reference = options.get("via", "acme"), options.get("ref", "R1")
    if "/" in key:
        payment_id, (processor, reference) = None, parts_of_key(key)
    fee = None if options.get("fee") == "unknown" else minor(options.get("fee", "0.00"))
    net = None if fee is None else gross - fee
    if "net" in options:
        net = None if options["net"] == "unknown" else minor(options["net"])
    return ProcessorSettled(
        event_id=event,
        occurred_at=at,
        payment_id=payment_id,
        processor=processor,
        processor_reference=reference,
        outcome=outcome,
        gross_minor=gross,
        fee_minor=fee,
        net_minor=net,
        currency=currency,
        reason_code=options.get("because"),
        payout_id=options.get("payout"),
        value_date=day(options["value"]) if "value" in options else None,
        original_reference=options.get("original"),
        movement_id=options.get("movement"),
        settlement_currency=options.get("paid-in"),
    )


def _decision(at: Micros, words: list[str], event: str) -> BreakDecided:
    """Read a decision: key, action, the break's subject with slashes, then options."""
    key, verb, subject, *rest = words
    action: DecisionAction = next(action for action in get_args(DecisionAction) if action == verb)
    options, plain = options_of(rest, {"as", "by", "because", "class", "drift", "events", "to", "until", "on", "event"})
    assert not plain, f"{plain} is no option of a decision"
    key_kind = {"P": "payment", "O": "obligation", "R": "reference", "Y": "payout", "N": "bank_entry"}[
        key.rpartition("/")[2][0]
    ]
    break_class = options.get("class")
    return BreakDecided(
        event_id=options.get("event", event),
        occurred_at=at,
        decision_id=options["as"],
        key_kind=key_kind,
        key=key,
        break_id=break_id(key_kind, key, tuple(subject.split("/"))),
        action=action,
        actor=options["by"],
        reason=options.get("because", "looked into it"),
        break_class=break_class,
        drift_minor=minor(options["drift"]) if "drift" in options else None,
        evidence=None if break_class is None else evidence_of(break_class, tuple(options["events"].split(","))),
        assignee=options.get("to"),
        until=instant(options["until"].replace("T", " ")) if "until" in options else None,
        refers_to=options.get("on"),
    )


def read(path: Path) -> list[Scenario]:
    scenarios: list[Scenario] = []
    title: str | None = None
    facts: list[Fact] = []
    expectations: list[tuple[Micros, tuple[Fact, ...], list[str]]] = []

    def finish() -> None:
        if title is not None:
            assert expectations, f"{title}: nothing is expected"
            assert all(expected for _, _, expected in expectations), f"{title}: an instant without expectations"
            scenarios.append(
                Scenario(title, tuple(Expectation(now, known, tuple(lines)) for now, known, lines in expectations))
            )

    for number, line in enumerate(path.read_text().splitlines(), start=1):
        text = line.split("#")[0].rstrip()
        if not text:
            continue
        words = text.split()
        if text.startswith("== "):
            finish()
            title, facts, expectations = text[3:], [], []
        elif words[0] == "at":
            expectations.append((instant(f"{words[1]} {words[2]}"), tuple(facts), []))
        elif text[0] == " ":
            expectations[-1][2].append(" ".join(words))
        else:
            facts.append(_fact(instant(f"{words[0]} {words[1]}"), words[2:], f"e{number:03}"))
    finish()
    return scenarios


def read_facts(text: str) -> list[Fact]:
    """Read facts alone, each on a line of its own."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    # An event id contains the fact, so that facts read separately have different ones.
    return [_fact(instant(f"{words[0]} {words[1]}"), words[2:], " ".join(words)) for words in lines]


def _payment_lines(key: str, view: PaymentView) -> dict[str, str]:
    record = view.reconciliation
    if record is None:
        return {"status": f"{key} no record"}
    sums = record.settled
    return {
        "status": f"{key} {record.status}",
        "standing": money(sums.standing_minor),
        "gross": money(sums.gross_minor),
        "fee": money(sums.fee_minor),
        "net": money(sums.net_minor),
        "returned": money(sums.returned_minor),
        "refunded": money(sums.refunded_minor),
        "charged_back": money(sums.charged_back_minor),
        "in_flight": money(record.in_flight_minor or 0),
        "posted": money(record.posted.net_minor),
        "currency": record.currency,
    }


def _allocation_lines(key: str, view: PaymentView) -> list[str]:
    record = view.reconciliation
    lines = []
    for one in () if record is None else record.allocations:
        target = one.obligation_id if one.installment_id is None else f"{one.obligation_id}/{one.installment_id}"
        line = f"{key} allocation {target} {money(one.amount_minor)}:"
        lines.append(f"{line} standing {money(one.standing_minor)} pending {money(one.pending_minor)}")
    return lines


def _reference_lines(key: str, view: ReferenceView) -> dict[str, str]:
    record = view.reconciliation
    if record is None:
        return {"status": f"{key} no record"}
    gross = "+".join(f"{money(amount)}{currency}" for currency, amount in record.gross_minor.items())
    return {
        "status": f"{key} {record.status}",
        "holder": record.payment_id or "nobody",
        "records": str(record.records),
        "gross": gross or "none",
    }


def _break_line(key: str, view: View, one: Break) -> str:
    """Write a break; its currency if that is not the key's; what people have decided, if they have."""
    line = f"{key} break {'/'.join(one.subject)} = {one.break_class} "
    line += f"{money(one.expected_minor)} -> {money(one.actual_minor)}"
    record = view.reconciliation
    if isinstance(record, PaymentReconciliation | PayoutReconciliation) and one.currency not in {
        record.currency,
        NO_CURRENCY,
    }:
        line += f" {one.currency}"
    decision = one.decision
    if decision is not None:
        line += f" {decision.state} by {decision.actor}"
        line += f" and {decision.approved_by}" if decision.approved_by is not None else ""
    return line


def _obligation_lines(key: str, view: ObligationView) -> dict[str, str]:
    record = view.reconciliation
    if record is None:
        return {"status": f"{key} no record"}
    return {
        "status": f"{key} {record.status}",
        "charged": money(record.charged_minor),
        "adjusted": money(record.adjusted_minor),
        "balance": money(record.balance_minor),
        "paid": money(record.paid_minor),
        "pending": money(record.pending_minor),
        "posted": money(record.posted_minor),
        "overpaid": money(record.overpaid_minor),
        "next": "none" if record.next_due_date is None else iso_date(record.next_due_date),
        "oldest": "none" if record.oldest_late_due_date is None else iso_date(record.oldest_late_due_date),
        "bucket": str(record.ageing_bucket),
    }


def _listed(key: str, view: View) -> set[str]:
    lines = {_break_line(key, view, one) for one in view.breaks}
    if isinstance(view, ObligationView):
        lines |= {
            f"{key} late {late.installment_id} due {iso_date(late.due_date)} {late.stage}: owes "
            f"{money(late.amount_due_minor)} paid {money(late.paid_minor)} pending {money(late.pending_minor)}"
            for late in view.late
        }
    return lines


def _installment_lines(key: str, view: ObligationView) -> list[str]:
    lines = []
    for one in view.reconciliation.installments if view.reconciliation is not None else ():
        line = f"{key} installment {one.installment_id} {money(one.amount_minor)}:"
        for word, fill in (("paid", one.paid), ("pending", one.pending)):
            if fill:
                line += f" {word}" + "".join(f" {payment_id} {money(amount)}" for payment_id, amount in fill.items())
        lines.append(line)
    return lines


def check(expectation: Expectation, world: World) -> None:
    """Compare an expectation with the views of the world."""
    keys = dict.fromkeys(line.split()[0] for line in expectation.expected)
    for key in keys:
        view: View
        if key in world.payment_views:
            view = world.payment_views[key]
            values = _payment_lines(key, view)
        elif key in world.reference_views:
            view = world.reference_views[key]
            values = _reference_lines(key, view)
        elif key in world.payout_views:
            view = world.payout_views[key]
            values = payout_tables.payout_lines(key, view)
        elif key in world.bank_entry_views:
            view = world.bank_entry_views[key]
            values = payout_tables.bank_entry_lines(key, view)
        elif key in world.obligation_views:
            view = world.obligation_views[key]
            values = _obligation_lines(key, view)
        else:  # no fact has named it
            assert {line for line in expectation.expected if line.split()[0] == key} == {f"{key} no record"}
            continue
        lines = [line for line in expectation.expected if line.split()[0] == key]
        listed = {line for line in lines if line.split()[1] in {"break", "late"}}
        assert _listed(key, view) == listed
        if isinstance(view, ObligationView):
            installments = [line for line in lines if line.split()[1] == "installment"]
            assert [line for line in _installment_lines(key, view) if line in installments] == installments
        if isinstance(view, PaymentView):
            allocations = [line for line in lines if line.split()[1] == "allocation"]
            assert not allocations or _allocation_lines(key, view) == allocations
        if isinstance(view, PayoutView):
            entries = [line for line in lines if line.split()[1] == "entry"]
            assert payout_tables.entry_lines_of_payout(key, view) == entries
        for line in lines:
            words = line.split()
            if words[1] in {"break", "late", "installment", "allocation", "entry"}:
                continue
            if words[1:3] == ["no", "record"]:
                assert values["status"] == line
                continue
            pairs = words[2:]
            expected = {"status": f"{key} {words[1]}"} | dict(zip(pairs[::2], pairs[1::2], strict=True))
            assert {name: values[name] for name in expected} == expected
