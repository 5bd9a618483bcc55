"""What an import did, for people and as JSON: records, lines, controls, payouts with their remainder."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.payout_parts import PayoutParts
from domain.facts import PayoutReported, ProcessorSettled
from domain.formatting import amount_text, counted
from ops.console import put_line, put_table
from ops.importing.door import PreparedFile

LINES_SHOWN_MAX = 20
"""Of one kind, on a terminal; --json has them all."""

WAITING = "waiting"
"""The status of a payout that waits for further files."""


@dataclass(slots=True)
class PayoutSum:
    """A payout as the files of an import have it, with what is known of it from earlier ones."""

    processor: str
    payout_id: str
    currency: str
    lines: int = 0
    unknown_lines: int = 0
    """Those without a net, or in another currency."""
    lines_minor: int = 0
    status: str | None = None
    """Of the report; `waiting` if its lines do not come to it yet; None where no file states it."""
    amount_minor: int | None = None
    other_minor: int | None = None

    @property
    def remainder_minor(self) -> int | None:
        """The amount that neither lines nor `other_minor` explain; None where no file says what is paid out."""
        if self.amount_minor is None or self.status not in ("PAID", WAITING):
            return None
        return self.amount_minor - self.lines_minor - (self.other_minor or 0)

    def as_json(self) -> dict[str, Any]:
        """The JSON object."""
        return {
            "processor": self.processor,
            "payout_id": self.payout_id,
            "currency": self.currency,
            "status": self.status,
            "amount_minor": self.amount_minor,
            "lines": self.lines,
            "unknown_lines": self.unknown_lines,
            "lines_minor": self.lines_minor,
            "other_minor": self.other_minor,
            "remainder_minor": self.remainder_minor,
        }


def payouts_of(files: Sequence[PreparedFile]) -> dict[tuple[str, str], PayoutSum]:
    """The payouts that the files of an import are about, by processor and payout_id."""
    facts = [fact for file in files for fact in file.found.facts]
    found: dict[tuple[str, str], PayoutSum] = {}
    for fact in facts:
        if isinstance(fact, PayoutReported):
            one = PayoutSum(fact.processor, fact.payout_id, fact.currency, status=fact.status)
            one.amount_minor, one.other_minor = fact.amount_minor, fact.other_minor
            found[fact.processor, fact.payout_id] = one
    for fact in {fact.event_id: fact for fact in facts if isinstance(fact, ProcessorSettled)}.values():
        if fact.payout_id is None:
            continue
        currency = fact.settlement_currency or fact.currency
        one = found.setdefault((fact.processor, fact.payout_id), PayoutSum(fact.processor, fact.payout_id, currency))
        one.lines += 1
        if fact.net_minor is None or currency != one.currency:
            one.unknown_lines += 1
        else:
            one.lines_minor += fact.net_minor
    for payout in (payout for file in files for payout in file.kept.values()):
        one = found.setdefault(payout.key[:2], PayoutSum(*payout.key))
        if payout.currency == one.currency:
            _add_kept(one, payout)
    return found


def _add_kept(one: PayoutSum, payout: PayoutParts) -> None:
    """Take over the lines that earlier imports had, and the amount of a payout that waits."""
    one.lines = sum(line.is_payment for line in payout.lines.values())
    one.lines_minor = payout.lines_minor
    stated = next((statement for statement in payout.statements if statement.status == "PAID"), None)
    if one.status is None and stated is not None:
        one.status = WAITING
        one.amount_minor, fee = payout.amount(stated)
        one.other_minor = payout.other_minor - fee


Payouts = Mapping[tuple[str, str], PayoutSum]


def _of_file(file: PreparedFile, payouts: Payouts) -> list[PayoutSum]:
    """Those payouts that a file is about, with what the other files have of them."""
    keys = [
        (fact.processor, fact.payout_id)
        for fact in file.found.facts
        if isinstance(fact, PayoutReported | ProcessorSettled) and fact.payout_id is not None
    ]
    keys += [payout.key[:2] for payout in file.found.waiting]
    return [payouts[key] for key in dict.fromkeys(keys)]


def as_json(file: PreparedFile, payouts: Payouts, *, dry_run: bool) -> dict[str, Any]:
    """The report of one file, complete.

    Args:
        file: the file.
        payouts: of all files of the import.
        dry_run: nothing was sent.

    """
    found = file.found
    return {
        "file": file.file.name,
        "sha256": file.file.sha256,
        "bytes": len(file.file.content),
        "format": file.format_name,
        "dry_run": dry_run,
        "records": dict(sorted(file.by_type.items())),
        "published": file.published,
        "dead_letters": file.letters_published,
        "skipped": [{"line": one.line, "reason": one.reason} for one in found.skipped],
        "not_understood": [{"line": one.line, "reason": one.reason} for one in found.not_understood],
        "controls": [
            {
                "name": one.name,
                "currency": one.currency,
                "stated_minor": one.stated_minor,
                "found_minor": one.found_minor,
                "adds_up": one.stated_minor == one.found_minor,
            }
            for one in found.controls
        ],
        "payouts": [one.as_json() for one in _of_file(file, payouts)],
        "notes": list(found.notes),
    }


def show(file: PreparedFile, payouts: Payouts) -> None:
    """Print the report of one file as tables; `payouts` are those of all files of the import."""
    found = file.found
    put_line(f"{file.file.name} ({file.format_name})")
    rows = [["record", kind, str(count)] for kind, count in sorted(file.by_type.items())]
    reasons = Counter(one.reason for one in found.skipped)
    lines: dict[str, list[int]] = defaultdict(list)
    for one in found.skipped:
        lines[one.reason].append(one.line)
    rows += [["skipped", f"{reason} ({_lines(lines[reason])})", str(count)] for reason, count in reasons.most_common()]
    rows.append(["not understood", "", str(len(found.not_understood))])
    put_table(["", "what", "number"], rows)
    if found.not_understood:
        put_table(
            ["line", "not understood: it is a dead letter"],
            [[str(one.line or "-"), one.reason] for one in found.not_understood[:LINES_SHOWN_MAX]],
        )
        _more(len(found.not_understood))
    if found.controls:
        put_table(
            ["control", "stated", "found", "difference"],
            [
                [
                    one.name,
                    amount_text(one.stated_minor, one.currency),
                    amount_text(one.found_minor, one.currency),
                    _difference(one.found_minor - one.stated_minor, one.currency),
                ]
                for one in sorted(found.controls, key=lambda one: one.stated_minor == one.found_minor)[:LINES_SHOWN_MAX]
            ],
        )
        _more(len(found.controls))
    _show_payouts(_of_file(file, payouts))
    for note in found.notes[:LINES_SHOWN_MAX]:
        put_line(f"note: {note}")
    _more(len(found.notes))


def _show_payouts(payouts: list[PayoutSum]) -> None:
    if not payouts:
        return
    rows = []
    for one in payouts[:LINES_SHOWN_MAX]:
        remainder = one.remainder_minor
        unknown = f" ({one.unknown_lines} unknown)" if one.unknown_lines else ""
        rows.append(
            [
                one.payout_id,
                one.status or "not in this file",
                _amount(one.amount_minor, one.currency),
                f"{amount_text(one.lines_minor, one.currency)} in {counted(one.lines, 'line')}{unknown}",
                _amount(one.other_minor, one.currency),
                "-" if remainder is None else _difference(remainder, one.currency),
            ]
        )
    put_table(["payout", "report", "amount", "payments", "other", "remainder"], rows)
    _more(len(payouts))


def _amount(minor: int | None, currency: str) -> str:
    return "-" if minor is None else amount_text(minor, currency)


def _difference(minor: int, currency: str) -> str:
    return amount_text(minor, currency) if minor else "none"


def _lines(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:3]))
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{', …' if len(numbers) > 3 else ''}"


def _more(count: int) -> None:
    if count > LINES_SHOWN_MAX:
        put_line(f"… and {count - LINES_SHOWN_MAX} more; --json has all")
