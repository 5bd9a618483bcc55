"""The words of which all scenarios are made: amounts, days, instants, options."""

import re
from datetime import UTC, date, datetime

from domain.time import EPOCH_ORDINAL, Micros, micros_of


def minor(text: str) -> int:
    assert re.fullmatch(r"-?\d+\.\d\d", text), f"{text!r} is not an amount"
    return int(text.replace(".", ""))


def money(amount: int) -> str:
    return f"{'-' if amount < 0 else ''}{abs(amount) // 100}.{abs(amount) % 100:02}"


def day(text: str) -> int:
    return date.fromisoformat(text).toordinal() - EPOCH_ORDINAL


def instant(text: str) -> Micros:
    return micros_of(datetime.fromisoformat(text).replace(tzinfo=UTC))


def options_of(words: list[str], names: set[str]) -> tuple[dict[str, str], list[str]]:
    """Split words into options, each a name and the word that follows it, and the others."""
    options: dict[str, str] = {}
    plain: list[str] = []
    words_left = iter(words)
    for word in words_left:
        if word in names:
            options[word] = next(words_left)
        else:
            plain.append(word)
    return options, plain
