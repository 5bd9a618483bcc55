"""What Stripe's files and events have in common: its minor units, its methods, the identities of its records.

Sources: docs.stripe.com/currencies (minor units), docs.stripe.com/reports/reporting-categories (categories),
docs.stripe.com/payments/ach-direct-debit (returns arrive as failures and disputes).
"""

from connectors.amounts import exponent_of, from_units

PROCESSOR = "stripe"

FORMAT = "stripe"
"""Part of every event id: one for reports and events, which repeat each other's balance transactions."""

ACH_METHODS = frozenset({"us_bank_account", "ach_debit"})
"""Payment methods whose dispute is an ACH return: it takes back its charge, and no card scheme decides about it."""

_ZERO_DECIMAL = "BIF CLP DJF GNF JPY KMF KRW MGA PYG RWF VND VUV XAF XOF XPF"
_THREE_DECIMAL = "BHD JOD KWD OMR TND"
_EXPONENTS = {code: digits for digits, codes in ((0, _ZERO_DECIMAL), (3, _THREE_DECIMAL)) for code in codes.split()}


def api_exponent(currency: str) -> int:
    """The decimals of an amount in Stripe's API (docs.stripe.com/currencies, "Zero-decimal" and "Special cases").

    It differs from ISO 4217 in MGA (0 at Stripe, 2 by ISO), and in ISK and UGX, which Stripe still takes as currencies
    of two decimals (0 by ISO).
    """
    return _EXPONENTS.get(currency, 2)


def minor_from_api(amount: int, currency: str) -> int:
    """Turn an amount of the API into minor units of ISO 4217.

    Raises:
        ValueError: the currency is unknown, or the amount is not whole in it.

    """
    return from_units(amount, api_exponent(currency), exponent_of(currency))
