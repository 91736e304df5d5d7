"""The rules alone: a member's cells and what their awards come to, with no book around them.

`Rating(text, ...)` is told the same lines as `World` (tests/drivers/facts.py). It adds up awards; it knows no lots that
end, no spending and no debt. Levels are not kept: every purchase is rated in level 0. Does not own any expectation.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from events.values import millis
from services.programme.calendar import NEVER
from services.programme.carried import migrate
from services.programme.compile import compile_programme
from services.programme.mechanic import POINTS, Basket, Change, Lot
from services.programme.rate import Award, rate
from services.programme.rule import Cells
from tests.drivers.facts import MEMBER, told


class Rating:
    """One member under one or more versions of a programme."""

    def __init__(self, *texts: str) -> None:
        self.plan = compile_programme(texts)
        self.cells: Cells = {}
        self.totals: Counter[tuple[str, Lot, str]] = Counter()
        self.bought: dict[str, Basket] = {}
        self._begun = 0

    def tell(self, line: str, store: str | None = None) -> list[Award]:
        """Fold one line, a fact at `store`: the awards that it made, without those of versions that begin by then."""
        fact: Any = told(line, MEMBER)
        now_ms = millis(fact.occurred_at)
        self.begin(now_ms)
        version = self.plan.at(now_ms)
        assert version is not None, line
        kind, before, after = fact.type, None, None
        if fact.type == "purchase":
            kind, after = "basket", version.basket(fact.id, now_ms, fact.lines, 0, None, store)
            self.bought[fact.id] = after
        elif fact.type == "return" and fact.purchase is None:
            kind, before = "basket", version.basket(fact.id, now_ms, fact.lines, 0, None, store)
        elif fact.type == "return":
            before = self.bought[fact.purchase]
            kind, version = "basket", self.plan.at(before.at_ms)
            assert version is not None
            rest = _left(before.lines, fact.lines)
            after = msgspec.structs.replace(before, lines=rest, measures=version.meter.measure(rest))
            self.bought[fact.purchase] = after
        awards = rate(Change(fact, before, after, []), version.rules.get(kind, ()), self.cells, now_ms)
        self._add(awards)
        return awards

    def tell_all(self, story: str) -> None:
        for line in story.strip().splitlines():
            self.tell(line.strip())

    def begin(self, now_ms: int) -> list[Award]:
        """Let every version begin that starts by an instant."""
        awards: list[Award] = []
        while self._begun < len(self.plan.versions) and self.plan.starts_ms[self._begun] <= now_ms:
            awards += migrate(self.cells, self.plan, self._begun)
            self._begun += 1
        self._add(awards)
        return awards

    def units(self) -> dict[str, int]:
        """What was given beside points, less what was used; "pts" is the points of lots and draws together."""
        found: Counter[str] = Counter()
        for (unit, _, to), amount in self.totals.items():
            found[unit if not to else f"{unit} to {to}"] += amount
        return {unit: amount for unit, amount in sorted(found.items()) if amount}

    def lots(self) -> dict[str, int]:
        """Slot (less its "p:") -> points; a draw's slot begins with "-"."""
        found: Counter[str] = Counter()
        for (unit, lot, to), amount in self.totals.items():
            if unit == POINTS and not to:
                found[lot[3].removeprefix("p:")] += amount
        return {slot: amount for slot, amount in sorted(found.items()) if amount}

    def instants(self, slot: str) -> list[tuple[int, int]]:
        """(active, expires) of the lots of a slot; -1 for an expiry that never comes."""
        return sorted(
            (lot[2], -1 if lot[0] == NEVER else lot[0])
            for (_, lot, _), amount in self.totals.items()
            if amount and lot[3].removeprefix("p:") == slot
        )

    def _add(self, awards: list[Award]) -> None:
        for _, unit, lot, amount, to in awards:
            self.totals[unit, lot, to] += amount


def _left(lines: tuple[Any, ...], back: tuple[Any, ...]) -> tuple[Any, ...]:
    """What is left of each item, line by line."""
    rest = []
    for line in lines:
        gone = [b for b in back if b.item == line.item]
        total = line.total_minor - sum(b.total_minor for b in gone)
        tax = line.tax_minor - sum(b.tax_minor for b in gone)
        units = line.quantity - sum(b.quantity for b in gone)
        assert min(total, tax, units) >= 0
        rest.append(msgspec.structs.replace(line, total_minor=total, tax_minor=tax, quantity=units))
    return tuple(rest)
