"""M21, the price guarantee: found cheaper elsewhere within 14 days, the difference is credited."""

from __future__ import annotations

import pytest

from tests.drivers.facts import World

PROGRAMME = """
programme: guarantee
version: guarantee-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - {id: cheaper, price_guarantee: {within_days: 14, only: [electronics]}}
"""
BOUGHT = "2026-03-01 buy A 1*radio/electronics=90.00 2*lamp/electronics=50.00 1*tea=5.00"


@pytest.mark.parametrize("late", [False, True])
def test_the_difference_is_credited_a_point_for_a_penny(late: bool) -> None:
    """90.00 paid, 80.00 elsewhere on the 14th day: 10.00. In any order of arrival."""
    world = World(PROGRAMME)
    story = [BOUGHT, "2026-03-15 found f1 of A radio=80.00"]
    for line in reversed(story) if late else story:
        world.tell(line)
    assert (world.member().available, world.lots()) == (1000, {"g:f1": 1000})


def test_the_fifteenth_day_is_too_late_and_dearer_is_no_find() -> None:
    world = World(PROGRAMME)
    world.tell_all(f"""
        {BOUGHT}
        2026-03-16 found f1 of A radio=80.00
        2026-03-10 found f2 of A radio=95.00
        2026-03-10 found f3 of A tea=1.00
        2026-03-10 found f4 of A sofa=1.00
    """)
    assert world.member().available == 0


def test_of_two_finds_the_better_counts() -> None:
    """80.00 is 10.00 less; 75.00 is 5.00 more than that; 85.00 adds nothing."""
    world = World(PROGRAMME)
    world.tell_all(f"""
        {BOUGHT}
        2026-03-03 found f1 of A radio=80.00
        2026-03-05 found f2 of A radio=75.00
        2026-03-06 found f3 of A radio=85.00
    """)
    assert world.lots() == {"g:f1": 1000, "g:f2": 500}


def test_one_of_two_units() -> None:
    """Two lamps for 50.00 are 25.00 each: one for 20.00 elsewhere is 5.00, both for 40.00 are 10.00."""
    world = World(PROGRAMME)
    world.tell(BOUGHT)
    world.tell("2026-03-03 found f1 of A 1*lamp=20.00")
    assert world.member().available == 500
    world.tell("2026-03-04 found f2 of A 2*lamp=40.00")
    assert world.member().available == 1000


def test_what_comes_back_takes_its_credit_with_it() -> None:
    """Of two lamps credited with 10.00 one comes back: 5.00 stay. The radio comes back: its 10.00 go."""
    world = World(PROGRAMME)
    world.tell_all(f"""
        {BOUGHT}
        2026-03-03 found f1 of A 2*lamp=40.00
        2026-03-03 found f2 of A radio=80.00
        2026-03-04 back b1 of A 1*lamp=25.00
        2026-03-05 back b2 of A 1*radio=90.00
    """)
    assert world.lots() == {"g:f1": 500}
    world.tell("2026-03-06 back b3 of A 1*lamp=25.00")
    assert (world.member().available, world.member().debt) == (0, 0)
