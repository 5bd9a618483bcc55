"""Breaks from a worker's HTTP API."""

import json
import urllib.error
import urllib.request
from typing import Any, NoReturn
from urllib.parse import quote, urlencode, urlsplit

from domain.commands.proposals import Proposal
from domain.policy import Policy
from domain.records import BreakClass
from ops.breaks.alerts import payment_sought
from ops.breaks.from_alerts import of_missing_deposits, of_missing_settlements
from ops.breaks.source import BreakFilter, Json, Page
from ops.console import fail, misuse
from streams.settings import Settings

ANSWER_SECONDS_MAX = 15.0
FIRST_ANSWER_SECONDS_MAX = 2.0
"""How long to wait for an API that may not be there."""
HISTORY_MAX = 500
PAGE_ITEMS_MAX = 500
PAGES_MAX = 20
"""Of missing settlements or bank entries, when it is looked for what money in suspense may be of."""
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""The wildcard addresses that a server may listen on, and where this machine reaches it."""


class ApiRefused(Exception):
    """The API does not answer, or refuses; the message says why."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status
        """The HTTP status; None where nothing answered."""


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the token is for the given address only."""

    def redirect_request(self, *_: Any) -> None:
        """Follow no redirect."""
        return


class ApiSource:
    """Breaks from `/v1/exceptions…`."""

    none_proposed = "no payment of that amount is overdue; --from-topics also looks for those that are still in time"

    def __init__(self, url: str, token: str | None, policy: Policy) -> None:
        """`url` is the server's root, such as `http://127.0.0.1:6066`."""
        self._policy = policy
        self._url = url.rstrip("/")
        self._headers = {"Accept": "application/json"}
        if token is not None:
            self._headers["Authorization"] = f"Bearer {token}"
        # No proxy either: an operator's environment must not send the token elsewhere.
        self._opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))

    def unavailable_reason(self) -> str | None:
        """Request one break; None if the API answers, else why it does not."""
        try:
            self._get("/v1/exceptions", {"limit": "1"}, seconds=FIRST_ANSWER_SECONDS_MAX)
        except ApiRefused as error:
            return str(error)
        return None

    def page(self, filters: BreakFilter) -> Page:
        """List breaks, one page of them."""
        query = {
            "state": filters.state,
            "class": filters.break_class,
            "priority": filters.priority,
            "currency": filters.currency,
            "key": filters.key,
            "decision": filters.decision,
            "assignee": filters.assignee,
            "limit": filters.limit,
            "after": filters.after,
        }
        found = self.get("/v1/exceptions", {name: str(value) for name, value in query.items() if value is not None})
        return Page(found["items"], found["next"])

    def history(self, break_id: str) -> list[Json]:
        """Give the alerts of a break, the oldest first."""
        found = self.get(f"/v1/exceptions/{quote(break_id, safe='')}/history", {"limit": str(HISTORY_MAX)})
        return [] if found is None else list(reversed(found["items"]))

    def explanation(self, break_id: str) -> Json | None:
        """Explain an open break; None where there is no such break, or it is resolved."""
        found: Json | None = self.get(f"/v1/exceptions/{quote(break_id, safe='')}/explanation", {})
        return found

    def decisions(self, alert: Json) -> list[Json]:
        """Give the decisions about a break, the earliest first. Of a resolved one the API has none."""
        path = f"/v1/exceptions/{quote(alert['break_id'], safe='')}/explanation"
        found = self.get(path, {"key_kind": alert["key_kind"], "key": alert["key"]})
        return [] if found is None else list(found.get("decisions", ()))

    def proposals(self, alert: Json) -> list[Proposal]:
        """Give what is missing in that amount, a settlement or a bank entry: the API lists nothing else."""
        if alert["class"] == BreakClass.BANK_ENTRY_UNEXPLAINED:
            return of_missing_deposits(self._all_of_class("deposit_missing", alert["currency"]), alert)
        sought = payment_sought(alert, self._policy)
        return of_missing_settlements(self._all_of_class("settlement_missing", sought.currency), sought)

    def _all_of_class(self, break_class: str, currency: str) -> list[Json]:
        found: list[Json] = []
        after: str | None = None
        for _ in range(PAGES_MAX):
            filters = BreakFilter(break_class=break_class, currency=currency, limit=PAGE_ITEMS_MAX, after=after)
            page = self.page(filters)
            found += page.items
            after = page.next
            if after is None:
                break
        return found

    def get(self, path: str, query: dict[str, str]) -> Any:
        """Request a path; None for 404. Any other refusal ends the command."""
        try:
            return self._get(path, query)
        except ApiRefused as error:
            if error.status == 404 and path != "/v1/exceptions":
                return None
            if error.status == 400:
                misuse(str(error))
            fail(f"{error}. `--from-topics` reads from the broker instead.")

    def _get(self, path: str, query: dict[str, str], seconds: float = ANSWER_SECONDS_MAX) -> Any:
        url = f"{self._url}{path}" + (f"?{urlencode(query)}" if query else "")
        try:
            with self._opener.open(urllib.request.Request(url, headers=self._headers), timeout=seconds) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            self._raise_refusal(error)
        except (urllib.error.URLError, OSError) as error:
            why = getattr(error, "reason", error)
            raise ApiRefused(f"no API answers at {self._url}: {why}") from None
        except ValueError:
            raise ApiRefused(f"the server at {self._url} is not rentmatch's API: its answer is not JSON") from None

    def _raise_refusal(self, error: urllib.error.HTTPError) -> NoReturn:
        if error.code == 401:
            raise ApiRefused(f"{self._url} requires a token: set RENTMATCH_HTTP_TOKEN to one that it accepts", 401)
        try:
            message = json.load(error)["error"]["message"]
        except (ValueError, KeyError, TypeError, OSError):
            message = f"the server has no such page (status {error.code}); is it a rentmatch worker?"
        raise ApiRefused(f"{self._url}: {message}", error.code)


def default_url(settings: Settings) -> str | None:
    """Give the URL at which a worker with these settings serves its API on this machine; None where it serves none."""
    if not settings.http_port:
        return None
    host = ANY_ADDRESS.get(settings.http_host, settings.http_host)
    return f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}"


def checked_url(url: str) -> str:
    """Check the value of --url. Ends the command where it is not the root of a server."""
    try:
        parts = urlsplit(url)
        valid = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
        valid = valid and parts.username is None and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        misuse(f"--url: {url!r} is not the root of a server, as in http://worker-1:6066")
    return url


def token_of(settings: Settings) -> str | None:
    """Give the first token of the settings; a server accepts several while they are being rotated."""
    if settings.http_token is None:
        return None
    return settings.http_token.get_secret_value().split(",")[0].strip() or None
