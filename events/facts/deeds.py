"""Deeds: what a member did that is no purchase, a day that is the member's own, a lower price that was found."""

from __future__ import annotations

from typing import Literal

from events.facts.fact import AtShop
from events.model import Model
from events.values import Code, Count, CountMoved, Id, Label, LineMinor, Sentence


class DeedContent(Model):
    """What was done, and how often."""

    type: Literal["deed"] = "deed"
    what: Code
    """As the programme's rules name it: `empty-jar`, `birthday` ..."""
    count: CountMoved = 1
    """How often; below 0 takes back what was said too often."""


class Deed(DeedContent, AtShop):
    """Something was done, or came round: empty jars brought back, a review written, a birthday.

    Who knows the birthday says so in its year; the day itself is personal and stays with them.
    """


class PriceFoundContent(Model):
    """Which goods, and what they cost elsewhere."""

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


class PriceFound(PriceFoundContent, AtShop):
    """The same goods were found cheaper elsewhere, and somebody has looked at the proof."""
