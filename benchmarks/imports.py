"""What an import costs on one core: from a file's bytes to encoded records, without a broker."""

import gc
import time
from collections.abc import Callable
from datetime import date, timedelta
from hashlib import sha256
from typing import Any, NamedTuple

from benchmarks.report import Result
from connectors.formats import MODULES, format_of
from ops.importing.door import FileContent, prepare
from streams.codec.codec import Codec
from streams.settings import load

PER_DAY = 1_000
"""Entries of a day's statement, of a batch, of a payout."""
ROUNDS = 3
WANTED = 20_000
FIRST = date(2026, 7, 1)


class Sample(NamedTuple):
    """A file, and the options that it is read with."""

    content: str
    options: dict[str, Any]


def _days(count: int) -> list[tuple[date, range]]:
    return [
        (FIRST + timedelta(number), range(at, min(at + PER_DAY, count)))
        for number, at in enumerate(range(0, count, PER_DAY))
    ]


def _stripe(count: int) -> Sample:
    lines = [
        "balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,charge_id,"
        "payment_method_type,automatic_payout_id,automatic_payout_effective_at_utc,payment_metadata[rent]"
    ]
    lines += [
        f"txn_{n},2026-07-02 10:00:00,usd,850.00,6.80,843.20,charge,ch_{n},ch_{n},card,po_{n // PER_DAY},"
        f"2026-07-06 00:00:00,P-{n}"
        for n in range(count)
    ]
    return Sample("\n".join(lines), {"payouts_from_lines": True, "payment_id_column": "payment_metadata[rent]"})


def _csv(count: int) -> Sample:
    lines = ["Reference,Booked,Payment,Type,Amount,Fee,Net"]
    lines += [f"R{n},07/02/2026 10:00,P-{n},Sale,850.00,6.80,843.20" for n in range(count)]
    fields = {
        "occurred_at": {"column": "Booked", "format": "%m/%d/%Y %H:%M"},
        "payment_id": "Payment",
        "processor": {"value": "acme"},
        "processor_reference": "Reference",
        "outcome": {"column": "Type", "values": {"Sale": "SETTLED"}},
        "gross_minor": "Amount",
        "fee_minor": "Fee",
        "net_minor": "Net",
        "currency": {"value": "USD"},
    }
    return Sample("\n".join(lines), {"record": "ProcessorSettled", "zone": "America/New_York", "fields": fields})


def _nacha(count: int) -> Sample:
    lines = ["101 091400600 6910001342607010930A094101" + f"{'BANK':<23}{'US':<23}{'':8}"]
    amount, routing = 85_000, "23138010"
    for number, (_, entries) in enumerate(_days(count), start=1):
        lines.append(f"5225{'US':<16}{'':20}1123456789WEB{'RENT':<10}{'':6}260702{'':3}109140060{number:07}")
        lines += [
            f"627{routing}4{'744-5678-99':<17}{amount:010}{f'P-{n}':<15}{'A TENANT':<22}  009140060{n + 1:07}"
            for n in entries
        ]
        hashed, total = int(routing) * len(entries) % 10**10, amount * len(entries)
        lines.append(f"8225{len(entries):06}{hashed:010}{total:012}{0:012}1123456789{'':25}09140060{number:07}")
    batches = len(_days(count))
    blocks = -(-(len(lines) + 1) // 10)
    lines.append(
        f"9{batches:06}{blocks:06}{count:08}{int(routing) * count % 10**10:010}{amount * count:012}{0:012}{'':39}"
    )
    return Sample("\n".join(lines), {"account_id": "chk"})


def _bai2(count: int) -> Sample:
    lines, total, opening = ["01,121000358,1,260707,0700,1,,,2/"], 0, 0
    days = _days(count)
    for day, entries in days:
        closing = opening + 85_000 * len(entries)
        lines += [f"02,1,121000358,1,{day:%y%m%d},2359,USD,2/", f"03,4711,,010,{opening},,,015,{closing},,/"]
        lines += [f"16,165,85000,Z,REF{n},,STRIPE TRANSFER PO{n}" for n in entries]
        of_account = opening + closing + 85_000 * len(entries)
        lines += [f"49,{of_account},{len(entries) + 2}/", f"98,{of_account},1,{len(entries) + 4}/"]
        total, opening = total + of_account, closing
    lines.append(f"99,{total},{len(days)},{len(lines) + 1}/")
    return Sample("\n".join(lines), {})


def _mt940(count: int) -> Sample:
    lines, opening = [], 0
    for number, (day, entries) in enumerate(_days(count), start=1):
        closing = opening + 850 * len(entries)
        lines += [":20:S", ":25:4711", f":28C:{number}/1", f":60F:C{day:%y%m%d}USD{opening},00"]
        for n in entries:
            lines += [f":61:{day:%y%m%d%m%d}C850,00NTRFNONREF//REF{n}", f":86:STRIPE TRANSFER PO{n}"]
        lines += [f":62F:C{day:%y%m%d}USD{closing},00", "-"]
        opening = closing
    return Sample("\n".join(lines), {})


def _camt053(count: int) -> Sample:
    def balance(code: str, amount: int, day: date) -> str:
        return (
            f"<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy='USD'>{amount}.00</Amt>"
            f"<CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{day}</Dt></Dt></Bal>"
        )

    parts, opening = [], 0
    for number, (day, entries) in enumerate(_days(count), start=1):
        closing = opening + 850 * len(entries)
        parts.append(f"<Stmt><Id>S{number}</Id><Acct><Id><Othr><Id>4711</Id></Othr></Id><Ccy>USD</Ccy></Acct>")
        parts += [balance("OPBD", opening, day), balance("CLBD", closing, day)]
        parts += [
            f"<Ntry><Amt Ccy='USD'>850.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt>"
            f"<Dt>{day}</Dt></BookgDt><ValDt><Dt>{day}</Dt></ValDt><AcctSvcrRef>REF{n}</AcctSvcrRef>"
            f"<NtryDtls><TxDtls><Refs><EndToEndId>"
            f"E{n}</EndToEndId></Refs><RmtInf><Ustrd>STRIPE TRANSFER PO{n}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"
            for n in entries
        ]
        parts.append("</Stmt>")
        opening = closing
    return Sample(
        "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.053.001.08'><BkToCstmrStmt>"
        + "\n".join(parts)
        + "</BkToCstmrStmt></Document>",
        {},
    )


def _adyen(count: int) -> Sample:
    lines = [
        "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,"
        "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,"
        "Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number"
    ]
    lines += [
        f"Us,OurRent,PSP{n},P-{n},visa,2026-07-02 10:00:00,CEST,Settled,CAP{n},USD,,850,,USD,,843.2,6.8,,,,"
        f"{n // PER_DAY}"
        for n in range(count)
    ]
    return Sample("\n".join(lines), {"payment_id_column": "Merchant Reference"})


SAMPLES: dict[str, Callable[[int], Sample]] = {
    "adyen-settlement": _adyen,
    "bai2": _bai2,
    "camt053": _camt053,
    "csv": _csv,
    "mt940": _mt940,
    "nacha": _nacha,
    "stripe-payouts": _stripe,
}


def run_imports(entries: int) -> Result:
    """Read, check and encode a file of each format, and count the entries of a second of CPU.

    Raises:
        RuntimeError: a file is not understood whole, so its figure would mean nothing.

    """
    result = Result("imports", f"{entries:,} entries a file, the best of {ROUNDS} rounds, one core, no broker")
    settings = load({})
    for name in sorted(MODULES):
        sample = SAMPLES[name](entries)
        content = sample.content.encode() + b"\n"
        file, format_ = FileContent(name, content, sha256(content).hexdigest()), format_of(name)
        options = format_.options_from(sample.options)
        taken = []
        for _ in range(ROUNDS):
            gc.collect()
            began = time.process_time()
            prepared = prepare(settings, Codec(), file, format_, options)
            taken.append(time.process_time() - began)
            if len(prepared.records) < entries or not prepared.is_understood or not prepared.adds_up:
                raise RuntimeError(f"{name}: {prepared.found.not_understood[:1]} {len(prepared.records)} records")
        rate = entries / min(taken)
        result.add(f"{name}: entries a second", rate, "entries/s", f">= {WANTED:,}", rate >= WANTED)
        result.details[name] = {"bytes": len(content), "lines": content.count(b"\n"), "seconds": min(taken)}
    return result
