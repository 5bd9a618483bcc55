"""Bank statements with made-up content in each format, from one list of entries."""

from dataclasses import dataclass
from datetime import date

from connectors.formats import format_of
from connectors.model import Found

ACCOUNT = "DE02120300000000202051"


@dataclass(frozen=True)
class Booked:
    """An entry of a statement."""

    day: date
    amount: int
    """Minor units of two digits; a credit is above 0."""
    reference: str = ""
    """The bank's."""
    text: str = ""


def found_in(name: str, content: bytes, **options: object) -> Found:
    """What a format finds."""
    format_ = format_of(name)
    return format_.read(content, format_.options_from(options))


def decimal(amount: int, point: str = ".") -> str:
    """An amount of two digits as text, without its sign."""
    whole, part = divmod(abs(amount), 100)
    return f"{whole}{point}{part:02}"


def bai2(
    entries: list[Booked], opening: int = 0, account: str = ACCOUNT, status: str = "1", modifier: str = "2"
) -> str:
    """A BAI2 file with a group for each day, and totals that agree."""
    lines = ["01,121000358,1,260707,0700,1,,,2/"]
    groups = total = 0
    for day in sorted({each.day for each in entries}):
        booked = [each for each in entries if each.day == day]
        closing = opening + sum(each.amount for each in booked)
        group = [
            f"02,1,121000358,{status},{day:%y%m%d},2359,EUR,{modifier}/",
            f"03,{account},,010,{opening},,,015,{closing},,/",
        ]
        for each in booked:
            code = "165" if each.amount > 0 else "455"
            group.append(f"16,{code},{abs(each.amount)},Z,{each.reference},,{each.text}")
        account_total = opening + closing + sum(abs(each.amount) for each in booked)
        group += [f"49,{account_total},{len(group)}/", f"98,{account_total},1,{len(group) + 2}/"]
        lines += group
        groups, total, opening = groups + 1, total + account_total, closing
    lines.append(f"99,{total},{groups},{len(lines) + 1}/")
    return "\n".join(lines) + "\n"


def mt940(entries: list[Booked], opening: int = 0, account: str = ACCOUNT) -> str:
    """An MT940 file with a message for each day, and balances that agree."""
    lines: list[str] = []
    for number, day in enumerate(sorted({each.day for each in entries}), start=1):
        booked = [each for each in entries if each.day == day]
        closing = opening + sum(each.amount for each in booked)
        lines += [
            ":20:STARTUMS",
            f":25:{account}",
            f":28C:{number}/1",
            f":60F:{_mark(opening)}{day:%y%m%d}EUR{decimal(opening, ',')}",
        ]
        for each in booked:
            mark = "C" if each.amount > 0 else "D"
            reference = f"//{each.reference}" if each.reference else ""
            lines.append(f":61:{day:%y%m%d%m%d}{mark}{decimal(each.amount, ',')}NTRFNONREF{reference}")
            if each.text:
                lines.append(f":86:{each.text}")
        lines += [f":62F:{_mark(closing)}{day:%y%m%d}EUR{decimal(closing, ',')}", "-"]
        opening = closing
    return "\n".join(lines) + "\n"


def _mark(balance: int) -> str:
    return "D" if balance < 0 else "C"


def camt053(entries: list[Booked], opening: int = 0, account: str = ACCOUNT, version: int = 8) -> str:
    """A camt.053 file with a statement for each day, and balances that agree."""
    statements = []
    for number, day in enumerate(sorted({each.day for each in entries}), start=1):
        booked = [each for each in entries if each.day == day]
        closing = opening + sum(each.amount for each in booked)
        statements.append(
            statement(
                [ntry(each, version) for each in booked],
                balance("OPBD", opening) + balance("CLBD", closing),
                number=number,
                account=account,
            )
        )
        opening = closing
    return document(statements, version)


def document(statements: list[str], version: int = 8, root: str = "BkToCstmrStmt", message: str = "053") -> str:
    """A camt message."""
    namespace = f' xmlns="urn:iso:std:iso:20022:tech:xsd:camt.{message}.001.{version:02}"' if version else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Document{namespace}>\n<{root}>\n<GrpHdr><MsgId>M1</MsgId></GrpHdr>\n'
        + "\n".join(statements)
        + f"\n</{root}>\n</Document>\n"
    )


def statement(entries: list[str], more: str, number: int = 1, account: str = ACCOUNT, currency: str = "EUR") -> str:
    """A statement of entries; `more` are its balances and whatever comes before them."""
    return (
        f"<Stmt><Id>S{number}</Id><ElctrncSeqNb>{number}</ElctrncSeqNb>"
        f"<Acct><Id><IBAN>{account}</IBAN></Id><Ccy>{currency}</Ccy></Acct>{more}\n" + "\n".join(entries) + "</Stmt>"
    )


def balance(code: str, amount: int, currency: str = "EUR", kind: str = "") -> str:
    """A balance."""
    return (
        f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry>{kind}</Tp>"
        f'<Amt Ccy="{currency}">{decimal(amount)}</Amt><CdtDbtInd>{_side(amount)}</CdtDbtInd></Bal>'
    )


def _side(amount: int) -> str:
    return "DBIT" if amount < 0 else "CRDT"


def ntry(each: Booked, version: int = 8, status: str = "BOOK", more: str = "", currency: str = "EUR") -> str:
    """An entry; `more` is what comes after its status."""
    coded = f"<Cd>{status}</Cd>" if version >= 8 else status
    reference = f"<AcctSvcrRef>{each.reference}</AcctSvcrRef>" if each.reference else ""
    details = f"<NtryDtls><TxDtls><RmtInf><Ustrd>{each.text}</Ustrd></RmtInf></TxDtls></NtryDtls>" if each.text else ""
    return (
        f'<Ntry><Amt Ccy="{currency}">{decimal(each.amount)}</Amt><CdtDbtInd>{_side(each.amount)}</CdtDbtInd>'
        f"<Sts>{coded}</Sts><BookgDt><Dt>{each.day}</Dt></BookgDt>{more}{reference}{details}</Ntry>"
    )


RENDERED = {"bai2": bai2, "mt940": mt940, "camt053": camt053}
"""How each format writes a list of entries."""
