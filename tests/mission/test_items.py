"""Rules for named items (M13): a new cup gives points, a certain lamp is cheaper, whatever their categories."""

from __future__ import annotations

import pytest

from tests.drivers.facts import World
from tests.drivers.prices import Till

PROGRAMME = """
programme: items
version: items-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
price:
  - {id: lamp, percent_off: {percent: 10, items: [l-7]}}
rules:
  - {id: cup, bonus: {points: 50, each: unit, items: [c-1, c-2]}}
  - {id: red, share: {points: 1, per_minor: 100, only: [wine], items: [w-1, c-1]}}
  - {id: tenth, stamps: {every: 3, unit: free-cup, items: [c-1]}}
  - {id: cheaper, price_guarantee: {items: [l-7]}}
"""


@pytest.mark.parametrize(
    ("basket", "points"),
    [
        ("1*c-1=5.00", 50),
        ("2*c-2/mugs=10.00 1*c-3/mugs=5.00", 100),
        ("1*w-1/wine=12.00 1*w-2/wine=30.00", 12),
        ("1*w-1/beer=12.00", 0),  # of the item, and not of the category
        ("1*c-1/wine=7.00", 50 + 7),
    ],
)
def test_a_line_counts_by_its_item(basket: str, points: int) -> None:
    world = World(PROGRAMME)
    world.tell(f"2026-03-01 buy A {basket}")
    assert world.member().available == points


def test_what_comes_back_takes_back_what_its_item_gave() -> None:
    world = World(PROGRAMME)
    world.tell("2026-03-01 buy A 3*c-1=15.00 1*c-2=4.00")
    assert (world.member().available, world.member().units) == (200, {"free-cup": 1})
    world.tell("2026-03-02 back b of A 1*c-1=5.00")
    assert (world.member().available, world.member().units) == (150, {})


def test_a_find_is_credited_for_the_item_alone() -> None:
    world = World(PROGRAMME)
    world.tell("2026-03-01 buy A 1*l-7=40.00 1*l-8=40.00")
    world.tell("2026-03-02 found f1 of A l-8=30.00")
    assert world.member().available == 0
    world.tell("2026-03-02 found f2 of A l-7=30.00")
    assert world.member().available == 1000


def test_a_price_is_for_the_item_alone() -> None:
    assert Till(PROGRAMME).pays("2026-03-01 1*l-7/lamps=40.00 1*l-8/lamps=40.00") == 3600 + 4000
