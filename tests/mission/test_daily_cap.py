"""A cap on the points of a day, by the store's own day; a cut lands on the lot that was cut."""

from __future__ import annotations

from tests.drivers.rating import Rating

PROGRAMME = """
programme: capped
version: capped-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
zone: Europe/London
stores:
  s-auckland: {zone: Pacific/Auckland}
rules:
  - id: base
    share: {points: 1, per_minor: 100}
  - id: cap
    daily_cap: {points: 150}
"""


def test_the_days_last_lot_is_cut_and_a_return_makes_room_again() -> None:
    """100 and 80 on one day, 150 at most: the second gets 50. 60.00 of the first come back: 40 are left, so the second
    has room for all of its 80."""
    rules = Rating(PROGRAMME)
    rules.tell("2026-03-10T10:00 buy A 100.00")
    rules.tell("2026-03-10T11:00 buy B 80.00")
    assert rules.lots() == {"A": 100, "B": 50}
    rules.tell("2026-04-01 back b1 of A 60.00")
    assert rules.lots() == {"A": 40, "B": 80}


def test_goods_of_the_cut_lot_that_come_back_leave_nothing_behind() -> None:
    """A cap that kept a sum would leave the first lot at 100 less the return of 80, and B at -30."""
    rules = Rating(PROGRAMME)
    rules.tell("2026-03-10T10:00 buy A 100.00")
    rules.tell("2026-03-10T11:00 buy B 80.00")
    rules.tell("2026-03-11 back b1 of B 80.00")
    assert rules.lots() == {"A": 100}
    rules.tell("2026-03-11 back b2 of A 100.00")
    assert (rules.lots(), rules.cells) == ({}, {})


def test_the_day_is_the_stores_own() -> None:
    """10:30 and 11:30 UTC of 10 March are 23:30 of that day and 00:30 of the next in Auckland: two days, no cut.
    In London they are one."""
    there, here = Rating(PROGRAMME), Rating(PROGRAMME)
    for line in ("2026-03-10T10:30 buy A 100.00", "2026-03-10T11:30 buy B 80.00"):
        there.tell(line, store="s-auckland")
        here.tell(line, store="s-london")
    assert there.lots() == {"A": 100, "B": 80}
    assert here.lots() == {"A": 100, "B": 50}


def test_a_purchase_that_comes_late_takes_its_place_in_the_day() -> None:
    """B was rated alone; A, bought before it, takes 100 of the day's 150, whatever came first."""
    rules = Rating(PROGRAMME)
    rules.tell("2026-03-10T11:00 buy B 80.00")
    rules.tell("2026-03-10T10:00 buy A 100.00")
    assert rules.lots() == {"A": 100, "B": 50}
