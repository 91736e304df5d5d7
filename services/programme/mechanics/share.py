"""Points as a share of each basket (M01), of one category as a bonus, with the tier's multiplier (M08).

One rule is one stated rounding on the basket: floor(points * money * percent), or as `rounding` says. Where the rate
goes by the basket's size, all of it earns at the step that it reaches, and a return may bring it to a lower one; or, if
the steps are marginal, each part of it at its own. A bonus for a category is the same rule with `only`. Nothing is
stored: the basket is the cell.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from events.values import Id, NaturalInt, PositiveInt, floor_div
from services.programme.calendar import midnight
from services.programme.mechanic import (
    OF_PURCHASE,
    POINTS,
    POINTS_PER_MINOR_MAX,
    Basket,
    Due,
    Frame,
    Key,
    Lasting,
    Mechanic,
    Meter,
    Spend,
)
from services.programme.mechanics.ladder import Step
from services.programme.words import amount, counted, money


class Share(Mechanic):
    """`points` for every `per_minor` of the lines that count, times the tier's percentage, rounded once."""

    class Config(Spend, Lasting):
        """The keys under `share:`."""

        points: PositiveInt | None = None
        """Points (in the programme's smallest unit of them) per `per_minor`; or `steps` of them."""
        steps: Annotated[tuple[Step, ...], Field(min_length=1)] | None = None
        """By what the lines that count come to: the points of the highest step that is reached, for all of it."""
        marginal: bool = False
        """Each step is for the money from it to the next one, and not for all of it."""
        per_minor: PositiveInt | None = None
        """Money in minor units: 100 means per 1.00; or `per_units`."""
        per_units: PositiveInt | None = None
        """Units that cost something. What is measured is told in parts: hundredths of a litre, and 100 of them here."""
        rounding: Literal["down", "half_up", "full"] = "down"
        """Once, on the basket. down: a part of a point is cut. half_up: to the nearest, half up. full: a part of
        `per_minor` or `per_units` gives nothing; then as down."""
        tier_percent: Annotated[tuple[NaturalInt, ...], Field(min_length=1)] = (100,)
        """By level; the last one holds for every higher level."""
        pending_days: Annotated[int, Field(ge=0, le=3660)] = 0
        """Points can be spent from the beginning of the day this many days later; 0: at once."""
        to: Id | None = None
        """The member or the account that gets them: a cause, a company; None: the member who bought."""

        @model_validator(mode="after")
        def _bounded(self) -> Self:
            if (self.points is None) == (self.steps is None):
                raise ValueError("write either points, or steps by the basket's size")
            if (self.per_minor is None) == (self.per_units is None):
                raise ValueError("write either per_minor (money) or per_units; a point for 1.00 is per_minor: 100")
            if self.per_units is not None and self.steps is not None:
                raise ValueError("steps go by money; write per_minor")
            if self.per_units is not None and self.base != "gross":
                raise ValueError("base says which money counts; leave it out beside per_units")
            if self.marginal and self.steps is None:
                raise ValueError("marginal says how steps count; write steps, or leave it out")
            starts = [step.from_minor for step in self.steps or ()]
            if starts != sorted(set(starts)):
                raise ValueError("steps must ascend by from_minor; give each its own amount")
            most = self.points or max(step.points for step in self.steps or ())
            if most * max(self.tier_percent) > 100 * POINTS_PER_MINOR_MAX * self.per:
                raise ValueError(
                    f"more than {POINTS_PER_MINOR_MAX} points per minor unit; lower points or tier_percent"
                )
            return self

        @property
        def per(self) -> int:
            """Of which `points` are the points: minor units, or units."""
            return self.per_minor or self.per_units or 0

    per_purchase: ClassVar[bool] = True

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add(config.base if config.per_units is None else "paid units", config)
        self._measure: int = self.measure
        self._top = len(config.tier_percent) - 1
        steps = config.steps or ()
        self._starts = [step.from_minor for step in steps]
        given = [0, *[step.points for step in steps]] if steps else [config.points or 0]
        self._rates = [[points * percent for percent in config.tier_percent] for points in given]
        """By how many steps are reached, and by level."""
        self._full = config.per if config.rounding == "full" else 1
        self._marginal = config.marginal
        self._plain = self._full == 1 and not self._marginal
        self._per = config.per * 100
        self._half = self._per // 2 if config.rounding == "half_up" else 0
        self._ends = config.ends(frame.zone)
        self._pending = config.pending_days
        self._zone = frame.zone
        self.lasts_days = config.lasts_days
        self._to = config.to or ""
        to = f"to {config.to} " if config.to else ""
        self.why = f"{to}for what was paid{counted(config)}: {_rate(config, frame)}".strip()

    def due(self, key: Key | None, cell: Basket) -> tuple[Due, ...]:
        counts = cell.measures[self._measure]
        level = cell.tier if cell.tier < self._top else -1
        if self._plain:
            worth = counts * self._rates[bisect_right(self._starts, counts) if self._starts else 0][level]
        else:
            worth = self._worth(counts - counts % self._full, level)
        points = floor_div(worth + self._half, self._per)
        if not points:
            return ()
        active = midnight(cell.day + self._pending, self._zone) if self._pending else cell.at_ms
        return ((POINTS, points, (self._ends[cell.day], cell.at_ms, active, OF_PURCHASE + cell.purchase), self._to),)

    def _worth(self, counts: int, level: int) -> int:
        """Of the whole at the step that it reaches; or of what lies above each step, what it gives more than the one
        before it."""
        if not self._marginal:
            return counts * self._rates[bisect_right(self._starts, counts) if self._starts else 0][level]
        steps = zip(self._starts, self._rates, self._rates[1:], strict=False)
        return sum(max(counts - start, 0) * (now[level] - before[level]) for start, before, now in steps)


def _rate(config: Share.Config, frame: Frame) -> str:
    """How many points for how much."""
    steps = [
        f"{amount(step.points, POINTS, frame.decimals)} {'above' if config.marginal else 'from'} "
        f"{money(step.from_minor, frame.currency)}"
        for step in config.steps or ()
    ]
    points = amount(config.points, POINTS, frame.decimals) if config.points else f"by its size ({'; '.join(steps)})"
    much = money(config.per, frame.currency) if config.per_units is None else amount(config.per, "units")
    full = "full " if config.rounding == "full" else ""
    rounded = ", rounded half up" if config.rounding == "half_up" else ""
    by_level = "" if len(config.tier_percent) == 1 else ", by the level held"
    return f"{points} for every {full}{much}{rounded}{by_level}"
