"""The control totals of NACHA files: what batch and file controls state, and what the lines come to."""

from connectors.model import BrokenFile, Control
from connectors.nacha_records import NachaBatch, NachaFile, NachaRecord, total_of

CURRENCY = "USD"


def file_totals(file: NachaFile, notes: list[str]) -> list[Control]:
    """Every control of a file and its batches; what is odd and no total goes to the notes.

    Raises:
        BrokenFile: a total is no number.

    """
    controls = [control for batch in file.batches for control in _batch_totals(batch, notes)]
    batches, control = file.batches, file.control
    wide = bool(batches) and all(batch.is_advice for batch in batches)
    debits, credits = (sum(total_of(batch, debits=side) for batch in batches) for side in (True, False))
    blocks = _control("blocks of the file", control, (8, 13), -(-file.records // 10))
    if blocks.stated_minor != blocks.found_minor:
        notes.append(f"{blocks.name}: {blocks.stated_minor} are stated, there are {blocks.found_minor}")
    return [
        *controls,
        _control("batches of the file", control, (2, 7), len(batches)),
        _control("entries and addenda of the file", control, (14, 21), sum(map(_count, batches))),
        _control("entry hash of the file", control, (22, 31), sum(map(_hash, batches)) % 10**10),
        _control("debits of the file", control, (32, 51) if wide else (32, 43), debits, CURRENCY),
        _control("credits of the file", control, (52, 71) if wide else (44, 55), credits, CURRENCY),
    ]


def refuse_wrong_totals(controls: list[Control]) -> None:
    """Refuse a file whose totals do not agree.

    Raises:
        BrokenFile: one does not; the first is named.

    """
    wrong = [each for each in controls if each.stated_minor != each.found_minor]
    if wrong:
        first = wrong[0]
        raise BrokenFile(
            f"{first.name}: {first.stated_minor} are stated, and the lines come to {first.found_minor}"
            + (f" ({len(wrong) - 1} more totals do not agree)" if len(wrong) > 1 else "")
            + ": lines are missing or changed. Get the file again, or read it with accept_wrong_totals"
        )


def _batch_totals(batch: NachaBatch, notes: list[str]) -> list[Control]:
    header, control = batch.header, batch.control
    assert control is not None  # files_of gives complete batches
    name = f"batch {header.field(88, 94)} in line {header.line}"
    if header.field(88, 94) != control.field(88, 94):
        notes.append(f"line {control.line}: {name} has another number in its control")
    wide = batch.is_advice
    debits, credits = total_of(batch, debits=True), total_of(batch, debits=False)
    return [
        _control(f"entries and addenda of {name}", control, (5, 10), _count(batch)),
        _control(f"entry hash of {name}", control, (11, 20), _hash(batch)),
        _control(f"debits of {name}", control, (21, 40) if wide else (21, 32), debits, CURRENCY),
        _control(f"credits of {name}", control, (41, 60) if wide else (33, 44), credits, CURRENCY),
    ]


def _control(name: str, record: NachaRecord, columns: tuple[int, int], found: int, currency: str = "") -> Control:
    stated = record.number(*columns, name)
    return Control(f"{name} (line {record.line})", stated, found, currency)


def _count(batch: NachaBatch) -> int:
    return sum(1 + len(entry.addenda) for entry in batch.entries)


def _hash(batch: NachaBatch) -> int:
    routing = (entry.detail.text[3:11].strip() for entry in batch.entries)
    return sum(int(text) for text in routing if text.isascii() and text.isdigit()) % 10**10
