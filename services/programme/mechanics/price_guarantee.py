"""The price guarantee (M21): found cheaper elsewhere within some days of the purchase, the difference is credited.

A cell is a purchase: its lines that count, and what was found. Of several finds for one item the best counts. Goods
that come back take their credit with them. Name the categories it is for: each such purchase keeps a cell. One stated
floor, on each find: floor(points * difference / per_minor).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from events.values import PositiveInt, floor_div
from services.programme.calendar import day_of, instant_ms
from services.programme.mechanic import (
    LASTING_DAYS,
    POINTS,
    POINTS_PER_MINOR_MAX,
    Basket,
    Change,
    Counted,
    Due,
    Frame,
    Key,
    Lasting,
    Mechanic,
    Meter,
    OfKinds,
)
from services.programme.words import amount, counted, money


class PriceGuarantee(Mechanic):
    """`points` for every `per_minor` of the difference between what was paid and what was found."""

    class Config(Counted, Lasting):
        """The keys under `price_guarantee:`."""

        within_days: Annotated[int, Field(ge=0, le=366)] = 14
        """Found by the end of the day so many days after the purchase's."""
        points: PositiveInt = 1
        per_minor: PositiveInt = 1
        """Money in minor units that `points` are given for; 1 and 1: a point for a penny."""

        @model_validator(mode="after")
        def _bounded(self) -> Self:
            if self.points > POINTS_PER_MINOR_MAX * self.per_minor:
                raise ValueError(f"more than {POINTS_PER_MINOR_MAX} points per minor unit; lower points")
            return self

    kinds: ClassVar[frozenset[str]] = frozenset({"basket", "price_found"})
    by_period: ClassVar[bool] = True
    gives_to = "none"

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add("gross", config)
        self._config, self._zone, self._ends = config, frame.zone, config.ends(frame.zone)
        self._items, self._of_kinds = frozenset(config.items), OfKinds(config)
        self.lasts_days = 0 if config.end_key else LASTING_DAYS  # a find may be older
        rate = f"{amount(config.points, POINTS, frame.decimals)} for every {money(config.per_minor, frame.currency)}"
        found = f"found cheaper elsewhere within {config.within_days} days{counted(config)}"
        self.why = f"because it was {found}: {rate} of the difference"

    def key(self, change: Change) -> Key | None:
        if change.fact.type == "price_found":
            return change.fact.purchase
        basket = change.after or change.before
        return None if basket is None else basket.purchase

    def period(self, basket: Basket) -> int:
        return basket.day

    def period_of(self, key: Key, cell: Any) -> int:
        day: int = cell[0]  # 0 where all has come back
        return day

    def absorb(self, cell: Any, change: Change) -> Any:
        """(day of the purchase, ((item, units, paid), ...), ((instant, id, item, units, found), ...)), ascending."""
        day, lines, finds = cell or (0, (), ())
        fact = change.fact
        if fact.type == "price_found":
            find = (instant_ms(fact.occurred_at), fact.id, fact.item, fact.quantity, fact.found_minor)
            return day, lines, tuple(sorted({*finds, find}))
        rest = {item: (units, paid) for item, units, paid in lines} if lines else {}
        items, of_kinds = self._items, self._of_kinds
        for sign, basket in ((1, change.after), (-1, change.before)):
            for line in basket.lines if basket is not None else ():
                if of_kinds[line.categories] and (not items or line.item in items):
                    units, paid = rest.get(line.item, (0, 0))
                    rest[line.item] = units + sign * line.quantity, paid + sign * line.total_minor
        kept = tuple(sorted([(item, units, paid) for item, (units, paid) in rest.items() if units or paid]))
        side = change.after or change.before
        day = side.day if kept and side is not None else 0
        return (day, kept, finds) if kept or finds else None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        day, lines, finds = cell
        if not finds:
            return ()
        bought = {item: (units, paid) for item, units, paid in lines}
        credited: dict[str, int] = {}
        dues = []
        for at_ms, find, item, units, found in finds:
            found_day = day_of(at_ms, self._zone)
            left, paid = bought.get(item, (0, 0))
            if left <= 0 or not day <= found_day <= day + self._config.within_days:
                continue
            of = min(units, left)
            saved = max(floor_div(paid * of, left) - floor_div(found * of + units - 1, units), 0)
            more = saved - credited.get(item, 0)
            points = floor_div(more * self._config.points, self._config.per_minor)
            if points > 0:
                credited[item] = saved
                expires = self._ends[found_day]
                dues.append((POINTS, points, (expires, at_ms, at_ms, "g:" + find), ""))
        return tuple(dues)
