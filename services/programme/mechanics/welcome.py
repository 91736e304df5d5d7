"""A gift at enrolment (M14): points, or a thing. Once for a member, at the first enrolment in time."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from pydantic import model_validator

from events.values import Code, Points
from services.programme.calendar import NEVER, day_of, instant_ms
from services.programme.mechanic import POINTS, Change, Due, Frame, Key, Lasting, Mechanic, Meter


class Welcome(Mechanic):
    """What joining is worth."""

    class Config(Lasting):
        """The keys under `welcome:`; points or a unit."""

        points: Points | None = None
        unit: Code | None = None
        """A thing in place of points: its name; `used` facts say it."""

        @model_validator(mode="after")
        def _one_of_them(self) -> Self:
            if (self.points is None) == (self.unit is None):
                raise ValueError("write either points, or the unit that is given")
            if self.unit is not None and self.end_key:
                raise ValueError(f"{self.end_key} is for points; leave it out")
            return self

    kinds: ClassVar[frozenset[str]] = frozenset({"enrolled", "used"})

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self._points, self._unit = config.points, config.unit
        self._ends = config.ends(frame.zone)
        self._zone = frame.zone
        self.why = "for joining"

    def key(self, change: Change) -> Key | None:
        if change.fact.type == "used":
            return "gift" if change.fact.what == self._unit else None
        return "gift"

    def absorb(self, cell: Any, change: Change) -> Any:
        """(the first enrolment's instant, or NEVER; how many were used)."""
        joined_ms, used = cell or (NEVER, 0)
        if change.fact.type == "used":
            return joined_ms, used + change.fact.count
        return min(joined_ms, instant_ms(change.fact.occurred_at)), used

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        joined_ms, used = cell
        if self._unit is not None:
            left = (joined_ms < NEVER) - used
            return ((self._unit, left, (NEVER, 0, 0, self._unit), ""),) if left else ()
        expires = self._ends[day_of(joined_ms, self._zone)]
        return ((POINTS, self._points or 0, (expires, joined_ms, joined_ms, "welcome"), ""),)
