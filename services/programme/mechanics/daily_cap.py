"""A cap on the points of a day, of the rules that stand before it; the day is the store's own.

The cell is a map of the day's purchases and lots, not a sum: a cut lands on the lot that was cut, the day's last ones
first, and what comes back makes room for what was cut.
"""

from __future__ import annotations

from typing import Any, ClassVar

from events.model import Model
from events.values import PositiveInt
from services.programme.mechanic import POINTS, Change, Due, Frame, Key, Mechanic, Meter
from services.programme.words import amount


class DailyCap(Mechanic):
    """At most `points` on one local day of the stores."""

    class Config(Model):
        """The keys under `daily_cap:`."""

        points: PositiveInt

    keep_days: ClassVar[int] = 2
    reads_points: ClassVar[bool] = True

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self._cap = config.points
        self.why = f"because a day gives {amount(config.points, POINTS, frame.decimals)} at most"

    def key(self, change: Change) -> Key | None:
        basket = change.after or change.before
        return basket.store_day if change.points and basket is not None else None

    def absorb(self, cell: Any, change: Change) -> Any:
        """((earned at, slot, expires, active, points), ...), ascending."""
        found = {row[:4]: row[4] for row in cell or ()}
        for (expires, earned, active, slot), points in change.points:
            place = (earned, slot, expires, active)
            found[place] = found.get(place, 0) + points
        return tuple((*place, points) for place, points in sorted(found.items()) if points) or None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        room, cuts = self._cap, []
        for earned, slot, expires, active, points in cell:
            over = points - room
            room = max(room - points, 0)
            if over > 0:
                cuts.append((POINTS, -over, (expires, earned, active, slot), ""))
        return tuple(cuts)
