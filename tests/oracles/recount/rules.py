"""The rules of tests/faults/programme.yaml, written down again, for one fact after the other of a member.

A point for every whole pound of a receipt, no expiry, no levels. Goods brought back take the difference with them;
without their receipt they count like a receipt of the same lines, and before it they wait for it. Points asked for are
given when they are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

PENCE_A_POINT = 100

Goods = tuple[tuple[str, int, int], ...]
"""(item, quantity, pence) of each line."""


@dataclass
class Account:
    """A member as the rules have it, after some facts."""

    balance: int = 0
    """Below zero: debt."""
    receipts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    backs: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    """Receipt, come or not -> what was said to come back of it."""


class Due(NamedTuple):
    """What the rules say of a fact: its refusal (empty: done), and what it adds to the balance."""

    refusal: str = ""
    points: int = 0
    waits: bool = False
    """Goods are back before their receipt has come."""
    others: tuple[tuple[Mapping[str, Any], int], ...] = ()
    """(fact, points) of what came before and counts otherwise now: part of `points`."""


def judged(account: Account, fact: Mapping[str, Any]) -> Due:
    """A fact under the rules. Notes what was bought and brought back; the balance is the caller's."""
    match fact["type"]:
        case "purchase":
            return changed(account, fact["id"], fact, lambda: account.receipts.update({fact["id"]: fact}))
        case "return" if fact.get("purchase") is not None:
            backs = account.backs.setdefault(fact["purchase"], [])
            return changed(account, fact["purchase"], fact, lambda: backs.append(fact))
        case "return":
            return Due(points=-(pence_of(fact) // PENCE_A_POINT))
        case "redemption_requested":
            if fact["points"] > max(0, account.balance):
                return Due("balance_must_cover_the_points")
            return Due(points=-fact["points"])
        case "enrolled":
            return Due()
    raise ValueError(f"the rules know no {fact['type']}")


def changed(account: Account, receipt: str, fact: Mapping[str, Any], note: Callable[[], None]) -> Due:
    """What a fact about a receipt adds: the receipt and its returns are counted again, in the order of time."""
    before, _ = worth(account, receipt)
    note()
    after, aside = worth(account, receipt)
    moved = {name: points - before.get(name, 0) for name, points in after.items()}
    told = {one["id"]: one for one in (*account.receipts.values(), *account.backs.get(receipt, ()))}
    others = tuple((told[name], points) for name, points in moved.items() if points and name != fact["id"])
    refusal = "return_must_not_exceed_the_purchase" if fact["id"] in aside else ""
    waits = fact["type"] == "return" and receipt not in account.receipts
    return Due(refusal, sum(moved.values()), waits, others)


def worth(account: Account, receipt: str) -> tuple[dict[str, int], set[str]]:
    """Fact -> its points, of a receipt and what came back of it; and the returns that exceed what there was."""
    bought = account.receipts.get(receipt)
    if bought is None:
        return {}, set()
    left = Counter[str]()
    for item, _, pence in goods_of(bought):
        left[item] += pence
    points, aside, counted = {receipt: 0}, set(), False
    for back in sorted(account.backs.get(receipt, ()), key=lambda one: (one["occurred_at"], one["id"])):
        if not counted and back["occurred_at"] >= bought["occurred_at"]:
            points[receipt], counted = left.total() // PENCE_A_POINT, True
        was = left.total() // PENCE_A_POINT
        gone = Counter[str]()
        for item, _, pence in goods_of(back):
            gone[item] += pence
        if any(pence > left[item] for item, pence in gone.items()):
            aside.add(back["id"])
            gone.clear()
        left -= gone
        points[back["id"]] = left.total() // PENCE_A_POINT - was if counted else 0
    if not counted:
        points[receipt] = left.total() // PENCE_A_POINT
    return points, aside


def goods_of(fact: Mapping[str, Any]) -> Goods:
    return tuple((line["item"], line.get("quantity", 1), line["total_minor"]) for line in fact["lines"])


def pence_of(fact: Mapping[str, Any]) -> int:
    return sum(line["total_minor"] for line in fact["lines"])
