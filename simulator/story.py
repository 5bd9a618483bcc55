"""Tells a break or a late alert in one sentence that a person understands: what was expected, what came, what helps."""

from datetime import UTC, datetime, timedelta
from typing import Any

from domain.time import SECOND
from simulator.truth_facts import Row

# Currencies of ISO 4217 whose minor unit is not a hundredth.
DECIMALS = {"JPY": 0, "KRW": 0, "VND": 0, "CLP": 0, "ISK": 0, "PYG": 0, "UGX": 0, "XAF": 0, "XOF": 0, "XPF": 0} | {
    "BHD": 3,
    "IQD": 3,
    "JOD": 3,
    "KWD": 3,
    "LYD": 3,
    "OMR": 3,
    "TND": 3,
}
STAGES = {
    "past_due": "its due day is over",
    "fee_eligible": "its days of grace are over, a late fee may be charged",
    "days_30": "it is more than 30 days late",
    "days_60": "it is more than 60 days late",
    "days_90": "it is more than 90 days late",
}


def money(amount_minor: int, currency: str) -> str:
    """Return an amount as people write it: `USD 1,700.00`."""
    decimals = DECIMALS.get(currency, 2)
    whole, part = divmod(abs(amount_minor), 10**decimals)
    text = f"{whole:,}" + (f".{part:0{decimals}d}" if decimals else "")
    return f"{currency} {'-' if amount_minor < 0 else ''}{text}"


def when(instant: Any) -> str:
    """Return an instant (microseconds, or ISO text as the command line prints it) to the minute, UTC."""
    if isinstance(instant, int):
        # Whole seconds and the epoch, not a float timestamp: an instant stays exact.
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=instant // SECOND)
    else:
        moment = datetime.fromisoformat(str(instant)).astimezone(UTC)
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def tell_break(alert: Row, payment: Row | None = None, tenant_id: str | None = None) -> str:
    """Return a sentence about a mismatch alert.

    `payment`, its payment reconciliation, and `tenant_id` make it more telling where they are known.

    Raises:
        ValueError: the class is not one of contract section 7.

    """
    key, currency, subject = alert["key"], alert["currency"], alert["subject"]
    expected, actual = money(alert["expected_minor"], currency), money(alert["actual_minor"], currency)
    drift = money(abs(alert["drift_minor"]), currency)
    due = f" by {when(alert['due_at'])}" if alert.get("due_at") is not None else ""
    who = f"tenant {tenant_id}" if tenant_id else "the tenant"
    method = (payment or {}).get("initiated") or {}
    how = f" by {str(method['method']).replace('_', ' ').lower()}" if method.get("method") else ""
    about = subject[-1]

    match alert["class"]:
        case "posting_without_settlement":
            return (
                f"Payment {key} is in the ledger without its money: {expected} is posted, no processor told of an "
                f"outcome{due}; an outcome or a reversal of the posting settles it."
            )
        case "duplicate_settlement":
            return (
                f"Payment {key} was collected twice: {who} set up {expected}{how}, two or more attempts brought "
                f"{actual}; {drift} has to be refunded."
            )
        case "over_reversed":
            return (
                f"Payment {key} went back twice: {expected} was collected, {actual} was refunded and charged back; "
                f"{drift} has to be won back from the tenant's bank or the processor."
            )
        case "settlement_amount_mismatch":
            remedy = "refunded" if alert["drift_minor"] > 0 else "collected"
            return (
                f"Payment {key} brought another amount: {who} set up {expected}{how}, {actual} was collected; "
                f"{drift} has to be {remedy}."
            )
        case "settlement_missing":
            return (
                f"Payment {key} is lost on its way: {who} set up {expected}{how}, nobody told of an outcome{due}; "
                "the processor has to say what became of it."
            )
        case "reversed_after_posting":
            return (
                f"Payment {key} is still in the ledger though its money failed or left again: {actual} is posted, "
                f"{expected} stands; {drift} of the posting has to be reversed."
            )
        case "duplicate_posting":
            return (
                f"Payment {key} is in the ledger more than once: {expected} may be posted, {actual} is; postings "
                f"of {drift} have to be reversed."
            )
        case "posting_amount_mismatch":
            remedy = "reversed" if alert["drift_minor"] > 0 else "posted"
            return (
                f"Payment {key} is posted with another amount: {expected} was expected{due}, {actual} is posted; "
                f"{drift} has to be {remedy}."
            )
        case "posting_missing":
            return (
                f"Payment {key} is not in the ledger: {expected} was collected and nothing is posted{due}; it has "
                "to be posted."
            )
        case "currency_mismatch":
            what = {"payment": f"payment {about}", "adjustment": f"adjustment {about}"}.get(subject[0], "a part of it")
            return (
                f"{named(alert)} is kept in {currency}, {what} came in another currency and is not counted; it has "
                f"to be reversed and told again in {currency}."
            )
        case "unkeyed_movement":
            return (
                f"Payment {key} was never set up by anybody: {actual} moved for it{due}, and it pays no rent until "
                "its initiation is told or the money goes back."
            )
        case "obligation_mismatch":
            return (
                f"Payment {key} is posted to another obligation: {who} did not set it up for {about}, where "
                f"{actual} is posted; that posting has to be reversed and made anew."
            )
        case "fee_variance":
            return (
                f"Payment {key} was paid out with the wrong net: {expected} should be left of attempt {about} "
                f"after the fee, the processor says {actual}; the processor has to correct {drift}."
            )
        case "conflicting_fact":
            if subject[0] == "event":
                return (
                    f"{named(alert)} has two records of one event id {about}: both count; their producer must explain."
                )
            record = "/".join(subject[1:])
            return (
                f"{named(alert)} was told twice with different money or routing: of the records {record} the first "
                "holds; their producer has to explain."
            )
        case "obligation_unknown":
            return (
                f"Obligation {key} is not charged: payment {about} brings {actual} for it, and no charge "
                f"came{due}; the charge has to be told or the money goes back."
            )
        case "installment_unknown":
            return (
                f"Payment {about} names an installment that obligation {key} never had: it fills the oldest due "
                "date instead; a plan with that installment settles it."
            )
        case "plan_sum_mismatch":
            return (
                f"The plan of obligation {key} does not add up: {expected} is owed, the installments come to "
                f"{actual}; the last ones carry {drift} until a new plan is told."
            )
        case "overpayment":
            return (
                f"Obligation {key} is paid too much: {expected} is owed, {actual} is paid; {drift} has to be "
                "refunded or credited."
            )
        case other:
            raise ValueError(f"no such class of breaks: {other}")


def named(alert: Row) -> str:
    """Return the key of a break with its kind, to begin a sentence."""
    return f"{str(alert['key_kind']).capitalize()} {alert['key']}"


def tell_late(alert: Row) -> str:
    """Return a sentence about a late-payment alert."""
    currency = alert["currency"]
    short = alert["amount_due_minor"] - alert["paid_minor"] - alert["pending_minor"]
    pending = f" and {money(alert['pending_minor'], currency)} on its way" if alert["pending_minor"] else ""
    return (
        f"Installment {alert['installment_id']} of obligation {alert['obligation_id']} ({alert['period']}) is "
        f"late: tenant {alert['tenant_id']} owed {money(alert['amount_due_minor'], currency)} by "
        f"{when(alert['due_at'])}, {money(alert['paid_minor'], currency)} is paid{pending}, and "
        f"{STAGES[alert['stage']]}; {money(short, currency)} more cures it."
    )
