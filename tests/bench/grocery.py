"""What the grocery workload must come to: the rules of grocery.yaml that it touches, written down again, literally.

A rule is a sum over a member's receipts as they stand: all of it is counted before a record and after it, and the
difference is posted. So nothing is kept but receipts, no cell can be wrong, and a return is a sale that is smaller. The
book that it is posted to is the reference's (tests/oracles/on_time.py), which shares no code with the services.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from tests.bench.count import Count
from tests.oracles.on_time import FOREVER, Book, Bought, Lot, day_of, midnight, months_later, rows

EXCLUDED = ("gift-card", "tobacco")
CAUSE = "red-cross"
CAP = 500
VERSION = {
    "effective_from": "2026-01-01T00:00:00Z",
    "rules": [{"voucher": {"per_points": 1_000}, "carry": "freeze"}],
    "tier": {"levels": [{"from_minor": 50_000}, {"from_minor": 200_000}]},
}
"""What the reference's book does by itself."""

Month = tuple[int, int]
"""(year, month)."""


@dataclass
class Receipt(Bought):
    """A purchase as it stands."""

    name: str = ""
    partner: str = ""
    gives: dict[Lot, int] = field(default_factory=dict)
    """What the rules before the cap give for it."""
    month: Month = (0, 0)
    spend: int = 0
    """What counts for the month, and for the level."""

    def count(self) -> None:
        """After a change of its goods."""
        day = day_of(self.at)
        self.gives, self.month = self.points(day), (day.year, day.month)
        self.spend = self.minor() - self.minor(*EXCLUDED)

    def minor(self, *only: str) -> int:
        return sum(row[2] for row in self.goods if not only or row[3][0] in only)

    def units(self, kind: str) -> int:
        return sum(row[1] for row in self.goods if row[3][0] == kind and row[2])

    def points(self, day: date) -> dict[Lot, int]:
        total, fruit = self.minor(), self.minor("fruit")
        found: dict[Lot, int] = defaultdict(int)

        def give(points: int, months: int, active: int = self.at) -> None:
            if points:
                found[months_later(day, months), self.at, active, f"p:{self.name}"] += points

        if self.partner == "fuel":
            give(total // 200, 12, midnight(date.fromordinal(day.toordinal() + 14)))
        elif self.partner == "airline":
            give(total * 14 // 1_000, 12)
        else:
            give((total - self.minor(*EXCLUDED)) * (100, 125, 150)[self.level] // 10_000, 12)
        give(max(fruit // 50, 30 if fruit >= 1_500 else 0), 3)
        give(10 * min(self.units("coffee"), self.units("cake"), 5), 1)
        return found


@dataclass
class Member(Book):
    """One member: the reference's book, and what she has bought."""

    versions: list[dict[str, Any]] = field(default_factory=lambda: [VERSION])
    joined: int | None = None
    months: dict[Month, list[Receipt]] = field(default_factory=lambda: defaultdict(list))
    stands: dict[Month, dict[Lot, int]] = field(default_factory=dict)
    """What a month's receipts are worth by now."""
    rewards: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    letters: list[tuple[int, str, Lot, int]] = field(default_factory=list)
    """(instant, fact, lot, points) for the cause."""
    came: list[tuple[datetime, int, str, bytes]] = field(default_factory=list)
    granted: set[str] = field(default_factory=set)

    @property
    def available(self) -> int:
        return sum(self.lots[lot] for lot in self.spendable())

    @property
    def pending(self) -> int:
        return sum(n for lot, n in self.lots.items() if lot[2] > self.now)

    @property
    def debt(self) -> int:
        return sum(debt[1] for debt in self.debts)

    @property
    def tier(self) -> int:
        return self.level()

    @property
    def spend(self) -> int:
        return self.qualifying()

    def qualifying(self) -> int:
        return sum(one.spend for one in self.receipts if months_later(day_of(one.at), 12) > self.now)

    @property
    def moved(self) -> dict[str, int]:
        return self.totals

    @property
    def receipts(self) -> list[Any]:
        return list(self.bought.values())

    @property
    def units(self) -> dict[str, int]:
        """Things that the member has."""
        card = any(one.minor() - one.minor("gift-card") >= 10_000 for one in self.receipts)
        coffee = sum(one.units("coffee") for one in self.receipts) // 9
        found = {"card": int(card), "free-coffee": coffee, "five-off": self.gifts()}
        return {unit: count for unit, count in found.items() if count}

    def enrolled(self, said: Mapping[str, Any]) -> None:
        """The welcome; once."""
        if self.joined is None:
            self.joined = self.now
            self.change({}, {(months_later(day_of(self.now), 3), self.now, self.now, "welcome"): 100}, said["id"])

    def buy(self, said: Mapping[str, Any]) -> None:
        one = Receipt(self.now, said["lines"], self.level(), rows(said["lines"]), said["id"], said.get("partner", ""))
        self.bought[one.name] = one
        one.count()
        self.months[one.month].append(one)
        self.settle(one.name, one, one.minor() // 10_000)

    def bring_back(self, said: Mapping[str, Any]) -> None:
        one: Any = self.bought[said["purchase"]]
        before = one.minor() // 10_000
        self.take_out(one, said)
        one.count()
        self.settle(said["id"], one, one.minor() // 10_000 - before)

    def settle(self, fact: str, one: Receipt, for_the_cause: int) -> None:
        """Post what a receipt's month is worth now otherwise than before; tell the partner, and give to the cause."""
        was, now = self.stands.get(one.month, {}), worth(one.month, self.months[one.month])
        self.stands[one.month] = now
        moved = {lot: n for lot in {*was, *now} if (n := now.get(lot, 0) - was.get(lot, 0))}
        self.change({}, moved, fact)
        if one.partner:
            points = sum(moved.values())
            self.rewards[one.partner, "earned" if points > 0 else "reversed"] += abs(points)
        if for_the_cause:
            self.letters.append((self.now, fact, (FOREVER, one.at, one.at, f"p:{one.name}"), for_the_cause))


def worth(of: Month, receipts: Sequence[Receipt]) -> dict[Lot, int]:
    """What all rules give for the receipts of a calendar month as they stand: none looks beyond it."""
    found: dict[Lot, int] = defaultdict(int)
    days: dict[date, list[tuple[Lot, int]]] = defaultdict(list)
    for one in receipts:
        days[day_of(one.at)] += one.gives.items()
    for given in days.values():  # the day's last lots are cut
        room = CAP
        for lot, points in sorted(given, key=lambda row: (row[0][1], row[0][3], row[0][0], row[0][2])):
            found[lot] += min(points, room)
            room -= min(points, room)
    year, month = of
    ends, next_ends = (midnight(date(year + (month + n) // 12, (month + n) % 12 + 1, 1)) for n in (0, 1))
    spend = sum(one.spend for one in receipts)
    rate = (spend >= 10_000) + (spend >= 30_000)
    found[next_ends, ends, ends, f"m:{year}-{month:02d}"] += spend * rate // 10_000
    visits = sorted({day_of(one.at) for one in receipts if one.minor() >= 1_000})
    for number, day in enumerate(visits[3::4], 1):
        begins = midnight(day)
        found[months_later(day, 2), begins, begins, f"v:{year}-{month:02d}:{number}"] += 40
    return {lot: points for lot, points in found.items() if points}


@dataclass
class Grocery(Count):
    """The house."""

    def a_member(self) -> Any:
        return Member()

    @property
    def late(self) -> bool:
        return True

    @property
    def messages(self) -> int:
        return sum(len(member.letters) for member in self.members.values())

    @property
    def everybody(self) -> dict[str, Any]:
        """The members, and the account of the cause."""
        letters = sorted(
            (letter for member in self.members.values() for letter in member.letters), key=lambda one: one[0]
        )
        cause = Member()
        for at, fact, lot, points in letters:
            cause.advance(at)
            cause.change({}, {lot: points}, fact)
        return self.members | ({CAUSE: cause} if letters else {})

    def _one(self, member: Any, said: dict[str, Any], *, again: bool = False) -> None:
        member.lots = {lot: points for lot, points in member.lots.items() if points}
        if said["type"] == "redemption_requested":
            member.advance(int(datetime.fromisoformat(said["occurred_at"]).timestamp() * 1_000))
            if not again and said["points"] > member.available:
                self.declined += 1
            elif not again:
                member.granted.add(said["id"])
            if said["id"] not in member.granted:
                return
        member.fact(said)
        if said["type"] == "enrolled":
            member.enrolled(said)
