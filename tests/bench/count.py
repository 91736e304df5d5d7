"""What the records that were sent must come to, counted by a second, simple program from their bytes alone.

The rules of programme.yaml and book.yaml, written down again, literally: one record after the other, members apart.
Imports nothing of ours, so that a mistake of the engine cannot be a mistake here too. A record that comes late is put
where it belongs, and its member counted anew from the first one; what a request for points was answered stays. It
counts on what workload.py promises: goods come back by whole lines and once, nothing is pending or held.
"""

from __future__ import annotations

import calendar
import json
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

LONDON = ZoneInfo("Europe/London")
PERCENT = (100, 125, 150)
EXCLUDED = {"tobacco", "gift-card"}
WINDOW_MONTHS = 12
RANKS = {"enrolled": 0, "purchase": 2, "return": 3, "redemption_requested": 6}
"""Which of two records of one instant comes first."""


Rows = dict[str, tuple[int, str, int]]


@dataclass
class Lot:
    expires: datetime
    earned: datetime
    slot: str
    points: int


@dataclass
class Purchase:
    day: date
    tier: int
    rows: Rows
    """Item -> (pence, category, units)."""


@dataclass
class Member:
    spend: int = 0
    days: dict[date, int] = field(default_factory=dict)
    """The spend of each day that still counts for the level."""
    debt: int = 0
    lots: list[Lot] = field(default_factory=list)
    gone: dict[str, int] = field(default_factory=dict)
    """Points of a purchase that expired and were not taken back."""
    purchases: dict[str, Purchase] = field(default_factory=dict)
    welcomed: bool = False
    stamps: int = 0
    pending: int = 0
    moved: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Points issued, spent, expired, reversed."""
    rewards: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """Points by partner and kind."""
    came: list[tuple[datetime, int, str, bytes]] = field(default_factory=list)
    """Every record in the order of time, where some come late."""
    granted: set[str] = field(default_factory=set)

    @property
    def available(self) -> int:
        return sum(lot.points for lot in self.lots)

    @property
    def units(self) -> dict[str, int]:
        """Things that the member has: a free meal for ten stamps."""
        meals = max(self.stamps, 0) // 10
        return {"frozen-meal": meals} if meals else {}

    @property
    def tier(self) -> int:
        return (self.spend >= 10_000) + (self.spend >= 30_000)


@dataclass
class Count:
    """The house. Points of a day end with the same day `valid_months` later."""

    valid_months: int = 6
    book: bool = False
    """The rules of book.yaml, and records that come late."""
    given: Callable[[str], list[bytes]] | None = None
    """Receipts that each member has behind her and nobody sent: for her balance, not for the totals."""
    members: dict[str, Any] = field(default_factory=dict)
    """Those of whom records spoke: Member, or what takes its place for other rules."""
    facts: int = 0
    repeats: int = 0
    declined: int = 0
    size: int = 0
    """Bytes of all facts, repeats left out."""

    def a_member(self) -> Any:
        """One of whom nothing is known yet."""
        return Member()

    @property
    def messages(self) -> int:
        """Records that the ledger itself must have written: what facts give to other accounts."""
        return 0

    @property
    def late(self) -> bool:
        """Whether records come late: then a partner may be told otherwise later."""
        return self.book

    @property
    def everybody(self) -> dict[str, Any]:
        """Every account that there must be."""
        return self.members

    @property
    def moved(self) -> dict[str, int]:
        """Points issued, spent, expired, reversed, of all members."""
        return _sums(member.moved for member in self.everybody.values())

    @property
    def rewards(self) -> dict[tuple[str, str], int]:
        """Points by partner and kind, of all members."""
        return _sums(member.rewards for member in self.members.values())

    def add(self, values: Iterable[bytes]) -> Count:
        """Count more records. Those of one member must come in the order of the journal."""
        for value in values:
            said = json.loads(value)
            if said["id"] in self._known:
                self.repeats += 1
                continue
            self._known.add(said["id"])
            self.facts += 1
            self.size += len(value)
            name = said["member"]
            if self.given is not None and name not in self.members:
                before = Count(self.valid_months).add(self.given(name)).members[name]
                before.moved.clear()
                self.members[name] = before
            if name not in self.members:
                self.members[name] = self.a_member()
            if self.late:
                self._came(name, value, said)
            else:
                self._one(self.members[name], said)
        return self

    def _came(self, name: str, value: bytes, said: dict[str, Any]) -> None:
        """A record that may come late: then its member is counted anew."""
        member = self.members[name]
        place = (datetime.fromisoformat(said["occurred_at"]), RANKS[said["type"]], said["id"], value)
        late = bool(member.came) and place < member.came[-1]
        insort(member.came, place)
        if not late:
            self._one(member, said)
            return
        self.members[name] = again = self.a_member()
        again.came, again.granted = member.came, member.granted
        for _, _, _, earlier in member.came:
            self._one(again, json.loads(earlier), again=True)

    _known: set[str] = field(default_factory=set)

    def _one(self, member: Any, said: dict[str, Any], *, again: bool = False) -> None:
        """again: what it asked for was answered before."""
        at = datetime.fromisoformat(said["occurred_at"])
        self.lapse(member, at)
        forget(member, at)
        match said["type"]:
            case "purchase":
                self._bought(member, said, at)
            case "return":
                self._brought_back(member, said, at)
            case "enrolled" if self.book and not member.welcomed:
                member.welcomed = True
                member.moved["issued"] += 50
                day = at.astimezone(LONDON).date()
                self._earned(member, Lot(end_of(months_later(day, 12)), at, "welcome", 50))
            case "redemption_requested" if again and said["id"] not in member.granted:
                pass
            case "redemption_requested" if not again and said["points"] > member.available:
                self.declined += 1
            case "redemption_requested":
                member.granted.add(said["id"])
                member.moved["spent"] += said["points"]
                member.debt += take(member, said["points"])

    def lapse(self, member: Member, at: datetime) -> None:
        """Points that have ended by an instant."""
        for lot in [lot for lot in member.lots if lot.expires <= at]:
            member.moved["expired"] += lot.points
            member.gone[lot.slot] = member.gone.get(lot.slot, 0) + lot.points
            member.lots.remove(lot)

    def _bought(self, member: Member, said: dict[str, Any], at: datetime) -> None:
        rows = {
            line["item"]: (line["total_minor"], line["categories"][0], line.get("quantity", 1))
            for line in said["lines"]
        }
        day = at.astimezone(LONDON).date()
        member.purchases[said["id"]] = Purchase(day, member.tier, rows)
        points, spend = self._worth(rows, member.tier)
        member.spend += spend
        member.days[day] = member.days.get(day, 0) + spend
        member.stamps += self._stamps(rows)
        member.moved["issued"] += points
        self._told(member, said, "earned", points)
        self._earned(member, Lot(end_of(months_later(day, self.valid_months)), at, said["id"], points))

    def _earned(self, member: Member, lot: Lot) -> None:
        """A debt is repaid first."""
        repaid = min(lot.points, member.debt)
        member.debt -= repaid
        lot.points -= repaid
        if lot.points:
            member.lots.append(lot)

    def _worth(self, rows: Rows, tier: int) -> tuple[int, int]:
        points, spend = worth(rows, tier)
        if self.book:
            points += sum(pence for pence, kind, _ in rows.values() if kind == "fresh") // 300
        return points, spend

    def _brought_back(self, member: Member, said: dict[str, Any], at: datetime) -> None:
        purchase = member.purchases[said["purchase"]]
        had, spent = self._worth(purchase.rows, purchase.tier)
        member.stamps -= self._stamps(purchase.rows)
        for line in said["lines"]:
            assert purchase.rows.pop(line["item"])[0] == line["total_minor"]
        left, still = self._worth(purchase.rows, purchase.tier)
        member.stamps += self._stamps(purchase.rows)
        if end_of(months_later(purchase.day, WINDOW_MONTHS)) > at:
            member.spend -= spent - still
            member.days[purchase.day] -= spent - still
        points = had - left
        member.moved["reversed"] += points
        self._told(member, said, "reversed", points)
        for lot in [lot for lot in member.lots if lot.slot == said["purchase"]]:
            part = min(points, lot.points)
            lot.points -= part
            points -= part
        broken = min(points, member.gone.get(said["purchase"], 0))
        if broken:
            member.gone[said["purchase"]] -= broken
            member.moved["expired"] -= broken
        member.debt += take(member, points - broken)

    def _stamps(self, rows: Rows) -> int:
        """One for each unit of frozen goods."""
        return sum(units for _, kind, units in rows.values() if kind == "frozen") if self.book else 0

    def _told(self, member: Member, said: dict[str, Any], kind: str, points: int) -> None:
        if points and "partner" in said:
            member.rewards[said["partner"], kind] += points


def _sums(parts: Iterable[dict[Any, int]]) -> dict[Any, int]:
    found: dict[Any, int] = defaultdict(int)
    for part in parts:
        for key, points in part.items():
            found[key] += points
    return found


def forget(member: Member, at: datetime) -> None:
    """A day's spend counts until the same day twelve months later has ended. Days stand in their order."""
    while member.days and end_of(months_later(first := next(iter(member.days)), WINDOW_MONTHS)) <= at:
        member.spend -= member.days.pop(first)


def worth(rows: Rows, tier: int) -> tuple[int, int]:
    """Points of both rules of programme.yaml, and the spend that counts for the level."""
    counted = sum(pence for pence, kind, _ in rows.values() if kind not in EXCLUDED)
    wine = sum(pence for pence, kind, _ in rows.values() if kind == "wine")
    return counted * PERCENT[tier] // 10_000 + wine // 200, counted


def take(member: Member, points: int) -> int:
    """Takes from the lots, soonest expiry first; what they could not cover comes back."""
    member.lots.sort(key=lambda lot: (lot.expires, lot.earned, lot.slot))
    for lot in member.lots:
        part = min(lot.points, points)
        lot.points -= part
        points -= part
    member.lots = [lot for lot in member.lots if lot.points]
    return points


@cache
def end_of(day: date) -> datetime:
    """The first instant after the day, in London."""
    return datetime.combine(day + timedelta(days=1), time(0), LONDON).astimezone(UTC)


@cache
def months_later(day: date, months: int) -> date:
    """The same day of a later month, or that month's last day where it has no such day."""
    year, month = day.year, day.month + months
    while month > 12:
        year, month = year + 1, month - 12
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))
