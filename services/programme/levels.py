"""The levels of the programme file (M08): what is reached by which spend, for how long, and how one falls.

Owns the `tier` as it is written. What it does to a member is services/programme/timeline.py's.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from events.values import Code, Months, PositiveInt
from services.programme.mechanic import Counted
from services.programme.policies import Closed, once


class TierLevel(Closed):
    """A level above the lowest, reached when the qualifying spend of the window reaches `from_minor`."""

    name: Code
    from_minor: PositiveInt


class Hold(Closed):
    """How long a level lasts that was reached, beyond the window that carried it: one of the two."""

    months: Annotated[int, Field(ge=1, le=1200)] | None = None
    """Until the end of the same day this many months later."""
    years: Annotated[int, Field(ge=0, le=100)] | None = None
    """Until the calendar year this many years later ends; 0: the year it is reached in."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Hold:
        if (self.months is None) == (self.years is None):
            raise ValueError("write either months or years, for example {years: 1}: to the end of the next year")
        return self


class Tier(Counted, Closed):
    """The spend tier. Without one everybody is at level 0."""

    lowest: Code = "standard"
    """The name of level 0."""
    levels: Annotated[tuple[TierLevel, ...], Field(min_length=1)]
    window_months: Months = 12
    """A day's spend counts until the end of the same day this many months later; 0: until its calendar year ends."""
    hold: Hold | None = None
    """None: a level lasts as long as the window's spend carries it."""
    grace_days: Annotated[int, Field(ge=0, le=3660)] = 0
    """So many days more for a level that nothing carries any more."""
    drop: Literal["hard", "soft"] = "hard"
    """hard: to the level that is carried; soft: by one level at most, which then lasts a term."""
    qualify_on: Literal["event", "activation"] = "event"
    """When spend counts: at the purchase, or when its points become active."""
    pending_days: Annotated[int, Field(ge=1, le=3660)] | None = None
    """With qualify_on: activation, how many days later that is: what the rule of these points says."""

    @model_validator(mode="after")
    def _activation(self) -> Tier:
        if (self.qualify_on == "activation") != (self.pending_days is not None):
            raise ValueError(
                "qualify_on: activation and pending_days go together; "
                "write in pending_days after how many days the points become active"
            )
        return self

    @model_validator(mode="after")
    def _named_once(self) -> Tier:
        once("level", [self.lowest, *(level.name for level in self.levels)])
        return self

    @model_validator(mode="after")
    def _ascending(self) -> Tier:
        amounts = [level.from_minor for level in self.levels]
        if amounts != sorted(set(amounts)):
            raise ValueError("levels must ascend by from_minor; put the lowest first and give each its own amount")
        return self
