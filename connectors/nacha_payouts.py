"""What a bank books for ACH files: one amount for each entry, batch or file, as a payout (contract section 11)."""

from typing import Literal, NamedTuple

from connectors.identity import content_id
from domain.calendar import banking_calendar, start_of_day
from domain.facts import PayoutReported
from domain.time import Day, iso_date
from streams.codec.validation import check

PayoutBy = Literal["entry", "batch", "file"]


class AchLine(NamedTuple):
    """A settlement record, and what its money is booked with."""

    booked_by: PayoutBy
    batch: str
    """The number of the batch."""
    trace: str
    movement: str
    day: Day
    net_minor: int

    def payout_id(self, file_id: str) -> str:
        """The id of the payout that it is a line of.

        Args:
            file_id: identifies the file among all, also when it is sent again.

        """
        if self.booked_by == "entry":
            return "-".join(part for part in (self.trace, self.movement) if part)
        return f"{file_id}-{self.batch}" if self.booked_by == "batch" else f"{file_id}-{iso_date(self.day)}"


def ach_payouts(lines: list[AchLine], file_id: str, processor: str, account_id: str) -> list[PayoutReported]:
    """The payouts of a file, each of which is the sum of its lines; none where that is 0."""
    sums: dict[str, tuple[Day, int]] = {}
    for line in lines:
        payout_id = line.payout_id(file_id)
        sums[payout_id] = line.day, sums.get(payout_id, (0, 0))[1] + line.net_minor
    return [
        check(
            PayoutReported(
                event_id=content_id("nacha", processor, "payout", payout_id),
                occurred_at=start_of_day(day, banking_calendar("USD").zone),
                processor=processor,
                payout_id=payout_id,
                status="PAID",
                amount_minor=amount,
                other_minor=0,
                currency="USD",
                arrival_date=day,
                account_id=account_id,
            )
        )
        for payout_id, (day, amount) in sums.items()
        if amount
    ]
