"""Receipts of a member whose needs are told by their worth: what time moves before them counts all the same."""

from __future__ import annotations

import pytest

from tests.drivers.facts import World

PROGRAMME = """
programme: vouchers
version: vouchers-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
tier: {levels: [{name: silver, from_minor: 10000}], window_months: 1}
rules:
  - {id: base, share: {points: 1, per_minor: 100, tier_percent: [100, 200]}}
  - {id: voucher, voucher: {per_points: 100, unit: five-off}}
"""
DEARER = PROGRAMME.replace("vouchers-1", "vouchers-2").replace("2020-01-01", "2026-04-01").replace("100, 200", "300")
NEXT = [
    # silver until 10 April: 20.00 are 40 beside the 20 that are left
    ("2026-04-10 buy B 20.00", 20 + 40, 1),
    ("2026-04-11T00:00 buy B 20.00", 20 + 20, 1),
    # 50.00 of what gave 120: 70 are left, and the voucher is gone with its draw
    ("2026-04-12 back r of A 50.00", 70, 0),
]


def stands(world: World) -> tuple[int, int]:
    member = world.simulation.members["ann"]
    return member.available, member.units.get("five-off", 0)


@pytest.mark.parametrize(("line", "points", "vouchers"), NEXT)
def test_the_level_is_that_of_the_receipts_own_instant(line: str, points: int, vouchers: int) -> None:
    world = World(PROGRAMME)
    world.tell("2026-03-10 buy A 120.00")
    assert stands(world) == (20, 1)
    world.tell(line)
    assert stands(world) == (points, vouchers)


def test_the_version_is_that_of_the_receipts_own_instant() -> None:
    """A later version's 3 for a pound, and what comes back by the earlier one's 1."""
    world = World(PROGRAMME, DEARER)
    world.tell("2026-03-10 buy A 120.00")
    world.tell("2026-04-11 buy B 10.00")
    assert stands(world) == (20 + 30, 1)
    world.tell("2026-04-12 back r of A 50.00")
    assert stands(world) == (150 - 50 - 100, 1)


def test_cells_are_counted_once() -> None:
    """120, 40, 40 and 60 are 260: a voucher with the first receipt, and one with the last."""
    world = World(PROGRAMME)
    world.tell("2026-03-10 buy A 120.00")
    for number, amount in enumerate(("40.00", "40.00", "60.00")):
        world.tell(f"2026-05-1{number} buy B{number} {amount}")
    assert stands(world) == (120 + 140 - 200, 2)
