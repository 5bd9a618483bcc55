"""Reads the facts of the scenarios, each a line of words that a finance person uses (scenarios/README.txt)."""

import re
from datetime import UTC, date, datetime
from typing import get_args

from domain.facts import (
    AdjustmentKind,
    Allocation,
    BankEntryBooked,
    BreakDecided,
    DecisionAction,
    EntryMatched,
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
    PayoutOutcome,
    PayoutReported,
    PlanChanged,
    PostingReversed,
    ProcessorSettled,
    ReferenceAssigned,
)
from domain.ids import break_id, evidence_of, parts_of_key
from domain.time import EPOCH_ORDINAL, Micros, micros_of
from tests.kit.domain_world import Fact


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


PAYOUT_VERBS = {*get_args(PayoutOutcome), "booked", "matched"}
PAYOUT_OPTIONS = {"account", "because", "by", "event", "for", "on", "other", "reads", "saying", "value"}


def _payout_fact(at: Micros, words: list[str], event: str) -> Fact:
    """Read a report of a payout, or a bank entry and what people match it to. Their keys have two parts."""
    key, verb, *rest = words
    first, second = parts_of_key(key)
    options, plain = _options(rest, PAYOUT_OPTIONS)
    event = options.get("event", event)
    if verb == "matched":
        processor, payout_id = parts_of_key(plain[0])
        reason = options.get("because", "seen").replace("_", " ")
        return EntryMatched(event, at, first, second, processor, payout_id, options["by"], reason)
    amount = next(minor(word) for word in plain if "." in word)
    currency = next((word for word in plain if re.fullmatch("[A-Z]{3}", word)), "USD")
    status: PayoutOutcome | None = next((status for status in get_args(PayoutOutcome) if status == verb), None)
    if status is not None:
        return PayoutReported(
            event_id=event,
            occurred_at=at,
            processor=first,
            payout_id=second,
            status=status,
            amount_minor=amount,
            other_minor=minor(options.get("other", "0.00")),
            currency=currency,
            arrival_date=day(options["on"]),
            account_id=options.get("account"),
            bank_reference=options.get("reads"),
        )
    processor_named, payout_named = parts_of_key(options["for"]) if "for" in options else (None, None)
    return BankEntryBooked(
        event_id=event,
        occurred_at=at,
        account_id=first,
        entry_id=second,
        amount_minor=amount,
        currency=currency,
        booking_date=day(options["on"]),
        value_date=day(options["value"]) if "value" in options else None,
        processor=processor_named,
        payout_id=payout_named,
        reference=options.get("reads"),
        text=options["saying"].replace("_", " ") if "saying" in options else None,
    )


PAYMENT_OPTIONS = {
    *("for", "naming", "event", "tenant", "property", "fee", "net", "ref", "via", "to", "as", "of", "on", "value"),
    *("because", "by", "movement", "original", "payout", "paid-in"),
}


def fact_of(at: Micros, words: list[str], event: str) -> Fact:
    """Read one fact: key, verb, then words; an option is a word with the word that follows it."""
    key, verb, *rest = words
    if verb in OBLIGATION_VERBS:
        return _obligation_fact(at, words, event)
    if verb in PAYOUT_VERBS and (verb != "FAILED" or "on" in rest):  # an attempt fails, too, on no day
        return _payout_fact(at, words, event)
    if verb in get_args(DecisionAction):
        return _decision(at, words, event)
    allocations: tuple[Allocation, ...] | None = None
    if "allocating" in rest:
        allocations = _allocations(rest[rest.index("allocating") + 1 :])
        rest = rest[: rest.index("allocating")]
    options, plain = _options(rest, PAYMENT_OPTIONS)
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


def _options(words: list[str], names: set[str]) -> tuple[dict[str, str], list[str]]:
    """Split words into options, each a name and the word that follows it, and the others."""
    options: dict[str, str] = {}
    plain: list[str] = []
    words_left = iter(words)
    for word in words_left:
        if word in names:
            options[word] = next(words_left)
        else:
            plain.append(word)
    return options, plain


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
    options, plain = _options(rest, {"as", "by", "because", "class", "drift", "events", "to", "until", "on", "event"})
    assert not plain, f"{plain} is no option of a decision"
    key_kind = {"P": "payment", "O": "obligation"}.get(key[0], "reference")
    if "/" in key:
        about = subject.partition("/")[0]
        key_kind = {"reference": "reference", "claim": "reference", "entry": "bank_entry"}.get(about, "payout")
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


def read_facts(text: str) -> list[Fact]:
    """Read facts alone, each on a line of its own."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    # An event id contains the fact, so that facts read separately have different ones.
    return [fact_of(instant(f"{words[0]} {words[1]}"), words[2:], " ".join(words)) for words in lines]
