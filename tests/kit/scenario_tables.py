"""Reads the scenarios: tables of facts and of the views that follow, in words that a finance person uses.

A scenario begins with `== title`. A line with a date and a time (UTC) is a fact; `at` a date and a time derives the
views of all facts above it; the indented lines below are expected of them. A key listed there has exactly the breaks
and late installments listed. The words are explained by `scenarios/README.txt`.
"""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple, get_args

from domain.facts import (
    AdjustmentKind,
    Installment,
    Method,
    ObligationAdjusted,
    ObligationCancelled,
    ObligationCharged,
    ObligationReinstated,
    PaymentInitiated,
    PaymentPosted,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
)
from domain.obligations.view import ObligationView
from domain.payments.view import PaymentView
from domain.time import EPOCH_ORDINAL, Micros, iso_date, micros_of
from tests.kit.domain_world import Fact, World

FOLDER = Path(__file__).parents[1] / "domain" / "scenarios"


class Expectation(NamedTuple):
    now: Micros
    facts: tuple[Fact, ...]
    expected: tuple[str, ...]


class Scenario(NamedTuple):
    title: str
    expectations: tuple[Expectation, ...]


def minor(text: str) -> int:
    assert re.fullmatch(r"-?\d+\.\d\d", text), f"{text!r} is not an amount"
    return int(text.replace(".", ""))


def money(amount: int) -> str:
    return f"{'-' if amount < 0 else ''}{abs(amount) // 100}.{abs(amount) % 100:02}"


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal() - EPOCH_ORDINAL


def instant(text: str) -> Micros:
    return micros_of(datetime.fromisoformat(text).replace(tzinfo=UTC))


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


def _fact(at: Micros, words: list[str], event: str) -> Fact:
    """Read one fact: key, verb, then words; an option is a word with the word that follows it."""
    key, verb, *rest = words
    if verb in OBLIGATION_VERBS:
        return _obligation_fact(at, words, event)
    names = {"for", "naming", "event", "tenant", "fee", "net", "ref", "via", "to", "as", "of", "on", "value", "because"}
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
    currency = next((word for word in plain if re.fullmatch("[A-Z]{3}", word)), "USD")
    match verb:
        case "initiated":
            method: Method = next((method for method in get_args(Method) if method in plain), "ACH_DEBIT")
            return PaymentInitiated(
                event_id=event,
                occurred_at=at,
                payment_id=key,
                tenant_id=options.get("tenant", "T"),
                property_id="H",
                obligation_id=options["for"],
                installment_id=options.get("naming"),
                amount_minor=amount,
                currency=currency,
                method=method,
                processor=options.get("via", "acme"),
                processor_reference=None,
            )
        case "SETTLED" | "FAILED" | "RETURNED" | "REFUNDED" | "CHARGEBACK" | "CHARGEBACK_REVERSED":
            fee = minor(options.get("fee", "0.00"))
            net = minor(options["net"]) if "net" in options else amount - fee
            value_date = day(options["value"]) if "value" in options else None
            return ProcessorSettled(
                event_id=event,
                occurred_at=at,
                payment_id=key,
                processor=options.get("via", "acme"),
                processor_reference=options.get("ref", "R1"),
                outcome=verb,
                gross_minor=amount,
                fee_minor=fee,
                net_minor=net,
                currency=currency,
                reason_code=options.get("because"),
                payout_id=None,
                value_date=value_date,
            )
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
        "posted": money(record.posted.net_minor),
        "currency": record.currency,
    }


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


def _listed(key: str, view: PaymentView | ObligationView) -> set[str]:
    lines = {
        f"{key} break {'/'.join(b.subject)} = {b.break_class} {money(b.expected_minor)} -> {money(b.actual_minor)}"
        for b in view.breaks
    }
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
        view: PaymentView | ObligationView
        if key in world.payment_views:
            view = world.payment_views[key]
            values = _payment_lines(key, view)
        else:
            view = world.obligation_views[key]
            values = _obligation_lines(key, view)
        lines = [line for line in expectation.expected if line.split()[0] == key]
        listed = {line for line in lines if line.split()[1] in {"break", "late"}}
        assert _listed(key, view) == listed
        if isinstance(view, ObligationView):
            installments = [line for line in lines if line.split()[1] == "installment"]
            assert [line for line in _installment_lines(key, view) if line in installments] == installments
        for line in lines:
            words = line.split()
            if words[1] in {"break", "late", "installment"}:
                continue
            if words[1:3] == ["no", "record"]:
                assert values["status"] == line
                continue
            pairs = words[2:]
            expected = {"status": f"{key} {words[1]}"} | dict(zip(pairs[::2], pairs[1::2], strict=True))
            assert {name: values[name] for name in expected} == expected
