"""A ladder by the spend of a calendar month (M06): the month's step says what all of it earns, to spend in the next.

The month's points lie in one lot, pending until the month ends and gone when the next one does. One stated floor, on
the month: floor(points * spend / per_minor).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from events.model import Model
from events.values import NaturalInt, PositiveInt, floor_div
from services.programme.calendar import month_of, month_start
from services.programme.mechanic import (
    POINTS,
    POINTS_PER_MINOR_MAX,
    Basket,
    Change,
    Due,
    Frame,
    Key,
    Lot,
    Mechanic,
    Meter,
    Spend,
    slot_of_month,
)
from services.programme.words import counted


class Step(Model):
    """From which spend of the month on a step holds, and what it gives for every `per_minor` of all of it."""

    from_minor: NaturalInt
    points: NaturalInt


class Ladder(Mechanic):
    """The highest step that the month's spend reaches counts for the whole month."""

    class Config(Spend):
        """The keys under `ladder:`."""

        per_minor: PositiveInt
        """Money in minor units that a step's points are given for."""
        steps: Annotated[tuple[Step, ...], Field(min_length=1)]

        @model_validator(mode="after")
        def _ascending(self) -> Self:
            starts = [step.from_minor for step in self.steps]
            if starts != sorted(set(starts)):
                raise ValueError("steps must ascend by from_minor; give each its own amount")
            if max(step.points for step in self.steps) > POINTS_PER_MINOR_MAX * self.per_minor:
                raise ValueError(f"more than {POINTS_PER_MINOR_MAX} points per minor unit; lower a step's points")
            return self

    by_period: ClassVar[bool] = True
    gives_to = "month"

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add(config.base, config)
        self._measure: int = self.measure
        self._per = config.per_minor
        self._steps = [(step.from_minor, step.points) for step in config.steps]
        self._lots = _Lots(frame.zone)
        self.why = f"for what the calendar month's spend{counted(config)} came to, to spend in the next month"

    def key(self, change: Change) -> Key | None:
        basket = change.after or change.before
        return None if basket is None else month_of(basket.day)

    def period(self, basket: Basket) -> int:
        return month_of(basket.day)

    def absorb(self, cell: Any, change: Change) -> Any:
        """The month's spend."""
        return (cell or 0) + change.moved(self._measure) or None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        rate = 0
        for from_minor, given in self._steps:
            if cell >= from_minor:
                rate = given
        points = floor_div(cell * rate, self._per) if cell > 0 else 0
        if not points or not isinstance(key, int):
            return ()
        return ((POINTS, points, self._lots[key], ""),)


class _Lots(dict[int, Lot]):
    """A month's lot, by the months that were asked for."""

    def __init__(self, zone: str) -> None:
        self._zone = zone

    def __missing__(self, month: int) -> Lot:
        begins, ends = month_start(month + 1, self._zone), month_start(month + 2, self._zone)
        lot = self[month] = ends, begins, begins, slot_of_month("m:", month)
        return lot
