"""Lots out of the way: what time opens, and what comes back from pages whose bounds overlap."""

from __future__ import annotations

import pytest

from services.book.member import decode, encode
from tests.drivers.facts import MEMBER, World

PROGRAMME = """
programme: pages
version: pages-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
rules:
  - {id: base, share: {points: 1, per_minor: 100, valid_months: 1}}
"""


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of two lots, one of them near, behind three lots that lie open."""
    monkeypatch.setattr("services.book.pages.HOT_LOTS_MAX", 3)
    monkeypatch.setattr("services.book.pages.PAGE_LOTS", 2)
    monkeypatch.setattr("services.book.pages.NEAR_PAGES", 1)


def tell(world: World, line: str) -> None:
    """With the member read from its row, as one who is not cached."""
    world.tell(line)
    world.simulation.members[MEMBER] = decode(MEMBER, encode(world.member()))


def test_a_sale_after_pages_have_ended() -> None:
    """Twenty times 9 points in March, which end with the days of April; 5 more in May."""
    world = World(PROGRAMME)
    for day in range(1, 21):
        tell(world, f"2026-03-{day:02d} buy p{day:02d} 9.00")
    assert world.member().available == 180
    tell(world, "2026-05-02 buy last 5.00")
    assert (world.member().available, world.member().expired) == (5, 180)


def test_a_return_finds_its_lot_in_whichever_page_it_is() -> None:
    """What a cancelled redemption gives back is sealed together with what is newest: two pages are around the fifth lot
    besides its own."""
    world = World(PROGRAMME)
    for day in range(1, 14):
        tell(world, f"2026-03-{day:02d} buy p{day:02d} 9.00")
    tell(world, "2026-03-14 redeem r1 27")
    tell(world, "2026-03-15 void v1 of r1")
    tell(world, "2026-03-16 buy p16 9.00")
    tell(world, "2026-03-17 back b1 of p05 9.00")
    left = [lot[3] for lot in world.simulation.lots(MEMBER)]
    assert left == [f"p:p{day:02d}" for day in (1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 16)]
