"""A member brings a friend (M19): points for the one who brought, once the friend has spent enough.

The friend's account reckons it, as a message to the referrer: due when the spend since joining reaches `from_minor`,
and active when the goods of the day that reached it can no longer come back. So nothing is paid that a return would
have to take from points that are spent. Only what the friend buys in the first `within_days` counts.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field

from events.values import NaturalInt, Points
from services.programme.calendar import day_of, instant_ms, midnight
from services.programme.mechanic import POINTS, Change, Due, Frame, Key, Lasting, Mechanic, Meter, Spend
from services.programme.words import counted, money


class Referral(Mechanic):
    """`points` to the referrer of a friend who has spent `from_minor`."""

    class Config(Spend, Lasting):
        """The keys under `referral:`."""

        points: Points
        from_minor: NaturalInt = 0
        """What the friend must have spent; 0: a purchase of anything."""
        within_days: Annotated[int, Field(ge=0, le=366)] = 90
        """Spend counts up to so many days after the friend's joining."""
        after_days: Annotated[int, Field(ge=0, le=366)] = 30
        """Active from the day so many days after the one that reached it: the friend's window for returns."""

    gives_away: ClassVar[bool] = True
    kinds: ClassVar[frozenset[str]] = frozenset({"basket", "enrolled"})

    def __init__(self, config: Config, meter: Meter, frame: Frame) -> None:
        self.measure = meter.add(config.base, config)
        self._measure: int = self.measure
        self._points, self._from, self._zone = config.points, max(config.from_minor, 1), frame.zone
        self._within, self._after, self._ends = config.within_days, config.after_days, config.ends(frame.zone)
        spent = f"has spent {money(config.from_minor, frame.currency)}" if config.from_minor else "has bought something"
        self.why = f"for a friend who {spent}{counted(config)} within {config.within_days} days of joining"

    def key(self, change: Change) -> Key | None:
        return "friend"

    def absorb(self, cell: Any, change: Change) -> Any:
        """(referrer, instant of joining, ((day, spend), ...)); a member who was brought by nobody keeps no spend."""
        if change.fact.type == "enrolled":
            return cell or (change.fact.referrer or "", instant_ms(change.fact.occurred_at), ())
        basket = change.after or change.before
        if cell is None or basket is None or not cell[0] or basket.at_ms < cell[1]:
            return cell
        referrer, joined_ms, spend = cell
        if basket.day > day_of(joined_ms, self._zone) + self._within:
            return cell
        days = dict(spend)
        for sign, side in ((1, change.after), (-1, change.before)):
            if side is not None:
                days[side.day] = days.get(side.day, 0) + sign * side.measures[self._measure]
        return referrer, joined_ms, tuple((day, minor) for day, minor in sorted(days.items()) if minor)

    def due(self, key: Key | None, cell: Any) -> tuple[Due, ...]:
        referrer, _, spend = cell
        total, reached = 0, 0
        for day, minor in spend:
            total += minor
            reached = 0 if total < self._from else reached or day + self._after
        if not reached:
            return ()
        active = midnight(reached, self._zone)
        expires = self._ends[reached]
        return ((POINTS, self._points, (expires, active, active, "friend"), referrer),)
