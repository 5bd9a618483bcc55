"""ISO 4217: the currencies that money may be in, and how many decimal digits their minor units have."""

_OF_2_DIGITS = """
    AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW CNY COP
    COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR
    JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN
    NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL
    THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG
    ANG BGN CUC HRK SLL ZWL
    """

_OF_0_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_OF_3_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
_OF_4_DIGITS = "CLF UYW"

EXPONENTS: dict[str, int] = {
    code: digits
    for digits, codes in ((2, _OF_2_DIGITS), (0, _OF_0_DIGITS), (3, _OF_3_DIGITS), (4, _OF_4_DIGITS))
    for code in codes.split()
}
"""The exponent of the minor unit by code: 2 for USD, whose minor unit is 10**-2 dollars.

These are the active codes that have minor units (so not XXX, XTS, XDR or the metals), and, in the last line of two
digits, those withdrawn since 2021: a fact from a time when its code was active must still be accepted on a replay.
"""
