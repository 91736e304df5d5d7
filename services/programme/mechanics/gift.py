"""A gift when a purchase meets the conditions (M14): points, or a thing such as a discount card (M04, M13).

Given for the first so many purchases that do, in the order of time, or for each. A thing that was used stays used:
where its purchase comes back, the next one repays it. Of the purchases that meet the conditions the first ones are
remembered, REMEMBERED more than have the gift: so many may come back whole before the next in turn is not found. Goods
without their receipt take no points of a gift: the purchase after them would bring those back to a lot that has ended.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import model_validator

from events.values import Code, NaturalInt, Points, PositiveInt
from services.programme.calendar import NEVER, day_of
from services.programme.mechanic import (
    LASTING_DAYS,
    OF_PURCHASE,
    POINTS,
    Basket,
    Change,
    Due,
    Frame,
    Key,
    Lasting,
    Mechanic,
    Meter,
    Spend,
)
from services.programme.words import counted, money

REMEMBERED = 32
"""A cell lies in the member's hot row, and a gift for the first purchase is met by every later one."""


class Gift(Mechanic):
    """`points` or a `unit` for a purchase that comes to `from_minor` and `from_units` of the lines that count."""

    class Config(Spend, Lasting):
        """The keys under `gift:`; points or a unit."""

        points: Points | None = None
        unit: Code | None = None
        """A thing in place of points: its name; `used` facts say it, and prices and entitlements may ask for it."""
        from_minor: NaturalInt = 0
        """What the lines that count must come to; 0: anything."""
        from_units: PositiveInt = 1
        """How many units of them there must be that cost something."""
        times: PositiveInt | None = 1
        """For how many purchases at most; null: for each."""

        @model_validator(mode="after")
        def _one_of_them(self) -> Self:
            if (self.points is None) == (self.unit is None):
                raise ValueError("write either points, or the unit that is given")
            if self.unit is not None and self.end_key:
                raise ValueError(f"{self.end_key} is for points; leave it out")
            if self.points is not None and self.times is None:
                raise ValueError("points for each purchase are a bonus; write bonus, or how many times")
            return self

    kinds: ClassVar[frozenset[str]] = frozenset({"basket", "used"})
    gives_to = "receipts"

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add(config.base, config)
        self._spend: int = self.measure
        self._units = meter.add("paid units", config)
        self._from, self._from_units = max(config.from_minor, 1), config.from_units
        self._points, self._unit, self._times = config.points, config.unit, config.times
        self._ends, self._zone = config.ends(frame.zone), frame.zone
        self.lasts_days = LASTING_DAYS if config.points is None else 0  # points may be another purchase's
        least = f" of at least {money(config.from_minor, frame.currency)}" if config.from_minor else ""
        units = f" and {config.from_units} units" if config.from_units > 1 else ""
        first = "a" if config.times is None else "the first" if config.times == 1 else f"the first {config.times}"
        many = "s" if (config.times or 1) > 1 else ""
        self.why = f"as a gift for {first} purchase{many}{least}{units}{counted(config)}"

    def key(self, change: Change) -> Key | None:
        if change.fact.type == "used":
            return "gift" if change.fact.what == self._unit else None
        before, after = change.before, change.after
        was, now = before is not None and self._meets(before), after is not None and self._meets(after)
        return "gift" if was != now else None

    def absorb(self, cell: Any, change: Change) -> Any:
        """A thing: (purchases that meet it, used). Points: ((instant, purchase, 1), ...) of them, ascending; -1 for
        goods that came back without their receipt."""
        if self._unit is not None:
            met, used = cell or (0, 0)
            met += self._meets(change.after) - self._meets(change.before)
            used += change.fact.count if change.fact.type == "used" else 0
            return (met, used) if met or used else None
        found = {(at_ms, purchase): count for at_ms, purchase, count in cell or ()}
        for sign, side in ((1, change.after), (-1, change.before)):
            if side is not None and self._meets(side):
                place = side.at_ms, side.purchase
                found[place] = found.get(place, 0) + sign
        rows = [(*place, count) for place, count in sorted(found.items()) if count]
        return tuple(rows[: REMEMBERED + (self._times or 0)]) or None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        if self._unit is not None:
            met, used = cell
            left = (max(met, 0) if self._times is None else min(max(met, 0), self._times)) - used
            return ((self._unit, left, (NEVER, 0, 0, self._unit), ""),) if left else ()
        return tuple(
            (
                POINTS,
                self._points or 0,
                (self._ends[day_of(at_ms, self._zone)], at_ms, at_ms, OF_PURCHASE + purchase),
                "",
            )
            for at_ms, purchase in [(at_ms, purchase) for at_ms, purchase, count in cell if count > 0][: self._times]
        )

    def _meets(self, basket: Basket | None) -> bool:
        return (
            basket is not None
            and basket.measures[self._spend] >= self._from
            and basket.measures[self._units] >= self._from_units
        )
