"""What the records that were sent must come to, counted by a second, simple program from their bytes alone.

The rules of programme.yaml, written down again, literally: one record after the other, members apart. Imports nothing
of ours, so that a mistake of the engine cannot be a mistake here too. It counts on what workload.py promises: times
rise, goods come back by whole lines and once, nothing is pending or held.
"""

from __future__ import annotations

import calendar
import json
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
    rows: dict[str, tuple[int, str]]
    """Item -> (pence, category)."""


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

    @property
    def available(self) -> int:
        return sum(lot.points for lot in self.lots)

    @property
    def tier(self) -> int:
        return (self.spend >= 10_000) + (self.spend >= 30_000)


@dataclass
class Count:
    """The house. Points of a day end with the same day `valid_months` later."""

    valid_months: int = 6
    given: Callable[[str], list[bytes]] | None = None
    """Receipts that each member has behind her and nobody sent: for her balance, not for the totals."""
    members: dict[str, Member] = field(default_factory=lambda: defaultdict(Member))
    facts: int = 0
    repeats: int = 0
    declined: int = 0
    size: int = 0
    """Bytes of all facts, repeats left out."""
    moved: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Points issued, spent, expired, reversed."""
    rewards: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    """Points by partner and kind."""

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
                before = Count(self.valid_months).add(self.given(name))
                self.members[name] = before.members[name]
            self._one(self.members[name], said)
        return self

    _known: set[str] = field(default_factory=set)

    def _one(self, member: Member, said: dict[str, Any]) -> None:
        at = datetime.fromisoformat(said["occurred_at"])
        self.lapse(member, at)
        forget(member, at)
        match said["type"]:
            case "purchase":
                self._bought(member, said, at)
            case "return":
                self._brought_back(member, said, at)
            case "redemption_requested" if said["points"] > member.available:
                self.declined += 1
            case "redemption_requested":
                self.moved["spent"] += said["points"]
                assert take(member, said["points"]) == 0

    def lapse(self, member: Member, at: datetime) -> None:
        """Points that have ended by an instant."""
        for lot in [lot for lot in member.lots if lot.expires <= at]:
            self.moved["expired"] += lot.points
            member.gone[lot.slot] = member.gone.get(lot.slot, 0) + lot.points
            member.lots.remove(lot)

    def _bought(self, member: Member, said: dict[str, Any], at: datetime) -> None:
        rows = {line["item"]: (line["total_minor"], line["categories"][0]) for line in said["lines"]}
        day = at.astimezone(LONDON).date()
        member.purchases[said["id"]] = Purchase(day, member.tier, rows)
        points, spend = worth(rows, member.tier)
        member.spend += spend
        member.days[day] = member.days.get(day, 0) + spend
        self.moved["issued"] += points
        self._told(said, "earned", points)
        repaid = min(points, member.debt)
        member.debt -= repaid
        if points > repaid:
            expires = end_of(months_later(day, self.valid_months))
            member.lots.append(Lot(expires, at, said["id"], points - repaid))

    def _brought_back(self, member: Member, said: dict[str, Any], at: datetime) -> None:
        purchase = member.purchases[said["purchase"]]
        had, spent = worth(purchase.rows, purchase.tier)
        for line in said["lines"]:
            assert purchase.rows.pop(line["item"])[0] == line["total_minor"]
        left, still = worth(purchase.rows, purchase.tier)
        if end_of(months_later(purchase.day, WINDOW_MONTHS)) > at:
            member.spend -= spent - still
            member.days[purchase.day] -= spent - still
        points = had - left
        self.moved["reversed"] += points
        self._told(said, "reversed", points)
        for lot in [lot for lot in member.lots if lot.slot == said["purchase"]]:
            part = min(points, lot.points)
            lot.points -= part
            points -= part
        broken = min(points, member.gone.get(said["purchase"], 0))
        if broken:
            member.gone[said["purchase"]] -= broken
            self.moved["expired"] -= broken
        member.debt += take(member, points - broken)

    def _told(self, said: dict[str, Any], kind: str, points: int) -> None:
        if points and "partner" in said:
            self.rewards[said["partner"], kind] += points


def forget(member: Member, at: datetime) -> None:
    """A day's spend counts until the same day twelve months later has ended. Days stand in their order."""
    while member.days and end_of(months_later(first := next(iter(member.days)), WINDOW_MONTHS)) <= at:
        member.spend -= member.days.pop(first)


def worth(rows: dict[str, tuple[int, str]], tier: int) -> tuple[int, int]:
    """Points of both rules, and the spend that counts for the level."""
    counted = sum(pence for pence, kind in rows.values() if kind not in EXCLUDED)
    wine = sum(pence for pence, kind in rows.values() if kind == "wine")
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
