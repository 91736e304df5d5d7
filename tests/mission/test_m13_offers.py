"""M13, personal offers: who buys a laptop gets a card and 1,000 points; a mouse for 190 gets far fewer."""

from __future__ import annotations

import pytest

from tests.drivers.facts import World

PROGRAMME = """
programme: offers
version: offers-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - {id: base, share: {points: 1, per_minor: 1000}}
  - {id: laptop, bonus: {points: 1000, only: [laptop]}}
  - {id: card, gift: {unit: card, only: [laptop]}}
  - {id: ink, bonus: {points: 20, each: unit, only: [ink]}}
  - {id: first, gift: {points: 300, from_minor: 100000, times: 2, valid_months: 1}}
"""


def test_a_laptop_is_a_card_and_a_thousand_points_and_a_mouse_is_not() -> None:
    """900.00 by the base of 1 for 10.00 is 90; the mouse for 190.00 is 19."""
    world = World(PROGRAMME)
    world.tell("2026-03-01 buy A 1*mouse/input=190.00")
    assert (world.member().available, world.member().units) == (19, {})
    world.tell("2026-03-02 buy B 1*book/laptop=900.00")
    assert (world.member().available, world.member().units) == (19 + 90 + 1000, {"card": 1})


def test_a_laptop_that_comes_back_takes_its_bonus_and_its_card() -> None:
    world = World(PROGRAMME)
    world.tell("2026-03-02 buy B 1*book/laptop=900.00 1*mouse/input=90.00")
    assert (world.member().available, world.member().units) == (99 + 1000, {"card": 1})
    world.tell("2026-03-03 back b of B 1*book=900.00")
    assert (world.member().available, world.member().units) == (9, {})


def test_a_bonus_for_each_unit() -> None:
    """Three cartridges are 60 and 4 by the base; one that comes back leaves 40 and 3 (of 30.00)."""
    world = World(PROGRAMME)
    world.tell("2026-03-02 buy B 3*cartridge/ink=45.00")
    assert world.member().available == 64
    world.tell("2026-03-03 back b of B 1*cartridge=15.00")
    assert world.member().available == 43


def test_goods_without_their_receipt_bring_no_gift() -> None:
    """1,000.00 brought back without a receipt take the 100 of the base, and are no purchase; the gift of another one
    stays."""
    world = World(PROGRAMME)
    world.tell("2026-03-01 back b1 1000.00")
    assert (world.member().available, world.member().debt) == (0, 100)
    world = World(PROGRAMME)
    world.tell_all("""
        2026-03-01 buy A 1000.00
        2026-03-02 back b1 1000.00
    """)
    assert (world.member().available, world.member().debt) == (300, 0)


@pytest.mark.parametrize("order", ["ABC", "CBA", "BCA"])
def test_the_first_two_large_purchases_have_a_gift_whatever_came_first(order: str) -> None:
    """300 for each of the first two of 1,000.00 or more, by the day they were bought on, and to the end of the same
    day a month later. The third has one when the first comes back."""
    told = {
        "A": "2026-03-01 buy A 1000.00",
        "B": "2026-03-02 buy B 1000.00",
        "C": "2026-03-03 buy C 1000.00",
    }
    world = World(PROGRAMME)
    for name in order:
        world.tell(told[name])
    assert [lot[4] for lot in world.member().lots] == [300, 300, 100, 100, 100]
    world.tell("2026-03-04 back b of A 1000.00")
    assert [(lot[3], lot[4]) for lot in world.member().lots] == [
        ("p:B", 300), ("p:C", 300), ("p:B", 100), ("p:C", 100),
    ]  # fmt: skip
    world.until("2026-04-03T00:00")
    assert world.member().available == 500  # B's gift ended with 2 April, London time
