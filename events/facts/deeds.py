"""Deeds: what a member did that is no purchase, a day that is the member's own, a lower price that was found."""

from __future__ import annotations

from typing import Literal

from events.facts.fact import AtShop
from events.values import Code, Count, CountMoved, Id, Label, LineMinor, Sentence


class Deed(AtShop):
    """Something was done, or came round: empty jars brought back, a review written, a birthday.

    Who knows the birthday says so in its year; the day itself is personal and stays with them.
    """

    type: Literal["deed"] = "deed"
    what: Code
    """As the programme's rules name it: `empty-jar`, `birthday` ..."""
    count: CountMoved = 1
    """How often; below 0 takes back what was said too often."""


class PriceFound(AtShop):
    """The same goods were found cheaper elsewhere, and somebody has looked at the proof."""

    type: Literal["price_found"] = "price_found"
    purchase: Id
    """The receipt that they were bought on."""
    item: Label
    quantity: Count = 1
    """How many units the price is for."""
    found_minor: LineMinor
    """What these units cost elsewhere, in all, in minor units of the receipt's currency."""
    evidence: Sentence
    """Where and when it was seen."""
