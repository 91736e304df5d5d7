"""A voucher for every so many points that were earned (a threshold voucher); the points are drawn from the lots.

Points taken back by a return take unused vouchers with them. A used one stays, as its draw does: the points that it
lacks are owed, and what is earned next repays it.
"""

from __future__ import annotations

from typing import Any, ClassVar

from events.model import Model
from events.values import Code, PositiveInt, floor_div
from services.programme.calendar import NEVER
from services.programme.mechanic import POINTS, Change, Due, Frame, Key, Lot, Mechanic, Meter
from services.programme.words import amount


class Voucher(Mechanic):
    """One `unit` for every `per_points` of the rules before it, rounded down once, on the sum."""

    class Config(Model):
        """The keys under `voucher:`."""

        per_points: PositiveInt
        unit: Code = "voucher"
        """The voucher's name; `used` facts say it."""

    draws: ClassVar[bool] = True
    kinds: ClassVar[frozenset[str]] = frozenset(
        {"basket", "enrolled", "adjusted", "deed", "price_found", "message", "used"}
    )
    reads_points: ClassVar[bool] = True

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self._per = config.per_points
        self._unit = config.unit
        self._thing: Lot = (NEVER, 0, 0, config.unit)
        self._drawn: Lot = (0, 0, 0, "-" + config.unit)
        self.why = f"for every {amount(config.per_points, POINTS, frame.decimals)} earned, in exchange for them"

    def key(self, change: Change) -> Key | None:
        if change.fact.type == "used":
            return self._unit if change.fact.what == self._unit else None
        return self._unit if change.points else None

    def key_of(self, slot: str) -> Key:
        return self._unit

    def absorb(self, cell: Any, change: Change) -> Any:
        """(points earned, vouchers used)."""
        earned, used = cell or (0, 0)
        for _, points in change.points:
            earned += points
        used += change.fact.count if change.fact.type == "used" else 0
        return (earned, used) if earned or used else None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        earned, used = cell
        made = floor_div(earned, self._per) if earned > 0 else 0
        if made < used:
            made = used
        if not made:
            return ()
        draw = POINTS, -made * self._per, self._drawn, ""
        return ((self._unit, made - used, self._thing, ""), draw) if made > used else (draw,)
