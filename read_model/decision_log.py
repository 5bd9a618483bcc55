"""What people decided about breaks, as a reader in a scope sees it."""

from collections import defaultdict
from collections.abc import Collection, Iterable

from domain.decisions import Decisions, apply_decision, counting_decisions
from domain.facts import BreakDecided
from domain.records import DecisionState
from read_model import orders
from read_model.decisions import DECISIONS
from read_model.documents import decision_of
from read_model.mongo import Document
from read_model.reader import ScopedReader, chunks
from read_model.rows import DecisionRow, RowPage
from read_model.selections import DecisionSelection

WAITING_MAX = 1_000
"""Breaks that wait for an approval, of which a page shows the requests."""


class ScopedDecisions(ScopedReader):
    """The decisions about breaks of a scope."""

    async def list_decisions(
        self, only: DecisionSelection, *, after: str | None = None, limit: int
    ) -> RowPage[DecisionRow]:
        """Decisions, the latest first."""
        where = only.where()
        if only.waiting_for is not None:
            waiting = await self._waiting_for(only)
            if waiting is None:
                return RowPage([], [], False)
            where |= waiting
        page = await self._page(DECISIONS, where, orders.DECISIONS, after, limit, lambda document: document)
        return RowPage(await self._rows(page.rows), page.cursors, page.has_next)

    async def decisions_of_breaks(self, break_ids: Collection[str], first: int) -> dict[str, list[DecisionRow]]:
        """The latest decisions about each break, the latest first."""
        found: dict[str, list[Document]] = {key: [] for key in break_ids}
        for chunk in chunks(break_ids):
            for document in await self._find(DECISIONS, {"break_id": {"$in": chunk}}, order=orders.DECISIONS):
                if len(found[document["break_id"]]) < first:
                    found[document["break_id"]].append(document)
        shown = [document for some in found.values() for document in some]
        rows = dict(zip([document["_id"] for document in shown], await self._rows(shown), strict=True))
        return {key: [rows[document["_id"]] for document in some] for key, some in found.items()}

    async def _waiting_for(self, only: DecisionSelection) -> Document | None:
        """Matches the requests of others of breaks whose acceptance is requested; None where there is none."""
        where = {"decision.state": DecisionState.ACCEPT_REQUESTED.value, "open": True}
        if only.break_id is not None:
            where["break_id"] = only.break_id
        waiting = await self._find("breaks", where, order=orders.BREAK_ORDERS["pressing"], limit=WAITING_MAX)
        asked = {
            one["break_id"]: one["decision"]["at"] for one in waiting if one["decision"]["actor"] != only.waiting_for
        }
        if not asked or only.actor == only.waiting_for or only.action not in (None, "ACCEPT"):
            return None
        return {
            "action": "ACCEPT",
            "break_id": {"$in": sorted(asked)},
            "occurred_at": {"$in": sorted(set(asked.values()))},
            "actor": only.actor or {"$ne": only.waiting_for},
        }

    async def _rows(self, documents: Iterable[Document]) -> list[DecisionRow]:
        """Rows, with whether each is withdrawn: all decisions of its key say that."""
        documents = list(documents)
        decisions = [decision_of(document) for document in documents]
        withdrawn = await self._withdrawn({(one.key_kind, one.key) for one in decisions})
        return [
            DecisionRow(
                decision=decision,
                withdrawn=(decision.key_kind, decision.key, decision.decision_id) in withdrawn,
                property_ids=tuple(document.get("property_ids", ())),
            )
            for decision, document in zip(decisions, documents, strict=True)
        ]

    async def _withdrawn(self, keys: set[tuple[str, str]]) -> set[tuple[str, str, str]]:
        of_keys: dict[tuple[str, str], Decisions] = defaultdict(dict)
        for chunk in chunks([key for _, key in keys]):
            for document in await self._find(DECISIONS, {"key": {"$in": chunk}}):
                decision: BreakDecided = decision_of(document)
                if (place := (decision.key_kind, decision.key)) in keys:
                    apply_decision(of_keys[place], decision)
        return {
            (*place, decision_id)
            for place, decisions in of_keys.items()
            for decision_id in decisions.keys() - {counting for counting, _ in counting_decisions(decisions)}
        }
