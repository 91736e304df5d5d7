"""The rules of tests/faults/programme.yaml, written down again, for one fact after the other of a member.

A point for every whole pound of a receipt, no expiry, no levels. Goods brought back take the difference with them;
without their receipt they count like a receipt of the same lines. Points asked for are given when they are there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PENCE_A_POINT = 100


@dataclass
class Account:
    """A member as the rules have it, after some facts."""

    balance: int = 0
    """Below zero: debt."""
    bought: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    """Receipt -> item -> [quantity, pence] that was not brought back."""


@dataclass
class Due:
    """What the rules say of a fact: its refusal (empty: done), and what it adds to the balance."""

    refusal: str = ""
    points: int = 0


def judged(account: Account, fact: Mapping[str, Any]) -> Due:
    """A fact under the rules. Notes what was bought and brought back; the balance is the caller's."""
    match fact["type"]:
        case "purchase":
            goods: dict[str, list[int]] = {}
            for line in fact["lines"]:
                had = goods.setdefault(line["item"], [0, 0])
                had[0] += line.get("quantity", 1)
                had[1] += line["total_minor"]
            account.bought[fact["id"]] = goods
            return Due(points=pence_of(fact) // PENCE_A_POINT)
        case "return":
            return brought_back(account, fact)
        case "redemption_requested":
            if fact["points"] > max(0, account.balance):
                return Due("balance_must_cover_the_points")
            return Due(points=-fact["points"])
        case "enrolled":
            return Due()
    raise ValueError(f"the rules know no {fact['type']}")


def brought_back(account: Account, fact: Mapping[str, Any]) -> Due:
    if fact.get("purchase") is None:
        return Due(points=-(pence_of(fact) // PENCE_A_POINT))
    goods = account.bought.get(fact["purchase"])
    if goods is None:
        return Due("purchase_must_be_known")
    left = {item: list(had) for item, had in goods.items()}
    for line in fact["lines"]:
        there = left.get(line["item"], [0, 0])
        there[0] -= line.get("quantity", 1)
        there[1] -= line["total_minor"]
        if there[0] < 0 or there[1] < 0:
            return Due("return_must_not_exceed_the_purchase")
    account.bought[fact["purchase"]] = left
    was, now = (sum(pence for _, pence in goods.values()) for goods in (goods, left))
    return Due(points=now // PENCE_A_POINT - was // PENCE_A_POINT)


def pence_of(fact: Mapping[str, Any]) -> int:
    return sum(line["total_minor"] for line in fact["lines"])
