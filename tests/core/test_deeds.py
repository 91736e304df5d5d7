"""What rules give beside baskets, through the whole book: joining, points by hand, things; and what is refused."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from services.book import pages
from tests.drivers.facts import World, fact

BASE = """
programme: deeds
version: deeds-%d
effective_from: %s
currency: GBP
zone: Europe/London
%srules:
  - {id: base, share: {points: 1, per_minor: 100, valid_months: 12}}
  - {id: hello, welcome: {points: 50}}
  - {id: by-hand, adjustment: {}}
%s"""
FIRST = BASE % (1, "2020-01-01T00:00:00Z", "", "")


def by_hand(name: str, day: str, points: int) -> dict[str, object]:
    return {"type": "adjusted", "id": name, "occurred_at": f"{day}T12:00:00Z", "points": points,
            "reason": "a mistake at the till", "actor": "support-1"}  # fmt: skip


def test_joining_is_worth_points_once_in_any_order() -> None:
    for order in (("2026-01-02", "2026-01-01"), ("2026-01-01", "2026-01-02")):
        world = World(FIRST)
        for day in order:
            world.tell(f"{day} enrol e{day[-1]}")
        assert (world.member().available, world.lots()) == (50, {"welcome": 50})


def test_points_by_hand_are_a_lot_or_a_draw() -> None:
    """30 given, 20 of 100 taken: in spending order, so from the lot that ends first."""
    world = World(FIRST)
    world.tell("2026-01-01 buy A 100.00")
    world.simulation.add(fact(**by_hand("a1", "2026-01-02", 30)))
    world.simulation.add(fact(**by_hand("a2", "2026-01-03", -20)))
    world.member().check()
    assert world.lots() == {"A": 80, "a:a1": 30}
    assert (world.member().issued, world.member().reversed) == (130, 20)


@pytest.mark.parametrize("end", ["2026-01-01T12:00:00Z", "2026-01-02T12:00:00Z"], ids=["yesterday", "this instant"])
def test_points_by_hand_that_have_ended_already_expire_at_once(end: str) -> None:
    world = World(FIRST)
    world.simulation.add(fact(**by_hand("a1", "2026-01-02", 30), expires_at=end))
    world.tell("2026-01-03 buy A 10.00")
    world.member().check()
    assert world.lots() == {"A": 10}
    assert (world.member().issued, world.member().expired) == (40, 30)


def test_points_taken_by_hand_reach_into_pages_of_lots() -> None:
    """Three lots of 10, of which the hot row holds one: 25 taken leave 5 of the last."""
    with patch.multiple(pages, HOT_LOTS_MAX=2, PAGE_LOTS=2):
        world = World(FIRST)
        world.tell_all("""
            2026-01-01 buy A 10.00
            2026-01-02 buy B 10.00
            2026-01-03 buy C 10.00
        """)
        assert world.member().pages
        world.simulation.add(fact(**by_hand("a1", "2026-01-04", -25)))
        world.member().check()
        assert world.member().available == 5


def test_a_free_thing_is_counted_in_units_and_used() -> None:
    """Three coffees make one free; it is used; one coffee back, and the card owes one."""
    stamps = FIRST.rstrip() + "\n  - {id: card, stamps: {every: 3, unit: free-coffee, only: [coffee]}}\n"
    world = World(stamps)
    world.tell("2026-01-01 buy A x/coffee=3.00 y/coffee=3.00 z/coffee=3.00")
    assert world.member().units == {"free-coffee": 1}
    world.simulation.add(fact(type="used", id="u1", occurred_at="2026-01-02T12:00:00Z", what="free-coffee"))
    assert world.member().units == {}
