"""The demo's receipts, and how a till says them: enrolment, receipt, redemption, each under an id made of its number.

Owns the reading of the data file and the ids. Does not own the rules of who redeems when (club.py), nor what a line is
worth: intake reads the invoices in their own dialect.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from events.cloudevents import headers
from events.said import EnrolledSaid, Identifier, RedemptionRequestedSaid
from events.topics import ENROLMENTS, PURCHASES, REDEMPTIONS, Topic
from events.values import instant

DATA = Path(__file__).resolve().parents[3] / "data" / "uci-online-retail"
TILLS = 12
"""All receipts of a customer come from one till, so that they stay in order."""

APART = 3
"""At most so many receipts begin before the rows of one are all there: those of one receipt do not lie together."""

_LONDON = ZoneInfo("Europe/London")
_encode = msgspec.json.Encoder().encode


class Receipt(NamedTuple):
    """One invoice of the data."""

    number: str
    customer: str
    """Empty: a guest's."""
    country: str
    local: str
    """London time of its first row, to the minute: 2010-12-01 08:26."""
    rows: tuple[tuple[str, int, str], ...]
    """Stock code, quantity, unit price."""

    @property
    def is_sale(self) -> bool:
        return not self.number.startswith("C")

    @property
    def fact(self) -> str:
        """The id under which intake books it."""
        return f"uci:{self.number}"

    @property
    def occurred_at(self) -> str:
        return f"{_hour(self.local[:13])}{self.local[13:]}:00Z"

    @property
    def till(self) -> str:
        digits = self.customer or "".join(c for c in self.number if c.isdigit())
        return f"till-{int(digits) % TILLS:02d}"


@lru_cache
def _hour(local: str) -> str:
    """'2010-12-01 08' of London in UTC, which whole hours lie between."""
    there = datetime.fromisoformat(f"{local}:00").replace(tzinfo=_LONDON, fold=0)
    return instant(int(there.timestamp()) * 1000)[:13]


class Saying(NamedTuple):
    """One record for an inbound topic."""

    topic: Topic
    key: bytes
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


def read(data: Path = DATA) -> Iterator[Receipt]:
    """Every receipt, in the order of the file; one stands where its first row stands."""
    newest: dict[str, Receipt] = {}
    for number, rows in groupby(_rows(data), key=itemgetter(0)):
        _, codes, _, quantities, times, prices, customers, countries = zip(*rows, strict=True)
        lines = tuple(zip(codes, map(int, quantities), prices, strict=True))
        if (known := newest.get(number)) is not None:
            newest[number] = known._replace(rows=known.rows + lines)
            continue
        newest[number] = Receipt(number, customers[0], countries[0], times[0][:16], lines)
        if len(newest) > APART:
            yield newest.pop(next(iter(newest)))
    yield from newest.values()


def _rows(data: Path) -> Iterator[list[str]]:
    with gzip.open(data / "online-retail.csv.gz", "rt", encoding="utf-8", newline="") as text:
        rows = csv.reader(text)
        next(rows)  # the names: InvoiceNo StockCode Description Quantity InvoiceDate UnitPrice CustomerID Country
        yield from rows


def said(receipt: Receipt) -> Saying:
    """The receipt in the dialect of its shop."""
    invoice = {
        "InvoiceNo": receipt.number,
        "InvoiceDate": receipt.local,
        "CustomerID": receipt.customer,
        "Country": receipt.country,
        "rows": receipt.rows,
    }
    till = receipt.till
    named = headers(receipt.number, till, "purchase", receipt.occurred_at)
    spoken = tuple([(name, b"uci.invoice.v1" if name == "ce_type" else value) for name, value in named])
    return Saying(PURCHASES, till.encode(), _encode(invoice), spoken)


def enrolment(first: Receipt) -> tuple[str, Saying]:
    """The id and the record that enrol a customer at the time of the first receipt."""
    enrolled = EnrolledSaid(
        id=f"uci:enrolled:{first.customer}", occurred_at=first.occurred_at, identifier=_identifier(first)
    )
    return enrolled.id, _in_the_language(ENROLMENTS, first, enrolled)


def redemption(receipt: Receipt, points: int, name: str = "redemption") -> tuple[str, Saying]:
    """The id and the record that ask for points after a receipt; `name` tells several of one receipt apart."""
    asked = RedemptionRequestedSaid(
        id=f"uci:{name}:{receipt.number}",
        occurred_at=receipt.occurred_at,
        identifier=_identifier(receipt),
        points=points,
    )
    return asked.id, _in_the_language(REDEMPTIONS, receipt, asked)


def _identifier(receipt: Receipt) -> Identifier:
    return Identifier(scheme="uci", value=receipt.customer)


def _in_the_language(topic: Topic, receipt: Receipt, said: EnrolledSaid | RedemptionRequestedSaid) -> Saying:
    named = headers(said.id, receipt.till, said.type, said.occurred_at)
    value = said.model_dump_json(exclude_none=True).encode()
    return Saying(topic, receipt.till.encode(), value, named)
