"""What money in suspense may be of, from the read model and the workers.

The read model finds what fits by its amount. The state of each, from its worker, says what speaks for it and against.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from domain.commands import candidates, deposits
from domain.commands.naming import names
from domain.commands.proposals import PaymentSought, Proposal
from domain.ids import parts_of_key
from domain.policy import Policy
from domain.records import BreakClass, MismatchAlert, PayoutReconciliation
from gateway.workers import Workers
from read_model.rows import PaymentRow
from read_model.scoped import ScopedReadModel
from read_model.selections import BreakSelection, PaymentSelection, PayoutSelection

LOOKED_AT_MAX = 30
"""States that are asked for; those that fit best by the read model."""
LISTED_MAX = 200
PAGES_MAX = 5
"""Of payouts that arrive around the day of an entry."""


class Proposals:
    """Proposes payments for a reference, and payouts for a bank entry. None is applied.

    Args:
        read: the read model, all of it: references and bank entries in suspense are in no scope of properties.
        workers: give the states.
        policy: the deadlines.

    """

    def __init__(self, read: ScopedReadModel, workers: Workers, policy: Policy) -> None:
        self._read = read
        self._workers = workers
        self._policy = policy

    async def of(self, alert: MismatchAlert) -> list[Proposal]:
        """What an unknown reference or an unexplained bank entry may be of, the likeliest first.

        Raises:
            ReadModelUnavailable: the read model does not answer.

        """
        if alert.break_class == BreakClass.REFERENCE_UNKNOWN:
            return await self._payments(alert)
        if alert.break_class == BreakClass.BANK_ENTRY_UNEXPLAINED:
            return await self._payouts(alert)
        return []

    async def _payments(self, alert: MismatchAlert) -> list[Proposal]:
        processor, reference = parts_of_key(alert.key)
        first_at = None if alert.due_at is None else alert.due_at - self._policy.orphan_grace_micros
        sought = PaymentSought(processor, reference, alert.actual_minor, alert.currency, first_at)
        found: list[PaymentRow] = []
        # Without an outcome: on its way, or overdue.
        for status in ("initiated", "exception"):
            only = PaymentSelection(
                status=status, currency=sought.currency, min_minor=sought.amount_minor, max_minor=sought.amount_minor
            )
            found += (await self._read.list_payments(only, limit=LISTED_MAX)).rows
        # Many rents have the same amount: those that the reference names come first, then the latest.
        found.sort(key=lambda row: (not _is_named(row, reference), -row.payment.rests_on))
        states = await self._states("payment", [row.payment.payment_id for row in found])
        return candidates.of_payments(states, sought, self._policy)

    async def _payouts(self, alert: MismatchAlert) -> list[Proposal]:
        account_id, entry_id = parts_of_key(alert.key)
        booking = (await self._workers.booking(account_id, entry_id)).value
        if booking is None:
            return []
        found = dict.fromkeys(alert.candidates)
        missing = BreakSelection(
            classes=("deposit_missing",), currency=booking.currency, min_gross_minor=abs(booking.amount_minor)
        )
        for row in (await self._read.list_breaks(missing, limit=LISTED_MAX)).rows:
            if row.alert.expected_minor == booking.amount_minor:
                found.setdefault(row.alert.key)
        near = PayoutSelection(
            currency=booking.currency,
            arrival_from=booking.booking_date - deposits.DAYS_AFTER,
            arrival_before=booking.booking_date + deposits.DAYS_BEFORE + 1,
        )
        async for payout in self._all_payouts(near):
            left = (payout.amount_minor or payout.lines_minor) - payout.deposited_minor
            is_named = any(names(text, payout.payout_id) for text in (booking.reference, booking.text))
            if is_named or left == booking.amount_minor:
                found.setdefault(payout.payout_key)
        return deposits.of_payouts(await self._states("payout", list(found)), account_id, booking)

    async def _all_payouts(self, only: PayoutSelection) -> AsyncIterator[PayoutReconciliation]:
        after = None
        for _ in range(PAGES_MAX):
            page = await self._read.list_payouts(only, after=after, limit=LISTED_MAX)
            for payout in page.rows:
                yield payout
            if not page.has_next:
                return
            after = page.cursors[-1]

    async def _states(self, kind: str, keys: list[str]) -> list[Any]:
        answers = await asyncio.gather(*(self._workers.state(kind, key) for key in keys[:LOOKED_AT_MAX]))
        return [answer.value.state for answer in answers if answer.value is not None]


def _is_named(row: PaymentRow, reference: str) -> bool:
    ids = [row.payment.payment_id, *row.tenant_ids, *(one.obligation_id for one in row.payment.allocations)]
    return any(names(reference, each) for each in ids)
