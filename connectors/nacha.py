"""`nacha`: ACH files as the bank or the processor exchanges them: originations, returns, notices of change.

What an entry is follows from its addenda, not from its transaction code; its direction from the code's second digit
(1 to 4 credit, 6 to 9 debit). Amounts are US cents. The reference of an attempt is the trace number of its origination.

| entry | record |
|---|---|
| a debit without 98 or 99: an origination | SETTLED on its settlement date. ACH confirms nothing: a debit stands until it is returned |
| addenda 99, R01 and the others (also unknown ones) | RETURNED of the original trace |
| 99 with R61 to R70, a dishonoured return | RETURN_REVERSED: the money is ours again |
| 99 with R71 to R77, contested | RETURNED once more. Of several 99 the last is the state |
| addenda 98, a notice of change | skipped; the report shows the corrected data |
| prenotes, entries of nothing, account tests, advice | skipped |
| a credit, or the return of one | skipped. With `credits` refunds, and in a batch REVERSAL: REFUNDED, REFUND_REVERSED |

The claim to the trace (contract section 10) is the SETTLED record itself where the payment is known, by `payment_id`.
Where it is not, nothing in the file can claim: the SETTLED record waits under its trace until a payment's initiation, or
a person, names that. An originator that puts a reference of its own in the identification number, as the initiation's
`processor_reference`, sets `reference` to identification: the attempt is then that, and the trace tells entries apart.
With `settles` false a known payment claims by a ReferenceAssigned, and some other source reports what settled.

A return's own trace is its `movement_id`: a debit may be returned, dishonoured and returned again. With `account_id`
each batch (or file, or entry) is also a payout: the bank books one credit for it, and debits for returns.

The settlement date is that of the batch (columns 76 to 78, day of the year), of the year nearest to the file's
creation; else the effective date, on a banking day not before creation. Originations occur at the start of that day in
`zone`, and so do returns with a settlement date; others when the file was created.
"""  # noqa: E501

import re
from datetime import date, datetime, timedelta, tzinfo
from typing import Literal, NamedTuple

import msgspec

from connectors.identity import content_id
from connectors.model import BrokenFile, Found, NotUnderstood, Skipped
from connectors.nacha_payouts import AchLine, PayoutBy, ach_payouts
from connectors.nacha_records import NachaBatch, NachaEntry, NachaFile, NachaRecord, files_of, is_debit, total_of
from connectors.nacha_totals import file_totals, refuse_wrong_totals
from connectors.zones import zone_of
from domain.calendar import is_banking_day, start_of_day
from domain.facts import InputFact, Outcome, ProcessorSettled, ReferenceAssigned
from domain.time import EPOCH_ORDINAL, Day, Micros, micros_of
from streams.codec.dead_letters import BadInput
from streams.codec.validation import check

FORMAT = "nacha"
CURRENCY = "USD"

_DAY = re.compile(r"[0-9]{6}")
_CLOCK = re.compile(r"(?:[01][0-9]|2[0-3])[0-5][0-9]")
_REASON = re.compile(r"R[0-9]{2}")
_DISHONOURED = frozenset(f"R{number}" for number in range(61, 71))
"""R61, R62, R67 to R70 are in force; R63 to R66 were until 2008, with the same columns."""
_CONTESTED = frozenset(f"R{number}" for number in range(71, 78))
_PRENOTES = frozenset(("23", "28", "33", "38", "43", "48", "53", "24", "29", "34", "39", "44", "49", "54"))
"""Transaction codes of prenotes, and of entries of nothing with remittance data."""
_RETURNS = frozenset(("21", "26", "31", "36", "41", "46", "51", "56"))


class Nacha(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The options of `nacha`."""

    processor: str = "ach"
    """The processor's name in the records."""
    payment_id: Literal["identification", "addenda"] | None = None
    """Where our payment id is: columns 40 to 54 of the entry, or the text of its addenda 05."""
    reference: Literal["trace", "identification"] = "trace"
    """What the attempt is known by; identification only if each entry has another one."""
    settles: bool = True
    """Whether originations settle; false if the processor reports what settled."""
    credits: Literal["others", "refunds"] = "others"
    """What credits are: payments to others, or refunds of tenants' payments."""
    company_ids: tuple[str, ...] = ()
    """Our company identifications (columns 41 to 50 of a batch); empty: all are ours."""
    offset_accounts: tuple[str, ...] = ()
    """Our own accounts, whose entries balance a batch."""
    account_id: str | None = None
    """The bank account of the money, as the bank's statements name it; without, no payouts are reported."""
    payouts: PayoutBy = "batch"
    """What the bank books as one credit: each entry, batch or file."""
    return_payouts: PayoutBy = "file"
    """What the bank books as one debit of returns."""
    accept_wrong_totals: bool = False
    """Read a file whose counts or totals do not agree; the report shows which."""
    zone: str = "America/New_York"
    """The zone of the file's dates and times."""


def read(content: bytes, options: Nacha) -> Found:
    """Read a file.

    Raises:
        BrokenFile: records are missing or out of place, or totals do not agree.

    """
    zone = zone_of(options.zone, "zone")
    found = Found([], [], [], [], [])
    seen: dict[str, tuple[NachaEntry, NachaFile, str]] = {}
    files = list(files_of(content))
    if not files:
        raise BrokenFile("line 1: there is no file header (1): this is no NACHA file")
    for file in files:
        controls = file_totals(file, found.notes)
        if not options.accept_wrong_totals:
            refuse_wrong_totals(controls)
        found.controls.extend(controls)
        _AchFile(file, options, zone, found, seen).read()
    return found


class _Context(NamedTuple):
    """What the records around an entry say about it."""

    batch: NachaBatch
    settles_on: Day | None
    """The settlement date of the batch, if stated."""
    description: str
    is_international: bool


class _Movement(NamedTuple):
    """What an entry reports about its attempt."""

    outcome: Outcome
    trace: str
    """Of the origination."""
    own_trace: str
    """Of a return; empty for an origination."""
    payment_id: str | None
    reason: str | None
    day: Day | None
    at: Micros


class _AchFile:
    """One file."""

    def __init__(
        self,
        file: NachaFile,
        options: Nacha,
        zone: tzinfo,
        found: Found,
        seen: dict[str, tuple[NachaEntry, NachaFile, str]],
    ) -> None:
        self._file = file
        self._options = options
        self._found = found
        self._seen = seen
        header = file.header
        created, clock = header.field(24, 29), header.field(30, 33)
        try:
            self._created_on = _day(created)
        except ValueError:
            raise BrokenFile(
                f"line {header.line}: the file was created on {created!r} (columns 24 to 29), which is no day YYMMDD"
            ) from None
        if clock and not _CLOCK.fullmatch(clock):
            found.notes.append(f"line {header.line}: the file was created at {clock!r}, which is no time: 0000 counts")
            clock = ""
        minutes = int(clock[:2]) * 60 + int(clock[2:]) if clock else 0
        moment = datetime.fromordinal(self._created_on + EPOCH_ORDINAL).replace(tzinfo=zone) + timedelta(
            minutes=minutes
        )
        self._created_at: Micros = micros_of(moment)
        # Unique by NACHA's rules; the time is left out, since a bank may write the file again.
        self._id = f"{header.field(14, 23)}-{created}{header.field(34, 34)}"
        self._traces: dict[str, list[tuple[NachaEntry, _Context]]] = {}
        self._lines: list[AchLine] = []

    def read(self) -> None:
        """Read every batch, then what takes the whole file: traces used twice, payouts."""
        for batch in self._file.batches:
            self._batch(batch)
        for entries in self._traces.values():
            self._originations(entries)
        if self._options.account_id is not None:
            self._found.facts.extend(
                ach_payouts(self._lines, self._id, self._options.processor, self._options.account_id)
            )

    # Entries

    def _batch(self, batch: NachaBatch) -> None:
        header = batch.header
        international = header.field(51, 53) == "IAT"
        description = header.field(54, 63).upper()
        context = _Context(batch, self._settlement_date(header), description, international)
        foreign = self._options.company_ids and header.field(41, 50) not in self._options.company_ids
        offset = None if foreign else self._offset(batch)
        for entry in batch.entries:
            try:
                if batch.is_advice:
                    self._skip(entry, "accounting advice (ADV)")
                elif foreign:
                    self._skip(entry, f"of the company {header.field(41, 50)}, which is not in company_ids")
                elif entry is offset:
                    self._skip(entry, "it balances its batch: an entry to our own account")
                else:
                    self._entry(entry, context)
            except (ValueError, BadInput) as error:
                self._not_understood(entry, str(error))

    def _skip(self, entry: NachaEntry, reason: str) -> None:
        self._found.skipped.append(Skipped(entry.detail.line, reason, entry.raw))

    def _not_understood(self, entry: NachaEntry, reason: str) -> None:
        self._found.not_understood.append(NotUnderstood(entry.detail.line, reason, entry.raw))

    def _offset(self, batch: NachaBatch) -> NachaEntry | None:
        """The only debit of a batch whose amount is that of all its credits, of which there are more than one."""
        debits = [entry for entry in batch.entries if is_debit(entry)]
        if len(debits) != 1 or debits[0].addenda or len(batch.entries) < 3:
            return None
        return debits[0] if 0 < total_of(batch, debits=True) == total_of(batch, debits=False) else None

    def _entry(self, entry: NachaEntry, context: _Context) -> None:
        """An entry of ours.

        Raises:
            ValueError: it is not understood.

        """
        detail = entry.detail
        code, amount = detail.field(2, 3), _amount(detail)
        if len(code) != 2 or not code.isdigit() or code[1] == "0" or code[1] == "5":
            raise ValueError(f"the transaction code {code!r} (columns 2 and 3) does not say whether it is a debit")
        backs = [each for each in entry.addenda if each.field(2, 3) == "99"]
        notices = [each for each in entry.addenda if each.field(2, 3) == "98"]
        if notices and not backs:
            last = notices[-1]
            reason = f"a notice of change {last.field(4, 6)} of {last.field(7, 21)}: {last.text[35:64].strip()}"
            self._skip(entry, reason)
        elif test := _test(code, amount, context.description):
            self._skip(entry, f"the return of {test}" if backs else test)
        elif backs:
            self._back(entry, backs[-1], amount, context)
        elif code in _RETURNS:
            raise ValueError(f"code {code} is that of a return, and there is no addenda 99 or 98")
        elif detail.field(13, 29) in self._options.offset_accounts:
            self._skip(entry, "an entry to our own account (offset_accounts)")
        elif not is_debit(entry) and not self._is_refund(context):
            self._skip(entry, "a credit: money to somebody, no payment")
        elif is_debit(entry) and context.description == "REVERSAL":
            self._skip(entry, "a debit that reverses a credit: no payment")
        else:
            trace = detail.field(80, 94)
            if not trace.strip("0"):
                raise ValueError("it has no trace number (columns 80 to 94): nothing can be returned to it")
            self._traces.setdefault(trace, []).append((entry, context))

    def _is_refund(self, context: _Context) -> bool:
        return self._options.credits == "refunds" or context.description == "REVERSAL"

    def _originations(self, entries: list[tuple[NachaEntry, _Context]]) -> None:
        """The originations of one trace: one, or none of them can be told from the others."""
        entry, context = entries[0]
        if len(entries) > 1:
            lines = ", ".join(str(each.detail.line) for each, _ in entries[:10])
            for each, _ in entries:
                self._not_understood(each, f"lines {lines} have one trace number: which of them is returned, if it is?")
            return
        try:
            self._origination(entry, context)
        except (ValueError, BadInput) as error:
            self._not_understood(entry, str(error))

    def _origination(self, entry: NachaEntry, context: _Context) -> None:
        detail = entry.detail
        trace = detail.field(80, 94)
        payment_id = self._payment_id(entry, context)
        day = context.settles_on if context.settles_on is not None else self._effective(context.batch.header)
        outcome: Outcome = "SETTLED" if is_debit(entry) else "REFUNDED"
        if self._options.settles or outcome == "REFUNDED":
            at = start_of_day(day, self._options.zone)
            self._settled(entry, context, _Movement(outcome, trace, "", payment_id, None, day, at))
        elif payment_id is None:
            self._skip(entry, "it claims its trace for no payment: payment_id is empty, or not set in the options")
        else:
            reference = self._identification(detail, context) if self._options.reference == "identification" else ""
            reference = reference or trace
            claim = ReferenceAssigned(
                event_id=content_id(FORMAT, self._options.processor, "claim", reference, payment_id),
                occurred_at=start_of_day(day, self._options.zone),
                payment_id=payment_id,
                processor=self._options.processor,
                processor_reference=reference,
                actor=FORMAT,
                reason="the ACH file that originated it",
            )
            self._add(entry, check(claim))

    def _back(self, entry: NachaEntry, addenda: NachaRecord, amount: int, context: _Context) -> None:
        """A return, or the reverse of one."""
        code, original = addenda.field(4, 6), addenda.field(7, 21)
        if not _REASON.fullmatch(code):
            raise ValueError(f"the reason of the return is {code!r}; it is R and two digits")
        if not original.strip("0"):
            raise ValueError("the return names no original trace (columns 7 to 21 of the addenda)")
        is_ours_again = code in _DISHONOURED
        if is_debit(entry):
            outcome: Outcome = "RETURN_REVERSED" if is_ours_again else "RETURNED"
        elif self._is_refund(context):
            # What came back of a refund is ours again; dishonoured, it is the tenant's, as it was refunded.
            outcome = "REFUNDED" if is_ours_again else "REFUND_REVERSED"
        else:
            self._skip(entry, f"the return {code} of a credit {original}: no payment")
            return
        day = context.settles_on
        at = self._created_at if day is None else start_of_day(day, self._options.zone)
        if is_ours_again or code in _CONTESTED:
            what = "dishonours" if is_ours_again else "contests, once dishonoured,"
            self._found.notes.append(
                f"line {addenda.line}: {code} {what} the return {addenda.field(39, 53) or '?'} of {original}: R"
                f"{addenda.field(57, 58)}, settled on day {addenda.field(54, 56)} of the year"
            )
        payment_id = None
        if self._options.payment_id == "identification":
            payment_id = self._payment_id(entry, context)
        own = addenda.field(80, 94)
        self._settled(entry, context, _Movement(outcome, original, own, payment_id, code, day, at))

    def _settled(self, entry: NachaEntry, context: _Context, move: _Movement) -> None:
        amount = _amount(entry.detail)
        line = AchLine(
            booked_by=self._options.return_payouts if move.reason else self._options.payouts,
            batch=context.batch.header.field(88, 94),
            trace=move.trace,
            movement=move.own_trace,
            day=self._created_on if move.day is None else move.day,
            net_minor=-amount if move.outcome in ("RETURNED", "REFUNDED") else amount,
        )
        number = self._identification(entry.detail, context)
        identity = (move.outcome, move.trace, move.own_trace, str(amount), move.reason or "", number)
        fact = ProcessorSettled(
            event_id=content_id(FORMAT, self._options.processor, *identity),
            occurred_at=move.at,
            payment_id=move.payment_id,
            processor=self._options.processor,
            processor_reference=move.trace,
            outcome=move.outcome,
            gross_minor=amount,
            fee_minor=0,
            net_minor=line.net_minor,
            currency=CURRENCY,
            reason_code=move.reason,
            payout_id=line.payout_id(self._id) if self._options.account_id is not None else None,
            value_date=move.day,
            original_reference=(number or None) if self._options.reference == "identification" else None,
            movement_id=move.own_trace or None,
        )
        if self._add(entry, check(fact)):
            self._lines.append(line)

    def _add(self, entry: NachaEntry, fact: InputFact) -> bool:
        """Take a fact, unless it is known; whether it was taken."""
        first, file, file_id = self._seen.setdefault(fact.event_id, (entry, self._file, self._id))
        if first is entry:
            self._found.facts.append(fact)
            return True
        if file is not self._file and file_id == self._id and first.raw == entry.raw:  # the file is here twice
            self._skip(entry, f"the same entry as in line {first.detail.line}")
            return False
        raise ValueError(f"it cannot be told from the entry in line {first.detail.line}: same trace, amount and kind")

    # Fields

    def _identification(self, detail: NachaRecord, context: _Context) -> str:
        """The identification number; an international entry has none."""
        if context.is_international:
            return ""
        text = detail.field(40, 54)
        try:
            return text if text.isascii() else text.encode("latin-1").decode()
        except UnicodeError:
            return text

    def _payment_id(self, entry: NachaEntry, context: _Context) -> str | None:
        if self._options.payment_id == "identification":
            return self._identification(entry.detail, context) or None
        if self._options.payment_id == "addenda":
            texts = [each.field(4, 83) for each in entry.addenda if each.field(2, 3) == "05"]
            return (texts[0] if texts else "") or None
        return None

    def _settlement_date(self, header: NachaRecord) -> Day | None:
        """The settlement date by its day of the year, in the year nearest to the file's creation."""
        text = header.field(76, 78)
        if not text or text == "000":
            return None
        if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 366):
            self._found.notes.append(f"line {header.line}: the settlement date {text!r} is no day of a year: left out")
            return None
        year = date.fromordinal(self._created_on + EPOCH_ORDINAL).year
        days = [date(each, 1, 1) + timedelta(days=int(text) - 1) for each in (year - 1, year, year + 1)]
        days = [day for day, each in zip(days, (year - 1, year, year + 1), strict=True) if day.year == each]
        near = [day.toordinal() - EPOCH_ORDINAL for day in days]
        return min(near, key=lambda day: abs(day - self._created_on)) if near else None

    def _effective(self, header: NachaRecord) -> Day:
        """The banking day on which the batch settles: its effective date, but not before the file was created."""
        text = header.field(70, 75)
        day = self._created_on
        try:
            stated = _day(text)
        except ValueError:
            self._found.notes.append(
                f"line {header.line}: the effective date {text!r} is no day: the day of the file counts"
            )
        else:
            if not self._created_on - 10 <= stated <= self._created_on + 366:
                self._found.notes.append(
                    f"line {header.line}: the effective date {text} is far from the day of the file, which counts"
                )
            day = max(day, stated if stated <= self._created_on + 366 else day)
        while not is_banking_day(day, CURRENCY):
            day += 1
        return day


def _day(text: str) -> Day:
    """A day of this century from YYMMDD.

    Raises:
        ValueError: it is none.

    """
    if not _DAY.fullmatch(text):
        raise ValueError(text)
    return date(2000 + int(text[:2]), int(text[2:4]), int(text[4:])).toordinal() - EPOCH_ORDINAL


def _test(code: str, amount: int, description: str) -> str:
    """What an entry is that moves no payment's money; empty for others."""
    if code in _PRENOTES or description.startswith("PRENOTE"):
        return "a prenote"
    if description == "ACCTVERIFY":  # NACHA's company entry description of micro-entries
        return "an account verification"
    return "" if amount else "an entry of nothing"


def _amount(detail: NachaRecord) -> int:
    text = detail.text[29:39]
    if not (text.isascii() and text.isdigit()):
        raise ValueError(f"the amount (columns 30 to 39) is {text!r}, which is no number of cents")
    return int(text)
