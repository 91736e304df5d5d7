"""Points for coming often: 50 for every three days of a month with a purchase of 5.00 or more."""

from __future__ import annotations

import itertools

import pytest

from events.values import millis
from tests.drivers.facts import World

PROGRAMME = """
programme: visits
version: visits-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - {id: often, visits: {every: 3, points: 50, from_minor: 500}}
"""
THREE = ["2026-03-02 buy A 5.00", "2026-03-09 buy B 8.00", "2026-03-20 buy C 5.00"]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_three_days_are_a_round_in_any_order(order: tuple[int, ...]) -> None:
    """It is complete on 20 March."""
    world = World(PROGRAMME)
    for number in order:
        world.tell(THREE[number])
    (lot,) = world.member().lots
    assert (lot[1], lot[4]) == (millis("2026-03-20T00:00:00Z"), 50)


def test_two_receipts_of_a_day_small_ones_and_another_month_are_no_visit_more() -> None:
    world = World(PROGRAMME)
    world.tell_all("""
        2026-03-02 buy A 5.00
        2026-03-02T15:00 buy A2 50.00
        2026-03-09 buy B 8.00
        2026-03-10 buy S 4.99
        2026-04-01 buy C 5.00
    """)
    assert world.member().available == 0
    world.tell("2026-03-31 buy D 5.00")
    assert world.member().available == 50


def test_a_day_counts_as_long_as_one_of_its_receipts_has_something_left() -> None:
    world = World(PROGRAMME)
    world.tell_all("\n".join([*THREE, "2026-03-20T15:00 buy C2 6.00", "2026-03-21 back b1 of C 5.00"]))
    assert world.member().available == 50
    world.tell("2026-03-22 back b2 of C2 1.01")
    assert (world.member().available, world.member().debt) == (0, 0)
    world.tell("2026-03-23 buy D 5.00")
    assert world.member().available == 50
