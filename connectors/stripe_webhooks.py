"""Stripe's webhooks: the signature of a request, and the records of an event.

An event is delivered at least once, in any order, and one change may have two Event objects
(docs.stripe.com/webhooks). So a record's identity and event id follow from the object that changed, never from the
Event. The records agree with those of `stripe-payouts`, which fill in what an event does not know: fee, net, payout.

| event | record |
|---|---|
| `charge.succeeded`, `charge.captured`, once captured | SETTLED of the charge, without fee and net |
| `charge.failed` | FAILED of the charge |
| `refund.*`, `charge.refund.updated` | REFUNDED once it moved money; REFUND_REVERSED once that came back |
| `charge.dispute.*` | one record for each balance transaction of the dispute, with fee and net; an inquiry (`warning_…`) has none. Of an ACH debit RETURNED and RETURN_REVERSED |
| others | none; payouts come from the reports, which alone know what is in them |

Amounts are in Stripe's minor units (connectors/stripe.py).
"""  # noqa: E501

import hmac
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

import msgspec

from connectors.identity import content_id
from connectors.stripe import ACH_METHODS, FORMAT, PROCESSOR, minor_from_api
from domain.facts import Outcome, ProcessorSettled
from domain.time import SECOND, Micros
from streams.codec.dead_letters import BadInput
from streams.codec.validation import check

TOLERANCE_S = 300
"""As Stripe's own libraries have it: how old a signature may be. It bounds replays of a request that was overheard."""

SIGNATURES_MAX = 20


class SignatureRefused(ValueError):
    """A request is not from Stripe, or too old. The message is for the log, not for the sender."""


class EventNotUnderstood(ValueError):
    """A signed event has not the form that its type has; the message says what is missing."""


class StripeEvents(msgspec.Struct, frozen=True, kw_only=True):
    """The options."""

    payment_id_key: str | None = None
    """The key of the metadata that holds our payment id."""
    processor: str = PROCESSOR


def verify(payload: bytes, header: str, secrets: Sequence[bytes], now_s: int, tolerance_s: int = TOLERANCE_S) -> None:
    """Check the header `Stripe-Signature` (docs.stripe.com/webhooks, "Verify webhook signatures manually").

    Args:
        payload: the body, byte for byte.
        header: such as `t=1492774577,v1=5257a8…`; more than one v1 while a secret is rolled.
        secrets: of the endpoint (`whsec_…`); any may fit.
        now_s: seconds since 1970.
        tolerance_s: how far the time of the signature may be from now.

    Raises:
        SignatureRefused: none fits, or it is not of this time.

    """
    pairs = [item.strip().partition("=") for item in header.split(",")[:SIGNATURES_MAX]]
    times = [value for name, _, value in pairs if name == "t"]
    given = [value.encode("utf-8", "replace") for name, _, value in pairs if name == "v1"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) < 13) or not given:
        raise SignatureRefused("the header Stripe-Signature is missing, or has not the form t=…,v1=…")
    signed = times[0].encode() + b"." + payload
    # Every pair is compared, each in constant time: how long it takes says nothing about how much was right.
    fits = False
    for secret in secrets:
        expected = hmac.new(secret, signed, sha256).hexdigest().encode()
        for one in given:
            fits |= hmac.compare_digest(expected, one)
    if not fits:
        raise SignatureRefused("no signature fits the endpoint's secret")
    if abs(now_s - int(times[0])) > tolerance_s:
        raise SignatureRefused(f"the signature is {now_s - int(times[0])} s old; at most {tolerance_s} s are accepted")


def records_of(payload: bytes, options: StripeEvents) -> tuple[str, list[ProcessorSettled]]:
    """The type of an event, and its records, checked against the contract.

    Raises:
        EventNotUnderstood: it is no event, or not of the form of its type.

    """
    try:
        event = msgspec.json.decode(payload)
        kind = _text(event, "type")
        obj = event["data"]["object"]
        created = _instant(event)
        records = [check(record) for record in _records(kind, obj, created, options)]
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EventNotUnderstood(f"it has not the form of an event: {error}") from None
    except (ValueError, BadInput) as error:  # msgspec.DecodeError is a ValueError
        raise EventNotUnderstood(str(error)) from None
    return kind, records


def _records(kind: str, obj: dict[str, Any], created: Micros, options: StripeEvents) -> list[ProcessorSettled]:
    if kind in ("charge.succeeded", "charge.captured"):
        return _settled(obj, options)
    if kind == "charge.failed":
        return [_of_charge(obj, "FAILED", _whole(obj, "amount"), created, options)]
    if kind.startswith("refund.") or kind == "charge.refund.updated":
        return _refunded(obj, created, options)
    if kind.startswith("charge.dispute."):
        return _disputed(obj, options)
    return []


def _settled(charge: dict[str, Any], options: StripeEvents) -> list[ProcessorSettled]:
    """An authorisation alone is no money; what is captured is."""
    captured = _whole(charge, "amount_captured")
    if not charge.get("captured") or captured == 0:
        return []
    # The charge's own time, which is that of its balance transaction in the reports.
    return [_of_charge(charge, "SETTLED", captured, _instant(charge), options)]


def _of_charge(
    charge: dict[str, Any], outcome: Outcome, amount: int, at: Micros, options: StripeEvents
) -> ProcessorSettled:
    currency = _text(charge, "currency").upper()
    reference = _text(charge, "id")
    return ProcessorSettled(
        event_id=content_id(FORMAT, options.processor, "event", reference, outcome),
        occurred_at=at,
        payment_id=_payment_id(charge, options),
        processor=options.processor,
        processor_reference=reference,
        outcome=outcome,
        gross_minor=minor_from_api(amount, currency),
        fee_minor=None,
        net_minor=None,
        currency=currency,
        reason_code=_optional(charge, "failure_code") if outcome == "FAILED" else None,
        payout_id=None,
        value_date=None,
    )


def _refunded(refund: dict[str, Any], created: Micros, options: StripeEvents) -> list[ProcessorSettled]:
    """A refund that is pending has moved money already where it has a balance transaction."""
    status = _text(refund, "status")
    found: list[tuple[Outcome, Micros]] = []
    if status == "succeeded" or refund.get("balance_transaction"):
        found.append(("REFUNDED", _instant(refund)))
    if status in ("failed", "canceled") and refund.get("failure_balance_transaction"):
        found.append(("REFUND_REVERSED", created))
    reference, currency = _text(refund, "id"), _text(refund, "currency").upper()
    return [
        ProcessorSettled(
            event_id=content_id(FORMAT, options.processor, "event", reference, outcome),
            occurred_at=at,
            payment_id=_payment_id(refund, options),
            processor=options.processor,
            processor_reference=reference,
            outcome=outcome,
            gross_minor=minor_from_api(_whole(refund, "amount"), currency),
            fee_minor=None,
            net_minor=None,
            currency=currency,
            reason_code=_optional(refund, "failure_reason") if outcome == "REFUND_REVERSED" else None,
            payout_id=None,
            value_date=None,
            original_reference=_id_of(refund.get("charge")),
        )
        for outcome, at in found
    ]


def _disputed(dispute: dict[str, Any], options: StripeEvents) -> list[ProcessorSettled]:
    """The movements of a dispute. Without any the money stays: an inquiry, or the withdrawal is still to come."""
    details = dispute.get("payment_method_details") or {}
    is_ach = details.get("type") in ACH_METHODS
    charge = _id_of(dispute.get("charge"))
    if is_ach and charge is None:
        raise EventNotUnderstood("a dispute of a bank debit without its charge")
    card = details.get("card") or {}
    reason = _optional(card, "network_reason_code") or _optional(dispute, "reason")
    currency = _text(dispute, "currency").upper()
    records = []
    for movement in dispute.get("balance_transactions") or ():
        amount, of_balance = _whole(movement, "amount", signed=True), _text(movement, "currency").upper()
        transaction = _text(movement, "id")
        if amount == 0:
            continue  # a fee alone is no movement of the payment's money; the reports have it
        taken = amount < 0
        outcome: Outcome = "CHARGEBACK" if taken else "CHARGEBACK_REVERSED"
        if is_ach:
            outcome = "RETURNED" if taken else "RETURN_REVERSED"
        gross = amount if of_balance == currency else _whole(dispute, "amount")
        records.append(
            ProcessorSettled(
                # The report's row of this balance transaction has the same.
                event_id=content_id(FORMAT, options.processor, transaction),
                occurred_at=_instant(movement),
                payment_id=_payment_id(dispute, options),
                processor=options.processor,
                processor_reference=(charge or "") if is_ach else _text(dispute, "id"),
                outcome=outcome,
                gross_minor=minor_from_api(abs(gross), currency),
                fee_minor=minor_from_api(_whole(movement, "fee", signed=True), of_balance),
                net_minor=minor_from_api(_whole(movement, "net", signed=True), of_balance),
                currency=currency,
                reason_code=reason,
                payout_id=None,
                value_date=None,
                original_reference=None if is_ach else charge,
                movement_id=None if is_ach else transaction,
                settlement_currency=None if of_balance == currency else of_balance,
            )
        )
    return records


def _payment_id(obj: dict[str, Any], options: StripeEvents) -> str | None:
    if options.payment_id_key is None:
        return None
    return _optional(obj.get("metadata") or {}, options.payment_id_key)


def _text(obj: dict[str, Any], name: str) -> str:
    value = obj[name]
    if not isinstance(value, str) or not value:
        raise EventNotUnderstood(f"{name} is no text")
    return value


def _optional(obj: dict[str, Any], name: str) -> str | None:
    value = obj.get(name)
    return value if isinstance(value, str) and value else None


def _id_of(value: Any) -> str | None:
    """The id of an object that may be expanded."""
    return _optional(value, "id") if isinstance(value, dict) else value if isinstance(value, str) and value else None


def _whole(obj: dict[str, Any], name: str, *, signed: bool = False) -> int:
    value = obj[name]
    if type(value) is not int or (value < 0 and not signed):
        raise EventNotUnderstood(f"{name} is no whole amount")
    return value


def _instant(obj: dict[str, Any]) -> Micros:
    return _whole(obj, "created") * SECOND
