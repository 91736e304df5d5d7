"""Invoices of the UCI Online Retail data: one JSON object per invoice, as the demo's tills send them.

    {"InvoiceNo": "C536379", "InvoiceDate": "2010-12-01 09:41", "CustomerID": "14527", "Country": "United Kingdom",
     "rows": [["D", -1, "27.50"]]}

InvoiceDate is London time. An InvoiceNo that starts with C is goods brought back: its quantities are negative, and what
was given back is positive. A line's total is quantity times price, rounded half-even to pence. Without a CustomerID it
is a guest's receipt, which may contain anything (stock corrections, bad debts) and is kept as it came.
"""

from __future__ import annotations

import re
from datetime import datetime
from functools import lru_cache
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec

from events import i_json
from events.decode import Unreadable, converted, unreadable
from events.facts.purchases import Line
from events.model import Model
from events.said import AnySaid, PurchaseSaid, ReturnSaid
from events.values import ID, half_even_div, instant
from services.intake.core.guests import Guest

TYPE = "uci.invoice.v1"
CURRENCY = "GBP"
SCHEME = "uci"
PARTNERS = {"Germany": "shops-germany", "France": "shops-france", "EIRE": "shops-eire"}
"""Countries whose shops are a partner's. All others are the operator's own."""

_LONDON = ZoneInfo("Europe/London")
_ID = re.compile(ID.removesuffix("$") + r"\Z")
_PRICE = re.compile(r"(-?)([0-9]{1,9})(?:\.([0-9]{1,6}))?\Z")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}):([0-5][0-9])(?::([0-5][0-9]))?\Z")
_QUANTITY_MAX = 10**9
"""With a price below 10^9 a line's total stays below 10^20, and the check of the language refuses it above 2^63."""


Row = tuple[str, int, str]
"""Stock code, quantity, unit price."""


class _Invoice(msgspec.Struct, frozen=True, gc=False):
    number: str = msgspec.field(name="InvoiceNo")
    date: str = msgspec.field(name="InvoiceDate")
    customer: str = msgspec.field(name="CustomerID")
    country: str = msgspec.field(name="Country")
    rows: list[Row]


_decode = msgspec.json.Decoder(_Invoice).decode
_encode = msgspec.json.Encoder().encode
_canonical = msgspec.json.Encoder(order="sorted").encode


def read(value: bytes) -> AnySaid | Guest:
    """The sale, the return or the guest's receipt. Raises Unreadable."""
    try:
        invoice = _decode(value)
        i_json.require(value, _encode(invoice))
    except (ValueError, RecursionError) as error:
        raise unreadable(error) from None
    receipt = f"uci:{invoice.number}"
    if not _ID.match(receipt):
        raise Unreadable(f"InvoiceNo {invoice.number[:100]!r} makes no id")
    given_back = invoice.number.startswith("C")
    if not invoice.customer:
        return Guest(receipt, "return" if given_back else "purchase", len(invoice.rows), _canonical(invoice))
    lines = [_line(row, given_back) for row in invoice.rows]
    said = {
        "type": "return" if given_back else "purchase",
        "id": receipt,
        "occurred_at": _instant(invoice.date),
        "identifier": {"scheme": SCHEME, "value": invoice.customer},
        "store": f"uci:{invoice.country.replace(' ', '-')}",
        "partner": PARTNERS.get(invoice.country),
        "currency": CURRENCY,
        "total_minor": sum([line.total_minor for line in lines]),
        "lines": lines,
    }
    return cast("AnySaid", _converted(said, ReturnSaid if given_back else PurchaseSaid))


def _converted(value: object, to: type[Model]) -> Any:
    try:
        return converted(value, to)
    except msgspec.ValidationError as error:
        raise unreadable(error) from None


@lru_cache(1 << 15)
def _line(row: Row, given_back: bool) -> Line:
    """A checked line. A shop sells the same goods in the same quantities again: nine of ten lines of the demo."""
    code, quantity, price = row
    if not 0 <= (-quantity if given_back else quantity) <= _QUANTITY_MAX:
        raise Unreadable(
            f"a quantity of {str(quantity)[:30]} is no quantity of a {'return' if given_back else 'purchase'}"
        )
    item, category = _item(code)
    total = total_minor(quantity, price)
    line = {
        "item": item,
        "quantity": abs(quantity),
        "total_minor": -total if given_back else total,
        "categories": (category,),
    }
    return cast("Line", _converted(line, Line))


def total_minor(quantity: int, price: str) -> int:
    """Pence for so many at that price in pounds ('2.55'), rounded half-even. Raises Unreadable."""
    found = _PRICE.match(price)
    if not found:
        raise Unreadable(f"UnitPrice {price[:50]!r} is not a price in pounds like '2.55'")
    sign, whole, part = found[1], found[2], found[3] or ""
    exact = quantity * int(whole + part) * (-1 if sign else 1)
    return half_even_div(100 * exact, 10 ** len(part))


@lru_cache(10_000)
def _item(code: str) -> tuple[str, str]:
    """The item and its category: goods are numbered with five digits, everything else is a service."""
    goods = re.match(r"[0-9]{5}", code)
    return re.sub(r"[^A-Za-z0-9._-]", "-", code), f"group-{code[:2]}" if goods else "service"


def _instant(london: str) -> str:
    """The instant of a London time '2010-12-01 08:26'. A time that clocks show twice is the first of the two."""
    found = _DATE.match(london)
    hour = _hour(found[1]) if found else None
    if found is None or hour is None:
        raise Unreadable(f"InvoiceDate {london[:50]!r} is not a time like '2010-12-01 08:26'")
    return f"{hour}:{found[2]}:{found[3] or '00'}Z"


@lru_cache(10_000)
def _hour(london: str) -> str | None:
    """'2010-12-01 08' of London in UTC, which whole hours lie between; None: no such day or hour."""
    try:
        return instant(int(datetime.fromisoformat(f"{london}:00").replace(tzinfo=_LONDON).timestamp()) * 1000)[:13]
    except (ValueError, OverflowError):
        return None
