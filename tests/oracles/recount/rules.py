"""The rules of tests/faults/programme.yaml, written down again, for one fact after the other of a member.

A point for every whole pound of a receipt, a leaf for every fifty pence of its tea; no expiry, no levels. Goods
brought back take the difference with them; without their receipt they count like a receipt of the same lines, and
before it they wait for it. Points asked for are given when they are there; held ones come back at the end of the hold,
unless they are taken. Who gives points to another must have them at the fact's own place in time, too; a tenth,
rounded down, is the fee. Who is forgotten has nothing from then on: what was granted or given counts, and ends there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

FEE_PERCENT = 10

Fact = Mapping[str, Any]


class Earning(NamedTuple):
    """How a currency is earned: a point for so many pence, of goods of one category ("": of all)."""

    pence: int
    only: str = ""

    def goods(self, fact: Fact) -> set[str]:
        """The items of a receipt that count."""
        return {line["item"] for line in fact["lines"] if not self.only or self.only in line["categories"]}


POINTS = ""
EARNINGS = {POINTS: Earning(100), "leaves": Earning(50, "tea")}
"""The regular points first; they alone go to others, and are told to partners."""

RANKS = {"pool_joined": 0, "enrolled": 0, "message": 1, "purchase": 2, "return": 3, "redemption_requested": 6,
         "transfer_requested": 6, "contribution_requested": 6, "redemption_captured": 7, "redemption_voided": 8,
         "pool_left": 9, "erased": 9}  # fmt: skip
"""Which of two facts of one instant comes first."""

Place = tuple[str, int, str]
"""Where a fact stands in a member's time: instant, rank, id."""

Stands = tuple[int, int]
"""Balance (below zero: debt), and what is held."""


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
    """A member's points of one currency as the rules have them, after some facts."""

    earning: Earning = EARNINGS[POINTS]
    told: dict[str, int] = field(default_factory=dict)
    """Fact -> what its partner knows it to be worth, also where it counted before."""
    receipts: dict[str, Fact] = field(default_factory=dict)
    backs: dict[str, list[Fact]] = field(default_factory=dict)
    """Receipt, come or not -> what was said to come back of it."""
    loose: dict[str, Fact] = field(default_factory=dict)
    """What was brought back without its receipt."""
    earned: int = 0
    """By receipts, and what came back of them."""
    moves: dict[str, tuple[Place, int]] = field(default_factory=dict)
    """Fact -> what it adds by itself."""
    holds: dict[str, tuple[Place, Hold]] = field(default_factory=dict)
    moved: int = 0
    """By `moves`, in all."""
    forgotten: Place | None = None
    """Where in time the member is."""

    def stands(self, now: str) -> Stands:
        """Balance and what is held, at an instant."""
        if self.forgotten is not None:  # what was granted for later, before that was known, is held to its end
            return 0, sum(hold.at(now)[1] for there, hold in self.holds.values() if there > self.forgotten)
        ends = [hold.at(now) for _, hold in self.holds.values()]
        return self.earned + self.moved - sum(gone for gone, _ in ends), sum(held for _, held in ends)

    def stood(self, place: Place) -> int:
        """The balance just before a place in time."""
        points = sum(n for there, n in self.moves.values() if there < place)
        points -= sum(hold.at(place[0])[0] for there, hold in self.holds.values() if there < place)
        for receipt in self.receipts:
            told = self.about(receipt)
            points += sum(n for name, n in worth(self, receipt)[0].items() if place_of(told[name]) < place)
        return points

    def about(self, receipt: str) -> dict[str, Fact]:
        """A receipt that has come, and what came back of it, by id."""
        return {one["id"]: one for one in (self.receipts[receipt], *self.backs.get(receipt, ()))}

    def move(self, fact: Fact, points: int) -> None:
        """Let a fact add so much; in the place of what it added before."""
        self.moved += points - self.moves.get(fact["id"], (None, 0))[1]
        self.moves[fact["id"]] = place_of(fact), points

    def counts(self, fact: Fact) -> bool:
        """Whether goods bought or brought back count: not once the member is forgotten."""
        return self.forgotten is None or place_of(fact) < self.forgotten

    def tell(self, worths: list[tuple[Fact, int]]) -> tuple[tuple[Fact, int], ...]:
        """What is to be told of facts that are worth so much now."""
        news = tuple((fact, points - self.told.get(fact["id"], 0)) for fact, points in worths)
        self.told.update((fact["id"], points) for fact, points in worths)
        return tuple((fact, points) for fact, points in news if points)


class Due(NamedTuple):
    """What the rules say of a fact."""

    status: str = "done"
    refusal: str = ""
    tells: tuple[tuple[Fact, int], ...] = ()
    """(fact, points that its partner is told of): of what came before and counts otherwise now; last of this one."""


DONE = Due()


def place_of(fact: Fact) -> Place:
    return fact["occurred_at"], RANKS[fact["type"]], fact["id"]


def declined(refusal: str) -> Due:
    return Due("declined", refusal)


def noted(account: Account, fact: Fact, now: str, due: Due = DONE, *, decided: bool = False) -> Due:
    """A fact under the rules, noted in an account.

    due: if it is not DONE, why what was bought or brought back does not count. decided: it was granted before.
    """
    match fact["type"]:
        case "purchase":
            return changed(account, fact["id"], fact, lambda: account.receipts.update({fact["id"]: fact}), due)
        case "return" if fact.get("purchase") is not None:
            backs = account.backs.setdefault(fact["purchase"], [])
            return changed(account, fact["purchase"], fact, lambda: backs.append(fact), due)
        case "return":
            account.loose[fact["id"]] = fact
            account.move(fact, loose_worth(account, fact))
            return due._replace(tells=account.tell([(fact, loose_worth(account, fact))]))
        case "redemption_requested":
            if not decided and "" < fact.get("hold_until", "") <= now:
                return declined("hold_must_end_after_it_begins")
            if not decided and fact["points"] > account.stands(now)[0]:
                return declined("balance_must_cover_the_points")
            if fact.get("hold_until") is None:
                account.move(fact, -fact["points"])
            else:
                account.holds[fact["id"]] = place_of(fact), Hold(fact["points"], fact["hold_until"])
        case "redemption_captured" | "redemption_voided":
            if fact["redemption"] not in account.holds:
                return declined("redemption_must_be_known")
            return end_of_a_hold(*account.holds[fact["redemption"]], fact, account.forgotten)
        case "transfer_requested" | "contribution_requested":
            for balance in () if decided else (account.stands(now)[0], account.stood(place_of(fact))):
                if balance < 0:
                    return declined("debt_must_be_repaid_first")
                if balance < fact["points"]:
                    return declined("balance_must_cover_the_points")
            account.move(fact, -fact["points"])
        case "message":
            account.move(fact, given_by(fact))
        case "enrolled":
            pass
        case "erased":
            account.forgotten = place_of(fact)
            return Due(tells=account.tell(sorted(all_worth(account), key=lambda one: place_of(one[0]))))
        case other:
            raise ValueError(f"the rules know no {other}")
    return DONE


def end_of_a_hold(place: Place, hold: Hold, fact: Fact, forgotten: Place | None) -> Due:
    """Taken, if need be after its end; but nothing can be given back of one that has ended, by time or with whoever is
    forgotten."""
    ended = hold.until <= fact["occurred_at"] or (forgotten is not None and place < forgotten < place_of(fact))
    if fact["type"] == "redemption_voided" and ended:
        return declined("redemption_must_be_open")
    hold.ended, hold.taken = fact["occurred_at"], fact.get("points") or 0
    return DONE


def given_by(message: Fact) -> int:
    """All that a message says, of every lot."""
    return sum(share["points"] for share in message.get("lots", ()))


def changed(account: Account, receipt: str, fact: Fact, note: Callable[[], None], due: Due) -> Due:
    """What a fact about a receipt adds: the receipt and its returns are counted again, in the order of time."""
    before, _ = worth(account, receipt)
    note()
    after, aside = worth(account, receipt)
    account.earned += sum(after.values()) - sum(before.values())
    if due is not DONE:
        return due
    if receipt not in account.receipts:
        return Due("waiting")
    about = account.about(receipt)
    others = sorted((one for name, one in about.items() if name != fact["id"]), key=place_of)
    tells = account.tell([(one, after[one["id"]]) for one in (*others, fact)])
    if fact["id"] in aside:
        return Due("declined", "return_must_not_exceed_the_purchase", tells)
    return Due(tells=tells)


def worth(account: Account, receipt: str) -> tuple[dict[str, int], set[str]]:
    """Fact -> its points, of a receipt and what came back of it; and the returns that exceed what there was."""
    bought = account.receipts.get(receipt)
    if bought is None:
        return {}, set()
    pence_a_point, counting = account.earning.pence, account.earning.goods(bought)
    left, units = pence_of(bought), units_of(bought)
    found = dict.fromkeys(account.about(receipt), 0)
    if not account.counts(bought):
        return found, set()

    def points() -> int:
        return sum(left[item] for item in counting) // pence_a_point

    aside, counted = set(), False
    for back in sorted(account.backs.get(receipt, ()), key=lambda one: (one["occurred_at"], one["id"])):
        if not account.counts(back):
            continue
        if not counted and back["occurred_at"] >= bought["occurred_at"]:
            found[receipt], counted = points(), True
        was, gone, number = points(), pence_of(back), units_of(back)
        if any(gone[item] > left[item] or number[item] > units[item] for item in gone):
            aside.add(back["id"])
            gone.clear()
            number.clear()
        left -= gone
        units -= number
        found[back["id"]] = points() - was if counted else 0
    if not counted:
        found[receipt] = points()
    return found, aside


def loose_worth(account: Account, fact: Fact) -> int:
    """What goods without their receipt take."""
    pence = pence_of(fact)
    gone = sum(pence[item] for item in account.earning.goods(fact))
    return -(gone // account.earning.pence) if account.counts(fact) else 0


def all_worth(account: Account) -> Iterator[tuple[Fact, int]]:
    """Every fact about goods, with its points."""
    for receipt in account.receipts:
        about = account.about(receipt)
        yield from ((about[name], points) for name, points in worth(account, receipt)[0].items())
    for fact in account.loose.values():
        yield fact, loose_worth(account, fact)


def units_of(fact: Fact) -> Counter[str]:
    """Units by item."""
    found = Counter[str]()
    for line in fact["lines"]:
        found[line["item"]] += line.get("quantity", 1)
    return found


def pence_of(fact: Fact) -> Counter[str]:
    """Pence by item."""
    found = Counter[str]()
    for line in fact["lines"]:
        found[line["item"]] += line["total_minor"]
    return found
