"""M17, charity: 1 % of a purchase to a cause, which has an account like a member's; and points given."""

from __future__ import annotations

import pytest

from tests.drivers.facts import World

PROGRAMME = """
programme: charity
version: charity-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
points_decimals: 2
rules:
  - {id: cause, share: {points: 1, per_minor: 100, to: red-cross}}
  - {id: mine, share: {points: 100, per_minor: 1000}}
"""


@pytest.mark.parametrize("late", [False, True])
def test_one_per_cent_of_a_purchase_goes_to_the_cause_and_comes_back_with_the_goods(late: bool) -> None:
    """123.45 give 1.23; 100.00 brought back leave 23.45, of which 1 % is 0.23 (rounded down once). In any order."""
    world = World(PROGRAMME)
    story = ["2026-03-01 buy A 1*coat=100.00 1*scarf=23.45", "2026-03-02 back b of A 1*coat=100.00"]
    if late:
        story.reverse()
    world.tell(story[0])
    if not late:
        assert world.member("red-cross").available == 123
        assert world.member().available == 1234  # the member's own points are untouched
    world.tell(story[1])
    assert (world.member("red-cross").available, world.member().available) == (23, 234)


def test_the_cause_has_what_all_give() -> None:
    world = World(PROGRAMME)
    world.tell("2026-03-01 buy A 100.00")
    world.tell("2026-03-02 buy B 50.00", "bob")
    assert world.member("red-cross").available == 150


def test_a_member_gives_500_points_to_the_cause() -> None:
    """Points are hundredths here: 800.00 earn 8,000, of which 500 are given."""
    world = World(PROGRAMME)
    world.tell("2026-03-01 buy A 800.00")
    world.tell("2026-03-02 transfer t 500 to red-cross")
    assert (world.member().available, world.member("red-cross").available) == (7500, 800 + 500)
