"""The first fact after a version that takes vouchers over: what both undo lies in draws one below the other."""

from __future__ import annotations

from tests.drivers.facts import World

PROGRAMME = """
programme: vouchers
version: vouchers-%d
effective_from: %s
currency: GBP
rules:
  - {id: base, share: {points: 1, per_minor: 100}}
  - {id: gift, %svoucher: {per_points: %d, unit: gift}}
"""


def test_a_return_goes_on_where_the_version_that_begins_before_it_has_stopped() -> None:
    """Of 440 points 420 are 7 vouchers of 60, drawn as 60 and 360. By vouchers of 150 they are 2: 120 come back. With
    the lamp's 360 gone, 80 are none: the other 300 come back, of both draws."""
    world = World(
        PROGRAMME % (1, "2020-01-01T00:00:00Z", "", 60),
        PROGRAMME % (2, "2026-02-15T00:00:00Z", "revision: 2, carry: migrate, ", 150),
    )
    world.tell("2026-01-01 buy A 80.00")
    world.tell("2026-01-02 buy B lamp=360.00")
    assert (world.member().available, world.member().units) == (20, {"gift": 7})
    world.tell("2026-02-16 back R of B lamp=360.00")
    assert (world.member().available, world.member().debt, world.member().units) == (80, 0, {})
