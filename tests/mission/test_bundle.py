"""Goods that belong together (M13's cross-sell offer): 20 points for every coffee with a cake."""

from __future__ import annotations

import pytest

from tests.drivers.facts import World

PROGRAMME = """
programme: bundles
version: bundles-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
rules:
  - {id: pair, bundle: {together: [coffee, cake], points: 20, sets: 3}}
"""


@pytest.mark.parametrize(
    ("basket", "points"),
    [
        ("2*latte/coffee=6.00", 0),
        ("2*latte/coffee=6.00 1*tart/cake=4.00", 20),
        ("2*latte/coffee=6.00 1*mocha/coffee=3.00 3*tart/cake=12.00", 60),
        ("9*latte/coffee=27.00 9*tart/cake=36.00", 60),  # three sets at most
        ("1*latte/coffee=3.00 1*tart/cake=0.00", 0),  # what costs nothing is no unit
        ("1*menu/coffee/cake=6.00", 20),  # a line of both is a set by itself
    ],
)
def test_a_set_is_one_of_each(basket: str, points: int) -> None:
    world = World(PROGRAMME)
    world.tell(f"2026-03-01 buy A {basket}")
    assert world.member().available == points


@pytest.mark.parametrize("late", [False, True])
def test_a_set_that_is_broken_up_gives_nothing(late: bool) -> None:
    world = World(PROGRAMME)
    story = ["2026-03-01 buy A 2*latte/coffee=6.00 2*tart/cake=8.00", "2026-03-02 back b of A 1*tart=4.00"]
    for line in reversed(story) if late else story:
        world.tell(line)
    assert world.member().available == 20
    world.tell("2026-03-03 back c of A 2*latte=6.00")
    assert (world.member().available, world.member().debt) == (0, 0)
