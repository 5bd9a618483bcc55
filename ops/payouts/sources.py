"""Where `rentmatch payouts` reads: a worker's HTTP API, or the topics."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from domain.ids import parts_of_key
from domain.payouts.view import PayoutState
from domain.records import PayoutReconciliation
from ops.breaks.from_api import ApiSource
from ops.breaks.from_topics import TopicSource
from ops.console import fail, meter
from ops.payouts.details import Json, details, with_remainder
from streams import topics
from streams.broker import reading
from streams.codec.codec import codec_of
from streams.codec.dead_letters import BadInput
from streams.codec.json_form import output_to_json
from streams.settings import Settings


@dataclass(frozen=True, slots=True)
class PayoutFilter:
    """Which payouts to list; a field of None lets all through."""

    status: str | None = None
    processor: str | None = None
    currency: str | None = None
    account: str | None = None
    """Only those with an entry on this bank account."""
    limit: int = 50
    after: str | None = None
    """The `next` of the page before."""


class PayoutSource(Protocol):
    """Gives payouts in JSON, with the remainder. Raises `Failure` where it cannot."""

    def page(self, filters: PayoutFilter) -> tuple[list[Json], str | None]:
        """List payouts by processor and payout_id; and where the next page begins, None on the last."""

    def details(self, key: str) -> Json | None:
        """Give one with its lines, `line_items`; None in their place where the source does not know them."""


class ApiPayouts:
    """Payouts from `/v1/payouts…`, which has their sums, and not their lines."""

    def __init__(self, api: ApiSource) -> None:
        self._api = api

    def page(self, filters: PayoutFilter) -> tuple[list[Json], str | None]:
        """List payouts."""
        query = {
            "status": filters.status,
            "processor": filters.processor,
            "currency": filters.currency,
            "account": filters.account,
            "limit": str(filters.limit),
            "after": filters.after,
        }
        found = self._api.get("/v1/payouts", {name: value for name, value in query.items() if value is not None})
        if found is None:
            fail("this API does not know payouts; `--from-topics` reads from the broker instead")
        return [with_remainder(record) for record in found["items"]], found["next"]

    def details(self, key: str) -> Json | None:
        """Give the sums of one."""
        processor, payout_id = parts_of_key(key)
        record = self._api.get(f"/v1/payouts/{quote(processor, safe='')}/{quote(payout_id, safe='')}", {})
        if record is None:
            return None
        return with_remainder(record) | {"type": "Payout", "line_items": None, "reports": None, "breaks": None}


class TopicPayouts:
    """Payouts from `payout-reconciliations`, read from its beginning, and from the changelog of their table."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def page(self, filters: PayoutFilter) -> tuple[list[Json], str | None]:
        """List payouts."""
        codec = codec_of(self._settings)
        last: dict[str, PayoutReconciliation] = {}
        with meter("reading payouts") as progress:
            for record in reading.records(self._settings, topics.PAYOUT_RECONCILIATIONS):
                progress.step()
                if record.value is None:
                    last.pop((record.key or b"").decode("utf-8", "replace"), None)
                    continue
                try:
                    payout = codec.decode_output(record.value)
                except BadInput as error:
                    fail(f"{record.name} {record.partition}:{record.offset} cannot be decoded: {error.message}")
                if isinstance(payout, PayoutReconciliation):
                    last[payout.payout_key] = payout
        matching = sorted(key for key, payout in last.items() if _matches(payout, filters))
        if filters.after is not None:
            matching = [key for key in matching if key > filters.after]
        shown = matching[: filters.limit]
        cursor = shown[-1] if len(matching) > len(shown) else None
        return [with_remainder(output_to_json(last[key])) for key in shown], cursor

    def details(self, key: str) -> Json | None:
        """Give one as workers have committed it."""
        state, published = TopicSource(self._settings).stored_of(PayoutState, key)
        return None if state is None else details(state, published, self._settings.policy)


def _matches(payout: PayoutReconciliation, filters: PayoutFilter) -> bool:
    return (
        filters.status in (None, payout.status)
        and filters.processor in (None, payout.processor)
        and filters.currency in (None, payout.currency)
        and (filters.account is None or any(one.account_id == filters.account for one in payout.entries))
    )
