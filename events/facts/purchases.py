"""Purchases, what becomes of them afterwards, and their lines."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from events.facts.fact import AtShop
from events.model import Model
from events.values import I31, Currency, Id, Label, LineMinor, Quantity


class Line(Model):
    """One line of a receipt."""

    item: Label
    quantity: Quantity = 1
    """Units; a weighed item counts as one."""
    total_minor: LineMinor
    """What was paid for the whole line, in minor units of the receipt's currency, taxes included."""
    tax_minor: LineMinor = 0
    """The tax contained in it; never more than `total_minor`. In a return of a known receipt 0 is its share by money of
    what was bought, half up; in one without a receipt, none."""
    categories: tuple[Label, ...] = ()


Codes = Annotated[tuple[Label, ...], Field(max_length=20)]
"""Promotion codes that were shown with a receipt, as the programme writes them."""

Lines = Annotated[tuple[Line, ...], Field(min_length=1, max_length=10_000)]


class Goods(Model):
    """What goes over the counter, and in which money."""

    currency: Currency
    lines: Lines


class Bought(Goods):
    """The content of a sale."""

    codes: Codes = ()


class Purchase(Bought, AtShop):
    """A sale. Its id is the receipt's, never made from its content: two equal receipts are two sales."""

    type: Literal["purchase"] = "purchase"


class Correction(Bought, AtShop):
    """The same receipt (same id) with other content: the whole receipt as it should have been. `revision` >= 1."""

    type: Literal["correction"] = "correction"
    revision: Annotated[int, Field(gt=0, le=I31)]


class ReturnContent(Goods):
    """Which goods come back, and of which receipt."""

    type: Literal["return"] = "return"
    purchase: Id | None = None
    """The receipt that the goods were bought on; None when it is not known (an unlinked return)."""


class Return(ReturnContent, AtShop):
    """Goods brought back. Amounts are positive: what was given back for each line."""
