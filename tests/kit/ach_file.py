"""ACH files with made-up content and totals that agree (NACHA's columns)."""

from collections.abc import Iterable
from dataclasses import dataclass, field

ROUTING = "23138010"
OUR_BANK = "09140060"


@dataclass(frozen=True)
class AchEntry:
    """An entry detail and its addenda."""

    code: str
    amount: int
    trace: str
    identification: str = ""
    addenda: tuple[str, ...] = ()
    account: str = "744-5678-99"
    name: str = "A TENANT"

    def lines(self) -> list[str]:
        """Its records."""
        detail = (
            f"6{self.code}{ROUTING}4{self.account:<17}{self.amount:010}{self.identification:<15}{self.name:<22}  "
            f"{int(bool(self.addenda))}{self.trace}"
        )
        return [detail, *self.addenda]


@dataclass(frozen=True)
class AchBatch:
    """A batch of entries."""

    entries: tuple[AchEntry, ...]
    description: str = "RENT"
    sec: str = "WEB"
    effective: str = "260702"
    settlement: str = "   "
    company: str = "1123456789"
    number: int = 1

    def lines(self) -> list[str]:
        """Its records, with the control."""
        header = (
            f"5200{'OUR RENT':<16}{'':20}{self.company:<10}{self.sec}{self.description:<10}{'':6}{self.effective}"
            f"{self.settlement}1{OUR_BANK}{self.number:07}"
        )
        details = [line for entry in self.entries for line in entry.lines()]
        control = (
            f"8200{len(details):06}{self.hash():010}{self.total('6789'):012}{self.total('1234'):012}{self.company:<10}"
            f"{'':25}{OUR_BANK}{self.number:07}"
        )
        return [header, *details, control]

    def total(self, digits: str) -> int:
        """The amounts of the entries with such a second digit of the code."""
        return sum(entry.amount for entry in self.entries if entry.code[1] in digits)

    def hash(self) -> int:
        """The entry hash."""
        return int(ROUTING) * len(self.entries) % 10**10


@dataclass(frozen=True)
class AchFile:
    """A file of batches."""

    batches: tuple[AchBatch, ...] = field(default=())
    created: str = "2607011030"
    modifier: str = "A"

    def lines(self) -> list[str]:
        """Its records, with controls and padding."""
        header = f"101 091400606 691000134{self.created}{self.modifier}094101{'OUR BANK':<23}{'OUR RENT':<23}{'':8}"
        batches = [line for batch in self.batches for line in batch.lines()]
        details = sum(line[0] in "67" for line in batches)
        blocks = -(-(len(batches) + 2) // 10)
        control = (
            f"9{len(self.batches):06}{blocks:06}{details:08}{sum(each.hash() for each in self.batches) % 10**10:010}"
            f"{sum(each.total('6789') for each in self.batches):012}"
            f"{sum(each.total('1234') for each in self.batches):012}{'':39}"
        )
        lines = [header, *batches, control]
        return lines + ["9" * 94] * (blocks * 10 - len(lines))

    def content(self, end: str = "\n") -> bytes:
        """Its bytes."""
        return (end.join(self.lines()) + end).encode()


def debit(amount: int, number: int, identification: str = "", **more: str) -> AchEntry:
    """An origination of a checking debit."""
    return AchEntry("27", amount, f"{OUR_BANK}{number:07}", identification, **more)  # type: ignore[arg-type]


def returned(
    amount: int, number: int, reason: str = "R01", own: int = 1, code: str = "26", identification: str = ""
) -> AchEntry:
    """The return of the origination with this number."""
    addenda = return_addenda(number, reason, own)
    return AchEntry(code, amount, addenda[79:], identification, (addenda,))


def return_addenda(number: int, reason: str, own: int) -> str:
    """Addenda 99 of a return."""
    return f"799{reason}{OUR_BANK}{number:07}{'':6}{ROUTING}{'':44}{ROUTING}{own:07}"


def dishonoured_addenda(number: int, reason: str, returned_by: int, own: int) -> str:
    """Addenda 99 of a dishonoured return: the trace and the settlement day of the return are in it."""
    return (
        f"799{reason}{OUR_BANK}{number:07}{'':6}{ROUTING}{'':3}{ROUTING}{returned_by:07}18301{'Untimely return':<21}"
        f"{OUR_BANK}{own:07}"
    )


def contested_addenda(number: int, reason: str, returned_by: int, dishonoured_by: int, own: int) -> str:
    """Addenda 99 of a contested dishonoured return, with the traces of both before it."""
    return (
        f"799{reason}{OUR_BANK}{number:07}260706{ROUTING}183{ROUTING}{returned_by:07}18501"
        f"{OUR_BANK}{dishonoured_by:07}18768 {ROUTING}{own:07}"
    )


def notice_addenda(number: int, reason: str, corrected: str) -> str:
    """Addenda 98 of a notice of change."""
    return f"798{reason}{OUR_BANK}{number:07}{'':6}{ROUTING}{corrected:<29}{'':15}{ROUTING}0000088"


def ach(*entries: AchEntry, created: str = "2607011030", **batch: str) -> bytes:
    """A file of one batch."""
    return AchFile((AchBatch(entries, **batch),), created).content()  # type: ignore[arg-type]


def whole(lines: Iterable[str]) -> bytes:
    """The bytes of lines."""
    return ("\n".join(lines) + "\n").encode()
