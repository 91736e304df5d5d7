"""The tier as a timeline (M08): qualifying spend by day, a window, and the level that it makes.

A purchase is rated in the level that held before it, and its spend counts at once for what comes after. A level is held
while the window's spend carries it, and besides until a known instant: the end of a term that was earned, of the days
of grace, or of a landing from the level above. That instant is kept for each level, so what a purchase does is small,
and what a return undoes is a recount of the days.

Goods brought back lower the day that they were bought on, and the level is at once the one that the rest has earned: a
term that other spend has earned stays. What a day does not hold is taken from the newest days before it, where levels
outlive their spend. A day is kept for as long as a return of what was bought on it can matter.

Time comes first: at one instant days leave the window, then days enter it, then a fact is counted. Every instant is
exclusive. Does not own the levels' names, nor what a level multiplies.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from services.programme.calendar import EPOCH, NEVER, day_of, end_after_months, midnight, year_end, year_start
from services.programme.days import each, first_of, packed, with_spend, without_first

_PLACES = ("coming", "days", "gone")
"""Of a timeline's days, the newest first."""


class TierRule(msgspec.Struct, frozen=True):
    """Compiled from the programme file: thresholds of the levels above 0, ascending, the window, what outlives it."""

    thresholds_minor: tuple[int, ...]
    window_months: int
    """A day's spend counts until the end of the same day this many months later; 0: until its calendar year ends."""
    zone: str
    measure: int
    """Which of the version's measures is qualifying spend."""
    hold_months: int | None = None
    """A level that was reached is held until the end of the same day this many months later."""
    hold_years: int | None = None
    """A level that was reached is held until the calendar year this many years later ends."""
    grace_days: int = 0
    """How long a level is held that nothing carries any more."""
    soft: bool = False
    """A level falls by one at most; the lower one lasts a term (without hold: as long as spend of that day would)"""
    lag_days: int = 0
    """Spend counts from the beginning of the day this many days later; 0: at once."""
    outlives: bool = False
    """Derived: whether a level can outlive the spend that carried it."""
    by_year: bool = False
    """Derived: whether nothing tells the days of a calendar year apart, so that they are kept as one."""

    def __post_init__(self) -> None:
        outlives = self.soft or self.grace_days > 0 or self.hold_months is not None or self.hold_years is not None
        by_year = not self.window_months and self.hold_months is None
        msgspec.structs.force_setattr(self, "outlives", outlives)
        msgspec.structs.force_setattr(self, "by_year", by_year)

    def counts_like(self, other: TierRule) -> bool:
        """Whether spend that was counted by the other rule stays counted by this one, whichever lines it asks for."""
        return msgspec.structs.replace(other, measure=self.measure) == self

    def level(self, sum_minor: int) -> int:
        """How many thresholds the sum has reached."""
        return bisect_right(self.thresholds_minor, sum_minor)

    def drop_of(self, day: int) -> int:
        """The instant at which the spend of `day` leaves the window."""
        return end_after_months(day, self.window_months, self.zone) if self.window_months else year_end(day, self.zone)

    def term_of(self, day: int) -> int:
        """Until when a level is held that is reached on `day`, grace included; 0 without a holding term."""
        if self.hold_months is not None:
            return self.grace_from(end_after_months(day, self.hold_months, self.zone))
        if self.hold_years is not None:
            return self.grace_from(year_end(day, self.zone, self.hold_years))
        return 0

    def grace_from(self, at_ms: int) -> int:
        """The end of the days of grace for a level that nothing carries from an instant on."""
        return midnight(day_of(at_ms, self.zone) + self.grace_days, self.zone) if self.grace_days else at_ms

    def landing_from(self, at_ms: int) -> int:
        """Until when the level below one that ended at an instant is held."""
        day = day_of(at_ms, self.zone)
        if self.hold_months is not None:
            return end_after_months(day, self.hold_months, self.zone)
        return self.drop_of(day) if self.hold_years is None else year_end(day, self.zone, self.hold_years)

    def place_of(self, day: int) -> int:
        """The day, counted from 1970, under which the spend of `day` is kept."""
        return (year_start(day) if self.by_year else day) - EPOCH

    def matters_until(self, day: int) -> int:
        """Until when a return of what was bought on `day` can change a level."""
        return max(self.grace_from(self.drop_of(day)), self.term_of(day))


class Timeline(msgspec.Struct, array_like=True, gc=False):
    """Where one member stands. Its days are counted from 1970 (services/programme/days.py)."""

    level: int = 0
    sum_minor: int = 0
    """Qualifying spend of the window."""
    next_due_ms: int = NEVER
    """When time alone changes something: `roll` must be called by then."""
    days: bytes = b""
    """The days of the window."""
    gone: bytes = b""
    """Days that have left the window and may still matter. Empty where nothing outlives it."""
    coming: bytes = b""
    """Spend that counts from the beginning of its day."""
    until: list[int] = []
    """For each level above the lowest: held until then, whatever the window says. Empty where nothing outlives it."""
    since: int = 0
    """The day with which a recount begins. What was bought before can no longer change a level."""
    until_then: list[int] = []
    """`until` as it was when that day began."""

    def roll(self, at_ms: int, rule: TierRule) -> None:
        """Let happen what time alone does by an instant: days leave the window or enter it, levels end."""
        if self.next_due_ms <= at_ms:
            self._roll(at_ms, rule)
            self._forget(at_ms, rule)

    def put(self, day: int, spend_minor: int, rule: TierRule, now_ms: int) -> None:
        """Count spend (negative: goods came back) on its own day, unless that day cannot matter any more.

        `day` is the programme's; `now_ms` is the instant that was rolled to.
        """
        if rule.outlives or rule.lag_days:
            self._put(day + rule.lag_days, spend_minor, rule, now_ms)
            return
        drop = rule.drop_of(day)
        if not spend_minor or drop <= now_ms:
            return
        self.days = with_spend(self.days, rule.place_of(day), spend_minor)
        self.sum_minor += spend_minor
        self.level = rule.level(self.sum_minor)
        if spend_minor < 0 or drop <= self.next_due_ms:
            first = first_of(self.days)
            self.next_due_ms = rule.drop_of(first + EPOCH) if first is not None else NEVER

    def begin(self, old: TierRule | None, new: TierRule | None, at_ms: int) -> None:
        """Another version begins: the days are counted anew by its rule, at once. `at_ms` was rolled to by the old one.

        A level that the new rule gives lasts its first term from here; terms that were earned stay, level by level.
        """
        if new is None:
            self.level, self.sum_minor, self.next_due_ms = 0, 0, NEVER
            self.days, self.gone, self.coming = b"", b"", b""
            self.until, self.since, self.until_then = [], 0, []
            return
        if old is not None and new.counts_like(old):
            return
        known = each(self.gone) + each(self.days)
        self.days, self.gone, self.sum_minor = b"", b"", 0
        for day, spend in known:
            place = new.place_of(day + EPOCH)
            if new.drop_of(day + EPOCH) > at_ms:
                self.days = with_spend(self.days, place, spend)
                self.sum_minor += spend
            elif new.outlives:
                self.gone = with_spend(self.gone, place, spend)
        today = day_of(at_ms, new.zone)
        self.until = self.until[: len(new.thresholds_minor)] if new.outlives else []
        self.level = _held(self.until, at_ms)
        self._rise(today, new)
        if not new.outlives:
            self.level = new.level(self.sum_minor)
        self.since, self.until_then = today - EPOCH, list(self.until)
        self._plan(new)

    # ---------------------------------------------------------------- one instant after another

    def _roll(self, at_ms: int, rule: TierRule) -> None:
        while (due := self.next_due_ms) <= at_ms:
            carried = rule.level(self.sum_minor)
            while (first := first_of(self.days)) is not None and rule.drop_of(first + EPOCH) <= due:
                self.days, spend = without_first(self.days)
                self.sum_minor -= spend
                if rule.outlives:
                    self.gone = with_spend(self.gone, first, spend)
            self._fall(due, carried, rule)
            while (first := first_of(self.coming)) is not None and midnight(first + EPOCH, rule.zone) <= due:
                self.coming, spend = without_first(self.coming)
                self._count(rule.place_of(first + EPOCH), spend, rule)
            self._plan(rule)

    def _put(self, day: int, spend_minor: int, rule: TierRule, now_ms: int) -> None:
        """The general case of `put`: days that come later, levels that outlive the window."""
        if not spend_minor or rule.matters_until(day) <= now_ms:
            return
        begins = rule.lag_days and midnight(day, rule.zone) > now_ms
        place = day - EPOCH if begins else rule.place_of(day)
        if spend_minor > 0 and not begins and day == day_of(now_ms, rule.zone):
            self._count(place, spend_minor, rule)
        elif spend_minor > 0 and begins:
            self._add("coming", place, spend_minor)
        else:
            if spend_minor < 0 and rule.outlives:
                spend_minor = self._take(place, spend_minor, rule, now_ms)
            self._add("coming" if begins else "days" if rule.drop_of(day) > now_ms else "gone", place, spend_minor)
            again = self._again(now_ms, rule)
            self.level, self.sum_minor, self.until = again.level, again.sum_minor, again.until
        self._plan(rule)

    def _take(self, place: int, spend_minor: int, rule: TierRule, now_ms: int) -> int:
        """Take what came back (negative) from its day and the newest before it. Returns what none of them held."""
        for where in _PLACES:
            for day, spend in reversed(each(getattr(self, where))):
                if day > place:
                    continue
                if not spend_minor or rule.matters_until(day + EPOCH) <= now_ms:
                    return spend_minor
                part = max(spend_minor, -max(spend, 0))
                self._add(where, day, part)
                spend_minor -= part
        return spend_minor

    def _add(self, where: str, day: int, spend_minor: int) -> None:
        """To the days of one of the three kinds."""
        setattr(self, where, with_spend(getattr(self, where), day, spend_minor))

    def _count(self, day: int, spend_minor: int, rule: TierRule) -> None:
        """A day's spend enters the window."""
        carried = rule.level(self.sum_minor)
        self._add("days", day, spend_minor)
        self.sum_minor += spend_minor
        if spend_minor < 0:
            self._fall(midnight(day + EPOCH, rule.zone), carried, rule)
        else:
            self._rise(day + EPOCH, rule)

    def _rise(self, day: int, rule: TierRule) -> None:
        """The sum has risen, or its level begins to count: every level that it carries is earned for a term."""
        level = rule.level(self.sum_minor)
        if rule.outlives:
            until, term = self.until, rule.term_of(day)
            until += [0] * (len(rule.thresholds_minor) - len(until))
            for n in range(level):
                if until[n] < term:
                    until[n] = term
        if level > self.level:
            self.level = level

    def _fall(self, at_ms: int, carried: int, rule: TierRule) -> None:
        """The sum has fallen, or time has passed: what nothing carries has its grace, and then ends."""
        level = rule.level(self.sum_minor)
        if not rule.outlives:
            self.level = level
            return
        until = self.until
        for n in range(level, carried):
            until[n] = max(until[n], rule.grace_from(at_ms))
        while self.level > level and until[self.level - 1] <= at_ms:
            self.level -= 1
            if rule.soft and self.level > level:
                until[self.level - 1] = max(until[self.level - 1], rule.landing_from(at_ms))
        self.level = max(self.level, level)  # goods that came back without a receipt leave the window too

    def _plan(self, rule: TierRule) -> None:
        """When time alone changes something next."""
        first, coming = first_of(self.days), first_of(self.coming)
        due = rule.drop_of(first + EPOCH) if first is not None else NEVER
        if coming is not None:
            due = min(due, midnight(coming + EPOCH, rule.zone))
        if rule.outlives and self.level > rule.level(self.sum_minor):
            due = min(due, self.until[self.level - 1])
        self.next_due_ms = due

    # ---------------------------------------------------------------- recounting

    def _again(self, to_ms: int, rule: TierRule, end: int = NEVER) -> Timeline:
        """What the days before `end`, as they are now, would have made by an instant: walked from `since` on."""
        known = each(self.gone) + each(self.days)
        begin_ms = midnight(self.since + EPOCH, rule.zone)
        context = [(d, s) for d, s in known if d < self.since and rule.drop_of(d + EPOCH) > begin_ms]
        again = Timeline(days=packed(context), until=list(self.until_then), sum_minor=sum(s for _, s in context))
        again.level = max(rule.level(again.sum_minor), _held(again.until, begin_ms))
        again._plan(rule)
        for day, spend in known:
            if self.since <= day < end:
                again._roll(midnight(day + EPOCH, rule.zone), rule)
                again._count(day, spend, rule)
                again._plan(rule)
        again._roll(to_ms, rule)
        return again

    def _forget(self, now_ms: int, rule: TierRule) -> None:
        """Drop the days that are context to nothing that matters, a month at a time, and begin recounts later."""
        first = first_of(self.gone)
        if first is None:
            return
        edge = day_of(rule.drop_of(first + EPOCH), rule.zone) + 31
        if rule.matters_until(edge) > now_ms:
            return
        edge_ms = midnight(edge, rule.zone)
        if rule.outlives:
            self.until_then = self._again(edge_ms, rule, edge - EPOCH).until
        self.since = edge - EPOCH
        self.gone = packed((day, spend) for day, spend in each(self.gone) if rule.drop_of(day + EPOCH) > edge_ms)


def _held(until: Sequence[int], at_ms: int) -> int:
    """The highest level that is held at an instant."""
    return max((n for n, end in enumerate(until, 1) if end > at_ms), default=0)
