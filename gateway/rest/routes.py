"""The table of routes. What is served, what is checked and what openapi.json says all come from here."""

import re
from typing import NamedTuple

from gateway.rest import parameters as p
from gateway.rest.parameters import Parameter


class Route(NamedTuple):
    """A question that can be asked with GET (or HEAD)."""

    path: str
    """With the names of its ids in braces."""
    question: str
    """The method of `ReconciliationApi` that answers it, and its operationId."""
    summary: str
    answer: str
    """The schema of the answer, or of an item of the page."""
    parameters: tuple[Parameter, ...] = ()
    page: bool = False
    """Whether the answer is `{"items": […], "next": …}`."""

    @property
    def ids(self) -> tuple[str, ...]:
        """The names of the ids in the path."""
        return tuple(re.findall(r"\{(\w+)\}", self.path))

    @property
    def pattern(self) -> str:
        """The path as aiohttp matches it: an id may hold everything; its slashes come as %2F."""
        return re.sub(r"\{(\w+)\}", r"{\1:[^/]+}", self.path)


_HISTORY = (p.LIMIT, p.AFTER)

ROUTES: tuple[Route, ...] = (
    Route("/v1/payments/{payment_id}", "payment", "A payment as it stands", "Payment", (p.LIVE,)),
    Route(
        "/v1/payments/{payment_id}/history", "payment_history", "The versions of a payment, newest first",
        "PaymentReconciliation", _HISTORY, page=True,
    ),
    Route("/v1/obligations/{obligation_id}", "obligation", "An obligation as it stands", "Obligation", (p.LIVE,)),
    Route(
        "/v1/obligations/{obligation_id}/history", "obligation_history", "The versions of an obligation, newest first",
        "ObligationReconciliation", _HISTORY, page=True,
    ),
    Route(
        "/v1/tenants/{tenant_id}/obligations", "tenant_obligations", "A tenant's obligations, by obligation_id",
        "ObligationReconciliation", (p.PROPERTY, p.PERIOD, p.STATUS, p.LIMIT, p.AFTER), page=True,
    ),
    Route(
        "/v1/properties/{property_id}/obligations", "property_obligations",
        "A property's obligations, by obligation_id",
        "ObligationReconciliation", (p.TENANT, p.PERIOD, p.STATUS, p.LIMIT, p.AFTER), page=True,
    ),
    Route(
        "/v1/properties/{property_id}/ageing", "ageing", "What a property is owed, by currency and age",
        "AgeingRow", page=True,
    ),
    Route(
        "/v1/exceptions", "exceptions", "Breaks, the most pressing and oldest first",
        "MismatchAlert",
        (p.STATE, p.BREAK_CLASS, p.PRIORITY, p.CURRENCY, p.KEY_KIND, p.KEY, p.PROPERTY, p.TENANT, p.LIMIT, p.AFTER),
        page=True,
    ),
    Route("/v1/exceptions/{break_id}", "exception", "A break, open or resolved", "MismatchAlert"),
    Route(
        "/v1/exceptions/{break_id}/history", "exception_history", "The versions of a break, newest first",
        "MismatchAlert", _HISTORY, page=True,
    ),
    Route(
        "/v1/exceptions/{break_id}/explanation", "explanation",
        "What is behind an open break, from the live state of its key; `key_kind` and `key`, which every alert of the "
        "break tells, make it an answer without the read model",
        "Explanation", (p.KEY_KIND, p.KEY),
    ),
    Route(
        "/v1/late-alerts", "late_alerts", "Late installments, the longest due first",
        "LatePaymentAlert", (p.LATE_STATE, p.PROPERTY, p.TENANT, p.STAGE, p.LIMIT, p.AFTER), page=True,
    ),
    Route("/v1/late-alerts/{alert_id}", "late_alert", "A late installment, live or ended", "LatePaymentAlert"),
    Route("/v1/openapi.json", "openapi", "This description", "OpenApi"),
)  # fmt: skip
