"""Points as a share of each basket (M01), of one category as a bonus, with the tier's multiplier (M08).

One rule is one stated floor on the basket: floor(points * money * percent). Where the rate goes by the basket's size,
all of it earns at the step that it reaches, and a return may bring it to a lower one. A bonus for a category is the
same rule with `only`. Nothing is stored: the basket is the cell.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from events.values import Id, Months, NaturalInt, PositiveInt, floor_div
from services.programme.calendar import Ends, midnight
from services.programme.mechanic import (
    LASTING_DAYS,
    MONTH_DAYS,
    POINTS,
    POINTS_PER_MINOR_MAX,
    Basket,
    Due,
    Frame,
    Key,
    Mechanic,
    Meter,
    Spend,
)
from services.programme.mechanics.ladder import Step
from services.programme.words import amount, counted, money


class Share(Mechanic):
    """`points` for every `per_minor` of the lines that count, times the tier's percentage, rounded down once."""

    class Config(Spend):
        """The keys under `share:`."""

        points: PositiveInt | None = None
        """Points (in the programme's smallest unit of them) per `per_minor`; or `steps` of them."""
        steps: Annotated[tuple[Step, ...], Field(min_length=1)] | None = None
        """By what the lines that count come to: the points of the highest step that is reached, for all of it."""
        per_minor: PositiveInt
        """Money in minor units: 100 means per 1.00."""
        tier_percent: Annotated[tuple[NaturalInt, ...], Field(min_length=1)] = (100,)
        """By level; the last one holds for every higher level."""
        valid_months: Months | None = None
        """Points end with the day this many months after the purchase's day, 0 with that day itself; None: never."""
        pending_days: Annotated[int, Field(ge=0, le=3660)] = 0
        """Points can be spent from the beginning of the day this many days later; 0: at once."""
        to: Id | None = None
        """The member or the account that gets them: a cause, a company; None: the member who bought."""

        @model_validator(mode="after")
        def _bounded(self) -> Self:
            if (self.points is None) == (self.steps is None):
                raise ValueError("write either points, or steps by the basket's size")
            starts = [step.from_minor for step in self.steps or ()]
            if starts != sorted(set(starts)):
                raise ValueError("steps must ascend by from_minor; give each its own amount")
            most = self.points or max(step.points for step in self.steps or ())
            if most * max(self.tier_percent) > 100 * POINTS_PER_MINOR_MAX * self.per_minor:
                raise ValueError(
                    f"more than {POINTS_PER_MINOR_MAX} points per minor unit; lower points or tier_percent"
                )
            return self

    per_purchase: ClassVar[bool] = True

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add(config.base, config)
        self._measure: int = self.measure
        self._top = len(config.tier_percent) - 1
        steps = config.steps or ()
        self._starts = [step.from_minor for step in steps]
        given = [0, *[step.points for step in steps]] if steps else [config.points or 0]
        self._rates = [[points * percent for percent in config.tier_percent] for points in given]
        """By how many steps are reached, and by level."""
        self._per = config.per_minor * 100
        self._ends = Ends(config.valid_months, frame.zone)
        self._pending = config.pending_days
        self._zone = frame.zone
        self.lasts_days = LASTING_DAYS if config.valid_months is None else MONTH_DAYS * config.valid_months
        self._to = config.to or ""
        by_level = "" if len(config.tier_percent) == 1 else ", by the level held"
        to = f"to {config.to} " if config.to else ""
        by_size = "; ".join(
            f"{amount(step.points, POINTS, frame.decimals)} from {money(step.from_minor, frame.currency)}"
            for step in steps
        )
        rate = amount(config.points, POINTS, frame.decimals) if config.points else f"by its size ({by_size})"
        every = f"for every {money(config.per_minor, frame.currency)}{by_level}"
        self.why = f"{to}for what was paid{counted(config)}: {rate} {every}".strip()

    def due(self, key: Key | None, cell: Basket) -> tuple[Due, ...]:
        minor = cell.measures[self._measure]
        rates = self._rates[bisect_right(self._starts, minor) if self._starts else 0]
        points = floor_div(minor * rates[cell.tier if cell.tier < self._top else -1], self._per)
        if not points:
            return ()
        active = midnight(cell.day + self._pending, self._zone) if self._pending else cell.at_ms
        return ((POINTS, points, (self._ends[cell.day], cell.at_ms, active, "p:" + cell.purchase), self._to),)
