"""Cells of long ago are out of the hot row, and what comes back late finds them all the same. Counted by hand."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.book.member import encode
from tests.drivers.facts import World

PROGRAMME = """
programme: long
version: long-1
effective_from: 2024-01-01T00:00:00Z
currency: GBP
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: cap, cap: {points: 10, per: day, of: [base]}}
  - {id: often, visits: {every: 5, points: 3}}
  - {id: cheaper, price_guarantee: {within_days: 366, per_minor: 100}}
"""
SECOND = (
    PROGRAMME.replace("long-1", "long-2")
    .replace("2024-01-01", "2026-01-01")
    .replace("{id: cap, cap: {points: 10,", "{id: cap, revision: 1, carry: migrate, cap: {points: 11,")
)
FIRST_DAY = date(2024, 1, 1)


def day(number: int) -> str:
    return (FIRST_DAY + timedelta(number)).isoformat()


def two_years(*programmes: str) -> World:
    """Two purchases on each of 730 days: 8.00 in the morning, 7.00 later; of the 15 points 5 are cut."""
    world = World(*programmes)
    for number in range(730):
        world.tell(f"{day(number)}T09:00 buy a{number} 8.00")
        world.tell(f"{day(number)}T15:00 buy b{number} 7.00")
    return world


@pytest.fixture(scope="module")
def world() -> World:
    return two_years(PROGRAMME)


def test_two_years_leave_a_small_row_and_a_late_return_finds_its_day(world: World) -> None:
    member = world.member()
    rounds = 22 * 6 + 2 * 5  # of five days in each month; two Februaries have 28 and 29, the last December 30
    assert member.live == 730 * 10 + 3 * rounds
    hot = {rule: len(cells) for rule, cells in member.cells.items()}
    assert (hot["cap@0"] <= 24, hot["often@0"] <= 24, hot["cheaper@0"] <= 2 * 24) == (True, True, True)
    assert len(encode(member)) < 8_192
    before = member.live
    world.tell("2026-01-05 back r1 of a3 8.00")  # 7 are left of that day, below the cap
    assert member.live == before - 3
    world.tell("2026-01-05 back r2 of b3 7.00")  # its visit goes too: 30 days, no round less
    assert member.live == before - 10
    world.tell("2026-01-05 back r3 of a700 1.00")  # of 14 points still 10
    assert member.live == before - 10
    world.tell(f"{day(300)}T20:00 found f1 of a10 3.00")  # late, and cheaper by 5.00
    assert member.live == before - 10 + 5
    assert world.counts_again()


def test_a_version_takes_over_what_lies_on_shelves() -> None:
    """From 10 a day to 11: a point for each of the 730 days, at the second version's own instant."""
    one, both = two_years(PROGRAMME), two_years(PROGRAMME, SECOND)
    one.until("2026-01-10")
    both.until("2026-01-10")
    assert both.member().live - one.member().live == 730
    both.tell("2026-01-11 back r1 of a3 8.00")  # 11 of that day before, 7 now
    assert both.member().live - one.member().live == 730 - 4
    assert both.counts_again()
