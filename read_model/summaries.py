"""Makes the marked summaries again, each from the documents of its group.

A summary is never counted up or down: it is the sum over the documents as they were read, so nothing that happens to a
process can make it wrong, only late. It is stored if no other one was stored since, and stays marked if a mark was made
since: the documents may have changed after they were read.
"""

import random
import time
from collections.abc import Callable
from typing import Any

import msgspec

from domain.time import DAY, Micros
from read_model.cells import (
    BREAK_FIELDS,
    FLOW_DAYS,
    LATE_FIELDS,
    OBLIGATION_FIELDS,
    OBLIGATIONS_OPEN,
    PAYOUT_FIELDS,
    break_summary,
    late_cells,
    obligation_cells,
    payout_cells,
)
from read_model.documents import STANDING, Kind
from read_model.marks import UNMARKED
from read_model.mongo import Document, Mongo
from read_model.writer import LIVE, Collections

MARKED_MAX = 1_000
"""Summaries that are made in one go."""
WORK_SHARE = 0.1
"""The share of time in which one summary is made: a large one under a constant stream of changes is made less often."""
REST_MAX_S = 10.0
"""The longest time between two makings of a summary that stays marked, besides the making."""

_encode = msgspec.json.encode


class SummaryKeeper:
    """Makes marked summaries. Several keepers may work at the same time.

    Args:
        mongo: the database.
        clock: microseconds since 1970.
        collections: the collections; the live ones, or those that a rebuild fills.
        monotonic: seconds since any instant; measures how long a summary takes.

    """

    def __init__(
        self,
        mongo: Mongo,
        clock: Callable[[], Micros],
        collections: Collections = LIVE,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mongo = mongo
        self._clock = clock
        self._collections = collections
        self._monotonic = monotonic
        self._rests_until: dict[str, float] = {}
        """By summary, the instant before which it is not made again."""

    async def make_marked(self, *, rest: bool = True) -> tuple[int, int]:
        """Make the summaries that are marked.

        Args:
            rest: leave out those that took long to make, for a while.

        Returns:
            How many were made, and how many are still marked.

        Raises:
            MongoUnavailable: some were not made; retry.

        """
        where = {"mark": {"$gt": UNMARKED}}
        fields = ("_id", "kind", "of", "mark", "revision")
        marked = await self._mongo.find(self._collections.summaries, where, fields=fields, limit=MARKED_MAX)
        random.shuffle(marked)  # so that two keepers do not make the same ones
        made = left = 0
        for summary in marked:
            if rest and self._rests_until.get(summary["_id"], 0.0) > self._monotonic():
                left += 1
                continue
            began = self._monotonic()
            if await self._make(summary):
                made += 1
            else:
                left += 1
            ended = self._monotonic()
            self._rests_until[summary["_id"]] = ended + min((ended - began) * (1 / WORK_SHARE - 1), REST_MAX_S)
        self._forget_rested()
        return made, left

    async def _make(self, summary: Document) -> bool:
        """Make one summary. Whether it is no longer marked."""
        now = self._clock()
        cells = _encode(await self._cells(summary["kind"], summary["of"], now)).decode()
        revision = summary.get("revision")
        fields: Document = {"cells": cells, "made_at": now, "revision": (revision or 0) + 1}
        same = {"_id": summary["_id"], "revision": revision}
        collection = self._collections.summaries
        if await self._mongo.update(collection, {**same, "mark": summary["mark"]}, {**fields, "mark": UNMARKED}):
            return True
        # Marked again meanwhile: what was read is newer than what is stored, and not new enough.
        await self._mongo.update(collection, same, fields)
        return False

    async def _cells(self, kind: str, of: str, now: Micros) -> Any:
        match kind:
            case "breaks":
                since = (now // DAY - FLOW_DAYS) * DAY
                found: dict[str, Document] = {}
                for where in ({"groups": of, "open": True}, {"groups": of, "moved_at": {"$gte": since}}):
                    for document in await self._find("breaks", where, BREAK_FIELDS):
                        found[document["_id"]] = document
                return break_summary(of, found.values(), now)
            case "obligations":
                return obligation_cells(
                    await self._find("obligations", {"property_id": of, **OBLIGATIONS_OPEN}, OBLIGATION_FIELDS)
                )
            case "alerts":
                return late_cells(await self._find("alerts", {"property_id": of, "live": True}, LATE_FIELDS))
            case "payouts":
                return payout_cells(await self._find("payouts", {"processor": of}, PAYOUT_FIELDS))
        raise AssertionError(f"no summaries of {kind}")

    async def _find(self, kind: Kind, where: Document, fields: tuple[str, ...]) -> list[Document]:
        return await self._mongo.find(self._collections.current(kind), where | STANDING, fields=fields)

    def _forget_rested(self) -> None:
        now = self._monotonic()
        self._rests_until = {key: until for key, until in self._rests_until.items() if until > now}
