"""What money in suspense may be of, by the breaks that an API lists: what is missing in that amount."""

from collections.abc import Iterable

from domain.commands.candidates import SHOWN_MAX
from domain.commands.proposals import PaymentSought, Proposal
from domain.formatting import amount_text
from ops.breaks.source import Json


def of_missing_settlements(alerts: Iterable[Json], sought: PaymentSought) -> list[Proposal]:
    """Give the payments of that amount whose settlement is missing, by their breaks; the latest deadline first."""
    matching = [
        alert
        for alert in alerts
        if alert["class"] == "settlement_missing"
        and (alert["expected_minor"], alert["currency"]) == (sought.amount_minor, sought.currency)
    ]
    matching.sort(key=lambda alert: (alert["due_at"] or "", alert["key"]), reverse=True)
    amount = amount_text(sought.amount_minor, sought.currency)
    return [
        Proposal(
            "payment",
            alert["key"],
            (f"{amount}, whose settlement is missing since {alert['due_at']}",),
            ("its processor is not known here; --from-topics also knows that, and payments that are still in time",),
        )
        for alert in matching[:SHOWN_MAX]
    ]


def of_missing_deposits(alerts: Iterable[Json], entry_alert: Json) -> list[Proposal]:
    """Give the payouts that fit an entry as its break names them, and those of its amount that are missing.

    Args:
        alerts: breaks of the class deposit_missing.
        entry_alert: the break of the entry.

    """
    amount = amount_text(entry_alert["actual_minor"], entry_alert["currency"])
    found = {
        key: Proposal("payout", key, (f"{amount}, on that account and at that time",))
        for key in entry_alert.get("candidates", ())
    }
    matching = [
        alert
        for alert in alerts
        if (alert["expected_minor"], alert["currency"]) == (entry_alert["actual_minor"], entry_alert["currency"])
    ]
    for alert in sorted(matching, key=lambda alert: (alert["due_at"] or "", alert["key"]), reverse=True):
        found.setdefault(
            alert["key"],
            Proposal(
                "payout",
                alert["key"],
                (f"{amount}, whose bank entry is missing since {alert['due_at']}",),
                ("its account and the texts are not known here; --from-topics also knows those",),
            ),
        )
    return list(found.values())[:SHOWN_MAX]
