"""The tier's timeline against a literal oracle: every purchase counted again, day by day, after each fact.

The oracle knows dates and sums and nothing of the timeline's state: no pruning, no kept instants, no shortcut for
calendar years. It says the level at the end of a day, or before a purchase of that day.
"""

from __future__ import annotations

import copy
import json
from bisect import bisect_right
from calendar import monthrange
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from services.book import history as places
from services.programme.calendar import NEVER
from services.programme.days import each, first_of, packed, with_spend, without_first
from services.programme.timeline import TierRule, Timeline
from tests.drivers.examples import examples
from tests.drivers.facts import MEMBER, World

LONDON = ZoneInfo("Europe/London")
DAY = timedelta(days=1)
SAVE = examples(400)


def months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


@dataclass
class Oracle:
    """What was bought, by the day from which it counts, less what came back."""

    rule: TierRule
    spend: dict[date, int] = field(default_factory=dict)

    def leaves(self, day: date) -> date:
        """The first day that no longer counts what was bought on `day`."""
        return months_later(day, self.rule.window_months) + DAY if self.rule.window_months else date(day.year + 1, 1, 1)

    def term(self, day: date, *, landing: bool = False) -> date | None:
        """The first day that no longer holds a level reached on `day` (or landed on)."""
        if self.rule.hold_months is not None:
            end = months_later(day, self.rule.hold_months) + DAY
        elif self.rule.hold_years is not None:
            end = date(day.year + 1 + self.rule.hold_years, 1, 1)
        else:
            return self.leaves(day) if landing else None
        return end if landing else end + self.rule.grace_days * DAY

    def matters(self, day: date, on: date) -> bool:
        """Whether anything bought on `day` can still change a level on another day."""
        ends = [self.leaves(day) + self.rule.grace_days * DAY, self.term(day) or day]
        return max(ends) > on

    @property
    def simple(self) -> bool:
        rule = self.rule
        return not (rule.soft or rule.grace_days) and (rule.hold_months, rule.hold_years) == (None, None)

    def add(self, bought: date, minor: int, on: date) -> None:
        """Spend, or (negative) goods that came back: off their day, and where levels outlive it the newest before."""
        bought += self.rule.lag_days * DAY
        if not self.matters(bought, on):
            return
        if minor < 0 and not self.simple:
            for day in sorted((d for d in self.spend if d <= bought), reverse=True):
                if not self.matters(day, on):
                    break
                part = min(max(self.spend[day], 0), -minor)
                self.spend[day] -= part
                minor += part
        self.spend[bought] = self.spend.get(bought, 0) + minor

    def window(self, on: date) -> int:
        return sum(minor for day, minor in self.spend.items() if day <= on < self.leaves(day))

    def level(self, on: date) -> int:
        """The level at the end of a day: every day on which something can happen, from the first purchase on."""

        def carried(minor: int) -> int:
            return bisect_right(self.rule.thresholds_minor, minor)

        held: dict[int, date] = {}
        level, before = 0, 0
        days = {*self.spend, *(self.leaves(day) for day in self.spend)}
        day = min(days, default=on)
        while day <= on:
            first = sum(minor for d, minor in self.spend.items() if d < day < self.leaves(d))  # once the old are gone
            for now in dict.fromkeys((first, self.window(day))):
                for lost in range(carried(now) + 1, before + 1):
                    if not self.simple:
                        held[lost] = max(held.get(lost, day), day + self.rule.grace_days * DAY)
                while level > carried(now) and held.get(level, day) <= day:
                    level -= 1
                    if self.rule.soft and level > carried(now):
                        held[level] = max(held.get(level, day), self.term(day, landing=True) or day)
                before = carried(now)
                level = max(level, before)
            term = self.term(day)
            if self.spend.get(day, 0) > 0 and term is not None:
                for reached in range(1, before + 1):
                    held[reached] = max(held.get(reached, day), term)
            day = min((d for d in {*days, *held.values(), on + DAY} if d > day), default=on + DAY)
        return level


rules = st.builds(
    lambda window, hold, grace, soft, lag: TierRule(
        (100, 300, 600), window, "Europe/London", 0, *hold, grace, soft, lag
    ),
    st.sampled_from([0, 1, 3, 12]),
    st.sampled_from([(None, None), (None, None), (1, None), (12, None), (None, 0), (None, 1), (None, 2)]),
    st.sampled_from([0, 0, 10, 45]),
    st.booleans(),
    st.sampled_from([0, 0, 20]),
)
steps = st.lists(
    st.tuples(
        st.sampled_from(["buy"] * 5 + ["back"] * 2 + ["loose"]),
        st.sampled_from([0, 0, 1, 3, 10, 30, 90, 200, 366, 800]),  # days later
        st.integers(1, 700),
        st.integers(0, 20),
    ),
    min_size=1,
    max_size=14,
)


def instant(day: date, hour: int = 12) -> int:
    return int(datetime(day.year, day.month, day.day, hour, tzinfo=LONDON).timestamp() * 1000)


def kept(timeline: Timeline) -> Timeline:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(timeline), type=Timeline)


@SAVE
@given(rules, steps)
def test_the_timeline_is_the_recount_of_every_purchase(rule: TierRule, story: list[tuple[str, int, int, int]]) -> None:
    oracle, timeline = Oracle(rule), Timeline()
    bought: list[tuple[date, int]] = []
    day = date(2026, 1, 20)
    for verb, later, amount, which in story:
        day += later * DAY
        timeline.roll(instant(day), rule)
        assert timeline.level == oracle.level(day)
        origin, minor = day, amount
        if verb == "back" and bought:
            origin, left = bought.pop(which % len(bought))
            minor = -min(amount, left)
        elif verb == "loose" and not rule.outlives:
            minor = -amount
        elif verb == "loose" and bought and day - bought[-1][0] < 28 * DAY:
            minor = -min(amount, bought[-1][1])
            bought.clear()  # what came back without its receipt does not come back with it
        if minor > 0:
            bought.append((day, minor))
        timeline.put(origin.toordinal(), minor, rule, instant(day))
        oracle.add(origin, minor, day)
        timeline = kept(timeline)
        assert (timeline.level, timeline.sum_minor) == (oracle.level(day), oracle.window(day))
        sooner, due = copy.deepcopy(timeline), timeline.next_due_ms
        if due < NEVER:  # nothing happens before it is due; and what happens then is right
            there = datetime.fromtimestamp(due / 1000, LONDON).date()
            assert due == instant(there, 0) > instant(day)
            assert oracle.level(there - DAY) == timeline.level
            sooner.roll(due, rule)
            assert (sooner.level, sooner.sum_minor) == (oracle.level(there), oracle.window(there))
        else:
            assert oracle.level(date(2200, 1, 1)) == timeline.level


STRICT = """
programme: strict
version: strict-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
returns: {policy: strict}
tier: %s
rules: [{id: base, share: {points: 1, per_minor: 1, tier_percent: [100, 200, 300, 400]}}]
"""


def written(rule: TierRule) -> str:
    """The programme file of a rule."""
    hold = {"months": rule.hold_months} if rule.hold_months is not None else {"years": rule.hold_years}
    tier: dict[str, Any] = {
        "levels": [{"name": f"level-{n}", "from_minor": n} for n in rule.thresholds_minor],
        "window_months": rule.window_months,
        "grace_days": rule.grace_days,
        "drop": "soft" if rule.soft else "hard",
    }
    if hold != {"years": None}:
        tier["hold"] = hold
    if rule.lag_days:
        tier |= {"qualify_on": "activation", "pending_days": rule.lag_days}
    return STRICT % json.dumps(tier)


spends = st.one_of(st.integers(-9, 9), st.integers(-(2**40), 2**40))
some_days = st.one_of(st.integers(0, 9), st.integers(-700_000, 2_900_000))


@SAVE
@given(st.lists(st.one_of(st.none(), st.tuples(some_days, spends)), max_size=30))
def test_days_in_a_row_are_a_map_from_day_to_spend(story: list[tuple[int, int] | None]) -> None:
    """None: the first day leaves. However large a day or its spend is, the bytes follow from what is there alone."""
    days, wanted = b"", dict[int, int]()
    for one in story:
        if one is not None:
            day, spend = one
            days, wanted[day] = with_spend(days, day, spend), wanted.get(day, 0) + spend
            wanted = {day: left for day, left in wanted.items() if left}
        elif wanted:
            days, spend = without_first(days)
            assert spend == wanted.pop(min(wanted))
        assert each(days) == sorted(wanted.items())
        assert first_of(days) == min(wanted, default=None)
        assert days == packed(sorted(wanted.items()))


@SAVE
@given(rules, steps)
def test_a_strict_return_leaves_every_purchase_in_the_level_of_the_baskets_that_are_left(
    rule: TierRule, story: list[tuple[str, int, int, int]]
) -> None:
    """A penny earns one point more for each level, so a lot tells its purchase's level."""
    bought: list[tuple[str, date, int]] = []
    day = date(2026, 1, 20)
    with patch.object(places, "CHUNK", 3):
        world = World(written(rule))
        for number, (verb, later, amount, which) in enumerate(story):
            day += later * DAY
            when = f"{day}T12:{number:02d}"
            if verb == "back" and bought:
                place = which % len(bought)
                name, origin, left = bought[place]
                minor = min(amount, left)
                world.tell(f"{when} back f{number} of {name} {minor / 100:.2f}")
                bought[place] = name, origin, left - minor
            elif verb == "buy":
                world.tell(f"{when} buy f{number} {amount / 100:.2f}")
                bought.append((f"f{number}", day, amount))
        found = {lot[3].removeprefix("p:"): lot[4] for lot in world.simulation.lots(MEMBER)} if bought else {}
    wanted = {}
    for place, (name, origin, left) in enumerate(bought):
        oracle = Oracle(rule)
        for _, earlier, minor in bought[:place]:
            oracle.add(earlier, minor, earlier)
        wanted[name] = left * (1 + oracle.level(origin))
    assert found == {name: points for name, points in wanted.items() if points}
