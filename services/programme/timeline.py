"""The tier as a timeline (M08): qualifying spend by day, a window, and the level that it makes.

A purchase is rated in the level that held before it, and its spend counts at once for what comes after. A day's spend
drops out of the window at a known instant; the level then falls to what the rest carries. Goods brought back lower the
day that they were bought on. Holding terms, grace and soft landing belong to the timeline too and come with the book's
on-time order; they change `roll` and `put` alone.
"""

from __future__ import annotations

from bisect import bisect_right

import msgspec

from services.programme.calendar import NEVER, end_after_months, year_end


class TierRule(msgspec.Struct, frozen=True):
    """Compiled from the programme file: thresholds of the levels above 0, ascending, and the window."""

    thresholds_minor: tuple[int, ...]
    window_months: int
    """A day's spend counts until the end of the same day this many months later; 0: until its calendar year ends."""
    zone: str
    measure: int
    """Which of the version's measures is qualifying spend."""

    def level(self, sum_minor: int) -> int:
        """How many thresholds the sum has reached."""
        return bisect_right(self.thresholds_minor, sum_minor)

    def drop_of(self, day: int) -> int:
        """The instant at which the spend of `day` leaves the window."""
        return end_after_months(day, self.window_months, self.zone) if self.window_months else year_end(day, self.zone)


class Timeline(msgspec.Struct, array_like=True, gc=False):
    """Where one member stands. `days`: drop instant of a day -> its spend; `next_drop_ms` is the smallest key."""

    level: int = 0
    sum_minor: int = 0
    next_drop_ms: int = NEVER
    days: dict[int, int] = {}

    def roll(self, at_ms: int, rule: TierRule) -> None:
        """Let every day drop whose window has ended by `at_ms` (a drop instant is exclusive)."""
        while self.next_drop_ms <= at_ms:
            self.sum_minor -= self.days.pop(self.next_drop_ms)
            self.level = rule.level(self.sum_minor)
            self.next_drop_ms = min(self.days, default=NEVER)

    def put(self, day: int, spend_minor: int, rule: TierRule, now_ms: int) -> None:
        """Count spend (negative: goods came back) on its own day, unless that day has left the window already."""
        drop = rule.drop_of(day)
        if not spend_minor or drop <= now_ms:
            return
        days = self.days
        rest = days.get(drop, 0) + spend_minor
        if rest:
            days[drop] = rest
            if drop < self.next_drop_ms:
                self.next_drop_ms = drop
        else:
            del days[drop]
            if drop == self.next_drop_ms:
                self.next_drop_ms = min(days, default=NEVER)
        self.sum_minor += spend_minor
        self.level = rule.level(self.sum_minor)
