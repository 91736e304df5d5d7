"""What a member has spent in all, for discounts that grow with it (M05): a mechanic that counts and gives nothing.

A return takes its spend back like everything else. Counts from the version on that first has the rule.
"""

from __future__ import annotations

from typing import Any, ClassVar

from services.programme.mechanic import LASTING_DAYS, Change, Counted, Due, Frame, Key, Mechanic, Meter


class Spent(Mechanic):
    """The sum of the lines that count, in minor units."""

    lasts_days = LASTING_DAYS  # it gives no points
    Config: ClassVar[type[Counted]] = Counted

    def __init__(self, config: Counted, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add("gross", config)
        self._measure: int = self.measure
        self.why = "for what was spent in all"

    def key(self, change: Change) -> Key | None:
        return KEY

    def absorb(self, cell: Any, change: Change) -> Any:
        """The sum."""
        return (cell or 0) + change.moved(self._measure) or None

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        return ()


KEY = "spend"
"""Its one cell."""
