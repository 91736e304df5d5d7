"""M02, points expire, and breakage is counted: granted in May for the next month, unused on 30 June, gone on 1 July."""

from __future__ import annotations

from tests.drivers.facts import World

PROGRAMME = """
programme: expiry
version: expiry-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
rules:
  - {id: month, ladder: {per_minor: 100, steps: [{from_minor: 0, points: 1}]}}
  - {id: base, share: {points: 1, per_minor: 1000, valid_months: 1}}
"""


def test_mays_points_are_for_june_and_what_is_unused_is_breakage() -> None:
    """300.00 in May: 300 points for June. 100 are spent in June; 200 end with 30 June, London time."""
    world = World(PROGRAMME)
    world.tell("2026-05-12 buy A 300.00")
    world.until("2026-05-31T22:59:59")
    assert (world.member().available, world.member().pending) == (30, 300)
    world.until("2026-05-31T23:00:00")
    assert (world.member().available, world.member().pending) == (330, 0)
    world.until("2026-06-12T23:00:00")  # 30 by the share end with 12 June
    assert (world.member().available, world.member().expired) == (300, 30)
    world.tell("2026-06-20 redeem q 100")
    world.until("2026-06-30T22:59:59")
    assert world.member().available == 200
    world.until("2026-06-30T23:00:00")
    assert (world.member().available, world.member().spent, world.member().expired) == (0, 100, 230)


def test_points_of_the_last_of_may_end_with_the_last_of_june() -> None:
    world = World(PROGRAMME)
    world.tell("2026-05-31 buy A 100.00")
    world.until("2026-06-30T22:59:59")
    assert world.lots()["A"] == 10
    world.until("2026-06-30T23:00:00")
    assert "A" not in world.lots()
