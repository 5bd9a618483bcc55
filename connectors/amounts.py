"""Money from text, without floats: decimal text or whole units of a processor to minor units of ISO 4217."""

from domain.currencies import EXPONENTS


def exponent_of(currency: str) -> int:
    """The decimal digits of a currency's minor unit by ISO 4217.

    Raises:
        ValueError: no such currency.

    """
    digits = EXPONENTS.get(currency)
    if digits is None:
        raise ValueError(f"{currency!r} is no currency of ISO 4217")
    return digits


def minor_units(text: str, digits: int) -> int:
    """Read a decimal text in major units: `-12.5` with 2 digits is -1250; `.11` is 11; `515` is 51500.

    Raises:
        ValueError: it is no decimal number, or has more digits than the currency.

    """
    sign = -1 if text[:1] == "-" else 1
    whole, _, part = (text[1:] if text[:1] in ("-", "+") else text).partition(".")
    if len(part) > digits and not part[digits:].strip("0"):
        part = part[:digits]
    number = whole + part
    if not (number.isascii() and number.isdigit()) or len(number) > 40:
        raise ValueError(f"{text[:40]!r} is not an amount such as 1234.50")
    if len(part) > digits:
        raise ValueError(f"{text[:40]!r} has {len(part)} decimals; the currency has {digits}")
    return sign * int(number + "0" * (digits - len(part)))


def from_units(amount: int, units_digits: int, digits: int) -> int:
    """Turn whole units of 10**-units_digits into minor units of 10**-digits, exactly.

    Raises:
        ValueError: the amount is no whole number of minor units.

    """
    if digits >= units_digits:
        return amount * int("1" + "0" * (digits - units_digits))
    quotient, rest = divmod(amount, int("1" + "0" * (units_digits - digits)))
    if rest:
        raise ValueError(f"{amount} units of 10^-{units_digits} are no whole minor units of 10^-{digits}")
    return quotient
