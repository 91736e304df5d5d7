"""The book of an on-time log, slow and literal: the reference for every order of arrival.

Takes facts as plain values and what was decided about them, puts them in the order of time and walks through them once,
with linear scans over dictionaries. Knows the `share` rule and a tier of one window; shares no code with the services.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import yaml

ZONE = ZoneInfo("Europe/London")
FOREVER = 1 << 60
RANKS = {"enrolled": 0, "purchase": 2, "correction": 2, "return": 3, "used": 5, "redemption_taken": 6,
         "redemption_requested": 6,
         "redemption_captured": 7, "redemption_voided": 8}  # fmt: skip
DECIDED = ("redemption_requested", "redemption_captured", "redemption_voided")

Lot = tuple[int, int, int, str]
"""(ends, earned, active from, slot), in epoch milliseconds."""


def instant(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


@lru_cache(1 << 16)
def day_of(at: int) -> date:
    return datetime.fromtimestamp(at / 1000, ZONE).date()


@lru_cache(1 << 16)
def midnight(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=ZONE).timestamp() * 1000)


@lru_cache(1 << 16)
def months_later(day: date, months: int) -> int:
    """The end of the day so many months later."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    there = date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
    return midnight(there + timedelta(days=1))


@dataclass
class Bought:
    """A purchase as it stands."""

    at: int
    lines: list[dict[str, Any]]
    level: int
    goods: list[list[Any]] = field(default_factory=list)
    """[item, quantity, minor, categories] of what is left."""


@dataclass
class Book:
    """What an on-time log comes to."""

    versions: list[dict[str, Any]]
    """Of a programme; they differ in nothing but their vouchers."""
    now: int = -FOREVER
    lots: dict[Lot, int] = field(default_factory=dict)
    gone: dict[Lot, int] = field(default_factory=dict)
    debts: list[list[Any]] = field(default_factory=list)
    """[cause, open, [(lot, points) that repaid]], oldest first."""
    holds: dict[str, tuple[int, list[tuple[Lot | None, int]]]] = field(default_factory=dict)
    uses: dict[str, tuple[str, list[tuple[Lot | None, int]]]] = field(default_factory=dict)
    bought: dict[str, Bought] = field(default_factory=dict)
    loose: list[tuple[int, int]] = field(default_factory=list)
    """(instant, minor) of goods that came back without a receipt."""
    waiting: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    aside: list[str] = field(default_factory=list)
    totals: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("issued", "spent", "held", "expired", "reversed", "written_off"), 0)
    )

    cells: dict[int, list[int]] = field(default_factory=dict)
    """Version -> [points earned, vouchers used], where a voucher counts them."""
    draws: list[tuple[str, list[tuple[Lot | None, int]]]] = field(default_factory=list)
    begun: int = 0
    """The version that has begun last."""

    @property
    def programme(self) -> dict[str, Any]:
        return self.versions[0]

    # ------------------------------------------------------------ time

    def advance(self, to: int) -> None:
        for number, version in enumerate(self.versions):
            starts = instant(str(version["effective_from"]))
            if number > self.begun and starts <= to:
                self.pass_time(starts)
                self.begun = number
                self.take_over(number)
        self.pass_time(to)

    def pass_time(self, to: int) -> None:
        while True:
            moments = [moment for lot, n in self.lots.items() if n for moment in (lot[0], lot[2])]
            moments += [until for until, _ in self.holds.values()]
            due = min((moment for moment in moments if moment > self.now), default=FOREVER)
            if due > to:
                break
            self.now = due
            for name in sorted(name for name, (until, _) in self.holds.items() if until <= due):
                self.give_back(name, self.holds.pop(name)[1], "held")
                self.uses[name] = ("lapsed", [])
            for lot in sorted(self.lots):
                if lot[0] <= due and self.lots[lot]:
                    self.expire(lot, self.lots[lot])
            for lot in sorted(self.lots):
                if lot[2] == due and self.lots[lot]:
                    self.repay(lot)
        self.now = to

    def expire(self, lot: Lot, points: int) -> None:
        self.lots[lot] -= points
        self.gone[lot] = self.gone.get(lot, 0) + points
        self.totals["expired"] += points

    # ------------------------------------------------------------ points

    def earn(self, lot: Lot, points: int) -> None:
        self.totals["issued"] += points
        self.put(lot, points)

    def put(self, lot: Lot, points: int) -> None:
        self.lots[lot] = self.lots.get(lot, 0) + points
        if lot[0] <= self.now:
            self.expire(lot, points)
        elif lot[2] <= self.now:
            self.repay(lot)

    def repay(self, lot: Lot) -> None:
        for debt in self.debts:
            part = min(debt[1], self.lots[lot])
            if part:
                debt[1] -= part
                debt[2].append((lot, part))
                self.lots[lot] -= part

    def spendable(self) -> list[Lot]:
        return [lot for lot in sorted(self.lots) if self.lots[lot] and lot[2] <= self.now < lot[0]]

    def take(self, points: int, to: str, cause: str) -> list[tuple[Lot | None, int]]:
        drawn: list[tuple[Lot | None, int]] = []
        self.totals[to] += points
        for lot in self.spendable():
            part = min(points, self.lots[lot])
            if part:
                self.lots[lot] -= part
                drawn.append((lot, part))
                points -= part
        if points:
            mine = next((debt for debt in self.debts if debt[0] == cause), None)
            if mine is None:
                self.debts.append([cause, points, []])
            else:
                mine[1] += points
            drawn.append((None, points))
        return drawn

    def policy(self, part: str, key: str, usual: Any) -> Any:
        return self.programme.get(part, {}).get(key, usual)

    def claw(self, lot: Lot, points: int, cause: str, *, loose: bool = False) -> None:
        """loose: of goods without a receipt, which have no lot of their own."""
        own = min(points, self.lots.get(lot, 0))
        if own:
            self.lots[lot] -= own
        broken = min(points - own, self.gone.get(lot, 0))
        if broken:
            self.gone[lot] -= broken
            self.totals["expired"] -= broken
        self.totals["reversed"] += own + broken
        short = points - own - broken
        match self.policy("returns", "shortfall", "debt"):
            case "source_lot" if not loose:
                lost = short
            case "debt":
                lost = 0
            case _:
                lost = max(0, short - sum(self.lots[lot] for lot in self.spendable()))
        self.totals["written_off"] += lost
        self.totals["reversed"] += lost
        if short > lost:
            self.take(short - lost, "reversed", cause)

    def give_back(self, cause: str, drawn: list[tuple[Lot | None, int]], frm: str, void: str = "") -> None:
        """What was taken last returns first. void: the cancellation, where it is one."""
        for lot, points in reversed(drawn):
            self.totals[frm] -= points
            if lot is not None:
                self.put(self.place(lot, void), points)
                continue
            debt = next(debt for debt in self.debts if debt[0] == cause)
            part = min(points, debt[1])
            debt[1] -= part
            rest, back = points - part, []
            for n in range(len(debt[2]) - 1, -1, -1):
                by, paid = debt[2][n]
                part = min(rest, paid)
                rest -= part
                debt[2][n] = (by, paid - part)
                if part:
                    back.append((by, part))
            debt[2] = [one for one in debt[2] if one[1]]
            for by, part in back:
                self.put(self.place(by, void), part)

    def place(self, lot: Lot, void: str) -> Lot:
        """Where points of a cancelled redemption go that were drawn from a lot."""
        policy, today = self.policy("redemptions", "after_expiry", "original"), day_of(self.now)
        if not void or lot[0] > self.now or policy == "original":
            return lot
        if policy == "grace":
            ends = midnight(today + timedelta(days=self.policy("redemptions", "grace_days", 0) + 1))
        else:  # every lot here lasts whole months
            ends = next(months_later(today, n) for n in range(12) if months_later(day_of(lot[1]), n) == lot[0])
        return ends, self.now, self.now, "v:" + void

    # ------------------------------------------------------------ worth

    def counts(self, rule: Mapping[str, Any], categories: list[str]) -> bool:
        only, exclude = rule.get("only", ()), rule.get("exclude", ())
        return not set(exclude) & set(categories) and (not only or bool(set(only) & set(categories)))

    def worth(self, name: str, at: int, level: int, goods: list[list[Any]]) -> dict[Lot, int]:
        """What the rules give a basket in full."""
        found: dict[Lot, int] = {}
        for rule in (one["share"] for one in self.programme["rules"] if "share" in one):
            percents = rule.get("tier_percent", [100])
            minor = sum(row[2] for row in goods if self.counts(rule, row[3]))
            points = minor * rule["points"] * percents[min(level, len(percents) - 1)] // (rule["per_minor"] * 100)
            ends = months_later(day_of(at), rule["valid_months"]) if "valid_months" in rule else FOREVER
            pending = rule.get("pending_days", 0)
            active = midnight(day_of(at) + timedelta(days=pending)) if pending else at
            if points:
                lot = (ends, at, active, "p:" + name)
                found[lot] = found.get(lot, 0) + points
        return found

    def qualifying(self) -> int:
        """Spend whose window has not ended by now."""
        tier = self.programme["tier"]
        spent = [
            (one.at, sum(row[2] for row in one.goods if self.counts(tier, row[3]))) for one in self.bought.values()
        ]
        return sum(minor for at, minor in spent + self.loose if self.window_end(at) > self.now)

    def window_end(self, at: int) -> int:
        months, day = self.programme["tier"].get("window_months", 12), day_of(at)
        return months_later(day, months) if months else midnight(date(day.year + 1, 1, 1))

    def level(self) -> int:
        tier = self.programme.get("tier")
        return sum(self.qualifying() >= one["from_minor"] for one in tier["levels"]) if tier else 0

    def change(self, before: Mapping[Lot, int], after: Mapping[Lot, int], cause: str, *, loose: bool = False) -> None:
        net = {lot: after.get(lot, 0) - before.get(lot, 0) for lot in {*before, *after}}
        for at, slot in sorted({(lot[1], lot[3]) for lot in net}):
            self.count(self.version_at(at), sum(n for lot, n in net.items() if (lot[1], lot[3]) == (at, slot)), 0)
        self.undraw()
        for lot in sorted(lot for lot, n in net.items() if n > 0):
            self.earn(lot, net[lot])
        self.draw(cause)
        for lot in sorted(lot for lot, n in net.items() if n < 0):
            self.claw(lot, -net[lot], cause, loose=loose)

    # ------------------------------------------------------------ vouchers

    def voucher(self, number: int) -> tuple[int, str]:
        """(for how many points, what becomes of the cells before) of a version; 0: it has none."""
        rule = next((rule for rule in self.versions[number]["rules"] if "voucher" in rule), None)
        return (rule["voucher"]["per_points"], rule["carry"]) if rule else (0, "")

    def version_at(self, at: int) -> int:
        return max(n for n, v in enumerate(self.versions) if instant(str(v["effective_from"])) <= at)

    def count(self, number: int, points: int, used: int) -> None:
        """Add to a version's cell, or to the one that has taken it over."""
        if number < self.begun:
            carry = self.voucher(self.begun)[1]
            if carry == "migrate" or (carry == "top_up" and number not in self.cells):
                number = self.begun
        earned, gone = self.cells.pop(number, [0, 0])
        if earned + points or gone + used:
            self.cells[number] = [earned + points, gone + used]

    def made(self, number: int, cell: list[int]) -> int:
        per = self.voucher(number)[0]
        return max(max(cell[0], 0) // per, cell[1]) if per else 0

    def gifts(self) -> int:
        """Vouchers that can be used."""
        return sum(self.made(number, cell) - cell[1] for number, cell in self.cells.items() if self.voucher(number)[0])

    def take_over(self, number: int) -> None:
        """A version begins."""
        carry, cell = self.voucher(number)[1], self.cells.get(number - 1)
        more = cell is not None and self.made(number, cell) > self.made(number - 1, cell)
        if cell is not None and (carry == "migrate" or (carry == "top_up" and more)):
            self.cells[number] = self.cells.pop(number - 1)
        self.undraw()
        self.draw(f"version {number}")

    def owed_to_vouchers(self) -> int:
        """Points that all vouchers stand for, less those that are drawn."""
        wanted = sum(self.made(number, cell) * self.voucher(number)[0] for number, cell in self.cells.items())
        return wanted - sum(n for _, drawn in self.draws for _, n in drawn)

    def draw(self, cause: str) -> None:
        points = self.owed_to_vouchers()
        if points > 0:
            self.draws.append((cause + " gift", self.take(points, "spent", cause + " gift")))

    def undraw(self) -> None:
        points = -self.owed_to_vouchers()
        while points > 0:
            cause, drawn = self.draws.pop()
            kept, back = split(drawn, max(sum(n for _, n in drawn) - points, 0))
            points -= sum(n for _, n in back)
            self.give_back(cause, back, "spent")
            if kept:
                self.draws.append((cause, kept))

    # ------------------------------------------------------------ facts

    def fact(self, said: Mapping[str, Any]) -> None:
        self.advance(instant(said["occurred_at"]))
        kind, name = said["type"], said["id"]
        if kind in ("purchase", "correction"):
            self.buy(said)
        elif kind == "return" and said.get("purchase"):
            self.bring_back(said)
        elif kind == "return":
            goods = rows(said["lines"])
            self.change(self.worth(name, self.now, self.level(), goods), {}, name, loose=True)
            if tier := self.programme.get("tier"):
                self.loose.append((self.now, -sum(row[2] for row in goods if self.counts(tier, row[3]))))
        elif kind == "used":
            if self.voucher(self.begun)[0]:
                self.count(self.begun, 0, said["count"])
                self.draw(name)
        elif kind == "redemption_requested" and said.get("hold_until"):
            self.holds[name] = (instant(said["hold_until"]), self.take(said["points"], "held", name))
        elif kind in ("redemption_requested", "redemption_taken"):
            self.uses[name] = ("spent", self.take(said["points"], "spent", name))
        elif kind == "redemption_captured":
            self.capture(said)
        elif kind == "redemption_voided":
            self.void(said)

    def buy(self, said: Mapping[str, Any]) -> None:
        name, level = said["id"], self.level()
        one = self.bought[name] = Bought(self.now, said["lines"], level, rows(said["lines"]))
        for back in self.waiting.pop(name, []):
            self.take_out(one, back)
        self.change({}, self.worth(name, one.at, level, one.goods), name)

    def bring_back(self, said: Mapping[str, Any]) -> None:
        one = self.bought.get(said["purchase"])
        if one is None:
            self.waiting.setdefault(said["purchase"], []).append(dict(said))
            return
        touched = [said["purchase"]]
        if self.policy("returns", "policy", "protected") == "strict":
            names = list(self.bought)
            touched = names[names.index(said["purchase"]) :]
        before = self.together(touched)
        self.take_out(one, said)
        for later in touched[1:]:
            self.bought[later].level = self.level_then(later)
        self.change(before, self.together(touched), said["id"])

    def together(self, names: list[str]) -> dict[Lot, int]:
        """What the rules give these baskets; no two have a lot in common."""
        found: dict[Lot, int] = {}
        for name in names:
            found |= self.worth(name, self.bought[name].at, self.bought[name].level, self.bought[name].goods)
        return found

    def level_then(self, name: str) -> int:
        """The level before a purchase, had every purchase before it been what is left of it now."""
        now, bought, loose = self.now, self.bought, self.loose
        self.now = bought[name].at
        names = list(bought)
        self.bought = {earlier: bought[earlier] for earlier in names[: names.index(name)]}
        self.loose = [(at, minor) for at, minor in loose if at < self.now]
        level = self.level()
        self.now, self.bought, self.loose = now, bought, loose
        return level

    def take_out(self, one: Bought, back: Mapping[str, Any]) -> None:
        """The goods of a return out of a purchase, or the return aside."""
        goods = [list(row) for row in one.goods]
        for line in back["lines"]:
            quantity, minor = line.get("quantity", 1), line["total_minor"]
            kind = line.get("categories", [])
            mine = [row for row in goods if row[0] == line["item"]]
            for row in sorted(mine, key=lambda row: row[3] != kind):
                part = min(quantity, row[1]), min(minor, row[2])
                row[1] -= part[0]
                row[2] -= part[1]
                quantity, minor = quantity - part[0], minor - part[1]
            if quantity or minor:
                self.aside.append(back["id"])
                return
        one.goods = goods

    def capture(self, said: Mapping[str, Any]) -> None:
        name, points = said["redemption"], said["points"]
        if name in self.holds:
            spent, rest = split(self.holds.pop(name)[1], points)
            self.totals["held"] -= points
            self.totals["spent"] += points
            self.give_back(name, rest, "held")
            self.uses[name] = ("spent", spent)
        elif name in self.uses and self.uses[name][0] == "lapsed":
            self.uses[name] = ("spent", self.take(points, "spent", said["id"]))
            self.late_captures[name] = said["id"]

    late_captures: dict[str, str] = field(default_factory=dict)

    def void(self, said: Mapping[str, Any]) -> None:
        """Of two that give back more than was taken, the earlier counts, as of two returns."""
        name, points = said["redemption"], said.get("points")
        if name in self.holds:
            until, drawn = self.holds[name]
            whole = sum(n for _, n in drawn)
            if points is not None and points > whole:
                return
            kept, back = split(drawn, 0 if points is None else whole - points)
            if kept:
                self.holds[name] = (until, kept)
            else:
                del self.holds[name]
                self.uses[name] = ("voided", [])
            self.give_back(name, back, "held", said["id"])
        elif name in self.uses and self.uses[name][0] == "spent":
            drawn = self.uses[name][1]
            whole = sum(n for _, n in drawn)
            if points is not None and points > whole:
                return
            kept, back = split(drawn, 0 if points is None else whole - points)
            self.give_back(self.late_captures.get(name, name), back, "spent", said["id"])
            self.uses[name] = ("spent" if kept else "voided", kept)

    # ------------------------------------------------------------ the end

    def position(self) -> dict[str, Any]:
        return {
            "lots": {lot: n for lot, n in sorted(self.lots.items()) if n},
            "debt": sum(debt[1] for debt in self.debts),
            "level": self.level(),
            "aside": sorted(self.aside),
            "gifts": self.gifts(),
            "waiting": {name: sorted(back["id"] for back in backs) for name, backs in self.waiting.items()},
            **self.totals,
        }


def rows(lines: Iterable[Mapping[str, Any]]) -> list[list[Any]]:
    """Lines as [item, quantity, minor, categories], those of one item and kind as one."""
    found: dict[tuple[str, tuple[str, ...]], list[Any]] = {}
    for line in lines:
        key = line["item"], tuple(line.get("categories", ()))
        row = found.setdefault(key, [line["item"], 0, 0, list(key[1])])
        row[1] += line.get("quantity", 1)
        row[2] += line["total_minor"]
    return list(found.values())


def split(drawn: list[tuple[Lot | None, int]], points: int) -> tuple[list[Any], list[Any]]:
    """The first points of what was drawn, and the rest."""
    first, rest = [], []
    for lot, n in drawn:
        part = min(points, n)
        points -= part
        first += [(lot, part)] if part else []
        rest += [(lot, n - part)] if n > part else []
    return first, rest


@lru_cache
def _read(text: str) -> dict[str, Any]:
    programme: dict[str, Any] = yaml.safe_load(text)
    return programme


def on_time(programmes: list[str], told: Iterable[Mapping[str, Any]], declined: set[tuple[str, int]], now: int) -> Book:
    """The book of these facts at an instant. `declined`: (id, revision) of what was not granted when it came."""
    newest: dict[str, Mapping[str, Any]] = {}
    for said in told:
        if (said["id"], said.get("revision", 0)) in declined and said["type"] in DECIDED:
            continue
        if said["id"] not in newest or said.get("revision", 0) > newest[said["id"]].get("revision", 0):
            newest[said["id"]] = said
    book = Book([_read(text) for text in programmes])
    order = sorted(newest.values(), key=lambda f: (instant(f["occurred_at"]), RANKS.get(f["type"], 4), f["id"]))
    for said in order:
        book.fact(said)
    book.advance(now)
    return book
