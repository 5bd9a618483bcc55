"""Payouts, and the bank's entries."""

import base64
import binascii
from typing import TYPE_CHECKING, Annotated

import msgspec
import strawberry
from strawberry import ID

from domain.bank_entries.state import Booking
from domain.ids import two_part_key
from domain.records import PayoutEntryView, PayoutReconciliation
from gateway.graphql.context import Info
from gateway.graphql.errors import bad_argument
from gateway.graphql.pages import checked_first, connection
from gateway.graphql.schema.enums import MatchedBy, PayoutStatus
from gateway.graphql.schema.fields import field
from gateway.graphql.schema.money import Connection, Money, money, money_or_none
from gateway.graphql.schema.scalars import Day, Instant, Version, day
from gateway.workers import PayoutLineItem
from read_model.rows import RowPage

if TYPE_CHECKING:
    from gateway.graphql.schema.breaks import Break


@strawberry.type
class PayoutEntry:
    """A bank entry of a payout."""

    bank_entry_id: ID
    account_id: str
    entry_id: str
    amount: Money
    matched_by: MatchedBy


@strawberry.type
class PayoutLine:
    """A settlement record that names a payout."""

    payment_id: ID | None
    processor_reference: str
    outcome: str
    gross: Money
    fee: Money | None
    net: Money | None
    occurred_at: Instant


@strawberry.type
class PayoutVersion:
    """A version of a payout."""

    version: Version
    rests_on: Instant
    status: PayoutStatus
    amount: Money | None
    lines: int
    lines_total: Money
    other: Money
    deposited: Money
    arrival_date: Day | None
    entries: list[PayoutEntry]
    open_break_ids: list[ID]


@strawberry.type
class Payout:
    """A payout of a processor to a bank account."""

    id: ID = strawberry.field(description="processor/payout_id; `%` and `/` in the processor are percent-encoded.")
    version: Version
    processor: str
    payout_id: str
    status: PayoutStatus
    currency: str
    amount: Money | None = strawberry.field(description="By the report.")
    lines: int
    unknown_lines: int = strawberry.field(description="Lines whose net is not known (yet).")
    lines_total: Money
    other: Money = strawberry.field(description="What in it belongs to no payment.")
    deposited: Money
    remainder: Money | None = strawberry.field(description="Amount less lines and other; null without a report.")
    arrival_date: Day | None
    entries: list[PayoutEntry]

    @field
    async def open_breaks(
        self, info: Info
    ) -> list[Annotated["Break", strawberry.lazy("gateway.graphql.schema.breaks")]]:
        """The open breaks of its key."""
        return await info.context.loaders.open_breaks.load(("payout", self.id))

    @field
    async def line_items(
        self, info: Info, first: int, after: str | None = strawberry.UNSET
    ) -> Connection[PayoutLine] | None:
        """Each line, live from the worker that holds it; null if it does not answer."""
        first = checked_first(first)
        answer = await info.context.live.payout_lines(self.id)
        return None if answer.value is None else connection(_page_of(answer.value, first, after or None), _line_of)

    @field
    async def history(self, info: Info, first: int, after: str | None = strawberry.UNSET) -> Connection[PayoutVersion]:
        """Its versions, the newest first."""
        page = await info.context.read.list_versions(
            PayoutReconciliation, self.id, after=after or None, limit=checked_first(first)
        )
        return connection(page, _version_of)


@strawberry.type
class BookedEntry:
    """A bank entry as the bank booked it."""

    amount: Money
    booking_date: Day
    value_date: Day | None
    reference: str | None
    text: str | None


@strawberry.type
class BankEntry:
    """An entry on a bank account."""

    id: ID = strawberry.field(description="account_id/entry_id; `%` and `/` in the account are percent-encoded.")
    account_id: str
    entry_id: str
    payout: Payout | None
    matched_by: MatchedBy | None
    amount: Money | None = strawberry.field(
        description="Null where it belongs to no payout. In the payout's currency: `booked` has the entry's own."
    )

    @field
    async def booked(self, info: Info) -> BookedEntry | None:
        """Live from the worker that holds it; null if it does not answer."""
        return await info.context.loaders.booked_entries.load(self.id)

    @field
    async def open_breaks(
        self, info: Info
    ) -> list[Annotated["Break", strawberry.lazy("gateway.graphql.schema.breaks")]]:
        """The open breaks of its key."""
        return await info.context.loaders.open_breaks.load(("bank_entry", self.id))


def _page_of(lines: list[PayoutLineItem], first: int, after: str | None) -> RowPage[PayoutLineItem]:
    """Give a page of lines. A cursor is the reference and the name of a line, which are its identity."""
    try:
        place = None if after is None else msgspec.json.decode(base64.urlsafe_b64decode(after), type=tuple[str, str])
    except (ValueError, binascii.Error):
        raise bad_argument("`after` is no cursor of lines; take `endCursor` of a page of them") from None
    left = [each for each in lines if place is None or (each.processor_reference, each.name) > place]
    shown = left[:first]
    cursors = [
        base64.urlsafe_b64encode(msgspec.json.encode((each.processor_reference, each.name))).decode() for each in shown
    ]
    return RowPage(shown, cursors, len(left) > first)


def _line_of(found: PayoutLineItem) -> PayoutLine:
    line = found.line
    currency = line.settlement_currency or line.currency
    return PayoutLine(
        payment_id=None if line.payment_id is None else ID(line.payment_id),
        processor_reference=found.processor_reference,
        outcome=found.name.partition("/")[0],
        gross=money(line.gross_minor, line.currency),
        fee=money_or_none(line.fee_minor, currency),
        net=money_or_none(line.net_minor, currency),
        occurred_at=Instant(line.occurred_at),
    )


def booked_entry_of(found: Booking) -> BookedEntry:
    """Give the object of an entry as the bank booked it."""
    return BookedEntry(
        amount=money(found.amount_minor, found.currency),
        booking_date=Day(found.booking_date),
        value_date=day(found.value_date),
        reference=found.reference,
        text=found.text,
    )


def payout_of(found: PayoutReconciliation) -> Payout:
    """Give the object of a payout."""
    currency = found.currency
    remainder = None if found.amount_minor is None else found.amount_minor - found.lines_minor - found.other_minor
    return Payout(
        id=ID(found.payout_key),
        version=Version(found.version),
        processor=found.processor,
        payout_id=found.payout_id,
        status=PayoutStatus(found.status),
        currency=currency,
        amount=money_or_none(found.amount_minor, currency),
        lines=found.lines,
        unknown_lines=found.unknown_lines,
        lines_total=money(found.lines_minor, currency),
        other=money(found.other_minor, currency),
        deposited=money(found.deposited_minor, currency),
        remainder=money_or_none(remainder, currency),
        arrival_date=day(found.arrival_date),
        entries=[_entry_of(each, currency) for each in found.entries],
    )


def _version_of(found: PayoutReconciliation) -> PayoutVersion:
    currency = found.currency
    return PayoutVersion(
        version=Version(found.version),
        rests_on=Instant(found.rests_on),
        status=PayoutStatus(found.status),
        amount=money_or_none(found.amount_minor, currency),
        lines=found.lines,
        lines_total=money(found.lines_minor, currency),
        other=money(found.other_minor, currency),
        deposited=money(found.deposited_minor, currency),
        arrival_date=day(found.arrival_date),
        entries=[_entry_of(each, currency) for each in found.entries],
        open_break_ids=[ID(each) for each in found.open_breaks],
    )


def _entry_of(found: PayoutEntryView, currency: str) -> PayoutEntry:
    return PayoutEntry(
        bank_entry_id=ID(two_part_key(found.account_id, found.entry_id)),
        account_id=found.account_id,
        entry_id=found.entry_id,
        amount=money(found.amount_minor, currency),
        matched_by=MatchedBy(found.matched_by),
    )
