"""Points that a person gives or takes by hand, and opening balances: each fact is a lot of its own, or a draw.

Nothing takes an adjustment back but another one, so nothing is kept. What is taken is drawn in spending order.
"""

from __future__ import annotations

from typing import Any, ClassVar

from services.programme.calendar import day_of, instant_ms
from services.programme.mechanic import CURRENCY, POINTS, Due, Frame, Key, Lasting, Mechanic, Meter


class Adjustment(Mechanic):
    """What `adjusted` facts are worth."""

    class Config(Lasting):
        """The keys under `adjustment:`, where neither the fact nor its currency says an end."""

    kinds: ClassVar[frozenset[str]] = frozenset({"adjusted"})
    per_fact: ClassVar[bool] = True

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self._ends = config.ends(frame.zone)
        self._of_currency = {name: lasting.ends(frame.zone) for name, lasting in frame.lasting.items()}
        self._zone = frame.zone
        self.why = "by hand, with a reason on record"

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        points, at_ms = cell.points, instant_ms(cell.occurred_at)
        unit = POINTS if cell.unit is None else CURRENCY + cell.unit
        if points < 0:
            return ((unit, points, (0, 0, 0, "-a:" + cell.id), ""),)
        if cell.expires_at is not None:
            expires = instant_ms(cell.expires_at)
        else:
            expires = self._of_currency.get(cell.unit, self._ends)[day_of(at_ms, self._zone)]
        return ((unit, points, (expires, at_ms, at_ms, "a:" + cell.id), ""),) if points else ()
