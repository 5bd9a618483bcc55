"""The rules of contract section 2 that go beyond the schema, and limits that protect the service.

Rules of the contract: amounts above 0, 0 or more, or not 0; ids not empty; currencies of ISO 4217; IANA time zones;
periods YYYY-MM; installment ids unique in a plan; grace_days 0 or more; plan_version 1 or more.

An id is opaque: only the empty string is empty, and blanks are part of it. `processor` and `processor_reference` are
ids here, since they name the attempt.

Our limits, far above any rent; a record beyond one is a dead letter: ids and codes up to 512 bytes of UTF-8, other
texts up to 8,192; amounts up to 10**13 minor units either way, so that hundreds of thousands of them still add up
within Avro's 64 bits; up to 10,000 installments in a plan; grace_days up to 3,650; instants and days in the years 2 to
9988, so that each deadline counted from them is still within the calendar, in every zone.
"""

import re
import zoneinfo
from datetime import date
from typing import Any

from domain import facts
from domain.currencies import EXPONENTS
from domain.facts import Installment
from domain.time import DAY, EPOCH_ORDINAL
from streams.codec.avro_schemas import INPUT_TYPES
from streams.codec.dead_letters import BadInput, DeadLetterClass, quoted

ID_BYTES_MAX = 512
TEXT_BYTES_MAX = 8_192
AMOUNT_MAX = 10**13
INSTALLMENTS_MAX = 10_000
GRACE_DAYS_MAX = 3_650
DAY_MIN = date(2, 1, 1).toordinal() - EPOCH_ORDINAL
DAY_MAX = date(9988, 12, 31).toordinal() - EPOCH_ORDINAL
INSTANT_MIN = DAY_MIN * DAY
INSTANT_MAX = (DAY_MAX + 1) * DAY - 1

TIME_ZONES: frozenset[str] = frozenset(zoneinfo.available_timezones()) - {"localtime", "posixrules", "Factory"}
"""Names of the IANA database, without those that depend on the host's configuration."""

PERIOD = re.compile(r"(?!0000)[0-9]{4}-(?:0[1-9]|1[0-2])")

_TEXTS = frozenset({"reason"})

_ATTEMPT = frozenset({"processor", "processor_reference"})


def is_id(field: str) -> bool:
    """Whether a field is an id, which must not be empty."""
    return field.endswith("_id") or field in _ATTEMPT


def check(fact: Any) -> None:
    """Check a decoded input record (a Struct of `domain.facts`) against every rule.

    Raises:
        BadInput: the first broken rule, with the value found and the values allowed.

    """
    _CHECKS[type(fact)](fact)


def _fail(error_class: DeadLetterClass, fact: Any, field: str, allowed: str) -> None:
    value = getattr(fact, field)
    raise BadInput(error_class, f"{type(fact).__name__}.{field} is {quoted(value)}; it must be {allowed}")


def _texts(fact: Any) -> None:
    """Ids, codes and other texts: ids are not empty, and none is too long."""
    for field in fact.__struct_fields__:
        value = getattr(fact, field)
        if type(value) is not str:
            continue
        if not value and is_id(field):
            _fail(DeadLetterClass.EMPTY_ID, fact, field, "a text that is not empty")
        limit = TEXT_BYTES_MAX if field in _TEXTS else ID_BYTES_MAX
        if len(value) > limit // 4 and len(value.encode()) > limit:
            _fail(DeadLetterClass.TOO_LARGE, fact, field, f"at most {limit} bytes of UTF-8")


def _common(fact: Any) -> None:
    _texts(fact)
    if not INSTANT_MIN <= fact.occurred_at <= INSTANT_MAX:
        _fail(DeadLetterClass.OUT_OF_RANGE, fact, "occurred_at", "microseconds since 1970 in the years 2 to 9988")


def _amount(fact: Any, field: str, least: int) -> None:
    value = getattr(fact, field)
    if value < least:
        _fail(DeadLetterClass.WRONG_AMOUNT, fact, field, "above 0" if least else "0 or more")
    if value > AMOUNT_MAX:
        _fail(DeadLetterClass.TOO_LARGE, fact, field, f"at most {AMOUNT_MAX} minor units")


def _signed(fact: Any, field: str) -> None:
    if abs(getattr(fact, field)) > AMOUNT_MAX:
        _fail(DeadLetterClass.TOO_LARGE, fact, field, f"at most {AMOUNT_MAX} minor units either way")


def _currency(fact: Any) -> None:
    if fact.currency not in EXPONENTS:
        _fail(DeadLetterClass.UNKNOWN_CURRENCY, fact, "currency", "an upper-case ISO 4217 code, such as USD")


def _day(fact: Any, field: str) -> None:
    if not DAY_MIN <= getattr(fact, field) <= DAY_MAX:
        _fail(DeadLetterClass.OUT_OF_RANGE, fact, field, "days since 1970 in the years 2 to 9988")


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
        if installment.installment_id in seen:
            raise BadInput(
                DeadLetterClass.DUPLICATE_INSTALLMENT,
                f"{name} has two installments {quoted(installment.installment_id)}; ids are unique in a plan",
            )
        seen.add(installment.installment_id)


def _payment_leg(fact: facts.PaymentInitiated | facts.PaymentPosted | facts.PostingReversed) -> None:
    _common(fact)
    _amount(fact, "amount_minor", 1)
    _currency(fact)


def _processor_settled(fact: facts.ProcessorSettled) -> None:
    _common(fact)
    _amount(fact, "gross_minor", 0 if fact.outcome == "FAILED" else 1)
    _amount(fact, "fee_minor", 0)
    _signed(fact, "net_minor")
    _currency(fact)
    if fact.value_date is not None:
        _day(fact, "value_date")


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
    _plan(fact)


def _plan_changed(fact: facts.PlanChanged) -> None:
    _common(fact)
    if fact.plan_version < 1:
        _fail(DeadLetterClass.OUT_OF_RANGE, fact, "plan_version", "1 or more (0 is the charge's own plan)")
    _plan(fact)


def _obligation_adjusted(fact: facts.ObligationAdjusted) -> None:
    _common(fact)
    if fact.amount_delta_minor == 0:
        _fail(DeadLetterClass.WRONG_AMOUNT, fact, "amount_delta_minor", "other than 0")
    _signed(fact, "amount_delta_minor")
    _currency(fact)


_CHECKS: dict[type, Any] = {
    facts.PaymentInitiated: _payment_leg,
    facts.ProcessorSettled: _processor_settled,
    facts.ObligationCharged: _obligation_charged,
    facts.PlanChanged: _plan_changed,
    facts.ObligationAdjusted: _obligation_adjusted,
    facts.ObligationCancelled: _common,
    facts.PaymentPosted: _payment_leg,
    facts.PostingReversed: _payment_leg,
}
assert set(_CHECKS) == set(INPUT_TYPES)
