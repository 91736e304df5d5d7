"""A pool, counted again lot by lot from all its facts in the order of time: who leaves has back her rest."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.oracles.recount.rules import DONE, Due, Fact, declined, place_of

Lot = tuple[int, int, str, str]
"""(earned, active from, the owner's mark and slot, owner). The oldest is spent first; nothing here ends."""


class Counted(NamedTuple):
    """What a pool's facts come to."""

    balance: int
    """Below zero: debt."""
    given: Counter[tuple[str, str]]
    """(fact, owner) -> points that went back with it."""


@dataclass
class Pool:
    """A pool's facts that count, by id."""

    facts: dict[str, Fact] = field(default_factory=dict)

    def judged(self, fact: Fact) -> Due:
        """A fact of the pool, noted if it counts."""
        match fact["type"]:
            case "redemption_requested" if fact["points"] > self.counted().balance:
                return declined("balance_must_cover_the_points")
            case "pool_left" if fact["who"] not in self.sharers(fact):
                return declined("pool_must_be_shared")
            case "pool_joined" | "pool_left" | "message" | "redemption_requested":
                self.facts[fact["id"]] = fact
            case other:
                raise ValueError(f"the rules know no {other} of a pool")
        return DONE

    def sharers(self, before: Fact) -> set[str]:
        """Who shares it just before a fact."""
        found: set[str] = set()
        for fact in sorted(self.facts.values(), key=place_of):
            if place_of(fact) < place_of(before):
                step(found, fact)
        return found

    def counted(self) -> Counted:
        """Every fact again, in the order of time."""
        lots: Counter[Lot] = Counter()
        given: Counter[tuple[str, str]] = Counter()
        sharers: set[str] = set()
        debt = 0
        for fact in sorted(self.facts.values(), key=place_of):
            step(sharers, fact)
            if fact["type"] == "redemption_requested":
                debt += spend(lots, fact["points"])
            for share in fact.get("lots", ()):
                repaid = min(debt, share["points"])
                debt -= repaid
                lots[lot_of(share["lot"], fact["sender"])] += share["points"] - repaid
            for lot in [lot for lot in lots if lot[3] not in sharers]:
                given[fact["id"], lot[3]] += lots.pop(lot)
        return Counted(lots.total() - debt, given)


def step(sharers: set[str], fact: Fact) -> None:
    if fact["type"] == "pool_joined":
        sharers.add(fact["who"])
    elif fact["type"] == "pool_left":
        sharers.discard(fact["who"])


def spend(lots: Counter[Lot], points: int) -> int:
    """Take from the oldest lots first; what they lack."""
    for lot in sorted(lots):
        part = min(points, lots[lot])
        lots[lot] -= part
        points -= part
    return points


def lot_of(text: str, owner: str) -> Lot:
    _, earned, active, slot = text.split(".", 3)
    return int(earned), int(active), f"@{owner}@{slot}", owner
