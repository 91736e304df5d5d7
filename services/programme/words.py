"""Amounts and conditions in a customer's words: money, points, which lines of a receipt count.

Owns only the words. A mechanic builds its sentence of them (`Mechanic.why`), so that explain and a programme's plain
sheet say the same.
"""

from __future__ import annotations

from services.programme.mechanic import POINTS, Counted

_EXPONENTS = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
"""ISO 4217's minor units, where they are not 2."""


def decimal(amount: int, decimals: int) -> str:
    """An amount of smallest units, written with its decimals: decimal(-150, 2) is "-1.50"."""
    whole, rest = divmod(abs(amount), 10**decimals)
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole:,}.{rest:0{decimals}d}" if decimals else f"{sign}{whole:,}"


def money(minor: int, currency: str) -> str:
    """ "12.34 GBP" of 1234; "1,000 JPY" of 1000."""
    return f"{decimal(minor, _EXPONENTS.get(currency, 2))} {currency}"


def amount(number: int, unit: str, decimals: int = 0) -> str:
    """ "12 points", "1 point", "1.50 points"; "2 free-coffee" of a thing."""
    if unit != POINTS:
        return f"{number:,} {unit}"
    return f"{decimal(number, decimals)} {'point' if number == 10**decimals else 'points'}"


def counted(lines: Counted) -> str:
    """Which lines count, to stand behind "for what was paid": "", " for wine", " for all but tobacco, without tax"."""
    tax = ", without tax" if getattr(lines, "base", "gross") == "net" else ""
    only, but = " or ".join(lines.only), " or ".join(lines.exclude)
    if lines.items:
        items = " or ".join(lines.items)
        only = f"{only} that is {items}" if only else items
    if only and but:
        return f" for {only}, not {but}{tax}"
    return (f" for {only}" if only else f" for all but {but}" if but else "") + tax
