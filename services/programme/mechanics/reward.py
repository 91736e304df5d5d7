"""Points for a deed that is no purchase (M16): a review, a bottle brought back, a birthday (M04's gift).

Each `deed` fact is a lot of its own. Nothing takes it back but a deed with a count below 0, which draws in spending
order. A thing for every so many deeds is `stamps` with `deed`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from events.model import Model
from events.values import Code, Months, Points
from services.programme.calendar import NEVER, day_of, end_after_months, instant_ms, midnight
from services.programme.mechanic import POINTS, Due, Frame, Key, Mechanic, Meter


class Reward(Mechanic):
    """`points` for each deed of one name."""

    class Config(Model):
        """The keys under `reward:`."""

        deed: Code
        """The deed's name, as `deed` facts say it."""
        points: Annotated[Points, Field(le=10**9)]
        valid_months: Months | None = None
        """Points end with the day this many months later; None: never, or as valid_days says."""
        valid_days: Annotated[int, Field(ge=0, le=3660)] | None = None
        """Points end with the day this many days later; 0: with the deed's own day."""

        @model_validator(mode="after")
        def _one_end(self) -> Self:
            if self.valid_months is not None and self.valid_days is not None:
                raise ValueError("write either valid_months or valid_days")
            return self

    kinds: ClassVar[frozenset[str]] = frozenset({"deed"})
    per_fact: ClassVar[bool] = True

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self._deed, self._points, self._zone = config.deed, config.points, frame.zone
        self._months, self._days = config.valid_months, config.valid_days
        self.why = f"for {config.deed}"

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        points = self._points * cell.count if cell.what == self._deed else 0
        if points <= 0:
            return ((POINTS, points, (0, 0, 0, "-d:" + cell.id), ""),) if points else ()
        at_ms = instant_ms(cell.occurred_at)
        return ((POINTS, points, (self._expires(day_of(at_ms, self._zone)), at_ms, at_ms, "d:" + cell.id), ""),)

    def _expires(self, day: int) -> int:
        if self._days is not None:
            return midnight(day + self._days + 1, self._zone)
        return NEVER if self._months is None else end_after_months(day, self._months, self._zone)
