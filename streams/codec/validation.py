"""The rules of contract section 2 that go beyond the schema, and limits that protect the service.

Rules of the contract: amounts above 0, 0 or more, or not 0; ids not empty; currencies of ISO 4217; IANA time zones;
periods YYYY-MM; instants and days in the years 2000 to 9988; installment ids unique in a plan; grace that ends on or
after its due date; grace_days 0 or more; plan_version and assignment_version 1 or more; allocations that are some, add
up and name nothing twice; adjustments whose fields do not exclude each other; no notification of change as a return;
bank entries that name a processor and its payout, or neither; decisions with what their action needs.

An id is opaque: only the empty string is empty, and blanks are part of it. What names an attempt or a person who
decides is an id here, too: `processor`, `processor_reference`, `original_reference`; `actor` and `assignee` of a
decision, `actor` of a match. An empty `movement_id` or `cancellation_id` is the same as none, and is read as null
(contract section 3).

Our limits, far above any rent; a record beyond one is a dead letter: ids and codes up to 512 bytes of UTF-8, other
texts up to 8,192; amounts up to 10**13 minor units either way, so that hundreds of thousands of them still add up
within Avro's 64 bits; up to 10,000 installments in a plan; up to 1,000 allocations of a payment; grace_days up to
3,650. The years end at 9988 so that each deadline counted from a day is still within the calendar, in every zone.
"""

import re
import zoneinfo
from datetime import date
from typing import Any

import msgspec

from domain import facts
from domain.currencies import EXPONENTS
from domain.facts import Allocation, Installment
from domain.ids import parts_of_key, two_part_key
from domain.time import DAY, EPOCH_ORDINAL
from streams.codec.avro_schemas import INPUT_TYPES
from streams.codec.dead_letters import BadInput, DeadLetterClass, quoted

ID_BYTES_MAX = 512
TEXT_BYTES_MAX = 8_192
AMOUNT_MAX = 10**13
INSTALLMENTS_MAX = 10_000
ALLOCATIONS_MAX = 1_000
GRACE_DAYS_MAX = 3_650
DAY_MIN = date(2000, 1, 1).toordinal() - EPOCH_ORDINAL
DAY_MAX = date(9988, 12, 31).toordinal() - EPOCH_ORDINAL
INSTANT_MIN = DAY_MIN * DAY
INSTANT_MAX = (DAY_MAX + 1) * DAY - 1

TIME_ZONES: frozenset[str] = frozenset(zoneinfo.available_timezones()) - {"localtime", "posixrules", "Factory"}
"""Names of the IANA database, without those that depend on the host's configuration."""

PERIOD = re.compile(r"(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])")

NOTIFICATION_OF_CHANGE = re.compile(r"C[0-9]{2}")
"""NACHA's codes for a corrected account: the money stays where it is."""

TWO_PART_KEYS = {
    "reference": "processor/reference, where % and / of the processor are written %25 and %2F",
    "payout": "processor/payout_id, where % and / of the processor are written %25 and %2F",
    "bank_entry": "account_id/entry_id, where % and / of the account are written %25 and %2F",
}
"""The kinds of keys that have two parts (contract section 1), and how they are written."""

KEY_KINDS = ("payment", "obligation", *TWO_PART_KEYS)
"""Those whose breaks can be decided about."""

_TEXTS = frozenset({"reason", "key", "text"})
"""Longer than an id. The key of a decision may have two parts, percent-encoded."""

_ATTEMPT = frozenset({"processor", "processor_reference", "original_reference"})

_NONE_IF_EMPTY: dict[type, str] = {facts.ProcessorSettled: "movement_id", facts.ObligationCancelled: "cancellation_id"}
"""Ids that may be empty, which is the same as none."""


def is_id(field: str) -> bool:
    """Whether a field is an id, which must not be empty or, of some, is none if it is."""
    return field.endswith("_id") or field in _ATTEMPT


def check(fact: Any) -> Any:
    """Check a decoded input record (a Struct of `domain.facts`) against every rule.

    Returns:
        The record as it counts: an id that may be empty is None if it is.

    Raises:
        BadInput: the first broken rule, with the value found and the values allowed.

    """
    _CHECKS[type(fact)](fact)
    may_be_empty = _NONE_IF_EMPTY.get(type(fact))
    if may_be_empty is not None and getattr(fact, may_be_empty) == "":
        return msgspec.structs.replace(fact, **{may_be_empty: None})
    return fact


def _fail(error_class: DeadLetterClass, fact: Any, field: str, allowed: str) -> None:
    value = getattr(fact, field)
    raise BadInput(error_class, f"{type(fact).__name__}.{field} is {quoted(value)}; it must be {allowed}")


def _texts(fact: Any) -> None:
    """Ids, codes and other texts: ids are not empty, and none is too long."""
    for field in fact.__struct_fields__:
        value = getattr(fact, field)
        if type(value) is not str:
            continue
        if not value and is_id(field) and field != _NONE_IF_EMPTY.get(type(fact)):
            _fail(DeadLetterClass.EMPTY_ID, fact, field, "a text that is not empty")
        limit = TEXT_BYTES_MAX if field in _TEXTS else ID_BYTES_MAX
        if len(value) > limit // 4 and len(value.encode()) > limit:
            _fail(DeadLetterClass.TOO_LARGE, fact, field, f"at most {limit} bytes of UTF-8")


def _common(fact: Any) -> None:
    _texts(fact)
    _instant(fact, "occurred_at")


def _instant(fact: Any, field: str) -> None:
    if not INSTANT_MIN <= getattr(fact, field) <= INSTANT_MAX:
        _fail(DeadLetterClass.OUT_OF_RANGE, fact, field, "microseconds since 1970 in the years 2000 to 9988")


def _amount(fact: Any, field: str, least: int) -> None:
    value = getattr(fact, field)
    if value < least:
        _fail(DeadLetterClass.WRONG_AMOUNT, fact, field, "above 0" if least else "0 or more")
    if value > AMOUNT_MAX:
        _fail(DeadLetterClass.TOO_LARGE, fact, field, f"at most {AMOUNT_MAX} minor units")


def _signed(fact: Any, field: str) -> None:
    if abs(getattr(fact, field)) > AMOUNT_MAX:
        _fail(DeadLetterClass.TOO_LARGE, fact, field, f"at most {AMOUNT_MAX} minor units either way")


def _not_0(fact: Any, field: str) -> None:
    if getattr(fact, field) == 0:
        _fail(DeadLetterClass.WRONG_AMOUNT, fact, field, "other than 0")
    _signed(fact, field)


def _currency(fact: Any, field: str = "currency") -> None:
    if getattr(fact, field) not in EXPONENTS:
        _fail(DeadLetterClass.UNKNOWN_CURRENCY, fact, field, "an upper-case ISO 4217 code, such as USD")


def _day(fact: Any, field: str) -> None:
    if not DAY_MIN <= getattr(fact, field) <= DAY_MAX:
        _fail(DeadLetterClass.OUT_OF_RANGE, fact, field, "days since 1970 in the years 2000 to 9988")


def _grace(fact: Any) -> None:
    if fact.grace_ends_on is None:
        return
    _day(fact, "grace_ends_on")
    if fact.grace_ends_on < fact.due_date:
        _fail(DeadLetterClass.OUT_OF_RANGE, fact, "grace_ends_on", f"day {fact.due_date}, the due date, or later")


def _plan(fact: Any) -> None:
    installments: tuple[Installment, ...] = fact.installments
    name = type(fact).__name__
    if len(installments) > INSTALLMENTS_MAX:
        raise BadInput(
            DeadLetterClass.TOO_LARGE,
            f"{name} has {len(installments)} installments; a plan has at most {INSTALLMENTS_MAX}",
        )
    seen: set[str] = set()
    for installment in installments:
        _texts(installment)
        _amount(installment, "amount_minor", 1)
        _day(installment, "due_date")
        _grace(installment)
        if installment.installment_id in seen:
            raise BadInput(
                DeadLetterClass.DUPLICATE_INSTALLMENT,
                f"{name} has two installments {quoted(installment.installment_id)}; ids are unique in a plan",
            )
        seen.add(installment.installment_id)


def _allocations(fact: facts.PaymentInitiated | facts.PaymentReassigned, allocations: tuple[Allocation, ...]) -> None:
    name = type(fact).__name__
    if not allocations:
        _fail(DeadLetterClass.WRONG_ALLOCATIONS, fact, "allocations", "at least one")
    if len(allocations) > ALLOCATIONS_MAX:
        raise BadInput(
            DeadLetterClass.TOO_LARGE,
            f"{name} has {len(allocations)} allocations; a payment has at most {ALLOCATIONS_MAX}",
        )
    seen: set[tuple[str, str | None]] = set()
    for allocation in allocations:
        _texts(allocation)
        _amount(allocation, "amount_minor", 1)
        pair = allocation.obligation_id, allocation.installment_id
        if pair in seen:
            what = f"obligation {quoted(pair[0])}" + ("" if pair[1] is None else f", installment {quoted(pair[1])}")
            raise BadInput(
                DeadLetterClass.WRONG_ALLOCATIONS, f"{name} has two allocations to {what}; each may be named once"
            )
        seen.add(pair)


def _payment_initiated(fact: facts.PaymentInitiated) -> None:
    _payment_leg(fact)
    if fact.allocations is None:
        return
    _allocations(fact, fact.allocations)
    total = sum(allocation.amount_minor for allocation in fact.allocations)
    if total != fact.amount_minor:
        raise BadInput(
            DeadLetterClass.WRONG_ALLOCATIONS,
            f"the allocations of PaymentInitiated add up to {total}; they must add up to amount_minor, which is "
            f"{fact.amount_minor}",
        )
    for field in ("obligation_id", "installment_id"):
        first, own = getattr(fact.allocations[0], field), getattr(fact, field)
        if first != own:
            raise BadInput(
                DeadLetterClass.WRONG_ALLOCATIONS,
                f"{field} of the first allocation of PaymentInitiated is {quoted(first)}; it must be the record's own, "
                f"which is {quoted(own)}",
            )


def _payment_reassigned(fact: facts.PaymentReassigned) -> None:
    _common(fact)
    if fact.assignment_version < 1:
        allowed = "1 or more (0 is the initiation's own allocations)"
        _fail(DeadLetterClass.OUT_OF_RANGE, fact, "assignment_version", allowed)
    _allocations(fact, fact.allocations)


def _payment_leg(fact: facts.PaymentInitiated | facts.PaymentPosted | facts.PostingReversed) -> None:
    _common(fact)
    _amount(fact, "amount_minor", 1)
    _currency(fact)


def _processor_settled(fact: facts.ProcessorSettled) -> None:
    _common(fact)
    _amount(fact, "gross_minor", 0 if fact.outcome == "FAILED" else 1)
    for field in ("fee_minor", "net_minor"):
        if getattr(fact, field) is not None:
            _signed(fact, field)
    _currency(fact)
    if fact.settlement_currency is not None:
        _currency(fact, "settlement_currency")
    if fact.value_date is not None:
        _day(fact, "value_date")
    if fact.outcome == "RETURNED" and NOTIFICATION_OF_CHANGE.fullmatch(fact.reason_code or ""):
        allowed = "the code of a return: a notification of change returns no money"
        _fail(DeadLetterClass.NO_RETURN, fact, "reason_code", allowed)


def _obligation_charged(fact: facts.ObligationCharged) -> None:
    _common(fact)
    if not PERIOD.fullmatch(fact.period):
        _fail(DeadLetterClass.WRONG_PERIOD, fact, "period", "a month as YYYY-MM")
    _amount(fact, "amount_minor", 0)
    _currency(fact)
    _day(fact, "due_date")
    if fact.time_zone not in TIME_ZONES:
        _fail(DeadLetterClass.UNKNOWN_TIME_ZONE, fact, "time_zone", "an IANA name, such as America/New_York")
    if not 0 <= fact.grace_days <= GRACE_DAYS_MAX:
        _fail(DeadLetterClass.OUT_OF_RANGE, fact, "grace_days", f"from 0 to {GRACE_DAYS_MAX}")
    _grace(fact)
    _plan(fact)


def _plan_changed(fact: facts.PlanChanged) -> None:
    _common(fact)
    if fact.plan_version < 1:
        _fail(DeadLetterClass.OUT_OF_RANGE, fact, "plan_version", "1 or more (0 is the charge's own plan)")
    _plan(fact)


def _obligation_adjusted(fact: facts.ObligationAdjusted) -> None:
    _common(fact)
    _not_0(fact, "amount_delta_minor")
    _currency(fact)
    if fact.due_date is not None:
        _day(fact, "due_date")
        if fact.installment_id is not None:
            allowed = "null where due_date is given: it changes an installment, or is one of its own"
            _fail(DeadLetterClass.WRONG_ADJUSTMENT, fact, "installment_id", allowed)
    if fact.kind == "FEE" and fact.installment_id is not None:
        _fail(
            DeadLetterClass.WRONG_ADJUSTMENT,
            fact,
            "installment_id",
            "null of a FEE, which is an installment of its own",
        )
    if fact.amount_delta_minor < 0 and (fact.kind == "FEE" or fact.due_date is not None):
        what = "a FEE" if fact.kind == "FEE" else "an adjustment with a due_date"
        _fail(DeadLetterClass.WRONG_ADJUSTMENT, fact, "amount_delta_minor", f"above 0 of {what}")


def _payout_reported(fact: facts.PayoutReported) -> None:
    _common(fact)
    _not_0(fact, "amount_minor")
    _signed(fact, "other_minor")
    _currency(fact)
    _day(fact, "arrival_date")


def _bank_entry_booked(fact: facts.BankEntryBooked) -> None:
    _common(fact)
    _not_0(fact, "amount_minor")
    _currency(fact)
    _day(fact, "booking_date")
    if fact.value_date is not None:
        _day(fact, "value_date")
    if (fact.processor is None) != (fact.payout_id is None):
        missing = "processor" if fact.processor is None else "payout_id"
        _fail(
            DeadLetterClass.WRONG_ENTRY, fact, missing, "given: an entry names a processor and its payout, or neither"
        )


def _entry_matched(fact: facts.EntryMatched) -> None:
    _common(fact)
    if not fact.actor:
        _fail(DeadLetterClass.EMPTY_ID, fact, "actor", "a text that is not empty")


_NEEDED = {
    "ACCEPT": ("break_class", "drift_minor", "evidence"),
    "APPROVE": ("refers_to",),
    "WITHDRAW": ("refers_to",),
}
"""What the action of a decision needs; the other fields of other actions count for nothing."""


def _break_decided(fact: facts.BreakDecided) -> None:
    _common(fact)
    for field in ("key", "actor", "assignee"):
        if getattr(fact, field) == "":
            _fail(DeadLetterClass.EMPTY_ID, fact, field, "a text that is not empty")
    for field in _NEEDED.get(fact.action, ()):
        if getattr(fact, field) in (None, ""):
            name = "class" if field == "break_class" else field
            raise BadInput(DeadLetterClass.WRONG_DECISION, f"BreakDecided.{name} is missing; {fact.action} needs it")
    if fact.until is not None:
        _instant(fact, "until")
    if fact.key_kind not in KEY_KINDS:
        _fail(DeadLetterClass.WRONG_DECISION, fact, "key_kind", f"one of {', '.join(KEY_KINDS)}")
    if fact.key_kind in TWO_PART_KEYS and not _is_two_part_key(fact.key):
        _fail(DeadLetterClass.WRONG_DECISION, fact, "key", TWO_PART_KEYS[fact.key_kind])


def _is_two_part_key(key: str) -> bool:
    """Whether a key is one that `two_part_key` makes: any other names nothing, and its decision would wait for ever."""
    if "/" not in key:
        return False
    first, second = parts_of_key(key)
    return bool(first and second) and two_part_key(first, second) == key


_CHECKS: dict[type, Any] = {
    facts.PaymentInitiated: _payment_initiated,
    facts.PaymentReassigned: _payment_reassigned,
    facts.ReferenceAssigned: _common,
    facts.ProcessorSettled: _processor_settled,
    facts.ObligationCharged: _obligation_charged,
    facts.PlanChanged: _plan_changed,
    facts.ObligationAdjusted: _obligation_adjusted,
    facts.ObligationCancelled: _common,
    facts.ObligationReinstated: _common,
    facts.PaymentPosted: _payment_leg,
    facts.PostingReversed: _payment_leg,
    facts.PayoutReported: _payout_reported,
    facts.BankEntryBooked: _bank_entry_booked,
    facts.EntryMatched: _entry_matched,
    facts.BreakDecided: _break_decided,
}
assert set(_CHECKS) == set(INPUT_TYPES)
