"""A cap on the points of the rules before it, or of the rules that it names: of a day, a month, a member for ever.

The cell is a map of purchases and lots, not a sum: a cut lands on the lot that was cut, the last ones first, and what
comes back makes room for what was cut. A lot counts in the period of its own purchase, or month, whichever purchase
moves it. A day is the store's own; longer periods are of the programme's zone. A cap on one purchase needs no cell: it
is a group's `at_most`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from events.model import Model
from events.values import Code, PositiveInt
from services.programme.calendar import month_of
from services.programme.mechanic import POINTS, Basket, Change, Due, Frame, Key, Mechanic, Meter, month_of_slot
from services.programme.words import amount


class Cap(Mechanic):
    """At most `points` in a period."""

    class Config(Model):
        """The keys under `cap:`."""

        points: PositiveInt
        per: Literal["day", "week", "month", "year", "member"]
        """week: from Monday; member: for ever, or as long as the rule's condition lasts."""
        of: Annotated[tuple[Code, ...], Field(min_length=1)] | None = None
        """Rules or groups that stand before it; None: all of them."""

    reads_points: ClassVar[bool] = True
    by_period: ClassVar[bool] = True
    gives_to = "receipts"

    def __init__(self, config: Any, meter: Meter, frame: Frame) -> None:
        self._cap = config.points
        self._per = config.per
        self._place = _PLACES[config.per]
        period = "a member gets" if config.per == "member" else f"a {config.per} gives"
        of = f" of {' and '.join(config.of)}" if getattr(config, "of", None) else ""
        self.why = f"because {period} {amount(config.points, POINTS, frame.decimals)}{of} at most"

    def key(self, change: Change) -> Key | None:
        basket = change.after or change.before
        return self._place(basket) if change.points and basket is not None else None

    def key_of(self, slot: str) -> Key:
        return _OF_MONTHS[self._per](month_of_slot(slot))

    def period(self, basket: Basket) -> int:
        place = self._place(basket)
        return place if isinstance(place, int) else 0

    def absorb(self, cell: Any, change: Change) -> Any:
        """((earned at, slot, expires, active, points), ...), ascending."""
        found = {(row[2], row[0], row[3], row[1]): row[4] for row in cell} if cell else {}
        for lot, points in change.points:
            found[lot] = found.get(lot, 0) + points
        rows = []
        for (expires, earned, active, slot), points in found.items():
            if points:
                rows.append((earned, slot, expires, active, points))
        rows.sort()
        return tuple(rows) or None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        room, cuts = self._cap, []
        for earned, slot, expires, active, points in cell:
            room -= points
            if room < 0:
                cuts.append((POINTS, room, (expires, earned, active, slot), ""))
                room = 0
        return tuple(cuts)


_PLACES: dict[str, Callable[[Basket], Key]] = {
    "day": lambda basket: basket.store_day,
    "week": lambda basket: (basket.day - 1) // 7,
    "month": lambda basket: month_of(basket.day),
    "year": lambda basket: month_of(basket.day) // 12,
    "member": lambda basket: "ever",
}
"""Which cell a basket belongs to. Days are ordinals, and day 1 was a Monday."""

_OF_MONTHS: dict[str, Callable[[int], Key]] = {
    "month": lambda month: month,
    "year": lambda month: month // 12,
    "member": lambda month: "ever",
}
"""Which cell a calendar month belongs to. What it gives is no day's, and no week's (services/programme/caps.py)."""
