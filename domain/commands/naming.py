"""Whether a text of a bank or a processor names something, apart from case, blanks and punctuation."""

import re

CHARACTERS_MIN = 3
"""Shorter names are in too many texts."""

_LETTER_OR_DIGIT = r"[^\W_]"


def names(text: str | None, name: str, *, whole: bool = True) -> bool:
    """Whether a name is in a text; as a whole, so that `PO-12` does not name `po_1`, or also in a longer word."""
    characters = re.findall(_LETTER_OR_DIGIT, name.casefold())
    if text is None or not characters or len(name) < CHARACTERS_MIN:
        return False
    pattern = r"[\W_]*".join(characters)
    if whole:
        pattern = f"(?<!{_LETTER_OR_DIGIT}){pattern}(?!{_LETTER_OR_DIGIT})"
    return re.search(pattern, text.casefold()) is not None
