"""A voucher for every 100 points, drawn from the lots: given, taken back unused, and kept when it was used."""

from __future__ import annotations

from tests.drivers.rating import Rating

PROGRAMME = """
programme: vouchers
version: vouchers-1
effective_from: 2020-01-01T00:00:00Z
currency: GBP
rules:
  - id: base
    share: {points: 1, per_minor: 100}
  - id: voucher
    voucher: {per_points: 100, unit: voucher-5}
"""


def test_a_voucher_for_every_hundred() -> None:
    """70 and 90 points are 160: one voucher, whose 100 are drawn; 140 more are 300 in all: three."""
    rules = Rating(PROGRAMME)
    rules.tell("2026-03-10 buy A 70.00")
    assert rules.units() == {"pts": 70}
    rules.tell("2026-03-11 buy B 90.00")
    assert (rules.units(), rules.lots()) == ({"pts": 60, "voucher-5": 1}, {"A": 70, "B": 90, "-voucher-5": -100})
    rules.tell("2026-03-12 buy C 140.00")
    assert rules.units() == {"voucher-5": 3}


def test_an_unused_voucher_is_taken_back_by_a_return() -> None:
    """160 less 90: 70 are left, no voucher, and its draw is undone."""
    rules = Rating(PROGRAMME)
    rules.tell("2026-03-10 buy A 70.00")
    rules.tell("2026-03-11 buy B 90.00")
    rules.tell("2026-03-12 back b1 of B 90.00")
    assert (rules.units(), rules.lots()) == ({"pts": 70}, {"A": 70})


def test_a_used_voucher_stays_and_what_is_earned_next_repays_it() -> None:
    """The voucher was used: its 100 stay drawn, 70 are left to cover them, 30 are owed. 80 more make 150 in all: the
    one voucher that was used; 50 more make 200: a second one."""
    rules = Rating(PROGRAMME)
    rules.tell("2026-03-10 buy A 70.00")
    rules.tell("2026-03-11 buy B 90.00")
    rules.tell("2026-03-11 use u1 voucher-5")
    assert rules.units() == {"pts": 60}
    rules.tell("2026-03-12 back b1 of B 90.00")
    assert (rules.units(), rules.lots()) == ({"pts": -30}, {"A": 70, "-voucher-5": -100})
    rules.tell("2026-03-13 buy C 80.00")
    assert rules.units() == {"pts": 50}
    rules.tell("2026-03-14 buy D 50.00")
    assert rules.units() == {"voucher-5": 1}


def test_another_things_use_is_no_voucher() -> None:
    rules = Rating(PROGRAMME)
    rules.tell("2026-03-10 buy A 100.00")
    assert rules.tell("2026-03-11 use u1 voucher-10") == []


def test_points_given_by_hand_count_as_well() -> None:
    programme = PROGRAMME.replace("  - id: voucher\n", "  - id: hand\n    adjustment: {}\n  - id: voucher\n")
    rules = Rating(programme)
    rules.tell("2026-03-10 adjust a1 120")
    assert rules.units() == {"pts": 20, "voucher-5": 1}
