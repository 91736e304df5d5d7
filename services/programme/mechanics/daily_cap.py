"""A cap on the points of a day, the store's own: `cap` per day, of all the rules that stand before it."""

from __future__ import annotations

from typing import Any

from events.model import Model
from events.values import PositiveInt
from services.programme.mechanic import Frame, Meter
from services.programme.mechanics.cap import Cap


class DailyCap(Cap):
    """At most `points` on one local day of the stores."""

    class Config(Model):
        """The keys under `daily_cap:`."""

        points: PositiveInt

    def __init__(self, config: Any, meter: Meter, frame: Frame) -> None:
        super().__init__(Cap.Config(points=config.points, per="day"), meter, frame)
