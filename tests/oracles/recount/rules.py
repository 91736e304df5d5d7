"""The rules of tests/faults/programme.yaml, written down again, for one fact after the other of a member.

A point for every whole pound of a receipt, no expiry, no levels. Goods brought back take the difference with them;
without their receipt they count like a receipt of the same lines, and before it they wait for it. Points asked for are
given when they are there; held ones come back at the end of the hold, unless they are taken. Who gives points to
another must have them at the fact's own place in time, too; a tenth of them, rounded down, is the fee.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

PENCE_A_POINT = 100
FEE_PERCENT = 10

Fact = Mapping[str, Any]
Goods = tuple[tuple[str, int, int], ...]
"""(item, quantity, pence) of each line."""

RANKS = {"pool_joined": 0, "enrolled": 0, "message": 1, "purchase": 2, "return": 3, "redemption_requested": 6,
         "transfer_requested": 6, "contribution_requested": 6, "redemption_captured": 7, "redemption_voided": 8,
         "pool_left": 9}  # fmt: skip
"""Which of two facts of one instant comes first."""

Place = tuple[str, int, str]
"""Where a fact stands in a member's time: instant, rank, id."""


@dataclass
class Hold:
    """Points that were held, and what became of them."""

    points: int
    until: str
    ended: str = ""
    """When they were taken or given back; empty: nobody did."""
    taken: int = 0

    def at(self, now: str) -> tuple[int, int]:
        """How many points are gone from the balance, and how many of them are still held, at an instant."""
        ended = "" < self.ended <= now
        if ended and self.ended < self.until:
            return self.taken, 0
        if now < self.until:
            return self.points, self.points
        return (self.taken if ended else 0), 0


@dataclass
class Account:
    """A member as the rules have it, after some facts."""

    receipts: dict[str, Fact] = field(default_factory=dict)
    backs: dict[str, list[Fact]] = field(default_factory=dict)
    """Receipt, come or not -> what was said to come back of it."""
    earned: int = 0
    """By receipts, and what came back of them."""
    moves: dict[str, tuple[Place, int]] = field(default_factory=dict)
    """Fact -> what it adds by itself."""
    holds: dict[str, tuple[Place, Hold]] = field(default_factory=dict)
    moved: int = 0
    """By `moves`, in all."""
    now: str = ""
    """The newest instant of its facts."""

    def stands(self) -> tuple[int, int]:
        """Balance (below zero: debt) and what is held, now."""
        ends = [hold.at(self.now) for _, hold in self.holds.values()]
        return self.earned + self.moved - sum(gone for gone, _ in ends), sum(held for _, held in ends)

    def stood(self, place: Place) -> int:
        """The balance just before a place in time."""
        points = sum(n for there, n in self.moves.values() if there < place)
        points -= sum(hold.at(place[0])[0] for there, hold in self.holds.values() if there < place)
        for receipt in self.receipts:
            told = {one["id"]: one for one in (self.receipts[receipt], *self.backs.get(receipt, ()))}
            points += sum(n for name, n in worth(self, receipt)[0].items() if place_of(told[name]) < place)
        return points

    def move(self, fact: Fact, points: int) -> None:
        """Let a fact add so much; in the place of what it added before."""
        self.moved += points - self.moves.get(fact["id"], (None, 0))[1]
        self.moves[fact["id"]] = place_of(fact), points


class Due(NamedTuple):
    """What the rules say of a fact."""

    status: str = "done"
    refusal: str = ""
    tells: tuple[tuple[Fact, int], ...] = ()
    """(fact, points): of what came before and counts otherwise now, and last of this one."""


DONE = Due()


def place_of(fact: Fact) -> Place:
    return fact["occurred_at"], RANKS[fact["type"]], fact["id"]


def declined(refusal: str) -> Due:
    return Due("declined", refusal)


def judged(account: Account, fact: Fact, *, decided: bool = False) -> Due:
    """A fact under the rules, noted in the account. decided: it was granted before."""
    match fact["type"]:
        case "purchase":
            return changed(account, fact["id"], fact, lambda: account.receipts.update({fact["id"]: fact}))
        case "return" if fact.get("purchase") is not None:
            backs = account.backs.setdefault(fact["purchase"], [])
            return changed(account, fact["purchase"], fact, lambda: backs.append(fact))
        case "return":
            account.move(fact, -(pence_of(fact) // PENCE_A_POINT))
            return Due(tells=((fact, account.moves[fact["id"]][1]),))
        case "redemption_requested":
            if not decided and "" < fact.get("hold_until", "") <= account.now:
                return declined("hold_must_end_after_it_begins")
            if not decided and fact["points"] > account.stands()[0]:
                return declined("balance_must_cover_the_points")
            if fact.get("hold_until") is None:
                account.move(fact, -fact["points"])
            else:
                account.holds[fact["id"]] = place_of(fact), Hold(fact["points"], fact["hold_until"])
        case "redemption_captured" | "redemption_voided":
            if fact["redemption"] not in account.holds:
                return declined("redemption_must_be_known")
            return end_of_a_hold(account.holds[fact["redemption"]][1], fact)
        case "transfer_requested" | "contribution_requested":
            for balance in (account.stands()[0], account.stood(place_of(fact))):
                if balance < 0:
                    return declined("debt_must_be_repaid_first")
                if balance < fact["points"]:
                    return declined("balance_must_cover_the_points")
            account.move(fact, -fact["points"])
        case "message":
            account.move(fact, given_by(fact))
        case "enrolled":
            pass
        case other:
            raise ValueError(f"the rules know no {other}")
    return DONE


def end_of_a_hold(hold: Hold, fact: Fact) -> Due:
    """Taken, if need be after its end; but nothing can be given back of one that has ended."""
    if fact["type"] == "redemption_voided" and hold.until <= fact["occurred_at"]:
        return declined("redemption_must_be_open")
    hold.ended, hold.taken = fact["occurred_at"], fact.get("points") or 0
    return DONE


def given_by(message: Fact) -> int:
    """All that a message says, of every lot."""
    return sum(share["points"] for share in message.get("lots", ()))


def changed(account: Account, receipt: str, fact: Fact, note: Callable[[], None]) -> Due:
    """What a fact about a receipt adds: the receipt and its returns are counted again, in the order of time."""
    before, _ = worth(account, receipt)
    note()
    after, aside = worth(account, receipt)
    moved = {name: points - before.get(name, 0) for name, points in after.items()}
    account.earned += sum(moved.values())
    told = {one["id"]: one for one in (*account.receipts.values(), *account.backs.get(receipt, ()))}
    tells = tuple((told[name], points) for name, points in moved.items() if points and name != fact["id"])
    tells += ((fact, moved.get(fact["id"], 0)),)
    if fact["id"] in aside:
        return Due("declined", "return_must_not_exceed_the_purchase", tells)
    waits = fact["type"] == "return" and receipt not in account.receipts
    return Due("waiting" if waits else "done", tells=tells)


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


def goods_of(fact: Fact) -> Goods:
    return tuple((line["item"], line.get("quantity", 1), line["total_minor"]) for line in fact["lines"])


def pence_of(fact: Fact) -> int:
    return sum(line["total_minor"] for line in fact["lines"])
