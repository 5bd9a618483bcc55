"""What an import did, for people and as JSON: records, lines, controls, payouts with their remainder."""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from domain.facts import InputFact, PayoutReported, ProcessorSettled
from domain.formatting import amount_text, counted
from ops.console import put_line, put_table
from ops.importing.door import PreparedFile

LINES_SHOWN_MAX = 20
"""Of one kind, on a terminal; --json has them all."""


@dataclass(slots=True)
class PayoutSum:
    """A payout as the records of one file have it."""

    processor: str
    payout_id: str
    currency: str
    lines: int = 0
    unknown_lines: int = 0
    """Those without a net, or in another currency."""
    lines_minor: int = 0
    reported: PayoutReported | None = None

    @property
    def remainder_minor(self) -> int | None:
        """The amount that neither lines nor `other_minor` explain; None where the file does not report the payout."""
        if self.reported is None or self.reported.status != "PAID":
            return None
        return self.reported.amount_minor - self.lines_minor - self.reported.other_minor

    def as_json(self) -> dict[str, Any]:
        """The JSON object."""
        reported = self.reported
        return {
            "processor": self.processor,
            "payout_id": self.payout_id,
            "currency": self.currency,
            "status": None if reported is None else reported.status,
            "amount_minor": None if reported is None else reported.amount_minor,
            "lines": self.lines,
            "unknown_lines": self.unknown_lines,
            "lines_minor": self.lines_minor,
            "other_minor": None if reported is None else reported.other_minor,
            "remainder_minor": self.remainder_minor,
        }


def payouts_of(facts: list[InputFact]) -> list[PayoutSum]:
    """The payouts that the records of a file are about."""
    reports = {(fact.processor, fact.payout_id): fact for fact in facts if isinstance(fact, PayoutReported)}
    found: dict[tuple[str, str], PayoutSum] = {
        key: PayoutSum(key[0], key[1], fact.currency, reported=fact) for key, fact in reports.items()
    }
    for fact in facts:
        if not isinstance(fact, ProcessorSettled) or fact.payout_id is None:
            continue
        currency = fact.settlement_currency or fact.currency
        one = found.setdefault((fact.processor, fact.payout_id), PayoutSum(fact.processor, fact.payout_id, currency))
        one.lines += 1
        if fact.net_minor is None or currency != one.currency:
            one.unknown_lines += 1
        else:
            one.lines_minor += fact.net_minor
    return list(found.values())


def as_json(file: PreparedFile, *, dry_run: bool) -> dict[str, Any]:
    """The report of one file, complete."""
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
        "payouts": [one.as_json() for one in payouts_of(found.facts)],
        "notes": list(found.notes),
    }


def show(file: PreparedFile) -> None:
    """Print the report of one file as tables."""
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
    _show_payouts(payouts_of(found.facts))
    for note in found.notes[:LINES_SHOWN_MAX]:
        put_line(f"note: {note}")
    _more(len(found.notes))


def _show_payouts(payouts: list[PayoutSum]) -> None:
    if not payouts:
        return
    rows = []
    for one in payouts[:LINES_SHOWN_MAX]:
        reported, remainder = one.reported, one.remainder_minor
        unknown = f" ({one.unknown_lines} unknown)" if one.unknown_lines else ""
        rows.append(
            [
                one.payout_id,
                "not in this file" if reported is None else reported.status,
                "-" if reported is None else amount_text(reported.amount_minor, one.currency),
                f"{amount_text(one.lines_minor, one.currency)} in {counted(one.lines, 'line')}{unknown}",
                "-" if reported is None else amount_text(reported.other_minor, one.currency),
                "-" if remainder is None else _difference(remainder, one.currency),
            ]
        )
    put_table(["payout", "report", "amount", "payments", "other", "remainder"], rows)
    _more(len(payouts))


def _difference(minor: int, currency: str) -> str:
    return amount_text(minor, currency) if minor else "none"


def _lines(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:3]))
    return f"line{'s' if len(numbers) > 1 else ''} {shown}{', …' if len(numbers) > 3 else ''}"


def _more(count: int) -> None:
    if count > LINES_SHOWN_MAX:
        put_line(f"… and {count - LINES_SHOWN_MAX} more; --json has all")
