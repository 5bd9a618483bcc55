"""Batched reads of one request: what a page needs of a kind is one question, whatever the number of its rows.

A loader answers with the objects of the schema. It asks for up to KEYS_MAX keys at once, and for each key once.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, TypeVar

from strawberry import ID
from strawberry.dataloader import DataLoader

from domain.ids import parts_of_key
from domain.records import PayoutReconciliation
from gateway.graphql.ports import LivePort
from gateway.graphql.schema.breaks import Break, break_of
from gateway.graphql.schema.decisions import Decision, decision_of
from gateway.graphql.schema.enums import MatchedBy
from gateway.graphql.schema.money import money
from gateway.graphql.schema.obligations import LateInstallment, Obligation, late_installment_of, obligation_of
from gateway.graphql.schema.payments import Payment, payment_of
from gateway.graphql.schema.payouts import BankEntry, BookedEntry, Payout, booked_entry_of, payout_of
from gateway.graphql.schema.references import Reference, reference_of
from gateway.workers import Answer
from read_model.scoped import ScopedReadModel

KEYS_MAX = 200
"""Keys in one question to the read model."""

Row = TypeVar("Row")
Node = TypeVar("Node")
KeyAndFirst = tuple[str, int]
"""A key, and the most records of it."""
BreakAddress = tuple[str, str, str]
"""The kind of a break's key, the key, and the break's id."""


class Loaders:
    """The loaders of one request.

    Args:
        read: the read model, in the viewer's scope.
        live: the workers' state.

    """

    def __init__(self, read: ScopedReadModel, live: LivePort) -> None:
        self._read = read
        self._live = live
        self.payments: DataLoader[str, Payment | None] = _by_id(read.payments_by_ids, payment_of)
        self.obligations: DataLoader[str, Obligation | None] = _by_id(read.obligations_by_ids, obligation_of)
        self.references: DataLoader[str, Reference | None] = _by_id(read.references_by_keys, reference_of)
        self.payouts: DataLoader[str, Payout | None] = _by_id(read.payouts_by_keys, payout_of)
        self.breaks: DataLoader[str, Break | None] = _by_id(read.breaks_by_ids, break_of)
        self.open_breaks: DataLoader[tuple[str, str], list[Break]] = DataLoader(self._open_breaks, KEYS_MAX)
        self.late_of_obligations: DataLoader[str, list[LateInstallment]] = DataLoader(self._late, KEYS_MAX)
        self.payments_of_obligations: DataLoader[KeyAndFirst, list[Payment]] = _some_of(
            read.payments_of_obligations, payment_of
        )
        self.references_of_payments: DataLoader[KeyAndFirst, list[Reference]] = _some_of(
            read.references_of_payments, reference_of
        )
        self.decisions_of_breaks: DataLoader[KeyAndFirst, list[Decision]] = _some_of(
            read.decisions_of_breaks, decision_of
        )
        self.bank_entries: DataLoader[str, BankEntry | None] = DataLoader(self._bank_entries, KEYS_MAX)
        self.booked_entries: DataLoader[str, BookedEntry | None] = DataLoader(self._booked_entries, KEYS_MAX)
        self.explanations: DataLoader[BreakAddress, Answer[dict[str, Any]]] = DataLoader(self._explanations, KEYS_MAX)

    async def obligations_in_order(self, obligation_ids: Iterable[str]) -> list[Obligation]:
        """Give the obligations that are there, in the order of the ids."""
        found = await self.obligations.load_many(obligation_ids)
        return [each for each in found if each is not None]

    async def _open_breaks(self, keys: list[tuple[str, str]]) -> list[list[Break]]:
        found = await self._read.open_breaks_of_keys(keys)
        return [[break_of(row) for row in found.get(key, ())] for key in keys]

    async def _late(self, obligation_ids: list[str]) -> list[list[LateInstallment]]:
        found = await self._read.late_of_obligations(obligation_ids)
        return [[late_installment_of(each) for each in found.get(key, ())] for key in obligation_ids]

    async def _bank_entries(self, keys: list[str]) -> list[BankEntry | None]:
        """Give the entries of keys that are well formed. The caller has seen that they are in scope."""
        payouts = await self._read.payouts_of_entries(keys)
        return [_bank_entry_of(key, payouts.get(key)) for key in keys]

    async def _booked_entries(self, keys: list[str]) -> list[BookedEntry | None]:
        answers = await asyncio.gather(*(self._live.booking(*parts_of_key(key)) for key in keys))
        return [None if each.value is None else booked_entry_of(each.value) for each in answers]

    async def _explanations(self, addresses: list[BreakAddress]) -> list[Answer[dict[str, Any]]]:
        return await asyncio.gather(*(self._live.explanation(*address) for address in addresses))


def _bank_entry_of(key: str, payout: PayoutReconciliation | None) -> BankEntry | None:
    try:
        account_id, entry_id = parts_of_key(key)
    except ValueError:
        return None
    views = () if payout is None else payout.entries
    view = next((each for each in views if (each.account_id, each.entry_id) == (account_id, entry_id)), None)
    return BankEntry(
        id=ID(key),
        account_id=account_id,
        entry_id=entry_id,
        payout=None if payout is None else payout_of(payout),
        matched_by=None if view is None else MatchedBy(view.matched_by),
        amount=None if view is None or payout is None else money(view.amount_minor, payout.currency),
    )


def _by_id(
    ask: Callable[[list[str]], Awaitable[Mapping[str, Row]]], node: Callable[[Row], Node]
) -> DataLoader[str, Node | None]:
    async def load(keys: list[str]) -> list[Node | None]:
        found = await ask(keys)
        return [node(found[key]) if key in found else None for key in keys]

    return DataLoader(load, KEYS_MAX)


def _some_of(
    ask: Callable[[list[str], int], Awaitable[Mapping[str, list[Row]]]], node: Callable[[Row], Node]
) -> DataLoader[KeyAndFirst, list[Node]]:
    """Give a loader of the first records of keys; those with the same `first` are one question."""

    async def load(wanted: list[KeyAndFirst]) -> list[list[Node]]:
        keys_by_first: dict[int, list[str]] = defaultdict(list)
        for key, first in wanted:
            keys_by_first[first].append(key)
        found = {first: await ask(keys, first) for first, keys in keys_by_first.items()}
        return [[node(row) for row in found[first].get(key, ())] for key, first in wanted]

    return DataLoader(load, KEYS_MAX)
